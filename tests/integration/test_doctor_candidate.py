"""The doctor before the apply, on a real API server: what it finds then is what it finds afterwards."""

from __future__ import annotations

import contextlib
import typing as t
from collections.abc import Iterator
from functools import partial

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import replica_pods
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.catalogue import CODES

from tests.integration.support.cluster import JsonObject
from tests.integration.support.planes import started, with_policy_engine
from tests.integration.support.rights import ACCOUNTS, ENDPOINTS, SHARED, SOURCES, Bench, prepared
from tests.integration.support.slices import made_by_kubernetes, removed

CENTRAL = "monitoring-platform"
NAME = "federation-edge-platform"
LOOK: JsonObject = {**SHARED, "sources": ENDPOINTS, "exposed": SOURCES, "wait_timeout": 60}
DISCOVERY, MONITORING, NETWORK = "discovery.k8s.io/v1", "monitoring.coreos.com/v1", "networking.k8s.io/v1"
POD = "prometheus-platform-0"
RUNS = ("crds", "operator", "teams", "source", "endpoints")


@pytest.fixture(scope="module")
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    # Two blocks: pylint takes a name that a list of contexts unpacks for unassigned in the next context.
    with started(request, "test-candidate") as (plane,):  # noqa: SIM117
        with prepared(with_policy_engine(plane), tmp_path_factory.mktemp("candidate")) as found:
            # The account may read, and nothing else.
            reader = ACCOUNTS["promfleet-reader"]
            found.give(reader.rules, in_kube_system=reader.record_rules)
            yield found


def look(bench: Bench, **options: t.Any) -> JsonObject:
    return bench.module("federation_doctor", **{**LOOK, **options})


def known_before(result: JsonObject) -> dict[str, str]:
    """What was seen of the codes that can be known before an apply: by fingerprint, for people."""
    return {
        one["fingerprint"]: f"{one['code']} {one['object']['kind']}/{one['object']['name']}: {one['message']}"
        for one in result["findings"]
        # No team has a receiver here.
        if one["observed"] and "before" in CODES[one["code"]].when and one["code"] != "PF236"
    }


def apply(bench: Bench) -> None:
    """The site run; where another manager owns what it wants it fails, as it would for users."""
    for name in RUNS:
        with contextlib.suppress(ClusterError):
            bench.call(name, by_admin=True)


def test_an_empty_cluster_will_be_well(bench: Bench) -> None:
    edge = look(bench, mode="candidate", cluster="edge", sources=[])
    before = look(bench, mode="candidate", peers=[edge["observation"]])
    assert known_before(before) == {}
    assert before["failure"] is None
    # What only the applied cluster shows is said once, and none of it counts as well.
    later = {one["object"]["name"]: one for one in before["findings"] if one["code"] == "PF009"}
    assert later.keys() == {"hub", "edge"}
    assert not any(one["observed"] for one in later.values())
    unknown = {one["check"] for one in before["checks"] if one["code"] == "PF009"}
    assert unknown == {name for one in later.values() for name in one["evidence"]["checks"]}
    assert {"federation_loaded", "federation_target_up", "prometheus_available", "operator"} <= unknown
    well = {one["check"] for one in before["checks"] if one["ok"]}
    assert {"exposed_service", "federation_monitor", "federation_selection", "prometheus_as_described"} <= well
    # The same input, looked at as the cluster is.
    assert {"PF101", "PF102"} <= {one["code"] for one in look(bench)["findings"]}
    assert bench.admin.find("v1", "Namespace", CENTRAL) is None


@pytest.fixture(scope="module")
def applied(bench: Bench) -> Bench:
    """The cluster after the apply."""
    apply(bench)
    bench.run_platform()
    bench.stop_platform(CENTRAL)
    bench.admin.wait_until(lambda: bench.admin.find("v1", "Pod", POD, CENTRAL) is None, "its pod is gone")
    bench.admin.apply(operated_pod(), force=True)
    apply(bench)
    return bench


