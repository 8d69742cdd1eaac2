# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which workloads are Prometheus Operators, told by what their accounts may do. Pure.

An operator writes StatefulSets, and the status or the finalizers of instances. An account that may do both by rules
that name these resources is an operator's. An account is only a possible one if it may by a wildcard (cluster-admin, a
deployment tool), as a member of a group, or if it may also write Roles or Deployments, which no operator needs: there
the container's arguments decide. The name of an image decides nothing, because registries rename images.

Not seen: an account whose permissions come from another authorizer than RBAC, and an operator that runs neither as a
Deployment nor as a StatefulSet.
"""

from __future__ import annotations

import re
import typing as t
from collections import defaultdict
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    FIELD_MANAGER,
    MANAGED_BY_LABEL,
    MONITORING_GROUP,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.owner import Owner, owner_of, set_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import (
    INSTANCE_KINDS,
    Instance,
    Scope,
    containers_of,
    is_telling,
    scope_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right, covers
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.grants import RBAC_GROUP

JsonObject = dict[str, t.Any]
# What rules are made for: named (by the resource's own name) or not, and what else an administrator may do.
_NAMED, _ANY, _STATEFULSETS, _GENERAL = "instances by name", "instances", "statefulsets", "general"
_Powers = frozenset[str]
# The place of what is granted in every namespace.
_EVERYWHERE = ""

_WRITE_VERBS = ("create", "patch", "update")
_PARTS = ("status", "finalizers")
# `prometheuses/*` is not a rule that RBAC knows, but old releases ask for it.
_OWN_RESOURCES = frozenset(f"{plural}/{part}" for plural in INSTANCE_KINDS.values() for part in (*_PARTS, "*"))
_OWN_WILDCARDS = frozenset({"*", *(f"*/{part}" for part in _PARTS)})
_GENERAL_RESOURCES = ((RBAC_GROUP, "clusterroles"), (RBAC_GROUP, "roles"), ("apps", "deployments"))

# An account, or a group of accounts (without a namespace).
_Holder = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Holding:
    """Where an account may do what an operator does: None for everywhere. *named*: by rules made for an operator."""

    namespaces: frozenset[str] | None
    named: bool

    def has(self, namespace: str) -> bool:
        """Whether it may in *namespace*."""
        return self.namespaces is None or namespace in self.namespaces


@dataclass(frozen=True, kw_only=True)
class FoundOperator:
    """A workload that is a Prometheus Operator.

    *workload*: the Deployment or StatefulSet. *scope*: what its flags let it reconcile. *holding*: what its account
    may do. *evidence*: ``rights`` or ``arguments``. *set_label*: the set of this collection that it belongs to, None
    for all others.
    """

    workload: JsonObject = field(repr=False)
    scope: Scope
    holding: Holding
    evidence: str
    owner: Owner
    set_label: str | None = None

    @property
    def key(self) -> Key:
        """The identity of its workload."""
        return key_of(self.workload)

    @property
    def is_ours(self) -> bool:
        """Whether this collection installed it, for whichever fleet."""
        return self.set_label is not None

    @property
    def is_rendered(self) -> bool:
        """Whether it was made from the files of this collection by another tool, and no run has adopted it yet."""
        labels = self.workload["metadata"].get("labels") or {}
        return self.set_label is None and labels.get(MANAGED_BY_LABEL) == FIELD_MANAGER

    @property
    def replicas(self) -> int:
        """How many replicas it wants; 0 if it is stopped."""
        return replicas_of(self.workload)

    @property
    def is_running(self) -> bool:
        """Whether it is not stopped."""
        return self.replicas > 0

    @property
    def version(self) -> str | None:
        """Its release, by its image's tag or its labels; None if neither tells."""
        return version_of(self.workload)

    def reconciles(self, instance: Instance) -> bool:
        """Whether it would reconcile *instance* while it runs: its flags and its permissions allow that."""
        return self.scope.reconciles(instance) and self.holding.has(instance.namespace)


def replicas_of(workload: JsonObject) -> int:
    """How many replicas a Deployment or StatefulSet wants."""
    return int(workload["spec"].get("replicas", 1))


def version_of(workload: JsonObject) -> str | None:
    """The release of an operator, by the tag of its container's image or its version label; None if neither tells."""
    template = workload["spec"]["template"]
    containers = containers_of(template)
    own = [one for one in containers if is_telling(one)] or containers[:1]
    tag = str(own[0].get("image") or "").split("@", 1)[0].rpartition("/")[2].partition(":")[2] if own else ""
    labels = {**((template.get("metadata") or {}).get("labels") or {}), **(workload["metadata"].get("labels") or {})}
    text = tag or str(labels.get("app.kubernetes.io/version") or "")
    return text.removeprefix("v") or None


# -- permissions --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Grants:
    """All that RBAC grants in a cluster."""

    cluster_roles: t.Sequence[JsonObject]
    roles: t.Sequence[JsonObject]
    cluster_role_bindings: t.Sequence[JsonObject]
    role_bindings: t.Sequence[JsonObject]


