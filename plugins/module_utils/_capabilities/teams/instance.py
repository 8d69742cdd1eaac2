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
    MONITORING,
    MONITORING_GROUP,
    NAME_LABEL,
    PART_OF_LABEL,
    TEAM_LABEL,
    alertmanager_name,
    common_labels,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import ALERTMANAGER
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    ALERTMANAGER_PORT,
    CORE,
    LINUX,
    PROMETHEUS_PORT,
    RELOADER_PORT,
    RELOADER_PORT_NAME,
    WEB_PORT_NAME,
    JsonObject,
    burstable,
    make,
    restricted_pod,
    service_port,
    team_namespaces,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.parts import (
    AlertmanagerPart,
    PrometheusPart,
)

# The operator's Service in front of all Alertmanagers of a namespace; Prometheus must reach each of them.
_ALERTMANAGER_SERVICE = "alertmanager-operated"

# Sets the Services of the instance apart from those that federation makes for the same pods.
_INSTANCE_COMPONENT = "instance"

_USER = 1000


def instance_objects(
    team: Team,
    *,
    cluster: str,
    base_rules: t.Sequence[JsonObject],
    writes: t.Sequence[JsonObject] = (),
    receives: bool = False,
) -> list[JsonObject]:
    """The instance of *team* in *cluster*, each part by its flag."""
    objects: list[JsonObject] = []
    if team.prometheus.enabled:
        objects += [
            _prometheus_account(team),
            _service(team, prometheus_name(team.name), "prometheus", of=team.prometheus.name, port=PROMETHEUS_PORT),
            prometheus_object(team, cluster=cluster, writes=writes, receives=receives),
            _service_monitor(team),
        ]
        if team.base_rules and base_rules:
            objects.append(_base_rules(team, groups=base_rules))
    if team.alertmanager.enabled:
        objects += [
            _service(
                team, alertmanager_name(team.name), "alertmanager", of=team.alertmanager.name, port=ALERTMANAGER_PORT
            ),
            _alertmanager(team),
        ]
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
        "endpoints": [{"port": WEB_PORT_NAME}, {"port": RELOADER_PORT_NAME}],
    }
    labels = common_labels("prometheus", team=team.name)
    return make(MONITORING, "ServiceMonitor", team.name, namespace=team.namespace, labels=labels, spec=spec)


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
    """The Prometheus of a *team* in a *cluster*.

    *writes* are its remoteWrite, the ends to which it sends series. *receives*: whether others may write to it.
    """
    part = team.prometheus
    namespaces = team_namespaces(team.name)
    spec: JsonObject = {
        "version": f"v{part.version}",
        "replicas": part.replicas,
        "serviceAccountName": prometheus_name(team.name),
        "serviceDiscoveryRole": "EndpointSlice",
        "retention": part.retention,
        "scrapeInterval": part.scrape_interval,
        "evaluationInterval": part.evaluation_interval,
        "externalLabels": {**team.labels, "cluster": cluster, "team": team.name},
        **_pods(team, "prometheus", part),
        "resources": burstable(part.resources),
        "serviceMonitorSelector": {},
        "serviceMonitorNamespaceSelector": namespaces,
        "podMonitorSelector": {},
        "podMonitorNamespaceSelector": namespaces,
        "probeSelector": {},
        "probeNamespaceSelector": namespaces,
        "ruleSelector": {},
        "ruleNamespaceSelector": namespaces,
        # Without a selector for namespaces: those of the instance's own namespace, which the platform owns.
        "scrapeConfigSelector": {},
        **(_tenancy(team) if part.enforce_tenancy else {"scrapeConfigNamespaceSelector": namespaces}),
    }
    if writes:
        spec["remoteWrite"] = list(writes)
    if receives:
        spec["enableRemoteWriteReceiver"] = True
    if team.alertmanager.enabled:
        service = {"name": _ALERTMANAGER_SERVICE, "namespace": team.namespace, "port": WEB_PORT_NAME}
        spec["alerting"] = {"alertmanagers": [{**service, "apiVersion": "v2"}]}
    labels = common_labels("prometheus", team=team.name)
    return make(MONITORING, "Prometheus", part.name, namespace=team.namespace, labels=labels, spec=spec)


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
        **_pods(team, "alertmanager", part),
        "resources": burstable(part.resources),
        "alertmanagerConfigSelector": {},
        "alertmanagerConfigNamespaceSelector": team_namespaces(team.name),
    }
    labels = common_labels("alertmanager", team=team.name)
    return make(MONITORING, "Alertmanager", part.name, namespace=team.namespace, labels=labels, spec=spec)


def _pods(team: Team, application: str, part: PrometheusPart | AlertmanagerPart) -> JsonObject:
    """What the pods of both parts have in common."""
    storage = part.storage
    fields: JsonObject = {
        "podMetadata": {"labels": {PART_OF_LABEL: "promfleet", TEAM_LABEL: team.name}},
        "nodeSelector": LINUX,
        "securityContext": restricted_pod(user=_USER),
    }
    if storage is not None:
        claim: JsonObject = {"resources": {"requests": {"storage": storage.size}}}
        if storage.storage_class is not None:
            claim["storageClassName"] = storage.storage_class
        fields["storage"] = {"volumeClaimTemplate": {"spec": claim}}
    if part.replicas > 1:
        fields["topologySpreadConstraints"] = [
            {
                "labelSelector": {"matchLabels": {NAME_LABEL: application, INSTANCE_LABEL: part.name}},
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
            }
        ]
    return fields
