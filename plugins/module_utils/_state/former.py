# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an adopted object had before us: noted in an annotation of the object, given back when it is released. Pure.

A note consists of layers. Each holds the fields that one write of ours touched for the first time, their values before
it and who owned them. A release takes the layers off, the last one first. The annotation has its own field manager, so
that no apply of ours removes it, and only what this manager wrote is trusted.
"""

from __future__ import annotations

import base64
import binascii
import json
import typing as t
import zlib
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    ADOPTION_MANAGER,
    BEFORE_ANNOTATION,
    FIELD_MANAGER,
    SET_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import (
    US,
    Fields,
    Owner,
    beyond,
    children_of,
    common,
    entries_of,
    given_to,
    is_of,
    item_name,
    parsed,
    same,
    union,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import (
    GIVING_BACK,
    without_us,
)

JsonObject = dict[str, t.Any]

# Kubernetes' limit for the names and values of all annotations of an object (TotalAnnotationSizeLimitB in
# k8s.io/apimachinery/pkg/api/validation/objectmeta.go).
ANNOTATIONS_MAX = 256 * 1024
# Longer notes are packed. So are those of Secrets, for `kubectl describe` shows annotations as they stand.
PLAIN_MAX = 8 * 1024
# Nothing that fits into an annotation is longer; a longer one was made to fill our memory.
_UNPACKED_MAX = 32 * 1024 * 1024

# Who may annotate a role, but not change its rules, could write a note that gives rights.
_NEVER = frozenset({"rbac.authorization.k8s.io", "apiextensions.k8s.io"})
NOTES: Owner = (ADOPTION_MANAGER, "Apply")
_OURS: tuple[Owner, ...] = (US, (FIELD_MANAGER, "Update"), NOTES, GIVING_BACK)
_MARKS = {"f:labels": {f"f:{SET_LABEL}"}, "f:annotations": {f"f:{ADOPTED_ANNOTATION}", f"f:{BEFORE_ANNOTATION}"}}
# Owner references are not given back: with an owner that is gone the object would be deleted.
_METADATA = ("f:labels", "f:annotations", "f:finalizers")

_VERSION = 1


class Unusable(ValueError):
    """A note that cannot be read, or would be too long; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """The *fields* that a write touched first, their *values* before it, and the *owners*: parts of managedFields."""

    fields: Fields
    values: JsonObject
    owners: tuple[JsonObject, ...] = ()


Layers: t.TypeAlias = "tuple[Layer, ...]"


# -- the annotation -----------------------------------------------------------------------------------------------


def is_noted(live: t.Mapping[str, t.Any]) -> bool:
    """Whether *live* has a note that we wrote."""
    return note_of(live) is not None


def note_of(live: t.Mapping[str, t.Any]) -> str | None:
    """The text of the note, None if there is none or if somebody else wrote it."""
    text = (live["metadata"].get("annotations") or {}).get(BEFORE_ANNOTATION)
    if text is None:
        return None
    for entry in entries_of(live):
        if is_of(entry, (NOTES,)):
            owned = (entry.get("fieldsV1") or {}).get("f:metadata", {}).get("f:annotations", {})
            return str(text) if f"f:{BEFORE_ANNOTATION}" in owned else None
    return None


def is_kept(live: t.Mapping[str, t.Any], *, adopts: bool) -> bool:
    """Whether a write to *live* notes what was there: it *adopts* the object, or an earlier one noted already."""
    return live["apiVersion"].rpartition("/")[0] not in _NEVER and (adopts or is_noted(live))


def layers_of(live: t.Mapping[str, t.Any]) -> Layers:
    """The layers of the note of *live*, the first one first; raises Unusable if it cannot be read."""
    text = note_of(live)
    if text is None:
        return ()
    try:
        note = json.loads(text if text.startswith("{") else _unpacked(text))
        layers = tuple(
            Layer(fields=layer["fields"], values=layer["values"], owners=tuple(layer["owners"]))
            for layer in note["layers"]
        )
        version, api_version = note["version"], note["apiVersion"]
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise Unusable(f"it cannot be read ({type(error).__name__}: {error})") from error
    if version != _VERSION:
        raise Unusable(f"a newer release of this collection wrote it (version {version})")
    if api_version != live["apiVersion"]:
        raise Unusable(f"it is about {api_version}, and the object was read as {live['apiVersion']}")
    return layers


