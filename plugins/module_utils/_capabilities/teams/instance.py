# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of one team's instance: Prometheus, Alertmanager, and what watches the two. Pure.

Names of ports, Services and pod labels are the operator's (pkg/prometheus/server/statefulset.go and
pkg/alertmanager/statefulset.go of release 0.93).
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    COMPONENT_LABEL,
    INSTANCE_LABEL,
    KUBELET_CLASS,
    MONITORING,
    MONITORING_GROUP,
    NAME_LABEL,
    PART_OF_LABEL,
    TEAM_LABEL,
    alertmanager_name,
    common_labels,
    instance_pods,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import (
    ALERTMANAGER,
    ALERTMANAGER_REPOSITORY,
    PROMETHEUS_REPOSITORY,
    THANOS_REPOSITORY,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    ALERTMANAGER_PORT,
    CORE,
    DISRUPTION,
    PROMETHEUS_PORT,
    RELOADER_PORT,
    RELOADER_PORT_NAME,
    WEB_PORT_NAME,
    JsonObject,
    burstable,
    make,
    service_port,
    team_namespaces,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.extra import with_extra
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.parts import (
    AlertmanagerPart,
    PrometheusPart,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.routes import (
    MATCHER_STRATEGY,
    NO_ROUTING,
    Routing,
    routing_object,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import marks_for

# The operator's Service in front of all Alertmanagers of a namespace; Prometheus must reach each of them.
_ALERTMANAGER_SERVICE = "alertmanager-operated"

# Sets the Services of the instance apart from those that federation makes for the same pods.
_INSTANCE_COMPONENT = "instance"

# From how many replicas on a part goes on without one of them.
SEVERAL = 2
# Where the kubelet mounts them; the token is exchanged while the pod runs, and Prometheus reads it for each request.
_ACCOUNT_FILES = "/var/run/secrets/kubernetes.io/serviceaccount"
_BYTE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def instance_objects(
    team: Team,
    *,
    cluster: str,
    base_rules: t.Sequence[JsonObject],
    writes: t.Sequence[JsonObject] = (),
    receives: bool = False,
    routing: Routing = NO_ROUTING,
) -> list[JsonObject]:
    """The instance of *team* in *cluster*, each part by its flag.

    *routing*: where its alerts go if the team itself does not say so.
    """
    objects: list[JsonObject] = []
    if team.prometheus.enabled:
        objects += [
            _prometheus_account(team),
            _service(
                team,
                prometheus_name(team.name),
                team.prometheus.application,
                of=team.prometheus.name,
                port=PROMETHEUS_PORT,
            ),
            prometheus_object(team, cluster=cluster, writes=writes, receives=receives),
            _service_monitor(team),
            *_disruption_budget(team, team.prometheus.application, team.prometheus, name=prometheus_name(team.name)),
        ]
        if team.base_rules and base_rules and team.prometheus.serves:
            objects.append(_base_rules(team, groups=base_rules))
    if team.alertmanager.enabled:
        objects += [
            _service(
                team, alertmanager_name(team.name), "alertmanager", of=team.alertmanager.name, port=ALERTMANAGER_PORT
            ),
            _alertmanager(team),
            *_disruption_budget(team, "alertmanager", team.alertmanager, name=alertmanager_name(team.name)),
        ]
        routing = routing if team.alertmanager.routing is None else team.alertmanager.routing
        if routing:
            objects.append(routing_object(routing, team=team.name, cluster=cluster, namespace=team.namespace))
    return objects


def _prometheus_account(team: Team) -> JsonObject:
    # The operator mounts the token into the pods of Prometheus by itself; nothing else gets it unasked.
    return make(
        CORE,
        "ServiceAccount",
        prometheus_name(team.name),
        namespace=team.namespace,
        labels=common_labels("prometheus", team=team.name),
        automountServiceAccountToken=False,
    )


def _service(team: Team, name: str, application: str, *, of: str, port: int) -> JsonObject:
    """The Service of the pods of one part, whose custom resource is called *of*."""
    spec = {
        "type": "ClusterIP",
        "selector": {NAME_LABEL: application, INSTANCE_LABEL: of},
        "ports": [service_port(WEB_PORT_NAME, port), service_port(RELOADER_PORT_NAME, RELOADER_PORT)],
    }
    labels = {**common_labels(application, team=team.name), COMPONENT_LABEL: _INSTANCE_COMPONENT}
    return make(CORE, "Service", name, namespace=team.namespace, labels=labels, spec=spec)


def _service_monitor(team: Team) -> JsonObject:
    """The monitor with which the instance scrapes itself. The job is the Service's: prometheus or alertmanager."""
    spec = {
        "jobLabel": NAME_LABEL,
        "selector": {"matchLabels": {TEAM_LABEL: team.name, COMPONENT_LABEL: _INSTANCE_COMPONENT}},
        "endpoints": [{"port": WEB_PORT_NAME, **_paths(team)}, {"port": RELOADER_PORT_NAME}],
    }
    labels = common_labels("prometheus", team=team.name)
    return make(MONITORING, "ServiceMonitor", team.name, namespace=team.namespace, labels=labels, spec=spec)


def _paths(team: Team) -> JsonObject:
    """Where the parts answer that do not answer at /metrics, by the label of their Services."""
    prefixes = {
        "alertmanager": team.alertmanager.web.route_prefix,
        team.prometheus.application: team.prometheus.web.route_prefix,
    }
    steps = [
        {
            "action": "replace",
            "regex": application,
            "replacement": f"{prefix}/metrics",
            "sourceLabels": ["__meta_kubernetes_service_label_app_kubernetes_io_name"],
            "targetLabel": "__metrics_path__",
        }
        for application, prefix in prefixes.items()
        if prefix
    ]
    return {"relabelings": steps} if steps else {}


def _base_rules(team: Team, *, groups: t.Sequence[JsonObject]) -> JsonObject:
    return make(
        MONITORING,
        "PrometheusRule",
        f"{team.name}-base",
        namespace=team.namespace,
        labels=common_labels("prometheus", team=team.name),
        spec={"groups": list(groups)},
    )


def prometheus_object(
    team: Team, *, cluster: str, writes: t.Sequence[JsonObject] = (), receives: bool = False
) -> JsonObject:
    """The Prometheus of a *team* in a *cluster*, or its PrometheusAgent.

    *writes* are the ends to which federation sends its series, beside those of the team. *receives*: whether others
    may write to it.
    """
    part = team.prometheus
    sent = [*(entry.fields for entry in part.remote_write), *writes]
    spec: JsonObject = {
        "version": f"v{part.version}",
        "replicas": part.replicas,
        "serviceAccountName": prometheus_name(team.name),
        "serviceDiscoveryRole": "EndpointSlice",
        "scrapeInterval": part.scrape_interval,
        "externalLabels": {**team.labels, "cluster": cluster, "team": team.name},
        **_pods(team, part.application, part, repository=PROMETHEUS_REPOSITORY, version=part.version),
        "resources": burstable(part.resources),
        **_selected(team),
        **part.limits.fields(),
        **(_tenancy(team) if part.enforce_tenancy else {}),
    }
    if team.reads_kubelets:
        spec["scrapeClasses"] = [_kubelet_class()]
    if part.shards > 1:
        spec["shards"] = part.shards
    if part.wal_compression is not None:
        spec["walCompression"] = part.wal_compression
    if part.features:
        spec["enableFeatures"] = list(part.features)
    if sent:
        spec["remoteWrite"] = sent
    if receives:
        spec["enableRemoteWriteReceiver"] = True
    if part.serves:
        spec.update(_of_server(team))
    return make(
        part.api_version,
        part.kind,
        part.name,
        namespace=team.namespace,
        **_metadata(team, "prometheus"),
        spec={**with_extra(spec, part.extra), **team.lifecycle.fields()},
    )


def _kubelet_class() -> JsonObject:
    """How kubelets are asked: with the token of the instance, by the cluster's authority.

    A ScrapeConfig can name no file. A monitor that chooses the class sends the token to its targets, so only the
    platform's own instance has it.
    """
    return {
        "name": KUBELET_CLASS,
        "authorization": {"type": "Bearer", "credentialsFile": f"{_ACCOUNT_FILES}/token"},
        "tlsConfig": {"caFile": f"{_ACCOUNT_FILES}/ca.crt"},
    }


def _metadata(team: Team, application: str) -> JsonObject:
    """Labels and annotations of one of the instance's custom resources."""
    marks = marks_for(team.controller_id)
    labels = {**common_labels(application, team=team.name), **team.lifecycle.labels(), **marks.get("labels", {})}
    return {"labels": labels, "annotations": marks.get("annotations", {})}


def _selected(team: Team) -> JsonObject:
    """What the instance reads its targets from."""
    namespaces = team_namespaces(team.name)
    selected: JsonObject = {
        "serviceMonitorSelector": {},
        "serviceMonitorNamespaceSelector": namespaces,
        "podMonitorSelector": {},
        "podMonitorNamespaceSelector": namespaces,
        "probeSelector": {},
        "probeNamespaceSelector": namespaces,
        # Without a selector for namespaces: those of the instance's own namespace, which the platform owns.
        "scrapeConfigSelector": {},
    }
    if team.tenancy.scrape_configs or not team.prometheus.enforce_tenancy:
        selected["scrapeConfigNamespaceSelector"] = namespaces
    return selected


def _of_server(team: Team) -> JsonObject:
    """What an agent does not have: data of its own, rules, and an Alertmanager for their alerts."""
    part = team.prometheus
    fields: JsonObject = {
        "retention": part.retention,
        "evaluationInterval": part.evaluation_interval,
        "ruleSelector": {},
        "ruleNamespaceSelector": team_namespaces(team.name),
    }
    if part.retention_size is not None:
        fields["retentionSize"] = _bytes(part.retention_size)
    if part.query:
        fields["query"] = part.query
    if part.thanos is not None:
        fields["thanos"] = part.thanos.fields(team.pods.image(THANOS_REPOSITORY, part.thanos.version))
        if part.thanos.serving is not None:
            fields["volumes"] = part.thanos.serving.volumes()
    if team.alertmanager.enabled:
        service = {"name": _ALERTMANAGER_SERVICE, "namespace": team.namespace, "port": WEB_PORT_NAME}
        if team.alertmanager.web.route_prefix:
            service["pathPrefix"] = team.alertmanager.web.route_prefix
        fields["alerting"] = {"alertmanagers": [{**service, "apiVersion": "v2"}]}
    return fields


def _tenancy(team: Team) -> JsonObject:
    """What keeps a team's monitors and rules to the team's namespaces.

    The instance's own namespace is left out: only the platform writes there, its rules look at all of the team's
    namespaces, and federated series keep the namespace that they come with.
    """
    return {
        "enforcedNamespaceLabel": "namespace",
        "excludedFromEnforcement": [
            {"group": MONITORING_GROUP, "namespace": team.namespace, "resource": resource}
            for resource in ("prometheusrules", "scrapeconfigs", "servicemonitors")
        ],
        "ignoreNamespaceSelectors": True,
        "arbitraryFSAccessThroughSMs": {"deny": True},
    }


def _alertmanager(team: Team) -> JsonObject:
    part = team.alertmanager
    spec: JsonObject = {
        # The operator takes this as the tag of the image as it is.
        "version": f"v{ALERTMANAGER}",
        "replicas": part.replicas,
        "retention": part.retention,
        # Alertmanager never asks the API server for anything.
        "automountServiceAccountToken": False,
        **_pods(team, "alertmanager", part, repository=ALERTMANAGER_REPOSITORY, version=ALERTMANAGER),
        "resources": burstable(part.resources),
        "alertmanagerConfigSelector": {},
        "alertmanagerConfigNamespaceSelector": team_namespaces(team.name),
        "alertmanagerConfigMatcherStrategy": {"type": MATCHER_STRATEGY},
    }
    return make(
        MONITORING,
        "Alertmanager",
        part.name,
        namespace=team.namespace,
        **_metadata(team, "alertmanager"),
        spec={**with_extra(spec, part.extra), **team.lifecycle.fields()},
    )


def _pods(
    team: Team, application: str, part: PrometheusPart | AlertmanagerPart, *, repository: str, version: str
) -> JsonObject:
    """What the pods of both parts have in common; *repository* and *version* are those of the upstream image."""
    storage = part.storage
    fields: JsonObject = {
        "podMetadata": {"labels": {PART_OF_LABEL: "promfleet", TEAM_LABEL: team.name}},
        **team.pods.fields(),
        **part.scheduling.fields(application=application, name=part.name, replicas=part.pods),
        **part.web.fields(),
    }
    image = team.pods.image(repository, version)
    if image is not None:
        fields["image"] = image
    if storage is not None:
        claim: JsonObject = {"resources": {"requests": {"storage": storage.size}}}
        if storage.storage_class is not None:
            claim["storageClassName"] = storage.storage_class
        fields["storage"] = {"volumeClaimTemplate": {"spec": claim}}
    return fields


def _disruption_budget(
    team: Team, application: str, part: PrometheusPart | AlertmanagerPart, *, name: str
) -> list[JsonObject]:
    """While nodes are drained, a part with several replicas loses one pod at a time."""
    if part.replicas < SEVERAL or not part.scheduling.disruption_budget:
        return []
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": instance_pods(application, name=part.name)}}
    labels = common_labels(application, team=team.name)
    return [make(DISRUPTION, "PodDisruptionBudget", name, namespace=team.namespace, labels=labels, spec=spec)]


def _bytes(number: int) -> str:
    """A number of bytes as Prometheus writes it, whose units are powers of 1024."""
    power = max(index for index in range(len(_BYTE_UNITS)) if number % 1024**index == 0)
    return f"{number // 1024**power}{_BYTE_UNITS[power]}"
