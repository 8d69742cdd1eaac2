# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of federation: what a worker exposes, and what the central side scrapes. Pure."""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    COMPONENT_LABEL,
    FIELD_MANAGER,
    INSTANCE_LABEL,
    KNOWN_AFTER_APPLY,
    MONITORING,
    MONITORING_ALPHA,
    NAME_LABEL,
    SOURCE_CLUSTER_LABEL,
    SOURCE_TEAM_LABEL,
    common_labels,
    prometheus_name,
    source_policy_name,
    source_service_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    CORE,
    DISCOVERY,
    NETWORKING,
    PROMETHEUS_PORT,
    WEB_PORT_NAME,
    JsonObject,
    make,
    service_port,
    tcp_ports,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
    Target,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import Source

_COMPONENT = "federation"
_PATH = "/federate"

# The target labels of a ServiceMonitor. With honorLabels they would be put on every series that lacks them, and a
# worker's series would say that they come from a pod or namespace of the central cluster.
_TARGET_LABELS = "pod|namespace|service|endpoint|container|node"


def source_objects(source: Source, *, cluster: str, namespace: str, replicas: int) -> list[JsonObject]:
    """What makes each replica of a team's Prometheus reachable from outside of *cluster*."""
    if source.expose == "Existing":
        return []
    labels = {
        **common_labels("prometheus", team=source.team),
        COMPONENT_LABEL: _COMPONENT,
        SOURCE_CLUSTER_LABEL: cluster,
    }
    services = [_exposed(source, replica, namespace=namespace, labels=labels) for replica in range(replicas)]
    return [*services, _source_policy(source, namespace=namespace, labels=labels)]


def endpoint_objects(targets: FederationTargetSet, *, namespace: str, team: str) -> list[JsonObject]:
    """What lets the Prometheus of *team* (in *namespace*, on the central cluster) federate one instance."""
    labels = {
        **common_labels("prometheus", team=team),
        INSTANCE_LABEL: targets.name,
        COMPONENT_LABEL: _COMPONENT,
        SOURCE_CLUSTER_LABEL: targets.cluster,
        SOURCE_TEAM_LABEL: targets.team,
    }
    if targets.by_name:
        return [_scrape_config(targets, namespace=namespace, labels=labels)]
    return [
        make(CORE, "Service", targets.name, namespace=namespace, labels=labels, spec=_headless()),
        *(_slice(targets, target, namespace=namespace, labels=labels) for target in targets.targets),
        _service_monitor(targets, namespace=namespace, labels=labels),
    ]


def _exposed(source: Source, replica: int, *, namespace: str, labels: t.Mapping[str, str]) -> JsonObject:
    """A Service for one replica: behind a shared one each scrape could meet another replica, with other samples."""
    port = service_port(WEB_PORT_NAME, PROMETHEUS_PORT)
    if source.node_port is not None:
        port["nodePort"] = source.node_port
    spec: JsonObject = {
        "type": source.expose,
        # Keeps the client's address, which the network policy looks at.
        "externalTrafficPolicy": "Local",
        "selector": {
            NAME_LABEL: "prometheus",
            INSTANCE_LABEL: source.team,
            "statefulset.kubernetes.io/pod-name": f"{prometheus_name(source.team)}-{replica}",
        },
        "ports": [port],
    }
    if source.expose == "LoadBalancer":
        spec["loadBalancerSourceRanges"] = _one_family(source.allowed_sources)
    return make(
        CORE,
        "Service",
        source_service_name(source.team, replica),
        namespace=namespace,
        labels=labels,
        annotations=source.annotations,
        spec=spec,
    )


def _one_family(networks: t.Sequence[str]) -> list[str]:
    # A Service has one address family by default, and load balancers refuse ranges of the other one.
    first = [network for network in networks if ipaddress.ip_network(network).version == 4]
    return sorted(first or networks)


def _source_policy(source: Source, *, namespace: str, labels: t.Mapping[str, str]) -> JsonObject:
    spec = {
        "podSelector": {"matchLabels": {NAME_LABEL: "prometheus", INSTANCE_LABEL: source.team}},
        "policyTypes": ["Ingress"],
        "ingress": [
            {
                "from": [{"ipBlock": {"cidr": network}} for network in source.allowed_sources],
                "ports": tcp_ports(PROMETHEUS_PORT),
            }
        ],
    }
    name = source_policy_name(source.team)
    return make(NETWORKING, "NetworkPolicy", name, namespace=namespace, labels=labels, spec=spec)


