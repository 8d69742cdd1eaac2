"""Which clusters a team is in, what is different in some of them, and sizes of a fleet's own."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import Resources
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    parse_team_set,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.objects import team_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.overrides import merged
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.quantities import value_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.capabilities.builders import JsonObject, only

CLUSTERS = ["hub", "eu1", "eu2", "us1"]
FACTS: JsonObject = {
    "groups": {"hub": ["central"], "eu1": ["workers", "europe"], "eu2": ["workers", "europe"], "us1": ["workers"]},
    "labels": {"eu1": {"tier": "edge", "rank": 1}, "eu2": {"tier": "core", "rank": 1}, "us1": {"tier": "edge"}},
}


def fleet(*teams: JsonObject, cluster: str = "hub", **options: t.Any) -> tuple[Team, ...]:
    named = [{"name": "payments", **team} for team in teams]
    raw = {"cluster": cluster, "clusters": CLUSTERS, "cluster_facts": FACTS, "teams": named, **options}
    return parse_team_set(validate_mapping(raw, TEAM_SET_OPTIONS, path=""))


def one(team: JsonObject, *, cluster: str = "hub", **options: t.Any) -> Team:
    return fleet(team, cluster=cluster, **options)[1]


def error_of(team: JsonObject, **options: t.Any) -> str:
    with pytest.raises(InputError) as caught:
        fleet(team, **options)
    return str(caught.value)


# -- where ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("selection", "where"),
    [
        ({}, {"hub", "eu1", "eu2", "us1"}),
        ({"clusters": ["eu1"]}, {"eu1"}),
        ({"cluster_groups": ["europe"]}, {"eu1", "eu2"}),
        ({"cluster_groups": ["europe", "central"]}, {"hub", "eu1", "eu2"}),
        ({"cluster_labels": {"tier": "edge"}}, {"eu1", "us1"}),
        ({"cluster_labels": {"tier": "edge", "rank": "1"}}, {"eu1"}),
        ({"clusters": ["hub"], "cluster_groups": ["europe"], "cluster_labels": {"tier": "edge"}}, set(CLUSTERS)),
    ],
)
def test_clusters_are_selected_by_name_group_or_labels(selection: JsonObject, where: set[str]) -> None:
    assert {name for name in CLUSTERS if one(selection).active_on(name)} == where


@pytest.mark.parametrize(
    ("selection", "error"),
    [
        (
            {"cluster_groups": ["europa"]},
            "teams[0].cluster_groups[0]: no cluster of the fleet is in a group 'europa'; did you mean 'europe'?",
        ),
        ({"cluster_labels": {"tier": "none"}}, "teams[0].cluster_labels: no cluster of the fleet has all of these"),
        ({"clusters": ["eu"]}, "teams[0].clusters[0]: unknown cluster 'eu'"),
        ({"cluster_labels": ["tier"]}, "teams[0].cluster_labels: must be a mapping, found a list"),
    ],
)
def test_a_selection_that_selects_nothing_is_refused(selection: JsonObject, error: str) -> None:
    assert error_of(selection).startswith(error)


# -- what is different ---------------------------------------------------------------------------------------------

OVERRIDES: list[JsonObject] = [
    {"cluster_groups": ["europe"], "size": "large", "prometheus": {"retention": "5d", "limits": {"samples": 5}}},
    {"clusters": ["eu1"], "labels": {"site": "a"}, "prometheus": {"replicas": 1, "limits": {"targets": 6}}},
    {"cluster_labels": {"tier": "edge"}, "alertmanager": {"enabled": False}},
]
BASE: JsonObject = {"labels": {"env": "prod"}, "prometheus": {"retention": "20d"}, "overrides": OVERRIDES}


def shown(team: Team) -> tuple[t.Any, ...]:
    part = team.prometheus
    return part.retention, part.replicas, dict(part.limits.counts), dict(team.labels), team.alertmanager.enabled


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        ("hub", ("20d", 1, {}, {"env": "prod"}, True)),
        ("eu1", ("5d", 1, {"samples": 5, "targets": 6}, {"env": "prod", "site": "a"}, False)),
        ("eu2", ("5d", 2, {"samples": 5}, {"env": "prod"}, True)),
        ("us1", ("20d", 1, {}, {"env": "prod"}, False)),
    ],
)
def test_overrides_are_merged_in_their_order(cluster: str, expected: tuple[t.Any, ...]) -> None:
    here = one(BASE, cluster=cluster)
    assert shown(here) == expected
    # From each of them the way leads to all others: federation asks for a team on another cluster.
    assert all(shown(here.on(name)) == shown(one(BASE, cluster=name)) for name in CLUSTERS)


def test_a_team_may_be_off_in_some_clusters() -> None:
    team = one({"overrides": [{"clusters": ["us1"], "enabled": False}]})
    assert [team.runs_prometheus_on(name) for name in CLUSTERS] == [True, True, True, False]


def test_an_override_counts_only_where_the_team_is() -> None:
    storage = {"prometheus": {"retention_size": "5Gi", "storage": {"size": "10Gi"}}}
    tight = {"cluster_groups": ["europe"], "prometheus": {"storage": {"size": "1Gi"}}}
    assert "teams[0].overrides[0]" in error_of({**storage, "overrides": [tight]})
    assert one({**storage, "clusters": ["us1"], "overrides": [tight]}).on("us1").prometheus.retention_size


@pytest.mark.parametrize(
    ("team", "error"),
    [
        (
            {"overrides": [{"clusters": ["eu1"], "prometheus": {"retention": "5"}}]},
            "teams[0].overrides[0].prometheus.retention: '5' is not a duration",
        ),
        (
            {"overrides": [{"clusters": ["eu1"], "prometheus": {"retenton": "5d"}}]},
            "teams[0].overrides[0].prometheus.retenton: unknown key; did you mean 'retention'?",
        ),
        (
            {"overrides": [{"clusters": ["eu1"], "size": "huge"}]},
            "teams[0].overrides[0].size: unknown size 'huge'; known: large, medium, small (merged for eu1)",
        ),
        # The team's own value does not fit what an override changes elsewhere.
        (
            {
                "prometheus": {"retention_size": "8Gi", "storage": {"size": "10Gi"}},
                "overrides": [
                    {"clusters": ["eu1"], "quota": False},
                    {"clusters": ["eu1", "eu2"], "prometheus": {"storage": {"size": "5Gi"}}},
                ],
            },
            "teams[0].overrides[1]: prometheus.retention_size: 8Gi is more than 85 % of the volume claim",
        ),
        ({"overrides": [{"size": "large"}]}, "teams[0].overrides[0]: needs clusters, cluster_groups or cluster_labels"),
        ({"overrides": [{"clusters": ["eu1"]}]}, "teams[0].overrides[0]: changes nothing; it may have enabled, state"),
        ({"overrides": [{"clusters": ["eu"], "size": "large"}]}, "teams[0].overrides[0].clusters[0]: unknown cluster"),
        ({"overrides": [{"clusters": ["eu1"], "namespace": "x"}]}, "teams[0].overrides[0].namespace: unknown key"),
    ],
)
def test_the_result_is_checked_and_an_error_is_where_the_override_is(team: JsonObject, error: str) -> None:
    assert error_of(team).startswith(error)


def test_an_error_of_the_team_itself_is_reported_once() -> None:
    team = {"prometheus": {"retention": "5"}, "overrides": [{"clusters": ["eu1"], "size": "large"}]}
    assert error_of(team).count("retention") == 1


VALUES = st.recursive(
    st.one_of(st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2)),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


@given(MAPPINGS, MAPPINGS, MAPPINGS)
def test_merging_is_the_same_in_any_grouping_and_changes_no_input(
    one_value: JsonObject, two: JsonObject, three: JsonObject
) -> None:
    before = copy.deepcopy((one_value, two, three))
    step_by_step = merged(merged(one_value, two), three)
    assert merged({}, one_value) == merged(one_value, {}) == merged(one_value, one_value) == one_value
    assert two.items() <= merged(one_value, two).items() or any(isinstance(value, dict) for value in two.values())
    assert step_by_step.keys() == one_value.keys() | two.keys() | three.keys()
    assert (one_value, two, three) == before


# -- sizes --------------------------------------------------------------------------------------------------------


def test_a_fleet_has_sizes_of_its_own() -> None:
    sizes = {"huge": {"prometheus": {"replicas": 3, "cpu": "8", "cpu_limit": "16", "memory": "64Gi"}}}
    team = one({"size": "huge"}, sizes=sizes)
    assert (team.prometheus.replicas, team.prometheus.resources) == (
        3,
        Resources(cpu="8", memory="64Gi", cpu_limit="16"),
    )
    assert (team.alertmanager.replicas, team.alertmanager.resources.memory) == (1, "64Mi")
    # A team that shrinks has pods of its old size for a while.
    small = one({}, sizes=sizes)
    quota = only(team_objects(small, cluster="hub", base_rules=[]), "ResourceQuota")["spec"]["hard"]
    assert value_of(quota["limits.memory"]) >= 3 * value_of("64Gi")


@pytest.mark.parametrize(
    ("sizes", "error"),
    [
        ({"small": {}}, "sizes.small: 'small' is a size of this collection"),
        ({"A": {}}, "sizes.A: 'A' must consist of"),
        ({"a": {"prometheus": {"replicas": 0}}}, "sizes.a.prometheus.replicas: must be from 1 to 9, found 0"),
        ({"a": {"prometheus": {"memory": "1GB"}}}, "sizes.a.prometheus.memory: '1GB' is not a quantity"),
        ({"a": {"grafana": {}}}, "sizes.a.grafana: unknown key"),
        ({"a": 5}, "sizes.a: must be a mapping, found 5"),
    ],
)
def test_a_size_that_cannot_be_is_refused(sizes: JsonObject, error: str) -> None:
    assert error_of({}, sizes=sizes).startswith(error)


def test_settings_of_the_fleet_are_those_of_teams_that_say_nothing() -> None:
    pods = {"image_registry": "mirror.example.com", "run_as": "platform", "image_pull_secrets": ["login"]}
    silent = one({}, pods=pods).pods
    assert (silent.image_registry, silent.run_as, silent.pull_secrets) == ("mirror.example.com", "platform", ("login",))
    own = one({"run_as": "fixed", "image_pull_secrets": []}, pods=pods).pods
    assert (own.image_registry, own.run_as, own.pull_secrets) == ("mirror.example.com", "fixed", ())
    assert error_of({}, pods={"image_registry": "https://x"}).startswith("pods.image_registry: 'https://x' is not")
