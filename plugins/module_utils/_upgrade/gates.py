# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gates of an upgrade: what was seen before is compared with what is seen after. Pure.

Targets, rules, alerts and samples are known by their labels without those that a new pod changes (`volatile`). Many may
then be the same: they are counted.
"""

from __future__ import annotations

import itertools
import re
import typing as t
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.grammar import duration, milliseconds

JsonObject = dict[str, t.Any]
Labels = Mapping[str, str]

FORMAT = 1
SLI_OPTIONS: JsonObject = {
    "name": {"type": "str", "required": True},
    "query": {"type": "str", "required": True},
    "team": {"type": "str"},
    "window": {"type": "str"},
    "tolerance": {"type": "float", "default": 0.01},
    "absolute": {"type": "float", "default": 0.0},
}
TARGETS, RULES, SERIES, ALERTS, SLIS, CONTINUITY, READY, FINDINGS, RUN = GATES = (
    "targets",
    "rules",
    "series",
    "alerts",
    "slis",
    "continuity",
    "ready",
    "findings",
    "run",
)
KNOWN_OPTIONS: JsonObject = {
    "gate": {"type": "str", "required": True, "choices": list(GATES)},
    "match": {"type": "str", "required": True},
    "place": {"type": "str", "default": ""},
}
NO_DATA = "no data"
# The upgrade replaces these programs; their own series change with their releases.
_OWN_SERIES = re.compile(
    r"^(alertmanager|go|kube_rbac_proxy|net_conntrack|process|prober|prometheus|promhttp|reloader)_"
)
# A gap in the samples of a target may be this many scrape intervals long.
INTERVALS = 2.0
# A scrape is at its time to within this part of its interval; Prometheus aligns timestamps too.
_SLACK = 0.1


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A gate that failed: which *item* of which *place* differs, as it was *before* and *after*."""

    gate: str
    place: str
    item: str
    before: str
    after: str

    def result(self) -> JsonObject:
        """The fault as plain data."""
        return {
            "gate": self.gate,
            "place": self.place,
            "item": self.item,
            "before": self.before,
            "after": self.after,
        }


@dataclass(frozen=True, kw_only=True)
class Sli:
    """A named value: *query* is asked of the instance of *team*, averaged over *window* where there is one.

    *tolerance*: by which part of the value before it may differ; *absolute*: by how much it may differ in any case.
    """

    name: str
    query: str
    team: str
    window: str = ""
    tolerance: float = 0.01
    absolute: float = 0.0

    @property
    def expression(self) -> str:
        """What is asked."""
        return f"avg_over_time(({self.query})[{self.window}:])" if self.window else self.query


@dataclass(frozen=True, kw_only=True)
class Known:
    """A change that is expected: faults of *gate* whose item *match* finds, and whose place *place* finds."""

    gate: str
    match: re.Pattern[str]
    place: re.Pattern[str]

    def covers(self, fault: Fault) -> bool:
        """Whether the fault is this change."""
        return self.gate == fault.gate and bool(self.match.search(fault.item)) and bool(self.place.search(fault.place))


