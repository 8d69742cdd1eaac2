# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Building blocks of Kubernetes objects. Pure.

Inside lists that the server replaces as a whole, fields that it would default are written down: a list that differs
from the live one by a default would be sent again in each run.
"""

from __future__ import annotations

import typing as t
from fractions import Fraction

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import NAMESPACE_LABEL, TEAM_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import Resources
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.quantities import Quantity

JsonObject = dict[str, t.Any]

CORE = "v1"
APPS = "apps/v1"
DISCOVERY = "discovery.k8s.io/v1"
NETWORKING = "networking.k8s.io/v1"
DISRUPTION = "policy/v1"
RBAC_GROUP = "rbac.authorization.k8s.io"
RBAC = f"{RBAC_GROUP}/v1"

READ = ["get", "list", "watch"]
WRITE = ["create", "delete", "deletecollection", "patch", "update"]

# Names of the ports that the operator gives to the containers of its pods.
WEB_PORT_NAME = "web"
RELOADER_PORT_NAME = "reloader-web"
GRPC_PORT_NAME = "grpc"
PROMETHEUS_PORT = 9090
ALERTMANAGER_PORT = 9093
RELOADER_PORT = 8080
# Where a Thanos sidecar answers queries (gRPC).
THANOS_PORT = 10901
# Where a Thanos Query answers those of people and Grafana (HTTP).
QUERY_PORT = 10902

# The images are for Linux; in a mixed cluster the scheduler would try the others too.
LINUX = {"kubernetes.io/os": "linux"}
# The ports of DNS as a NetworkPolicy names them. OpenShift's DNS pods listen at the second one.
TO_DNS = [{"port": port, "protocol": protocol} for port in (53, 5353) for protocol in ("TCP", "UDP")]

RESTRICTED_NAMESPACE = {
    "pod-security.kubernetes.io/audit": "restricted",
    "pod-security.kubernetes.io/enforce": "restricted",
    "pod-security.kubernetes.io/warn": "restricted",
}

# For pods that need what the other levels forbid: the node's network or its files.
PRIVILEGED_NAMESPACE = dict.fromkeys(RESTRICTED_NAMESPACE, "privileged")


def in_shared(objects: t.Iterable[JsonObject], namespaces: t.Container[str]) -> list[JsonObject]:
    """*objects* without what would be valid for pods of others too, in *namespaces* that ours share with these.

    Such a namespace keeps its own Pod Security labels, and gets no quota, no limits, and no policy for all pods.
    """
    return [
        _without_levels(obj) if obj["kind"] == "Namespace" and obj["metadata"]["name"] in namespaces else obj
        for obj in objects
        if not (_is_for_all_pods(obj) and obj["metadata"]["namespace"] in namespaces)
    ]


def _is_for_all_pods(obj: JsonObject) -> bool:
    if obj["kind"] == "NetworkPolicy":
        return not obj["spec"]["podSelector"]
    return obj["kind"] in ("LimitRange", "ResourceQuota")


def _without_levels(namespace: JsonObject) -> JsonObject:
    metadata = namespace["metadata"]
    labels = {name: value for name, value in metadata["labels"].items() if name not in RESTRICTED_NAMESPACE}
    return {**namespace, "metadata": {**metadata, "labels": labels}}


def make(
    api_version: str,
    kind: str,
    name: str,
    *,
    labels: t.Mapping[str, str],
    namespace: str | None = None,
    annotations: t.Mapping[str, str] | None = None,
    **body: t.Any,
) -> JsonObject:
    """An object; without *namespace* it is cluster-scoped."""
    metadata: JsonObject = {"name": name, "labels": dict(labels)}
    if namespace is not None:
        metadata["namespace"] = namespace
    if annotations:
        metadata["annotations"] = dict(annotations)
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **body}


def rule(*groups: str, resources: t.Sequence[str], verbs: t.Sequence[str]) -> JsonObject:
    """One rule of a Role; the core group is the empty name."""
    return {"apiGroups": list(groups), "resources": list(resources), "verbs": sorted(verbs)}


def role(name: str, *, namespace: str, labels: t.Mapping[str, str], rules: t.Sequence[JsonObject]) -> JsonObject:
    """A Role."""
    return make(RBAC, "Role", name, namespace=namespace, labels=labels, rules=list(rules))


def role_binding(
    name: str, *, namespace: str, labels: t.Mapping[str, str], subjects: t.Sequence[JsonObject]
) -> JsonObject:
    """A RoleBinding to the Role of the same name."""
    reference = {"apiGroup": RBAC_GROUP, "kind": "Role", "name": name}
    return make(
        RBAC, "RoleBinding", name, namespace=namespace, labels=labels, roleRef=reference, subjects=list(subjects)
    )


def account_subject(name: str, *, namespace: str) -> JsonObject:
    """A ServiceAccount as the subject of a binding."""
    return {"kind": "ServiceAccount", "name": name, "namespace": namespace}


def group_subject(name: str) -> JsonObject:
    """A group of people as the subject of a binding."""
    return {"apiGroup": RBAC_GROUP, "kind": "Group", "name": name}


def user_subject(name: str) -> JsonObject:
    """One person as the subject of a binding."""
    return {"apiGroup": RBAC_GROUP, "kind": "User", "name": name}


def discovery_rules() -> list[JsonObject]:
    """What Prometheus must read in a namespace to find the targets of monitors there.

    Its informers need all of these kinds: where one is refused, none of the others ever counts as complete.
    """
    return [
        rule("", resources=["endpoints", "pods", "services"], verbs=READ),
        rule("discovery.k8s.io", resources=["endpointslices"], verbs=READ),
    ]


def service_port(name: str, port: int) -> JsonObject:
    """A port of a Service that leads to the container port of the same name."""
    return {"name": name, "port": port, "protocol": "TCP", "targetPort": name}


def tcp_ports(*ports: int) -> list[JsonObject]:
    """Ports as a NetworkPolicy names them."""
    return [{"port": port, "protocol": "TCP"} for port in sorted(ports)]


def pods_in(namespace: str, labels: t.Mapping[str, str] | None = None) -> JsonObject:
    """The pods of *namespace* as a peer of a NetworkPolicy: all, or those with *labels*."""
    peer: JsonObject = {"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: namespace}}}
    return {**peer, "podSelector": {"matchLabels": dict(labels)}} if labels else peer


def counted(number: int) -> str:
    """A number of objects as the API server keeps it in a quota: 5000 is ``5k``.

    It compares what two managers of a field write as text, so another form is a conflict for the second of them.
    """
    return str(Quantity(value=Fraction(number)))


def admitting(priority_class: str, *, pods: int) -> JsonObject:
    """The spec of a quota for *pods* of this priority.

    Some clusters (GKE) admit pods of a system's priority only where a quota speaks of them.
    """
    scope = {"operator": "In", "scopeName": "PriorityClass", "values": [priority_class]}
    return {"hard": {"pods": counted(pods)}, "scopeSelector": {"matchExpressions": [scope]}}


def team_namespaces(*teams: str) -> JsonObject:
    """A label selector for the namespaces of these teams."""
    names = sorted(set(teams))
    if len(names) == 1:
        return {"matchLabels": {TEAM_LABEL: names[0]}}
    return {"matchExpressions": [{"key": TEAM_LABEL, "operator": "In", "values": names}]}


def burstable(resources: Resources) -> JsonObject:
    """Requests of CPU and memory, and a limit of memory; one of CPU only if it is given."""
    limits = {"memory": resources.memory}
    if resources.cpu_limit is not None:
        limits["cpu"] = resources.cpu_limit
    return {
        "limits": limits,
        "requests": {"cpu": resources.cpu, "memory": resources.memory},
    }


def pull_secrets(names: t.Sequence[str]) -> JsonObject:
    """The field of a pod that names the Secrets with credentials for registries; nothing where there are none."""
    return {"imagePullSecrets": [{"name": name} for name in names]} if names else {}


def leaving_lost_nodes(seconds: int | None) -> JsonObject:
    """The field of a pod that leaves a node *seconds* after it is lost; nothing for what Kubernetes does by default."""
    if seconds is None:
        return {}
    lost = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": seconds}
    return {"tolerations": [{"key": f"node.kubernetes.io/{name}", **lost} for name in ("not-ready", "unreachable")]}


def fixed(resources: Resources) -> JsonObject:
    """Requests that are limits too."""
    amounts = {"cpu": resources.cpu, "memory": resources.memory}
    return {"limits": dict(amounts), "requests": dict(amounts)}


def confined() -> JsonObject:
    """The container's part of what the restricted Pod Security Standard asks for, with files that are only read."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }


def restricted_pod(*, user: int | None) -> JsonObject:
    """The pod's part of what the restricted Pod Security Standard asks for; its volumes belong to group 2000.

    *user* None leaves user and group to the platform, which sets both (OpenShift).
    """
    ids = {} if user is None else {"fsGroup": 2000, "runAsUser": user}
    return {**ids, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