def text_of(layers: Layers, *, live: JsonObject) -> str:
    """The note of *live* with *layers*; raises Unusable if it is too long beside the other annotations."""
    note = {
        "version": _VERSION,
        "apiVersion": live["apiVersion"],
        "layers": [{"fields": layer.fields, "values": layer.values, "owners": list(layer.owners)} for layer in layers],
    }
    text = json.dumps(note, separators=(",", ":"), sort_keys=True)
    if len(text) > PLAIN_MAX or live["kind"] == "Secret":
        text = base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    others = {
        name: value
        for name, value in (live["metadata"].get("annotations") or {}).items()
        if name not in (BEFORE_ANNOTATION, ADOPTED_ANNOTATION)
    }
    # The mark for adopted objects, and what a new release of ours may annotate.
    reserve = 1024
    size = sum(len(name.encode()) + len(value.encode()) for name, value in {**others, BEFORE_ANNOTATION: text}.items())
    if size + reserve > ANNOTATIONS_MAX:
        raise Unusable(
            f"with it the object's annotations would have {size + reserve:,} bytes, and Kubernetes allows "
            f"{ANNOTATIONS_MAX:,}"
        )
    return text


def _unpacked(text: str) -> str:
    try:
        packed = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("it is neither JSON nor base64") from error
    reader = zlib.decompressobj()
    found = reader.decompress(packed, _UNPACKED_MAX)
    if reader.unconsumed_tail:
        raise ValueError("it is longer than any note of ours")
    return found.decode()


# -- noting -------------------------------------------------------------------------------------------------------


def with_fields(layers: Layers, live: JsonObject, *, fields: Fields) -> Layers:
    """*layers*, and one more for those of *fields* that a write to *live* touches for the first time."""
    new = beyond(_touchable(fields), touched(layers))
    if not new:
        return layers
    owners = []
    for entry in entries_of(live):
        both = {} if is_of(entry, _OURS) else _share(dict(entry.get("fieldsV1") or {}), new)
        if both:
            owners.append({**entry, "fieldsV1": both})
    return (*layers, Layer(fields=new, values=_values(live, new), owners=tuple(owners)))


def _share(owned: Fields, new: Fields) -> Fields:
    """What of the fields that a manager *owned* is among the *new* ones, with the maps, lists and items around it."""
    result = common(owned, new)
    for name in result:
        if children_of(owned[name]) and children_of(new[name]):
            result[name] = _share(owned[name], new[name])
    return {".": {}, **result} if result and "." in owned else result


def _values(value: t.Any, fields: Fields) -> t.Any:
    """What *value* has of *fields*; each item of a list with its keys, for the server may have given it one."""
    inside = children_of(fields)
    if not inside:
        return value
    if isinstance(value, dict):
        return {name[2:]: _values(value[name[2:]], sub) for name, sub in inside.items() if name[2:] in value}
    if isinstance(value, list):
        named = [(item_name(item, inside), item) for item in value]
        return [
            {**parsed(name[2:]), **_values(item, inside[name])} if name.startswith("k:") else item
            for name, item in named
            if name is not None
        ]
    return value


def with_consequences(layers: Layers, live: JsonObject, *, answer: JsonObject) -> Layers:
    """*layers*, and one more for what else a write changes: *answer* is what the server would make of *live*.

    For example, a Service that stops being a NodePort loses its port numbers, which no manager owns.
    """
    shape: Fields = {}
    for entry in (*entries_of(live), *entries_of(answer)):
        shape = union(shape, dict(entry.get("fieldsV1") or {}))
    return with_fields(layers, live, fields=_lost(live, answer, shape=shape))


def owned_by(live: t.Mapping[str, t.Any], owners: t.Collection[Owner]) -> Fields:
    """The fields that *owners* have in *live*, not by a subresource."""
    found: Fields = {}
    for entry in entries_of(live):
        if is_of(entry, owners):
            found = union(found, dict(entry.get("fieldsV1") or {}))
    return found


