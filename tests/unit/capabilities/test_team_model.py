"""Teams: defaults, sizes, and every rule that their input must keep."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import burstable
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import Resources
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import (
    PLATFORM_OPTIONS,
    TEAM_OPTIONS,
    Team,
    parse_clusters,
    parse_fleet_teams,
    parse_teams,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.parts import Storage
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sizes import SIZES
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from hypothesis import given
from hypothesis import strategies as st

CLUSTERS = ["hub", "edge"]


def one(**given_options: t.Any) -> Team:
    return parse_teams([{"name": "payments", **given_options}], clusters=CLUSTERS)[0]


def error_of(*teams: object, platform: object = None) -> str:
    with pytest.raises(InputError) as caught:
        parse_fleet_teams(list(teams), platform, clusters=CLUSTERS)
    return str(caught.value)


def test_a_name_is_enough() -> None:
    team = one()
    assert (team.enabled, team.namespace, team.namespaces, team.size) == (True, "monitoring-payments", (), "small")
    assert (team.prometheus.enabled, team.prometheus.replicas, team.prometheus.version) == (True, 1, PROMETHEUS)
    assert (team.prometheus.retention, team.prometheus.storage) == ("10d", None)
    assert team.prometheus.enforce_tenancy
    assert (team.alertmanager.enabled, team.alertmanager.retention) == (True, "120h")


@pytest.mark.parametrize("size", sorted(SIZES))
def test_sizes_decide_replicas_and_resources(size: str) -> None:
    team = one(size=size)
    row = SIZES[size]
    assert (team.prometheus.replicas, team.prometheus.resources) == (row.prometheus.replicas, row.prometheus.resources)
    assert (team.alertmanager.replicas, team.alertmanager.resources) == (
        row.alertmanager.replicas,
        row.alertmanager.resources,
    )


def test_figures_of_the_team_win_over_its_size() -> None:
    team = one(prometheus={"replicas": "2", "resources": {"cpu": 0.5}, "storage": {"size": "1024Mi", "class": "fast"}})
    assert team.prometheus.replicas == 2
    assert team.prometheus.resources == Resources(cpu="500m", memory="400Mi")
    assert team.prometheus.storage == Storage(size="1Gi", storage_class="fast")


@pytest.mark.parametrize("part", ["prometheus", "alertmanager"])
def test_a_limit_of_cpu_is_given_or_there_is_none(part: str) -> None:
    given = getattr(one(**{part: {"resources": {"cpu_limit": 2}}}), part).resources
    assert (given.cpu_limit, burstable(given)["limits"]) == ("2", {"cpu": "2", "memory": given.memory})
    default = getattr(one(), part).resources
    assert (default.cpu_limit, burstable(default)["limits"]) == (None, {"memory": default.memory})


def test_versions_may_begin_with_v() -> None:
    assert one(prometheus={"version": "v3.13.1"}).prometheus.version == "3.13.1"


@pytest.mark.parametrize(
    ("clusters", "where"), [([], {"hub", "edge"}), (["edge"], {"edge"}), (["edge", "hub"], {"hub", "edge"})]
)
def test_no_clusters_means_all_of_them(clusters: list[str], where: set[str]) -> None:
    assert {name for name in CLUSTERS if one(clusters=clusters).active_on(name)} == where


@pytest.mark.parametrize(
    ("options", "runs"),
    [
        ({}, True),
        ({"enabled": False}, False),
        ({"prometheus": {"enabled": False}}, False),
        ({"clusters": ["hub"]}, False),
        ({"state": "paused"}, True),
        ({"state": "archived", "archive_may_lose": ["prometheus", "alertmanager"]}, False),
    ],
)
def test_where_prometheus_runs(options: dict[str, t.Any], runs: bool) -> None:
    assert one(**options).runs_prometheus_on("edge") is runs


def test_the_platform_comes_first_and_is_trusted() -> None:
    teams = parse_fleet_teams([{"name": "b"}, {"name": "a"}], {"size": "large"}, clusters=CLUSTERS)
    assert [team.name for team in teams] == ["platform", "a", "b"]
    assert (teams[0].namespace, teams[0].prometheus.replicas) == ("monitoring-platform", 2)
    assert [team.prometheus.enforce_tenancy for team in teams] == [False, True, True]
    assert {team.platform for team in teams} == {"platform"}


def test_the_platform_can_have_another_name() -> None:
    teams = parse_fleet_teams(None, None, clusters=CLUSTERS, platform_team="infra", namespace_prefix="m-")
    assert [(team.name, team.namespace, team.platform) for team in teams] == [("infra", "m-infra", "infra")]


def test_the_platforms_options_are_those_of_a_team_without_a_name() -> None:
    assert set(PLATFORM_OPTIONS) == set(TEAM_OPTIONS) - {"name"}
    assert TEAM_OPTIONS["prometheus"]["options"]["enforce_tenancy"]["default"] is True
    assert PLATFORM_OPTIONS["prometheus"]["options"]["enforce_tenancy"]["default"] is False


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"name": "Payments"}, "teams[0].name: 'Payments' must consist of lower case letters"),
        ({"name": "a" * 40}, "teams[0].name: "),
        ({"name": "platform"}, "teams[0].name: 'platform' is the platform's own team"),
        ({"retention": "10d"}, "teams[0].retention: unknown key"),
        ({"clusters": ["hub", "hob"]}, "teams[0].clusters[1]: unknown cluster 'hob'; did you mean 'hub'?"),
        ({"size": "huge"}, "teams[0].size: unknown size 'huge'; known: large, medium, small"),
        ({"namespace": "A"}, "teams[0].namespace: 'A' must consist"),
        ({"namespaces": ["ok", "A"]}, "teams[0].namespaces[1]: 'A' must consist"),
        ({"namespaces": ["a", "a"]}, "teams[0].namespaces[1]: 'a' is in the list already"),
        ({"namespaces": ["monitoring-x"]}, "teams[0].namespaces[0]: namespace 'monitoring-x' belongs to team 'x'"),
        ({"groups": [""]}, "teams[0].groups[0]: must be the name of a group"),
        ({"labels": {"cluster": "x"}}, "teams[0].labels.cluster: 'cluster' is set for every instance"),
        ({"labels": {"team": "x"}}, "teams[0].labels.team: 'team' is set for every instance"),
        ({"labels": {"a-b": "x"}}, "teams[0].labels.a-b: 'a-b' is not a label name"),
        ({"labels": {"a": "$HOME"}}, "teams[0].labels.a: '$HOME' must not contain '$'"),
        ({"prometheus": {"retention": "5"}}, "teams[0].prometheus.retention: '5' is not a duration"),
        ({"prometheus": {"retenton": "5d"}}, "teams[0].prometheus.retenton: unknown key; did you mean 'retention'?"),
        ({"prometheus": {"scrape_interval": "x"}}, "teams[0].prometheus.scrape_interval: 'x' is not a duration"),
        (
            {"prometheus": {"evaluation_interval": "x"}},
            "teams[0].prometheus.evaluation_interval: 'x' is not a duration",
        ),
        ({"prometheus": {"replicas": 0}}, "teams[0].prometheus.replicas: must be from 1 to 9, found 0"),
        ({"prometheus": {"replicas": 10}}, "teams[0].prometheus.replicas: must be from 1 to 9, found 10"),
        ({"prometheus": {"version": "2.30.0"}}, "teams[0].prometheus.version: '2.30.0' is too old"),
        ({"prometheus": {"version": "latest"}}, "teams[0].prometheus.version: 'latest' is not a version"),
        ({"prometheus": {"storage": {}}}, "teams[0].prometheus.storage.size: is required"),
        ({"prometheus": {"storage": {"size": "10GB"}}}, "teams[0].prometheus.storage.size: '10GB' is not a quantity"),
        (
            {"prometheus": {"storage": {"size": "1Gi", "class": "A"}}},
            "teams[0].prometheus.storage.class: 'A' must consist",
        ),
        (
            {"prometheus": {"resources": {"cpu_limit": "0.05"}}},
            "teams[0].prometheus.resources.cpu_limit: must be at least what the container asks for (cpu 100m)",
        ),
        (
            {"alertmanager": {"resources": {"cpu": "1", "cpu_limit": "fast"}}},
            "teams[0].alertmanager.resources.cpu_limit: 'fast' is not a quantity",
        ),
        (
            {"prometheus": {"resources": {"memory": "400m"}}},
            "teams[0].prometheus.resources.memory: '400m' is not a whole number of bytes; did you mean 400Mi?",
        ),
        ({"alertmanager": {"retention": "5d"}}, "teams[0].alertmanager.retention: '5d' must be in hours"),
        ({"alertmanager": {"replicas": "x"}}, "teams[0].alertmanager.replicas: must be a whole number, found 'x'"),
    ],
)
def test_bad_input_is_named_with_its_place(options: dict[str, t.Any], error: str) -> None:
    assert error_of({"name": "x", **options}).startswith(error)


@pytest.mark.parametrize(
    ("teams", "error"),
    [
        ([{"name": "a"}, {"name": "a"}], "teams[1].name: 'a' is the name of teams[0] too"),
        (
            [{"name": "b", "namespaces": ["z", "n"]}, {"name": "a", "namespaces": ["y", "n"]}],
            "teams[1].namespaces[1]: namespace 'n' belongs to team 'b' (teams[0].namespaces[1])",
        ),
        (
            [{"name": "a"}, {"name": "b", "namespace": "monitoring-a"}],
            "teams[1].namespace: namespace 'monitoring-a' belongs to team 'a' (teams[0].namespace)",
        ),
        (
            [{"name": "a", "namespaces": ["monitoring-platform"]}],
            "teams[0].namespaces[0]: namespace 'monitoring-platform' belongs to team 'platform' (platform.namespace)",
        ),
        ([{}], "teams[0].name: is required"),
        (["a"], "teams[0]: must be a mapping, found 'a'"),
    ],
)
def test_teams_do_not_get_into_each_others_way(teams: list[object], error: str) -> None:
    assert error_of(*teams).startswith(error)


@pytest.mark.parametrize(
    ("platform", "error"),
    [
        ({"name": "x"}, "platform.name: unknown key"),
        ({"prometheus": {"replicas": 0}}, "platform.prometheus.replicas: must be from 1 to 9"),
        ("x", "platform: must be a mapping, found 'x'"),
    ],
)
def test_the_platforms_input_has_its_own_path(platform: object, error: str) -> None:
    assert error_of(platform=platform).startswith(error)


def test_the_platforms_name_is_wrong_where_it_is_given() -> None:
    with pytest.raises(InputError) as caught:
        parse_fleet_teams([{"name": "a", "prometheus": {"replicas": 0}}], None, clusters=CLUSTERS, platform_team="A B")
    assert [error.path for error in caught.value.errors] == ["platform_team", "teams[0].prometheus.replicas"]


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (["hub", "hub"], "clusters[1]: 'hub' is in the list already, as clusters[0]"),
        (["a b"], "clusters[0]: 'a b' must consist"),
        ({"hub": 1}, "clusters: must be a list, found a mapping"),
    ],
)
def test_clusters_are_names_for_labels(raw: object, error: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_clusters(raw)
    assert str(caught.value).startswith(error)


def test_clusters_keep_their_order() -> None:
    assert parse_clusters(["hub", "edge.example"]) == ("hub", "edge.example")


@given(st.permutations(["a", "b", "c", "d"]), st.permutations(["hub", "edge"]))
def test_the_order_of_the_input_does_not_matter(names: list[str], clusters: list[str]) -> None:
    raw = [{"name": name, "clusters": clusters, "namespaces": [f"{name}2", f"{name}1"]} for name in names]
    ordered = [{"namespaces": [f"{name}1", f"{name}2"], "clusters": CLUSTERS, "name": name} for name in "abcd"]
    assert parse_fleet_teams(raw, {}, clusters=clusters) == parse_fleet_teams(ordered, None, clusters=CLUSTERS)


def test_what_was_parsed_by_a_module_is_parsed_again_alike() -> None:
    """A module's own argument spec has put None where nothing was given."""
    empty: dict[str, t.Any] = dict.fromkeys(TEAM_OPTIONS)
    empty["prometheus"] = dict.fromkeys(TEAM_OPTIONS["prometheus"]["options"])
    assert parse_teams([{**empty, "name": "payments"}], clusters=CLUSTERS) == (one(),)
