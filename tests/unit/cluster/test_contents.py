"""What in a namespace is the property of others, and what is only a trace of ours."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.contents import foreign
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.kinds import key_of

JsonObject = dict[str, t.Any]


def obj(kind: str, name: str, *, owner: tuple[str, str] | None = None, **metadata: t.Any) -> JsonObject:
    references = [{"kind": owner[0], "uid": owner[1], "controller": True}] if owner else []
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "a", "uid": name, "ownerReferences": references, **metadata},
    }


OURS = obj("Service", "web")


@pytest.mark.parametrize(
    ("other", "is_foreign"),
    [
        (obj("ConfigMap", "theirs"), True),
        (obj("ConfigMap", "kube-root-ca.crt"), False),
        (obj("EndpointSlice", "of-ours", owner=("Service", "web")), False),
        (obj("EndpointSlice", "of-theirs", owner=("Service", "theirs")), True),
        (obj("Pod", "of-a-node", owner=("Node", "elsewhere")), True),
        # What an interrupted run leaves to Kubernetes' own controllers.
        (obj("StatefulSet", "of-a-gone-prometheus", owner=("Prometheus", "gone")), False),
        (obj("ConfigMap", "on-its-way", deletionTimestamp="2026-01-01T00:00:00Z"), False),
        (
            obj("Endpoints", "of-a-gone-service", labels={"endpoints.kubernetes.io/managed-by": "endpoint-controller"}),
            False,
        ),
        (obj("Endpoints", "by-hand"), True),
    ],
    ids=lambda value: value["metadata"]["name"] if isinstance(value, dict) else None,
)
def test_only_what_others_made_is_foreign(other: JsonObject, is_foreign: bool) -> None:
    there = [OURS, obj("Service", "theirs"), other]
    found = foreign(there, ours={key_of(OURS)}, fleet_sets=())
    assert (other in found) is is_foreign
    assert OURS not in found


def test_what_a_trace_owns_is_a_trace_too() -> None:
    stateful_set = obj("StatefulSet", "s", owner=("Prometheus", "gone"))
    pod = obj("Pod", "p", owner=("StatefulSet", "s"))
    assert foreign([pod, stateful_set], ours=(), fleet_sets=()) == []
