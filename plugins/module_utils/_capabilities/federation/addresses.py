# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a worker's exposed instance can be reached: what the cluster gave to its Services."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    KNOWN_AFTER_APPLY,
    prometheus_name,
    source_service_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import Target
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import Source
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right

JsonObject = dict[str, t.Any]

WEB_PORT = 9090


def needed_rights(sources: t.Sequence[tuple[Source, Team]]) -> tuple[Right, ...]:
    """What finding the places of *sources* takes, besides what their Services take to be applied. Pure."""
    by_node = [team.namespace for source, team in sources if source.expose == "NodePort"]
    pods = {Right(group="", resource="pods", verb="get", namespace=namespace) for namespace in by_node}
    nodes = {Right(group="", resource="nodes", verb="get")} if by_node else set()
    services = {
        Right(group="", resource="services", verb="get", namespace=team.namespace)
        for source, team in sources
        if source.expose != "Existing"
    }
    return (*sorted(pods | services | nodes),)


def source_targets(cluster: Cluster, source: Source, *, team: Team, check: bool) -> list[Target]:
    """Where each replica of a source can be reached; a place of the user's own replaces what the cluster gave."""
    if source.expose == "Existing":
        return [Target(address=source.address or "", port=source.port)]
    found = [
        find_target(cluster, namespace=team.namespace, team=team.name, replica=replica, check=check)
        for replica in range(team.prometheus.replicas)
    ]
    if source.address is None:
        return found
    return [replace(target, address=source.address, port=source.port or target.port) for target in found]


def find_target(cluster: Cluster, *, namespace: str, team: str, replica: int, check: bool) -> Target:
    """The place of one exposed replica; in check mode it can be still to come, otherwise that is an error."""
    name = source_service_name(team, replica)
    service = cluster.find(f"/api/v1/namespaces/{namespace}/services/{name}")
    pod_name = f"{prometheus_name(team)}-{replica}"
    if service is None:
        if check:
            return Target(address=KNOWN_AFTER_APPLY, port=None, replica=replica)
        raise ClusterError(f"Service {namespace}/{name} does not exist")
    if service["spec"].get("type") == "LoadBalancer":
        return Target(address=_load_balancer(service, check=check), port=WEB_PORT, replica=replica)
    pod = cluster.find(f"/api/v1/namespaces/{namespace}/pods/{pod_name}")
    address = _node_address(cluster, str(((pod or {}).get("spec") or {}).get("nodeName") or ""))
    if address is None and not check:
        raise ClusterError(f"Pod {namespace}/{pod_name} runs on no node yet: its node port has no address")
    port = service["spec"]["ports"][0].get("nodePort")
    return Target(address=address or KNOWN_AFTER_APPLY, port=port, replica=replica)


def _load_balancer(service: JsonObject, *, check: bool) -> str:
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    address = next((item.get("ip") or item.get("hostname") for item in ingress), None)
    if address is None and not check:
        raise ClusterError(
            f"Service {service['metadata']['namespace']}/{service['metadata']['name']} has no load-balancer address: "
            "has the cluster a load-balancer controller? expose: NodePort needs none"
        )
    return str(address or KNOWN_AFTER_APPLY)


def _node_address(cluster: Cluster, node: str) -> str | None:
    """The node's internal address. Only the pod's own node answers: the Service keeps the client's address (Local)."""
    live = cluster.find(f"/api/v1/nodes/{node}") if node else None
    addresses = ((live or {}).get("status") or {}).get("addresses") or []
    return next((str(item["address"]) for item in addresses if item["type"] == "InternalIP"), None)
