# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The finding: one fault of one object, with what was seen, the cause, and the fix. Pure."""

from __future__ import annotations

import functools
import hashlib
import json
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.catalogue import CODES, SEVERITIES, Code
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.secrecy import safe_text

JsonObject = dict[str, t.Any]
Evidence: t.TypeAlias = "str | int | float | tuple[str, ...]"


@dataclass(frozen=True, kw_only=True, order=True)
class Subject:
    """What a finding is about: an object of a *cluster*. What has no namespace has an empty one."""

    cluster: str
    kind: str
    namespace: str = ""
    name: str

    def __str__(self) -> str:
        """``edge/Prometheus/monitoring-pay/pay``, the form that suppressions match."""
        return "/".join(part for part in (self.cluster, self.kind, self.namespace, self.name) if part)

    def result(self) -> JsonObject:
        """The object as plain data."""
        return {"cluster": self.cluster, "kind": self.kind, "namespace": self.namespace, "name": self.name}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One fault. Made by `found`, so that its evidence is what its code says.

    *caused_by*: fingerprints of the findings that make this one happen; empty for a root. *passing*: all of them only
    inform, so this one will pass with them.
    """

    code: str
    object: Subject
    evidence: t.Mapping[str, Evidence] = field(default_factory=dict)
    caused_by: tuple[str, ...] = ()
    passing: bool = False

    @property
    def entry(self) -> Code:
        """What the catalogue says about its code."""
        return CODES[self.code]

    @property
    def severity(self) -> str:
        """``info``, ``warning`` or ``error``. What follows from findings that only inform does so, too."""
        return SEVERITIES[0] if self.passing else self.entry.severity

    @property
    def observed(self) -> bool:
        """Whether a fault was seen; False if something could not be observed."""
        return self.entry.observed

    @property
    def message(self) -> str:
        """What was found, as one sentence."""
        return self.entry.says.format(**{name: _shown(value) for name, value in self.evidence.items()})

    @property
    def fix(self) -> str:
        """What to do."""
        evidence = {name: _shown(value) for name, value in self.evidence.items()}
        return self.entry.fix.format(**{**evidence, **self.object.result()})

    @functools.cached_property
    def fingerprint(self) -> str:
        """The same in each run for the same fault: made of code, object and identity, never of counters and times."""
        identity = [_plain(self.evidence[name]) for name in self.entry.identity]
        text = json.dumps([self.code, *self.object.result().values(), *identity])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def result(self) -> JsonObject:
        """The finding as plain data, the form of docs/findings.schema.json."""
        return {
            "code": self.code,
            "severity": self.severity,
            "observed": self.observed,
            "title": self.entry.title,
            "object": self.object.result(),
            "message": self.message,
            "evidence": {name: _plain(value) for name, value in self.evidence.items()},
            "cause": self.entry.meaning,
            "fix": self.fix,
            "fingerprint": self.fingerprint,
            "caused_by": list(self.caused_by),
            "documentation": self.entry.documentation,
        }


def found(code: str, obj: Subject, **evidence: Evidence) -> Finding:
    """A finding of *code* about *obj*; the evidence is exactly the fields of the code's sentence (else ValueError)."""
    if evidence.keys() != CODES[code].fields:
        raise ValueError(f"{code} has the evidence {sorted(CODES[code].fields)}, not {sorted(evidence)}")
    return Finding(code=code, object=obj, evidence={name: _safe(value) for name, value in evidence.items()})


def _safe(value: Evidence) -> Evidence:
    """Evidence often repeats what servers said, which may hold an address with a password."""
    if isinstance(value, tuple):
        return tuple(map(safe_text, value))
    return safe_text(value) if isinstance(value, str) else value


def reaches(finding: Finding, threshold: str) -> bool:
    """Whether its severity is *threshold* or worse."""
    return SEVERITIES.index(finding.severity) >= SEVERITIES.index(threshold)


def by_root(findings: t.Iterable[Finding]) -> list[tuple[Finding, list[Finding]]]:
    """Each fault once: the roots, that with the worst result first, each with what it causes.

    A cause that is not in the list (suppressed, or below a threshold) leaves its consequence a root of the list.
    """
    by_print = {finding.fingerprint: finding for finding in findings}
    ranked = sorted(
        by_print.values(), key=lambda one: (-SEVERITIES.index(one.severity), one.code, one.object, one.fingerprint)
    )
    groups: dict[str, tuple[Finding, list[Finding]]] = {}
    followers: list[tuple[str, Finding]] = []
    for finding in ranked:
        cause = next((cause for cause in finding.caused_by if cause in by_print), None)
        if cause is None:
            groups[finding.fingerprint] = (finding, [])
        else:
            followers.append((cause, finding))
    for cause, finding in followers:
        groups[cause][1].append(finding)

    def worst(group: tuple[Finding, list[Finding]]) -> int:
        root, caused = group
        return max(SEVERITIES.index(finding.severity) for finding in (root, *caused))

    # A mild fault that breaks everything is not less urgent than what it breaks.
    return sorted(groups.values(), key=worst, reverse=True)


def in_order(findings: t.Iterable[Finding]) -> list[Finding]:
    """Each fault once: roots, the worst first, each followed by what it causes."""
    return [one for root, followers in by_root(findings) for one in (root, *followers)]


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A finding at its place in the cluster: *scope* leads from the whole to the part, as a path does."""

    scope: tuple[str, ...]
    finding: Finding

    def may_follow_from(self, other: Placed) -> bool:
        """Whether *other* is of a code that explains this one, at the same place or above it."""
        entry = self.finding.entry
        if other.finding.code in entry.across:
            # What keeps a source from being read is its own, and not of the instance that reads it.
            return self.scope == other.scope
        is_here = self.finding.object.cluster == other.finding.object.cluster
        return is_here and other.finding.code in entry.explained_by and self.scope[: len(other.scope)] == other.scope


def attach(placed: t.Sequence[Placed]) -> list[Finding]:
    """The findings in the same order, each consequence with the fingerprints of its roots."""
    by_print = {one.finding.fingerprint: one.finding for one in placed}
    causes = {
        one.finding.fingerprint: [other.finding for other in placed if one.may_follow_from(other)] for one in placed
    }

    def roots(finding: Finding) -> set[str]:
        # The catalogue's relation has no cycles, so this ends.
        above = causes[finding.fingerprint]
        return {root for cause in above for root in roots(cause) or {cause.fingerprint}}

    def attached(finding: Finding) -> Finding:
        above = roots(finding)
        # Where there is a fault, nothing needs an excuse.
        above = {root for root in above if not by_print[root].entry.excuse} or above
        passing = bool(above) and all(by_print[root].severity == SEVERITIES[0] for root in above)
        return replace(finding, caused_by=tuple(sorted(above)), passing=passing)

    return [attached(one.finding) for one in placed]


def _plain(value: Evidence) -> JsonObject | list[str] | str | int | float:
    return list(value) if isinstance(value, tuple) else value


def _shown(value: Evidence) -> str | int | float:
    return ", ".join(value) if isinstance(value, tuple) else value
