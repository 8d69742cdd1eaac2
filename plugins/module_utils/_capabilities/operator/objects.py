# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of the operator: what it needs to run, and what watches it. Pure."""

from __future__ import annotations

import copy
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    COMPONENT_LABEL,
    FIELD_MANAGER,
    MANAGED_BY_LABEL,
    MONITORING,
    MONITORING_GROUP,
    NAME_LABEL,
    OPERATOR_NAME,
    SERVED_KINDS_ANNOTATION,
    common_labels,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    APPS,
    CORE,
    LINUX,
    RBAC,
    RBAC_GROUP,
    READ,
    RESTRICTED_NAMESPACE,
    WRITE,
    JsonObject,
    account_subject,
    discovery_rules,
    fixed,
    make,
    role,
    role_binding,
    rule,
    service_port,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.model import Operator

_PORT_NAME = "http"
_PORT = 8080
_CRITICAL = "system-cluster-critical"

_WORKLOADS = ("alertmanagers", "prometheusagents", "prometheuses", "thanosrulers")
_CONFIGURATION = ("podmonitors", "probes", "prometheusrules", "scrapeconfigs", "servicemonitors")


def operator_objects(operator: Operator, *, alert_rules: t.Sequence[JsonObject]) -> list[JsonObject]:
    """All objects of *operator*; *alert_rules* are groups of rules about it."""
    objects = [
        make(CORE, "Namespace", operator.namespace, labels={**_labels(operator), **RESTRICTED_NAMESPACE}),
        _quota(operator),
        _namespaced(operator, CORE, "ServiceAccount", automountServiceAccountToken=False),
        make(RBAC, "ClusterRole", operator.cluster_wide_name, labels=_labels(operator), rules=_cluster_rules()),
        make(
            RBAC,
            "ClusterRoleBinding",
            operator.cluster_wide_name,
            labels=_labels(operator),
            roleRef={"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": operator.cluster_wide_name},
            subjects=[account_subject(operator.name, namespace=operator.namespace)],
        ),
        _namespaced(operator, CORE, "Service", spec=_service(operator)),
        _namespaced(operator, APPS, "Deployment", spec=_deployment(operator)),
    ]
    if operator.monitor:
        objects += _monitor(operator)
    if operator.alert_rules and alert_rules:
        objects.append(_namespaced(operator, MONITORING, "PrometheusRule", spec={"groups": list(alert_rules)}))
    return objects


def with_served_kinds(objects: t.Sequence[JsonObject], kinds: t.Iterable[str]) -> list[JsonObject]:
    """The same objects, with the kinds that the API server has of the operator's noted at its pods.

    The operator looks for its CRDs only when it starts, and leaves alone what it does not find: when one is new, its
    pod must be too.
    """
    noted = ",".join(sorted(set(kinds))) or "none"
    result = copy.deepcopy(list(objects))
    for obj in result:
        if obj["kind"] == "Deployment":
            obj["spec"]["template"]["metadata"]["annotations"][SERVED_KINDS_ANNOTATION] = noted
    return result


def _labels(operator: Operator) -> dict[str, str]:
    return {**common_labels(operator.name, team=operator.platform_team), COMPONENT_LABEL: "controller"}


def _selector(operator: Operator) -> dict[str, str]:
    """The Deployment's selector, which cannot be changed afterwards: it has nothing that an upgrade would change."""
    return {NAME_LABEL: operator.name, COMPONENT_LABEL: "controller"}


def pods_selector() -> str:
    """A label selector for the pods of this collection's operators, in whichever namespace they are."""
    labels = {MANAGED_BY_LABEL: FIELD_MANAGER, COMPONENT_LABEL: "controller", NAME_LABEL: OPERATOR_NAME}
    return ",".join(f"{name}={value}" for name, value in sorted(labels.items()))


def _namespaced(operator: Operator, api_version: str, kind: str, **body: t.Any) -> JsonObject:
    return make(api_version, kind, operator.name, namespace=operator.namespace, labels=_labels(operator), **body)


def _quota(operator: Operator) -> JsonObject:
    # Some clusters (GKE) admit pods of this priority only where a quota speaks of them.
    spec = {
        "hard": {"pods": "10"},
        "scopeSelector": {
            "matchExpressions": [{"operator": "In", "scopeName": "PriorityClass", "values": [_CRITICAL]}]
        },
    }
    return _namespaced(operator, CORE, "ResourceQuota", spec=spec)


