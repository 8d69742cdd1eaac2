# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Attacks by requests to the API server, and what the accounts of the stack may do themselves. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    MONITORING,
    MONITORING_ALPHA,
    TEAM_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    APPS,
    CORE,
    NETWORKING,
    RBAC,
    RBAC_GROUP,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import (
    ACCOUNTS,
    ALLOWED,
    ANSWERED,
    PEOPLE,
    STORED,
    TEAM_PEOPLE,
    Ask,
    Attack,
    Effect,
    JsonObject,
    Put,
    Review,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.monitors import (
    FORGED,
    RELABELINGS,
    service_monitor,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.sending import (
    URLS,
    alertmanager_config,
    rules,
)

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
STRATEGIC = "application/strategic-merge-patch+json"
INSTANCE_KINDS = "policy:operator-kinds"
TEAM_LABEL_POLICY = "policy:team-label"

_MTB = "kubernetes-sigs/multi-tenancy, benchmarks (kubectl-mtb)"
_HOUND = "wiz-sec-public/namespacehound, ways to cross a namespace"
_SEEN = "seen on real clusters: the role edit in the namespace of an instance"


def _asks(
    number: str,
    title: str,
    action: Ask,
    *,
    door: str,
    mechanism: str,
    source: str,
    guards: tuple[str, ...] = (TEAM_PEOPLE,),
    live: bool = True,
) -> Attack:
    return Attack(
        id=number,
        title=title,
        door=door,
        mechanism=mechanism,
        credential=PEOPLE,
        action=action,
        effect=Effect(kind=ANSWERED),
        guards=guards,
        source=source,
        live=live,
    )


def _stores(
    number: str,
    title: str,
    obj: JsonObject,
    *,
    door: str,
    mechanism: str,
    source: str,
    guards: tuple[str, ...] = (TEAM_PEOPLE,),
) -> Attack:
    return Attack(
        id=number,
        title=title,
        door=door,
        mechanism=mechanism,
        credential=PEOPLE,
        action=Put(objects=(obj,), keeps=False),
        effect=Effect(kind=STORED),
        guards=guards,
        source=source,
    )


def _namespaced(namespace: str, *parts: str, group: str = "") -> str:
    root = f"/apis/{group}" if group else "/api/v1"
    return "/".join([root, "namespaces", namespace, *parts])


_INSTANCE = "<<instance>>"
_POD = "<<pod>>"


def _pod(*parts: str) -> str:
    return _namespaced(_INSTANCE, "pods", _POD, *parts)


def _in(namespace: str, obj: JsonObject) -> JsonObject:
    return {**obj, "metadata": {**obj["metadata"], "namespace": namespace}}


_PROMETHEUS = {
    "apiVersion": MONITORING,
    "kind": "Prometheus",
    "metadata": {"name": "<<id>>"},
    "spec": {"serviceAccountName": "default"},
}
_AGENT = {**_PROMETHEUS, "apiVersion": MONITORING_ALPHA, "kind": "PrometheusAgent"}
_ALERTMANAGER = {"apiVersion": MONITORING, "kind": "Alertmanager", "metadata": {"name": "<<id>>"}, "spec": {}}
_RULER = {
    "apiVersion": MONITORING,
    "kind": "ThanosRuler",
    "metadata": {"name": "<<id>>"},
    "spec": {"queryEndpoints": ["http://<<victim_prometheus>>"]},
}

# As Pod Security allows it in the namespaces of instances.
_CONTAINER = {
    "name": "x",
    "image": "x",
    "resources": {"limits": {"cpu": "1m", "memory": "1Mi"}, "requests": {"cpu": "1m", "memory": "1Mi"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 1000,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}

INSTANCE: tuple[Attack, ...] = (
    _stores(
        "own-prometheus",
        "A Prometheus of the team's own in its own namespace",
        _PROMETHEUS,
        door="instance",
        mechanism="own instance",
        guards=(TEAM_PEOPLE, INSTANCE_KINDS),
        source="CMO user-workload tests",
    ),
    _stores(
        "own-agent",
        "A PrometheusAgent of the team's own",
        _AGENT,
        door="instance",
        mechanism="own instance",
        guards=(TEAM_PEOPLE, INSTANCE_KINDS),
        source="CMO user-workload tests",
    ),
    _stores(
        "own-alertmanager",
        "An Alertmanager of the team's own",
        _ALERTMANAGER,
        door="instance",
        mechanism="own instance",
        guards=(TEAM_PEOPLE, INSTANCE_KINDS),
        source="CMO user-workload tests",
    ),
    _stores(
        "own-ruler",
        "A ThanosRuler of the team's own, which asks another team's Prometheus",
        _RULER,
        door="instance",
        mechanism="own ThanosRuler",
        guards=(TEAM_PEOPLE, INSTANCE_KINDS),
        source="CMO user-workload tests",
    ),
    _asks(
        "change-instance",
        "The team changes the Prometheus of its instance",
        Ask(
            method="PATCH",
            path=_namespaced(_INSTANCE, "prometheuses", "<<attacker>>", group=MONITORING),
            dry=True,
            content_type=MERGE,
            body={"spec": {"enforcedNamespaceLabel": None}},
        ),
        door="instance",
        mechanism="change of the instance",
        source=_MTB,
    ),
    _asks(
        "change-alertmanager",
        "The team changes the Alertmanager of its instance",
        Ask(
            method="PATCH",
            path=_namespaced(_INSTANCE, "alertmanagers", "<<attacker>>", group=MONITORING),
            dry=True,
            content_type=MERGE,
            body={"spec": {"alertmanagerConfigMatcherStrategy": {"type": "None"}}},
        ),
        door="instance",
        mechanism="change of the instance",
        source=_MTB,
    ),
    _asks(
        "exec",
        "exec into the Prometheus of the instance",
        Ask(method="GET", path=_pod("exec"), query={"command": "true", "container": "prometheus", "stdout": "true"}),
        door="instance",
        mechanism="exec",
        source=f"{_SEEN}; KubeHound POD_EXEC",
    ),
    _asks(
        "attach",
        "attach to the Prometheus of the instance",
        Ask(method="GET", path=_pod("attach"), query={"container": "prometheus", "stdout": "true"}),
        door="instance",
        mechanism="exec",
        source="KubeHound POD_ATTACH",
    ),
    _asks(
        "port-forward",
        "A port of the instance is forwarded",
        Ask(method="GET", path=_pod("portforward"), query={"ports": "9090"}),
        door="instance",
        mechanism="port forwarding",
        source=_HOUND,
    ),
    _asks(
        "ephemeral-container",
        "A debug container is put into the pod of the instance",
        Ask(
            method="PATCH",
            path=_pod("ephemeralcontainers"),
            dry=True,
            content_type=STRATEGIC,
            body={"spec": {"ephemeralContainers": [{**_CONTAINER, "resources": {}}]}},
        ),
        door="instance",
        mechanism="ephemeral container",
        source="KubeHound CONTAINER_ATTACH",
    ),
    _asks(
        "pod-delete",
        "The pod of the instance is deleted",
        Ask(method="DELETE", path=_pod(), dry=True),
        door="instance",
        mechanism="deletion of pods",
        source=_HOUND,
    ),
    _asks(
        "pod-evict",
        "The pod of the instance is evicted",
        Ask(
            method="POST",
            path=_pod("eviction"),
            dry=True,
            body={"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": _POD, "namespace": _INSTANCE}},
        ),
        door="instance",
        mechanism="deletion of pods",
        source=_HOUND,
    ),
    _asks(
        "pod-logs",
        "The log of the instance is read",
        Ask(method="GET", path=_pod("log"), query={"container": "prometheus", "tailLines": "1"}),
        door="instance",
        mechanism="logs",
        source=_HOUND,
    ),
    _asks(
        "secret-configuration",
        "The generated configuration is read, with the credentials in it",
        Ask(method="GET", path=_namespaced(_INSTANCE, "secrets", "<<prometheus>>")),
        door="instance",
        mechanism="Secrets of the instance",
        source=_SEEN,
    ),
    _asks(
        "secret-list",
        "The Secrets of the instance are listed",
        Ask(method="GET", path=_namespaced(_INSTANCE, "secrets")),
        door="instance",
        mechanism="Secrets of the instance",
        source=_MTB,
    ),
    _asks(
        "rule-files",
        "The ConfigMaps with the rules of the instance are overwritten",
        Ask(
            method="PATCH",
            path=_namespaced(_INSTANCE, "configmaps", "<<prometheus>>-rulefiles-0"),
            dry=True,
            content_type=MERGE,
            body={"data": {"x": "y"}},
        ),
        door="instance",
        mechanism="ConfigMaps of the instance",
        source=_HOUND,
    ),
    _asks(
        "token",
        "A token of the instance's ServiceAccount is requested",
        Ask(
            method="POST",
            path=_namespaced(_INSTANCE, "serviceaccounts", "<<prometheus>>", "token"),
            dry=True,
            body={"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}},
        ),
        door="instance",
        mechanism="token of an account",
        source=f"{_SEEN}; KubeHound TOKEN_STEAL",
    ),
    _asks(
        "statefulset",
        "The StatefulSet of the instance is changed",
        Ask(
            method="PATCH",
            path=_namespaced(_INSTANCE, "statefulsets", "<<prometheus>>", group=APPS),
            dry=True,
            content_type=MERGE,
            body={"spec": {"replicas": 0}},
        ),
        door="instance",
        mechanism="StatefulSet",
        source=_SEEN,
    ),
    _asks(
        "network-policy",
        "The NetworkPolicies of the instance are deleted",
        Ask(method="DELETE", path=_namespaced(_INSTANCE, "networkpolicies", group=NETWORKING), dry=True),
        door="instance",
        mechanism="NetworkPolicy",
        source=f"{_SEEN}; {_MTB}",
    ),
    _asks(
        "quota",
        "The ResourceQuotas of the team's own namespace are deleted",
        Ask(method="DELETE", path=_namespaced("<<own>>", "resourcequotas"), dry=True),
        door="instance",
        mechanism="ResourceQuota",
        source=_MTB,
    ),
    _asks(
        "service",
        "The Service of the instance is changed",
        Ask(
            method="PATCH",
            path=_namespaced(_INSTANCE, "services", "<<prometheus>>"),
            dry=True,
            content_type=MERGE,
            body={"spec": {"selector": None}},
        ),
        door="instance",
        mechanism="Service",
        source=_SEEN,
    ),
    _asks(
        "proxy-reload",
        "POST /-/reload by the API server's proxy, as /-/quit would be",
        Ask(
            method="POST",
            path=_namespaced("<<victim_instance>>", "services", "<<victim_service>>:web", "proxy", "-", "reload"),
        ),
        door="instance",
        mechanism="proxy of the API server",
        source="facts/corrections 30",
    ),
    _asks(
        "proxy-query",
        "Another team's Prometheus is asked by the API server's proxy",
        Ask(
            method="GET",
            path=_namespaced(
                "<<victim_instance>>", "services", "<<victim_service>>:web", "proxy", "api", "v1", "query"
            ),
            query={"query": "up"},
        ),
        door="instance",
        mechanism="proxy of the API server",
        source="facts/corrections 30",
    ),
    _asks(
        "pod-proxy",
        "Another team's Prometheus is asked by the proxy of its pod",
        Ask(method="GET", path=_namespaced("<<victim_instance>>", "pods", "<<victim_pod>>:9090", "proxy", "metrics")),
        door="instance",
        mechanism="proxy of the API server",
        source="facts/corrections 10",
    ),
    _stores(
        "instance-monitor",
        "A monitor is put into the instance's namespace, where nothing is enforced",
        _in(_INSTANCE, service_monitor()),
        door="instance",
        mechanism="excludedFromEnforcement",
        source=_MTB,
    ),
    _stores(
        "instance-rule",
        "A rule is put into the instance's namespace, where nothing is enforced",
        _in(_INSTANCE, rules({"record": "x", "expr": "1"})),
        door="instance",
        mechanism="excludedFromEnforcement",
        source=_MTB,
    ),
    _stores(
        "instance-pod",
        "A pod is put into the instance's namespace, with the instance's account",
        {
            "apiVersion": CORE,
            "kind": "Pod",
            "metadata": {"name": "<<id>>", "namespace": _INSTANCE},
            "spec": {"serviceAccountName": "<<prometheus>>", "containers": [_CONTAINER]},
        },
        door="instance",
        mechanism="pod with an account",
        source="KubeHound POD_CREATE",
    ),
    _stores(
        "instance-binding",
        "The team binds itself to more in the instance's namespace",
        {
            "apiVersion": RBAC,
            "kind": "RoleBinding",
            "metadata": {"name": "<<id>>", "namespace": _INSTANCE},
            "roleRef": {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": "admin"},
            "subjects": [{"kind": "Group", "apiGroup": RBAC_GROUP, "name": "system:authenticated"}],
        },
        door="instance",
        mechanism="binding of rights",
        source="KubeHound ROLE_BIND",
    ),
)


def _labels(number: str, title: str, action: Ask | Put, *, mechanism: str) -> Attack:
    return Attack(
        id=number,
        title=title,
        door="ownership",
        mechanism=mechanism,
        credential=PEOPLE,
        action=action,
        effect=Effect(kind=STORED if isinstance(action, Put) else ANSWERED),
        guards=(TEAM_PEOPLE, TEAM_LABEL_POLICY),
        source="CVE-2025-55205 (capsule); facts/corrections 19",
    )


_CLAIM: JsonObject = {"metadata": {"labels": {TEAM_LABEL: "<<attacker>>"}}}


def _namespace(name: str, *parts: str) -> str:
    return "/".join(["/api/v1/namespaces", name, *parts])


OWNERSHIP: tuple[Attack, ...] = (
    _labels(
        "claim-new",
        "A new namespace that says it is another team's",
        Put(
            keeps=False,
            objects=(
                {
                    "apiVersion": CORE,
                    "kind": "Namespace",
                    "metadata": {"name": "<<attacker>>-claimed", "labels": {TEAM_LABEL: "<<victim>>"}},
                },
            ),
        ),
        mechanism="label of a new namespace",
    ),
    _labels(
        "claim-patch",
        "Another team's namespace gets the attacker's label",
        Ask(method="PATCH", path=_namespace("<<victim_own>>"), body=_CLAIM, content_type=MERGE, dry=True),
        mechanism="label by a patch",
    ),
    _labels(
        "claim-apply",
        "The same by server-side apply",
        Ask(
            method="PATCH",
            path=_namespace("<<victim_own>>"),
            content_type=APPLY,
            dry=True,
            query={"fieldManager": "attack", "force": "true"},
            body={
                "apiVersion": CORE,
                "kind": "Namespace",
                "metadata": {"name": "<<victim_own>>", "labels": {TEAM_LABEL: "<<attacker>>"}},
            },
        ),
        mechanism="label by server-side apply",
    ),
    _labels(
        "claim-status",
        "The same through the subresource status",
        Ask(method="PATCH", path=_namespace("<<victim_own>>", "status"), body=_CLAIM, content_type=MERGE, dry=True),
        mechanism="label by status",
    ),
    _labels(
        "claim-finalize",
        "The same through the subresource finalize",
        Ask(
            method="PUT",
            path=_namespace("<<victim_own>>", "finalize"),
            dry=True,
            body={
                "apiVersion": CORE,
                "kind": "Namespace",
                "metadata": {"name": "<<victim_own>>", "labels": {TEAM_LABEL: "<<attacker>>"}},
                "spec": {"finalizers": ["kubernetes"]},
            },
        ),
        mechanism="label by finalize",
    ),
    _labels(
        "claim-system",
        "The namespace kube-system gets the attacker's label",
        Ask(method="PATCH", path=_namespace("kube-system"), body=_CLAIM, content_type=MERGE, dry=True),
        mechanism="label by a patch",
    ),
    _labels(
        "release-own",
        "The team takes its own namespace out of what is enforced for it",
        Ask(
            method="PATCH",
            path=_namespace("<<own>>"),
            content_type=MERGE,
            dry=True,
            body={"metadata": {"labels": {TEAM_LABEL: None}}},
        ),
        mechanism="label removed",
    ),
)

CLUSTER: tuple[Attack, ...] = (
    _stores(
        "victim-monitor",
        "A monitor is put into another team's namespace",
        _in("<<victim_own>>", service_monitor()),
        door="cluster",
        mechanism="object in another namespace",
        source=_MTB,
    ),
    _stores(
        "victim-rule",
        "A rule is put into another team's namespace",
        _in("<<victim_own>>", rules({"record": "x", "expr": "1"})),
        door="cluster",
        mechanism="object in another namespace",
        source=_MTB,
    ),
    _asks(
        "victim-list",
        "The monitors of another team are listed",
        Ask(method="GET", path=_namespaced("<<victim_own>>", "servicemonitors", group=MONITORING)),
        door="cluster",
        mechanism="read of another namespace",
        source=_MTB,
    ),
    _asks(
        "victim-delete",
        "All rules of another team are deleted",
        Ask(method="DELETE", path=_namespaced("<<victim_own>>", "prometheusrules", group=MONITORING), dry=True),
        door="cluster",
        mechanism="object in another namespace",
        source=_MTB,
    ),
    _asks(
        "victim-secret",
        "The Secrets of another team are listed",
        Ask(method="GET", path=_namespaced("<<victim_own>>", "secrets")),
        door="cluster",
        mechanism="Secrets of others",
        source=f"{_MTB}; {_HOUND}",
    ),
    _asks(
        "list-everywhere",
        "The monitors of all namespaces are listed",
        Ask(method="GET", path=f"/apis/{MONITORING}/servicemonitors"),
        door="cluster",
        mechanism="read of all namespaces",
        source=_MTB,
    ),
    _asks(
        "operator-stop",
        "The operator is scaled to zero",
        Ask(
            method="PATCH",
            path=_namespaced("<<operator_namespace>>", "deployments", "prometheus-operator", group=APPS),
            dry=True,
            content_type=MERGE,
            body={"spec": {"replicas": 0}},
        ),
        door="cluster",
        mechanism="operator",
        source="requirement O2",
    ),
    _asks(
        "crd-change",
        "A CRD of the operator is deleted",
        Ask(
            method="DELETE",
            dry=True,
            path="/apis/apiextensions.k8s.io/v1/customresourcedefinitions/prometheuses.monitoring.coreos.com",
        ),
        door="cluster",
        mechanism="CRD",
        source="requirement O2",
    ),
    _asks(
        "policy-remove",
        "A policy that guards the team is deleted",
        Ask(method="DELETE", dry=True, path="/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"),
        door="cluster",
        mechanism="admission policy",
        source="capsule#1135, turned around",
    ),
    _asks(
        "record-read",
        "The record of the fleet's objects is read",
        Ask(method="GET", path=_namespaced("kube-system", "configmaps")),
        door="cluster",
        mechanism="records",
        source="facts/anchors 5: tampering with records",
    ),
    _asks(
        "impersonate",
        "The team acts as an administrator",
        Ask(
            method="GET",
            path="/api/v1/secrets",
            headers={"Impersonate-User": "admin", "Impersonate-Group": "system:masters"},
        ),
        door="cluster",
        mechanism="impersonation",
        source="KubeHound IDENTITY_IMPERSONATE",
    ),
    _stores(
        "cluster-binding",
        "The team makes itself an administrator of the cluster",
        {
            "apiVersion": RBAC,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "<<attacker>>-<<id>>"},
            "roleRef": {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "Group", "apiGroup": RBAC_GROUP, "name": "system:authenticated"}],
        },
        door="cluster",
        mechanism="binding of rights",
        source="KubeHound ROLE_BIND",
    ),
)

_FAR = "facts/prometheus-operator G: 58 MB of rules in one namespace killed operators at 200Mi"


def _floods(number: str, title: str, obj: JsonObject, *, mechanism: str, guards: tuple[str, ...]) -> Attack:
    return Attack(
        id=number,
        title=title,
        door="flooding",
        mechanism=mechanism,
        credential=PEOPLE,
        action=Put(objects=(obj,), keeps=False),
        effect=Effect(kind=STORED),
        guards=guards,
        source=_FAR,
    )


_LONG = "x" * 64


def _annotated(obj: JsonObject, text: str) -> JsonObject:
    return {**obj, "metadata": {**obj["metadata"], "annotations": {"example.com/text": text}}}


def _receivers(number: int) -> JsonObject:
    obj = alertmanager_config(pagerdutyConfigs=[{"routingKey": {"name": "<<secret>>", "key": "id"}}])
    (first,) = obj["spec"]["receivers"]
    more = [{**first, "name": f"{first['name']}-{count}"} for count in range(number)]
    return {**obj, "spec": {**obj["spec"], "receivers": [first, *more]}}


RULE_SIZE, MONITOR_SIZE = "policy:rule-sizes", "policy:monitor-sizes"

FLOODING: tuple[Attack, ...] = (
    _floods(
        "flood-rules",
        "One PrometheusRule with 5,000 rules",
        rules(*({"record": f"flood:{number}", "expr": "vector(1)"} for number in range(5000))),
        mechanism="size of a rule object",
        guards=(RULE_SIZE,),
    ),
    _floods(
        "flood-expression",
        "A rule whose expression has 200,000 characters",
        rules({"record": "flood:x", "expr": "vector(1)" + " or vector(1)" * 16_000}),
        mechanism="size of an expression",
        guards=(RULE_SIZE,),
    ),
    _floods(
        "flood-annotations",
        "An alert with annotations of 500,000 characters",
        rules({"alert": "Flood", "expr": "vector(1)", "annotations": {"x": "x" * 500_000}}),
        mechanism="size of annotations",
        guards=(RULE_SIZE,),
    ),
    _floods(
        "flood-endpoints",
        "A ServiceMonitor with 1,000 endpoints",
        service_monitor(spec={"endpoints": [{"port": "web", "path": f"/{number}"} for number in range(1000)]}),
        mechanism="number of endpoints",
        guards=(MONITOR_SIZE, RELABELINGS, FORGED),
    ),
    _floods(
        "flood-relabelings",
        "A monitor with 2,000 relabelings",
        service_monitor(
            *({"action": "replace", "targetLabel": f"x{number}", "replacement": _LONG} for number in range(2000))
        ),
        mechanism="number of relabelings",
        guards=(MONITOR_SIZE, RELABELINGS, FORGED),
    ),
    _floods(
        "flood-interval",
        "A monitor that scrapes each 100 ms",
        service_monitor(interval="100ms", scrapeTimeout="100ms"),
        mechanism="interval of a monitor",
        guards=("policy:monitor-limits",),
    ),
    _floods(
        "flood-samples",
        "A monitor that asks for more samples than the instance takes",
        service_monitor(spec={"sampleLimit": 100_000_000}),
        mechanism="sample limit",
        guards=("policy:monitor-limits",),
    ),
    _floods(
        "flood-metadata",
        "An annotation of a monitor with 200,000 characters",
        _annotated(service_monitor(), "x" * 200_000),
        mechanism="size of metadata",
        guards=("policy:metadata-sizes",),
    ),
    _floods(
        "flood-receivers",
        "An AlertmanagerConfig with 500 receivers",
        _receivers(500),
        mechanism="number of receivers",
        guards=("policy:alertmanager-sizes", URLS),
    ),
)

_OPERATOR = "*:prometheus-operator*"
_KEEPS = {_OPERATOR: "it keeps the configuration Secrets, Services and StatefulSets of all instances"}


def _class(
    number: str,
    title: str,
    verb: str,
    resource: str = "",
    *,
    group: str = "",
    subresource: str = "",
    path: str = "",
    excused: t.Mapping[str, str] | None = None,
) -> Attack:
    review = Review(
        verb=verb, resource=resource, group=group, subresource=subresource, path=path, excused=excused or {}
    )
    return Attack(
        id=number,
        title=title,
        door="accounts",
        mechanism=f"right: {title[0].lower()}{title[1:]}",
        credential=ACCOUNTS,
        action=review,
        effect=Effect(kind=ALLOWED),
        guards=("rights:instance-account",),
        source=_HOUND,
    )


CLASSES: tuple[Attack, ...] = (
    _class("may-read-secrets", "Read Secrets of others", "get", "secrets", excused=_KEEPS),
    _class("may-write-configmaps", "Overwrite ConfigMaps of others", "update", "configmaps", excused=_KEEPS),
    _class("may-create-pods", "Create pods elsewhere", "create", "pods"),
    _class("may-create-workloads", "Change workloads of others", "patch", "deployments", group="apps"),
    _class(
        "may-delete-pods",
        "Delete pods of others",
        "delete",
        "pods",
        excused={_OPERATOR: "it deletes pods of a StatefulSet whose rollout hangs"},
    ),
    _class("may-exec", "Run commands in pods of others", "create", "pods", subresource="exec"),
    _class("may-evict", "Evict pods of others", "create", "pods", subresource="eviction"),
    _class("may-proxy-nodes", "Reach kubelets by the API server's proxy", "get", "nodes", subresource="proxy"),
    _class(
        "may-proxy-services",
        "Reach Services of others by the API server's proxy",
        "get",
        "services",
        subresource="proxy",
    ),
    _class("may-take-tokens", "Request tokens of other accounts", "create", "serviceaccounts", subresource="token"),
    _class("may-bind", "Bind more rights", "create", "rolebindings", group=RBAC_GROUP),
    _class("may-escalate", "Change roles beyond its own rights", "escalate", "roles", group=RBAC_GROUP),
    _class("may-impersonate", "Act as others", "impersonate", "users"),
    _class(
        "may-change-webhooks",
        "Change admission webhooks",
        "patch",
        "validatingwebhookconfigurations",
        group="admissionregistration.k8s.io",
    ),
    _class("may-read-paths", "Read paths of the API server that are not objects", "get", path="/metrics"),
    _class("may-create-volumes", "Create volumes of a node's folders", "create", "persistentvolumes"),
)
