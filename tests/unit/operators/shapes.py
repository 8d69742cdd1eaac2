"""Workloads and grants as the published manifests have them, for tables of tests."""

from __future__ import annotations

import typing as t

JsonObject = dict[str, t.Any]

RBAC = "rbac.authorization.k8s.io"
# kube-prometheus, manifests/prometheusOperator-deployment.yaml.
KUBE_PROMETHEUS_ARGS = (
    "--kubelet-service=kube-system/kubelet",
    "--prometheus-config-reloader=quay.io/prometheus-operator/prometheus-config-reloader:v0.93.1",
    "--kubelet-endpoints=true",
    "--kubelet-endpointslice=false",
)
# prometheus-operator, example/rbac/prometheus-operator/prometheus-operator-cluster-role.yaml of 0.93 and of 0.30.
RULES = (
    {
        "apiGroups": ["monitoring.coreos.com"],
        "resources": ["prometheuses", "prometheuses/finalizers", "prometheuses/status", "servicemonitors"],
        "verbs": ["*"],
    },
    {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["*"]},
)
OLD_RULES = (
    {
        "apiGroups": ["monitoring.coreos.com"],
        "resources": ["alertmanagers", "prometheuses", "prometheuses/finalizers", "alertmanagers/finalizers"],
        "verbs": ["*"],
    },
    {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["*"]},
)


def workload(
    *,
    name: str = "prometheus-operator",
    namespace: str = "monitoring",
    kind: str = "Deployment",
    account: str | None = "prometheus-operator",
    replicas: int | None = 1,
    image: str = "registry.example/anything@sha256:0123",
    args: t.Sequence[str] = (),
    command: t.Sequence[str] = (),
    labels: t.Mapping[str, str] | None = None,
    annotations: t.Mapping[str, str] | None = None,
    pod_annotations: t.Mapping[str, str] | None = None,
    containers: t.Sequence[JsonObject] = (),
    **metadata: t.Any,
) -> JsonObject:
    container = {"name": name, "image": image, "args": list(args), "command": list(command)}
    pod: JsonObject = {"containers": [*containers, container]}
    if account:
        pod["serviceAccountName"] = account
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": dict(labels or {}),
            "annotations": dict(annotations or {}),
            **metadata,
        },
        "spec": {
            "template": {"metadata": {"annotations": dict(pod_annotations or {})}, "spec": pod},
            **({} if replicas is None else {"replicas": replicas}),
        },
    }


def role(
    rules: t.Sequence[t.Mapping[str, t.Any]] | None = RULES,
    *,
    name: str = "prometheus-operator",
    namespace: str = "",
) -> JsonObject:
    place = {"namespace": namespace} if namespace else {}
    return {"metadata": {"name": name, **place}, "rules": None if rules is None else [dict(rule) for rule in rules]}


def account(name: str = "prometheus-operator", namespace: str = "monitoring") -> JsonObject:
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def group(name: str) -> JsonObject:
    return {"kind": "Group", "apiGroup": RBAC, "name": name}


def user(name: str) -> JsonObject:
    return {"kind": "User", "apiGroup": RBAC, "name": name}


def binding(
    *subjects: JsonObject, role_name: str = "prometheus-operator", kind: str = "ClusterRole", namespace: str = ""
) -> JsonObject:
    place = {"namespace": namespace} if namespace else {}
    return {
        "metadata": {"name": role_name, **place},
        "roleRef": {"apiGroup": RBAC, "kind": kind, "name": role_name},
        "subjects": list(subjects),
    }
