# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Roles and bindings that another tool made: they are never changed, because others have their rights by them. Pure.

``rules`` and ``subjects`` are atomic lists: an apply replaces them as a whole. So a role or binding of another tool is
adopted only where no rights change, and no option overrides that. Also here: for which other kinds a message may offer
to take fields over.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.managers import described_writers, managers_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    FIELD_MANAGER,
    MOVING_GUIDE,
    SET_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import (
    entries_of,
    own_entry,
    owns_label,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import is_marked

JsonObject = dict[str, t.Any]

RBAC_GROUP = "rbac.authorization.k8s.io"
ROLES = ("ClusterRole", "Role")
BINDINGS = ("ClusterRoleBinding", "RoleBinding")
# What decides about rights in each kind.
_CONTENT = {
    **dict.fromkeys(ROLES, ("f:rules", "f:aggregationRule")),
    **dict.fromkeys(BINDINGS, ("f:roleRef", "f:subjects")),
}

# Kinds by group, "*" for all, on which running workloads depend: with another content these stop, lose data or access,
# or open up, at once or at their next start.
_DEPENDED_ON: dict[str, frozenset[str]] = {
    "": frozenset(
        {
            "Endpoints",
            "LimitRange",
            "Namespace",
            "PersistentVolume",
            "PersistentVolumeClaim",
            "Pod",
            "ReplicationController",
            "ResourceQuota",
            "Secret",
            "Service",
            "ServiceAccount",
        }
    ),
    **{
        group: frozenset({"*"})
        for group in (
            RBAC_GROUP,
            "admissionregistration.k8s.io",
            "apiextensions.k8s.io",
            "apiregistration.k8s.io",
            "apps",
            "autoscaling",
            "batch",
            "discovery.k8s.io",
            "gateway.networking.k8s.io",
            "networking.k8s.io",
            "policy",
            "scheduling.k8s.io",
            "storage.k8s.io",
        )
    },
}


def is_grant(key: Key) -> bool:
    """Whether this is a role or a binding."""
    return key.group == RBAC_GROUP and key.kind in _CONTENT


def is_made_here(live: t.Mapping[str, t.Any]) -> bool:
    """Whether this collection made *live*: we applied it, and it did not exist before."""
    adopted = is_marked(live) or ADOPTED_ANNOTATION in (live["metadata"].get("annotations") or {})
    return own_entry(live) is not None and not adopted


def is_of_others(live: t.Mapping[str, t.Any]) -> bool:
    """Whether another tool made *live*, and what grants rights in it is not ours alone.

    An adopted object counts as one of others as long as another manager owns a part of that, and so does an object
    whose takeover was interrupted.
    """
    return not is_made_here(live) and (bool(_claimants(live)) or not owns_label(live, SET_LABEL))


def to_be_left(going: t.Sequence[JsonObject], *, released: t.Container[Key]) -> set[Key]:
    """The roles and bindings among the objects *going* that must not be deleted, because others may need them.

    Another manager set what they grant, as ``kubectl apply`` of another operator's manifests does where both have the
    same name; or they are the role of a binding that stays, because of that or because it is *released* anyway.
    """
    claimed = {key_of(live) for live in going if is_grant(key_of(live)) and _claimants(live)}
    bindings = (live for live in going if live["kind"] in BINDINGS and is_grant(key_of(live)))
    staying = [live for live in bindings if key_of(live) in claimed or key_of(live) in released]
    return claimed | ({_role_of(live) for live in staying} & {key_of(live) for live in going})


def _role_of(binding: JsonObject) -> Key:
    role = binding["roleRef"]
    namespace = key_of(binding).namespace if role["kind"] == "Role" else ""
    return Key(RBAC_GROUP, role["kind"], namespace, role["name"])


def _claimants(live: t.Mapping[str, t.Any]) -> list[str]:
    """The managers, beside us, of what grants rights in a role or binding; of other kinds none."""
    content = set(_CONTENT.get(live["kind"], ()))
    if live.get("aggregationRule"):
        # These are its controller's (clusterrole-aggregation-controller).
        content.discard("f:rules")
    entries = [entry for entry in entries_of(live) if entry.get("manager") != FIELD_MANAGER]
    return sorted({str(entry.get("manager")) for entry in entries if content & (entry.get("fieldsV1") or {}).keys()})


def takes_rights(desired: t.Mapping[str, t.Any], live: t.Mapping[str, t.Any]) -> str | None:
    """Why *desired* may not be applied to *live*: this is a role or binding of others, and rights would change.

    A binding may only gain subjects. A role must have the same rules: with fewer its other subjects lose rights, with
    more they gain some. None if *desired* may be applied.
    """
    if live["kind"] not in _CONTENT or not is_grant(key_of(live)) or not is_of_others(live):
        return None
    changes = _binding_changes(desired, live) if live["kind"] in BINDINGS else _role_changes(desired, live)
    if not changes:
        return None
    key = key_of(live)
    place = f" --namespace {key.namespace}" if key.namespace else ""
    return (
        f"{key} exists already and was not made by this collection ({origin(live)}): {changes}. "
        "No option takes it over. Give the object of this run another name; or, if nothing needs that one any more, "
        f"delete it first (kubectl delete {key.kind.lower()} {key.name}{place}), see {MOVING_GUIDE} of the collection"
    )


def left_behind(live: t.Mapping[str, t.Any], *, accounts: t.Collection[Key]) -> str | None:
    """A warning about a role or binding that is released, and what becomes of its rights; None if there is none.

    *accounts* are the ServiceAccounts that the set makes. A role or binding that was adopted before takes_rights was
    asked may have our rules or our account, and what it had before is not known any more.
    """
    key = key_of(live)
    if not is_grant(key):
        return None
    if is_made_here(live):
        claimants = _claimants(live)
        reason = (
            f"another manager changed whom or what it grants since ({first_of(claimants)})"
            if claimants
            else "a binding that stays gives its rights"
        )
        return f"{key} stays: this set made it, but {reason}. Delete it if nothing needs it"
    if key.kind in BINDINGS:
        ours = {(account.namespace, account.name) for account in accounts}
        subjects = [subject for subject in _subjects(live) if subject[0] == "ServiceAccount" and subject[2:] in ours]
        if not subjects:
            return None
        content = f"{_names(subjects)}, which this set makes, as its subject"
    elif _claimants(live):
        return None
    else:
        content = "the rules that this set gave it"
    return (
        f"{key} existed before this set and stays as it is, with {content}. If another tool needs it, apply that "
        "tool's own manifest of it again: until then that tool may lack rights. Otherwise delete it"
    )


def _names(subjects: t.Iterable[tuple[str, str, str, str]]) -> str:
    return first_of([f"{kind} {place}/{name}" if place else f"{kind} {name}" for kind, _group, place, name in subjects])


def _binding_changes(desired: t.Mapping[str, t.Any], live: t.Mapping[str, t.Any]) -> str:
    lost = sorted(_subjects(live) - _subjects(desired))
    role = live.get("roleRef") or {}
    if lost:
        return f"it gives {_names(lost)} the rights of {role.get('kind')} {role.get('name')}, which would be lost"
    wanted = desired.get("roleRef") or {}
    if _reference(wanted) != _reference(role):
        return (
            f"it gives the rights of {role.get('kind')} {role.get('name')}, "
            f"and not those of {wanted.get('kind')} {wanted.get('name')}"
        )
    return ""


def _reference(role: t.Mapping[str, t.Any]) -> tuple[str, str]:
    return str(role.get("kind") or ""), str(role.get("name") or "")


def _subjects(binding: t.Mapping[str, t.Any]) -> set[tuple[str, str, str, str]]:
    """Who is bound: kind, group (by default that of the kind), namespace, name."""
    return {
        (
            str(subject.get("kind") or ""),
            str(subject.get("apiGroup") or ("" if subject.get("kind") == "ServiceAccount" else RBAC_GROUP)),
            str(subject.get("namespace") or ""),
            str(subject.get("name") or ""),
        )
        for subject in binding.get("subjects") or ()
    }


def _role_changes(desired: t.Mapping[str, t.Any], live: t.Mapping[str, t.Any]) -> str:
    aggregates = desired.get("aggregationRule") or None, live.get("aggregationRule") or None
    if aggregates[0] != aggregates[1]:
        return "its aggregationRule, by which it has the rules of other ClusterRoles, would change"
    # The rules of an aggregated role come from its controller.
    if aggregates[1] is None and _rules(desired) != _rules(live):
        return "its rules would change, and with them the rights of all accounts that it is bound to"
    if _aggregated_to(desired) != _aggregated_to(live):
        return "its labels (aggregate-to), by which other ClusterRoles have its rules, would change"
    return ""


def _rules(role: t.Mapping[str, t.Any]) -> set[tuple[tuple[str, frozenset[str]], ...]]:
    """The rules; their order, and that of the values in them, has no meaning."""
    return {
        tuple(sorted((name, frozenset(map(str, values))) for name, values in rule.items() if values))
        for rule in role.get("rules") or ()
    }


def _aggregated_to(role: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The labels by which other ClusterRoles have this one's rules, if they are named as those of Kubernetes itself.

    See https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles.
    """
    labels = role["metadata"].get("labels") or {}
    return {name: value for name, value in labels.items() if "aggregate-to" in name}


def may_force(desired: t.Mapping[str, t.Any], live: t.Mapping[str, t.Any] | None) -> bool:
    """Whether ``force_conflicts`` counts for this object: not for a role or binding that was not there (no *live*).

    Another tool may have made it since the run looked. One of others that was there counts, as far as takes_rights
    permits it: see as_seen.
    """
    return live is not None or not is_grant(key_of(desired))


def as_seen(desired: JsonObject, live: JsonObject | None) -> JsonObject:
    """*desired*, tied to the version of *live* if this is a role or binding of others.

    The API server then refuses the apply where another tool wrote it since takes_rights was asked about that version.
    """
    if live is None or not is_grant(key_of(desired)) or not is_of_others(live):
        return desired
    return {**desired, "metadata": {**desired["metadata"], "resourceVersion": live["metadata"]["resourceVersion"]}}


def may_offer_force(desired: t.Mapping[str, t.Any], live: t.Mapping[str, t.Any] | None) -> bool:
    """Whether a message may offer ``force_conflicts`` for this object.

    It may for an object of any kind that this collection made: there the option undoes a change of another manager. For
    an object of others it may only if no running workload depends on it: not for roles and bindings, workloads and
    other kinds with replicas, Services, network policies, Secrets, CRDs and the like.
    """
    if live is not None and is_made_here(live):
        return True
    kinds = _DEPENDED_ON.get(key_of(desired).group, frozenset())
    return not (kinds & {"*", desired["kind"]}) and not (live is not None and _has_replicas(live))


def _has_replicas(live: t.Mapping[str, t.Any]) -> bool:
    """Whether pods run because of it: an instance of Prometheus, for one."""
    return any("replicas" in (live.get(part) or {}) for part in ("spec", "status"))


def origin(live: t.Mapping[str, t.Any]) -> str:
    """Who made *live*, as far as it tells: the tools whose marks it has, and its field managers."""
    part = (live["metadata"].get("labels") or {}).get("app.kubernetes.io/part-of")
    found = [*map(str, managers_of(live, hints=True)), *([f"part of {part}"] if part else [])]
    return "; ".join([*found, described_writers(live) or "no field manager"])
