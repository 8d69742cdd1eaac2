# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Suppressions: findings that the inventory declares to be known, by whom, why and until when. Pure."""

from __future__ import annotations

import datetime as dt
import fnmatch
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.catalogue import code_named
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_list

SUPPRESSION_OPTIONS: dict[str, dict[str, t.Any]] = {
    "code": {"type": "str", "required": True},
    "object": {"type": "str", "required": True},
    "reason": {"type": "str"},
    "owner": {"type": "str"},
    "until": {"type": "str"},
}


@dataclass(frozen=True, kw_only=True)
class Suppression:
    """One entry: *glob* is matched against an object's text, *until* is the last day that it holds (UTC)."""

    code: str
    glob: str
    reason: str
    owner: str
    until: dt.date | None
    path: str

    @property
    def cluster_glob(self) -> str:
        """The part of the glob that is matched against the cluster's name."""
        return self.glob.partition("/")[0]

    def covers(self, finding: Finding) -> bool:
        """Whether it is about this finding."""
        return finding.code == self.code and fnmatch.fnmatchcase(str(finding.object), self.glob)

    def result(self) -> dict[str, str]:
        """The entry as plain data."""
        return {"reason": self.reason, "owner": self.owner, "until": self.until.isoformat() if self.until else ""}


@dataclass(frozen=True, kw_only=True)
class Suppressed:
    """A finding that is known, and the entry that says so."""

    finding: Finding
    suppression: Suppression


def parse_suppressions(raw: object, *, path: str = "suppressions") -> tuple[Suppression, ...]:
    """Suppressions from a list of mappings (SUPPRESSION_OPTIONS); raises InputError with the path of what is wrong."""
    parsed = []
    for number, values in enumerate(validate_list(raw, SUPPRESSION_OPTIONS, path=path)):
        place = f"{path}[{number}]"
        glob = values["object"].strip()
        if not glob:
            raise InputError(f"{place}.object", "is empty; write cluster/kind/namespace/name, * matches any text")
        parsed.append(
            Suppression(
                code=code_named(values["code"], path=f"{place}.code").code,
                glob=glob,
                reason=(values["reason"] or "").strip(),
                owner=(values["owner"] or "").strip(),
                until=_day(values["until"], path=f"{place}.until"),
                path=place,
            )
        )
    return tuple(parsed)


def _day(text: str | None, *, path: str) -> dt.date | None:
    if text is None or not text.strip():
        return None
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        raise InputError(path, f"{text!r} is not a day; write it as 2027-01-31") from None


def suppress(
    findings: t.Sequence[Finding], suppressions: t.Sequence[Suppression], *, today: dt.date
) -> tuple[list[Finding], list[Suppressed]]:
    """Split *findings* into those that remain and those that are suppressed.

    A consequence is suppressed if all of its causes are, but not where it says that something could not be observed:
    that needs an entry of its own. An entry that is expired on *today* or has no reason suppresses nothing.
    """
    active = [entry for entry in suppressions if entry.reason and not _expired(entry, today)]
    by_print: dict[str, Suppressed] = {}
    for finding in findings:
        entry = next((entry for entry in active if entry.covers(finding)), None)
        if entry is not None:
            by_print[finding.fingerprint] = Suppressed(finding=finding, suppression=entry)
    for finding in findings:
        follows = finding.observed and finding.caused_by and by_print.keys() >= set(finding.caused_by)
        if finding.fingerprint not in by_print and follows:
            cause = by_print[finding.caused_by[0]]
            by_print[finding.fingerprint] = Suppressed(finding=finding, suppression=cause.suppression)
    remaining = [finding for finding in findings if finding.fingerprint not in by_print]
    return remaining, [by_print[key] for key in sorted(by_print)]


def about_suppressions(
    suppressions: t.Sequence[Suppression],
    *,
    suppressed: t.Sequence[Suppressed],
    cluster: str,
    today: dt.date,
    whole_fleet: bool,
) -> list[Finding]:
    """Findings about the entries themselves, as far as *cluster* can judge them.

    An entry whose glob can mean other clusters too is unused only where *whole_fleet*: there is no other cluster.
    """
    used = {entry.suppression.path for entry in suppressed}
    findings = []
    for entry in suppressions:
        if not fnmatch.fnmatchcase(cluster, entry.cluster_glob):
            continue
        about = {"path": entry.path, "suppressed_code": entry.code, "glob": entry.glob}
        # Not by its place in the list: that changes with other entries, and the fault stays the same.
        obj = Subject(cluster=cluster, kind="Suppression", name=f"{entry.code} {entry.glob}")
        if not entry.reason:
            findings.append(found("PF901", obj, **about))
        elif _expired(entry, today):
            until = entry.result()["until"]
            findings.append(found("PF902", obj, **about, until=until, owner=entry.owner or "none"))
        elif entry.path not in used and (whole_fleet or entry.cluster_glob == cluster):
            findings.append(found("PF903", obj, **about, owner=entry.owner or "none"))
    return findings


def _expired(entry: Suppression, today: dt.date) -> bool:
    return entry.until is not None and today > entry.until
