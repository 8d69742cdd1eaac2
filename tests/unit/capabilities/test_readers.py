"""Which instances on the central cluster read a source."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import (
    FEDERATION,
    FEDERATION_SOURCE,
    desired_federated,
    parse_exposed,
    parse_federated,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import Region
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.left_out import (
    told_archived,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan

JsonObject = dict[str, t.Any]

TEAMS: list[JsonObject] = [
    {"name": "payments"},
    {"name": "search"},
    {"name": "edge-only", "clusters": ["edge"]},
    {"name": "off", "enabled": False},
    {"name": "alerts-only", "prometheus": {"enabled": False}},
    {"name": "no-rights", "rbac": False},
    {"name": "kept", "state": "archived", "archive_may_lose": ["alertmanager", "prometheus"]},
]
FLEET: JsonObject = {"teams": TEAMS, "clusters": ["hub", "edge"]}


def source(cluster: str, team: str, number: int, **options: t.Any) -> JsonObject:
    return {"cluster": cluster, "team": team, "targets": [{"address": f"192.0.2.{number}", "port": 9090}], **options}


def read_by(*sources: JsonObject, cluster: str = "hub", central_team: str = "platform") -> dict[str, set[str]]:
    """The names of the monitors in each namespace."""
    raw = {**FLEET, "cluster": cluster, "sources": list(sources), "central_team": central_team}
    errors = Errors()
    params = validate_mapping(raw, FEDERATION.options, path="", errors=errors)
    model = parse_federated(params, errors)
    errors.require_none()
    found: dict[str, set[str]] = {}
    for obj in desired_federated(model):
        if obj["kind"] == "ServiceMonitor":
            found.setdefault(obj["metadata"]["namespace"], set()).add(obj["metadata"]["name"])
    return found


def region_of(team: str, *, below: list[str]) -> Region | None:
    """What a team's instance on the edge federates itself."""
    errors = Errors()
    raw = {**FLEET, "cluster": "edge", "sources": [{"team": team}], "below": below}
    exposed = parse_exposed(validate_mapping(raw, FEDERATION_SOURCE.options, path="", errors=errors), errors)
    errors.require_none()
    ((_source, found),) = exposed.sources
    return exposed.region(found)


def errors_of(*sources: JsonObject, centrals: t.Sequence[str] = ("hub",)) -> list[str]:
    """What is wrong with the sources of a worker."""
    errors = Errors()
    raw = {**FLEET, "cluster": "edge", "sources": list(sources), "centrals": list(centrals)}
    parse_exposed(validate_mapping(raw, FEDERATION_SOURCE.options, path="", errors=errors), errors)
    return [str(error) for error in errors.sorted()]


def test_a_source_that_names_no_team_is_read_by_the_central_team() -> None:
    assert read_by(source("edge", "payments", 1)) == {"monitoring-platform": {"federation-edge-payments"}}
    assert read_by(source("edge", "payments", 1), central_team="search") == {
        "monitoring-search": {"federation-edge-payments"}
    }


def test_each_team_has_its_own_fleet_and_nobody_elses() -> None:
    found = read_by(
        source("edge", "platform", 1),
        source("edge", "payments", 2, into=["payments"]),
        source("west", "payments", 3, into=["payments"]),
        source("edge", "search", 4, into=["search", "platform"]),
    )
    assert found == {
        "monitoring-platform": {"federation-edge-platform", "federation-edge-search"},
        "monitoring-payments": {"federation-edge-payments", "federation-west-payments"},
        "monitoring-search": {"federation-edge-search"},
    }


def test_the_objects_of_a_source_are_whole_in_each_namespace() -> None:
    raw = {**FLEET, "cluster": "hub", "sources": [source("edge", "search", 1, into=["search", "platform"])]}
    errors = Errors()
    model = parse_federated(validate_mapping(raw, FEDERATION.options, path="", errors=errors), errors)
    errors.require_none()
    kinds: dict[str, list[str]] = {}
    for obj in desired_federated(model):
        kinds.setdefault(obj["metadata"]["namespace"], []).append(obj["kind"])
    assert set(kinds) == {"monitoring-platform", "monitoring-search"}
    assert (
        kinds["monitoring-platform"]
        == kinds["monitoring-search"]
        == [
            "Service",
            "EndpointSlice",
            "ServiceMonitor",
            "NetworkPolicy",
        ]
    )


def test_each_reader_watches_its_own_sources() -> None:
    rules = [{"name": "any", "rules": [{"record": "any:up", "expr": "up"}]}]
    sources = [source("edge", "search", 1, into=["search"]), source("edge", "payments", 2)]
    errors = Errors()
    raw = {**FLEET, "cluster": "hub", "sources": sources, "rules": rules}
    model = parse_federated(validate_mapping(raw, FEDERATION.options, path="", errors=errors), errors)
    errors.require_none()
    found: dict[str, set[str]] = {}
    for obj in desired_federated(model):
        if obj["kind"] == "PrometheusRule":
            found.setdefault(obj["metadata"]["namespace"], set()).add(obj["metadata"]["name"])
    assert found == {
        "monitoring-platform": {"federation", "federation-edge-payments"},
        "monitoring-search": {"federation", "federation-edge-search"},
    }