def operated_pod() -> JsonObject:
    """A pod as the operator makes it, as far as the doctor reads it."""
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}
    resources = {"requests": {"cpu": "10m", "memory": "10Mi"}, "limits": {"memory": "10Mi"}}
    ports = [{"name": "web", "containerPort": 9090, "protocol": "TCP"}]
    container = {"name": "any", "image": "any", "resources": resources, "securityContext": security, "ports": ports}
    labels = {
        **replica_pods("platform", 0), "app.kubernetes.io/managed-by": "prometheus-operator",
        "app.kubernetes.io/name": "prometheus", "app.kubernetes.io/instance": "platform",
    }  # fmt: skip
    spec = {
        "nodeName": "node",
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
    }
    metadata = {"name": POD, "namespace": CENTRAL, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def test_it_is_well_after_the_apply(applied: Bench) -> None:
    assert known_before(look(applied)) == {}
    assert known_before(look(applied, mode="candidate")) == {}


Obj: t.TypeAlias = tuple[str, str, str]
# What others did to an object before the apply (a merge patch), and the code that is found before it and after it.
FAULTS: dict[str, tuple[Obj, JsonObject, str]] = {
    "operator stopped": (("apps/v1", "Deployment", "prometheus-operator"), {"spec": {"replicas": 0}}, "PF107"),
    "namespace of another team": (
        ("v1", "Namespace", "pay"), {"metadata": {"labels": {"promfleet.monitoring/team": "other"}}}, "PF212",
    ),
    "other image": ((MONITORING, "Prometheus", "platform"), {"spec": {"logLevel": "debug"}}, "PF230"),
    "paused": ((MONITORING, "Prometheus", "platform"), {"spec": {"paused": True}}, "PF231"),
    "external labels": (
        (MONITORING, "Prometheus", "platform"), {"spec": {"externalLabels": {"cluster": "elsewhere"}}}, "PF232",
    ),
    "honorLabels": ((MONITORING, "Prometheus", "platform"), {"spec": {"overrideHonorLabels": True}}, "PF233"),
    "enforced": ((MONITORING, "Prometheus", "platform"), {"spec": {"enforcedSampleLimit": 7}}, "PF234"),
    "selection": (
        (MONITORING, "Prometheus", "platform"),
        {"spec": {"serviceMonitorSelector": {"matchLabels": {"a": "b"}}}},
        "PF235",
    ),
    "monitor without its label": (
        (MONITORING, "Prometheus", "platform"),
        {"spec": {"serviceMonitorSelector": {"matchLabels": {"a": "b"}}}},
        "PF315",
    ),
    "Service without its label": (
        ("v1", "Service", NAME), {"metadata": {"labels": {"app.kubernetes.io/instance": "x"}}}, "PF302",
    ),
    "limit": ((MONITORING, "ServiceMonitor", NAME), {"spec": {"sampleLimit": 1}}, "PF310"),
    "selector on the Service": (("v1", "Service", NAME), {"spec": {"selector": {"a": "b"}}}, "PF311"),
    "slice of another Service": (
        (DISCOVERY, "EndpointSlice", f"{NAME}-0"),
        {"metadata": {"labels": {"kubernetes.io/service-name": "x"}}},
        "PF312",
    ),
    "port name": (
        (DISCOVERY, "EndpointSlice", f"{NAME}-0"),
        {"ports": [{"name": "x", "port": 31090, "protocol": "TCP"}]},
        "PF313",
    ),
    "another address": (
        (DISCOVERY, "EndpointSlice", f"{NAME}-0"), {"endpoints": [{"addresses": ["192.0.2.8"]}]}, "PF314",
    ),
    "exposing selector": (
        ("v1", "Service", "prometheus-platform-federation-0"), {"spec": {"selector": {"a": "b"}}}, "PF321",
    ),
    "exposing port": (
        ("v1", "Service", "prometheus-platform-federation-0"), {"spec": {"ports": [
            {"name": "web", "port": 9090, "targetPort": 7, "protocol": "TCP"}]}}, "PF322",
    ),
    "exposing type": (
        ("v1", "Service", "prometheus-platform-federation-0"), {"spec": {"type": "LoadBalancer"}}, "PF328",
    ),
    "policy that closes": (
        (NETWORK, "NetworkPolicy", "prometheus-platform-federation"),
        {"spec": {"ingress": [{"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}]}},
        "PF326",
    ),
    "monitor of other namespaces": (
        (MONITORING, "ServiceMonitor", NAME), {"spec": {"namespaceSelector": {"matchNames": ["default"]}}}, "PF384",
    ),
    "labels of others": ((MONITORING, "ServiceMonitor", NAME), {
        "metadata": {"labels": {"app.kubernetes.io/component": "x"}}}, "PF385"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_found_before_the_apply_is_found_after_it(applied: Bench, name: str) -> None:
    (version, kind, of), patch, code = FAULTS[name]
    space = {"Namespace": "", "Deployment": "prometheus-operator"}.get(kind, CENTRAL)
    obj = applied.admin.get(version, kind, of, space)
    applied.admin.edit(version, kind, of, patch, namespace=space)
    makes_slices = of == NAME and kind == "Service" and "spec" in patch
    try:
        if makes_slices:
            applied.admin.wait_until(lambda: len(kubernetes_made(applied)) == 2, "Kubernetes made its own objects")
        before = look(applied, mode="candidate")
        apply(applied)
        after = look(applied)
    finally:
        if space == CENTRAL and kind != "Prometheus":
            # Kubernetes keeps some of what an edit brought.
            applied.admin.delete(version, kind, of, space)
        else:
            applied.admin.edit(version, kind, of, inverse(patch, obj), namespace=space)
        apply(applied)
        if makes_slices:
            gone = partial(removed, applied.admin, NAME, namespace=CENTRAL)
            applied.admin.wait_until(gone, "what Kubernetes left is removed")
    assert code in {one["code"] for one in before["findings"]}
    assert known_before(before) == known_before(after)
    assert known_before(look(applied)) == {}


def kubernetes_made(bench: Bench) -> list[tuple[str, str, str]]:
    return made_by_kubernetes(bench.admin, NAME, namespace=CENTRAL)


def inverse(patch: t.Any, before: t.Any) -> t.Any:
    if not isinstance(patch, dict) or not isinstance(before, dict):
        return before
    return {name: inverse(value, before.get(name)) for name, value in patch.items()}
