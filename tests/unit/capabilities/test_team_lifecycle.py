"""The state of a team's instance: what it changes in the objects, and what cannot be archived."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import STATE_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import parse_teams
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

from tests.unit.capabilities.builders import CLUSTERS, objects_of_team

JsonObject = dict[str, t.Any]

STORED: JsonObject = {
    "prometheus": {"replicas": 2, "storage": {"size": "1Gi"}},
    "alertmanager": {"replicas": 3, "storage": {"size": "1Gi"}},
}
CHANGES: dict[str, JsonObject] = {"paused": {"paused": True}, "archived": {"replicas": 0}}


@pytest.mark.parametrize("state", CHANGES)
def test_a_state_changes_its_field_and_the_mark_of_the_custom_resources_only(state: str) -> None:
    expected = copy.deepcopy(objects_of_team(STORED))
    for obj in expected:
        if obj["kind"] in ("Prometheus", "Alertmanager"):
            obj["spec"].update(CHANGES[state])
            obj["metadata"]["labels"][STATE_LABEL] = state
    assert objects_of_team({**STORED, "state": state}) == expected


def test_an_agent_is_archived_too() -> None:
    part = {"mode": "agent", "storage": {"size": "1Gi"}, "remote_write": [{"name": "a", "url": "https://example.com"}]}
    found = objects_of_team({"prometheus": part, "alertmanager": {"enabled": False}, "state": "archived"})
    (agent,) = [obj for obj in found if obj["kind"] == "PrometheusAgent"]
    assert agent["spec"]["replicas"] == 0


def test_an_override_archives_in_one_cluster() -> None:
    team = {**STORED, "name": "pay", "overrides": [{"clusters": ["edge"], "state": "archived"}]}
    (found,) = parse_teams([team], clusters=CLUSTERS)
    assert [found.runs_prometheus_on(name) for name in CLUSTERS] == [True, False]
    assert [found.scrapes_on(name) for name in CLUSTERS] == [True, True]


def test_data_that_may_be_lost_needs_no_claim() -> None:
    team = {"prometheus": {"storage": {"size": "1Gi"}}, "state": "archived", "archive_may_lose": ["alertmanager"]}
    parts = [obj for obj in objects_of_team(team) if obj["kind"] in ("Prometheus", "Alertmanager")]
    assert [obj["spec"]["replicas"] for obj in parts] == [0, 0]


@pytest.mark.parametrize(
    ("options", "errors"),
    [
        (
            {"state": "archived"},
            [
                "teams[0].alertmanager.storage: is required with state: archived: without a volume claim its silences",
                "teams[0].prometheus.storage: is required with state: archived: without a volume claim its samples",
            ],
        ),
        (
            {**STORED, "alertmanager": {}, "overrides": [{"clusters": ["hub"], "state": "archived"}]},
            ["teams[0].overrides[0]: alertmanager.storage: is required with state: archived"],
        ),
        (
            {**STORED, "state": "archived", "enabled": False},
            ["teams[0].state: must be active with enabled: false, which deletes the instance; found archived"],
        ),
        (
            {"state": "paused", "prometheus": {"enabled": False}, "alertmanager": {"enabled": False}},
            ["teams[0].state: must be active where the team has neither part; found paused"],
        ),
        ({"state": "stopped"}, ["teams[0].state: must be one of"]),
        ({"archive_may_lose": ["grafana"]}, ["teams[0].archive_may_lose[0]: must be one of"]),
        (
            {"prometheus": {"extra_spec": {"paused": True}}},
            ["teams[0].prometheus.extra_spec.paused: is not for extra_spec: it is decided by the team's state"],
        ),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_place(options: JsonObject, errors: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        parse_teams([{"name": "pay", **options}], clusters=CLUSTERS)
    found = str(caught.value)
    assert all(error in found for error in errors), found
