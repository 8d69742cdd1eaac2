# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gateways: prom-label-proxy with what a team may see as its arguments, in front of an instance of the platform. Pure.

The team's own Prometheus reads it at /federate. The values of labels are arguments of the program, nothing in a request
chooses them. Its PromQL endpoints are not for people: prom-label-proxy (0.14.0, injectproxy/enforce.go) does not look
at the parameter of an aggregation, so that ``topk(scalar(other), own)`` reads what it should not; the selectors of
/federate have no such place.

The program holds to one label. Where several count, one container asks the next: only the first can be reached from
outside of the pod, and each adds its label to every selector.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    INSTANCE_LABEL,
    MANAGED_BY_LABEL,
    MONITORING_ALPHA,
    NAME_LABEL,
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
    TO_DNS,
    JsonObject,
    confined,
    fixed,
    make,
    pods_in,
    restricted_pod,
    service_port,
    tcp_ports,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import Resources
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.model import (
    NODES_JOB,
    Gateways,
    Grant,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.pods import FIXED

NAME = "prom-label-proxy"
PORT, PORT_NAME = 8080, "http"
# That of the image (USER in the project's Dockerfile).
_USER = 65534
# Measured: 5 MB at rest; it holds no answer as a whole.
_RESOURCES = Resources(cpu="10m", memory="32Mi")
# Where the containers behind the first one listen, for the one before them.
_LOOPBACK = "127.0.0.1"
# The jobs of the scrapes, and how the objects beside a team's instance are called.
JOB, FEDERATED_JOB, NODES_SERIES_JOB = "platform-series", "federated-series", "node-series"
# What the operator and the platform add to all that leaves its Prometheus; a team's own has the team's.
_IDENTITY = ("cluster", "prometheus", "prometheus_replica", "team")


@dataclass(frozen=True, kw_only=True)
class Route:
    """One way from a team's Prometheus to the *instance* of the platform or the central team.

    *name* is that of its program, *job* that of the scrape. *guards* are labels with the values that a series may have,
    all of which count. *match* asks for series, *steps* are done to those that come.
    """

    name: str
    job: str
    team: Team
    instance: Team
    guards: tuple[tuple[str, tuple[str, ...]], ...]
    match: tuple[str, ...]
    steps: tuple[JsonObject, ...]

    @property
    def pods(self) -> dict[str, str]:
        """The labels by which the pods of its program are known."""
        return {NAME_LABEL: NAME, INSTANCE_LABEL: self.name}

    @property
    def labels(self) -> dict[str, str]:
        """The labels of its objects."""
        return {**common_labels(NAME, team=self.team.name), INSTANCE_LABEL: self.name}


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
    routes = [(grant, route) for grant in model.grants for route in routes_of(grant, model)]
    for grant, route in routes:
        objects += _of_route(route, grant, model)
    return [*objects, *_ways_in([route for _grant, route in routes], model)]


def routes_of(grant: Grant, model: Gateways) -> list[Route]:
    """The ways of one team: to what is about its namespaces here, and to what it is granted beside that."""
    team = grant.team
    own_namespaces = ("namespace", team.namespaces)
    routes = [
        Route(
            name=gateway_name(team.name),
            job=JOB,
            team=team,
            instance=model.platform,
            guards=(own_namespaces,),
            match=grant.match,
            steps=_of_this_cluster(model),
        )
    ]
    if grant.federated:
        routes.append(
            Route(
                name=f"federated-{team.name}",
                job=FEDERATED_JOB,
                team=team,
                instance=model.central,
                # Both are constants of the source where they are read. What instances of teams gave may say of itself
                # that it is about any namespace.
                guards=(("cluster", grant.federated), ("team", (model.platform.name,)), own_namespaces),
                match=grant.federated_match,
                steps=_of_other_clusters(grant, model),
            )
        )
    if grant.all_nodes:
        routes.append(
            Route(
                name=f"nodes-{team.name}",
                job=NODES_SERIES_JOB,
                team=team,
                instance=model.platform,
                # A target could name another job for its series, but not another namespace for itself.
                guards=(("job", (NODES_JOB,)), ("namespace", (model.nodes_namespace,))),
                match=(f'{{job="{NODES_JOB}"}}',),
                steps=_of_this_cluster(model),
            )
        )
    return routes


def gateway_name(team: str) -> str:
    """Name of what the gateway of a team has."""
    return f"gateway-{team}"


def _of_route(route: Route, grant: Grant, model: Gateways) -> list[JsonObject]:
    team, name, labels = route.team, route.name, route.labels
    service = {"type": "ClusterIP", "selector": route.pods, "ports": [service_port(PORT_NAME, PORT)]}
    objects = [
        make(APPS, "Deployment", name, namespace=model.namespace, labels=labels, spec=_deployment(route, model)),
        make(CORE, "Service", name, namespace=model.namespace, labels=labels, spec=service),
        make(NETWORKING, "NetworkPolicy", name, namespace=model.namespace, labels=labels, spec=_network(route)),
        make(
            MONITORING_ALPHA,
            "ScrapeConfig",
            route.job,
            namespace=team.namespace,
            labels=labels,
            spec=_scrape(route, grant, model),
        ),
    ]
    if team.network_policy:
        # Beside the policies of the instance, which close everything else.
        egress = {"to": [pods_in(model.namespace, route.pods)], "ports": tcp_ports(PORT)}
        spec = {"podSelector": {"matchLabels": _prometheus(team)}, "policyTypes": ["Egress"], "egress": [egress]}
        objects.append(make(NETWORKING, "NetworkPolicy", route.job, namespace=team.namespace, labels=labels, spec=spec))
    return objects


def _ways_in(routes: t.Sequence[Route], model: Gateways) -> list[JsonObject]:
    """What lets the gateways reach the instance that reads other clusters, where that is not the platform's."""
    central = model.central
    peers = [pods_in(model.namespace, route.pods) for route in routes if route.instance.name == central.name]
    if central.name == model.platform.name or not peers or not central.network_policy:
        return []
    spec = {
        "podSelector": {"matchLabels": _prometheus(central)},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": peers, "ports": tcp_ports(PROMETHEUS_PORT)}],
    }
    labels = common_labels(NAME, team=central.name)
    return [
        make(NETWORKING, "NetworkPolicy", f"{FEDERATED_JOB}-in", namespace=central.namespace, labels=labels, spec=spec)
    ]


def _deployment(route: Route, model: Gateways) -> JsonObject:
    platform = model.platform
    user = _USER if platform.pods.run_as == FIXED else None
    pod: JsonObject = {
        # It asks the API server for nothing.
        "automountServiceAccountToken": False,
        "containers": _containers(route, model),
        **platform.pods.pulling(),
        "nodeSelector": LINUX,
        "securityContext": restricted_pod(user=user),
    }
    return {
        "replicas": 1,
        "selector": {"matchLabels": route.pods},
        "template": {"metadata": {"labels": route.pods}, "spec": pod},
    }


def _containers(route: Route, model: Gateways) -> list[JsonObject]:
    """One for each guard; those behind the first are on loopback, where the kubelet cannot probe them."""
    health = {"httpGet": {"path": "/healthz", "port": PORT_NAME}}
    registry = model.platform.pods.image_registry or UPSTREAM_REGISTRY
    places = [f":{PORT}", *(f"{_LOOPBACK}:{PORT + number}" for number in range(1, len(route.guards)))]
    containers: list[JsonObject] = []
    for (label, _values), args in zip(
        route.guards, chain(route, places, upstream=_upstream(route.instance)), strict=True
    ):
        first = not containers
        container: JsonObject = {
            "name": NAME if first else f"{NAME}-{label}",
            "image": f"{registry}/{PROM_LABEL_PROXY_REPOSITORY}:v{PROM_LABEL_PROXY}",
            "args": args,
            "resources": fixed(_RESOURCES),
            "securityContext": confined(),
        }
        if first:
            container |= {
                "ports": [{"containerPort": PORT, "name": PORT_NAME, "protocol": "TCP"}],
                "livenessProbe": {**health, "periodSeconds": 30, "timeoutSeconds": 5},
                "readinessProbe": {**health, "timeoutSeconds": 5},
            }
        containers.append(container)
    return containers


def chain(route: Route, places: t.Sequence[str], *, upstream: str) -> list[list[str]]:
    """How the programs of a route are called, each at its place: each asks the next, the last one *upstream*."""
    behind = [*(f"http://{place}" for place in places[1:]), upstream]
    return [
        _arguments(label, values, listen=place, upstream=next_one)
        for (label, values), place, next_one in zip(route.guards, places, behind, strict=True)
    ]


def _arguments(label: str, values: t.Sequence[str], *, listen: str, upstream: str) -> list[str]:
    """Several values of the label are alternatives, which the program quotes itself.

    There is at least one, and none is empty: without a value the program would take that which a request names.
    """
    if not values or not all(values):
        raise ValueError(f"the label {label} has no value")
    return [
        f"-insecure-listen-address={listen}",
        f"-upstream={upstream}",
        f"-label={label}",
        *(f"-label-value={value}" for value in values),
    ]


def _upstream(team: Team) -> str:
    """The first replica by its own name: replicas scrape at different times, and a Service would mix their samples."""
    pod = f"{prometheus_name(team.prometheus.name)}-0.prometheus-operated.{team.namespace}.svc"
    return f"http://{pod}:{PROMETHEUS_PORT}{team.prometheus.web.route_prefix}"


def _prometheus(team: Team) -> dict[str, str]:
    return instance_pods(team.prometheus.application, name=team.prometheus.name)


def _network(route: Route) -> JsonObject:
    """Only the team's Prometheus reaches its gateway, and that only the instance that it asks."""
    team, instance = route.team, route.instance
    operated = {MANAGED_BY_LABEL: OPERATOR_NAME, **_prometheus(instance)}
    return {
        "podSelector": {"matchLabels": route.pods},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [pods_in(team.namespace, _prometheus(team))], "ports": tcp_ports(PORT)}],
        "egress": [
            {"to": [pods_in(instance.namespace, operated)], "ports": tcp_ports(PROMETHEUS_PORT)},
            {"ports": TO_DNS},
        ],
    }


