"""kubectl as a peer, and plain requests to the measured API server."""

from __future__ import annotations

import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import load_crds
from prometheus_client.parser import text_string_to_metric_families

from promlab.controlplane import ControlPlane
from promlab.settings import from_environment
from tests.bench.measure import Measured, run
from tests.bench.project import JsonObject
from tests.integration.support.cluster import MERGE, Cluster

INSTANCES = ("Prometheus", "Alertmanager")


def kubectl_apply(plane: ControlPlane, manifests: Path, *, times: int = 1) -> Measured:
    """`kubectl apply --server-side` of a file, the whole process."""
    program = from_environment().bin / "kubectl"
    command: list[str | Path] = [
        program,
        "--kubeconfig",
        plane.kubeconfig,
        "apply",
        "--server-side",
        "--force-conflicts",
        "-f",
        manifests,
    ]
    return run(command, env={**os.environ, "HOME": str(plane.folder)}, cwd=plane.folder, times=times)


def write_manifests(folder: Path, objects: list[JsonObject], *, order: str = "") -> Path:
    """One file with all objects, as kubectl takes it."""
    path = folder / f"objects{order}.json"
    path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return path


def install_crds(plane: ControlPlane) -> Cluster:
    """The CRDs of the pinned release, served."""
    cluster = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    crds = load_crds(version=PROMETHEUS_OPERATOR)
    for crd in crds:
        cluster.apply(crd, force=True)
    kinds = {crd["spec"]["names"]["kind"] for crd in crds}
    cluster.wait_until(lambda: kinds <= {kind.kind for kind in cluster.kinds()}, "the CRDs are served")
    return cluster


def pretend_ready(cluster: Cluster) -> None:
    """Writes the status that an operator writes for instances that run: no operator runs here, and waiting is on."""

    def patch(obj: JsonObject) -> None:
        kind = kinds[obj["kind"]]
        generation = obj["metadata"]["generation"]
        replicas = obj["spec"].get("replicas", 1)
        conditions = [
            {
                "type": name,
                "status": "True",
                "observedGeneration": generation,
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
            for name in ("Available", "Reconciled")
        ]
        counters = dict.fromkeys(("replicas", "updatedReplicas", "availableReplicas"), replicas)
        status = {"paused": False, "unavailableReplicas": 0, "conditions": conditions, **counters}
        path = kind.path(obj["metadata"]["namespace"], obj["metadata"]["name"]) + "/status"
        cluster.request("PATCH", path, body={"status": status}, content_type=MERGE)

    kinds = {name: cluster.kind("monitoring.coreos.com/v1", name) for name in INSTANCES}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(patch, [obj for kind in kinds.values() for obj in cluster.list_kind(kind)]))


def request_counts(cluster: Cluster) -> Counter[str]:
    """`apiserver_request_total` by verb and resource, as the API server counts it; discovery has no resource."""
    counts: Counter[str] = Counter()
    text = cluster.send("GET", "/metrics").decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "apiserver_request_total":
                labels = sample.labels
                counts[f"{labels['verb']} {labels['resource'] or 'discovery'}"] += int(sample.value)
    return counts
