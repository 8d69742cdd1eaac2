"""Readiness is honest about generations: what was true before the last change proves nothing."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import PAUSED, STATE_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ready import not_ready

JsonObject = dict[str, t.Any]


def instance(kind: str, **spec: t.Any) -> JsonObject:
    """A custom resource of the operator that is ready."""
    wanted = spec.get("replicas", 1) * spec.get("shards", 1)
    return {
        "kind": kind,
        "metadata": {"name": "i", "generation": 3},
        "spec": spec,
        "status": {
            "conditions": [
                {"type": "Available", "status": "True", "observedGeneration": 3},
                {"type": "Reconciled", "status": "True", "observedGeneration": 3},
            ],
            "paused": False,
            "updatedReplicas": wanted,
            "availableReplicas": wanted,
        },
    }


READY: dict[str, JsonObject] = {
    "Alertmanager": instance("Alertmanager"),
    "PrometheusAgent": instance("PrometheusAgent", replicas=2, shards=3),
    "ThanosRuler": instance("ThanosRuler", replicas=2),
    "Prometheus": instance("Prometheus", replicas=2),
    "Deployment": {
        "kind": "Deployment",
        "metadata": {"name": "d", "generation": 2},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
    },
    "DaemonSet": {
        "kind": "DaemonSet",
        "metadata": {"name": "d", "generation": 2},
        "spec": {},
        "status": {
            "observedGeneration": 2,
            "desiredNumberScheduled": 3,
            "updatedNumberScheduled": 3,
            "numberAvailable": 3,
        },
    },
    "CustomResourceDefinition": {
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "c"},
        "spec": {},
        "status": {
            "conditions": [{"type": "NamesAccepted", "status": "True"}, {"type": "Established", "status": "True"}]
        },
    },
    "Service": {
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"type": "LoadBalancer"},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}},
    },
    "Namespace": {"kind": "Namespace", "metadata": {"name": "n"}, "status": {"phase": "Active"}},
    "ConfigMap": {"kind": "ConfigMap", "metadata": {"name": "c"}},
}


def paused(*, seen: bool, marked: bool = True) -> JsonObject:
    """A Prometheus that is to be paused, of an older generation and with too few pods."""
    obj = instance("Prometheus", replicas=2, paused=True)
    obj["metadata"].update(generation=4, labels={STATE_LABEL: PAUSED} if marked else {})
    obj["status"].update(paused=seen, availableReplicas=1)
    return obj


def test_of_what_is_paused_on_request_only_the_pause_counts() -> None:
    assert not_ready(paused(seen=True)) is None
    assert not_ready(paused(seen=False)) == "the operator has not paused it yet"
    # Somebody else paused it.
    assert not_ready(paused(seen=True, marked=False)) == "it is paused: the operator changes nothing"


@pytest.mark.parametrize("kind", READY)
def test_ready(kind: str) -> None:
    assert not_ready(READY[kind]) is None


NOT_READY: list[tuple[str, t.Callable[[JsonObject], object], str]] = [
    ("Prometheus", lambda o: o["metadata"].update(generation=4), "of generation 3, not 4"),
    (
        "Prometheus",
        lambda o: o["status"]["conditions"][0].update(status="Degraded", reason="SomePodsNotReady"),
        "Degraded",
    ),
    ("Prometheus", lambda o: o["status"].update(updatedReplicas=1), "updatedReplicas is 1 of 2"),
    ("Prometheus", lambda o: o["spec"].update(shards=2), "of 4"),
    ("Prometheus", lambda o: o["status"].update(paused=True), "paused"),
    ("Prometheus", lambda o: o.pop("status"), "no condition Reconciled yet"),
    ("Prometheus", lambda o: o["status"].pop("conditions"), "no condition Reconciled yet"),
    ("Prometheus", lambda o: o["status"]["conditions"].pop(0), "no condition Available yet"),
    ("Prometheus", lambda o: o["status"]["conditions"][1].update(observedGeneration=2), "of generation 2, not 3"),
    ("Prometheus", lambda o: o["status"]["conditions"][1].pop("observedGeneration"), "of generation None, not 3"),
    ("Prometheus", lambda o: o["status"]["conditions"][1].update(status="False", message="m"), "is False (m)"),
    ("Prometheus", lambda o: o["status"]["conditions"][0].update(status="Unknown"), "Available is Unknown"),
    ("Alertmanager", lambda o: o["status"].update(availableReplicas=0), "availableReplicas is 0 of 1"),
    ("Alertmanager", lambda o: o["spec"].update(replicas=0), "updatedReplicas is 1 of 0"),
    ("PrometheusAgent", lambda o: o["status"].pop("updatedReplicas"), "updatedReplicas is 0 of 6"),
    ("PrometheusAgent", lambda o: o.update(metadata={"name": "i", "generation": 9}), "of generation 3, not 9"),
    ("ThanosRuler", lambda o: o["status"].update(conditions=[]), "no condition Reconciled yet"),
    ("ThanosRuler", lambda o: o["status"].update(updatedReplicas=3), "updatedReplicas is 3 of 2"),
    ("Deployment", lambda o: o["metadata"].update(generation=3), "has not seen this generation"),
    ("Deployment", lambda o: o["status"].update(replicas=2), "old pods"),
    ("Deployment", lambda o: o["status"].update(availableReplicas=0), "availableReplicas is 0 of 1"),
    (
        "Deployment",
        lambda o: o["status"].update(
            availableReplicas=0,
            conditions=[{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: org"}],
        ),
        "availableReplicas is 0 of 1: exceeded quota: org",
    ),
    ("DaemonSet", lambda o: o["metadata"].update(generation=3), "has not seen this generation"),
    ("DaemonSet", lambda o: o["status"].update(updatedNumberScheduled=2), "updatedNumberScheduled is 2 of 3"),
    ("DaemonSet", lambda o: o["status"].pop("numberAvailable"), "numberAvailable is 0 of 3"),
    ("CustomResourceDefinition", lambda o: o["status"]["conditions"].pop(), "no condition Established yet"),
    ("Service", lambda o: o.pop("status"), "no load-balancer address yet"),
    ("Namespace", lambda o: o["status"].update(phase="Terminating"), "Terminating"),
]


def test_an_agent_that_is_a_daemon_set_has_no_number_of_replicas() -> None:
    agent = instance("PrometheusAgent", mode="DaemonSet")
    agent["status"].update(updatedReplicas=7, availableReplicas=7)
    assert not_ready(agent) is None


@pytest.mark.parametrize(("kind", "damage", "reason"), NOT_READY)
def test_not_ready_says_why(kind: str, damage: t.Callable[[JsonObject], object], reason: str) -> None:
    obj = copy.deepcopy(READY[kind])
    damage(obj)
    assert reason in str(not_ready(obj))
