# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Structural schemas of CRDs: what one would drop of an object, what it would refuse, and what another one loses. Pure.

The rules are those of the API server (Kubernetes documentation, "Field pruning"): a field is kept where its schema has
it, where ``additionalProperties`` allows it, below ``x-kubernetes-preserve-unknown-fields``, and the identity of an
object or of an embedded object always. Pruning happens when an object is read, and for good when it is written.
"""

from __future__ import annotations

import copy
import re
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.json_values import without_nulls

JsonObject = dict[str, t.Any]
Schema = t.Mapping[str, t.Any]
# The place of a field in an object: names of fields and indexes of lists.
Place: t.TypeAlias = "tuple[str | int, ...]"

_IDENTITY = frozenset({"apiVersion", "kind", "metadata"})
# The operator writes it again: losing it loses no user's data.
_DERIVED = "status"
_TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}


def schema_of(crd: t.Mapping[str, t.Any], version: str) -> Schema | None:
    """The schema of one version of a CRD, or None if the CRD does not have that version."""
    for item in crd["spec"]["versions"]:
        if item["name"] == version:
            return dict((item.get("schema") or {}).get("openAPIV3Schema") or {})
    return None


def dotted(place: Place) -> str:
    """A place as messages name it: ``spec.endpoints[0].port``."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def dropped(obj: JsonObject, schema: Schema) -> list[Place]:
    """Where *obj* has fields that *schema* does not know, each at its highest place, without the status."""
    return [place for place in _unknown(obj, schema, place=(), embedded=True) if place[0] != _DERIVED]


def pruned(obj: JsonObject, schema: Schema) -> JsonObject:
    """A copy of *obj* as a server with *schema* stores it: without the fields that the schema does not know."""
    result = copy.deepcopy(obj)
    for place in _unknown(obj, schema, place=(), embedded=True):
        holder: t.Any = result
        for part in place[:-1]:
            holder = holder[part]
        del holder[place[-1]]
    return result


def stored(obj: JsonObject, schema: Schema) -> JsonObject:
    """A copy of *obj* as a server with *schema* stores it: without unknown fields and nulls, and with defaults.

    A null of a field that is not nullable is dropped, or replaced by its default (Kubernetes documentation, "Defaulting
    and Nullable"). The identity of the object stays as it is.
    """
    return t.cast("JsonObject", _stored(obj, schema, embedded=True))


def _stored(value: t.Any, schema: Schema, *, embedded: bool = False) -> t.Any:
    if isinstance(value, list):
        items = schema.get("items")
        return [_stored(item, items) for item in value] if isinstance(items, dict) else copy.deepcopy(value)
    if not isinstance(value, dict):
        return value
    keeps = _keeps_unknown(schema)
    result: JsonObject = {}
    for name, item in value.items():
        if embedded and name in _IDENTITY:
            result[name] = without_nulls(item)
            continue
        sub = _member(schema, name)
        if sub is None:
            if keeps:
                result[name] = copy.deepcopy(item)
        elif item is not None or sub.get("nullable"):
            inside = bool(sub.get("x-kubernetes-embedded-resource"))
            result[name] = None if item is None else _stored(item, sub, embedded=inside)
    for name, sub in (schema.get("properties") or {}).items():
        if name not in result and isinstance(sub, dict) and sub.get("default") is not None:
            result[name] = _stored(copy.deepcopy(sub["default"]), sub)
    return result


def _unknown(value: t.Any, schema: Schema, *, place: Place, embedded: bool = False) -> t.Iterator[Place]:
    if isinstance(value, dict):
        for name, item in value.items():
            if embedded and name in _IDENTITY:
                continue
            sub = _member(schema, name)
            if sub is not None:
                yield from _unknown(
                    item, sub, place=(*place, name), embedded=bool(sub.get("x-kubernetes-embedded-resource"))
                )
            elif not _keeps_unknown(schema):
                yield (*place, name)
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        items = schema["items"]
        for index, item in enumerate(value):
            yield from _unknown(
                item, items, place=(*place, index), embedded=bool(items.get("x-kubernetes-embedded-resource"))
            )


def _member(schema: Schema, name: str) -> Schema | None:
    """The schema of the field *name* of an object, or None if the object's schema does not know it."""
    properties = schema.get("properties") or {}
    extra = schema.get("additionalProperties")
    found = properties.get(name, extra if isinstance(extra, dict) else None)
    return found if isinstance(found, dict) else None


