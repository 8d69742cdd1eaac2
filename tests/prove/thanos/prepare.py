"""What the scenario federation_thanos needs beside clusters: the image of Thanos, and certificates as Secrets."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from promlab import build
from promlab.images import THANOS_IMAGE, build_image, image_path
from promlab.locking import locked
from promlab.progress import Progress
from promlab.settings import from_environment
from promlab.shell import logged
from promlab.toolchain import find_go
from tests.bench.proxy import Certificate, certificate
from tests.integration.support.cluster import Cluster

NAMESPACE = "monitoring-platform"
PROJECT = Path(__file__).resolve().parents[3]


def archive() -> Path:
    """The archive of the image, made where it is missing."""
    lab, progress = from_environment(), Progress(out=sys.stderr)
    lab.make()
    with locked(lab.locks, "build", purpose="building", say=progress.say):
        build.build_programs(["thanos"], lab=lab, progress=progress)
        go = find_go(lab, progress)
        path = image_path(lab, THANOS_IMAGE, architecture=go.architecture, rootfs_key="")
        if not path.exists():
            build_image(THANOS_IMAGE, path, lab=lab, architecture=go.architecture)
    return path


def secret(name: str, **data: bytes) -> dict[str, object]:
    """A Secret in the namespace of the instance."""
    head = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": NAMESPACE}}
    return {**head, "stringData": {key.replace("_", "."): value.decode() for key, value in data.items()}}


def give(cluster: Cluster, *, shown: tuple[str, Certificate], trusted: tuple[str, Certificate]) -> None:
    """One side's own certificate, and the authority of the other side."""
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    name, own = shown
    cluster.apply(secret(name, tls_crt=own.pem, tls_key=own.key_pem))
    name, authority = trusted
    cluster.apply(secret(name, ca_crt=authority.pem))


def main() -> int:
    """Load the image into both clusters, and make the Secrets there."""
    parser = argparse.ArgumentParser(prog="prepare")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--hub", required=True)
    parser.add_argument("--edge", required=True)
    arguments = parser.parse_args()
    load = [str(PROJECT / "tests/lab/lab"), "load", arguments.hub, arguments.edge, "--archive", str(archive())]
    logged(load, log=from_environment().logs / "thanos-image.log")
    workers, queries = certificate("workers"), certificate("queries")
    hub, edge = (
        Cluster(kubeconfig=arguments.kubeconfig, context=f"kind-{name}") for name in (arguments.hub, arguments.edge)
    )
    # Both have the name localhost, which the source gives as server_name.
    give(edge, shown=("sidecar", certificate("edge", authority=workers)), trusted=("queries-ca", queries))
    give(hub, shown=("query", certificate("hub", authority=queries)), trusted=("workers-ca", workers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
