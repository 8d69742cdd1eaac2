# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Entries of the audit trail as lines for people. Pure."""

from __future__ import annotations

import datetime as dt
import json
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of

JsonObject = dict[str, t.Any]

# Objects of an entry, fields of an object, and characters of a value that a line shows.
OBJECTS, FIELDS, CHARACTERS = 20, 6, 80


def lines_of(entry: JsonObject) -> list[str]:
    """An entry: who did what and when, then a line for each object."""
    claimed = entry.get("claimed") or {}
    by = entry["account"] or "an unknown account"
    claims = ", ".join(f"{name} {claimed[name]}" for name in ("user", "job", "template", "run") if name in claimed)
    counts = ", ".join(f"{number} {action}" for action, number in sorted(entry["counts"].items()))
    head = f"{time_of(entry['ended'])} #{entry['number']} {entry['module']} by {by}"
    head += (f" (says: {claims})" if claims else "") + f": {counts}"
    if entry["outcome"] != "done":
        head += f"; failed: {entry.get('message', '')}"
    objects = entry["objects"]
    more = len(objects) - OBJECTS
    return [
        head,
        *(f"  {_object(obj)}" for obj in objects[:OBJECTS]),
        *([f"  and {more} more objects"] if more > 0 else []),
        *(f"  operator: {line}" for line in entry.get("operator_log", ())),
    ]


def time_of(seconds: float) -> str:
    """A time as people read it, in UTC."""
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _object(obj: JsonObject) -> str:
    name = "/".join(part for part in (obj.get("namespace", ""), obj["name"]) if part)
    text = f"{obj['verb']} {obj['kind']} {name}"
    if obj["verb"] not in ("update", "replace"):
        return text
    before, after = dict(leaves(obj.get("before", {}))), dict(leaves(obj.get("after", {})))
    changes = [
        f"{path}: {_value(before.get(path))} -> {_value(after.get(path))}" for path in sorted({**before, **after})
    ]
    return f"{text}: {first_of(changes, FIELDS, separator='; ')}" if changes else text


def leaves(value: JsonObject, *, path: str = "") -> t.Iterator[tuple[str, t.Any]]:
    """The values of nested mappings with their dotted paths; lists are values."""
    for name, item in value.items():
        place = f"{path}.{name}" if path else name
        if isinstance(item, dict) and item:
            yield from leaves(item, path=place)
        else:
            yield place, item


def _value(value: t.Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]}..."
