"""A control plane whose CRDs the tests install in every way there is, and the collection's own guard on it."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api import client
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.engine import CrdOutcome, apply_crds
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import OptIns
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.report import report
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import CrdSource, open_source
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.releases import GROUP, crd_folder, crds_of, differences, kubectl

JsonObject = dict[str, t.Any]

CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
LEASES, LEASE = "coordination.k8s.io/v1", "promfleet-set-crds"
OPERATORS = "operators"
PAUSE = "registry.k8s.io/pause:3.10"


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """One control plane; *only* are the plurals that it is about, all where there are none.

    The large CRDs cost the API server a second each, whatever is done with them.
    """

    plane: ControlPlane
    api: Cluster
    cluster: client.Cluster
    only: tuple[str, ...] = ()

    # -- the guard ----------------------------------------------------------------------------------------------

    def source(self, release: str) -> CrdSource:
        return open_source(version=release, source=str(self.folder(release)))

    def folder(self, release: str) -> Path:
        return crd_folder(release, only=self.only)

    def apply(self, release: str, *, check: bool = False, lock_timeout: float = 60.0, **opt_ins: t.Any) -> CrdOutcome:
        """What the module crds does for a release."""
        found = self.source(release)
        return apply_crds(
            self.cluster,
            source=found.digest,
            load=found.load,
            opt_ins=OptIns(**opt_ins),
            options=Options(check=check, wait_timeout=120, lock_timeout=lock_timeout),
        )

    def report(self, release: str) -> JsonObject:
        """What the module crds_info tells."""
        found = self.source(release)
        return report(self.cluster, found.load(), source=found.digest, records_namespace=None)

    # -- what others do -----------------------------------------------------------------------------------------

    def live(self) -> dict[str, JsonObject]:
        """The operator's CRDs as they are."""
        kind = self.api.kind(*CRD)
        return {crd["metadata"]["name"]: crd for crd in self.api.list_kind(kind) if crd["spec"]["group"] == GROUP}

    def lease(self) -> JsonObject | None:
        """What says who changes the CRDs now."""
        return self.api.find(LEASES, "Lease", LEASE, "kube-system")

    def differences(self, release: str) -> list[str]:
        """Where the CRDs are not exactly those of a release."""
        return differences(self.live(), release, only=self.only)

    def kubectl_create(self, release: str) -> None:
        """Install a release as the operator's own guide says."""
        kubectl(self.plane.kubeconfig, "create", f"--filename={self.folder(release)}")

    def kubectl_apply(self, crd: JsonObject) -> None:
        """Client-side apply, which keeps the whole object in an annotation."""
        kubectl(self.plane.kubeconfig, "apply", "--filename=-", text=json.dumps(crd))

    def force(self, release: str) -> None:
        """What kube-prometheus-stack's job does before a rollback."""
        folder = f"--filename={self.folder(release)}"
        kubectl(self.plane.kubeconfig, "apply", "--server-side", "--force-conflicts", folder)

    def replace(self, crd: JsonObject, *, manager: str) -> None:
        """Write a CRD as a whole, as Helm's older ways and many tools do."""
        path = self.api.kind(*CRD).path("", crd["metadata"]["name"])
        version = self.api.request("GET", path)["metadata"]["resourceVersion"]
        body = {**crd, "metadata": {**crd["metadata"], "resourceVersion": version}}
        self.api.request("PUT", path, query={"fieldManager": manager}, body=body)

    def remove_crd(self, name: str) -> None:
        """Delete one and wait until it is gone."""
        self.api.delete(*CRD, name)
        self.api.wait_until(lambda: name not in self.live(), f"{name} is gone")

    def served(self, release: str) -> None:
        """Wait until every kind of a release is served."""
        kinds = {crd["spec"]["names"]["kind"] for crd in crds_of(release, only=self.only).values()}
        self.api.wait_until(lambda: kinds <= {kind.kind for kind in self.api.kinds()}, f"the kinds of {release}")

    # -- operators ----------------------------------------------------------------------------------------------

    def run_operator(self, name: str, *, version: str, replicas: int = 1) -> None:
        """An operator's Deployment as a chart would make it. Nothing runs here, but its pods come and go."""
        self.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OPERATORS}}, force=True)
        for obj in operator_rights(name, namespace=OPERATORS):
            self.api.apply(obj, manager="helm", force=True)
        labels = {"app": name}
        # The name that Rancher's mirror has: no part of an image's name tells what it is.
        image = f"rancher/mirrored-prometheus-operator-prometheus-operator:v{version}"
        container = {"name": "operator", "image": image}
        spec = {
            "replicas": replicas,
            # Nothing here becomes ready, so that a rolling update would never end.
            "strategy": {"type": "Recreate"},
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"serviceAccountName": name, "containers": [container]},
            },
        }
        metadata = {"name": name, "namespace": OPERATORS}
        deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
        self.api.apply(deployment, manager="helm", force=True)
        self.api.wait_until(lambda: len(self.pods(name)) == replicas, f"{name} has its pods")

    def pods(self, name: str) -> set[str]:
        """The UIDs of an operator's pods."""
        query = {"labelSelector": f"app={name}"}
        found = self.api.request("GET", f"/api/v1/namespaces/{OPERATORS}/pods", query=query)["items"]
        return {pod["metadata"]["uid"] for pod in found if "deletionTimestamp" not in pod["metadata"]}

    def operator(self, name: str) -> JsonObject:
        return self.api.get("apps/v1", "Deployment", name, OPERATORS)


def operator_rights(name: str, *, namespace: str) -> list[JsonObject]:
    """The account of an operator with what it must be allowed at least, by which it is known to be one."""
    rbac = "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": [GROUP], "resources": ["prometheuses", "prometheuses/status"], "verbs": ["*"]},
        {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["*"]},
    ]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}},
        {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": f"chart-{name}"}, "rules": rules},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"chart-{name}"},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": f"chart-{name}"},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        },
    ]


def guarded(plane: ControlPlane, *, only: tuple[str, ...] = ()) -> Guarded:
    """Connects to a control plane."""
    cluster = client.connect({"kubeconfig": str(plane.kubeconfig), "context": plane.context})
    api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    return Guarded(plane=plane, api=api, cluster=cluster, only=only)
