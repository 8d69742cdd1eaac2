# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The worker's side: what makes an instance reachable from other clusters. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    COMPONENT_LABEL,
    INSTANCE_LABEL,
    NAME_LABEL,
    SOURCE_CLUSTER_LABEL,
    common_labels,
    instance_pods,
    replica_pods,
    source_policy_name,
    source_service_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    CORE,
    NETWORKING,
    PROMETHEUS_PORT,
    WEB_PORT_NAME,
    JsonObject,
    make,
    service_port,
    tcp_ports,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.proxy import (
    NAME,
    PROXY_PORT,
    PROXY_PORT_NAME,
    proxy_objects,
    proxy_pods,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scrape import (
    FEDERATION_COMPONENT,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import Source


def source_objects(
    source: Source,
    *,
    cluster: str,
    namespace: str,
    replicas: int,
    prometheus: str = "",
    family: str | None = None,
    isolated: bool = True,
) -> list[JsonObject]:
    """What makes each replica of a team's Prometheus reachable from outside of *cluster*.

    *prometheus* is the name of the custom resource, by default the team's. *family* is the family of addresses that
    Services of the cluster have by default, None if that is not known. *isolated*: whether a network policy of the team
    closes the instance to the pods of other teams.
    """
    name = prometheus or source.team
    if source.expose == "Existing":
        return []
    labels = {
        **common_labels("prometheus", team=source.team),
        COMPONENT_LABEL: FEDERATION_COMPONENT,
        SOURCE_CLUSTER_LABEL: cluster,
    }
    services = [
        _exposed(source, replica, of=name, namespace=namespace, labels=labels, family=family)
        for replica in range(replicas)
    ]
    policy = _source_policy(source, of=name, replicas=replicas, namespace=namespace, labels=labels, isolated=isolated)
    if source.proxy is None:
        return [*services, policy]
    proxies = proxy_objects(
        source.proxy,
        access=source.scrape.access,
        team=source.team,
        of=name,
        replicas=replicas,
        namespace=namespace,
        labels=labels,
    )
    return [*services, policy, *proxies]


def _exposed(
    source: Source, replica: int, *, of: str, namespace: str, labels: t.Mapping[str, str], family: str | None
) -> JsonObject:
    """A Service for one replica: behind a shared one each scrape could meet another replica, with other samples."""
    port = service_port(WEB_PORT_NAME, PROMETHEUS_PORT)
    pods = replica_pods(of, replica)
    if source.proxy is not None:
        port["targetPort"] = PROXY_PORT_NAME
        pods = proxy_pods(source.team, replica)
    if source.node_port is not None:
        port["nodePort"] = source.node_port
    spec: JsonObject = {
        "type": source.expose,
        # Keeps the client's address, which the network policy looks at.
        "externalTrafficPolicy": "Local",
        "selector": pods,
        "ports": [port],
    }
    if source.ip_family is not None:
        spec |= {"ipFamilies": [source.ip_family], "ipFamilyPolicy": "SingleStack"}
    if source.expose == "LoadBalancer":
        spec["loadBalancerSourceRanges"] = _ranges(source, family=source.ip_family or family)
    return make(
        CORE,
        "Service",
        source_service_name(source.team, replica),
        namespace=namespace,
        labels=labels,
        annotations=source.annotations,
        spec=spec,
    )


def _ranges(source: Source, *, family: str | None) -> list[str]:
    """The clients of a load balancer. A Service has one family of addresses, and balancers refuse ranges of another."""
    if family is None:
        return source.allowed_of("IPv4") or source.allowed_of("IPv6")
    return source.allowed_of(family)


def _source_policy(
    source: Source, *, of: str, replicas: int, namespace: str, labels: t.Mapping[str, str], isolated: bool
) -> JsonObject:
    """Lets clients and health checks in: to the proxies where there are some, and then not to Prometheus itself."""
    # Clients and health checks apart, so that each can be read, and changed, by itself.
    ranges = [networks for networks in (source.allowed_sources, source.health_check_sources) if networks]
    port = PROMETHEUS_PORT if source.proxy is None else PROXY_PORT
    spec: JsonObject = {
        "podSelector": _exposed_pods(source, of=of, replicas=replicas),
        "policyTypes": ["Ingress"],
        "ingress": [
            {"from": [{"ipBlock": {"cidr": network}} for network in networks], "ports": tcp_ports(port)}
            for networks in ranges
        ],
    }
    if source.proxy is None and not isolated:
        # A policy closes the pods that it selects to all others: readers inside of the cluster, whom no policy of the
        # team keeps out, would be shut out by this one.
        spec["ingress"].append({"from": [{"namespaceSelector": {}}]})
    name = source_policy_name(source.team)
    return make(NETWORKING, "NetworkPolicy", name, namespace=namespace, labels=labels, spec=spec)


def _exposed_pods(source: Source, *, of: str, replicas: int) -> JsonObject:
    if source.proxy is None:
        return {"matchLabels": instance_pods("prometheus", name=of)}
    names = [source_service_name(source.team, replica) for replica in range(replicas)]
    return {
        "matchLabels": {NAME_LABEL: NAME},
        "matchExpressions": [{"key": INSTANCE_LABEL, "operator": "In", "values": sorted(names)}],
    }
