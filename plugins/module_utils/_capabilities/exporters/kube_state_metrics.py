# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of kube-state-metrics: one pod that reads objects of the cluster, and may read no others. Pure."""

from __future__ import annotations

import functools
import json
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    MANAGED_BY_LABEL,
    MONITORING_GROUP,
    NAME_LABEL,
    OPERATOR_NAME,
    cluster_wide_name,
    common_labels,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    APPS,
    CORE,
    LINUX,
    NETWORKING,
    RBAC,
    RBAC_GROUP,
    RESTRICTED_NAMESPACE,
    JsonObject,
    account_subject,
    admitting,
    burstable,
    confined,
    make,
    pods_in,
    pull_secrets,
    restricted_pod,
    rule,
    tcp_ports,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.exporters.conditions import (
    INSTANCES,
    PREFIX,
    conditions_config,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.exporters.known import GROUPS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.exporters.model import (
    Exporters,
    KubeStateMetrics,
)

NAME = "kube-state-metrics"
CLUSTER_WIDE_NAME = cluster_wide_name(NAME)
# By this name the catalogue's monitor finds it; the other is that of its metrics about itself.
PORT_NAME, SELF_PORT_NAME = "http-metrics", "telemetry"
_PORT, _SELF_PORT = 8080, 8081
_USER = 65534


def kube_state_metrics_objects(exporter: KubeStateMetrics, *, exporters: Exporters) -> list[JsonObject]:
    """All objects of kube-state-metrics."""
    labels = common_labels(NAME, team=exporters.platform_team)
    namespaced = functools.partial(make, namespace=exporter.namespace, labels=labels)
    reference = {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": CLUSTER_WIDE_NAME}
    subject = account_subject(NAME, namespace=exporter.namespace)
    objects = [
        make(CORE, "Namespace", exporter.namespace, labels={**labels, **RESTRICTED_NAMESPACE}),
        namespaced(CORE, "ServiceAccount", NAME, automountServiceAccountToken=False),
        make(RBAC, "ClusterRole", CLUSTER_WIDE_NAME, labels=labels, rules=read_rules(exporter)),
        make(RBAC, "ClusterRoleBinding", CLUSTER_WIDE_NAME, labels=labels, roleRef=reference, subjects=[subject]),
        namespaced(APPS, "Deployment", NAME, spec=_deployment(exporter, labels)),
    ]
    if exporter.network_policy:
        objects.append(namespaced(NETWORKING, "NetworkPolicy", NAME, spec=_network(exporter, exporters)))
    if exporter.priority_class:
        # With those that end still.
        quota = admitting(exporter.priority_class, pods=10)
        objects.append(namespaced(CORE, "ResourceQuota", NAME, spec=quota))
    return objects


def read_rules(exporter: KubeStateMetrics) -> list[JsonObject]:
    """What it may read: the kinds that it has metrics of."""
    groups: dict[str, list[str]] = {}
    for name in exporter.objects:
        groups.setdefault(GROUPS[name], []).append(name)
    if exporter.conditions:
        groups[MONITORING_GROUP] = [plural for _version, plural in INSTANCES.values()]
        # It finds kinds that are not Kubernetes' own by their definitions.
        groups["apiextensions.k8s.io"] = ["customresourcedefinitions"]
    return [rule(group, resources=sorted(names), verbs=["list", "watch"]) for group, names in sorted(groups.items())]


def _deployment(exporter: KubeStateMetrics, labels: t.Mapping[str, str]) -> JsonObject:
    pod: JsonObject = {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": True,
        **pull_secrets(exporter.pull_secrets),
        "nodeSelector": LINUX,
        "securityContext": {"runAsGroup": _USER, "runAsUser": _USER, **restricted_pod(user=None)},
        "containers": [_container(exporter)],
    }
    if exporter.priority_class:
        pod["priorityClassName"] = exporter.priority_class
    metadata = {"labels": dict(labels), "annotations": {"kubectl.kubernetes.io/default-container": NAME}}
    return {
        "replicas": 1,
        # Two at a time would double every series.
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": {NAME_LABEL: NAME}},
        "template": {"metadata": metadata, "spec": pod},
    }


def _container(exporter: KubeStateMetrics) -> JsonObject:
    return {
        "name": NAME,
        "image": exporter.image,
        "args": _arguments(exporter),
        "ports": [
            {"containerPort": _PORT, "name": PORT_NAME, "protocol": "TCP"},
            {"containerPort": _SELF_PORT, "name": SELF_PORT_NAME, "protocol": "TCP"},
        ],
        # Not /livez, which asks the API server: another start would not help when that does not answer.
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": PORT_NAME}, "periodSeconds": 30, "timeoutSeconds": 5},
        "readinessProbe": {
            "httpGet": {"path": "/readyz", "port": SELF_PORT_NAME},
            "periodSeconds": 5,
            "timeoutSeconds": 5,
        },
        "resources": burstable(exporter.resources),
        "securityContext": confined(),
    }


def _arguments(exporter: KubeStateMetrics) -> list[str]:
    # The list is for all metrics, also for those of the operator's kinds.
    own = (f"{PREFIX}_.+",) if exporter.conditions else ()
    labels = [f"{kind}=[{','.join(names)}]" for kind, names in exporter.labels.items()]
    lists = {
        "resources": exporter.objects,
        "metric-allowlist": (*exporter.allow, *own) if exporter.allow else (),
        "metric-denylist": exporter.deny,
        "metric-labels-allowlist": labels,
    }
    return [
        f"--port={_PORT}",
        f"--telemetry-port={_SELF_PORT}",
        *(f"--{name}={','.join(values)}" for name, values in lists.items() if values),
        # In the arguments, so that a change starts a new pod. JSON is YAML.
        *([f"--custom-resource-state-config={json.dumps(conditions_config())}"] if exporter.conditions else []),
    ]


def _network(exporter: KubeStateMetrics, exporters: Exporters) -> JsonObject:
    """Who may reach its pods; they themselves need the API server, whose address no policy can name."""
    prometheus = {NAME_LABEL: "prometheus", MANAGED_BY_LABEL: OPERATOR_NAME}
    peers = [
        pods_in(exporters.platform_namespace, prometheus),
        *(pods_in(name) for name in exporter.readers),
    ]
    return {
        "podSelector": {"matchLabels": {NAME_LABEL: NAME}},
        "policyTypes": ["Ingress"],
        "ingress": [{"from": peers, "ports": tcp_ports(_PORT, _SELF_PORT)}],
    }
