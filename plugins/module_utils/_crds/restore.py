# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Giving custom resources back what they lost while older CRDs were installed, and leaving all else as it is now."""

from __future__ import annotations

import contextlib
import copy
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource, find_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, guess_plural, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.engine import alone, lock_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.owners import handed_back
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import storage_version
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.schema import (
    Place,
    Schema,
    dotted,
    pruned,
    schema_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import lease
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.preflight import require_rights
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import on_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.blocked import told_once
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS, Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change, Failure, Outcome
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import same
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.secrecy import without_secrets

JsonObject = dict[str, t.Any]

MERGE_PATCH = "application/merge-patch+json"
INTERVAL = 0.5
PATIENCE = 60.0
# Others may write the same object meanwhile.
ATTEMPTS = 10
_MISSING: t.Final = object()
# What a server sets by itself, and refuses or ignores when an object is created.
_GIVEN = ("creationTimestamp", "generation", "managedFields", "ownerReferences", "resourceVersion", "selfLink", "uid")


@dataclass(kw_only=True)
class Restored:
    """What became of a snapshot's objects."""

    outcome: Outcome = field(default_factory=Outcome)
    conflicts: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def merge_back(live: JsonObject, *, snapshot: JsonObject, base: JsonObject) -> tuple[JsonObject, list[str]]:
    """*live* with what *snapshot* has more than *base* (the snapshot as older CRDs stored it), and the conflicts.

    A field that somebody changed meanwhile stays as it is now. Where a lost field was inside something that has since
    changed its shape (a list with other items) it stays lost, and its place is returned.
    """
    merged = copy.deepcopy(live)
    conflicts: list[Place] = []
    for name in snapshot:
        if name in ("apiVersion", "kind", "metadata", "status"):
            continue
        _merge(merged, name, snapshot=snapshot[name], base=base.get(name, _MISSING), place=(name,), conflicts=conflicts)
    return merged, [dotted(place) for place in conflicts]


def _merge(holder: t.Any, name: t.Any, *, snapshot: t.Any, base: t.Any, place: Place, conflicts: list[Place]) -> None:
    """Bring ``holder[name]`` (missing, or as it is now) to what it should be."""
    now = holder[name] if isinstance(holder, list) else holder.get(name, _MISSING)
    if _equal(snapshot, base) or _equal(now, snapshot):
        return
    if _equal(now, base):
        holder[name] = copy.deepcopy(snapshot)
    elif isinstance(now, dict) and isinstance(snapshot, dict) and isinstance(base, dict):
        for key, value in snapshot.items():
            _merge(now, key, snapshot=value, base=base.get(key, _MISSING), place=(*place, key), conflicts=conflicts)
    elif isinstance(now, list) and isinstance(snapshot, list) and isinstance(base, list) and len(now) == len(snapshot):
        for index, value in enumerate(snapshot):
            _merge(now, index, snapshot=value, base=base[index], place=(*place, index), conflicts=conflicts)
    elif base is not _MISSING:
        # What was lost lies below, and its surroundings are no longer what they were.
        conflicts.append(place)


def _equal(one: t.Any, other: t.Any) -> bool:
    return one is other or (one is not _MISSING and other is not _MISSING and same(one, other))


def require_restorable(
    cluster: Cluster, objects: t.Sequence[JsonObject], *, create_missing: bool, options: Options
) -> None:
    """Raise Forbidden if the account lacks a right for restoring *objects*; asked before the CRDs are changed."""
    verbs = ("get", "patch", "update", *(("create",) if create_missing else ()))
    needs = {
        replace(on_object(verb, obj, plural=guess_plural(obj["kind"])), **({"name": ""} if verb == "create" else {}))
        for obj in objects
        for verb in verbs
    }
    require_rights(cluster, Plan(), needs=[*needs, *lease.needed_rights(lock_of(options.place))], always=bool(objects))


def restore_objects(
    cluster: Cluster,
    objects: t.Sequence[JsonObject],
    *,
    lossy: t.Sequence[JsonObject],
    create_missing: bool,
    options: Options,
) -> Restored:
    """Restore the *objects* of a snapshot, while no other run changes the CRDs.

    *lossy* are the CRDs that came after the snapshot: what they do not know was lost. The CRDs of the snapshot must be
    served again, outside check mode. What keeps one object from being restored is a failure in the outcome.
    """
    schemas = {crd["spec"]["names"]["kind"]: crd for crd in lossy}
    writing = (
        contextlib.nullcontext()
        if options.check or not objects
        else alone(cluster, seen=lease.look(cluster, lock_of(options.place)), options=options)
    )

    def restore(obj: JsonObject) -> _Fate:
        base = pruned(obj, _schema(schemas.get(obj["kind"]), obj))
        return _attempt(cluster, _Wanted(snapshot=obj, base=base, create=create_missing), options=options)

    with writing, ThreadPoolExecutor(max_workers=WORKERS) as pool:
        fates = list(pool.map(restore, objects))
    result = Restored()
    for fate in fates:
        result.conflicts += fate.conflicts
        result.missing += [str(fate.key)] if fate.missing else []
        if isinstance(fate.done, Change):
            result.outcome.changes.append(fate.done)
        elif isinstance(fate.done, Failure):
            result.outcome.failures.append(fate.done)
        else:
            result.outcome.unchanged += 1
    result.outcome.failures = told_once(result.outcome.failures, ())
    return result


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """An object of a *snapshot*, and what older CRDs stored of it (*base*). *create*: create it if it was deleted."""

    snapshot: JsonObject
    base: JsonObject
    create: bool


@dataclass(frozen=True, kw_only=True)
class _Fate:
    """What became of one object: its change or failure, None if it is as it should be or *missing*."""

    key: Key
    done: Change | Failure | None = None
    conflicts: tuple[str, ...] = ()
    missing: bool = False


def _attempt(cluster: Cluster, wanted: _Wanted, *, options: Options) -> _Fate:
    """Restore one object; an error becomes a failure of this object, and the others are still restored."""
    key = key_of(wanted.snapshot)
    try:
        return _restore(cluster, wanted, options=options)
    except ApiError as error:
        message = without_secrets(error.server_message, wanted.snapshot)
        return _Fate(key=key, done=Failure(key=key, message=message, webhook=error.webhook))
    except ClusterError as error:
        return _Fate(key=key, done=Failure(key=key, message=str(error)))


def _restore(cluster: Cluster, wanted: _Wanted, *, options: Options) -> _Fate:
    """Restore one object; a write that meets another one, or whose answer was lost, begins again with what is there.

    After a lost answer the object is as it is to be, which is a change all the same.
    """
    obj = wanted.snapshot
    key = key_of(obj)
    resource = cluster.resource(obj["apiVersion"], obj["kind"])
    if resource is None:
        raise ClusterError(f"the cluster does not serve {obj['apiVersion']} {obj['kind']}")
    first = live = _find(cluster, obj)
    for attempt in range(1, ATTEMPTS + 1):
        if live is None and not wanted.create:
            return _Fate(key=key, missing=True)
        due = _due(live, wanted, check=options.check)
        conflicts = tuple(f"{key}: {place}" for place in due.places)
        if due.is_nothing and live == first:
            return _Fate(key=key, conflicts=conflicts)
        try:
            if not options.check and not due.is_nothing:
                _carry_out(cluster, due, live, wanted=wanted, resource=resource, options=options)
        except ApiError as error:
            if error.status not in (404, 409) or attempt == ATTEMPTS:
                raise
            live = _find(cluster, obj)
        else:
            return _Fate(key=key, done=_change(first, due.merged, local=options.check), conflicts=conflicts)
    raise AssertionError("the last attempt returns or raises")


@dataclass(frozen=True, kw_only=True)
class _Due:
    """What an object is to be, whether that *differs*, whose fields are to be theirs again, and what stays lost."""

    merged: JsonObject
    differs: bool
    entries: list[JsonObject] | None
    places: tuple[str, ...] = ()

    @property
    def is_nothing(self) -> bool:
        """Whether the object is as it is to be."""
        return not self.differs and self.entries is None


def _due(live: JsonObject | None, wanted: _Wanted, *, check: bool) -> _Due:
    if live is None:
        return _Due(merged=wanted.snapshot, differs=True, entries=None)
    merged, places = merge_back(live, snapshot=wanted.snapshot, base=wanted.base)
    if check and _is_untouched(live, snapshot=wanted.snapshot):
        merged = live
    # A run that ended between its two requests left fields with us.
    entries = handed_back(live, snapshot=wanted.snapshot)
    return _Due(merged=merged, differs=merged != live, entries=entries, places=tuple(places))


def _carry_out(
    cluster: Cluster, due: _Due, live: JsonObject | None, *, wanted: _Wanted, resource: Resource, options: Options
) -> None:
    """Write an object, and then give its fields back to those who had them."""
    entries = due.entries
    if live is None or due.differs:
        live = _write(cluster, wanted.snapshot, live, due.merged, resource=resource, options=options)
        entries = handed_back(live, snapshot=wanted.snapshot)
    if entries is not None:
        metadata = live["metadata"]
        path = resource.path(namespace=metadata.get("namespace"), name=metadata["name"])
        # Refused if somebody wrote it since.
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"], "managedFields": entries}}
        cluster.request("PATCH", path, body=patch, content_type=MERGE_PATCH)


def _is_untouched(live: JsonObject, *, snapshot: JsonObject) -> bool:
    """Whether no one has written an object since: then its fields reappear with the CRDs."""
    return bool(live["metadata"]["resourceVersion"] == snapshot["metadata"]["resourceVersion"])


def _schema(crd: JsonObject | None, obj: JsonObject) -> Schema:
    """What the server knew of *obj* meanwhile: everything, where its CRD is not among the older ones."""
    if crd is None:
        return {"x-kubernetes-preserve-unknown-fields": True}
    version = obj["apiVersion"].rpartition("/")[2]
    return schema_of(crd, version) or schema_of(crd, storage_version(crd)) or {}


def _find(cluster: Cluster, obj: JsonObject) -> JsonObject | None:
    live = find_object(cluster, obj)
    return _typed(obj, live) if live else None


def _typed(obj: JsonObject, live: JsonObject) -> JsonObject:
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], **live}


