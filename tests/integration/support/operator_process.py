"""The operator as a process beside a control plane: what it writes for our objects, without a pod."""

from __future__ import annotations

import base64
import gzip
import os
import subprocess
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import load_crds

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster

JsonObject = dict[str, t.Any]


def serve_crds(cluster: Cluster) -> None:
    """Let the API server serve the operator's kinds."""
    crds = load_crds(version=PROMETHEUS_OPERATOR)
    for crd in crds:
        cluster.apply(crd, force=True)
    kinds = {crd["spec"]["names"]["kind"] for crd in crds}
    cluster.wait_until(lambda: kinds <= {kind.kind for kind in cluster.kinds()}, "the CRDs are served")


@contextmanager
def operator(plane: ControlPlane, program: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The operator for the time of a with block."""
    flags = ["--web.listen-address=127.0.0.1:0", "--kubelet-endpoints=false"]
    with plane.log("operator").open("ab") as sink:
        process = subprocess.Popen(
            [str(program), *flags],
            env={**os.environ, "KUBECONFIG": str(plane.kubeconfig)},
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def compressed(cluster: Cluster, *, namespace: str, name: str) -> bytes:
    """The configuration of the Prometheus *name* as the operator keeps it in a Secret; empty if there is none."""
    found = cluster.find("v1", "Secret", f"prometheus-{name}", namespace)
    return base64.b64decode(found["data"]["prometheus.yaml.gz"]) if found else b""


def configuration(cluster: Cluster, *, namespace: str, name: str) -> JsonObject:
    """The same as data."""
    packed = compressed(cluster, namespace=namespace, name=name)
    loaded: JsonObject = yaml.load(gzip.decompress(packed), yaml.CSafeLoader) if packed else {}
    return loaded
