"""Removes everything of ours from a cluster of the tests, without any code of the collection: a clean start."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from tests.integration.support.cluster import ApiError, Cluster, JsonObject, Kind, described
from tests.integration.support.managed import SET_LABEL

OWN_PREFIX = "promfleet.monitoring/"
GROUP = "monitoring.coreos.com"
# In this order of appearance nothing makes them again: the operator goes with its instances, pods with their owners.
RUNNERS = ("Prometheus", "Alertmanager", "DaemonSet", "Deployment", "StatefulSet", "Pod")
CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
# A mistake in a name must not cost anybody a cluster.
CONTEXTS = ("kind-test-",)
NAMESPACE_PREFIX = "monitoring-"
# What the tests install of others (published.py), and what that operator makes outside of its namespace.
OTHERS_NAMESPACE = "monitoring"
OTHERS = ("app.kubernetes.io/part-of=kube-prometheus", "app.kubernetes.io/managed-by=prometheus-operator")
TIMEOUT = 120


def wipe(cluster: Cluster) -> list[str]:
    """Deletes what carries a label of ours and the operator's CRDs, waits until all is gone, and tells what it was."""
    if not cluster.context.startswith(CONTEXTS):
        message = f"{cluster.context} is not a cluster of the tests"
        raise SystemExit(message)
    deadline = time.monotonic() + TIMEOUT
    found: dict[str, None] = {}
    while left := _leftovers(cluster):
        for kind, obj in left:
            found[described(obj)] = None
            if "deletionTimestamp" not in obj["metadata"]:
                _delete(cluster, kind, obj)
        if time.monotonic() > deadline:
            raise SystemExit("still there: " + ", ".join(described(obj) for _kind, obj in left))
        time.sleep(0.5)
    return list(found)


def _leftovers(cluster: Cluster) -> list[tuple[Kind, JsonObject]]:
    """What goes next: what runs pods, then namespaces while the kinds of what they hold are served, then the rest."""
    kinds = [kind for kind in cluster.kinds() if kind.listable]
    namespaces = next(kind for kind in kinds if kind.kind == "Namespace")
    # Of a namespace that was released, because volume claims were in it, only the name is left to tell.
    ours = [
        (namespaces, obj)
        for obj in cluster.list_kind(namespaces)
        if _is_ours(obj)
        or obj["metadata"]["name"].startswith(NAMESPACE_PREFIX)
        or obj["metadata"]["name"] == OTHERS_NAMESPACE
    ]
    names = {obj["metadata"]["name"] for _kind, obj in ours}
    # A namespace that still has a terminating pod is looked at again after half the pod's grace period: Prometheus
    # has ten minutes.
    running = [
        (kind, obj)
        for kind in kinds
        if kind.kind in RUNNERS
        for obj in cluster.list_kind(kind)
        if obj["metadata"].get("namespace") in names
    ]
    if running or ours:
        return running or ours
    crds = next(kind for kind in kinds if kind.kind == CRD[1])
    rest = [(crds, obj) for obj in cluster.list_kind(crds) if obj["spec"]["group"] == GROUP]
    for kind in kinds:
        for selector in (SET_LABEL, *OTHERS):
            rest += [(kind, obj) for obj in cluster.list_kind(kind, selector=selector)]
    return rest


def _is_ours(obj: JsonObject) -> bool:
    return any(label.startswith(OWN_PREFIX) for label in obj["metadata"].get("labels") or ())


def _delete(cluster: Cluster, kind: Kind, obj: JsonObject) -> None:
    try:
        cluster.send("DELETE", kind.path(obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))
    except ApiError as error:
        if error.status != 404:
            raise


def main() -> None:
    """Wipes one cluster."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--context", required=True)
    arguments = parser.parse_args()
    cluster = Cluster(kubeconfig=arguments.kubeconfig.expanduser(), context=arguments.context)
    removed = wipe(cluster)
    print("\n".join(["removed:", *removed]) if removed else "nothing to remove")


if __name__ == "__main__":
    main()
