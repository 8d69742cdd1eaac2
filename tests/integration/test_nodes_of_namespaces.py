"""What rules record about the nodes that run pods of a namespace, by Prometheus' promtool.

A value is there where all that it is made of is there. It is never a zero that comes from nothing.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.model import DEFAULT_MATCH
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import selectors_in

from tests.integration.support.alert_proofs import require_proofs
from tests.integration.support.prometheus_process import lab_program
from tests.tools.workloads import catalogue
from tests.unit.capabilities.builders import JsonObject, objects_of_workloads, only

ENTRIES = ("kube-state-metrics", "kubelet")
BEGIN = "namespace:nodes"
RECORDED = [rule["record"] for name in ENTRIES for rule in catalogue()[name].rules if rule["record"].startswith(BEGIN)]
# By name for one namespace; nothing where there is no value.
Values = dict[str, float]
Series = dict[str, str]
PRESSURES = {"memory": "MemoryPressure", "disk": "DiskPressure", "pid": "PIDPressure"}


def pod(
    namespace: str, name: str, *, node: str, values: str = "1x60", phase: str = "Running", uid: str = "u"
) -> Series:
    """A pod on a node; *values* says when it is there."""
    labels = f'job="kube-state-metrics", namespace="{namespace}", pod="{name}", uid="{uid}"'
    phases = {
        one: values if one == phase else values.replace("1x", "0x") for one in ("Pending", "Running", "Succeeded")
    }
    return {
        f'kube_pod_info{{{labels}, node="{node}", instance="a"}}': values,
        **{f'kube_pod_status_phase{{{labels}, phase="{one}", instance="a"}}': given for one, given in phases.items()},
    }


def node(name: str, *, cpu: float, memory: int, ready: str = "1x60", pressure: str = "") -> Series:
    """A node with four CPUs, of which *cpu* are busy, and *memory* percent of its memory in use."""

    def condition(of: str, status: str) -> str:
        labels = f'job="kube-state-metrics", node="{name}", condition="{of}", status="{status}", instance="a"'
        return f"kube_node_status_condition{{{labels}}}"

    kubelet = f'job="cadvisor", instance="{name}:10250", node="{name}"'
    return {
        condition("Ready", "true"): ready,
        condition("Ready", "unknown"): "0x60" if ready == "1x60" else "1x60",
        **{condition(one, "true"): "1x60" if one == pressure else "0x60" for one in PRESSURES.values()},
        f'container_cpu_usage_seconds_total{{{kubelet}, id="/", cpu="total"}}': f"0+{60 * cpu:g}x60",
        f'container_cpu_usage_seconds_total{{{kubelet}, id="/kubepods", namespace="shop", cpu="total"}}': "0+600x60",
        f"machine_cpu_cores{{{kubelet}}}": "4x60",
        f'container_memory_working_set_bytes{{{kubelet}, id="/"}}': f"{memory}x60",
        f'container_memory_working_set_bytes{{{kubelet}, id="/kubepods", namespace="shop"}}': "99x60",
        f"machine_memory_bytes{{{kubelet}}}": "100x60",
    }


A, B, C = node("a", cpu=1, memory=20), node("b", cpu=3, memory=60), node("c", cpu=4, memory=100)


def values(*, nodes: int, cpu: tuple[float, float], memory: tuple[float, float], **others: int) -> Values:
    """What is recorded of one namespace; of *cpu* and *memory* the greatest and the mean."""
    counts = dict.fromkeys(("nodes_not_ready", *(f"nodes_{name}_pressure" for name in PRESSURES)), 0)
    return {
        "namespace:nodes:count": nodes,
        **{f"namespace:{name}:count": count for name, count in {**counts, **others}.items()},
        "namespace:nodes_cpu_busy:ratio_rate5m_max": cpu[0],
        "namespace:nodes_cpu_busy:ratio_rate5m_avg": cpu[1],
        "namespace:nodes_memory_used:ratio_max": memory[0],
        "namespace:nodes_memory_used:ratio_avg": memory[1],
    }


ON_A = values(nodes=1, cpu=(0.25, 0.25), memory=(0.2, 0.2))
ON_B = values(nodes=1, cpu=(0.75, 0.75), memory=(0.6, 0.6))
ON_BOTH = values(nodes=2, cpu=(0.75, 0.5), memory=(0.6, 0.4))


def without(series: Series, *names: str) -> Series:
    """*series* without the metrics of these names."""
    return {one: given for one, given in series.items() if not one.startswith(tuple(f"{name}{{" for name in names))}


def only_recorded(of: Values, *parts: str) -> Values:
    """Those whose names have one of *parts*."""
    return {name: value for name, value in of.items() if any(part in name for part in parts)}


SHOP = {**pod("shop", "web-1", node="a"), **pod("shop", "web-2", node="b"), **pod("shop", "web-3", node="b")}
# A second kube-state-metrics shows everything again.
TWICE = {
    one.replace('instance="a"', 'instance="b"'): given for one, given in {**SHOP, **A, **B}.items() if "kube_" in one
}
MOVED = {
    **pod("shop", "db-0", node="a", values="1x19 _x40", uid="one"),
    **pod("shop", "db-0", node="b", values="_x24 1x40", uid="two"),
}
FULL = node("b", cpu=3, memory=60, pressure="DiskPressure")
GONE = node("b", cpu=3, memory=60, ready="0x60")
# What there is, and by the minute what is recorded of each namespace.
CASES: dict[str, tuple[Series, dict[str, dict[str, Values]]]] = {
    "one node": ({**pod("shop", "web-1", node="a"), **A}, {"30m": {"shop": ON_A}}),
    "two nodes, one of them with two of the pods": ({**SHOP, **A, **B}, {"30m": {"shop": ON_BOTH}}),
    "a node without pods changes nothing": ({**SHOP, **A, **B, **C}, {"30m": {"shop": ON_BOTH}}),
    "a node that two namespaces share counts for both": (
        {**SHOP, **pod("bank", "pay-1", node="b"), **A, **B},
        {"30m": {"shop": ON_BOTH, "bank": ON_B}},
    ),
    "everything is there twice": ({**SHOP, **A, **B, **TWICE}, {"30m": {"shop": ON_BOTH}}),
    # promtool keeps a series for five minutes after its last sample; kube-state-metrics' own ends with the pod.
    "a pod that moved": ({**MOVED, **A, **B}, {"15m": {"shop": ON_A}, "40m": {"shop": ON_B}}),
    "a pod that has finished is on no node": (
        {**pod("shop", "web-1", node="a"), **pod("shop", "job", node="b", phase="Succeeded"), **A, **B},
        {"30m": {"shop": ON_A}},
    ),
    "nor is one that waits for a node": (
        {**pod("shop", "web-1", node="a"), **pod("shop", "new", node="", phase="Pending"), **A, **B},
        {"30m": {"shop": ON_A}},
    ),
    "a node under pressure": (
        {**SHOP, **pod("bank", "pay-1", node="a"), **A, **FULL},
        {"30m": {"shop": {**ON_BOTH, "namespace:nodes_disk_pressure:count": 1}, "bank": ON_A}},
    ),
    "a node that does not answer": (
        {**SHOP, **A, **GONE},
        {"30m": {"shop": {**ON_BOTH, "namespace:nodes_not_ready:count": 1}}},
    ),
    "no pods": ({**A, **B}, {"30m": {}}),
    "pods whose phase is not known": (without({**SHOP, **A, **B}, "kube_pod_status_phase"), {"30m": {}}),
    "pods whose node is not known": (without({**SHOP, **A, **B}, "kube_pod_info"), {"30m": {}}),
    "no conditions of nodes": (
        without({**SHOP, **A, **B}, "kube_node_status_condition"),
        {"30m": {"shop": only_recorded(ON_BOTH, "nodes:count", "cpu", "memory_used")}},
    ),
    "no cAdvisor": (
        without({**SHOP, **A, **B}, "container_cpu_usage_seconds_total", "container_memory_working_set_bytes"),
        {"30m": {"shop": only_recorded(ON_BOTH, ":count")}},
    ),
    "no sizes of nodes": (
        without({**SHOP, **A, **B}, "machine_cpu_cores", "machine_memory_bytes"),
        {"30m": {"shop": only_recorded(ON_BOTH, ":count")}},
    ),
    "one node of which nothing is known": (
        {**SHOP, **A},
        {"30m": {"shop": {**ON_A, "namespace:nodes:count": 2}}},
    ),
}


def as_test(name: str) -> JsonObject:
    """What promtool is to check in a case: each recorded series, also those that must not be there."""
    series, moments = CASES[name]
    checks = []
    for moment, namespaces in moments.items():
        for record in RECORDED:
            samples = [
                {"labels": f'{{namespace="{namespace}"}}', "value": found[record]}
                for namespace, found in namespaces.items()
                if record in found
            ]
            # A mean of floats is not exact.
            checks.append({"expr": f"round({record}, 0.0001)", "eval_time": moment, "exp_samples": samples})
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": one, "values": given} for one, given in series.items()],
        "promql_expr_test": checks,
    }


def groups() -> list[JsonObject]:
    """The rules of both entries that read the metrics."""
    found = []
    for name in ENTRIES:
        where = {"namespaces": ["any"]} if name == "kube-state-metrics" else {}
        (group, *_alerts) = only(objects_of_workloads({"id": name, **where}), "PrometheusRule")["spec"]["groups"]
        found.append(group)
    return found


@pytest.mark.parametrize("name", CASES)
def test_what_is_recorded_of_the_nodes_of_a_namespace(
    request: pytest.FixtureRequest, name: str, tmp_path: Path
) -> None:
    promtool = lab_program(request, "promtool")
    require_proofs([as_test(name)], groups=groups(), promtool=promtool, folder=tmp_path)


def test_the_cases_are_about_all_that_is_recorded() -> None:
    assert sorted(RECORDED) == sorted(ON_A)


def test_a_gateway_gives_all_of_it_by_default() -> None:
    (selector,) = [one for text in DEFAULT_MATCH for one in selectors_in(text) if "__name__" in text]
    (name,) = [matcher for matcher in selector.matchers if matcher.label == "__name__"]
    assert all(re.fullmatch(name.value, record) for record in RECORDED)
    others = [rule["record"] for entry in catalogue().values() for rule in entry.rules]
    assert {one for one in others if re.fullmatch(name.value, one)} == {*RECORDED}
