# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comparing two states of one object, and showing the difference. Pure."""

from __future__ import annotations

import hashlib
import json
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.fields import (
    extract,
    merge,
    own_fields,
    same,
)

JsonObject = dict[str, t.Any]

HIDDEN = "VALUE HIDDEN"
HIDDEN_CHANGED = "VALUE HIDDEN, CHANGED"


def meaningful(obj: JsonObject) -> JsonObject:
    """*obj* without what moves by itself: status, counters, and the times in managedFields."""
    metadata = {
        name: value
        for name, value in obj.get("metadata", {}).items()
        if name not in ("resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "managedFields")
    }
    entries = [
        {name: value for name, value in entry.items() if name != "time"}
        for entry in obj.get("metadata", {}).get("managedFields") or ()
        if entry.get("subresource") != "status"
    ]
    body = {name: value for name, value in obj.items() if name not in ("status", "metadata")}
    return {**body, "metadata": {**metadata, "managedFields": entries}}


def is_changed(before: JsonObject, after: JsonObject) -> bool:
    """Whether an answer of the server differs from the object as it was seen before; one rule for dry and real runs."""
    return not same(meaningful(before), meaningful(after))


def our_part(obj: JsonObject, *others: JsonObject) -> JsonObject:
    """The fields of *obj* that we own in it or in one of *others* (the same object at another time)."""
    fields: dict[str, t.Any] = {}
    for state in (obj, *others):
        owned = own_fields(state)
        if owned:
            fields = merge(fields, owned) if fields else owned
    part = extract(obj, fields) if fields else {}
    return part if isinstance(part, dict) else {}


def changed_paths(before: t.Any, after: t.Any, *, path: str = "") -> list[str]:
    """Dotted paths at which two JSON values differ, lists as a whole, sorted."""
    if isinstance(before, dict) and isinstance(after, dict):
        return sorted(
            found
            for name in {**before, **after}
            for found in changed_paths(before.get(name), after.get(name), path=f"{path}.{name}" if path else name)
        )
    return [] if same(before, after) else [path]


def for_display(kind: str, before: JsonObject, after: JsonObject) -> tuple[JsonObject, JsonObject]:
    """Both states as people may and want to see them: no values of Secrets, and schemas of CRDs as fingerprints."""
    if kind == "CustomResourceDefinition":
        return _without_schemas(before), _without_schemas(after)
    return _hide_secret(kind, before, after)


def _without_schemas(crd: JsonObject) -> JsonObject:
    """A CRD is up to half a megabyte, nearly all of it schema."""
    spec = crd.get("spec") or {}
    versions = [
        {name: _fingerprint(value) if name == "schema" else value for name, value in version.items()}
        for version in spec.get("versions") or ()
    ]
    return {**crd, "spec": {**spec, "versions": versions}} if versions else crd


def _fingerprint(value: t.Any) -> str:
    return "sha256:" + hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _hide_secret(kind: str, before: JsonObject, after: JsonObject) -> tuple[JsonObject, JsonObject]:
    """Replace the values of a Secret in both states; a changed value shows that it changed, nothing else."""
    if kind != "Secret":
        return before, after

    def hidden(state: JsonObject, other: JsonObject, *, mark_change: bool) -> JsonObject:
        shown = dict(state)
        for part in ("data", "stringData"):
            if isinstance(state.get(part), dict):
                known = other.get(part) or {}
                shown[part] = {
                    key: HIDDEN_CHANGED if mark_change and known.get(key) != value else HIDDEN
                    for key, value in state[part].items()
                }
        return shown

    return hidden(before, after, mark_change=False), hidden(after, before, mark_change=True)
