# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of the admission webhook, a program beside the operator that judges what teams write. Pure.

The API server asks it about rules and routes in namespaces of teams only, and not about what this collection makes: an
outage stops neither the operator nor runs. The webhook that changes rules is not registered. It marks each rule with
an annotation, and makes text of labels that are numbers, which the API server refuses in any case with apply; for that
each write would depend on it.
"""

from __future__ import annotations

import base64
import copy
import datetime as dt
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADMISSION_WEBHOOK_NAME,
    COMPONENT_LABEL,
    FIELD_MANAGER,
    INSTANCE_OF_LABEL,
    MANAGED_BY_LABEL,
    MONITORING,
    MONITORING_GROUP,
    NAME_LABEL,
    TEAM_LABEL,
    cluster_wide_name,
    common_labels,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import ADMISSION_WEBHOOK_REPOSITORY
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.certificates import (
    AUTHORITIES,
    CERTIFICATE,
    PRIVATE_KEY,
    Serving,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    APPS,
    CORE,
    DISRUPTION,
    LINUX,
    JsonObject,
    burstable,
    confined,
    leaving_lost_nodes,
    make,
    pull_secrets,
    service_port,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.model import (
    ALERT_DAYS,
    AdmissionWebhook,
    Operator,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar

ADMISSION = "admissionregistration.k8s.io/v1"
WEBHOOK_KIND = "ValidatingWebhookConfiguration"
ALERTS = "https://github.com/promfleet/ansible-collection-monitoring/blob/main/docs/alerts.md"
COMPONENT = "admission-webhook"
EXPIRY_ALERT = "PrometheusOperatorWebhookCertificateExpires"

_PORT_NAME = "https"
_PORT, _SERVICE_PORT = 8443, 443
_FOLDER = "/etc/tls/private"
_VOLUME = "tls-certificates"
_USER = 65534
_SEVERAL = 2
# The webhook must accept what any instance may accept: the operator judges each rule once more.
_PROMQL_SINCE = grammar.version_from("0.91.0", who="--promql-options")
_PROMQL = "experimental-functions,duration-expression-parsing,extended-range-selectors,binop-fill-modifiers"
# What is judged: the path of the program, and the versions of the kind that it knows.
_JUDGED = (
    ("alertmanagerconfigs", ["v1alpha1", "v1beta1"]),
    ("prometheusrules", ["v1"]),
)


def host_of(operator: Operator) -> str:
    """The name by which the API server and Prometheus call the webhook, which its certificate must have."""
    return f"{ADMISSION_WEBHOOK_NAME}.{operator.namespace}.svc"


def webhook_objects(operator: Operator, webhook: AdmissionWebhook) -> list[JsonObject]:
    """All objects of the *webhook* beside *operator*; the certificate that runs make is not among them."""
    objects = [
        _namespaced(operator, CORE, "ServiceAccount", automountServiceAccountToken=False),
        _namespaced(operator, CORE, "Service", spec=_service()),
        _namespaced(operator, APPS, "Deployment", spec=_deployment(operator, webhook)),
        make(ADMISSION, WEBHOOK_KIND, cluster_wide_name(ADMISSION_WEBHOOK_NAME), labels=_labels(operator),
             webhooks=[_webhook(operator, webhook, resource, versions) for resource, versions in _JUDGED]),
    ]  # fmt: skip
    if webhook.replicas >= _SEVERAL:
        budget = {"maxUnavailable": 1, "selector": {"matchLabels": _selector()}}
        objects.append(_namespaced(operator, DISRUPTION, "PodDisruptionBudget", spec=budget))
    if operator.monitor:
        objects.append(_namespaced(operator, MONITORING, "ServiceMonitor", spec=_monitor(operator, webhook)))
    return objects


def webhook_rules() -> list[JsonObject]:
    """The group of alert rules about the webhook; `with_certificate` adds the one about its certificate."""
    down = {
        "alert": "PrometheusOperatorWebhookDown",
        "expr": f'absent(up{{job="{ADMISSION_WEBHOOK_NAME}"}} == 1)',
        "for": "10m",
        "labels": {"severity": "warning"},
        "annotations": {
            "summary": "The admission webhook does not answer, or its certificate is not valid.",
            "description": (
                "No pod of the admission webhook has answered for 10 minutes with a certificate that is trusted. Rules "
                "and routes that teams write are accepted unjudged, or refused with the failure policy Fail."
            ),
            "runbook_url": f"{ALERTS}#prometheusoperatorwebhookdown",
        },
    }
    return [{"name": COMPONENT, "rules": [down]}]


def with_certificate(objects: t.Sequence[JsonObject], operator: Operator, serving: Serving) -> list[JsonObject]:
    """The same objects for the certificate that a run made: its Secret, who trusts it, and the alert of its end."""
    result = copy.deepcopy(list(objects))
    for obj in result:
        if obj["kind"] == WEBHOOK_KIND:
            for one in obj["webhooks"]:
                one["clientConfig"]["caBundle"] = base64.b64encode(serving.authorities).decode()
        elif obj["kind"] == "PrometheusRule":
            for group in obj["spec"]["groups"]:
                if group["name"] == COMPONENT:
                    group["rules"].append(_expires(serving.expires))
    return [*result, _namespaced(operator, CORE, "Secret", type="Opaque", data=dict(serving.data))]


def _expires(when: dt.datetime) -> JsonObject:
    """No metric has the time, which the run that made the certificate knows: it is a constant in the expression."""
    return {
        "alert": EXPIRY_ALERT,
        "expr": f"vector({int(when.timestamp())}) - time() < {ALERT_DAYS} * 86400",
        "for": "10m",
        "labels": {"severity": "warning"},
        "annotations": {
            "summary": "The certificate of the admission webhook expires soon.",
            "description": (
                f"It is valid until {when:%Y-%m-%d %H:%M} UTC. The next run of the playbook operator makes a new one. "
                "After that time what teams write is accepted unjudged, or refused with the failure policy Fail."
            ),
            "runbook_url": f"{ALERTS}#{EXPIRY_ALERT.lower()}",
        },
    }


def _labels(operator: Operator) -> dict[str, str]:
    return {**common_labels(ADMISSION_WEBHOOK_NAME, team=operator.platform_team), COMPONENT_LABEL: COMPONENT}


def _selector() -> dict[str, str]:
    return {NAME_LABEL: ADMISSION_WEBHOOK_NAME, COMPONENT_LABEL: COMPONENT}


def _namespaced(operator: Operator, api_version: str, kind: str, **body: t.Any) -> JsonObject:
    return make(
        api_version, kind, ADMISSION_WEBHOOK_NAME, namespace=operator.namespace, labels=_labels(operator), **body
    )


def _service() -> JsonObject:
    port = {**service_port(_PORT_NAME, _SERVICE_PORT), "targetPort": _PORT_NAME}
    return {"type": "ClusterIP", "selector": _selector(), "ports": [port]}


def _webhook(operator: Operator, webhook: AdmissionWebhook, resource: str, versions: t.Sequence[str]) -> JsonObject:
    client: JsonObject = {
        "service": {
            "name": ADMISSION_WEBHOOK_NAME,
            "namespace": operator.namespace,
            "path": f"/admission-{resource}/validate",
            "port": _SERVICE_PORT,
        }
    }
    if webhook.ca_bundle:
        client["caBundle"] = base64.b64encode(webhook.ca_bundle.encode()).decode()
    return {
        "name": f"{resource}.{FIELD_MANAGER}",
        "admissionReviewVersions": ["v1"],
        "clientConfig": client,
        "failurePolicy": webhook.failure_policy,
        "matchPolicy": "Equivalent",
        # Teams' own namespaces: neither those of instances nor those of the platform, where the operator itself is.
        "namespaceSelector": {
            "matchExpressions": [
                {"key": TEAM_LABEL, "operator": "Exists"},
                {"key": TEAM_LABEL, "operator": "NotIn", "values": [operator.platform_team]},
                {"key": INSTANCE_OF_LABEL, "operator": "DoesNotExist"},
            ]
        },
        # A run has judged its objects before it writes them.
        "objectSelector": {
            "matchExpressions": [{"key": MANAGED_BY_LABEL, "operator": "NotIn", "values": [FIELD_MANAGER]}]
        },
        "rules": [
            {
                "apiGroups": [MONITORING_GROUP],
                "apiVersions": list(versions),
                "operations": ["CREATE", "UPDATE"],
                "resources": [resource],
                "scope": "Namespaced",
            }
        ],
        "sideEffects": "None",
        "timeoutSeconds": webhook.timeout_seconds,
    }


def _deployment(operator: Operator, webhook: AdmissionWebhook) -> JsonObject:
    items = [{"key": key, "path": key} for key in (CERTIFICATE, PRIVATE_KEY)]
    secret = {"defaultMode": 0o440, "items": items, "secretName": webhook.secret or ADMISSION_WEBHOOK_NAME}
    pod: JsonObject = {
        "serviceAccountName": ADMISSION_WEBHOOK_NAME,
        # It asks the API server for nothing.
        "automountServiceAccountToken": False,
        "nodeSelector": LINUX,
        "priorityClassName": operator.priority_class,
        "securityContext": {
            "fsGroup": _USER,
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "labelSelector": {"matchLabels": _selector()},
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
            }
        ],
        "containers": [_container(operator, webhook)],
        "volumes": [{"name": _VOLUME, "secret": secret}],
        **pull_secrets(operator.pull_secrets),
        # After a drain all its pods may be on one node.
        **leaving_lost_nodes(operator.moved_after),
    }
    return {
        "replicas": webhook.replicas,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "selector": {"matchLabels": _selector()},
        "template": {"metadata": {"labels": _labels(operator)}, "spec": pod},
    }


def _container(operator: Operator, webhook: AdmissionWebhook) -> JsonObject:
    health = {"httpGet": {"path": "/healthz", "port": _PORT_NAME, "scheme": "HTTPS"}, "timeoutSeconds": 5}
    return {
        "name": COMPONENT,
        "image": f"{operator.image_registry}/{ADMISSION_WEBHOOK_REPOSITORY}:v{operator.version}",
        "args": arguments(operator),
        "ports": [{"containerPort": _PORT, "name": _PORT_NAME, "protocol": "TCP"}],
        "livenessProbe": {**health, "periodSeconds": 30},
        "readinessProbe": health,
        # A large rule takes a second of CPU, and the API server does not wait long.
        "resources": burstable(webhook.resources),
        "securityContext": confined(),
        "volumeMounts": [{"mountPath": _FOLDER, "name": _VOLUME, "readOnly": True}],
    }


def arguments(operator: Operator, *, address: str = f":{_PORT}", folder: str = _FOLDER) -> list[str]:
    """The flags of the program. It reads the certificate again when the files change."""
    return [
        f"--log-level={operator.log_level}",
        f"--web.listen-address={address}",
        "--web.enable-tls=true",
        f"--web.cert-file={folder}/{CERTIFICATE}",
        f"--web.key-file={folder}/{PRIVATE_KEY}",
        # As the operator judges the rules of a Prometheus 3.
        "--name-validation-scheme=utf8",
        *([f"--promql-options={_PROMQL}"] if _PROMQL_SINCE(operator.version) is None else []),
    ]


def _monitor(operator: Operator, webhook: AdmissionWebhook) -> JsonObject:
    authorities = {"name": webhook.secret or ADMISSION_WEBHOOK_NAME, "key": AUTHORITIES}
    tls = {"ca": {"secret": authorities}, "serverName": host_of(operator)}
    return {
        "selector": {"matchLabels": _selector()},
        "endpoints": [{"port": _PORT_NAME, "scheme": "https", "tlsConfig": tls}],
    }