def test_an_archived_source_is_left_out() -> None:
    assert read_by(source("edge", "kept", 1), source("edge", "payments", 2)) == {
        "monitoring-platform": {"federation-edge-payments"}
    }


def test_a_source_that_is_archived_is_named_when_its_objects_go() -> None:
    labels = {"promfleet.monitoring/source-cluster": "edge", "promfleet.monitoring/source-team": "kept"}
    plan = Plan(deletes=({"kind": "Service", "metadata": {"name": "a", "labels": labels}},))
    archived = frozenset({("edge", "kept"), ("hub", "kept")})
    (text,) = told_archived(plan, archived, frozenset())
    assert text.startswith("edge/kept is not federated: the inventory has state: archived")
    # One that was given all the same.
    assert len(told_archived(Plan(), archived, frozenset({("hub", "kept")}))) == 1
    assert told_archived(plan, frozenset(), frozenset()) == []


def test_an_archived_instance_reads_nothing() -> None:
    with pytest.raises(InputError, match=r"^central_team: the instance of 'kept' is archived, and reads nothing"):
        read_by(source("edge", "payments", 1), central_team="kept")


@pytest.mark.parametrize("team", ["off", "edge-only", "alerts-only", "kept"])
def test_a_team_without_an_instance_there_reads_nothing(team: str) -> None:
    assert read_by(source("edge", "payments", 1, into=[team])) == {}


@pytest.mark.parametrize("options", [{}, {"into": ["platform"]}])
def test_no_instance_reads_itself(options: JsonObject) -> None:
    assert read_by(source("hub", "platform", 1, **options)) == {}
    assert read_by(source("hub", "payments", 1, **options)) == {"monitoring-platform": {"federation-hub-payments"}}


@pytest.mark.parametrize(
    ("sources", "errors"),
    [
        ([{"team": "payments", "into": ["payments", "platform"]}], []),
        # It will be back.
        ([{"team": "payments", "into": ["off", "kept"]}], []),
        (
            [{}, {"team": "payments", "into": ["paymets"]}],
            ["sources[1].into[0]: unknown team 'paymets'; did you mean 'payments'?"],
        ),
        (
            [{"team": "payments", "into": ["platform", "no-rights"]}],
            ["sources[0].into[1]: 'no-rights' may not discover targets: its rbac is false"],
        ),
        (
            [{"team": "payments", "into": ["platform", "edge-only"]}],
            ["sources[0].into[1]: 'edge-only' has no Prometheus on hub; its clusters are edge"],
        ),
        (
            [{"team": "payments", "into": ["alerts-only"]}],
            ["sources[0].into[0]: 'alerts-only' has no Prometheus that could read it: prometheus.enabled is false"],
        ),
        (
            [{"team": "payments", "into": ["search", "search"]}],
            ["sources[0].into[1]: 'search' is in the list already"],
        ),
        (
            [{"team": "payments", "into": ["Search"]}],
            ["sources[0].into[0]: 'Search' must consist of"],
        ),
    ],
)
def test_a_reader_must_have_an_instance_on_a_central_cluster(sources: list[JsonObject], errors: list[str]) -> None:
    found = errors_of(*sources)
    assert len(found) == len(errors)
    assert all(one.startswith(start) for one, start in zip(found, errors, strict=True)), found


def test_without_central_clusters_it_is_not_checked_where_a_team_runs() -> None:
    assert errors_of({"team": "payments", "into": ["edge-only"]}, centrals=[]) == []


def test_a_regions_central_says_whose_series_it_has() -> None:
    assert region_of("payments", below=[]) is None
    assert region_of("payments", below=["hub"]) == Region(clusters=("hub",), all_teams=False)
    assert region_of("platform", below=["hub"]) == Region(clusters=("hub",), all_teams=True)


def test_clusters_of_a_region_are_known() -> None:
    errors = Errors()
    raw = {**FLEET, "cluster": "edge", "below": ["hub", "hbu"]}
    parse_exposed(validate_mapping(raw, FEDERATION_SOURCE.options, path="", errors=errors), errors)
    assert [str(error) for error in errors.sorted()] == ["below[1]: unknown cluster 'hbu'; did you mean 'hub'?"]


def test_an_unknown_reader_is_refused_on_the_central_side_too() -> None:
    errors = Errors()
    raw = {**FLEET, "cluster": "hub", "sources": [source("edge", "payments", 1, into=["platform", "nobody"])]}
    parse_federated(validate_mapping(raw, FEDERATION.options, path="", errors=errors), errors)
    (found,) = errors.sorted()
    assert str(found).startswith("sources[0].into[1]: unknown team 'nobody'")


def test_the_central_cluster_of_a_region_may_select_by_the_labels_of_its_workers() -> None:
    raw = {**FLEET, "cluster": "edge", "sources": [{"match": ['up{cluster="far"}']}]}

    def found(below: list[str]) -> list[str]:
        errors = Errors()
        parse_exposed(
            validate_mapping({**raw, "below": below}, FEDERATION_SOURCE.options, path="", errors=errors), errors
        )
        return [str(error) for error in errors.sorted()]

    assert found(["hub"]) == []
    (error,) = found([])
    assert error.startswith("sources[0].match[0]: ")
    assert error.endswith("(PF337)")