def _write(
    cluster: Cluster,
    obj: JsonObject,
    live: JsonObject | None,
    merged: JsonObject,
    *,
    resource: Resource,
    options: Options,
) -> JsonObject:
    """Write *merged* over *live*, or make *obj* again; returns the object as the server answers it."""
    namespace, name = obj["metadata"].get("namespace"), obj["metadata"]["name"]
    if live is not None:
        path = resource.path(namespace=namespace, name=name)
        return _typed(obj, _send(cluster, "PUT", path, body=merged, options=options))
    metadata = {name: value for name, value in obj["metadata"].items() if name not in _GIVEN}
    bare = {name: value for name, value in obj.items() if name != "status"} | {"metadata": metadata}
    return _typed(obj, _send(cluster, "POST", resource.path(namespace=namespace), body=bare, options=options))


def _send(cluster: Cluster, method: str, path: str, *, body: JsonObject, options: Options) -> JsonObject:
    """Write one object; a server that has not taken in the CRDs yet refuses the fields (strict), and is asked again."""
    deadline = time.monotonic() + (options.wait_timeout or PATIENCE)
    query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
    while True:
        try:
            return cluster.request(method, path, query=query, body=body)[1]
        except ApiError as error:
            if "unknown field" not in error.server_message or time.monotonic() > deadline:
                raise
            time.sleep(INTERVAL)


def _change(live: JsonObject | None, merged: JsonObject, *, local: bool) -> Change:
    before, after = ({"spec": obj["spec"]} if obj and "spec" in obj else {} for obj in (live, merged))
    action = "created" if live is None else "updated"
    return Change(action=action, key=key_of(merged), before=before, after=after, local=local)
