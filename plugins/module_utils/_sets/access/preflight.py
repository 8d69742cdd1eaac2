# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Before the first write: has the account all rights that the plan takes? One error names every missing one.

Access reviews tell what every authorizer of the cluster says, so they decide about requests. They know nothing of
RBAC's rule that an account may grant only what it holds; the server itself is asked about that with a dry run. Where it
cannot answer yet, because the namespace or the role does not exist yet, its comparison is made here with the account's
rules.
"""

from __future__ import annotations

import contextlib
import json
import typing as t
from collections import defaultdict
from dataclasses import replace
from functools import cache

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.accounts import own_account
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, Forbidden
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, guess_plural, key_of, url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import RECORDS_NAMESPACE
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.parallel import side_by_side
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import (
    NAMED,
    Missing,
    Right,
    Rule,
    bound_role,
    described,
    everywhere,
    kubectl_line,
    not_held,
    of_plan,
    on_object,
    referenced_role,
    without_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.place import closed_hint
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, Write
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.grants import RBAC_GROUP, ROLES

JsonObject = dict[str, t.Any]

SECRET = ("v1", "Secret")
AUTHORIZATION = "authorization.k8s.io"
# A rules review must name a namespace. In one that does not exist only what is held in all of them is held.
NO_NAMESPACE = "promfleet-does-not-exist"
# How the server words it (pkg/registry/rbac/validation/rule.go of Kubernetes, ConfirmNoEscalation).
ESCALATION = "not currently held"


def require_rights(
    cluster: Cluster,
    plan: Plan,
    *,
    extra_deletes: t.Sequence[JsonObject] = (),
    needs: t.Iterable[Right] = (),
    refused: t.Iterable[Right] = (),
    absent_namespaces: t.Collection[str] = (),
    always: bool = False,
    waits: bool = True,
) -> None:
    """Raise Forbidden if the account lacks a right for writing *plan*; ask nothing where there is nothing to write.

    *needs* are rights for what the module does beside that (with *always* even where the plan is empty), *refused*
    those whose requests were refused already.
    """
    known = [Missing(right=right) for right in refused]
    if always or plan.writes or plan.deletes or plan.releases or extra_deletes:
        rights = of_plan(plan, extra_deletes=extra_deletes, waits=waits, plural=lambda obj: _plural(cluster, obj))
        known += missing_rights(cluster, {*rights, *needs})
        known += _Grants(cluster, plan, absent_namespaces=absent_namespaces).missing()
    if known:
        raise _forbidden(cluster, known)


@contextlib.contextmanager
def explaining(
    cluster: Cluster,
    *,
    kinds: t.Sequence[tuple[str, str]],
    desired: t.Sequence[JsonObject],
    needs: t.Sequence[Right] = (),
) -> t.Iterator[None]:
    """If a read of this block is refused because a permission is missing, raise Forbidden for all that the set needs.

    Nothing can be planned then, so each object of *desired* counts as one to be made.
    """
    try:
        yield
    except ApiError as error:
        if error.status != 403:
            raise
        rights = {*needs, *_to_read(cluster, kinds=kinds, desired=desired)}
        plan = Plan(writes=tuple(Write(desired=obj, live=None) for obj in desired))
        rights |= of_plan(plan, extra_deletes=(), waits=False, plural=lambda obj: _plural(cluster, obj))
        namespaces = {obj["metadata"].get("namespace") for obj in desired}
        missing = missing_rights(cluster, rights)
        missing += _Grants(cluster, plan, absent_namespaces=namespaces).missing()
        raise _forbidden(cluster, missing, first=error.server_message) from error


def _to_read(
    cluster: Cluster, *, kinds: t.Sequence[tuple[str, str]], desired: t.Sequence[JsonObject]
) -> t.Iterator[Right]:
    for api_version, kind in kinds:
        resource = cluster.resource(api_version, kind)
        if resource is not None and (api_version, kind) != SECRET:
            yield Right(group=resource.group, resource=resource.plural, verb="list")
    for obj in desired:
        yield on_object("get", obj, plural=_plural(cluster, obj))
        if namespace := obj["metadata"].get("namespace"):
            yield Right(group="", resource="namespaces", verb="get", namespace=namespace, name=namespace)
        if (obj["apiVersion"], obj["kind"]) == SECRET:
            yield Right(group="", resource="secrets", verb="list", namespace=namespace or "")


def missing_rights(cluster: Cluster, rights: t.Iterable[Right]) -> list[Missing]:
    """Those of *rights* that no authorizer of the cluster allows."""
    actions: dict[tuple[str, str, str], list[Right]] = defaultdict(list)
    for right in sorted(set(rights)):
        actions[(right.group, right.resource, right.verb)].append(right)
    found = side_by_side(lambda places: _missing_of(cluster, places), actions.values(), workers=WORKERS)
    return [item for items in found for item in items]


def _missing_of(cluster: Cluster, rights: t.Sequence[Right]) -> list[Missing]:
    """One verb on one resource: asked for everywhere first, then for each namespace, then for each name."""
    if _is_allowed(cluster, everywhere(rights[0])):
        return []
    here = cache(lambda right: _is_allowed(cluster, right))
    missing: list[Missing] = []
    for number, right in enumerate(rights):
        levels = [level for level in (without_name(right), right) if level != everywhere(right)]
        if any(here(level) for level in levels):
            continue
        last = len(missing) + 1 >= NAMED
        missing.append(Missing(right=right, unasked=len(rights) - number - 1 if last else 0))
        if last:
            break
    return missing


def _is_allowed(cluster: Cluster, right: Right) -> bool:
    resource, _slash, subresource = right.resource.partition("/")
    attributes = {
        "group": right.group,
        "resource": resource,
        "subresource": subresource,
        "verb": right.verb,
        "namespace": right.namespace,
        "name": right.name,
    }
    spec = {"resourceAttributes": {name: value for name, value in attributes.items() if value}}
    return bool(_review(cluster, "SelfSubjectAccessReview", spec=spec).get("allowed"))


def _review(cluster: Cluster, kind: str, *, spec: JsonObject) -> JsonObject:
    """The status of a review about this account itself, which every account may ask for by default."""
    version = f"{AUTHORIZATION}/v1"
    path = url_path(version, f"{kind.lower()}s")
    body = {"apiVersion": version, "kind": kind, "spec": spec}
    try:
        return dict(cluster.request("POST", path, body=body, fenced=False)[1].get("status") or {})
    except ApiError as error:
        if error.status != 403:
            raise
        right = Right(group=AUTHORIZATION, resource=f"{kind.lower()}s", verb="create")
        raise _forbidden(cluster, [Missing(right=right)]) from error


def _plural(cluster: Cluster, obj: JsonObject) -> str:
    resource = cluster.resource(obj["apiVersion"], obj["kind"])
    return resource.plural if resource is not None else guess_plural(obj["kind"])


# -- granting -----------------------------------------------------------------------------------------------------


class _Grants:
    """What a plan grants: its roles and bindings."""

    def __init__(self, cluster: Cluster, plan: Plan, *, absent_namespaces: t.Collection[str]) -> None:
        self._cluster = cluster
        self._writes = [write for write in plan.writes if key_of(write.desired).group == RBAC_GROUP]
        self._absent = absent_namespaces
        self._coming = {key_of(write.desired) for write in self._writes}
        self._roles = {
            key_of(obj): list(obj.get("rules") or ())
            for obj in (write.desired for write in self._writes)
            if obj["kind"] in ROLES
        }
        self._held = cache(lambda namespace: _held_in(cluster, namespace))

    def missing(self) -> list[Missing]:
        """What the account would have to hold, or else be allowed to ``escalate`` or ``bind``."""
        uncovered: list[Write] = []
        covered: dict[tuple[str, str], list[Write]] = defaultdict(list)
        for write in self._writes:
            rules = self._rules(write.desired)
            if rules is None or not_held(self._held(NO_NAMESPACE), rules):
                uncovered.append(write)
            else:
                covered[(write.desired["kind"], json.dumps(rules, sort_keys=True))].append(write)
        # Held in all namespaces: the server's answer for one namespace is valid for all.
        samples = [next(filter(self._can_be_asked, writes), None) for writes in covered.values()]
        found = side_by_side(self._missing_of, [*uncovered, *filter(None, samples)], workers=WORKERS)
        return [item for items in found for item in items]

    def _missing_of(self, write: Write) -> list[Missing]:
        obj = write.desired
        refusal = self._refusal(obj) if self._can_be_asked(write) else ""
        if refusal is None:
            return []
        rules = self._rules(obj)
        lacking = not_held(self._held(self._place(obj)), rules) if rules is not None else []
        if not lacking and ESCALATION not in refusal:
            return []
        # Who may escalate or bind needs not hold it.
        verb, role = ("escalate", obj) if obj["kind"] in ROLES else ("bind", referenced_role(obj))
        right = Right(
            group=RBAC_GROUP,
            resource=guess_plural(role["kind"]),
            verb=verb,
            namespace=obj["metadata"].get("namespace") or "",
            name=role["metadata"]["name"],
        )
        if not missing_rights(self._cluster, [right]):
            return []
        grants = f"{obj['kind']} {obj['metadata']['name']}"
        rights = [replace(item, namespace=right.namespace) for item in lacking] or [right]
        return [Missing(right=item, grants=grants) for item in rights]

    def _can_be_asked(self, write: Write) -> bool:
        """The server answers only in a namespace that exists, and about a binding only when its role is there."""
        obj = write.desired
        if obj["metadata"].get("namespace") in self._absent:
            return False
        return bound_role(obj) not in self._coming

    def _refusal(self, obj: JsonObject) -> str | None:
        """The server's reason to refuse the grant, None if it accepts it."""
        resource = self._cluster.resource(obj["apiVersion"], obj["kind"])
        if resource is None:
            return None
        try:
            self._cluster.apply(obj, resource=resource, dry_run=True, force=True)
        except ApiError as error:
            # What else may be wrong with the object is reported where it is written.
            return error.server_message if error.status == 403 else None
        return None

    def _rules(self, obj: JsonObject) -> list[Rule] | None:
        """What *obj* grants; None if the role of a binding cannot be read."""
        if obj["kind"] in ROLES:
            return self._roles[key_of(obj)]
        role = referenced_role(obj)
        key: Key = key_of(role)
        if key not in self._roles:
            resource = self._cluster.resource(role["apiVersion"], role["kind"])
            if resource is None:
                return None
            metadata = role["metadata"]
            try:
                live = self._cluster.find(resource.path(namespace=metadata.get("namespace"), name=metadata["name"]))
            except ApiError as error:
                if error.status != 403:
                    raise
                return None
            if live is None:
                return None
            self._roles[key] = list(live.get("rules") or ())
        return self._roles[key]

    def _place(self, obj: JsonObject) -> str:
        namespace = obj["metadata"].get("namespace") or NO_NAMESPACE
        return NO_NAMESPACE if namespace in self._absent else str(namespace)