def holdings(grants: Grants) -> t.Callable[[str, str], Holding | None]:
    """Tells for an account, by its namespace and name, where it may do what an operator does; None for nowhere.

    An aggregated ClusterRole has its rules from a controller of the cluster, so it is read as any other.
    """
    of_role = {("", role["metadata"]["name"]): _powers(role) for role in grants.cluster_roles}
    of_role |= {(role["metadata"]["namespace"], role["metadata"]["name"]): _powers(role) for role in grants.roles}
    held: dict[_Holder, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for binding in (*grants.cluster_role_bindings, *grants.role_bindings):
        place = binding["metadata"].get("namespace") or _EVERYWHERE
        reference = binding["roleRef"]
        powers = of_role.get((place if reference.get("kind") == "Role" else "", reference["name"]))
        for subject in (binding.get("subjects") or ()) if powers else ():
            if holder := _holder(subject, place=place):
                held[holder][place] |= powers or frozenset()

    def of_account(namespace: str, name: str) -> Holding | None:
        groups = [("", group) for group in _groups_of(namespace)]
        return _joined(held.get((namespace, name)) or {}, [held[group] for group in groups if group in held])

    return of_account


def _groups_of(namespace: str) -> tuple[str, ...]:
    return ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")


def _holder(subject: JsonObject, *, place: str) -> _Holder | None:
    """The account or group that a binding's *subject* is; None for users who are no accounts of the cluster."""
    kind, name = subject.get("kind"), str(subject.get("name") or "")
    if kind == "ServiceAccount":
        return (str(subject.get("namespace") or place), name)
    if kind == "Group":
        return ("", name)
    found = re.fullmatch("system:serviceaccount:([^:]+):([^:]+)", name) if kind == "User" else None
    return (found[1], found[2]) if found else None


def _joined(own: t.Mapping[str, set[str]], groups: t.Sequence[t.Mapping[str, set[str]]]) -> Holding | None:
    """What an account holds by itself and as a member of groups, where that is what an operator needs."""
    every = [own, *groups]
    places = {place for found in every for place in found}

    def at(found: t.Iterable[t.Mapping[str, set[str]]], place: str) -> set[str]:
        return {power for one in found for where in (place, _EVERYWHERE) for power in one.get(where) or ()}

    able = {place for place in places if {_ANY, _STATEFULSETS} <= at(every, place)}
    if not able:
        return None
    named = any({_NAMED, _STATEFULSETS} <= at([own], place) for place in able)
    general = any(_GENERAL in at(every, place) for place in places)
    return Holding(namespaces=None if _EVERYWHERE in able else frozenset(able), named=named and not general)


def _powers(role: JsonObject) -> _Powers:
    found: set[str] = set()
    for rule in role.get("rules") or ():
        # What is granted by the names of objects cannot be listed and watched, so that an operator has no use for it.
        if not rule.get("resourceNames"):
            found.update(_powers_of(rule))
    return frozenset(found)


def _powers_of(rule: JsonObject) -> t.Iterator[str]:
    groups, resources = set(rule.get("apiGroups") or ()), set(rule.get("resources") or ())
    if not {"*", *_WRITE_VERBS} & set(rule.get("verbs") or ()):
        return
    if groups & {MONITORING_GROUP, "*"}:
        if resources & _OWN_RESOURCES or (MONITORING_GROUP in groups and resources & _OWN_WILDCARDS):
            yield from (_NAMED, _ANY)
        elif resources & _OWN_WILDCARDS:
            yield _ANY
    if _may_write(rule, "apps", "statefulsets"):
        yield _STATEFULSETS
    if any(_may_write(rule, group, resource) for group, resource in _GENERAL_RESOURCES):
        yield _GENERAL


def _may_write(rule: JsonObject, group: str, resource: str) -> bool:
    return any(covers(rule, Right(group=group, resource=resource, verb=verb)) for verb in _WRITE_VERBS)


# -- workloads ----------------------------------------------------------------------------------------------------


def find_in(grants: Grants, workloads: t.Sequence[JsonObject]) -> list[FoundOperator]:
    """The operators among *workloads* (Deployments and StatefulSets), stopped ones too, sorted by namespace and name.

    Where one workload of an account has the operator's flags, the account's others without them are none: charts have
    run their admission webhook with the operator's account.
    """
    holding_of = holdings(grants)
    of_account: dict[tuple[str, str], list[JsonObject]] = defaultdict(list)
    for workload in workloads:
        of_account[_account_of(workload)].append(workload)
    found = []
    for (namespace, name), own in of_account.items():
        holding = holding_of(namespace, name)
        if holding is None:
            continue
        telling = [workload for workload in own if _tells(workload)]
        taken = telling if any(map(replicas_of, telling)) or not holding.named else own
        found += [_operator(workload, holding) for workload in taken]
    return sorted(found, key=lambda one: one.key)


def _operator(workload: JsonObject, holding: Holding) -> FoundOperator:
    metadata = workload["metadata"]
    return FoundOperator(
        workload=workload,
        scope=scope_of(workload["spec"]["template"], namespace=metadata["namespace"]),
        holding=holding,
        evidence="rights" if holding.named else "arguments",
        owner=owner_of(workload),
        set_label=set_of(workload),
    )


def _tells(workload: JsonObject) -> bool:
    return any(map(is_telling, containers_of(workload["spec"]["template"])))


def _account_of(workload: JsonObject) -> tuple[str, str]:
    spec = workload["spec"]["template"].get("spec") or {}
    name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    return (workload["metadata"]["namespace"], str(name))
