"""Namespaces that belong to a team by their labels: they are labelled, and neither made nor deleted."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused

from tests.integration.support.cluster import Cluster, described
from tests.integration.support.inprocess import run_module
from tests.integration.support.managed import managed
from tests.integration.support.operator_process import serve_crds
from tests.integration.support.planes import started

JsonObject = dict[str, t.Any]
Teams = Callable[..., JsonObject]

OPTIONS: JsonObject = {"cluster": "hub", "clusters": ["hub"], "wait": False, "platform": {"enabled": False}}
PAY: JsonObject = {
    "name": "pay",
    "namespace_selector": {"example.com/owner": "pay"},
    "service_accounts": ["ci/deployer"],
}
OWN = {"example.com/owner": "pay", "example.com/tier": "gold"}
TEAM = "promfleet.monitoring/team"


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with started(request, "selected") as (plane,):
        found = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
        serve_crds(found)
        yield found


@pytest.fixture(scope="module")
def teams(cluster: Cluster) -> Teams:
    """Runs the module."""

    def run(*given: JsonObject, check: bool = False, **options: t.Any) -> JsonObject:
        place: JsonObject = {"kubeconfig": cluster.kubeconfig, "context": cluster.context, "check": check}
        return run_module("team_monitoring", teams=list(given), **place, **OPTIONS, **options)

    return run


def namespace(name: str, **labels: str) -> JsonObject:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def changes(result: JsonObject) -> list[str]:
    return sorted(f"{change.action} {change.key}" for change in result["outcome"].changes)


def in_namespace(cluster: Cluster, name: str) -> list[str]:
    """What of ours is in a namespace, and the namespace itself."""
    return [one for one in managed(cluster) if one == f"Namespace {name}" or f" {name}/" in one]


GIVEN = [
    "Namespace shop",
    "ResourceQuota shop/promfleet-objects",
    "Role shop/prometheus-pay",
    "Role shop/team-pay-edit",
    "RoleBinding shop/prometheus-pay",
    "RoleBinding shop/team-pay-edit",
]


def test_a_selected_namespace_gets_our_label_and_nothing_else_changes(cluster: Cluster, teams: Teams) -> None:
    before = cluster.apply(namespace("shop", **OWN))
    cluster.apply(namespace("other", **{"example.com/owner": "others"}))
    foretold, done = changes(teams(PAY, check=True)), changes(teams(PAY))
    assert foretold == done
    assert in_namespace(cluster, "shop") == GIVEN
    assert in_namespace(cluster, "other") == []
    after = cluster.get("v1", "Namespace", "shop")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    labels = after["metadata"]["labels"]
    assert labels[TEAM] == "pay"
    assert OWN.items() <= labels.items()
    ours = {name for name in labels if name.startswith("promfleet.monitoring/")}
    # The mark of the set, and the team's own label.
    assert ours == {TEAM, "promfleet.monitoring/set"}
    assert changes(teams(PAY)) == []


def test_one_that_no_longer_has_the_labels_stays_and_loses_what_was_ours(cluster: Cluster, teams: Teams) -> None:
    teams(PAY)
    before = cluster.get("v1", "Namespace", "shop")
    cluster.edit("v1", "Namespace", "shop", {"metadata": {"labels": {"example.com/owner": None}}})
    teams(PAY)
    after = cluster.get("v1", "Namespace", "shop")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert "deletionTimestamp" not in after["metadata"]
    assert not [name for name in after["metadata"]["labels"] if name.startswith("promfleet.monitoring/")]
    assert after["metadata"]["labels"]["example.com/tier"] == "gold"
    assert in_namespace(cluster, "shop") == []
    cluster.edit("v1", "Namespace", "shop", {"metadata": {"labels": {"example.com/owner": "pay"}}})
    teams(PAY)
    assert in_namespace(cluster, "shop") == GIVEN


def test_when_the_team_goes_its_selected_namespaces_stay(cluster: Cluster, teams: Teams) -> None:
    teams(PAY)
    teams(prune=True, prune_max_percent=100)
    assert "deletionTimestamp" not in cluster.get("v1", "Namespace", "shop")["metadata"]
    assert in_namespace(cluster, "shop") == []


def test_a_selector_that_finds_nothing_makes_nothing(cluster: Cluster, teams: Teams) -> None:
    before = {described(obj) for obj in cluster.list_kind(cluster.kind("v1", "Namespace"))}
    teams({**PAY, "namespace_selector": {"example.com/owner": "none"}})
    after = {described(obj) for obj in cluster.list_kind(cluster.kind("v1", "Namespace"))}
    assert after - before <= {"Namespace monitoring-pay"}


def test_a_namespace_of_two_teams_is_refused_before_the_first_write(cluster: Cluster, teams: Teams) -> None:
    cluster.apply(namespace("shop", **OWN))
    before = cluster.snapshot()
    gold = {"name": "gold", "namespace_selector": {"example.com/tier": "gold"}}
    for check in (True, False):
        with pytest.raises(Refused, match="namespace_selector of team 'pay' finds namespace shop, which belongs to"):
            teams(PAY, gold, check=check)
    assert cluster.snapshot() == before
