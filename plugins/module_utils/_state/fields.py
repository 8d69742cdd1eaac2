# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arithmetic with ``metadata.managedFields``: who owns which fields of an object, unions, parts. Pure.

The format is structured-merge-diff's ``fieldsV1``: ``f:<name>`` a field, ``k:<json>`` an item of a list by its keys,
``v:<json>`` a value of a set, ``.`` the item itself; a node without children is owned as a whole. The shape of the tree
tells how the server merges each list, so that no schema is needed here.
"""

from __future__ import annotations

import functools
import json
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER

JsonObject = dict[str, t.Any]
Fields = dict[str, t.Any]
# A manager of an object: its name and operation (Apply or Update).
Owner = tuple[str, str]
# Which fields of one entry of managedFields become ours, and which stay with their manager.
Share = t.Callable[[JsonObject], tuple[Fields, Fields]]

US: Owner = (FIELD_MANAGER, "Apply")


def entries_of(live: t.Mapping[str, t.Any]) -> list[JsonObject]:
    """The managedFields of *live*, one entry for each manager, operation, version and subresource."""
    return live.get("metadata", {}).get("managedFields") or []


def is_of(entry: t.Mapping[str, t.Any], owners: t.Collection[Owner]) -> bool:
    """Whether an entry of managedFields is of one of *owners*. What one owns by a subresource does not count."""
    return not entry.get("subresource") and (entry.get("manager"), entry.get("operation")) in owners


def own_entry(live: t.Mapping[str, t.Any]) -> JsonObject | None:
    """Our Apply entry in the managedFields of *live*, or None if we never applied it. Not to be changed."""
    return next((entry for entry in entries_of(live) if is_of(entry, (US,))), None)


def own_fields(live: t.Mapping[str, t.Any]) -> Fields:
    """The tree of fields that our manager owns in *live* (empty if it owns none)."""
    entry = own_entry(live)
    return dict((entry or {}).get("fieldsV1") or {})


def owns_label(live: t.Mapping[str, t.Any], label: str) -> bool:
    """Whether our manager owns this label of *live*: a label that a controller copied proves nothing."""
    labels = own_fields(live).get("f:metadata", {}).get("f:labels", {})
    return f"f:{label}" in labels


@functools.lru_cache(maxsize=4096)
def parsed(text: str) -> t.Any:
    """The keys of a list's item, or the value of a set's, as its name has them; the same few are in every object."""
    return json.loads(text)


def children_of(fields: Fields) -> Fields:
    """What a tree has below itself."""
    return {name: sub for name, sub in fields.items() if name != "."}


def same(one: t.Any, other: t.Any) -> bool:
    """Equality of JSON values; unlike Python's, ``True`` is not ``1`` and ``1`` is not ``1.0``."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and _same_maps(one, other)
    if isinstance(one, list):
        return len(one) == len(other) and _same_lists(one, other)
    return bool(one == other)


def _same_maps(one: JsonObject, other: JsonObject) -> bool:
    for name, value in one.items():
        if isinstance(value, str):
            if value != other[name]:
                return False
        elif not same(value, other[name]):
            return False
    return True


def _same_lists(one: list[t.Any], other: list[t.Any]) -> bool:
    for left, right in zip(one, other, strict=True):
        if isinstance(left, str):
            if left != right:
                return False
        elif not same(left, right):
            return False
    return True


def extract(value: t.Any, fields: Fields) -> t.Any:
    """The part of *value* that the tree *fields* covers; what is no longer there is left out.

    Of an item of a list that is what its manager set: a key that the server gave it is not shown.
    """
    children = children_of(fields)
    if not children:
        return value
    if isinstance(value, dict):
        return {
            name[2:]: extract(value[name[2:]], sub)
            for name, sub in children.items()
            if name.startswith("f:") and name[2:] in value
        }
    if isinstance(value, list):
        return [part for item in value for part in _extract_item(item, children)]
    return value


def _extract_item(item: t.Any, children: Fields) -> list[t.Any]:
    name = item_name(item, children)
    if name is None:
        return []
    return [extract(item, children[name]) if name.startswith("k:") else item]


def item_name(item: t.Any, children: Fields) -> str | None:
    """The name under which the tree *children* of a list holds this *item*, by its keys or value; None if not."""
    for name in children:
        if name == ".":
            continue
        wanted = parsed(name[2:])
        if name.startswith("v:") and same(item, wanted):
            return name
        if (
            name.startswith("k:")
            and isinstance(item, dict)
            and all(key in item and same(item[key], value) for key, value in wanted.items())
        ):
            return name
    return None


