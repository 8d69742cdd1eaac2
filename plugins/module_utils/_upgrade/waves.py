# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The waves of an upgrade: which clusters are upgraded when. Pure."""

from __future__ import annotations

import datetime as dt
import math
import re
import typing as t
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors

JsonObject = dict[str, t.Any]

# What a wave may select by; each wave has exactly one of them.
NAMED = ("hosts", "groups", "labels")
COUNTED = ("size", "percent", "rest")
WAVE_OPTIONS: JsonObject = {
    "name": {"type": "str"},
    "hosts": {"type": "list", "elements": "str"},
    "groups": {"type": "list", "elements": "str"},
    "labels": {"type": "dict"},
    "size": {"type": "int"},
    "percent": {"type": "int"},
    "rest": {"type": "bool"},
    "concurrency": {"type": "int", "default": 1},
}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WINDOW_OPTIONS: JsonObject = {
    "days": {"type": "list", "elements": "str", "choices": list(DAYS), "default": list(DAYS)},
    "from": {"type": "str", "default": "00:00"},
    "to": {"type": "str", "default": "24:00"},
}
HOST_OPTIONS: JsonObject = {
    "name": {"type": "str", "required": True},
    "cluster": {"type": "str"},
    "groups": {"type": "list", "elements": "str", "default": []},
    "labels": {"type": "dict", "default": {}},
}
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_DAY = 24 * 60


@dataclass(frozen=True, kw_only=True)
class Host:
    """A cluster as the inventory has it: its host's *name*, *groups* and *labels*."""

    name: str
    groups: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Wave:
    """Clusters that are upgraded before the next wave begins, at most *concurrency* at the same time."""

    name: str
    hosts: tuple[str, ...]
    concurrency: int = 1

    @property
    def batches(self) -> tuple[tuple[str, ...], ...]:
        """Its clusters in parts that are upgraded at the same time."""
        return tuple(self.hosts[at : at + self.concurrency] for at in range(0, len(self.hosts), self.concurrency))


def waves_of(hosts: Sequence[Host], given: Sequence[JsonObject], *, path: str, errors: Errors) -> tuple[Wave, ...]:
    """The waves that *given*, a checked list of WAVE_OPTIONS, makes of *hosts*; every host is in exactly one.

    Without any wave each host is one of its own. Names count first: a wave by size, percent (of all hosts, rounded up)
    or rest gets only hosts that no wave names by hosts, groups or labels. What is wrong is noted in *errors*.
    """
    if not given:
        return tuple(Wave(name=host.name, hosts=(host.name,)) for host in hosts)
    kinds = [_kind(wave, path=f"{path}[{number}]", errors=errors) for number, wave in enumerate(given)]
    owner: dict[str, int] = {}
    chosen: list[list[str]] = [[] for _wave in given]
    for number, (wave, kind) in enumerate(zip(given, kinds, strict=True)):
        if kind not in NAMED:
            continue
        place = f"{path}[{number}].{kind}"
        for name in _named(hosts, kind, wave[kind], path=place, errors=errors):
            if name in owner:
                errors.add(place, f"{name} is in {path}[{owner[name]}] already; a cluster is in one wave only")
            else:
                owner[name] = number
                chosen[number].append(name)
    left = [host.name for host in hosts if host.name not in owner]
    for number, (wave, kind) in enumerate(zip(given, kinds, strict=True)):
        if kind in COUNTED:
            count = _count(kind, wave[kind], left=len(left), all_hosts=len(hosts))
            chosen[number], left = left[:count], left[count:]
            if not chosen[number] and errors.is_good(f"{path}[{number}]"):
                errors.add(f"{path}[{number}].{kind}", "no cluster is left for this wave")
    if left and errors.is_good(path):
        errors.add(path, f"no wave has {first_of(left)}; add a wave with rest: true")
    return tuple(
        Wave(
            name=str(wave["name"] or f"wave {number + 1}"),
            hosts=tuple(names),
            concurrency=max(1, wave["concurrency"]),
        )
        for number, (wave, names) in enumerate(zip(given, chosen, strict=True))
    )


