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
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import guess_plural, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.engine import LEASE, alone
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
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS, Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change, Outcome
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import same

JsonObject = dict[str, t.Any]

MERGE_PATCH = "application/merge-patch+json"
INTERVAL = 0.5
PATIENCE = 60.0
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
    """*live* with what *snapshot* has more than *base* (the snapshot as older CRDs stored it), and what cannot be told.

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


def require_restorable(cluster: Cluster, objects: t.Sequence[JsonObject], *, create_missing: bool) -> None:
    """Raise Forbidden where the account lacks a right for restoring *objects*; asked before the CRDs are changed."""
    verbs = ("get", "patch", "update", *(("create",) if create_missing else ()))
    needs = {
        replace(on_object(verb, obj, plural=guess_plural(obj["kind"])), **({"name": ""} if verb == "create" else {}))
        for obj in objects
        for verb in verbs
    }
    require_rights(cluster, Plan(), needs=[*needs, *lease.needed_rights(LEASE)], always=bool(objects))


def restore_objects(
    cluster: Cluster,
    objects: t.Sequence[JsonObject],
    *,
    lossy: t.Sequence[JsonObject],
    create_missing: bool,
    options: Options,
) -> Restored:
    """Restore the *objects* of a snapshot, while nobody else changes the CRDs.

    *lossy* are the CRDs that came after the snapshot: what they do not know was lost. The CRDs of the snapshot must be
    served again, outside check mode.
    """
    schemas = {crd["spec"]["names"]["kind"]: crd for crd in lossy}
    result = Restored()
    writing = (
        contextlib.nullcontext()
        if options.check or not objects
        else alone(cluster, seen=lease.look(cluster, LEASE), options=options)
    )
    with writing, ThreadPoolExecutor(max_workers=WORKERS) as pool:
        found = list(pool.map(lambda obj: _find(cluster, obj), objects))
        pairs = []
        for obj, live in zip(objects, found, strict=True):
            if live is None and not create_missing:
                result.missing.append(str(key_of(obj)))
            schema = _schema(schemas.get(obj["kind"]), obj)
            merged, conflicts = merge_back(live, snapshot=obj, base=pruned(obj, schema)) if live else (obj, [])
            if options.check and live and _is_untouched(live, snapshot=obj):
                merged = live
            result.conflicts += [f"{key_of(obj)}: {place}" for place in conflicts]
            pairs.append((obj, live, merged))
        todo = [pair for pair in pairs if (pair[1] is None and create_missing) or (pair[1] and pair[1] != pair[2])]
        if not options.check:
            list(pool.map(lambda pair: _write(cluster, *pair, options=options), todo))
    result.outcome.unchanged = len(pairs) - len(todo)
    result.outcome.changes = [_change(live, merged, local=options.check) for _obj, live, merged in todo]
    return result


def _is_untouched(live: JsonObject, *, snapshot: JsonObject) -> bool:
    """Whether nobody has written an object since: then its fields come back with the CRDs, by themselves."""
    return bool(live["metadata"]["resourceVersion"] == snapshot["metadata"]["resourceVersion"])


def _schema(crd: JsonObject | None, obj: JsonObject) -> Schema:
    """What the server knew of *obj* meanwhile: everything, where its CRD is not among the older ones."""
    if crd is None:
        return {"x-kubernetes-preserve-unknown-fields": True}
    version = obj["apiVersion"].rpartition("/")[2]
    return schema_of(crd, version) or schema_of(crd, storage_version(crd)) or {}


def _find(cluster: Cluster, obj: JsonObject) -> JsonObject | None:
    live = find_object(cluster, obj)
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], **live} if live else None


def _path(cluster: Cluster, obj: JsonObject, *, collection: bool = False) -> str | None:
    resource: Resource | None = cluster.resource(obj["apiVersion"], obj["kind"])
    metadata = obj["metadata"]
    name = None if collection else metadata["name"]
    return resource.path(namespace=metadata.get("namespace"), name=name) if resource else None


def _write(cluster: Cluster, obj: JsonObject, live: JsonObject | None, merged: JsonObject, *, options: Options) -> None:
    if live is None:
        metadata = {name: value for name, value in obj["metadata"].items() if name not in _GIVEN}
        bare = {name: value for name, value in obj.items() if name != "status"} | {"metadata": metadata}
        _send(cluster, "POST", _path(cluster, obj, collection=True), body=bare, options=options)
        return
    after = _send(cluster, "PUT", _path(cluster, obj), body=merged, options=options)
    entries = handed_back(after, snapshot=obj)
    if entries is not None:
        version = after["metadata"]["resourceVersion"]
        patch = {"metadata": {"resourceVersion": version, "managedFields": entries}}
        cluster.request("PATCH", _path(cluster, obj) or "", body=patch, content_type=MERGE_PATCH)


def _send(cluster: Cluster, method: str, path: str | None, *, body: JsonObject, options: Options) -> JsonObject:
    """Write one object; a server that has not taken in the CRDs yet refuses the fields (strict), and is asked again."""
    deadline = time.monotonic() + (options.wait_timeout or PATIENCE)
    query = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
    while True:
        try:
            return cluster.request(method, path or "", query=query, body=body)[1]
        except ApiError as error:
            if "unknown field" not in error.server_message or time.monotonic() > deadline:
                raise
            time.sleep(INTERVAL)


def _change(live: JsonObject | None, merged: JsonObject, *, local: bool) -> Change:
    before, after = ({"spec": obj["spec"]} if obj and "spec" in obj else {} for obj in (live, merged))
    action = "created" if live is None else "updated"
    return Change(action=action, key=key_of(merged), before=before, after=after, local=local)