def cover(one: Fields, other: Fields) -> Fields:
    """What shows everything that either tree has: a node that is a whole in one of them stays a whole."""
    if not children_of(one) or not children_of(other):
        return {}
    return {
        name: cover(one[name], other[name]) if name in one and name in other else one.get(name, other.get(name))
        for name in {**one, **other}
    }


def union(one: Fields, other: Fields) -> Fields:
    """The fields that one of the two sets has. A node without children, or with ``.`` among them, is itself a field."""
    return _union(one, other) if one and other else one or other


def _union(one: Fields, other: Fields) -> Fields:
    result = {
        name: _union(one[name], other[name]) if name in one and name in other else one.get(name, other.get(name))
        for name in {**one, **other}
        if name != "."
    }
    is_field = any(not tree or "." in tree for tree in (one, other))
    return {".": {}, **result} if is_field and result else result


def common(one: Fields, other: Fields) -> Fields:
    """What both trees have. A node that is a whole in one of them is what the other has below it."""
    result: Fields = {}
    for name in one:
        if name not in other:
            continue
        left, right = one[name], other[name]
        if not left or not right:
            result[name] = left or right
        elif below := common(left, right):
            result[name] = below
    return result


def beyond(one: Fields, other: Fields) -> Fields:
    """What *one* has and *other* does not. A whole does not have what is below it: it may be a map that was empty."""
    result: Fields = {}
    for name, sub in children_of(one).items():
        known = other.get(name)
        if known is None:
            result[name] = sub
        elif children_of(sub) and (below := beyond(sub, known)):
            result[name] = below
    return result


def given_to(entries: t.Sequence[JsonObject], heirs: t.Iterable[tuple[JsonObject, Fields]]) -> list[JsonObject]:
    """The *entries* of managedFields after each of the *heirs*, an entry of former times, got the fields beside it."""
    result = {_identity(entry): entry for entry in entries}
    for old, fields in heirs:
        now = result.get(_identity(old), {**old, "fieldsV1": {}})
        result[_identity(old)] = {**now, "fieldsV1": union(dict(now.get("fieldsV1") or {}), fields)}
    return list(result.values())


def _identity(entry: JsonObject) -> tuple[str, ...]:
    return tuple(str(entry.get(name) or "") for name in ("manager", "operation", "apiVersion", "subresource"))


def without(value: t.Any, fields: Fields, kept: Fields | None) -> t.Any:
    """*value* without what *fields* cover and *kept* does not (None: nothing of it); None if nothing is left."""
    if not children_of(fields):
        return None if kept is None else value
    # With children in the one tree the node is not an atomic one: without any in the other nothing inside is kept.
    inside = kept or {}
    if isinstance(value, dict):
        names = {name: f"f:{name}" for name in value}
        left: t.Any = {
            name: without(item, fields[names[name]], inside.get(names[name])) if names[name] in fields else item
            for name, item in value.items()
        }
        left = {name: item for name, item in left.items() if item is not None}
    elif isinstance(value, list):
        parts = [(item, item_name(item, fields)) for item in value]
        left = [item if name is None else without(item, fields[name], inside.get(name)) for item, name in parts]
        left = [item for item in left if item is not None]
    else:
        return value
    return left if left or not value else None


def moved(live: JsonObject, *, share: Share, version: str, mark: Fields | None = None) -> list[JsonObject] | None:
    """The managedFields of *live* after what *share* takes from the entries of others became ours.

    *version* is the apiVersion of our entry. Our entries in another version are dropped, because paths there may mean
    other fields. *mark* becomes ours too where we had no entry. What is owned by a subresource stays. None if *share*
    takes nothing.
    """
    entries = entries_of(live)
    ours: Fields = (mark if mark and own_entry(live) is None else None) or {}
    kept: list[JsonObject] = []
    taken = False
    for entry in entries:
        fields = dict(entry.get("fieldsV1") or {})
        if is_of(entry, (US,)):
            ours = union(ours, fields) if entry.get("apiVersion") == version else ours
            continue
        mine, theirs = ({}, fields) if entry.get("subresource") else share(entry)
        if not mine and theirs == fields:
            kept.append(entry)
            continue
        taken = True
        ours = union(ours, mine)
        if theirs:
            kept.append({**entry, "fieldsV1": theirs})
    if not taken:
        return None
    own = {
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "apiVersion": version,
        "fieldsType": "FieldsV1",
        "fieldsV1": ours,
    }
    times = [entry["time"] for entry in entries if entry.get("time")]
    return [{**own, "time": max(times)} if times else own, *kept]
