"""A control plane, an account on it whose rules a test chooses, and the runs that take every shipped right."""

from __future__ import annotations

import re
import typing as t
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api import client
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Forbidden
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.proxy import proxy_pods
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.engine import LEASE
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right

from promlab.controlplane import ControlPlane
from tests.integration.support.account import (
    GROUP,
    RECORDS_NAMESPACE,
    install_roles,
    make_account,
    write_kubeconfig,
)
from tests.integration.support.audit import Audit
from tests.integration.support.cluster import MERGE, Cluster, JsonObject
from tests.integration.support.inprocess import run_module
from tests.tools.rights import Account, accounts, compact

ACCOUNTS = {account.name: account for account in accounts()}
TESTER = "tester"
PLATFORM = "monitoring-platform"
# Pods whose nodes a run asks for: namespace, name and labels. The name of a proxy's pod says nothing.
PODS: tuple[tuple[str, str, dict[str, str]], ...] = (
    (PLATFORM, "prometheus-platform-0", {}),
    ("monitoring-pay", "proxy", proxy_pods("pay", 0)),
)
# What each set has one of.
RECORDS = (["configmaps"], ["leases"])

# Together they have an object of every kind that teams can have.
TEAM: JsonObject = {
    "name": "pay",
    "namespaces": ["pay"],
    "groups": ["pay-people"],
    "prometheus": {"storage": {"size": "1Gi"}},
    "alertmanager": {"replicas": 2},
    "monitors": [
        {"kind": "PodMonitor", "name": "pay", "spec": {"selector": {"matchLabels": {"app": "pay"}}}},
        {"kind": "Probe", "name": "pay", "spec": {"targets": {"staticConfig": {"static": ["https://pay"]}}}},
    ],
}
AGENT: JsonObject = {
    "name": "till",
    "prometheus": {"mode": "agent", "remote_write": [{"name": "any", "url": "https://any.example.com"}]},
    "alertmanager": {"enabled": False},
}
GROUPS = [{"name": "any", "rules": [{"record": "any:up:sum", "expr": "sum(up)"}]}]
SHARED: JsonObject = {"cluster": "hub", "clusters": ["hub", "edge"], "teams": [TEAM, AGENT]}
PROXIED: JsonObject = {
    "team": "pay",
    "expose": "NodePort",
    "scheme": "https",
    "tls_config": {"cert": {"secret": "any"}},
    "proxy": {"certificate": {"secret": "any"}, "client_ca": {"secret": "any"}, "clients": ["any"]},
}
SOURCES = [{"team": "platform", "expose": "NodePort"}, PROXIED]
ENDPOINTS: list[JsonObject] = [
    {"cluster": "edge", "team": "platform", "targets": [{"address": "192.0.2.7", "port": 31090, "replica": 0}]},
    {"cluster": "edge", "team": "pay", "targets": [{"address": "edge.example.com", "port": 31091}]},
]
RECEIVERS: list[JsonObject] = [{"name": "all", "webhook": {"url": "https://alerts.example.com/"}}]
NO_WAIT: JsonObject = {"wait": False}
WAIT: JsonObject = {"wait": True, "wait_timeout": 300}

# Name, module and options of each run. What they find decides what they take, so each is for a state of the cluster.
CALLS: dict[str, tuple[str, JsonObject]] = {
    "crds": ("crds", WAIT),
    "operator": ("prometheus_operator", {"rules": GROUPS, "replaces": ["any/prometheus-operator"], **NO_WAIT}),
    "teams": ("team_monitoring", {**SHARED, "base_rules": GROUPS, "default_receivers": RECEIVERS, **NO_WAIT}),
    "source": ("federation_source", {**SHARED, "sources": SOURCES, **NO_WAIT}),
    "endpoints": ("federation_endpoints", {**SHARED, "sources": ENDPOINTS, **NO_WAIT}),
    # None is switched on, as in a run of the playbook site.
    "exporters": ("monitoring_exporters", NO_WAIT),
    "no endpoints": ("federation_endpoints", {**SHARED, "state": "absent", **WAIT}),
    "no source": ("federation_source", {**SHARED, "state": "absent", **WAIT}),
    "no teams": ("team_monitoring", {**SHARED, "state": "absent", "remove_volume_claims": True, **WAIT}),
    "no operator": ("prometheus_operator", {"state": "absent", **WAIT}),
    "no crds": ("crds", {"state": "absent", **WAIT}),
}
CRDS: dict[str, tuple[str, ...]] = {"promfleet-operator": ("crds",)}
PRESENT: dict[str, tuple[str, ...]] = {
    "promfleet-operator": ("operator", "exporters"),
    "promfleet-teams": ("teams", "source", "endpoints"),
}
ABSENT: dict[str, tuple[str, ...]] = {
    "promfleet-operator": ("no operator",),
    "promfleet-teams": ("no endpoints", "no source", "no teams"),
}


