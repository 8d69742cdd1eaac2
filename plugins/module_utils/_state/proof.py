# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether applying an object provably changes nothing: the fields that we own are the desired ones. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._state.atomic import atomic_maps
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import (
    US,
    Fields,
    children_of,
    entries_of,
    is_of,
    parsed,
    same,
)

JsonObject = dict[str, t.Any]


def is_unchanged(desired: JsonObject, live: JsonObject) -> bool:
    """Whether applying *desired* provably leaves *live* as it is.

    True only where the fields that we own are exactly the desired ones and each has the desired value. Everything
    else is for the server to decide: a wrong False costs one request, a wrong True would hide a change.
    """
    version = desired["apiVersion"]
    if live["apiVersion"] != version:
        return False
    ours = None
    for entry in entries_of(live):
        # The server drops entries of versions that are no longer served; which these are cannot be seen from here.
        if entry.get("apiVersion") != version:
            return False
        if is_of(entry, (US,)):
            if ours is not None:
                return False
            ours = entry
    if ours is None:
        return False
    atomic = atomic_maps(version.rpartition("/")[0], desired["kind"])
    return _proves_equal(applied_part(desired), ours.get("fieldsV1") or {}, live, atomic=atomic)


def applied_part(desired: JsonObject) -> JsonObject:
    """*desired* without what the server does not track as fields: type and identity."""
    part = dict(desired)
    metadata = dict(part.pop("metadata"))
    for holder, names in ((part, ("apiVersion", "kind")), (metadata, ("name", "namespace"))):
        for name in names:
            holder.pop(name, None)
    return {**part, "metadata": metadata} if metadata else part


# From here on each line runs for each field of each object, which is half of an unchanged run.


def _proves_equal(
    desired: t.Any, fields: Fields, live: t.Any, *, atomic: frozenset[str], name: str = "", is_item: bool = False
) -> bool:
    itself = "." in fields
    number = len(fields) - itself
    if not number:
        return _proves_leaf(desired, live, whole=name in atomic)
    # Beside children an apply owns each item of a list itself, and no named field. What it owns otherwise (after a
    # takeover, in maps without a schema) may differ from what the next apply would own.
    if itself is not is_item or number != len(desired if isinstance(desired, (dict, list)) else ()):
        return False
    if isinstance(desired, dict) and isinstance(live, dict):
        return _proves_map(desired, fields, live, atomic=atomic)
    if isinstance(desired, list) and isinstance(live, list):
        return _proves_list(desired, children_of(fields), live, atomic=atomic)
    return False


def _proves_list(desired: list[t.Any], children: Fields, live: list[t.Any], *, atomic: frozenset[str]) -> bool:
    if all(child.startswith("k:") for child in children):
        return _proves_keyed_list(desired, children, live, atomic=atomic)
    return all(child.startswith("v:") for child in children) and _proves_set(desired, children, live)


def _proves_map(desired: JsonObject, fields: Fields, live: JsonObject, *, atomic: frozenset[str]) -> bool:
    """As many fields as desired values, and each of the values is among them."""
    for key, value in desired.items():
        sub = fields.get("f:" + key)
        if sub is None or key not in live:
            return False
        if sub:
            mine = live[key]
            # The same as `_proves_equal` would do with a map, without asking it.
            if isinstance(value, dict) and isinstance(mine, dict) and len(sub) == len(value) and "." not in sub:
                if not _proves_map(value, sub, mine, atomic=atomic):
                    return False
            elif not _proves_equal(value, sub, mine, atomic=atomic, name=key):
                return False
        elif isinstance(value, str):  # most are, and no other type of JSON equals one
            if value != live[key]:
                return False
        elif not _proves_leaf(value, live[key], whole=key in atomic):
            return False
    return True


def _proves_leaf(desired: t.Any, live: t.Any, *, whole: bool) -> bool:
    """A node that is owned as a whole: a scalar, an atomic list or map, or a map that we last applied empty.

    A map that was applied empty and filled by others looks the same as an atomic one; only the name tells them apart.
    """
    if isinstance(desired, dict) and desired and not whole:
        return False
    return same(desired, live)


def _proves_keyed_list(desired: list[t.Any], children: Fields, live: list[t.Any], *, atomic: frozenset[str]) -> bool:
    positions: dict[int, int] = {}
    for name, sub in children.items():
        keys = parsed(name[2:])
        # A key that a desired item leaves out was defaulted by the server: then we do not own that field.
        wanted = _the_item(desired, keys, defaulted=[key for key in keys if f"f:{key}" not in sub])
        present = _the_item(live, keys)
        if wanted is None or present is None or wanted in positions:
            return False
        if not _proves_equal(desired[wanted], sub, live[present], atomic=atomic, is_item=True):
            return False
        positions[wanted] = present
    return _in_order(positions)


def _the_item(items: list[t.Any], keys: JsonObject, *, defaulted: t.Sequence[str] = ()) -> int | None:
    """Where the one item with these *keys* is, of which it may leave out *defaulted*; None if not exactly one is."""
    found = None
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            continue
        for key, value in keys.items():
            if not same(item[key], value) if key in item else key not in defaulted:
                break
        else:
            if found is not None:
                return None
            found = index
    return found


def _proves_set(desired: list[t.Any], children: Fields, live: list[t.Any]) -> bool:
    positions: dict[int, int] = {}
    for name in children:
        value = parsed(name[2:])
        wanted = [index for index, item in enumerate(desired) if same(item, value)]
        present = [index for index, item in enumerate(live) if same(item, value)]
        if len(wanted) != 1 or len(present) != 1:
            return False
        positions[wanted[0]] = present[0]
    return _in_order(positions)


def _in_order(positions: t.Mapping[int, int]) -> bool:
    """Order counts: the server writes when an apply moves an item, in keyed lists and sets too."""
    found = [positions[index] for index in sorted(positions)]
    return found == sorted(found)
