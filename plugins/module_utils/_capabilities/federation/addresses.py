# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses: which family a cluster has, and where a worker's exposed instance can be reached."""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Readable
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError, Forbidden
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of, url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    KNOWN_AFTER_APPLY,
    prometheus_name,
    source_service_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import THANOS_PORT
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import Target
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.exposure import FAMILIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.proxy import proxy_pods
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import Source
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right

JsonObject = dict[str, t.Any]

WEB_PORT = 9090


def port_of(source: Source) -> int:
    """The port at which a load balancer answers for a source. Pure."""
    return THANOS_PORT if source.is_queried else WEB_PORT


def family_of_services(cluster: Cluster) -> str | None:
    """The family of addresses that Services of *cluster* have by default; None if the account may not see it.

    The Service of the API server itself, which every cluster has, got its address in the same way
    (pkg/controlplane/controller/kubernetesservice in k8s.io/kubernetes).
    """
    try:
        service = cluster.find(url_path("v1", "services", namespace="default", name="kubernetes"))
    except Forbidden:
        return None
    return next(iter(_families(service or {})), None)


def _families(service: JsonObject) -> list[str]:
    families = (service.get("spec") or {}).get("ipFamilies") or []
    return [str(family) for family in families if family in FAMILIES]


def needed_rights(sources: t.Sequence[tuple[Source, Team]]) -> tuple[Right, ...]:
    """What finding the places of *sources* takes, besides what their Services take to be applied. Pure."""
    by_node = [(source, team.namespace) for source, team in sources if source.expose == "NodePort"]
    pods = {
        # The name of a proxy's pod is not known.
        Right(group="", resource="pods", verb="get" if source.proxy is None else "list", namespace=namespace)
        for source, namespace in by_node
    }
    nodes = {Right(group="", resource="nodes", verb="get")} if by_node else set()
    services = {
        Right(group="", resource="services", verb="get", namespace=team.namespace)
        for source, team in sources
        if source.expose != "Existing"
    }
    return (*sorted(pods | services | nodes),)


def source_targets(cluster: Readable, source: Source, *, team: Team, check: bool) -> list[Target]:
    """The address of each replica of a source; an address that the user gives replaces the cluster's."""
    if source.expose == "Existing":
        return [Target(address=source.address or "", port=source.port)]
    found = [
        find_target(
            cluster,
            namespace=team.namespace,
            team=team.name,
            prometheus=team.prometheus.name,
            replica=replica,
            proxied=source.proxy is not None,
            port=port_of(source),
            check=check,
        )
        for replica in range(team.prometheus.replicas)
    ]
    if source.address is None:
        return found
    return [replace(target, address=source.address, port=source.port or target.port, others=()) for target in found]


def find_target(
    cluster: Readable,
    *,
    namespace: str,
    team: str,
    replica: int,
    check: bool,
    prometheus: str = "",
    proxied: bool = False,
    port: int = WEB_PORT,
) -> Target:
    """The address of one exposed replica. In check mode it may not exist yet; otherwise that is an error.

    *prometheus* is the name of the custom resource, by default the team's. *proxied*: a proxy is in front of it.
    *port*: that of a load balancer.
    """
    name = source_service_name(team, replica)
    service = cluster.find(url_path("v1", "services", namespace=namespace, name=name))
    if service is None:
        if check:
            return Target(address=KNOWN_AFTER_APPLY, port=None, replica=replica)
        raise ClusterError(f"{Key('', 'Service', namespace, name)} does not exist")
    if service["spec"].get("type") == "LoadBalancer":
        address, *others = _load_balancer(service, check=check)
        return Target(address=address, port=port, replica=replica, others=tuple(others))
    pod = Key("", "Pod", namespace, f"{prometheus_name(prometheus or team)}-{replica}")
    if proxied:
        pod = Key("apps", "Deployment", namespace, name)
        node = _proxy_node(cluster, team, replica, namespace)
    else:
        node = _node_of(cluster.find(url_path("v1", "pods", namespace=namespace, name=pod.name)))
    place = _node_address(cluster, node, families=_families(service))
    if place is None and not check:
        raise ClusterError(f"{pod} is not scheduled to a node yet: its node port has no address")
    node_port = service["spec"]["ports"][0].get("nodePort")
    return Target(address=place or KNOWN_AFTER_APPLY, port=node_port, replica=replica)


def _node_of(pod: JsonObject | None) -> str:
    return str(((pod or {}).get("spec") or {}).get("nodeName") or "")


def _proxy_node(cluster: Readable, team: str, replica: int, namespace: str) -> str:
    """The node that the proxy of a replica runs on, empty if it does not; pods that end do not count."""
    resource = cluster.resource("v1", "Pod")
    selector = ",".join(f"{name}={value}" for name, value in proxy_pods(team, replica).items())
    pods = cluster.list_objects(resource, namespace=namespace, selector=selector) if resource is not None else []
    nodes = [_node_of(pod) for pod in pods if "deletionTimestamp" not in pod["metadata"]]
    return next(filter(None, sorted(nodes)), "")


def _load_balancer(service: JsonObject, *, check: bool) -> list[str]:
    """Where a load balancer answers: its addresses, those of the Service's first family first; else its DNS names.

    Each group is sorted: the order of the list that a controller writes may change from one day to the next.
    """
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    addresses = {str(item["ip"]) for item in ingress if item.get("ip")}
    found = _by_family(addresses, _families(service)) or sorted(
        {str(item["hostname"]) for item in ingress if item.get("hostname")}
    )
    if not found and not check:
        raise ClusterError(
            f"{key_of({'apiVersion': 'v1', 'kind': 'Service', **service})} has no load-balancer address: "
            "has the cluster a load-balancer controller? expose: NodePort needs none"
        )
    return found or [KNOWN_AFTER_APPLY]


def _by_family(addresses: t.Iterable[str], families: t.Sequence[str]) -> list[str]:
    """*addresses* in the order of *families*, and those of other families last; sorted by number within a family."""
    versions = [FAMILIES[family] for family in families]

    def order(text: str) -> tuple[int, int, int]:
        address = ipaddress.ip_address(text)
        known = address.version in versions
        return versions.index(address.version) if known else len(versions), address.version, int(address)

    return sorted(addresses, key=order)


def _node_address(cluster: Readable, node: str, *, families: t.Sequence[str]) -> str | None:
    """The internal address at which the node serves a Service of *families*, whose first one counts.

    Only the pod's own node answers: the Service keeps the client's address (Local).
    """
    live = cluster.find(url_path("v1", "nodes", name=node)) if node else None
    addresses = ((live or {}).get("status") or {}).get("addresses") or []
    internal = [str(item["address"]) for item in addresses if item["type"] == "InternalIP"]
    versions = {FAMILIES[family] for family in families[:1]}
    return next((text for text in internal if not versions or ipaddress.ip_address(text).version in versions), None)


# -- what the central side reads now ------------------------------------------------------------------------------


def addresses_in_use(live: JsonObject | None) -> set[str]:
    """The addresses that a live EndpointSlice or ScrapeConfig of the central side has. Pure."""
    if live is None:
        return set()
    if live["kind"] == "EndpointSlice":
        return {str(address) for endpoint in live.get("endpoints") or [] for address in endpoint.get("addresses") or []}
    configs = (live.get("spec") or {}).get("staticConfigs") or []
    places = (str(place) for config in configs for place in config.get("targets") or [])
    return {place.rpartition(":")[0].strip("[]") for place in places}
