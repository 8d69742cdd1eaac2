# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rights: which ones a plan needs, which rules cover which others, and how people read what is missing. Pure."""

from __future__ import annotations

import typing as t
from collections import defaultdict
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import REPLACEABLE, Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, Write
from ansible_collections.promfleet.monitoring.plugins.module_utils._state import former
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.grants import (
    BINDINGS,
    RBAC_GROUP,
)

JsonObject = dict[str, t.Any]
Rule = t.Mapping[str, t.Any]

# A message names this many namespaces, and this many objects that grant something.
NAMED = 20
NAMED_GRANTS = 3


@dataclass(frozen=True, kw_only=True, order=True)
class Right:
    """One verb on one resource. Without *namespace* everywhere, without *name* for all objects there.

    *resource* may name a subresource (``services/proxy``); one that begins with a slash is a URL of the server.
    """

    group: str
    resource: str
    verb: str
    namespace: str = ""
    name: str = ""

    @property
    def what(self) -> str:
        """The resource as kubectl takes it: ``deployments.apps/web``, ``services/proxy``."""
        resource, _slash, subresource = self.resource.partition("/")
        full = f"{resource}.{self.group}" if self.group else resource
        return "/".join(filter(None, (full, subresource, self.name))) if not self.is_url else self.resource

    @property
    def is_url(self) -> bool:
        """Whether this is about a URL that is not a resource."""
        return self.resource.startswith("/")


@dataclass(frozen=True, kw_only=True)
class Missing:
    """A right that is not held.

    *grants* names the object that gives it to others; *unasked* other places were not looked at, because this is enough
    to refuse.
    """

    right: Right
    grants: str = ""
    unasked: int = 0


# -- what a plan needs --------------------------------------------------------------------------------------------


def on_object(verb: str, obj: JsonObject, *, plural: str) -> Right:
    """The right to do *verb* with *obj*. A request for a Namespace counts as made in it (Kubernetes' RequestInfo)."""
    metadata = obj["metadata"]
    namespace = metadata["name"] if obj["kind"] == "Namespace" else metadata.get("namespace") or ""
    group = obj["apiVersion"].rpartition("/")[0]
    return Right(group=group, resource=plural, verb=verb, namespace=namespace, name=metadata["name"])


def of_plan(
    plan: Plan, *, extra_deletes: t.Sequence[JsonObject], waits: bool, plural: t.Callable[[JsonObject], str]
) -> set[Right]:
    """Every right that writing *plan* takes. *waits*: deleted objects are looked for until they are gone."""
    found: set[Right] = set()
    for write in plan.writes:
        found |= {on_object(verb, write.desired, plural=plural(write.desired)) for verb in verbs_of(write)}
    for live in (*plan.deletes, *extra_deletes):
        verbs = ("delete", "get") if waits else ("delete",)
        found |= {on_object(verb, live, plural=plural(live)) for verb in verbs}
    for live in plan.releases:
        verbs = ("get", "patch") if former.is_kept(live, adopts=False) else ("patch",)
        found |= {on_object(verb, live, plural=plural(live)) for verb in verbs}
    return found


def verbs_of(write: Write) -> set[str]:
    """The verbs of one write. An apply is a PATCH; where it creates, the server asks for ``create`` as well."""
    if write.live is None:
        return {"create", "patch"}
    verbs = {"create", "delete", "get", "patch"} if _may_replace(write.live, write.desired) else {"patch"}
    # A takeover or a note that meets another writer reads the object again.
    return verbs | {"get"} if write.takes or former.is_kept(write.live, adopts=write.adopts) else verbs


def _may_replace(live: JsonObject, desired: JsonObject) -> bool:
    """Whether *desired* changes a field for which the object is deleted and created again."""
    for path in REPLACEABLE.get(desired["kind"], ()):
        wanted, present = _at(desired, path), _at(live, path)
        if wanted is not None and wanted != present:
            return True
    return False


def _at(obj: t.Any, path: str) -> t.Any:
    for name in path.split("."):
        obj = obj.get(name) if isinstance(obj, dict) else None
    return obj


def referenced_role(binding: JsonObject) -> JsonObject:
    """The role that *binding* is for, as far as it is named there."""
    reference = binding["roleRef"]
    metadata = {"name": reference["name"]}
    if reference["kind"] == "Role":
        metadata["namespace"] = binding["metadata"]["namespace"]
    return {"apiVersion": f"{RBAC_GROUP}/v1", "kind": reference["kind"], "metadata": metadata}


def bound_role(obj: JsonObject) -> Key | None:
    """The identity of the role that *obj* binds, None if it is not a binding."""
    is_binding = obj["kind"] in BINDINGS and key_of(obj).group == RBAC_GROUP
    return key_of(referenced_role(obj)) if is_binding else None


# -- what covers what ---------------------------------------------------------------------------------------------