@dataclass(kw_only=True)
class Bench:
    """A control plane with the shipped roles, and an account beside the administrator."""

    plane: ControlPlane
    admin: Cluster
    kubeconfig: Path
    numbers: Iterator[int] = field(default_factory=count)

    @property
    def audit(self) -> Audit:
        """The control plane's log of requests."""
        return Audit(path=self.plane.audit_log)

    def call(self, name: str, *, check: bool = False, by_admin: bool = False) -> JsonObject:
        """One run as the account, or as the administrator."""
        module, options = CALLS[name]
        path = self.plane.kubeconfig if by_admin else self.kubeconfig
        return run_module(module, kubeconfig=path, context=self.plane.context, check=check, **options)

    def module(self, name: str, /, *, check: bool = False, **options: t.Any) -> JsonObject:
        """Any module as the account."""
        return run_module(name, kubeconfig=self.kubeconfig, context=self.plane.context, check=check, **options)

    def connect(self) -> client.Cluster:
        """The collection's own connection, as the account."""
        return client.connect({"kubeconfig": str(self.kubeconfig), "context": self.plane.context})

    def run_platform(self, *, pods: Sequence[str] = ()) -> None:
        """A node with the pods whose place is asked for, as far as the API server knows: here nobody runs pods.

        *pods*: only those of these namespaces.
        """
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node"}}
        self.admin.apply(node, force=True)
        addresses = {"status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.9"}]}}
        self.admin.request("PATCH", "/api/v1/nodes/node/status", body=addresses, content_type=MERGE)
        chosen = [one for one in PODS if not pods or one[0] in pods]
        places = [namespace for namespace, _name, _labels in chosen]
        self.admin.wait_until(
            lambda: all(self.admin.find("v1", "ServiceAccount", "default", place) for place in places),
            "pods can be made",
        )
        security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}
        resources = {"requests": {"cpu": "10m", "memory": "10Mi"}, "limits": {"memory": "10Mi"}}
        container = {"name": "any", "image": "any", "resources": resources, "securityContext": security}
        spec = {
            "nodeName": "node",
            "terminationGracePeriodSeconds": 0,
            "containers": [container],
            "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        }
        for namespace, name, labels in chosen:
            metadata = {"name": name, "namespace": namespace, "labels": labels}
            self.admin.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, force=True)

    def stop_platform(self, *namespaces: str) -> None:
        """Takes the pods away, all or those of *namespaces*, which no kubelet would do."""
        for namespace, name, _labels in PODS:
            if namespaces and namespace not in namespaces:
                continue
            path = f"/api/v1/namespaces/{namespace}/pods/{name}"
            self.admin.send("DELETE", path, body={"gracePeriodSeconds": 0})

    def give(
        self,
        rules: Sequence[JsonObject],
        *,
        in_kube_system: Sequence[JsonObject] = (),
        namespace: str = "",
        in_namespace: Sequence[JsonObject] = (),
    ) -> None:
        """Gives the account exactly these rights, and returns when they count."""
        marker = f"/promfleet-test/{next(self.numbers)}"
        mark = {"nonResourceURLs": [marker], "verbs": ["get"]}
        place = [("ClusterRole", "", [*rules, mark]), ("Role", RECORDS_NAMESPACE, in_kube_system)]
        if namespace:
            place.append(("Role", namespace, in_namespace))
        for kind, where, own in place:
            metadata = {"name": TESTER, **({"namespace": where} if where else {})}
            role = {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": metadata, "rules": list(own)}
            self.admin.apply(role, force=True)
            reference = {"apiGroup": GROUP, "kind": kind, "name": TESTER}
            subject = {"kind": "ServiceAccount", "name": TESTER, "namespace": "promfleet"}
            binding = {**role, "kind": f"{kind}Binding", "roleRef": reference, "subjects": [subject]}
            del binding["rules"]
            self.admin.apply(binding, force=True)
        account = Cluster(kubeconfig=self.kubeconfig, context=self.plane.context)
        places = [(RECORDS_NAMESPACE, in_kube_system), *([(namespace, in_namespace)] if namespace else [])]

        def counts() -> bool:
            return all(self._has(account, where, marker=marker, rules=own) for where, own in places)

        self.admin.wait_until(counts, "the account has the new rights")

    def _has(self, account: Cluster, namespace: str, *, marker: str, rules: Sequence[JsonObject]) -> bool:
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": namespace},
        }
        status = account.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body=body)["status"]
        held = status["resourceRules"]
        everywhere = any(marker in rule["nonResourceURLs"] for rule in status["nonResourceRules"])
        return everywhere and all(
            any({**rule, "apiGroups": rule["apiGroups"]}.items() <= one.items() for one in held) for rule in rules
        )


