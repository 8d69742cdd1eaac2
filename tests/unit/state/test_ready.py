"""Readiness is honest about generations: what was true before the last change proves nothing."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ready import not_ready

JsonObject = dict[str, t.Any]

READY: dict[str, JsonObject] = {
    "Prometheus": {
        "kind": "Prometheus",
        "metadata": {"name": "p", "generation": 3},
        "spec": {"replicas": 2},
        "status": {
            "conditions": [
                {"type": "Available", "status": "True", "observedGeneration": 3},
                {"type": "Reconciled", "status": "True", "observedGeneration": 3},
            ],
            "paused": False,
            "updatedReplicas": 2,
            "availableReplicas": 2,
        },
    },
    "Deployment": {
        "kind": "Deployment",
        "metadata": {"name": "d", "generation": 2},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
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
    ("CustomResourceDefinition", lambda o: o["status"]["conditions"].pop(), "no condition Established yet"),
    ("Service", lambda o: o.pop("status"), "no load-balancer address yet"),
    ("Namespace", lambda o: o["status"].update(phase="Terminating"), "Terminating"),
]


@pytest.mark.parametrize(("kind", "damage", "reason"), NOT_READY)
def test_not_ready_says_why(kind: str, damage: t.Callable[[JsonObject], object], reason: str) -> None:
    obj = copy.deepcopy(READY[kind])
    damage(obj)
    assert reason in str(not_ready(obj))
