# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two reports of one cluster compared by fingerprint: what is new, gone, still there, or not known this time. Pure.

Both are plain data, the form of docs/findings.schema.json. A finding is gone only if the later run made one of the
checks that had found it: what was not looked at, or could not be observed, is not known.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.catalogue import CODES, SEVERITIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.render import SCHEMA_VERSION
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import SUPPRESSION_CHECK
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

JsonObject = dict[str, t.Any]
Link: t.TypeAlias = "tuple[str, str]"

# How a comparison groups findings, in the order in which people read them, each with its words.
GROUPS = {"new": "new", "gone": "gone", "still": "still there", "unknown": "not known this time"}
# So many problems of one file are named.
_NAMED = 5
# Of a finding that is still there these may differ.
_MAY_CHANGE = ("severity", "message", "suppressed")
_KEPT = ("code", "severity", "observed", "object", "message", "fingerprint")
_TYPES: tuple[tuple[str, type], ...] = (
    ("cluster", str), ("cluster_uid", str), ("findings", list), ("suppressed", list), ("checks", list)
)  # fmt: skip
_FINDING_TYPES: tuple[tuple[str, type], ...] = (
    ("code", str), ("severity", str), ("observed", bool), ("object", dict), ("message", str), ("fingerprint", str)
)  # fmt: skip
_CHECK_TYPES: tuple[tuple[str, type], ...] = (
    ("check", str), ("object", str), ("ok", bool), ("code", str), ("fingerprint", str)
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """A report that was read again, from *place*."""

    place: str
    data: JsonObject

    @property
    def cluster(self) -> str:
        """The cluster's name."""
        return str(self.data["cluster"])


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The findings of two reports by GROUPS, each as plain data, the worst first."""

    groups: t.Mapping[str, tuple[JsonObject, ...]] = field(default_factory=lambda: dict.fromkeys(GROUPS, ()))

    @property
    def summary(self) -> dict[str, int]:
        """How many findings each group has; *changed* are those of the ones still there that differ."""
        counts = {name: len(self.groups[name]) for name in GROUPS}
        return {**counts, "changed": sum(bool(one["changed"]) for one in self.groups["still"])}

    @property
    def headline(self) -> str:
        """``2 new, 1 gone, 3 still there``, and what is not known if there is something."""
        counts = self.summary
        told = [f"{counts[name]} {words}" for name, words in GROUPS.items() if counts[name] or name != "unknown"]
        return ", ".join(told) + (f"; {counts['changed']} of those still there changed" if counts["changed"] else "")

    def together_with(self, other: Comparison) -> Comparison:
        """Both, as one."""
        return Comparison(groups={name: _sorted([*self.groups[name], *other.groups[name]]) for name in GROUPS})


def parse_report(raw: object, *, place: str) -> Earlier:
    """A report that a run wrote to *place*; raises InputError with that place for what is none of this release."""
    if not isinstance(raw, dict) or "schema_version" not in raw:
        raise InputError(place, "is not a report of findings: it has no schema_version")
    if raw["schema_version"] != SCHEMA_VERSION:
        version = raw["schema_version"]
        raise InputError(
            f"{place}: schema_version", f"is {version!r}, and this release reads {SCHEMA_VERSION}: make a new report"
        )
    wrong = list(_wrong(raw, _TYPES, ""))
    for name, types in (("findings", _FINDING_TYPES), ("suppressed", _FINDING_TYPES), ("checks", _CHECK_TYPES)):
        for number, item in enumerate(raw[name] if isinstance(raw.get(name), list) else ()):
            wrong += _wrong(item, types, f"{name}[{number}].")
    if wrong:
        raise InputError(place, f"is not a report of findings: {first_of(wrong, _NAMED, separator='; ')}")
    return Earlier(place=place, data=raw)


def _wrong(item: object, types: t.Sequence[tuple[str, type]], above: str) -> t.Iterator[str]:
    if not isinstance(item, dict):
        yield f"{above.removesuffix('.')} is not a mapping"
        return
    for name, kind in types:
        if not isinstance(item.get(name), kind):
            yield f"{above}{name} is {'missing' if name not in item else f'not of the type {kind.__name__}'}"


def not_comparable(before: JsonObject, after: JsonObject) -> str:
    """Why two reports of clusters with one name say nothing about each other; empty where they do."""
    old, now = before["cluster_uid"], after["cluster_uid"]
    if not old or not now or old == now:
        return ""
    return (
        f"is about another cluster with the name {before['cluster']!r}, of another fleet or before it was made again: "
        f"the UID of its namespace kube-system is {old}, not {now}"
    )


def compare(before: JsonObject, after: JsonObject) -> Comparison:
    """What became of the findings of *before* in *after*, two reports of one cluster."""
    old, now = _Side(before), _Side(after)
    groups: dict[str, list[JsonObject]] = {name: [] for name in GROUPS}
    for fingerprint, one in now.findings.items():
        if fingerprint in old.seen:
            groups["still"].append({**one, "changed": _changed(old.findings.get(fingerprint), one)})
        else:
            groups["new"].append({**one, "checked_before": old.has_made(now.links.get(fingerprint, ()))})
    for fingerprint, one in old.findings.items():
        if fingerprint in now.findings:
            continue
        if fingerprint in now.seen:
            # It is below the threshold of what the later run shows.
            groups["still"].append({**one, "changed": {}})
        else:
            groups["gone" if now.has_made(old.links.get(fingerprint, ())) else "unknown"].append(one)
    return Comparison(groups={name: _sorted(found) for name, found in groups.items()})


def all_unknown(before: JsonObject) -> Comparison:
    """What is known of the findings of *before* where the later run did not look at the cluster: nothing."""
    found = _sorted(_Side(before).findings.values())
    return Comparison(groups={**Comparison().groups, "unknown": found})


def all_new(after: JsonObject) -> Comparison:
    """The findings of *after* where the earlier run did not look at the cluster."""
    found = _sorted({**one, "checked_before": False} for one in _Side(after).findings.values())
    return Comparison(groups={**Comparison().groups, "new": found})


class _Side:
    """One report by fingerprints: its findings, the checks that found them, and the checks that were made."""

    def __init__(self, data: JsonObject) -> None:
        self.findings = {
            one["fingerprint"]: {**{name: one[name] for name in _KEPT}, "suppressed": is_suppressed}
            for name, is_suppressed in (("findings", False), ("suppressed", True))
            for one in data[name]
        }
        self.links: dict[str, set[Link]] = {}
        self._made: set[Link] = set()
        for one in data["checks"]:
            link = (one["check"], one["object"])
            if one["fingerprint"]:
                self.links.setdefault(one["fingerprint"], set()).add(link)
            code = CODES.get(one["code"])
            if one["ok"] or code is None or code.observed:
                self._made.add(link)
        # Checks know findings that are below the threshold, too.
        self.seen = self.findings.keys() | self.links.keys()

    def has_made(self, links: t.Collection[Link]) -> bool:
        """Whether one of these checks was made. Suppressions are looked at in each run."""
        return any(link in self._made or link[0] == SUPPRESSION_CHECK for link in links)


def _changed(before: JsonObject | None, after: JsonObject) -> JsonObject:
    """What differs of a finding that is still there; nothing where the earlier report did not show it."""
    if before is None:
        return {}
    return {name: {"before": before[name], "after": after[name]} for name in _MAY_CHANGE if before[name] != after[name]}


def _sorted(found: t.Iterable[JsonObject]) -> tuple[JsonObject, ...]:
    def rank(one: JsonObject) -> tuple[t.Any, ...]:
        # A later release may know more severities.
        severity = SEVERITIES.index(one["severity"]) if one["severity"] in SEVERITIES else len(SEVERITIES)
        return -severity, one["code"], sorted(one["object"].items()), one["fingerprint"]

    return tuple(sorted(found, key=rank))
