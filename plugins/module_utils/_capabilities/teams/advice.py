# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What size a team's Prometheus needs, by what was seen of it, with the reasons. Pure.

What was not seen is never taken for zero: a figure that depends on it is left out, and named.
"""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sizes import Size
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.grammar import milliseconds
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.quantities import value_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.load import (
    WORKING_SET,
    WORKING_SET_NOW,
    Observed,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.memory import MODEL, Load, stepped

JsonObject = dict[str, t.Any]

MIB, GIB = 2**20, 2**30
CPU_STEP, CPU_HEADROOM = 0.01, 1.2
# Go collects garbage more often from here on (GOMEMLIMIT is 0.9 of the limit): what it would take without is not seen.
PRESSED = 0.9
# What is proposed is smaller by at least this part, or stays: a little less is not worth a restart.
WORTH_SHRINKING = 0.75
# Seconds after which the head of the default block duration has been compacted for the first time.
WHOLE_HEAD = 3 * 3600
# Without compactions in the time that was looked at (docs/storage.md of Prometheus says 1 to 2).
BYTES_PER_SAMPLE = 2.0
# Data may fill so much of a volume (the same as retention_size: auto).
OF_VOLUME = 0.85
# So many monitors and rules are one step of the weight.
OBJECTS_A_STEP = 10
WEIGHT_MAX = 1000


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What a team's instance should have; a figure is None where it cannot be said. Bytes, and CPUs.

    *size*: the smallest named size that has room for both. *changes* are the options of the team that differ now.
    """

    memory: int | None
    cpu: float | None
    storage: int | None
    size: str | None
    weight: int | None
    changes: JsonObject
    reasons: tuple[str, ...]
    not_observed: t.Mapping[str, str]


def advise(team: Team, seen: Observed, *, sizes: t.Mapping[str, Size], window: float, objects: int | None) -> Advice:
    """The advice for a *team*; *window*: the seconds that were looked at, *objects*: how many monitors and rules."""
    reasons: list[str] = []
    why_not = _why_not_smaller(seen, window=window)
    if why_not:
        reasons.append(f"nothing is proposed that is smaller: {why_not}")
    memory = _memory(team, seen, shrinks=not why_not, reasons=reasons)
    cpu = _cpu(team, seen, shrinks=not why_not, reasons=reasons)
    storage = _storage(team, seen, reasons=reasons)
    weight = _weight(team, objects, reasons=reasons)
    changes = _changes(team, memory=memory, cpu=cpu, storage=storage, weight=weight)
    missing = dict(seen.missing)
    if objects is None:
        missing["objects"] = "monitors and rules could not be listed"
    return Advice(
        memory=memory,
        cpu=cpu,
        storage=storage,
        size=_named(sizes, memory=memory, cpu=cpu),
        weight=weight,
        changes=changes,
        reasons=tuple(reasons),
        not_observed=missing,
    )


def _why_not_smaller(seen: Observed, *, window: float) -> str:
    """Why what was seen is not all that the instance needs; empty where it is."""
    age = seen.values.get("age")
    if age is None:
        return "its last start is not observed"
    if age > window:
        return "its last start is not within the time that was looked at"
    return "" if age >= WHOLE_HEAD else f"it runs for {age / 3600:.1f} h only, and its head is full after 3"


def _memory(team: Team, seen: Observed, *, shrinks: bool, reasons: list[str]) -> int | None:
    now = int(value_of(team.prometheus.resources.memory))
    load = load_of(seen)
    found: dict[str, float] = {}
    if load is not None:
        found["model"] = MODEL.peak(load)
        reasons.append(
            f"memory: {load.series:,.0f} series and {load.samples_per_second:,.0f} samples a second take "
            f"{_mib(found['model'])} at most, by the model"
        )
    if WORKING_SET_NOW in seen.values:
        found[WORKING_SET_NOW] = seen.values[WORKING_SET_NOW]
        reasons.append(f"memory: its working set is {_mib(found[WORKING_SET_NOW])} now, by metrics.k8s.io")
    name = WORKING_SET if WORKING_SET in seen.values else "resident"
    what = "working set" if name == WORKING_SET else "resident memory (its working set is not observed)"
    if name in seen.values:
        found[name] = seen.values[name]
        reasons.append(f"memory: its {what} was {_mib(found[name])} at most; its limit is {_mib(now)}")
    if not found:
        reasons.append("memory: neither its load nor its memory is observed")
        return None
    # Resident memory has the program's pages, the others have not.
    resident = stepped(MODEL.headroom * found.get("resident", 0.0))
    need = max(resident, *(MODEL.limit_for(value) for kind, value in found.items() if kind != "resident"), 0)
    pressed = max(found.get(name, 0.0), found.get(WORKING_SET_NOW, 0.0)) >= PRESSED * now
    if pressed:
        reasons.append("memory: it was near its limit, and what it would take without one is not observed")
    if "replay" in seen.values:
        reasons.append(f"start: it replayed its WAL in {seen.values['replay']:.0f} s")
    if need >= now:
        return need
    if not shrinks or pressed or name not in found or need > WORTH_SHRINKING * now:
        return now
    return need