def _kind(wave: JsonObject, *, path: str, errors: Errors) -> str:
    """By what a wave selects; empty where that is not clear."""
    if wave["concurrency"] < 1:
        errors.add(f"{path}.concurrency", f"must be at least 1, found {wave['concurrency']}")
    kinds = [name for name in (*NAMED, *COUNTED) if wave[name] is not None]
    if len(kinds) != 1:
        found = f"found {' and '.join(kinds)}" if kinds else "found none of them"
        errors.add(path, f"must have exactly one of {', '.join((*NAMED, *COUNTED))}; {found}")
        return ""
    (kind,) = kinds
    if kind == "rest" and not wave["rest"]:
        errors.add(f"{path}.rest", "must be true, or left out")
    if kind == "size" and wave["size"] < 1:
        errors.add(f"{path}.size", f"must be at least 1, found {wave['size']}")
    if kind == "percent" and not 1 <= wave["percent"] <= 100:
        errors.add(f"{path}.percent", f"must be from 1 to 100, found {wave['percent']}")
    return kind


def _named(hosts: Sequence[Host], kind: str, value: t.Any, *, path: str, errors: Errors) -> list[str]:
    """The names of the hosts that a wave by hosts, groups or labels has, in the order of *hosts*."""
    if not value:
        errors.add(path, "must not be empty")
        return []
    if kind == "labels":
        wanted = {str(name): str(one) for name, one in value.items()}
        found = [host.name for host in hosts if wanted.items() <= host.labels.items()]
        if not found:
            errors.add(path, "no cluster has these labels")
        return found
    known = {host.name for host in hosts} if kind == "hosts" else {group for host in hosts for group in host.groups}
    for index, name in enumerate(value):
        if name not in known:
            what = "no cluster of the fleet has this name" if kind == "hosts" else "no cluster is in this group"
            errors.add(f"{path}[{index}]", f"{name!r}: {what}")
    wanted_names = set(value)
    return [
        host.name
        for host in hosts
        if (host.name in wanted_names if kind == "hosts" else bool(wanted_names & host.groups))
    ]


def _count(kind: str, value: t.Any, *, left: int, all_hosts: int) -> int:
    if kind == "rest":
        return left
    wanted = int(value) if kind == "size" else math.ceil(all_hosts * value / 100)
    return max(0, min(left, wanted))


def run_order(
    waves: Sequence[Wave], *, present: Collection[str], lost: Collection[str] = (), unfinished: Collection[str] = ()
) -> list[JsonObject]:
    """The batches in their order, each with its wave and those of its hosts that are *present* in this run.

    After a wave with a *lost* host, which the run cannot use, only what is *unfinished* from an earlier run follows.
    """
    order = []
    taken = set(present)
    for wave in waves:
        for batch in wave.batches:
            hosts = [name for name in batch if name in taken]
            if hosts:
                order.append({"wave": wave.name, "hosts": hosts})
        if set(lost) & set(wave.hosts):
            taken &= set(unfinished)
    return order


# -- windows -------------------------------------------------------------------------------------------------------


def check_windows(windows: Sequence[JsonObject], *, path: str, errors: Errors) -> None:
    """Note what is wrong with *windows*, a checked list of WINDOW_OPTIONS."""
    for number, window in enumerate(windows):
        for name in ("from", "to"):
            if not _CLOCK.fullmatch(window[name]):
                errors.add(f"{path}[{number}].{name}", f"{window[name]!r} is not a time such as 22:00")
        if window["from"] == window["to"]:
            errors.add(f"{path}[{number}].to", "must differ from the beginning of the window")
        if not window["days"]:
            errors.add(f"{path}[{number}].days", "must name at least one day")


def is_open(windows: Sequence[JsonObject], now: dt.datetime) -> bool:
    """Whether *now*, in UTC, is within one of the checked *windows*; without any it always is.

    A window belongs to the day on which it begins: one from 22:00 to 04:00 ends on the next day.
    """
    return not windows or any(_is_within(window, now) for window in windows)


def _is_within(window: JsonObject, now: dt.datetime) -> bool:
    begin, end = (_minutes(window[name]) for name in ("from", "to"))
    length = (end - begin) % _DAY or _DAY
    for days_ago in (0, 1):
        day = DAYS[(now.weekday() - days_ago) % 7]
        minute = now.hour * 60 + now.minute + days_ago * _DAY
        if day in window["days"] and begin <= minute < begin + length:
            return True
    return False


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
