"""Goals, figures and ratios of a run, as a table for people and as JSON. Pure."""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One goal: *value* must not be above *limit*; *shown* tells where the value comes from."""

    work: str
    limit: float
    value: float
    shown: str

    @property
    def met(self) -> bool:
        """Whether the goal was reached."""
        return self.value <= self.limit

    def as_json(self) -> JsonObject:
        """For build/bench.json."""
        value = {"value": round(self.value, 3), "limit": round(self.limit, 3), "met": self.met}
        return {"work": self.work, **value, "shown": self.shown}


def _median(facts: JsonObject, name: str) -> float:
    return float(facts[name]["median"])


def _net(facts: JsonObject, name: str) -> float:
    return _median(facts, name) - _median(facts, "floor")


def _ratio(work: str, limit: float, ours: tuple[str, float], other: tuple[str, float]) -> Row:
    shown = f"{ours[0]} {ours[1]:.2f} s / {other[0]} {other[1]:.2f} s"
    return Row(work=work, limit=limit, value=ours[1] / other[1], shown=shown)


def fleet_rows(facts: JsonObject) -> list[Row]:
    """The goals of one size of fleet."""
    size = f"{facts['objects']} objects"
    unchanged = ("ours", _median(facts, "unchanged"))
    lists = [count for name, count in facts["requests"].items() if name.startswith("LIST")]
    single = sum(count for name, count in facts["requests"].items() if name.split()[0] in ("PATCH", "APPLY", "POST"))
    pages = 1 + math.ceil(facts["objects"] / 5000)
    shown = ", ".join(f"{name} {count:g}" for name, count in facts["requests"].items())
    return [
        _ratio(
            f"{size}, no change, against a module that does nothing", 1.5, unchanged, ("floor", _median(facts, "floor"))
        ),
        _ratio(
            f"{size}, no change, against kubectl", 1 / 6, unchanged, ("kubectl", _median(facts, "kubectl_unchanged"))
        ),
        _ratio(
            f"{size}, first creation, against kubectl",
            0.8,
            ("ours", _median(facts, "create")),
            ("kubectl", _median(facts, "kubectl_create")),
        ),
        _ratio(
            f"one team of {facts['teams']} changed, against no change",
            1.2,
            ("ours", _median(facts, "one_changed")),
            ("no change", unchanged[1]),
        ),
        Row(work=f"{size}, no change: LISTs of one kind", limit=pages, value=max(lists, default=0), shown=shown),
        Row(work=f"{size}, no change: writes", limit=0, value=single, shown="PATCH, APPLY and POST requests"),
        Row(
            work=f"{size}: memory of the module (MiB)",
            limit=300,
            value=facts["peak_mib"]["module"],
            shown=f"ansible-playbook {facts['peak_mib']['ansible']:.0f} MiB",
        ),
    ]


def clusters_row(facts: JsonObject) -> Row:
    """The goal for many clusters at once: the same memory for each of them."""
    return Row(
        work=f"memory of each module with {facts['clusters']} clusters at a time (MiB)",
        limit=300,
        value=facts["peak_mib"]["module"],
        shown=f"ansible-playbook {facts['peak_mib']['ansible']:.0f} MiB",
    )


def growth_rows(small: JsonObject, large: JsonObject) -> list[Row]:
    """Ten times the teams: what is ours (net of the floor) may grow to twelve times."""
    factor = large["teams"] / small["teams"]
    rows = []
    for name in ("unchanged", "create", "one_changed"):
        ours = (f"{large['teams']} teams net", _net(large, name))
        other = (f"{small['teams']} teams net", max(_net(small, name), 0.01))
        rows.append(
            _ratio(f"growth from {small['teams']} to {large['teams']} teams: {name}", 1.2 * factor, ours, other)
        )
    return rows


def core_rows(core: JsonObject, sizes: dict[int, JsonObject]) -> list[Row]:
    """Against kubernetes.core where the same number of teams was measured."""
    rows = []
    for name, facts in core.items():
        ours = sizes.get(facts["teams"])
        if ours is None:
            continue
        for work in ("create", "unchanged"):
            label = f"{facts['objects']} objects, {work}, against kubernetes.core ({name})"
            rows.append(_ratio(label, 1.0, ("ours", _median(ours, work)), ("kubernetes.core", _median(facts, work))))
    return rows


def table(rows: list[Row]) -> str:
    """The rows for people."""
    width = max(len(row.work) for row in rows)
    lines = [f"{'work':<{width}}  {'goal':>8}  {'found':>8}"]
    lines += [
        f"{row.work:<{width}}  {row.limit:>8.3g}  {row.value:>8.3g}  {'met' if row.met else 'NOT MET':<7}  {row.shown}"
        for row in rows
    ]
    return "\n".join(lines)