@contextmanager
def prepared(plane: ControlPlane, folder: Path) -> Iterator[Bench]:
    """The roles and the account on a new control plane."""
    admin = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    install_roles(admin)
    token = make_account(admin, TESTER, roles=())
    kubeconfig = folder / "kubeconfig"
    write_kubeconfig(plane.kubeconfig, tokens={plane.context: token}, output=kubeconfig)
    yield Bench(plane=plane, admin=admin, kubeconfig=kubeconfig)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One right of a shipped role, to be taken away."""

    account: str
    right: Right
    in_kube_system: bool

    @property
    def is_crd(self) -> bool:
        """Whether it is about the definitions themselves, or about who may change them."""
        return self.right.resource == "customresourcedefinitions" or self.right.name == LEASE

    def __str__(self) -> str:
        where = "kube-system:" if self.in_kube_system else ""
        return f"{self.account.removeprefix('promfleet-')}-{where}{self.right.verb}-{self.right.what}"


def cases() -> list[Case]:
    """Every right of the two accounts that write; one name stands for all names of a rule."""
    found: dict[str, Case] = {}
    for account in (ACCOUNTS["promfleet-operator"], ACCOUNTS["promfleet-teams"]):
        for rules, in_kube_system in ((account.rules, False), (account.record_rules, True)):
            for rule in rules:
                for right in _rights_of(rule):
                    case = Case(account=account.name, right=right, in_kube_system=in_kube_system)
                    found[str(case)] = case
    return list(found.values())


def _rights_of(rule: JsonObject) -> list[Right]:
    (group,) = rule["apiGroups"]
    names = rule.get("resourceNames", [""])
    # Records are of one set each; all other names of a rule go together.
    several = names if rule["resources"] in RECORDS else names[:1]
    return [
        Right(group=group, resource=resource, verb=verb, name=name)
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in several
    ]


def without(account: Account, case: Case) -> tuple[list[JsonObject], list[JsonObject]]:
    """The rules of an account, and those of its Role for records, with the right of the case taken out."""
    parts = []
    for rules, affected in ((account.rules, not case.in_kube_system), (account.record_rules, case.in_kube_system)):
        rights = {right for rule in rules for right in _every_right(rule)}
        if affected:
            rights = {right for right in rights if not _is(right, case.right)}
        parts.append(compact(rights))
    return parts[0], parts[1]


def _every_right(rule: JsonObject) -> list[Right]:
    (group,) = rule["apiGroups"]
    return [
        Right(group=group, resource=resource, verb=verb, name=name)
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    ]


def _is(right: Right, removed: Right) -> bool:
    if (right.group, right.resource, right.verb) != (removed.group, removed.resource, removed.verb):
        return False
    return [right.resource] not in RECORDS or right.name == removed.name


def refusal(bench: Bench, names: Sequence[str]) -> Forbidden | None:
    """The first refusal among these runs in check mode, None where the account may do them all."""
    for name in names:
        try:
            bench.call(name, check=True)
        except Forbidden as error:
            return error
    return None


def names_exactly(error: Forbidden, case: Case) -> bool:
    """Whether the error tells of the one right and of nothing else."""
    (line, *others) = error.objects
    full = case.right.what.removesuffix(f"/{case.right.name}")
    return not others and re.fullmatch(rf"{case.right.verb} {re.escape(full)}(/\S+)?( \(.*\))?", line) is not None
