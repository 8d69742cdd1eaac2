# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an object will be once it is applied: server-side apply, computed here instead of asked for as a dry run. Pure.

For accounts that may only read. The rules are those of sigs.k8s.io/structured-merge-diff. It keeps no schema: which
lists are merged item by item shows in the fields that managers own, and which maps are atomic says `atomic_maps`. A
list that has no owner is taken as a whole, and what the server would default is left out.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.json_values import without_nulls
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.atomic import atomic_maps
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import (
    US,
    Fields,
    children_of,
    entries_of,
    is_of,
    own_fields,
    parsed,
    same,
    union,
    without,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.proof import applied_part

JsonObject = dict[str, t.Any]

_NOTHING = object()


@dataclass(frozen=True, kw_only=True)
class Merged:
    """The *object* after an apply. *conflicts*: the fields that others own with other values, each with its manager."""

    object: JsonObject
    conflicts: tuple[tuple[str, str], ...] = ()


def merged(desired: JsonObject, live: JsonObject | None) -> Merged:
    """*live* after *desired* was applied as ours; its status, and what else others own, stays as it is."""
    if live is None:
        return Merged(object=_owned(desired, desired, _fields_of(applied_part(desired), {}, name="", atomic=_NO_MAPS)))
    merge = _Merge(
        atomic=atomic_maps(desired["apiVersion"].rpartition("/")[0], desired["kind"]),
        owners=[
            (str(entry.get("manager") or "unknown"), dict(entry.get("fieldsV1") or {}))
            for entry in entries_of(live)
            if not is_of(entry, (US,)) and not entry.get("subresource")
        ],
    )
    part = applied_part(desired)
    identity: JsonObject = {name: live[name] for name in ("apiVersion", "kind") if name in live}
    body = {name: value for name, value in live.items() if name not in identity}
    result = merge.value(part, body, ours=own_fields(live), others=merge.owners, path="", name="")
    known: Fields = own_fields(live)
    for _manager, fields in merge.owners:
        known = union(known, fields)
    fields = _fields_of(part, known, name="", atomic=merge.atomic)
    return Merged(object=_owned({**identity, **result}, live, fields), conflicts=tuple(sorted(set(merge.conflicts))))


_NO_MAPS: frozenset[str] = frozenset()
_Owners: t.TypeAlias = "t.Sequence[tuple[str, Fields]]"


@dataclass(kw_only=True)
class _Merge:
    """One merge: the *atomic* maps of the kind, the fields of its *owners*, and the *conflicts* that were met."""

    atomic: frozenset[str]
    owners: _Owners
    conflicts: list[tuple[str, str]] = field(default_factory=list)

    def value(self, wanted: t.Any, has: t.Any, *, ours: Fields, others: _Owners, path: str, name: str) -> t.Any:
        """*has* after *wanted* was applied, where *ours* and *others* are the fields that are owned below *path*."""
        if isinstance(wanted, dict) and isinstance(has, dict) and name not in self.atomic:
            return self._map(wanted, has, ours=ours, others=others, path=path)
        if isinstance(wanted, list) and isinstance(has, list):
            items = _items_of(ours, *(fields for _manager, fields in others))
            if items:
                return self._list(wanted, has, items=items, ours=ours, others=others, path=path)
        if has is not _NOTHING and not same(wanted, has):
            self.conflicts += [(path, manager) for manager, _fields in others]
        return wanted

    def _map(self, wanted: JsonObject, has: JsonObject, *, ours: Fields, others: _Owners, path: str) -> JsonObject:
        result: JsonObject = {}
        for name in {**has, **wanted}:
            key = f"f:{name}"
            theirs = [(manager, fields[key]) for manager, fields in others if key in fields]
            if name in wanted:
                result[name] = self.value(
                    wanted[name],
                    has.get(name, _NOTHING),
                    ours=ours.get(key) or {},
                    others=theirs,
                    path=f"{path}.{name}" if path else name,
                    name=name,
                )
            elif key in ours:
                left = without(has[name], ours[key], _together(theirs))
                result |= {} if left is None else {name: left}
            else:
                result[name] = has[name]
        return result

    def _list(
        self,
        wanted: list[t.Any],
        has: list[t.Any],
        *,
        items: t.Sequence[str],
        ours: Fields,
        others: _Owners,
        path: str,
    ) -> list[t.Any]:
        """Items by their keys or values, in the order of `_in_order`."""
        places = {
            number: next((at for at, one in enumerate(has) if _is_same_item(item, one, items)), None)
            for number, item in enumerate(wanted)
        }
        result: list[t.Any] = []
        for mine, at in _in_order(places, len(has)):
            key = "" if at is None else _name_of(has[at], items)
            theirs = [(manager, fields[key]) for manager, fields in others if key in fields]
            if mine is None:
                result += self._left(has[t.cast("int", at)], ours.get(key), theirs)
            else:
                present = _NOTHING if at is None else has[at]
                below = f"{path}[{len(result)}]"
                own = ours.get(key) or {}
                result.append(self.value(wanted[mine], present, ours=own, others=theirs, path=below, name=""))
        return result

    def _left(self, item: t.Any, ours: Fields | None, others: _Owners) -> list[t.Any]:
        """What is left of an item that is not wanted: all of it where it was not ours, nothing if it was only ours."""
        if ours is None:
            return [item]
        left = without(item, ours, _together(others)) if others else None
        return [] if left is None else [left]


def _in_order(places: t.Mapping[int, int | None], number: int) -> list[tuple[int | None, int | None]]:
    """The places of the items of a merged list, each in the wanted list and in the live one of *number* items.

    *places* are those of the wanted items in the live list. What only the live list has comes first, up to the next
    item of both (visitListItems in typed/merge.go of structured-merge-diff).
    """
    wanted = list(places)
    both = {at: mine for mine, at in places.items() if at is not None}
    shared = [mine for mine in wanted if places[mine] is not None]
    found: list[tuple[int | None, int | None]] = []
    left = right = 0
    while left < number or right < len(wanted):
        following = next((mine for mine in shared if mine >= right), None)
        if left < number and both.get(left) is None:
            found.append((None, left))
            left += 1
        elif left < number and both[left] != following:
            left += 1
        else:
            at = places[wanted[right]]
            found.append((wanted[right], at))
            left += at == left
            right += 1
    return found


def _together(owners: _Owners) -> Fields | None:
    """What any of the owners has, None if there is none."""
    found: Fields | None = None
    for _manager, fields in owners:
        found = fields if found is None else union(found, fields)
    return found


# -- items of lists ---------------------------------------------------------------------------------------------------


def _items_of(*trees: Fields) -> list[str]:
    """The names of the items of a list that is merged item by item; empty for one that is a whole."""
    return sorted({name for fields in trees for name in children_of(fields) if name[:2] in ("k:", "v:")})


def _keys_of(items: t.Sequence[str]) -> list[str]:
    """The keys that name the items of a list, empty for a set of values."""
    return sorted({key for name in items if name.startswith("k:") for key in parsed(name[2:])})


def _is_same_item(one: t.Any, other: t.Any, items: t.Sequence[str]) -> bool:
    """Whether two items have the same keys; the server gives a key that is left out."""
    keys = _keys_of(items)
    if not keys:
        return same(one, other)
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    return all(key not in one or key not in other or same(one[key], other[key]) for key in keys)


def _name_of(item: t.Any, items: t.Sequence[str]) -> str:
    """The name that an item has in managedFields."""
    keys = _keys_of(items)
    if not keys:
        return f"v:{_json(item)}"
    return f"k:{_json({key: item[key] for key in keys if isinstance(item, dict) and key in item})}"


def _json(value: t.Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


# -- who owns what afterwards -----------------------------------------------------------------------------------------


def _fields_of(wanted: t.Any, known: Fields, *, name: str, atomic: frozenset[str]) -> Fields:
    """The fields that an apply of *wanted* owns; *known* are those of all managers, which show the form of lists."""
    if isinstance(wanted, dict) and name not in atomic:
        return {
            f"f:{key}": _fields_of(value, known.get(f"f:{key}") or {}, name=key, atomic=atomic)
            for key, value in wanted.items()
        }
    if isinstance(wanted, list) and (items := _items_of(known)):
        return {
            name: _item_fields(item, known.get(name) or {}, atomic=atomic)
            for item in wanted
            for name in [_known_name(item, items)]
        }
    return {}


def _known_name(item: t.Any, items: t.Sequence[str]) -> str:
    """The name of an item as managers know it: with the keys that the server gave it."""
    own = _name_of(item, items)
    if not own.startswith("k:"):
        return own
    return next((name for name in items if _is_same_item(item, parsed(name[2:]), items)), own)


def _item_fields(item: t.Any, known: Fields, *, atomic: frozenset[str]) -> Fields:
    return {".": {}, **_fields_of(item, known, name="", atomic=atomic)} if isinstance(item, dict) else {}


def _owned(obj: JsonObject, identity: JsonObject, fields: Fields) -> JsonObject:
    """*obj* with the metadata that identifies it, and with *fields* as ours; an apply takes none from others."""
    entry = {
        "manager": FIELD_MANAGER,
        "operation": "Apply",
        "apiVersion": identity["apiVersion"],
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    kept = [one for one in entries_of(identity) if not is_of(one, (US,))]
    names = {name: identity["metadata"][name] for name in ("name", "namespace") if name in identity["metadata"]}
    metadata = {**(obj.get("metadata") or {}), **names, "managedFields": [entry, *kept]}
    return t.cast("JsonObject", without_nulls({**obj, "metadata": metadata}))
