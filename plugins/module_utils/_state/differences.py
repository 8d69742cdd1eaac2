# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What differs between two states of many objects, field by field, without secrets. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.compare import for_display
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import same

JsonObject = dict[str, t.Any]

CREATED, UPDATED, DELETED = "created", "updated", "deleted"


class _Absent:
    """Instead of a value where there is none: null is a value."""


ABSENT: t.Final = _Absent()


@dataclass(frozen=True, kw_only=True)
class FieldChange:
    """A field that differs; ABSENT on the side that does not have it."""

    path: str
    before: t.Any
    after: t.Any

    def result(self) -> JsonObject:
        """For JSON: a side that does not have the field has no entry."""
        sides = {"before": self.before, "after": self.after}
        return {"field": self.path, **{side: value for side, value in sides.items() if value is not ABSENT}}


@dataclass(frozen=True, kw_only=True)
class ObjectChange:
    """An object that differs, and where it belongs; *fields* are empty where it is created or deleted."""

    cluster: str
    capability: str
    team: str
    action: str
    key: Key
    fields: tuple[FieldChange, ...] = ()

    @property
    def place(self) -> tuple[str, str, str]:
        """What it is listed under."""
        return self.cluster, self.capability, self.team

    def result(self) -> JsonObject:
        """For JSON."""
        where = {"cluster": self.cluster, "capability": self.capability, "team": self.team, "action": self.action}
        fields = {"fields": [change.result() for change in self.fields]} if self.fields else {}
        return {**where, **self.key._asdict(), **fields}


@dataclass(frozen=True, kw_only=True)
class Differences:
    """All changes, sorted, and for each cluster how many objects are unchanged."""

    changes: tuple[ObjectChange, ...] = ()
    unchanged: Mapping[str, int] = field(default_factory=dict)

    def summary(self, cluster: str | None = None) -> dict[str, int]:
        """The number of objects for each action, in one cluster or in all."""
        actions = [change.action for change in self.changes if cluster in (None, change.cluster)]
        counts = {action: actions.count(action) for action in (CREATED, UPDATED, DELETED)}
        return {
            **counts,
            "unchanged": sum(number for name, number in self.unchanged.items() if cluster in (None, name)),
        }

    @property
    def headline(self) -> str:
        """The counts in words."""
        return in_words(self.summary())


def in_words(summary: Mapping[str, int]) -> str:
    """Counts of actions: ``1 created, 0 updated``."""
    return ", ".join(f"{number:,} {action}" for action, number in summary.items())


def changes_of(key: Key, before: JsonObject, after: JsonObject) -> tuple[FieldChange, ...]:
    """The fields in which two states of one object differ; values of secrets are hidden."""
    shown = for_display(key.kind, *_differing(before, after))
    return tuple(_changes(*shown, path=""))


def _differing(before: JsonObject, after: JsonObject) -> tuple[JsonObject, JsonObject]:
    """Both without the entries that are the same: hiding secrets looks at all that is left."""
    sides: tuple[JsonObject, JsonObject] = {}, {}
    for name in before.keys() | after.keys():
        old, new = before.get(name, ABSENT), after.get(name, ABSENT)
        if isinstance(old, dict) and isinstance(new, dict):
            parts = _differing(old, new)
            if parts[0] or parts[1]:
                sides[0][name], sides[1][name] = parts
        elif not same(old, new):
            for side, value in zip(sides, (old, new), strict=True):
                if value is not ABSENT:
                    side[name] = value
    return sides


def _changes(before: t.Any, after: t.Any, *, path: str) -> Iterator[FieldChange]:
    if same(before, after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in sorted(before.keys() | after.keys()):
            yield from _changes(before.get(name, ABSENT), after.get(name, ABSENT), path=_inside(path, name))
        return
    if isinstance(before, list) and isinstance(after, list):
        yield from _of_lists(before, after, path=path)
        return
    yield FieldChange(path=path, before=before, after=after)


def _of_lists(before: list[t.Any], after: list[t.Any], *, path: str) -> Iterator[FieldChange]:
    """Items that have names are compared by these, others by their places; a list of another length as a whole."""
    names, later = _names(before), _names(after)
    if names is not None and later is not None:
        old, new = dict(zip(names, before, strict=True)), dict(zip(later, after, strict=True))
        for name in dict.fromkeys([*names, *later]):
            yield from _changes(old.get(name, ABSENT), new.get(name, ABSENT), path=f"{path}[name={name}]")
        common = [[name for name in side if name in old and name in new] for side in (names, later)]
        if common[0] != common[1]:
            yield FieldChange(path=f"{path} (order)", before=common[0], after=common[1])
    elif len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _changes(one, other, path=f"{path}[{index}]")
    else:
        yield FieldChange(path=path, before=before, after=after)


def _names(items: Sequence[t.Any]) -> list[str] | None:
    """The names of the items of a list; None where one has none, or two have the same."""
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    if not names or any(not isinstance(name, str) for name in names) or len(set(names)) < len(names):
        return None
    return t.cast("list[str]", names)


def _inside(path: str, name: str) -> str:
    """The place of an entry; a name with dots or brackets, as labels have, is quoted."""
    if any(character in name for character in ".[]/ "):
        return f"{path}[{name!r}]"
    return f"{path}.{name}" if path else name
