# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading the audit trail: whether it is whole, who changed what, and when. Pure."""

from __future__ import annotations

import fnmatch
import json
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.entry import (
    BEGINNING,
    canonical,
    digest_of,
    unpacked,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.ring import Trail

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class Broken:
    """Something that is wrong with a trail: a *code*, the *entries* that it is about, and *how* it shows."""

    code: str
    entries: str
    how: str


@dataclass(frozen=True, kw_only=True)
class Query:
    """What is looked for; empty or None is everything. *obj* is a pattern KIND/NAMESPACE/NAME or KIND/NAME.

    *who* is a part of the account or of a claimed user, *since* and *until* are seconds since 1970.
    """

    obj: str = ""
    who: str = ""
    run: str = ""
    since: float | None = None
    until: float | None = None


EDITED, MISSING, MOVED, UNREADABLE, UNLIKE = "PF801", "PF802", "PF803", "PF804", "PF805"


def judged(trail: Trail) -> tuple[list[JsonObject], list[Broken]]:
    """The entries that can be read, in their order, and all that is wrong with the chain."""
    entries: list[JsonObject] = []
    broken: list[Broken] = []
    expected = trail.end.first if trail.end else 1
    previous: str | None = BEGINNING if expected == 1 else None
    for number, name, small in trail.entries:
        if trail.end and number < trail.end.first:
            continue
        if number > expected:
            broken.append(_missing(expected, number - 1, f"the entry behind them is {number} in ConfigMap {name}"))
            previous = None
        try:
            data = unpacked(small)
            entry = json.loads(data)
            own = int(entry["number"])
            named = str(entry["previous"])
        except (ValueError, KeyError, TypeError) as error:
            broken.append(Broken(code=UNREADABLE, entries=str(number), how=f"in ConfigMap {name}: {error}"))
            previous, expected = None, number + 1
            continue
        if own != number:
            how = f"in ConfigMap {name} it stands at the place of {number}"
            broken.append(Broken(code=MOVED, entries=str(own), how=how))
        elif previous is not None and named != previous:
            how = "its bytes do not have the digest by which the next entry names it"
            broken.append(Broken(code=EDITED, entries=str(number - 1), how=how))
        entries.append(entry)
        previous, expected = digest_of(data), number + 1
        # Of the last one there is no other digest; where entries behind it were deleted it is not known.
        is_last = number == trail.entries[-1][0] and (trail.end is None or trail.end.number <= number)
        mark = trail.marks.get(number)
        if is_last and mark and mark != previous:
            how = f"its bytes do not have the digest that ConfigMap {name} gives for it"
            broken.append(Broken(code=EDITED, entries=str(number), how=how))
    if trail.end and trail.end.number >= expected:
        broken.append(_missing(expected, trail.end.number, "the trail's head names the last of them"))
    if trail.end is None and trail.entries:
        broken.append(Broken(code=MISSING, entries="the head", how="the ConfigMap that names the last entry is gone"))
    return entries, broken


def unlike_copies(entries: t.Sequence[JsonObject], copies: t.Mapping[int, str]) -> list[Broken]:
    """What differs between a trail and the digests of its copies by number; entries that the ring gave up are left out.

    An account that can write the trail can compute all its digests again. The copies are out of its reach.
    """
    own = {entry["number"]: entry for entry in entries}
    last = max(own, default=0)
    both = sorted(own.keys() & copies.keys())
    unlike = [number for number in both if digest_of(canonical(own[number])) != copies[number]]
    newer = sorted(number for number in copies.keys() - own.keys() if number > last)
    broken = [Broken(code=UNLIKE, entries=str(number), how="its copy has another content") for number in unlike]
    if newer:
        broken.append(_missing(newer[0], newer[-1], "there are copies of them"))
    return broken


def _missing(first: int, last: int, how: str) -> Broken:
    return Broken(code=MISSING, entries=str(first) if first == last else f"{first} to {last}", how=how)


def found_entries(entries: t.Iterable[JsonObject], query: Query) -> list[JsonObject]:
    """The entries that *query* asks for, each with those of its objects that it asks for; the newest is the last."""
    result = []
    for entry in entries:
        if not _fits(entry, query):
            continue
        objects = [obj for obj in entry["objects"] if not query.obj or is_named(obj, query.obj)]
        if objects or not query.obj:
            result.append({**entry, "objects": objects})
    return result


def _fits(entry: JsonObject, query: Query) -> bool:
    claimed = entry.get("claimed") or {}
    return (
        (not query.who or any(query.who in str(name) for name in (entry["account"], claimed.get("user", ""))))
        and (not query.run or query.run in (claimed.get("run"), claimed.get("job")))
        and (query.since is None or entry["ended"] >= query.since)
        and (query.until is None or entry["started"] <= query.until)
    )


def is_named(obj: JsonObject, pattern: str) -> bool:
    """Whether an object of an entry fits KIND/NAMESPACE/NAME, or KIND/NAME in any namespace; parts may have ``*``."""
    kind, _slash, rest = pattern.partition("/")
    namespace, slash, name = rest.rpartition("/")
    parts = [(obj["kind"], kind), (obj["name"], name), *([(obj.get("namespace", ""), namespace)] if slash else [])]
    return all(fnmatch.fnmatchcase(text, part or "*") for text, part in parts)
