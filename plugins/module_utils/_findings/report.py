# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of one look at a cluster: what was checked, what was found, and whether that makes the task fail. Pure."""

from __future__ import annotations

import datetime as dt
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.catalogue import SEVERITIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import (
    Finding,
    Subject,
    in_order,
    reaches,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.suppress import (
    SUPPRESSION_OPTIONS,
    Suppressed,
    Suppression,
    about_suppressions,
    suppress,
)

JsonObject = dict[str, t.Any]

# The options of every module that judges.
FINDING_OPTIONS: dict[str, dict[str, t.Any]] = {
    "fail_on": {"type": "str", "default": "error", "choices": list(SEVERITIES)},
    "show_from": {"type": "str", "default": "info", "choices": list(SEVERITIES)},
    "suppressions": {"type": "list", "elements": "dict", "default": [], "options": SUPPRESSION_OPTIONS},
    "result_folder": {"type": "path"},
    "compare_with": {"type": "path"},
}
# The check that every run makes of the suppressions themselves.
SUPPRESSION_CHECK = "suppression"


@dataclass(frozen=True, kw_only=True)
class Link:
    """One thing that was checked, and the finding where it is not well."""

    check: str
    object: Subject
    finding: Finding | None = None

    def result(self) -> JsonObject:
        """The entry of ``checks``."""
        code, fingerprint = (self.finding.code, self.finding.fingerprint) if self.finding else ("", "")
        told = {"check": self.check, "object": str(self.object), "ok": self.finding is None}
        return {**told, "code": code, "fingerprint": fingerprint}


@dataclass(frozen=True, kw_only=True)
class Report:
    """*findings* are in order, suppressed ones apart; *shown* are those of the output threshold and those that fail.

    *cluster_uid* is the UID of the cluster's namespace kube-system, empty where it is not known.
    """

    cluster: str
    cluster_uid: str
    links: tuple[Link, ...]
    findings: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...]
    shown: tuple[Finding, ...]
    failing: tuple[Finding, ...]

    @property
    def summary(self) -> dict[str, int]:
        """How many checks there were, and how many findings of each sort."""
        seen = [finding for finding in self.findings if finding.observed]
        return {
            "checks": len(self.links),
            "ok": sum(link.finding is None for link in self.links),
            **{name: sum(finding.severity == name for finding in seen) for name in reversed(SEVERITIES)},
            "not_observed": len(self.findings) - len(seen),
            "suppressed": len(self.suppressed),
        }


def make_report(
    *,
    cluster: str,
    links: t.Sequence[Link],
    findings: t.Sequence[Finding],
    suppressions: t.Sequence[Suppression],
    today: dt.date,
    whole_fleet: bool,
    fail_on: str,
    show_from: str,
    cluster_uid: str = "",
) -> Report:
    """Judge the *findings* of one cluster by what the user wants to know, and to fail on.

    What could not be observed fails at any threshold, unless it is suppressed by name, or follows from a change that
    is going on: its state is unknown. What can only be known after the apply is no reason to fail before it.
    """
    remaining, suppressed = suppress(findings, suppressions, today=today)
    about = about_suppressions(
        suppressions, suppressed=suppressed, cluster=cluster, today=today, whole_fleet=whole_fleet
    )
    ordered = in_order([*remaining, *about])
    judged = [(one, _fails(one, fail_on=fail_on)) for one in ordered]
    failing = tuple(one for one, fails in judged if fails)
    shown = tuple(one for one, fails in judged if fails or reaches(one, show_from))
    return Report(
        cluster=cluster,
        cluster_uid=cluster_uid,
        links=(*links, *(Link(check=SUPPRESSION_CHECK, object=one.object, finding=one) for one in about)),
        findings=tuple(ordered),
        suppressed=tuple(suppressed),
        shown=shown,
        failing=failing,
    )


def _fails(finding: Finding, *, fail_on: str) -> bool:
    if finding.observed or finding.passing:
        return reaches(finding, fail_on)
    return "after" in finding.entry.when
