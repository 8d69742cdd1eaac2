# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A gateway for each team: prom-label-proxy with the team's namespaces, in front of the platform's Prometheus. Pure.

The team's own Prometheus reads it at /federate. The namespaces are arguments of the program, nothing in a request
chooses them. Its PromQL endpoints are not for people: prom-label-proxy (0.14.0, injectproxy/enforce.go) does not look
at the parameter of an aggregation, so that ``topk(scalar(other), own)`` reads what it should not; the selectors of
/federate have no such place.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    INSTANCE_LABEL,
    MANAGED_BY_LABEL,
    MONITORING_ALPHA,
    NAME_LABEL,
    NAMESPACE_LABEL,
    OPERATOR_NAME,
    common_labels,
    instance_pods,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import (
    PROM_LABEL_PROXY,
    PROM_LABEL_PROXY_REPOSITORY,
    UPSTREAM_REGISTRY,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    APPS,
    CORE,
    LINUX,
    NETWORKING,
    PROMETHEUS_PORT,
    RESTRICTED_NAMESPACE,
    JsonObject,
    confined,
    fixed,
    make,
    restricted_pod,
    service_port,
    tcp_ports,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import Resources
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.model import Gateways, Grant
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.pods import FIXED

NAME = "prom-label-proxy"
PORT, PORT_NAME = 8080, "http"
# That of the image (USER in the project's Dockerfile).
_USER = 65534
# Measured: 5 MB at rest; it holds no answer as a whole.
_RESOURCES = Resources(cpu="10m", memory="32Mi")
# The label by which the series are chosen.
LABEL = "namespace"
# The job of the scrape, and how the objects beside a team's instance are called.
JOB = "platform-series"
_DNS = [{"port": 53, "protocol": protocol} for protocol in ("TCP", "UDP")]
# What the operator and the platform add to all that leaves its Prometheus; a team's own has the team's.
_IDENTITY = ("cluster", "prometheus", "prometheus_replica", "team")


def gateway_objects(model: Gateways) -> list[JsonObject]:
    """All objects of the gateways of one cluster; nothing where no team has one."""
    if not model.grants:
        return []
    labels = common_labels(NAME, team=model.platform.name)
    closed: JsonObject = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    objects = [
        # The team label of the platform lets its pods reach the platform's Prometheus.
        make(CORE, "Namespace", model.namespace, labels={**labels, **RESTRICTED_NAMESPACE}),
        make(NETWORKING, "NetworkPolicy", "default-deny", namespace=model.namespace, labels=labels, spec=closed),
    ]
    for grant in model.grants:
        objects += _of_team(grant, model)
    return objects


def gateway_name(team: str) -> str:
    """Name of what the gateway of a team has."""
    return f"gateway-{team}"


def gateway_pods(team: str) -> dict[str, str]:
    """The labels by which the pods of a team's gateway are known."""
    return {NAME_LABEL: NAME, INSTANCE_LABEL: gateway_name(team)}


def _of_team(grant: Grant, model: Gateways) -> list[JsonObject]:
    team, name = grant.team, gateway_name(grant.team.name)
    labels = {**common_labels(NAME, team=team.name), INSTANCE_LABEL: name}
    service = {"type": "ClusterIP", "selector": gateway_pods(team.name), "ports": [service_port(PORT_NAME, PORT)]}
    objects = [
        make(APPS, "Deployment", name, namespace=model.namespace, labels=labels, spec=_deployment(grant, model)),
        make(CORE, "Service", name, namespace=model.namespace, labels=labels, spec=service),
        make(NETWORKING, "NetworkPolicy", name, namespace=model.namespace, labels=labels, spec=_network(grant, model)),
        make(
            MONITORING_ALPHA, "ScrapeConfig", JOB, namespace=team.namespace, labels=labels, spec=_scrape(grant, model)
        ),
    ]
    if team.network_policy:
        # Beside the policies of the instance, which close everything else.
        egress = {"to": [_pods_in(model.namespace, gateway_pods(team.name))], "ports": tcp_ports(PORT)}
        spec = {"podSelector": {"matchLabels": _prometheus(team)}, "policyTypes": ["Egress"], "egress": [egress]}
        objects.append(make(NETWORKING, "NetworkPolicy", JOB, namespace=team.namespace, labels=labels, spec=spec))
    return objects


def _deployment(grant: Grant, model: Gateways) -> JsonObject:
    platform = model.platform
    labels = gateway_pods(grant.team.name)
    user = _USER if platform.pods.run_as == FIXED else None
    pod: JsonObject = {
        # It asks the API server for nothing.
        "automountServiceAccountToken": False,
        "containers": [_container(grant, model)],
        **platform.pods.pulling(),
        "nodeSelector": LINUX,
        "securityContext": restricted_pod(user=user),
    }
    return {
        "replicas": 1,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }


def _container(grant: Grant, model: Gateways) -> JsonObject:
    health = {"httpGet": {"path": "/healthz", "port": PORT_NAME}}
    registry = model.platform.pods.image_registry or UPSTREAM_REGISTRY
    return {
        "name": NAME,
        "image": f"{registry}/{PROM_LABEL_PROXY_REPOSITORY}:v{PROM_LABEL_PROXY}",
        "args": arguments(grant.team, listen=f":{PORT}", upstream=_upstream(model.platform)),
        "ports": [{"containerPort": PORT, "name": PORT_NAME, "protocol": "TCP"}],
        "livenessProbe": {**health, "periodSeconds": 30, "timeoutSeconds": 5},
        "readinessProbe": {**health, "timeoutSeconds": 5},
        "resources": fixed(_RESOURCES),
        "securityContext": confined(),
    }


def arguments(team: Team, *, listen: str, upstream: str) -> list[str]:
    """How the program is called: several values of the label are alternatives, which it quotes itself."""
    return [
        f"-insecure-listen-address={listen}",
        f"-upstream={upstream}",
        f"-label={LABEL}",
        *(f"-label-value={name}" for name in team.namespaces),
    ]


def _upstream(platform: Team) -> str:
    """The first replica by its own name: replicas scrape at different times, and a Service would mix their samples."""
    pod = f"{prometheus_name(platform.prometheus.name)}-0.prometheus-operated.{platform.namespace}.svc"
    return f"http://{pod}:{PROMETHEUS_PORT}{platform.prometheus.web.route_prefix}"


def _prometheus(team: Team) -> dict[str, str]:
    return instance_pods(team.prometheus.application, name=team.prometheus.name)


def _pods_in(namespace: str, labels: t.Mapping[str, str]) -> JsonObject:
    return {
        "namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: namespace}},
        "podSelector": {"matchLabels": dict(labels)},
    }


def _network(grant: Grant, model: Gateways) -> JsonObject:
    """Only the team's Prometheus reaches its gateway, and that only the platform's Prometheus."""
    team, platform = grant.team, model.platform
    operated = {MANAGED_BY_LABEL: OPERATOR_NAME, **_prometheus(platform)}
    return {
        "podSelector": {"matchLabels": gateway_pods(team.name)},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [_pods_in(team.namespace, _prometheus(team))], "ports": tcp_ports(PORT)}],
        "egress": [
            {"to": [_pods_in(platform.namespace, operated)], "ports": tcp_ports(PROMETHEUS_PORT)},
            {"ports": _DNS},
        ],
    }


def _scrape(grant: Grant, model: Gateways) -> JsonObject:
    """A ScrapeConfig beside the team's instance, where the platform alone writes."""
    added = sorted({*_IDENTITY, *model.platform.labels})
    spec: JsonObject = {
        "jobName": JOB,
        "staticConfigs": [{"targets": [f"{gateway_name(grant.team.name)}.{model.namespace}.svc:{PORT}"]}],
        "metricsPath": "/federate",
        # Older releases of the CRD know only capitals here.
        "scheme": "HTTP",
        "params": {"match[]": list(grant.match)},
        "scrapeInterval": grant.interval,
        "scrapeTimeout": grant.scrape_timeout,
        "honorLabels": True,
        # At the time of the read: with the times of the samples a series stays for five minutes after its end, and
        # a restarted pod counts twice in that time.
        "honorTimestamps": False,
        "metricRelabelings": [{"action": "labeldrop", "regex": "|".join(added)}],
    }
    if grant.sample_limit is not None:
        spec["sampleLimit"] = grant.sample_limit
    return spec