def single_rights(rule: Rule) -> list[Right]:
    """The rights that one rule of a Role gives, one verb, resource and name each."""
    verbs = rule.get("verbs") or ()
    found = [
        Right(group=group, resource=resource, verb=verb, name=name)
        for group in rule.get("apiGroups") or ()
        for resource in rule.get("resources") or ()
        for name in rule.get("resourceNames") or ("",)
        for verb in verbs
    ]
    urls = rule.get("nonResourceURLs") or ()
    return found + [Right(group="", resource=url, verb=verb) for url in urls for verb in verbs]


def not_held(held: t.Sequence[Rule], wanted: t.Sequence[Rule]) -> list[Right]:
    """The rights of the rules *wanted* that the rules *held* do not cover.

    This is how RBAC itself decides whether an account may grant something: never by joining several rules for one
    right (k8s.io/component-helpers/auth/rbac/validation, Covers).
    """
    rights = {right for rule in wanted for right in single_rights(rule)}
    return sorted(right for right in rights if not any(covers(rule, right) for rule in held))


def covers(rule: Rule, right: Right) -> bool:
    """Whether one *rule* gives *right*; the namespace is not looked at."""
    if not _has(rule.get("verbs"), right.verb):
        return False
    if right.is_url:
        return any(
            url == right.resource or (url.endswith("*") and right.resource.startswith(url.rstrip("*")))
            for url in rule.get("nonResourceURLs") or ()
        )
    names = rule.get("resourceNames") or ()
    if names and right.name not in names:
        return False
    _resource, slash, subresource = right.resource.partition("/")
    resources = rule.get("resources") or ()
    return _has(rule.get("apiGroups"), right.group) and (
        _has(resources, right.resource) or (bool(slash) and f"*/{subresource}" in resources)
    )


def _has(values: t.Collection[str] | None, value: str) -> bool:
    return values is not None and ("*" in values or value in values)


# -- how people read it -------------------------------------------------------------------------------------------


def described(missing: t.Iterable[Missing]) -> list[str]:
    """What is missing, in as few lines as it takes: ``create, patch services, roles.x (namespaces a, b)``."""
    missing = list(missing)
    names_of: dict[Right, set[str]] = defaultdict(set)
    for item in missing:
        names_of[everywhere(item.right)].add(item.right.name)
    verbs: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    unasked: dict[str, int] = defaultdict(int)
    for item in missing:
        # Names are listed if a rule could name them, but not for hundreds of objects.
        right = item.right if len(names_of[everywhere(item.right)]) == 1 else without_name(item.right)
        verbs[(right.what, right.namespace, item.grants)].add(right.verb)
        unasked[right.namespace] = max(unasked[right.namespace], item.unasked)
    whats: dict[tuple[tuple[str, ...], str, str], list[str]] = defaultdict(list)
    for (what, namespace, grants), found in sorted(verbs.items()):
        whats[(tuple(sorted(found)), namespace, grants)].append(what)
    places: dict[tuple[tuple[str, ...], tuple[str, ...]], dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for (found_verbs, namespace, grants), names in whats.items():
        places[(found_verbs, tuple(names))][namespace].append(grants)
    return [
        f"{', '.join(found_verbs)} {', '.join(names)}{_where(where, unasked)}"
        for (found_verbs, names), where in sorted(places.items())
    ]


def _where(places: t.Mapping[str, t.Sequence[str]], unasked: t.Mapping[str, int]) -> str:
    namespaces = sorted(filter(None, places))
    grants = sorted({name for names in places.values() for name in names if name})
    words = []
    if namespaces:
        more = max(unasked.get(name, 0) for name in namespaces)
        perhaps = f", perhaps also {more:,} that were not asked about" if more else ""
        words.append(f"namespace{'s' if len(namespaces) > 1 else ''} {first_of(namespaces, NAMED)}{perhaps}")
    if grants:
        words.append(
            f"because an account cannot grant permissions that it does not have: {first_of(grants, NAMED_GRANTS)}"
        )
    return f" ({'; '.join(words)})" if words else ""


def kubectl_line(right: Right) -> str:
    """What asks the cluster for *right*."""
    resource, _slash, subresource = right.resource.partition("/")
    full = f"{resource}.{right.group}" if right.group else resource
    what = right.resource if right.is_url else "/".join(filter(None, (full, right.name)))
    words = ["kubectl auth can-i", right.verb, what]
    if subresource and not right.is_url:
        words.append(f"--subresource={subresource}")
    if right.namespace:
        words.append(f"--namespace={right.namespace}")
    elif not right.is_url:
        words.append("--all-namespaces")
    return " ".join(words)


def without_name(right: Right) -> Right:
    """The same right for all objects of the place."""
    return replace(right, name="")


def everywhere(right: Right) -> Right:
    """The same right for all objects of all namespaces."""
    return replace(right, namespace="", name="")
