# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Comparing two states of one object, and showing the difference. Pure."""

from __future__ import annotations

import hashlib
import json
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import BEFORE_ANNOTATION
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import (
    cover,
    entries_of,
    extract,
    own_fields,
    same,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.secrecy import hidden

JsonObject = dict[str, t.Any]


def meaningful(obj: JsonObject) -> JsonObject:
    """*obj* without what moves by itself: status, counters, and the times in managedFields."""
    metadata = {
        name: value
        for name, value in obj.get("metadata", {}).items()
        if name not in ("resourceVersion", "generation", "uid", "creationTimestamp", "selfLink", "managedFields")
    }
    # The server sorts them by their times.
    entries = sorted(
        (
            {name: value for name, value in entry.items() if name != "time"}
            for entry in entries_of(obj)
            if entry.get("subresource") != "status"
        ),
        key=_identity,
    )
    body = {name: value for name, value in obj.items() if name not in ("status", "metadata")}
    return {**body, "metadata": {**metadata, "managedFields": entries}}


def _identity(entry: JsonObject) -> tuple[str, ...]:
    return tuple(str(entry.get(name)) for name in ("manager", "operation", "apiVersion", "subresource"))


def is_changed(before: JsonObject, after: JsonObject) -> bool:
    """Whether an answer of the server differs from the object as it was seen before; one rule for dry and real runs."""
    return not same(meaningful(before), meaningful(after))


def our_part(obj: JsonObject, *others: JsonObject) -> JsonObject:
    """The fields of *obj* that we own in it or in one of *others* (the same object at another time)."""
    fields: dict[str, t.Any] = {}
    for state in (obj, *others):
        owned = own_fields(state)
        if owned:
            fields = cover(fields, owned) if fields else owned
    part = extract(obj, fields) if fields else {}
    return part if isinstance(part, dict) else {}


def with_values(part: JsonObject, live: JsonObject, wanted: JsonObject) -> JsonObject:
    """*part* of *live*, and beside it what *live* has at the paths of *wanted*, lists as a whole."""
    result = dict(part)
    for name, value in wanted.items():
        if isinstance(value, dict) and isinstance(live.get(name), dict):
            known = part.get(name)
            result[name] = with_values(known if isinstance(known, dict) else {}, live[name], value)
        elif name in live:
            result.setdefault(name, live[name])
    return result


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
    """Both states as people may and want to see them: no secret values, and schemas of CRDs as fingerprints.

    What an adopted object had before is not shown: an adoption shows it as what changes.
    """
    before, after = _without_note(before), _without_note(after)
    if kind == "CustomResourceDefinition":
        return _without_schemas(before), _without_schemas(after)
    return hidden(kind, before, after)


def _without_note(obj: JsonObject) -> JsonObject:
    metadata = obj.get("metadata") or {}
    annotations = metadata.get("annotations") or {}
    if BEFORE_ANNOTATION not in annotations:
        return obj
    rest = {name: value for name, value in annotations.items() if name != BEFORE_ANNOTATION}
    return {**obj, "metadata": {**metadata, "annotations": rest}}


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