def touched(layers: Layers) -> Fields:
    """All fields of *layers*."""
    found: Fields = {}
    for layer in layers:
        found = union(found, layer.fields)
    return found


def _touchable(fields: Fields) -> Fields:
    """*fields* without status, identity and our own marks."""
    result = {name: sub for name, sub in fields.items() if name not in ("f:status", "f:metadata", ".")}
    given = fields.get("f:metadata") or {}
    metadata: Fields = {}
    for part in _METADATA:
        own = _MARKS.get(part, ())
        inside = {name: sub for name, sub in children_of(given.get(part) or {}).items() if name not in own}
        if inside:
            metadata[part] = inside
    return {**result, "f:metadata": metadata} if metadata else result


def _lost(before: t.Any, after: t.Any, *, shape: Fields) -> Fields:
    """The fields of *before* that *after* has otherwise or not at all; *shape* tells how lists are merged."""
    result: Fields = {}
    if isinstance(before, dict):
        known = after if isinstance(after, dict) else {}
        for name, value in before.items():
            _note_lost(result, f"f:{name}", value, known.get(name), shape=shape)
    elif isinstance(before, list):
        inside = children_of(shape)
        rest = after if isinstance(after, list) else []
        others = {item_name(item, inside): item for item in rest}
        for item in before:
            name = item_name(item, inside)
            if name is not None:
                _note_lost(result, name, item, others.get(name), shape=shape)
    return result


def _note_lost(result: Fields, name: str, value: t.Any, other: t.Any, *, shape: Fields) -> None:
    if same(value, other):
        return
    inside = shape.get(name)
    # A map without owners counts as one of single fields; a list without owners is a whole.
    is_map = isinstance(value, dict) and bool(value) and inside is None
    if is_map or (isinstance(value, (dict, list)) and children_of(inside or {})):
        if below := _lost(value, other, shape=inside or {}):
            result[name] = below
    else:
        result[name] = {}


# -- giving back --------------------------------------------------------------------------------------------------


def given_back(live: JsonObject, layers: Layers) -> JsonObject:
    """*live* with what it had before us: former values where we changed or removed fields, and no field that we added.

    What another manager owns now stays as it is, and so do our marks.
    """
    ours = owned_by(live, _OURS)
    theirs: Fields = {}
    for entry in entries_of(live):
        if not is_of(entry, _OURS):
            theirs = union(theirs, dict(entry.get("fieldsV1") or {}))
    state: t.Any = live
    for layer in reversed(layers):
        state = _back_map(state, layer.values, touched=layer.fields, ours=ours, theirs=theirs)
    return t.cast(JsonObject, state)


def released(live: JsonObject, layers: Layers) -> JsonObject:
    """*live*, which was given back what it had, without our marks, and owned by those who owned it before us."""
    heirs = [
        (entry, fields)
        for layer in layers
        for entry in layer.owners
        if (fields := _as_before(entry["fieldsV1"], layer.values, live))
    ]
    entries = given_to([entry for entry in entries_of(live) if not is_of(entry, _OURS)], heirs)
    bare = without_us({**live, "metadata": {**live["metadata"], "managedFields": entries}})
    metadata = dict(bare["metadata"])
    if BEFORE_ANNOTATION in (metadata.get("annotations") or {}):
        metadata["annotations"] = {
            name: value for name, value in metadata["annotations"].items() if name != BEFORE_ANNOTATION
        }
    return {**bare, "metadata": metadata}


class _Missing:
    """What is not there."""


_MISSING = _Missing()


def _back(now: t.Any, before: t.Any, *, touched: Fields, ours: Fields | None, theirs: Fields | None) -> t.Any:
    """What one node of an object is after the release; each of *now* and *before* can be missing, and so can it."""
    inside = children_of(touched)
    # Another manager has the whole of it now, which is possible unless it is a map of single fields.
    whole = theirs is not None and not children_of(theirs) and not children_of(ours or {})
    if inside and not whole:
        if _are(dict, now, before):
            return _back_map(now, before, touched=inside, ours=ours, theirs=theirs)
        if _are(list, now, before):
            return _back_list(now, before, touched=inside, ours=ours, theirs=theirs)
    if theirs is not None:
        return now
    if before is not _MISSING:
        return before
    return _MISSING if ours is not None else now