@dataclass(frozen=True, kw_only=True)
class Instance:
    """What one Prometheus says: by item how many there are, and how many of them are well.

    *unread*: why a part could not be read, by its gate. *at*: its clock, in seconds. *intervals*: the scrape interval
    of each target by its labels, in seconds.
    """

    at: float = 0.0
    intervals: Mapping[str, float] = field(default_factory=dict)
    targets: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    rules: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    series: tuple[str, ...] = ()
    firing: Mapping[str, int] = field(default_factory=dict)
    pending: Mapping[str, int] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)

    def result(self) -> JsonObject:
        """As plain data."""
        return {
            "at": self.at,
            "intervals": dict(self.intervals),
            "targets": {name: list(pair) for name, pair in self.targets.items()},
            "rules": {name: list(pair) for name, pair in self.rules.items()},
            "series": list(self.series),
            "firing": dict(self.firing),
            "pending": dict(self.pending),
            "unread": dict(self.unread),
        }


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen of a cluster at one time. *slis*: values, or why there is none; *unready*: by object the reason.

    *findings*: messages by fingerprint. *gaps*: where the samples of targets have gaps, by instance.
    """

    instances: Mapping[str, Instance] = field(default_factory=dict)
    slis: Mapping[str, float | str] = field(default_factory=dict)
    unready: Mapping[str, str] = field(default_factory=dict)
    findings: Mapping[str, str] = field(default_factory=dict)
    gaps: Mapping[str, Sequence[Gap]] = field(default_factory=dict)

    def result(self) -> JsonObject:
        """As plain data, for the file of a record; gaps are only of the time after."""
        return {
            "format": FORMAT,
            "instances": {name: one.result() for name, one in self.instances.items()},
            "slis": dict(self.slis),
            "unready": dict(self.unready),
            "findings": dict(self.findings),
        }


def seen_of(data: JsonObject) -> Seen:
    """The same from plain data; raises KeyError, TypeError or ValueError for other data."""
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']!r} is not {FORMAT}")
    return Seen(
        instances={
            name: Instance(
                at=float(one["at"]),
                intervals={key: float(value) for key, value in one["intervals"].items()},
                targets={key: (int(up), int(number)) for key, (up, number) in one["targets"].items()},
                rules={key: (int(good), int(number)) for key, (good, number) in one["rules"].items()},
                series=tuple(one["series"]),
                firing=one["firing"],
                pending=one["pending"],
                unread=one["unread"],
            )
            for name, one in data["instances"].items()
        },
        slis=data["slis"],
        unready=data["unready"],
        findings=data["findings"],
    )


# -- what Prometheus answers ---------------------------------------------------------------------------------------


def identity(labels: Labels, *, volatile: Collection[str], first: str = "") -> str:
    """Labels as text, without those that a new pod changes."""
    kept = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if name not in volatile)
    return f"{first}{{{kept}}}"


def targets_of(targets: Iterable[JsonObject], *, volatile: Collection[str]) -> dict[str, tuple[int, int]]:
    """The active targets of ``/api/v1/targets``: how many are up, and how many there are."""
    return _counted(
        (identity(one["labels"], volatile=volatile, first=str(one.get("scrapePool", ""))), one.get("health") == "up")
        for one in targets
    )


def intervals_of(targets: Iterable[JsonObject], *, volatile: Collection[str]) -> dict[str, float]:
    """The scrape interval of each active target, in seconds; of several with the same labels the longest."""
    found: dict[str, float] = {}
    for one in targets:
        item = identity(one["labels"], volatile=volatile)
        seconds = (milliseconds(str(one.get("scrapeInterval") or "")) or 0) / 1000
        found[item] = max(seconds, found.get(item, 0.0))
    return dict(sorted(found.items()))


def rules_of(groups: Iterable[JsonObject]) -> dict[str, tuple[int, int]]:
    """The rules of ``/api/v1/rules``: how many are healthy, and how many there are."""
    return _counted(
        (f"{group['name']}/{rule['name']}", rule.get("health") == "ok") for group in groups for rule in group["rules"]
    )


def alerts_of(groups: Iterable[JsonObject], *, state: str, volatile: Collection[str]) -> dict[str, int]:
    """The alerts of ``/api/v1/rules`` that are in a *state*, ``firing`` or ``pending``."""
    counted = _counted(
        (identity(alert["labels"], volatile=volatile), True)
        for group in groups
        for rule in group["rules"]
        for alert in rule.get("alerts") or ()
        if alert.get("state") == state
    )
    return {name: number for name, (_well, number) in counted.items()}


def _counted(items: Iterable[tuple[str, bool]]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for name, is_well in items:
        well, number = found.get(name, (0, 0))
        found[name] = (well + is_well, number + 1)
    return dict(sorted(found.items()))


# -- continuity ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The longest time without a sample of a target, in seconds, and how long it may be."""

    item: str
    seconds: float
    most: float