def _keeps_unknown(schema: Schema) -> bool:
    return bool(schema.get("x-kubernetes-preserve-unknown-fields")) or schema.get("additionalProperties") is True


def lost_fields(old: Schema, new: Schema) -> list[str]:
    """Fields that *old* knows and *new* does not, each at its highest place, without the status.

    ``[]`` means the items of a list and ``.*`` the keys of a map: ``spec.endpoints[].port``.
    """
    return [path for path in _lost(old, new, path="") if path.split(".", 1)[0] != _DERIVED]


def _lost(old: Schema, new: Schema, *, path: str) -> t.Iterator[str]:
    for name, sub in (old.get("properties") or {}).items():
        if not path and name in _IDENTITY:
            continue
        where = f"{path}.{name}" if path else name
        kept = _member(new, name)
        if kept is not None:
            yield from _lost(sub, kept, path=where)
        elif not _keeps_unknown(new):
            yield where
    extra = old.get("additionalProperties")
    if isinstance(extra, dict):
        kept = new.get("additionalProperties")
        if isinstance(kept, dict):
            yield from _lost(extra, kept, path=f"{path}.*")
        elif not _keeps_unknown(new):
            yield f"{path}.*"
    elif _keeps_unknown(old) and not _keeps_unknown(new):
        yield f"{path}.*"
    if isinstance(old.get("items"), dict):
        yield from _lost(old["items"], new.get("items") or {}, path=f"{path}[]")


def problems(obj: JsonObject, schema: Schema) -> list[str]:
    """Why a server with *schema* would refuse *obj*, one line each; rules in CEL are not evaluated.

    An unknown field is one of them: server-side apply refuses it.
    """
    found = [f"{dotted(place)}: is not known to the CRD" for place in dropped(obj, schema)]
    body = {name: value for name, value in obj.items() if name not in _IDENTITY and name != _DERIVED}
    required = [name for name in schema.get("required") or () if name not in _IDENTITY]
    root = {**schema, "required": required}
    return [*found, *(f"{dotted(place)}: {reason}" for place, reason in _invalid(body, root, place=()))]


def _invalid(value: t.Any, schema: Schema, *, place: Place) -> t.Iterator[tuple[Place, str]]:
    if value is None and schema.get("nullable"):
        return
    wanted = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        wanted = "integer" if isinstance(value, int) else "string"
    if wanted in _TYPES and not _is_of_type(value, wanted):
        yield place, f"must be of type {wanted}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield place, f"must be one of {', '.join(map(str, schema['enum']))}"
    if isinstance(value, dict):
        yield from _invalid_members(value, schema, place=place)
    elif isinstance(value, list):
        yield from _invalid_items(value, schema, place=place)
    else:
        yield from _invalid_scalar(value, schema, place=place)


def _is_of_type(value: t.Any, wanted: str) -> bool:
    return isinstance(value, _TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))


def _invalid_members(value: JsonObject, schema: Schema, *, place: Place) -> t.Iterator[tuple[Place, str]]:
    properties = schema.get("properties") or {}
    for name in schema.get("required") or ():
        if name not in value and "default" not in properties.get(name, {}):
            yield (*place, name), "is required"
    for name, item in value.items():
        sub = _member(schema, name)
        if sub is not None:
            yield from _invalid(item, sub, place=(*place, name))


def _invalid_items(value: list[t.Any], schema: Schema, *, place: Place) -> t.Iterator[tuple[Place, str]]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield place, f"has {len(value)} items"
    for index, item in enumerate(value):
        yield from _invalid(item, schema.get("items") or {}, place=(*place, index))


def _invalid_scalar(value: t.Any, schema: Schema, *, place: Place) -> t.Iterator[tuple[Place, str]]:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not schema.get("minimum", value) <= value <= schema.get("maximum", value):
            yield place, f"{value} is out of range"
        return
    if not isinstance(value, str):
        return
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        yield place, f"has {len(value)} characters"
    pattern = schema.get("pattern")
    if pattern and not _matches(pattern, value):
        yield place, f"{value!r} does not match {pattern}"


def _matches(pattern: str, value: str) -> bool:
    """Go's expressions are nearly Python's; one that Python cannot read is for the server to judge."""
    try:
        # Go takes flags anywhere, Python only in front.
        return re.search(pattern.replace("(?i)", ""), value, re.IGNORECASE if "(?i)" in pattern else 0) is not None
    except re.error:
        return True
