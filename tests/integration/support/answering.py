"""Pods that answer on a control plane without nodes: their address is this machine's, where a real Prometheus listens.

The API server's proxy takes the way that it takes everywhere: Service, EndpointSlice, address of a pod.
"""

from __future__ import annotations

import socket
from functools import partial

from tests.integration.support.cluster import MERGE, Cluster, JsonObject


def own_address() -> str:
    """An address of this machine that is not loopback: the API server passes on nothing to that."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        # Nothing is sent; it only chooses the address that packets would leave from.
        one.connect(("192.0.2.1", 9))
        return str(one.getsockname()[0])


def answering_pod(cluster: Cluster, *, namespace: str, name: str, services: list[str], port: int) -> None:
    """A pod that all *services* of the namespace select, with a port of the name web at this machine's address."""
    selectors = [cluster.get("v1", "Service", service, namespace)["spec"]["selector"] for service in services]
    labels = {"app.kubernetes.io/managed-by": "prometheus-operator"}
    for selector in selectors:
        labels |= selector
    path = f"/api/v1/namespaces/{namespace}/pods/{name}"
    if cluster.find("v1", "Pod", name, namespace) is not None:
        cluster.send("DELETE", path, body={"gracePeriodSeconds": 0})
    cluster.apply({"apiVersion": "v1", "kind": "Pod", **_pod(namespace, name, labels=labels, port=port)})
    address = own_address()
    status = {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}],
    }
    cluster.request("PATCH", f"{path}/status", body={"status": status}, content_type=MERGE)
    for service in services:
        query = {"labelSelector": f"kubernetes.io/service-name={service}"}
        cluster.wait_until(partial(_is_ready, cluster, namespace, query), f"{service} has the pod's address")


def _is_ready(cluster: Cluster, namespace: str, query: dict[str, str]) -> bool:
    path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    items = cluster.request("GET", path, query=query)["items"]
    return any(endpoint["conditions"]["ready"] for one in items for endpoint in one.get("endpoints") or ())


def _pod(namespace: str, name: str, *, labels: dict[str, str], port: int) -> JsonObject:
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}
    container = {
        "name": "prometheus",
        "image": "any",
        "resources": {"requests": {"cpu": "10m", "memory": "10Mi"}, "limits": {"memory": "10Mi"}},
        "securityContext": security,
        "ports": [{"name": "web", "containerPort": port}],
    }
    spec = {
        "nodeName": "node",
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
    }
    return {"metadata": {"name": name, "namespace": namespace, "labels": labels}, "spec": spec}
