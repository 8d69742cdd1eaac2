"""What objects cost: pods and containers as Kubernetes and the operator make them, and what these ask for."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.cost import (
    MEBIBYTE,
    Change,
    Cost,
    cost_of,
    of_pods,
)

JsonObject = dict[str, t.Any]


def resources(requests: str = "", limits: str = "") -> JsonObject:
    groups = {"requests": requests, "limits": limits}
    return {group: {"memory": memory} for group, memory in groups.items() if memory}


def workload(kind: str, *containers: JsonObject, **spec: t.Any) -> JsonObject:
    named = [{"name": f"c{number}", "image": "any", **one} for number, one in enumerate(containers)]
    template = {"spec": {"containers": named, "initContainers": spec.pop("init", [])}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "any", "namespace": "any"},
        "spec": {**spec, "template": template},
    }


def custom(kind: str, **spec: t.Any) -> JsonObject:
    metadata = {"name": "any", "namespace": "any"}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": kind, "metadata": metadata,
            "spec": {"version": "v1.2.3", **spec}}  # fmt: skip


def figures(cost: Cost) -> tuple[int, int, float, float, int]:
    memory = [float(value / MEBIBYTE) for value in (cost.memory_requests, cost.memory_limits)]
    return cost.pods, cost.containers, memory[0], memory[1], cost.unlimited


OWN = {"resources": resources("100Mi", "200Mi")}
OPERATOR = workload(
    "Deployment",
    {
        "image": "quay.io/prometheus-operator/prometheus-operator:v0.93.1",
        "args": ["--prometheus-config-reloader=any", "--config-reloader-memory-limit=0"],
        **OWN,
    },
)


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (workload("Deployment", OWN, replicas=3), (3, 3, 300, 600, 0)),
        (workload("Deployment", OWN, OWN), (1, 2, 200, 400, 0)),
        (workload("Deployment", OWN, replicas=0), (0, 0, 0, 0, 0)),
        (workload("DaemonSet", OWN), (5, 5, 500, 1000, 0)),
        # What ends before the pod runs is not counted, what stays is.
        (workload("Deployment", OWN, init=[{"name": "first", "image": "any", **OWN}]), (1, 1, 100, 200, 0)),
        (
            workload("Deployment", OWN, init=[{"name": "beside", "image": "any", "restartPolicy": "Always", **OWN}]),
            (1, 2, 200, 400, 0),
        ),
        # A limit without a request is requested; without a limit nothing bounds the use.
        (workload("Deployment", {"resources": resources(limits="1Gi")}), (1, 1, 1024, 1024, 0)),
        (workload("Deployment", {}), (1, 1, 0, 0, 1)),
        # Each pod of an instance has the reloader, with 50Mi.
        (custom("Prometheus", **OWN), (1, 2, 150, 250, 0)),
        (custom("Prometheus", replicas=2, shards=3, **OWN), (6, 12, 900, 1500, 0)),
        (custom("Prometheus", replicas=0, **OWN), (0, 0, 0, 0, 0)),
        (custom("Prometheus", thanos={"version": "v0.42.2", **OWN}, **OWN), (1, 3, 250, 450, 0)),
        (custom("Prometheus", containers=[{"name": "more", "image": "any", **OWN}], **OWN), (1, 3, 250, 450, 0)),
        # A container of a generated one's name is laid over it.
        (
            custom("Prometheus", containers=[{"name": "config-reloader", "resources": resources("80Mi")}], **OWN),
            (1, 2, 180, 250, 0),
        ),
        (custom("PrometheusAgent", mode="DaemonSet", **OWN), (5, 10, 750, 1250, 0)),
        # The operator requests memory for these by itself.
        (custom("Alertmanager", replicas=2), (2, 4, 500, 100, 2)),
        (custom("ThanosRuler"), (1, 2, 250, 50, 1)),
    ],
)
def test_cost_of_one_object(obj: JsonObject, expected: tuple[int, ...]) -> None:
    assert figures(cost_of([obj], nodes=5)) == expected


def test_the_operators_flags_say_what_the_reloader_asks_for() -> None:
    cost = cost_of([OPERATOR, custom("Prometheus", **OWN)], nodes=1)
    assert figures(cost) == (2, 3, 250, 400, 1)
    assert len(cost.images) == 3


def test_pods_are_counted_as_objects_are() -> None:
    template = workload("Deployment", OWN, {})["spec"]["template"]
    assert figures(of_pods([template, template])) == figures(
        cost_of([workload("Deployment", OWN, {}, replicas=2)], nodes=1)
    )


def test_a_change_names_what_is_new_and_what_is_gone() -> None:
    change = Change(
        cluster="hub",
        before=Cost(pods=1, images=frozenset({"a", "b"})),
        after=Cost(pods=3, images=frozenset({"b", "c"})),
        sizes=(2 * MEBIBYTE, 5 * MEBIBYTE),
    )
    assert (change.added, change.removed) == (["c"], ["a"])
    lines = [*change.lines()]
    assert "  pods: 1 -> 3 (+2)" in lines
    assert "  image megabytes: 2 -> 5 MiB (+3)" in lines
    assert lines[-2:] == ["  + c", "  - a"]