def _scrape(route: Route, grant: Grant, model: Gateways) -> JsonObject:
    """A ScrapeConfig beside the team's instance, where the platform alone writes."""
    spec: JsonObject = {
        "jobName": route.job,
        "staticConfigs": [{"targets": [f"{route.name}.{model.namespace}.svc:{PORT}"]}],
        "metricsPath": "/federate",
        # Older releases of the CRD know only capitals here.
        "scheme": "HTTP",
        "params": {"match[]": list(route.match)},
        "scrapeInterval": grant.interval,
        "scrapeTimeout": grant.scrape_timeout,
        "honorLabels": True,
        # At the time of the read: with the times of the samples a series stays for five minutes after its end, and
        # a restarted pod counts twice in that time.
        "honorTimestamps": False,
        "metricRelabelings": list(route.steps),
    }
    if grant.sample_limit is not None:
        spec["sampleLimit"] = grant.sample_limit
    return spec


def _of_this_cluster(model: Gateways) -> tuple[JsonObject, ...]:
    """The series of this cluster, without what the platform's Prometheus adds to them.

    Those that it read of other clusters are dropped: without their cluster they would pass for series of this one.
    """
    added = sorted({*_IDENTITY, *model.platform.labels})
    here: JsonObject = {"action": "keep", "regex": re.escape(model.cluster), "sourceLabels": ["cluster"]}
    return *([here] if model.reads else []), {"action": "labeldrop", "regex": "|".join(added)}


def _of_other_clusters(grant: Grant, model: Gateways) -> tuple[JsonObject, ...]:
    """The series of other clusters, without what the central instance adds to those that lack it.

    Cluster and replica they have from where they were read. The team is the platform on all of them, and would make
    alerts about them alerts of the platform.
    """
    steps: list[JsonObject] = []
    for name, value in sorted(model.central.labels.items()):
        lacking = [one for one in grant.federated if name not in model.platform.on(one).labels]
        if lacking:
            regex = f"(?:{'|'.join(map(re.escape, lacking))});{re.escape(value)}"
            steps.append(
                {
                    "action": "replace",
                    "regex": regex,
                    "replacement": "",
                    "sourceLabels": ["cluster", name],
                    "targetLabel": name,
                }
            )
    return *steps, {"action": "labeldrop", "regex": "team"}