def _held_in(cluster: Cluster, namespace: str) -> list[Rule]:
    """The rules that RBAC has for this account in *namespace*."""
    status = _review(cluster, "SelfSubjectRulesReview", spec={"namespace": namespace})
    return [*(status.get("resourceRules") or ()), *(status.get("nonResourceRules") or ())]


# -- the error ----------------------------------------------------------------------------------------------------


def _forbidden(cluster: Cluster, missing: t.Sequence[Missing], *, first: str = "") -> Forbidden:
    lines = described(missing)
    words = [f"{_account(cluster)} lacks permissions that this run needs; nothing was written."]
    if lines:
        words.append(f"Missing: {'; '.join(lines)}.")
        words.append(f"Check with: {kubectl_line(missing[0].right)}.")
    elif first:
        words.append(f"The API server said: {first}.")
    kept = (item.right.namespace for item in missing if item.right.resource in ("configmaps", "leases"))
    if RECORDS_NAMESPACE in kept:
        words.append(f"{closed_hint(RECORDS_NAMESPACE)}.")
    words.append("The collection's docs/rights.md has ClusterRoles with them")
    return Forbidden(" ".join(words), objects=lines)


def _account(cluster: Cluster) -> str:
    account = own_account(cluster)
    return "the account of this connection" if account is None else f"the account {account.username}"