def load_of(seen: Observed) -> Load | None:
    """What the model needs; None where it is not observed."""
    if not {"series", "samples"} <= seen.values.keys():
        return None
    return Load(series=seen.values["series"], samples_per_second=seen.values["samples"])


def _cpu(team: Team, seen: Observed, *, shrinks: bool, reasons: list[str]) -> float | None:
    if "cpu" not in seen.values:
        reasons.append("cpu: not observed")
        return None
    now = float(value_of(team.prometheus.resources.cpu))
    need = max(math.ceil(round(CPU_HEADROOM * seen.values["cpu"] / CPU_STEP, 6)), 1) * CPU_STEP
    reasons.append(f"cpu: it took {seen.values['cpu']:.3f} CPUs at most over 5 minutes; it asks for {now:g}")
    if need < now and (not shrinks or need > WORTH_SHRINKING * now):
        return now
    return round(need, 3)


def _storage(team: Team, seen: Observed, *, reasons: list[str]) -> int | None:
    part = team.prometheus
    if part.storage is None:
        return None
    now = int(value_of(part.storage.size))
    missing = [name for name in ("samples", "wal") if name not in seen.values]
    if missing:
        reasons.append(f"storage: {' and '.join(missing)} not observed")
        return None
    each = seen.values.get("bytes_per_sample", BYTES_PER_SAMPLE)
    told = "" if "bytes_per_sample" in seen.values else " (not observed: the upper figure of Prometheus' documentation)"
    kept = (milliseconds(part.retention) or 0) / 1000 * seen.values["samples"] * each
    need = math.ceil((kept + seen.values["wal"]) / OF_VOLUME / GIB) * GIB
    reasons.append(
        f"storage: {part.retention} of {seen.values['samples']:,.0f} samples a second with {each:.1f} bytes each{told} "
        f"and {_mib(seen.values['wal'])} of WAL take {OF_VOLUME:.0%} of {need // GIB} GiB; volumes cannot shrink"
    )
    return max(need, now)


def _weight(team: Team, objects: int | None, *, reasons: list[str]) -> int | None:
    if objects is None:
        return None
    weight = min(max(math.ceil(objects / OBJECTS_A_STEP), 1), WEIGHT_MAX)
    reasons.append(f"weight: {objects} monitors and rules, one for each {OBJECTS_A_STEP}; it has {team.weight}")
    return weight


def _named(sizes: t.Mapping[str, Size], *, memory: int | None, cpu: float | None) -> str | None:
    if memory is None:
        return None
    found = [
        (value_of(size.prometheus.resources.memory), value_of(size.prometheus.resources.cpu), name)
        for name, size in sizes.items()
        if value_of(size.prometheus.resources.memory) >= memory
        and value_of(size.prometheus.resources.cpu) >= (cpu or 0)
    ]
    return min(found)[2] if found else None


def _changes(
    team: Team, *, memory: int | None, cpu: float | None, storage: int | None, weight: int | None
) -> JsonObject:
    """What differs, in the form of the team's options."""
    part = team.prometheus
    resources: JsonObject = {}
    if memory is not None and memory != value_of(part.resources.memory):
        resources["memory"] = f"{memory // MIB}Mi"
    if cpu is not None and not math.isclose(cpu, float(value_of(part.resources.cpu))):
        resources["cpu"] = f"{cpu * 1000:.0f}m"
    found: JsonObject = {"resources": resources} if resources else {}
    if storage is not None and part.storage is not None and storage > value_of(part.storage.size):
        found["storage"] = {
            "size": f"{storage // GIB}Gi",
            **({"class": part.storage.storage_class} if part.storage.storage_class else {}),
        }
    changes: JsonObject = {"prometheus": found} if found else {}
    if weight is not None and weight != team.weight:
        changes["weight"] = weight
    return changes


def savings(seen: Observed) -> list[JsonObject]:
    """The metrics with the most series, and the memory of each that dropping it would save; without a load unknown."""
    load = load_of(seen)
    each = None
    if load is not None and load.series:
        each = MODEL.per_series + MODEL.per_sample * load.samples_per_second / load.series
    return [
        {
            "name": name,
            "series": number,
            **(
                {}
                if each is None or load is None
                else {
                    "memory": round(each * number),
                    "share": round(number / load.series, 4),
                }
            ),
        }
        for name, number in seen.metrics
    ]


def _mib(number: float) -> str:
    return f"{number / MIB:,.0f} MiB"