def _cluster_rules() -> list[JsonObject]:
    """What release 0.93 asks the API server for, without the kubelet controller, which is switched off."""
    every = [*READ, *WRITE]
    return [
        rule(MONITORING_GROUP, resources=["alertmanagerconfigs", *_WORKLOADS, *_CONFIGURATION], verbs=every),
        rule(
            MONITORING_GROUP,
            resources=[
                *(f"{name}/finalizers" for name in _WORKLOADS),
                *(f"{name}/status" for name in (*_WORKLOADS, *_CONFIGURATION)),
            ],
            verbs=["get", "patch", "update"],
        ),
        rule("apps", resources=["statefulsets"], verbs=every),
        rule("", resources=["configmaps", "secrets"], verbs=every),
        rule("", resources=["pods"], verbs=["delete", "list"]),
        rule("", resources=["services", "services/finalizers"], verbs=["create", "delete", "get", "update"]),
        rule("", resources=["namespaces"], verbs=READ),
        rule("events.k8s.io", resources=["events"], verbs=["create", "patch"]),
        rule("networking.k8s.io", resources=["ingresses"], verbs=READ),
        rule("storage.k8s.io", resources=["storageclasses"], verbs=["get"]),
    ]


def _service(operator: Operator) -> JsonObject:
    return {"clusterIP": "None", "selector": _selector(operator), "ports": [service_port(_PORT_NAME, _PORT)]}


def _deployment(operator: Operator) -> JsonObject:
    pod = {
        "serviceAccountName": operator.name,
        "automountServiceAccountToken": True,
        "nodeSelector": LINUX,
        "priorityClassName": _CRITICAL,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(operator)],
    }
    metadata = {
        "labels": _labels(operator),
        "annotations": {"kubectl.kubernetes.io/default-container": OPERATOR_NAME},
    }
    return {
        "replicas": 1,
        # The operator has no leader election: two at a time, of two versions, would undo each other's work.
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": _selector(operator)},
        "template": {"metadata": metadata, "spec": pod},
    }


def _container(operator: Operator) -> JsonObject:
    registry = operator.image_registry
    health = {"httpGet": {"path": "/healthz", "port": _PORT_NAME}}
    return {
        "name": OPERATOR_NAME,
        "image": f"{registry}/prometheus-operator/prometheus-operator:v{operator.version}",
        "args": [
            f"--log-level={operator.log_level}",
            "--kubelet-endpoints=false",
            f"--prometheus-config-reloader={registry}/prometheus-operator/prometheus-config-reloader:v{operator.version}",
            f"--prometheus-default-base-image={registry}/prometheus/prometheus",
            f"--alertmanager-default-base-image={registry}/prometheus/alertmanager",
            f"--thanos-default-base-image={registry}/thanos/thanos",
            # Without it a changed Secret in a team's namespace is noticed only with the next change of its monitor.
            "--watch-referenced-objects-in-all-namespaces=true",
            # Without it an instance whose selectors are gone would keep its last configuration for ever.
            "--disable-unmanaged-prometheus-configuration=true",
        ],
        # The heap stays close to what is in use: the memory is limited, and mostly caches.
        "env": [{"name": "GOGC", "value": "30"}],
        "ports": [{"containerPort": _PORT, "name": _PORT_NAME, "protocol": "TCP"}],
        "livenessProbe": {**health, "periodSeconds": 30, "timeoutSeconds": 5},
        "readinessProbe": {**health, "timeoutSeconds": 5},
        "resources": fixed(operator.resources),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }


def _monitor(operator: Operator) -> list[JsonObject]:
    """The platform's Prometheus may look for targets in the operator's namespace, and finds the operator there."""
    watcher = prometheus_name(operator.platform_team)
    name = f"{watcher}-{operator.part}" if operator.part else watcher
    labels = _labels(operator)
    account = account_subject(watcher, namespace=operator.platform_namespace)
    return [
        role(name, namespace=operator.namespace, labels=labels, rules=discovery_rules()),
        role_binding(name, namespace=operator.namespace, labels=labels, subjects=[account]),
        _namespaced(
            operator,
            MONITORING,
            "ServiceMonitor",
            spec={
                "selector": {"matchLabels": _selector(operator)},
                # The operator's own metrics say in `namespace` where the object is that they speak of.
                "endpoints": [{"honorLabels": True, "port": _PORT_NAME}],
            },
        ),
    ]
