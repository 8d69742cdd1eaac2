"""All errors of a role's input at once, each with the path as the user wrote it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.check import look_at

NOTHING: dict[str, t.Any] = {
    "role": "team_monitoring",
    "options": None,
    "variables": None,
    "found": [],
    "fleet": None,
    "connection": None,
}
PLACE: dict[str, t.Any] = {"cluster": "hub", "clusters": ["hub", "edge"]}
FLEET: dict[str, t.Any] = {
    "host": "hub",
    "hosts": ["hub", "edge"],
    "clusters": ["hub", "edge"],
    "workers": 1,
    "expected_workers": None,
    "kubeconfig_is_path": True,
    "centrals": ["hub"],
    "regions": {},
    "region_hosts": [],
}


def errors(*, capabilities: t.Any = None, **params: t.Any) -> list[str]:
    return look_at({**NOTHING, "capabilities": capabilities, **params}, environ={}).errors


def errors_of(capability: str, **options: t.Any) -> list[str]:
    return errors(capabilities={capability: {**({} if capability == "operator" else PLACE), **options}})


def test_good_input_has_no_errors() -> None:
    teams = [{"name": "pay", "clusters": ["hub"]}]
    assert not errors(
        connection={"in_cluster": True},
        fleet={**FLEET, "expected_workers": "1"},
        options={"team_monitoring_teams": {"type": "list"}},
        found=["team_monitoring_teams"],
        capabilities={
            "operator": {},
            "teams": {**PLACE, "teams": teams, "platform": {}, "prune": "yes"},
            "federation-source": {**PLACE, "teams": teams, "sources": [{}, {"team": "pay", "match": ["up"]}]},
            "federation": {**PLACE, "teams": teams, "central_team": "pay"},
        },
    )


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (
            {"options": {"team_monitoring_teams": {}}, "found": ["team_monitoring_team"]},
            "team_monitoring_team: unknown variable of the role team_monitoring; did you mean 'team_monitoring_teams'?",
        ),
        (
            {"options": {"team_monitoring_prune": {"type": "bool"}}, "variables": {"team_monitoring_prune": "perhaps"}},
            "team_monitoring_prune: must be true or false, found 'perhaps'",
        ),
        ({"connection": {"kubeconfig": True}}, "connection: kubeconfig is given, but no context"),
        ({"fleet": {**FLEET, "host": "far"}}, "far is neither in the group promfleet_central nor in promfleet_workers"),
        (
            {"fleet": {**FLEET, "clusters": ["hub", "hub"]}},
            "promfleet_cluster: each host needs a name of its own, but these are used more than once: hub (hub, edge)",
        ),
        ({"fleet": {**FLEET, "clusters": ["hub", "a b"]}}, "promfleet_cluster: 'a b' must consist of letters"),
        ({"fleet": {**FLEET, "expected_workers": "7"}}, "promfleet_expected_workers: the inventory should have 7 "),
        (
            {"fleet": {**FLEET, "fleet": "default", "confirmed_fleet": "none"}},
            "promfleet_confirmed_fleet: 'none' was confirmed, and the fleet of this inventory is 'default'. Nothing",
        ),
        (
            {"fleet": {**FLEET, "regions": {"promfleet_region_eu": []}}},
            "promfleet_region_eu: has no central; make a group",
        ),
        ({"fleet": {**FLEET, "kubeconfig_is_path": False}}, "promfleet_kubeconfig: must be the path of a file"),
        ({"capabilities": {"team": {}}}, "capabilities.team: unknown capability; did you mean 'teams'?"),
        ({"capabilities": ["teams"]}, "capabilities: must be a mapping"),
    ],
)
def test_each_error_names_its_place(params: dict[str, t.Any], expected: str) -> None:
    (found,) = errors(**params)
    assert found.startswith(expected)


@pytest.mark.parametrize(
    ("capability", "options", "expected"),
    [
        (
            "teams",
            {"teams": [{"name": "a"}, {"name": "a"}]},
            "team_monitoring_teams[1].name: 'a' is the name of team_monitoring_teams[0] too",
        ),
        (
            "teams",
            {"teams": [{"name": "a", "namespaces": ["x"]}, {"name": "b", "namespaces": ["x"]}]},
            "team_monitoring_teams[1].namespaces[0]: namespace 'x' belongs to team 'a' (team_monitoring_teams[0].names",
        ),
        ("teams", {"teams": [{"name": "a", "retenton": "1d"}]}, "team_monitoring_teams[0].retenton: unknown key"),
        (
            "teams",
            {"teams": [{"name": "a", "clusters": ["hbu"]}]},
            "team_monitoring_teams[0].clusters[0]: unknown cluster 'hbu'",
        ),
        (
            "teams",
            {"teams": [{"name": "a", "prometheus": {"retention": "ten days"}}]},
            "team_monitoring_teams[0].prometheus.retention",
        ),
        ("teams", {"teams": "none"}, "team_monitoring_teams[0]: must be a mapping, found 'none'"),
        ("teams", {"teams": [{"name": "pay"}], "only": ["pay", "pya"]}, "team_monitoring_only[1]: unknown team 'pya'"),
        ("teams", {"platform": {"size": "huge"}}, "team_monitoring_platform.size"),
        ("teams", {"platform_team": "A B"}, "promfleet_platform_team: 'A B' must consist of"),
        ("teams", {"prune": "perhaps"}, "team_monitoring_prune: must be true or false, found 'perhaps'"),
        ("teams", {"prune_max_percent": "some"}, "team_monitoring_prune_max_percent: must be a whole number"),
        (
            "federation-source",
            {"sources": [{"match": ["up", "bad("]}]},
            "prometheus_federation_sources[0].match[1]: 'bad(' is not understood as PromQL",
        ),
        ("federation-source", {"sources": [{"team": "nobody"}]}, "prometheus_federation_sources[0].team: unknown team"),
        # What is exposed how is not known then: nothing more is said about its ports.
        (
            "federation-source",
            {"sources": [{"expose": "nodeport", "node_port": 30000}]},
            "prometheus_federation_sources[0].expose: must be one of LoadBalancer, NodePort, Existing",
        ),
        (
            "federation-source",
            {"teams": [{"name": "pay", "prometheus": {"replicas": 12}}], "sources": [{"team": "pay"}]},
            "team_monitoring_teams[0].prometheus.replicas",
        ),
        (
            "federation",
            {"teams": [{"name": "pay"}], "central_team": "pya"},
            "prometheus_federation_central_team: unknown team 'pya'; did you mean 'pay'?",
        ),
        ("operator", {"log_level": "loud"}, "prometheus_operator_log_level: must be one of debug, info, warn, error"),
        ("operator", {"resources": {"cpu": "x"}}, "prometheus_operator_resources.cpu: 'x' is not a quantity"),
        ("operator", {"platform_namespace": "A"}, "team_monitoring_platform.namespace: 'A' must consist of"),
    ],
)
def test_each_error_of_a_capability_names_the_variable(
    capability: str, options: dict[str, t.Any], expected: str
) -> None:
    (found,) = errors_of(capability, **options)
    assert found.startswith(expected)


def test_what_two_capabilities_share_is_told_once() -> None:
    options = {**PLACE, "teams": [{"name": "A"}]}
    assert len(errors(capabilities={"federation-source": options, "federation": options})) == 1


def test_names_of_clusters_are_told_by_the_check_of_the_fleet() -> None:
    assert errors_of("teams", cluster="far") == []
    assert errors_of("teams", clusters=["hub", "a b"]) == []


@pytest.mark.parametrize("expected", [None, "", "1"])
def test_a_fleet_need_not_be_told_its_size(expected: str | None) -> None:
    assert not errors(fleet={**FLEET, "expected_workers": expected})


def test_all_errors_come_at_once() -> None:
    options = {**PLACE, "teams": [{"name": "A"}, {"nmae": "b"}], "sources": [{"match": []}, {"team": "c"}]}
    found = errors(found=["team_monitoring_x"], connection={}, capabilities={"federation-source": options})
    assert [error.split(":")[0] for error in found] == [
        "team_monitoring_x",
        "connection",
        "team_monitoring_teams[0].name",
        "team_monitoring_teams[1].nmae",
        "prometheus_federation_sources[0].match",
        "prometheus_federation_sources[1].team",
    ]


def test_what_lists_of_the_shared_role_hold_is_checked() -> None:
    names = ("promfleet_shared_namespaces", "promfleet_disposable_objects")
    options = {name: {"type": "list", "elements": "str"} for name in names}
    given = {names[0]: ["monitoring", "No_Name"], names[1]: ["Secret/registry-*", "Secret"]}
    first, second = errors(role="promfleet", options=options, variables=given)
    assert first.startswith("promfleet_disposable_objects[1]: 'Secret' must be KIND/NAME")
    assert second.startswith("promfleet_shared_namespaces[1]: 'No_Name'")
    # A survey gives a list as text.
    assert not errors(role="promfleet", options=options, variables={names[0]: "monitoring,apps"})
