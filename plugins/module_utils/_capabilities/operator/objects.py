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
    OPERATOR_COMPONENT,
    OPERATOR_NAME,
    SERVED_KINDS_ANNOTATION,
    cluster_wide_name,
    common_labels,
    operator_name,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import (
    ALERTMANAGER_REPOSITORY,
    OPERATOR_REPOSITORY,
    PROMETHEUS_REPOSITORY,
    RELOADER_REPOSITORY,
    THANOS_REPOSITORY,
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
    admitting,
    confined,
    discovery_rules,
    fixed,
    leaving_lost_nodes,
    make,
    pull_secrets,
    role,
    role_binding,
    rule,
    service_port,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.model import Operator
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.webhook import (
    ALERTS,
    webhook_objects,
    webhook_rules,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import runs_operator
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import controller_id, flags_of

_PORT_NAME = "http"
_PORT = 8080

# On the pods of every operator of this collection, however many there are.
_OF_ALL = {COMPONENT_LABEL: OPERATOR_COMPONENT, MANAGED_BY_LABEL: FIELD_MANAGER}

_WORKLOADS = ("alertmanagers", "prometheusagents", "prometheuses", "thanosrulers")
_CONFIGURATION = ("podmonitors", "probes", "prometheusrules", "scrapeconfigs", "servicemonitors")


def operator_objects(operator: Operator, *, alert_rules: t.Sequence[JsonObject]) -> list[JsonObject]:
    """All objects of *operator*, or of those that share its work; *alert_rules* are groups of rules about it.

    Several have an account and a Deployment each, so that the API server's audit log tells them apart. All else they
    have in common, under the names that a single operator has.
    """
    parts = operator.parts
    objects = [
        make(CORE, "Namespace", operator.namespace, labels={**_labels(operator), **RESTRICTED_NAMESPACE}),
        _quota(operator),
        *(_of_part(operator, part, CORE, "ServiceAccount", automountServiceAccountToken=False) for part in parts),
        make(RBAC, "ClusterRole", operator.cluster_wide_name, labels=_labels(operator), rules=_cluster_rules()),
        *(_binding(operator, part) for part in parts),
        _namespaced(operator, CORE, "Service", spec=_service(operator)),
        *(_of_part(operator, part, APPS, "Deployment", spec=_deployment(operator, part)) for part in parts),
    ]
    webhook = operator.admission_webhook
    if operator.monitor:
        objects += _monitor(operator)
    if webhook is not None:
        objects += webhook_objects(operator, webhook)
    if operator.alert_rules and alert_rules:
        groups = [*alert_rules, *_down_rules(operator), *(webhook_rules() if webhook is not None else ())]
        objects.append(_namespaced(operator, MONITORING, "PrometheusRule", spec={"groups": groups}))
    return objects


def _binding(operator: Operator, part: str) -> JsonObject:
    name = operator_name(part)
    return make(
        RBAC,
        "ClusterRoleBinding",
        cluster_wide_name(name),
        labels=_labels(operator, part),
        roleRef={"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": operator.cluster_wide_name},
        subjects=[account_subject(name, namespace=operator.namespace)],
    )


def with_served_kinds(objects: t.Sequence[JsonObject], kinds: t.Iterable[str]) -> list[JsonObject]:
    """The same objects, with the kinds that the API server has of the operator's noted at its pods.

    The operator looks for its CRDs only when it starts, and leaves alone what it does not find: when one is new, its
    pod must be too.
    """
    noted = ",".join(sorted(set(kinds))) or "none"
    result = copy.deepcopy(list(objects))
    for obj in result:
        if runs_operator(obj):
            obj["spec"]["template"]["metadata"]["annotations"][SERVED_KINDS_ANNOTATION] = noted
    return result


def _labels(operator: Operator, part: str = "") -> dict[str, str]:
    return {**common_labels(operator_name(part), team=operator.platform_team), COMPONENT_LABEL: OPERATOR_COMPONENT}


def _selector(part: str = "") -> dict[str, str]:
    """The Deployment's selector, which cannot be changed afterwards: it has nothing that an upgrade would change."""
    return {NAME_LABEL: operator_name(part), COMPONENT_LABEL: OPERATOR_COMPONENT}


def _every_pod(operator: Operator) -> dict[str, str]:
    """What selects the pods of all operators in their namespace."""
    return _OF_ALL if operator.operators else _selector()


def pods_selector() -> str:
    """A label selector for the pods of this collection's operators, in whichever namespace they are."""
    return ",".join(f"{name}={value}" for name, value in sorted(_OF_ALL.items()))


def _namespaced(operator: Operator, api_version: str, kind: str, **body: t.Any) -> JsonObject:
    return _of_part(operator, "", api_version, kind, **body)


def _of_part(operator: Operator, part: str, api_version: str, kind: str, **body: t.Any) -> JsonObject:
    name = operator_name(part)
    return make(api_version, kind, name, namespace=operator.namespace, labels=_labels(operator, part), **body)


def _quota(operator: Operator) -> JsonObject:
    webhook = operator.admission_webhook
    spec = admitting(operator.priority_class, pods=10 + (2 * webhook.replicas if webhook is not None else 0))
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
    return {"clusterIP": "None", "selector": _every_pod(operator), "ports": [service_port(_PORT_NAME, _PORT)]}


def _deployment(operator: Operator, part: str) -> JsonObject:
    pod = {
        "serviceAccountName": operator_name(part),
        "automountServiceAccountToken": True,
        "nodeSelector": LINUX,
        "priorityClassName": operator.priority_class,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65534,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(operator, part)],
        **pull_secrets(operator.pull_secrets),
        # No other operator does its work meanwhile.
        **leaving_lost_nodes(operator.moved_after),
    }
    metadata = {
        "labels": _labels(operator, part),
        "annotations": {"kubectl.kubernetes.io/default-container": OPERATOR_NAME},
    }
    return {
        "replicas": 1,
        # The operator has no leader election: two at a time, of two versions, would undo each other's work.
        "strategy": {"type": "Recreate"},
        "selector": {"matchLabels": _selector(part)},
        "template": {"metadata": metadata, "spec": pod},
    }


def _container(operator: Operator, part: str) -> JsonObject:
    registry = operator.image_registry
    health = {"httpGet": {"path": "/healthz", "port": _PORT_NAME}}
    return {
        "name": OPERATOR_NAME,
        "image": f"{registry}/{OPERATOR_REPOSITORY}:v{operator.version}",
        "args": [
            f"--log-level={operator.log_level}",
            "--kubelet-endpoints=false",
            f"--prometheus-config-reloader={registry}/{RELOADER_REPOSITORY}:v{operator.version}",
            f"--prometheus-default-base-image={registry}/{PROMETHEUS_REPOSITORY}",
            f"--alertmanager-default-base-image={registry}/{ALERTMANAGER_REPOSITORY}",
            f"--thanos-default-base-image={registry}/{THANOS_REPOSITORY}",
            # Without it a changed Secret in a team's namespace is noticed only with the next change of its monitor.
            "--watch-referenced-objects-in-all-namespaces=true",
            # Without it an instance whose selectors are gone would keep its last configuration for ever.
            "--disable-unmanaged-prometheus-configuration=true",
            *(flags_of(controller_id(int(part))) if part else []),
        ],
        # The heap stays close to what is in use: the memory is limited, and mostly caches.
        "env": [{"name": "GOGC", "value": "30"}],
        "ports": [{"containerPort": _PORT, "name": _PORT_NAME, "protocol": "TCP"}],
        "livenessProbe": {**health, "periodSeconds": 30, "timeoutSeconds": 5},
        "readinessProbe": {**health, "timeoutSeconds": 5},
        "resources": fixed(operator.resources),
        "securityContext": confined(),
    }


def _monitor(operator: Operator) -> list[JsonObject]:
    """The platform's Prometheus may look for targets in the operator's namespace, and finds the operator there."""
    watcher = prometheus_name(operator.platform_team)
    labels = _labels(operator)
    account = account_subject(watcher, namespace=operator.platform_namespace)
    return [
        role(watcher, namespace=operator.namespace, labels=labels, rules=discovery_rules()),
        role_binding(watcher, namespace=operator.namespace, labels=labels, subjects=[account]),
        _namespaced(
            operator,
            MONITORING,
            "ServiceMonitor",
            spec={
                "selector": {"matchLabels": _selector()},
                # The operator's own metrics say in `namespace` where the object is that they speak of.
                "endpoints": [{"honorLabels": True, "port": _PORT_NAME}],
            },
        ),
    ]


def _down_rules(operator: Operator) -> list[JsonObject]:
    """An alert for each of several operators: the one about all of them says nothing while another answers."""
    rules = [
        {
            "alert": "PrometheusOperatorShardDown",
            "expr": f'absent(up{{job="{operator.name}", pod=~"{operator_name(part)}-.+"}} == 1)',
            "for": "10m",
            "labels": {"severity": "critical", "operator": operator_name(part)},
            "annotations": {
                "summary": "One of several Prometheus Operators is not running.",
                "description": (
                    f"{operator_name(part)} has not answered for 10 minutes. The instances with its controller id go "
                    "on, but no change of a monitor, rule or instance reaches them. No other operator takes them over."
                ),
                "runbook_url": f"{ALERTS}#prometheusoperatorsharddown",
            },
        }
        for part in operator.parts
        if part
    ]
    return [{"name": "prometheus-operators", "rules": rules}] if rules else []