def gaps_of(
    rows: Iterable[JsonObject],
    *,
    began: float,
    now: float,
    intervals: Mapping[str, float],
    volatile: Collection[str],
    restarted: float | None = None,
) -> list[Gap]:
    """The longest gap of each target in *intervals*, from *began* to *now*, in the rows of ``up[...]``.

    *intervals*: of each target that was there before its scrape interval in seconds, by its labels (`identity`). A
    series over all this time is judged by itself. Those of pods that were replaced continue each other, and may have a
    gap that is one interval longer. *restarted*: when an instance that lost its samples came back; what was before is
    not counted then.
    """
    by_item: dict[str, list[list[float]]] = {}
    for row in rows:
        labels = {name: value for name, value in row["metric"].items() if name != "__name__"}
        item = identity(labels, volatile=volatile)
        if item in intervals:
            by_item.setdefault(item, []).append([float(time) for time, _value in row["values"]])
    begin = began if restarted is None else restarted
    found = []
    for item, interval in sorted(intervals.items()):
        most = INTERVALS * interval
        series = [[time for time in times if time >= begin - most] for times in by_item.get(item, ())]
        whole = [times for times in series if times and times[0] <= begin + most and times[-1] >= now - most]
        # Without one over all this time, pods were replaced: their series continue each other.
        lines = whole or [sorted(time for times in series for time in times)]
        seconds = max(_longest(times, begin=begin, now=now) for times in lines)
        # When in its interval a target is scraped follows from its labels. That of a new pod has others.
        replaced = not whole and sum(map(bool, series)) > 1
        found.append(Gap(item=item, seconds=round(seconds, 1), most=most + interval * replaced))
    return found


def _longest(times: Sequence[float], *, begin: float, now: float) -> float:
    points = [begin, *(time for time in times if time > begin), now]
    return max(later - earlier for earlier, later in itertools.pairwise(points))


# -- judging -------------------------------------------------------------------------------------------------------


def unmeasured(before: Seen) -> list[Fault]:
    """The gates that cannot be judged, because there was nothing to read before."""
    faults = [
        Fault(gate=gate, place=place, item=gate, before=f"{NO_DATA}: {why}", after="")
        for place, one in before.instances.items()
        for gate, why in one.unread.items()
    ]
    return faults + [
        Fault(gate=SLIS, place="", item=name, before=f"{NO_DATA}: {value}", after="")
        for name, value in before.slis.items()
        if isinstance(value, str)
    ]


def faults_of(before: Seen, after: Seen, *, slis: Sequence[Sli] = (), known: Sequence[Known] = ()) -> list[Fault]:
    """What failed of all gates. Of what is new only alerts that fire and findings count."""
    found: list[Fault] = []
    for place, old in before.instances.items():
        new = after.instances.get(place)
        if new is None:
            found.append(Fault(gate=TARGETS, place=place, item="instance", before="there", after="gone"))
            continue
        found += _of_instance(place, old, new)
    for place, gaps in after.gaps.items():
        found += [
            Fault(
                gate=CONTINUITY,
                place=place,
                item=gap.item,
                before=f"at most {gap.most:g} s without a sample",
                after=f"{gap.seconds:g} s without a sample",
            )
            for gap in gaps
            if gap.seconds > gap.most * (1 + _SLACK / INTERVALS)
        ]
    found += [fault for sli in slis for fault in _of_sli(sli, before.slis.get(sli.name), after.slis.get(sli.name))]
    found += [
        Fault(gate=READY, place=place, item=place, before="ready, or not there", after=why)
        for place, why in after.unready.items()
        if not before.unready.get(place)
    ]
    found += [
        Fault(gate=FINDINGS, place="", item=message, before="not found", after="found")
        for fingerprint, message in after.findings.items()
        if fingerprint not in before.findings
    ]
    return [fault for fault in found if not any(one.covers(fault) for one in known)]


