# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The worker's side: what makes an instance reachable from other clusters. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    COMPONENT_LABEL,
    INSTANCE_LABEL,
    NAME_LABEL,
    SOURCE_CLUSTER_LABEL,
    common_labels,
    instance_pods,
    replica_pods,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    CORE,
    GRPC_PORT_NAME,
    NETWORKING,
    PROMETHEUS_PORT,
    THANOS_PORT,
    TO_DNS,
    WEB_PORT_NAME,
    JsonObject,
    make,
    service_port,
    tcp_ports,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.exposure import Exposure
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.proxy import (
    NAME,
    PROXY_PORT,
    PROXY_PORT_NAME,
    READING,
    WRITING,
    Door,
    proxy_objects,
    proxy_pods,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scrape import (
    FEDERATION_COMPONENT,
    RECEIVER_COMPONENT,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import Source
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.pods import (
    DEFAULT_PODS,
    PodSettings,
)

_TO_REPLICA = tcp_ports(PROMETHEUS_PORT)


def source_objects(
    source: Source,
    *,
    cluster: str,
    namespace: str,
    replicas: int,
    prometheus: str = "",
    family: str | None = None,
    isolated: bool = True,
    pods: PodSettings = DEFAULT_PODS,
) -> list[JsonObject]:
    """What makes each replica of a team's Prometheus reachable from outside of *cluster*.

    *prometheus* is the name of the custom resource, by default the team's. *family* is the family of addresses that
    Services of the cluster have by default, None if that is not known. *isolated*: whether a network policy of the team
    closes the instance to the pods of other teams. *pods*: where the team's images come from.
    """
    if source.writes:
        return []
    place = _Place(
        door=READING,
        team=source.team,
        of=prometheus or source.team,
        replicas=replicas,
        namespace=namespace,
        labels={
            **common_labels("prometheus", team=source.team),
            COMPONENT_LABEL: FEDERATION_COMPONENT,
            SOURCE_CLUSTER_LABEL: cluster,
        },
        prefix=source.scrape.access.path_prefix,
        pods=pods,
        port=THANOS_PORT if source.is_queried else PROMETHEUS_PORT,
        port_name=GRPC_PORT_NAME if source.is_queried else WEB_PORT_NAME,
    )
    return _exposing(source, place, family=family, isolated=isolated)


def receiver_objects(
    exposure: Exposure,
    *,
    team: str,
    namespace: str,
    replicas: int,
    prometheus: str,
    family: str | None = None,
    isolated: bool = True,
    pods: PodSettings = DEFAULT_PODS,
) -> list[JsonObject]:
    """What lets other clusters write to each replica of a *team*'s Prometheus; see `source_objects`."""
    place = _Place(
        door=WRITING,
        team=team,
        of=prometheus,
        replicas=replicas,
        namespace=namespace,
        labels={**common_labels("prometheus", team=team), COMPONENT_LABEL: RECEIVER_COMPONENT},
        pods=pods,
    )
    return _exposing(exposure, place, family=family, isolated=isolated)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """What is exposed: the replicas of the Prometheus called *of*, which answers below the path *prefix*.

    *port* and *port_name* are those of the container that answers.
    """

    door: Door
    team: str
    of: str
    replicas: int
    namespace: str
    labels: t.Mapping[str, str]
    pods: PodSettings
    prefix: str = ""
    port: int = PROMETHEUS_PORT
    port_name: str = WEB_PORT_NAME


def _exposing(exposure: Exposure, place: _Place, *, family: str | None, isolated: bool) -> list[JsonObject]:
    if exposure.expose == "Existing":
        return []
    services = [_exposed(exposure, place, replica, family=family) for replica in range(place.replicas)]
    policy = _source_policy(exposure, place, isolated=isolated)
    if exposure.proxy is None:
        return [*services, policy]
    proxies = proxy_objects(
        exposure.proxy,
        door=place.door,
        prefix=place.prefix,
        team=place.team,
        of=place.of,
        replicas=place.replicas,
        namespace=place.namespace,
        labels=place.labels,
        pods=place.pods,
    )
    return [*services, policy, *proxies]


def _exposed(source: Exposure, place: _Place, replica: int, *, family: str | None) -> JsonObject:
    """A Service for one replica: behind a shared one each request could meet another replica, with other samples."""
    port = service_port(place.port_name, place.port)
    pods = replica_pods(place.of, replica)
    if source.proxy is not None:
        port["targetPort"] = PROXY_PORT_NAME
        pods = proxy_pods(place.team, replica, door=place.door)
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
        place.door.service(place.team, replica),
        namespace=place.namespace,
        labels=place.labels,
        annotations=source.annotations,
        spec=spec,
    )


def _ranges(source: Exposure, *, family: str | None) -> list[str]:
    """The clients of a load balancer. A Service has one family of addresses, and balancers refuse ranges of another."""
    if family is None:
        return source.allowed_of("IPv4") or source.allowed_of("IPv6")
    return source.allowed_of(family)


def _source_policy(source: Exposure, place: _Place, *, isolated: bool) -> JsonObject:
    """Lets clients and health checks in: to the proxies where there are some, and then not to Prometheus itself."""
    # Clients and health checks apart, so that each can be read, and changed, by itself.
    ranges = [networks for networks in (source.allowed_sources, source.health_check_sources) if networks]
    port = place.port if source.proxy is None else PROXY_PORT
    spec: JsonObject = {
        "podSelector": _exposed_pods(source, place),
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
    if source.proxy is not None and isolated:
        # A policy of the team closes the namespace for all connections, those of the proxies among them.
        spec["policyTypes"].append("Egress")
        spec["egress"] = [
            {
                "to": [{"podSelector": {"matchLabels": instance_pods("prometheus", name=place.of)}}],
                "ports": _TO_REPLICA,
            },
            # They find their replica by name.
            {"ports": TO_DNS},
        ]
    name = place.door.policy(place.team)
    return make(NETWORKING, "NetworkPolicy", name, namespace=place.namespace, labels=place.labels, spec=spec)


def _exposed_pods(source: Exposure, place: _Place) -> JsonObject:
    if source.proxy is None:
        return {"matchLabels": instance_pods("prometheus", name=place.of)}
    names = [place.door.service(place.team, replica) for replica in range(place.replicas)]
    return {
        "matchLabels": {NAME_LABEL: NAME},
        "matchExpressions": [{"key": INSTANCE_LABEL, "operator": "In", "values": sorted(names)}],
    }
