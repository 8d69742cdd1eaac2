"""What the scenario federation_thanos needs beside clusters: the image of Thanos, and certificates as Secrets."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from promlab.settings import from_environment
from promlab.shell import logged
from tests.bench.proxy import Certificate, certificate
from tests.integration.support.cluster import Cluster

NAMESPACE = "monitoring-platform"
PROJECT = Path(__file__).resolve().parents[3]


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
    load = [str(PROJECT / "tests/lab/lab"), "load", arguments.hub, arguments.edge, "--made", "thanos"]
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
