"""Which volume claims go with an instance: its own, and no other's."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.policy import (
    VolumeClaims,
    instances_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan

JsonObject = dict[str, t.Any]
GROUP = "monitoring.coreos.com"
OPERATOR = "prometheus-operator"


def claim(
    instance: str, *, kind: str = "prometheus", namespace: str = "monitoring-pay", by: str = OPERATOR
) -> JsonObject:
    """As a StatefulSet of the operator's makes it, with the labels of its selector."""
    labels = {
        "app.kubernetes.io/instance": instance,
        "app.kubernetes.io/managed-by": by,
        "app.kubernetes.io/name": kind,
        kind: instance,
    }
    name = f"{kind}-{instance}-db-{kind}-{instance}-0"
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata}


def live(kind: str, name: str, *, namespace: str | None = None, team: str = "pay", own: bool = False) -> JsonObject:
    """An object of the set; of a team's *own* namespace only the team's label is ours."""
    labels = {"promfleet.monitoring/team": team}
    labels |= {} if own else {"app.kubernetes.io/managed-by": "promfleet.monitoring"}
    place = {"namespace": namespace} if namespace else {}
    version = "v1" if kind == "Namespace" else f"{GROUP}/v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "labels": labels, **place}}


class Served:
    """A cluster that has these claims."""

    def __init__(self, *claims: JsonObject) -> None:
        self.claims = claims
        self.lists = 0

    def resource(self, api_version: str, kind: str) -> Resource:
        return Resource(api_version=api_version, kind=kind, plural="claims", namespaced=True, verbs=frozenset({"list"}))

    def list_objects(self, _resource: Resource, *, selector: str) -> list[JsonObject]:
        self.lists += 1
        name, _equals, value = selector.partition("=")
        return [obj for obj in self.claims if obj["metadata"]["labels"][name] == value]


def connected(served: Served) -> Cluster:
    return t.cast("Cluster", served)


OWN = claim("pay")
OF_THE_OTHER_KIND = claim("pay", kind="alertmanager")
OTHERS = (
    claim("pay", namespace="elsewhere"),
    claim("search"),
    claim("pay", by="helm"),
    claim("pay", kind="thanos-ruler"),
)


def found(plan: Plan, *, unwanted: t.Iterable[Key] = ()) -> list[JsonObject]:
    served = Served(OWN, OF_THE_OTHER_KIND, *OTHERS)
    claims = VolumeClaims(connected(served), unwanted=unwanted)
    removable = claims.removable(plan)
    going = claims.find(plan)
    # What goes need not save its namespace, and nothing else may go with it.
    assert [obj for obj in served.claims if removable(obj)] == going
    return going


@pytest.mark.parametrize(
    ("plan", "going"),
    [
        (Plan(), []),
        (Plan(deletes=(live("Prometheus", "pay", namespace="monitoring-pay"),)), [OWN]),
        (Plan(deletes=(live("Alertmanager", "pay", namespace="monitoring-pay"),)), [OF_THE_OTHER_KIND]),
        (Plan(deletes=(live("Service", "pay", namespace="monitoring-pay"),)), []),
        (Plan(deletes=(live("Namespace", "monitoring-pay"),)), [OWN, OF_THE_OTHER_KIND]),
        (Plan(deletes=(live("Namespace", "monitoring-pay", team="another"),)), []),
        (Plan(deletes=(live("Namespace", "monitoring-pay", own=True),)), []),
        (Plan(releases=(live("Namespace", "monitoring-pay"),)), []),
    ],
)
def test_only_the_claims_of_instances_that_go(plan: Plan, going: list[JsonObject]) -> None:
    assert found(plan) == going


def test_what_an_earlier_run_left_goes_too() -> None:
    both = instances_of("pay", namespace="monitoring-pay")
    assert found(Plan(), unwanted=both) == [OWN, OF_THE_OTHER_KIND]
    assert found(Plan(), unwanted={key for key in both if key.kind == "Prometheus"}) == [OWN]


def test_where_every_instance_is_wanted_nobody_is_asked() -> None:
    served = Served(OWN)
    assert VolumeClaims(connected(served), unwanted=()).find(Plan()) == []
    assert served.lists == 0