def known_of(given: Sequence[JsonObject], *, path: str, errors: Errors) -> tuple[Known, ...]:
    """The expected changes that *given*, a checked list of KNOWN_OPTIONS, names; what is wrong is noted in *errors*."""
    found = []
    for number, one in enumerate(given):
        patterns = {}
        for name in ("match", "place"):
            try:
                patterns[name] = re.compile(one[name])
            except re.error as error:
                errors.add(f"{path}[{number}].{name}", f"is not a regular expression: {error}")
        if len(patterns) == 2:
            found.append(Known(gate=one["gate"], match=patterns["match"], place=patterns["place"]))
    return tuple(found)


def slis_of(
    given: Sequence[JsonObject], *, team: str, check: t.Callable[[str], str | None], path: str, errors: Errors
) -> tuple[Sli, ...]:
    """The SLIs that *given*, a checked list of SLI_OPTIONS, names, by default of *team*.

    *check* says what is wrong with a query, None for nothing.
    """
    names: set[str] = set()
    found = []
    for number, one in enumerate(given):
        place = f"{path}[{number}]"
        problem = check(one["query"])
        if problem is not None:
            errors.add(f"{place}.query", problem)
        if one["window"] and (wrong := duration(one["window"])) is not None:
            errors.add(f"{place}.window", wrong)
        if one["name"] in names:
            errors.add(f"{place}.name", f"{one['name']!r} is the name of an earlier entry")
        names.add(one["name"])
        for name in ("tolerance", "absolute"):
            # Not a number is less than nothing, too.
            if not one[name] >= 0:
                errors.add(f"{place}.{name}", f"must not be negative, found {one[name]:g}")
        found.append(
            Sli(
                name=one["name"],
                query=one["query"],
                team=one["team"] or team,
                window=one["window"] or "",
                tolerance=one["tolerance"],
                absolute=one["absolute"],
            )
        )
    return tuple(found)


def _of_instance(place: str, old: Instance, new: Instance) -> Iterable[Fault]:
    for gate, why in new.unread.items():
        yield Fault(gate=gate, place=place, item=gate, before="read", after=f"{NO_DATA}: {why}")
    counted = ((TARGETS, old.targets, new.targets, "up"), (RULES, old.rules, new.rules, "healthy"))
    for gate, ones, others, word in counted:
        if gate in new.unread:
            continue
        for item, (well, number) in ones.items():
            well_now, number_now = others.get(item, (0, 0))
            if well_now < well or number_now < number:
                yield Fault(
                    gate=gate,
                    place=place,
                    item=item,
                    before=f"{well} of {number} {word}",
                    after=f"{well_now} of {number_now} {word}" if number_now else "gone",
                )
    if SERIES not in new.unread:
        there = set(new.series)
        for name in old.series:
            if name not in there and not _OWN_SERIES.match(name):
                yield Fault(gate=SERIES, place=place, item=name, before="there", after="gone")
    if ALERTS not in new.unread:
        yield from _of_alerts(place, old, new)


def _of_alerts(place: str, old: Instance, new: Instance) -> Iterable[Fault]:
    for item in sorted({*old.firing, *new.firing}):
        before, after = old.firing.get(item, 0), new.firing.get(item, 0)
        # After a restart an alert waits for its time again.
        if after > before or after + new.pending.get(item, 0) < before:
            yield Fault(gate=ALERTS, place=place, item=item, before=f"{before} firing", after=f"{after} firing")


def _of_sli(sli: Sli, before: float | str | None, after: float | str | None) -> Iterable[Fault]:
    def told(value: float | str | None) -> str:
        return f"{value:g}" if isinstance(value, float | int) else f"{NO_DATA}: {value or 'not asked'}"

    if isinstance(before, float | int) and isinstance(after, float | int):
        # Not a number is never within.
        if abs(after - before) <= max(sli.tolerance * abs(before), sli.absolute):
            return
        allowed = f" (tolerance {sli.tolerance:g}, absolute {sli.absolute:g})"
        yield Fault(gate=SLIS, place=sli.team, item=sli.name, before=told(before) + allowed, after=told(after))
        return
    yield Fault(gate=SLIS, place=sli.team, item=sli.name, before=told(before), after=told(after))