def _headless() -> JsonObject:
    """A Service only for its name: no address, no selector.

    SingleStack, because Prometheus drops slices of the other family from a dual-stack Service, which is what such a
    Service is by default. No ipFamilies: an address of any family then works on any cluster.
    """
    port = {"name": WEB_PORT_NAME, "port": PROMETHEUS_PORT, "protocol": "TCP", "targetPort": PROMETHEUS_PORT}
    return {"clusterIP": "None", "ipFamilyPolicy": "SingleStack", "ports": [port]}


def _slice(targets: FederationTargetSet, target: Target, *, namespace: str, labels: t.Mapping[str, str]) -> JsonObject:
    """One slice for each replica: replicas on node ports differ in their ports, which belong to the slice."""
    return make(
        DISCOVERY,
        "EndpointSlice",
        f"{targets.name}-{target.replica}",
        namespace=namespace,
        labels={
            **labels,
            "endpointslice.kubernetes.io/managed-by": FIELD_MANAGER,
            "kubernetes.io/service-name": targets.name,
        },
        addressType="IPv6" if ":" in target.address else "IPv4",
        # Without conditions the server adds empty ones, and the list would be sent again in each run.
        endpoints=[{"addresses": [target.address], "conditions": {"ready": True}}],
        ports=[{"name": WEB_PORT_NAME, "port": _port(target), "protocol": "TCP"}],
    )


def _port(target: Target) -> int | str:
    return KNOWN_AFTER_APPLY if target.port is None else target.port


def _service_monitor(targets: FederationTargetSet, *, namespace: str, labels: t.Mapping[str, str]) -> JsonObject:
    scrape = targets.scrape
    endpoint = {
        "port": WEB_PORT_NAME,
        "path": _PATH,
        "params": {"match[]": list(scrape.match)},
        "scheme": scrape.scheme,
        "interval": scrape.interval,
        "scrapeTimeout": scrape.timeout,
        "honorLabels": True,
        "honorTimestamps": True,
        "relabelings": [
            {"action": "labeldrop", "regex": _TARGET_LABELS},
            *(
                {"action": "replace", "replacement": value, "targetLabel": name}
                for name, value in sorted({**_identity(targets), "job": targets.job}.items())
            ),
        ],
        "metricRelabelings": _without_our_job(targets),
    }
    spec = {
        "serviceDiscoveryRole": "EndpointSlice",
        "selector": {"matchLabels": {INSTANCE_LABEL: targets.name}},
        "endpoints": [endpoint],
    }
    return make(MONITORING, "ServiceMonitor", targets.name, namespace=namespace, labels=labels, spec=spec)


def _scrape_config(targets: FederationTargetSet, *, namespace: str, labels: t.Mapping[str, str]) -> JsonObject:
    scrape = targets.scrape
    places = sorted(f"{target.address.removesuffix('.')}:{_port(target)}" for target in targets.targets)
    spec = {
        "jobName": targets.job,
        "staticConfigs": [{"labels": _identity(targets), "targets": places}],
        "metricsPath": _PATH,
        "params": {"match[]": list(scrape.match)},
        # Older releases of the CRD know only capitals here, and only small letters in a ServiceMonitor.
        "scheme": scrape.scheme.upper(),
        "scrapeInterval": scrape.interval,
        "scrapeTimeout": scrape.timeout,
        "honorLabels": True,
        "honorTimestamps": True,
        "metricRelabelings": _without_our_job(targets),
    }
    return make(MONITORING_ALPHA, "ScrapeConfig", targets.name, namespace=namespace, labels=labels, spec=spec)


def _identity(targets: FederationTargetSet) -> dict[str, str]:
    """What says where a series comes from, where it does not say so itself."""
    return {**targets.scrape.labels, "cluster": targets.cluster}


def _without_our_job(targets: FederationTargetSet) -> list[JsonObject]:
    """A series that had no job in /federate must not get the target's; `up` and scrape_* are not touched by this."""
    # Of the characters of a cluster's name only the dot means something else in a regular expression.
    own = targets.job.replace(".", r"\.")
    return [{"action": "replace", "regex": own, "replacement": "", "sourceLabels": ["job"], "targetLabel": "job"}]
