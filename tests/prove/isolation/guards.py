"""Takes guards of the throwaway teams away, all of them or all but one, and puts them back."""

from __future__ import annotations

import contextlib
import typing as t
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import (
    INSTANCE_ACCOUNT,
    NETWORK,
    OPERATOR,
    POLICY,
    RIGHTS,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.stage import (
    OWNER_NAME,
    PERSON,
    Actor,
    Stage,
)

from tests.integration.support.cluster import Cluster, JsonObject

ADMISSION = "admissionregistration.k8s.io/v1"
BINDING = "ValidatingAdmissionPolicyBinding"
RBAC = "rbac.authorization.k8s.io/v1"
NETWORKING = "networking.k8s.io/v1"
PREFIX = "promfleet-"
MARK = "promfleet-proof"
# The field without which no alert has the namespace by which its receiver is chosen: open for its own attacks only.
NAMESPACE_FIELD = "enforcedNamespaceLabel"
# What an instance's field is where it guards nothing.
OPEN_FIELDS: dict[str, t.Any] = {
    "arbitraryFSAccessThroughSMs": {"deny": False},
    "enableRemoteWriteReceiver": True,
    "enforcedNamespaceLabel": None,
    "ignoreNamespaceSelectors": False,
    "scrapeConfigNamespaceSelector": {},
}
# Fields of the instance that is attacked; the others are the attacker's own.
OF_VICTIM = frozenset({"enableRemoteWriteReceiver"})


def is_network_guard(policy: JsonObject, guard: str) -> bool:
    """Whether a NetworkPolicy belongs to a network guard: by what it restricts, and by its name. Pure."""
    types = set(policy["spec"].get("policyTypes") or ("Ingress",))
    name = guard.partition(":")[2]
    if name == "instance-ingress":
        return types == {"Ingress"} and bool(policy["spec"].get("podSelector"))
    # By what it restricts, and of which program: prometheus-TEAM-egress, alertmanager-TEAM-egress.
    return types == {"Egress"} and policy["metadata"]["name"].startswith(f"{name.removesuffix('egress')}")


@dataclass(kw_only=True)
class Guards:
    """The guards of one stage. While none is there, what they were is kept here."""

    cluster: Cluster
    stage: Stage
    kept: dict[str, list[JsonObject]] = field(default_factory=dict)
    fields: dict[str, t.Any] = field(default_factory=dict)

    # -- all of them ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def none(self) -> Iterator[None]:
        """Take every guard away. The policies, which are the cluster's, are back after the with block."""
        self._take_policies()
        self._take_networks()
        self._open_fields({name: value for name, value in OPEN_FIELDS.items() if name != NAMESPACE_FIELD})
        self._grant()
        try:
            yield
        finally:
            self._revoke()
            # What guards only the throwaway teams is gone with them; a changed instance would start again before.
            for obj in self.kept[POLICY]:
                self._put(obj)

    @contextlib.contextmanager
    def only(self, guard: str) -> Iterator[bool]:
        """Put one guard back while all others are away; False where there is no such guard on this cluster."""
        kind = guard.partition(":")[0]
        if kind == RIGHTS:
            self._revoke(guard)
            try:
                yield True
            finally:
                self._grant(guard)
            return
        if kind == OPERATOR:
            name = guard.partition(":")[2]
            if name == NAMESPACE_FIELD:
                yield True
                return
            self._restore_fields({name: self.fields.get(name)})
            try:
                yield True
            finally:
                self._open_fields({name: OPEN_FIELDS[name]})
            return
        objects = self._of(guard)
        for obj in objects:
            self._put(obj)
        try:
            yield bool(objects)
        finally:
            for obj in objects:
                self._delete(obj)

    @contextlib.contextmanager
    def without_namespaces(self) -> Iterator[None]:
        """Let the instance enforce no label of the namespace, for the time of a with block."""
        self._open_fields({NAMESPACE_FIELD: OPEN_FIELDS[NAMESPACE_FIELD]})
        try:
            yield
        finally:
            self._restore_fields({NAMESPACE_FIELD: self.fields[NAMESPACE_FIELD]})

    def _of(self, guard: str) -> list[JsonObject]:
        kind, _colon, name = guard.partition(":")
        if kind == POLICY:
            return [one for one in self.kept.get(POLICY, ()) if one["spec"]["policyName"] == f"{PREFIX}{name}"]
        return [one for one in self.kept.get(NETWORK, ()) if is_network_guard(one, guard)]

    # -- objects --------------------------------------------------------------------------------------------------

    def _take_policies(self) -> None:
        kind = self.cluster.kind(ADMISSION, BINDING)
        found = [one for one in self.cluster.list_kind(kind) if one["metadata"]["name"].startswith(PREFIX)]
        self.kept[POLICY] = [_bare(one) for one in found]
        for one in found:
            self._delete(one)

    def _take_networks(self) -> None:
        kind = self.cluster.kind(NETWORKING, "NetworkPolicy")
        places = {*self.stage.namespaces}
        found = [one for one in self.cluster.list_kind(kind) if one["metadata"]["namespace"] in places]
        self.kept[NETWORK] = [_bare(one) for one in found]
        for one in found:
            self._delete(one)

    def _put(self, obj: JsonObject) -> None:
        self.cluster.apply(obj, manager="promfleet.monitoring", force=True)

    def _delete(self, obj: JsonObject) -> None:
        metadata = obj["metadata"]
        self.cluster.delete(obj["apiVersion"], obj["kind"], metadata["name"], metadata.get("namespace", ""))

    # -- fields of instances --------------------------------------------------------------------------------------

    def _instance(self, name: str) -> Actor:
        return self.stage.victim if name in OF_VICTIM else self.stage.attacker

    def _open_fields(self, values: t.Mapping[str, t.Any]) -> None:
        for name, value in values.items():
            actor = self._instance(name)
            if name not in self.fields:
                live = self.cluster.get(MONITORING, "Prometheus", actor.team, actor.instance)
                self.fields[name] = live["spec"].get(name)
            self._set(actor, {name: value})

    def _restore_fields(self, values: t.Mapping[str, t.Any]) -> None:
        for name, value in values.items():
            self._set(self._instance(name), {name: value})

    def _set(self, actor: Actor, spec: JsonObject) -> None:
        self.cluster.edit(MONITORING, "Prometheus", actor.team, {"spec": spec}, namespace=actor.instance)

    # -- rights -----------------------------------------------------------------------------------------------------

    def _bindings(self) -> dict[str, list[JsonObject]]:
        """For each guard of rights the bindings that take it away."""
        person = self.stage.attacker.people
        instances = [(actor.instance, actor.service) for actor in self.stage.actors]
        return {
            "rights:team-people": [_binding("people", "cluster-admin", [(person, PERSON)])],
            "rights:edit": [_binding("owner", "cluster-admin", [(person, OWNER_NAME)])],
            INSTANCE_ACCOUNT: [_binding("instance", "cluster-admin", instances)],
        }

    def _grant(self, guard: str = "") -> None:
        for name, bindings in self._bindings().items():
            for binding in bindings if guard in ("", name) else ():
                self._put(binding)

    def _revoke(self, guard: str = "") -> None:
        for name, bindings in self._bindings().items():
            for binding in bindings if guard in ("", name) else ():
                self._delete(binding)


def _binding(name: str, role: str, accounts: Sequence[tuple[str, str]]) -> JsonObject:
    subjects = [{"kind": "ServiceAccount", "namespace": place, "name": account} for place, account in accounts]
    return {
        "apiVersion": RBAC,
        "kind": "ClusterRoleBinding",
        "metadata": {"name": f"{MARK}-{name}"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": subjects,
    }


def _bare(obj: JsonObject) -> JsonObject:
    """An object as it was applied, to be made again."""
    metadata = {name: obj["metadata"][name] for name in ("name", "namespace", "labels") if name in obj["metadata"]}
    return {name: value for name, value in obj.items() if name != "status"} | {"metadata": metadata}
