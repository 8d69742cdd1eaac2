"""Volumes of instances grow: a real operator as a process beside a real API server.

No driver of the lab can expand volumes. What a driver would do, setting the capacity of a claim to what it asks for, is
done here by the test. Pods are those of the real StatefulSet controller, and no kubelet runs them.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete, Outcome

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import MERGE, Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.operator_process import operator, serve_crds
from tests.integration.support.planes import started
from tests.integration.support.prometheus_process import lab_program

JsonObject = dict[str, t.Any]

MONITORING = "monitoring.coreos.com/v1"
NAMESPACE = "monitoring-pay"
SET = "prometheus-pay"
CLAIMS = ["prometheus-pay-db-prometheus-pay-0", "prometheus-pay-db-prometheus-pay-1"]


@dataclass(frozen=True, kw_only=True)
class Volumes:
    """One control plane with an operator, and the module on it as an administrator."""

    plane: ControlPlane
    api: Cluster

    def run(self, size: str, *, check: bool = False, of_class: str = "fast", timeout: int = 60) -> Outcome:
        """One run with volumes of this size."""
        team = {
            "name": "pay",
            "quota": False,
            "network_policy": False,
            "alertmanager": {"enabled": False},
            "prometheus": {"replicas": 2, "storage": {"size": size, "class": of_class}},
        }
        result = run_module(
            "team_monitoring",
            kubeconfig=self.plane.kubeconfig,
            context=self.plane.context,
            check=check,
            cluster="hub",
            clusters=["hub"],
            platform={"prometheus": {"enabled": False}, "alertmanager": {"enabled": False}},
            teams=[team],
            wait=True,
            wait_timeout=timeout,
        )
        return t.cast(Outcome, result["outcome"])

    def claim(self, name: str) -> JsonObject:
        return self.api.get("v1", "PersistentVolumeClaim", name, NAMESPACE)

    def asked(self) -> set[str]:
        """What the claims ask for."""
        return {self.claim(name)["spec"]["resources"]["requests"]["storage"] for name in CLAIMS}

    def set_capacity(self, name: str) -> None:
        """What a driver does for a claim."""
        path = f"/api/v1/namespaces/{NAMESPACE}/persistentvolumeclaims/{name}/status"
        status = {"phase": "Bound", "capacity": self.claim(name)["spec"]["resources"]["requests"]}
        self.api.request("PATCH", path, body={"status": status}, content_type=MERGE)

    def pods(self) -> dict[str, str]:
        found = self.api.request("GET", f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]
        return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in found}

    def stateful_set(self) -> JsonObject | None:
        return self.api.find("apps/v1", "StatefulSet", SET, NAMESPACE)

    def prometheus(self) -> JsonObject:
        return self.api.get(MONITORING, "Prometheus", "pay", NAMESPACE)


def size_of(found: JsonObject) -> str:
    """What the claims of a StatefulSet will ask for."""
    (template,) = found["spec"]["volumeClaimTemplates"]
    size: str = template["spec"]["resources"]["requests"]["storage"]
    return size


def entries(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(one.action, one.key.kind, one.key.name) for one in outcome.sorted_changes()]


@pytest.fixture(scope="module")
def volumes(request: pytest.FixtureRequest) -> Iterator[Volumes]:
    """An instance with two replicas and a volume each."""
    with started(request, "test-volumes") as (plane,):
        api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
        serve_crds(api)
        for name, grows in (("fast", True), ("fixed", False)):
            api.apply(
                {
                    "apiVersion": "storage.k8s.io/v1",
                    "kind": "StorageClass",
                    "metadata": {"name": name},
                    "provisioner": "example.com/none",
                    "allowVolumeExpansion": grows,
                }
            )
        with operator(plane, lab_program(request, "operator")):
            found = Volumes(plane=plane, api=api)
            # Its pods never run, so the wait ends without them.
            with pytest.raises(Incomplete, match="not ready"):
                found.run("1Gi", timeout=1)
            make_pods(found)
            yield found


def make_pods(volumes: Volumes) -> None:
    """Until both replicas have their pod and their volume: the second comes when the first is ready."""
    for number, name in enumerate(CLAIMS):
        pod = f"{SET}-{number}"
        volumes.api.wait_until(lambda pod=pod: pod in volumes.pods(), f"{pod} is there")  # type: ignore[misc]
        volumes.set_capacity(name)
        conditions = [{"type": "Ready", "status": "True"}]
        volumes.api.request(
            "PATCH",
            f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/status",
            body={"status": {"phase": "Running", "conditions": conditions}},
            content_type=MERGE,
        )


def grow(volumes: Volumes, size: str) -> Outcome:
    """A run that lets the volumes grow, with a driver beside it."""
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(volumes.run, size)
        volumes.api.wait_until(lambda: volumes.asked() == {size}, "the claims ask for more")
        # Until the volumes are as large, the StatefulSet stays, and its pods with it.
        assert volumes.stateful_set() is not None
        assert volumes.prometheus()["spec"]["paused"] is True
        for name in CLAIMS:
            volumes.set_capacity(name)
        return running.result()


def test_volumes_grow_and_nothing_restarts(volumes: Volumes) -> None:
    pods, claims = volumes.pods(), {name: volumes.claim(name)["metadata"]["uid"] for name in CLAIMS}
    old = volumes.stateful_set()
    assert old is not None
    predicted = volumes.run("2Gi", check=True)

    done = grow(volumes, "2Gi")

    assert entries(done) == entries(predicted)
    assert done.warnings == predicted.warnings
    assert ("updated", "PersistentVolumeClaim", CLAIMS[0]) in entries(done)
    assert ("replaced", "StatefulSet", SET) in entries(done)
    volumes.api.wait_until(lambda: volumes.stateful_set() is not None, "the operator makes the StatefulSet again")
    new = volumes.stateful_set()
    assert new is not None
    assert new["metadata"]["uid"] != old["metadata"]["uid"]
    assert size_of(new) == "2Gi"
    assert volumes.pods() == pods
    assert {name: volumes.claim(name)["metadata"]["uid"] for name in CLAIMS} == claims
    assert "paused" not in volumes.prometheus()["spec"]
    assert entries(volumes.run("2Gi")) == []


def test_a_run_that_ends_too_early_is_completed_by_the_next(volumes: Volumes) -> None:
    with pytest.raises(Incomplete, match="not grown after 2 s"):
        volumes.run("3Gi", timeout=2)
    assert "paused" not in volumes.prometheus()["spec"], "an instance does not stay paused"
    assert volumes.asked() == {"3Gi"}
    assert size_of(volumes.stateful_set() or {}) == "2Gi"
    for name in CLAIMS:
        volumes.set_capacity(name)
    volumes.run("3Gi")
    volumes.api.wait_until(lambda: volumes.stateful_set() is not None, "the operator makes the StatefulSet again")
    assert size_of(volumes.stateful_set() or {}) == "3Gi"


@pytest.mark.parametrize(
    ("size", "of_class", "reason"),
    [
        ("1Gi", "fast", "volumes cannot shrink .3Gi -> 1Gi.: set prometheus.storage.size to 3Gi or more"),
        ("3Gi", "fixed", "the storage class of volumes that exist cannot change .fast -> fixed."),
    ],
)
def test_what_would_lose_data_is_refused(volumes: Volumes, size: str, of_class: str, reason: str) -> None:
    for check in (True, False):
        with pytest.raises(Refused, match=reason):
            volumes.run(size, of_class=of_class, check=check)
    assert volumes.asked() == {"3Gi"}


def test_a_class_that_cannot_grow_is_refused(volumes: Volumes) -> None:
    path = "/apis/storage.k8s.io/v1/storageclasses/fast"
    volumes.api.request("PATCH", path, body={"allowVolumeExpansion": False}, content_type=MERGE)
    with pytest.raises(Refused, match="volumes of the storage class fast cannot grow"):
        volumes.run("4Gi")
    assert "paused" not in volumes.prometheus()["spec"]