def _are(kind: type, *values: t.Any) -> bool:
    present = [value for value in values if value is not _MISSING]
    return bool(present) and all(isinstance(value, kind) for value in present)


def _back_map(now: t.Any, before: t.Any, *, touched: Fields, ours: Fields | None, theirs: Fields | None) -> t.Any:
    present: JsonObject = {} if now is _MISSING else now
    former: JsonObject = {} if before is _MISSING else before
    result: JsonObject = {}
    for name in {**present, **former}:
        field = f"f:{name}"
        value = present.get(name, _MISSING)
        if field in touched:
            value = _back(
                value,
                former.get(name, _MISSING),
                touched=touched[field],
                ours=(ours or {}).get(field),
                theirs=(theirs or {}).get(field),
            )
        if value is not _MISSING:
            result[name] = value
    return result if result or not _vanishes(now, before, ours=ours, theirs=theirs) else _MISSING


def _vanishes(now: t.Any, before: t.Any, *, ours: Fields | None, theirs: Fields | None) -> bool:
    """Whether a map or list of which nothing is left goes itself: it came with us, or others removed it."""
    return now is _MISSING or (before is _MISSING and ours is not None and theirs is None)


def _back_list(now: t.Any, before: t.Any, *, touched: Fields, ours: Fields | None, theirs: Fields | None) -> t.Any:
    present = [] if now is _MISSING else [(item_name(item, touched), item) for item in now]
    former = {} if before is _MISSING else {item_name(item, touched): item for item in before}
    former.pop(None, None)
    result: list[tuple[str | None, t.Any]] = []

    def back(name: str, item: t.Any) -> t.Any:
        own, others = (ours or {}).get(name), (theirs or {}).get(name)
        old = former.get(name, _MISSING)
        if old is _MISSING and own is not None and others is None:
            return _MISSING
        value = _back(item, old, touched=touched[name], ours=own, theirs=others)
        # No manager need own a key that the server gave.
        return {**parsed(name[2:]), **value} if isinstance(value, dict) and name.startswith("k:") else value

    for name, item in present:
        value = item if name is None else back(name, item)
        if value is not _MISSING:
            result.append((name, value))
    place = 0
    for name in former:
        known = [position for position, (other, _item) in enumerate(result) if other == name]
        if not known and (value := back(t.cast(str, name), _MISSING)) is not _MISSING:
            result.insert(place, (name, value))
            known = [place]
        place = max(place, known[0] + 1) if known else place
    ordered = [item for _name, item in _in_former_order(result, list(former))]
    return ordered if ordered or not _vanishes(now, before, ours=ours, theirs=theirs) else _MISSING


def _in_former_order(
    items: list[tuple[str | None, t.Any]], names: t.Sequence[str | None]
) -> list[tuple[str | None, t.Any]]:
    """*items* with those that have former *names* in their former order, at the places that they take together."""
    rank = {name: number for number, name in enumerate(names)}
    ranked = iter(sorted((pair for pair in items if pair[0] in rank), key=lambda pair: rank[pair[0]]))
    return [next(ranked) if pair[0] in rank else pair for pair in items]


def _as_before(fields: Fields, before: t.Any, now: t.Any) -> Fields:
    """Those of *fields* that have the same value *now* as *before*."""
    result: Fields = {}
    for name, sub in children_of(fields).items():
        old, new = _at(before, name), _at(now, name)
        if old is _MISSING or new is _MISSING:
            continue
        if not children_of(sub):
            if same(old, new):
                result[name] = sub
        elif below := _as_before(sub, old, new):
            result[name] = below
        elif "." in sub:
            result[name] = {}
    if "." in fields and (result or not children_of(fields)):
        result["."] = {}
    return result


def _at(value: t.Any, name: str) -> t.Any:
    """What the field or item *name* has in *value*."""
    if isinstance(value, dict) and name.startswith("f:"):
        return value.get(name[2:], _MISSING)
    if isinstance(value, list):
        return next((item for item in value if item_name(item, {name: {}}) == name), _MISSING)
    return _MISSING
