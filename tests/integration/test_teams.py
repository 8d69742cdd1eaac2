"""Teams come and go; the operator does not notice, and nothing goes without its word."""

from __future__ import annotations

import typing as t
from collections.abc import Callable

import pytest

from tests.integration.support import lab
from tests.integration.support.cluster import Cluster, JsonObject
from tests.integration.support.inventory import fleet
from tests.integration.support.managed import managed
from tests.integration.support.playbook import Run
from tests.integration.support.wipe import wipe

MONITORING = "monitoring.coreos.com/v1"
OFF = {"enabled": False}
CLAIM = "prometheus-pay-db-prometheus-pay-0"

Teams = Callable[..., Run]


def pay(**options: t.Any) -> JsonObject:
    return {
        "name": "pay",
        "namespaces": ["pay"],
        "prometheus": {"storage": {"size": "100Mi"}},
        "alertmanager": OFF,
        **options,
    }


# No pods of its own: what is tested with it needs none.
SEARCH: JsonObject = {"name": "search", "prometheus": OFF, "alertmanager": OFF}


@pytest.fixture(scope="module")
def teams(hub: Cluster, playbook: Callable[..., Run]) -> Teams:
    """Runs the teams playbook; before its first use the operator is installed."""
    wipe(hub)
    shared: JsonObject = {"team_monitoring_platform": {"prometheus": OFF, "alertmanager": OFF}}

    def run(*wanted: JsonObject, arguments: t.Sequence[str] = (), name: str = "teams", **variables: t.Any) -> Run:
        inventory = fleet(central=lab.HUB, team_monitoring_teams=list(wanted), **shared, **variables)
        return playbook(name, inventory=inventory, arguments=arguments)

    run(pay(), SEARCH, name="site").require_success()
    return run


def operator(hub: Cluster) -> tuple[int, list[str]]:
    """The generation of the operator's Deployment and the uids of its pods."""
    deployment = hub.get("apps/v1", "Deployment", "prometheus-operator", "prometheus-operator")
    pods = hub.list_kind(hub.kind("v1", "Pod"), selector="app.kubernetes.io/name=prometheus-operator")
    return deployment["metadata"]["generation"], sorted(pod["metadata"]["uid"] for pod in pods)


def prometheus(hub: Cluster) -> JsonObject | None:
    return hub.find(MONITORING, "Prometheus", "pay", "monitoring-pay")


def claim(hub: Cluster) -> JsonObject | None:
    found = hub.find("v1", "PersistentVolumeClaim", CLAIM, "monitoring-pay")
    return None if found is None or "deletionTimestamp" in found["metadata"] else found


def test_a_flag_never_touches_the_operator(hub: Cluster, teams: Teams) -> None:
    before = operator(hub)
    off = teams(pay(enabled=False), SEARCH).require_success()
    assert "deleted Prometheus monitoring-pay/pay" in off.objects()
    assert prometheus(hub) is None
    assert claim(hub), "the data stays"
    assert hub.find("v1", "Namespace", "monitoring-pay")
    assert hub.find("v1", "Namespace", "pay")
    on = teams(pay(), SEARCH).require_success()
    assert "created Prometheus monitoring-pay/pay" in on.objects()
    assert operator(hub) == before


def made_like(found: JsonObject, *, instance: str) -> JsonObject:
    """A claim like *found*, of another Prometheus in the same namespace."""
    labels = {**found["metadata"]["labels"], "app.kubernetes.io/instance": instance, "prometheus": instance}
    metadata = {"name": f"prometheus-{instance}-db-prometheus-{instance}-0", "namespace": "monitoring-pay"}
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {**metadata, "labels": labels},
        "spec": {**spec, "storageClassName": ""},
    }


def test_volume_claims_need_a_word_of_their_own(hub: Cluster, teams: Teams) -> None:
    word = {"team_monitoring_remove_volume_claims": True}
    both = {"alertmanager": {"enabled": True}}
    teams(pay(**both), SEARCH, **word).require_success()
    one = teams(pay(), SEARCH, **word).require_success()
    assert "deleted Alertmanager monitoring-pay/pay" in one.objects()
    mine = claim(hub)
    assert mine, "the data of an instance that stays"
    other = made_like(mine, instance="of-somebody-else")
    hub.apply(other)
    teams(pay(enabled=False), SEARCH).require_success()
    assert claim(hub)
    gone = teams(pay(enabled=False), SEARCH, **word).require_success()
    assert gone.objects() == [f"deleted PersistentVolumeClaim monitoring-pay/{CLAIM}"]
    assert claim(hub) is None
    kept = hub.get("v1", "PersistentVolumeClaim", other["metadata"]["name"], "monitoring-pay")
    assert "deletionTimestamp" not in kept["metadata"]
    hub.delete("v1", "PersistentVolumeClaim", other["metadata"]["name"], "monitoring-pay")


def test_a_team_gone_from_the_list_is_refused_and_then_removed_by_the_opt_in(hub: Cluster, teams: Teams) -> None:
    teams(pay(), SEARCH).require_success()
    mine = [name for name in managed(hub) if "pay" in name]
    others = [name for name in managed(hub) if "pay" not in name]
    before = hub.snapshot()
    for arguments in ([], ["--check"]):
        refused = teams(SEARCH, arguments=arguments).require_failure()
        (message,) = [failure.message for failure in refused.failures]
        assert "Set prune: true" in message
        assert [name for name in mine if name not in message] == []
    assert hub.snapshot() == before

    few = teams(SEARCH, team_monitoring_prune=True, team_monitoring_prune_max_percent=10).require_failure()
    assert "prune_max_percent" in few.failures[-1].message
    assert hub.snapshot() == before

    word: JsonObject = {"team_monitoring_prune": True, "team_monitoring_prune_max_percent": 90}
    predicted = teams(SEARCH, arguments=["--check"], **word).require_success()
    done = teams(SEARCH, **word).require_success()
    assert done.objects() == predicted.objects()
    assert sorted(entry.split(" ", 1)[1] for entry in done.objects()) == sorted(mine)
    assert managed(hub) == others
    assert claim(hub), "the data stays, and so does the namespace around it"
    assert "released Namespace monitoring-pay" in done.objects()
    assert not any(teams(SEARCH, **word).require_success().changed().values())
