"""What Kubernetes itself makes of a Service that has a selector, and leaves when the selector is taken away."""

from __future__ import annotations

from tests.integration.support.cluster import Cluster
from tests.integration.support.managed import MANAGER


def made_by_kubernetes(admin: Cluster, service: str, *, namespace: str) -> list[tuple[str, str, str]]:
    """The Endpoints and the slice of a Service with a selector; both stay when the selector is taken away."""
    made = [("v1", "Endpoints", service)] if admin.find("v1", "Endpoints", service, namespace) else []
    selector = f"kubernetes.io/service-name={service},endpointslice.kubernetes.io/managed-by!={MANAGER}"
    slices = admin.list_kind(admin.kind("discovery.k8s.io/v1", "EndpointSlice"), selector=selector)
    return [*made, *(("discovery.k8s.io/v1", "EndpointSlice", one["metadata"]["name"]) for one in slices)]


def removed(admin: Cluster, service: str, *, namespace: str) -> bool:
    """Remove them, Endpoints first: of these Kubernetes makes a slice again. Whether nothing was left."""
    left = made_by_kubernetes(admin, service, namespace=namespace)
    for version, kind, name in left:
        admin.delete(version, kind, name, namespace)
    return not left
