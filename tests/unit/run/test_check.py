"""All errors of a role's input at once, each with the path as the user wrote it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.check import find_errors

NOTHING: dict[str, t.Any] = {
    "role": "team_monitoring",
    "known": [],
    "found": [],
    "fleet": None,
    "connection": None,
    "operator": None,
    "teams": None,
    "only": [],
    "platform": None,
    "platform_team": "platform",
    "namespace_prefix": "monitoring-",
    "sources": None,
    "central_team": None,
    "cluster": "hub",
    "clusters": ["hub", "edge"],
}


FLEET: dict[str, t.Any] = {
    "host": "hub",
    "hosts": ["hub", "edge"],
    "clusters": ["hub", "edge"],
    "workers": 1,
    "expected_workers": None,
    "kubeconfig_is_path": True,
}


def errors(**params: t.Any) -> list[str]:
    return find_errors(
        {**NOTHING, **params},
        environ={},
        check_match=lambda text: "is no selector" if text == "bad(" else None,
    )


def test_good_input_has_no_errors() -> None:
    assert not errors(
        teams=[{"name": "pay", "clusters": ["hub"]}],
        platform={},
        sources=[{}, {"team": "pay", "match": ["up"]}],
        operator={},
        connection={"in_cluster": True},
        fleet={**FLEET, "expected_workers": "1"},
        central_team="pay",
        known=["team_monitoring_teams"],
        found=["team_monitoring_teams"],
    )


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (
            {"known": ["team_monitoring_teams"], "found": ["team_monitoring_team"]},
            "team_monitoring_team: unknown variable of the role team_monitoring; did you mean 'team_monitoring_teams'?",
        ),
        ({"teams": [{"name": "a"}, {"name": "a"}]}, "team_monitoring_teams[1].name"),
        ({"teams": [{"name": "a", "retenton": "1d"}]}, "team_monitoring_teams[0].retenton: unknown key"),
        (
            {"teams": [{"name": "a", "clusters": ["hbu"]}]},
            "team_monitoring_teams[0].clusters[0]: unknown cluster 'hbu'",
        ),
        (
            {"teams": [{"name": "a", "prometheus": {"retention": "ten days"}}]},
            "team_monitoring_teams[0].prometheus.retention",
        ),
        ({"teams": [{"name": "pay"}], "only": ["pay", "pya"]}, "team_monitoring_only[1]: unknown team 'pya'"),
        ({"platform": {"size": "huge"}}, "team_monitoring_platform.size"),
        ({"sources": [{"match": ["up", "bad("]}]}, "prometheus_federation_sources[0].match[1]: is no selector"),
        ({"teams": [], "sources": [{"team": "nobody"}]}, "prometheus_federation_sources[0].team"),
        ({"operator": {"log_level": "loud"}, "role": "prometheus_operator"}, "prometheus_operator.log_level"),
        ({"connection": {"kubeconfig": True}}, "connection: kubeconfig is given, but no context"),
        (
            {"teams": [{"name": "pay"}], "central_team": "pya"},
            "prometheus_federation_central_team: unknown team 'pya'; did you mean 'pay'?",
        ),
        ({"fleet": {**FLEET, "host": "far"}}, "far is neither in the group promfleet_central nor in promfleet_workers"),
        (
            {"fleet": {**FLEET, "clusters": ["hub", "hub"]}},
            "promfleet_cluster: each host needs a name of its own, but these are used more than once: hub (hub, edge)",
        ),
        ({"fleet": {**FLEET, "expected_workers": "7"}}, "promfleet_expected_workers: the inventory should have 7 "),
        ({"fleet": {**FLEET, "kubeconfig_is_path": False}}, "promfleet_kubeconfig: must be the path of a file"),
    ],
)
def test_each_error_names_its_place(params: dict[str, t.Any], expected: str) -> None:
    (found,) = errors(**params)
    assert found.startswith(expected)


@pytest.mark.parametrize("expected", [None, "", "1"])
def test_a_fleet_need_not_be_told_its_size(expected: str | None) -> None:
    assert not errors(fleet={**FLEET, "expected_workers": expected})


def test_all_errors_come_at_once() -> None:
    found = errors(found=["team_monitoring_x"], teams=[{"name": "A"}], sources=[{"match": []}], connection={})
    assert len(found) == 4
