# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The plan of an upgrade of one cluster, its findings, and its text. Pure."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import Link
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change as ObjectChange
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.changes import Restart
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.model import (
    EXPOSED,
    NOT_EXPOSED,
    Change,
    JsonObject,
    Verdict,
)

# The step before those of the capabilities.
CRDS = "crds"
# The file of a plan for people, and that for programs.
MARKDOWN_FILE, JSON_FILE = "upgrade-plan.md", "upgrade-plan.json"
FORMAT = 1
_RISK_CHECK, _STEP_CHECK = "upgrade risk", "upgrade step"
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one step of the upgrade would do: the CRDs, or one capability.

    *refused* says why the run would refuse it, *unknown* why that could not be found out.
    """

    name: str
    changes: tuple[ObjectChange, ...] = ()
    unchanged: int = 0
    refused: str = ""
    unknown: str = ""

    def result(self) -> JsonObject:
        """The step as plain data."""
        return {
            "step": self.name,
            "objects": [change.result() for change in self.changes],
            "unchanged": self.unchanged,
            "refused": self.refused,
            "unknown": self.unknown,
        }


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that an upgrade of a cluster would do. *images* are those that no workload of the cluster has yet."""

    cluster: str
    versions: tuple[Change, ...]
    steps: tuple[Step, ...]
    images: tuple[str, ...]
    restarts: tuple[Restart, ...]
    verdicts: tuple[Verdict, ...]

    def result(self) -> JsonObject:
        """The plan as plain data."""
        return {
            "versions": [
                {
                    "component": change.component,
                    "object": str(change.subject),
                    "before": None if change.before is None else str(change.before),
                    "after": None if change.after is None else str(change.after),
                }
                for change in self.versions
            ],
            "steps": [step.result() for step in self.steps],
            "images": list(self.images),
            "restarts": [restart.result() for restart in self.restarts],
            "risks": [verdict.result() for verdict in self.verdicts],
        }


# -- findings ------------------------------------------------------------------------------------------------------


def links_of(plan: Plan, *, allow_unknown: bool) -> list[Link]:
    """What was checked for a plan, each with its finding where it is not well.

    *allow_unknown*: a risk of which it is not known whether the cluster is exposed only informs.
    """
    links = []
    for verdict in plan.verdicts:
        subject = Subject(cluster=plan.cluster, kind="Risk", name=verdict.risk.id)
        finding = _of_risk(verdict, subject, allow_unknown=allow_unknown)
        links.append(Link(check=_RISK_CHECK, object=subject, finding=finding))
    for step in plan.steps:
        subject = Subject(cluster=plan.cluster, kind="Step", name=step.name)
        links.append(Link(check=_STEP_CHECK, object=subject, finding=_of_step(step, subject)))
    return links


def _of_risk(verdict: Verdict, subject: Subject, *, allow_unknown: bool) -> Finding | None:
    if verdict.exposure == NOT_EXPOSED:
        return None
    told = [*map(str, verdict.evidence), *verdict.reasons]
    evidence = {
        "title": verdict.risk.title,
        "places": first_of(told, _SHOWN, separator="; "),
        "breaks": verdict.risk.breaks,
        "todo": verdict.risk.fix,
    }
    if verdict.exposure == EXPOSED:
        return found("PF701", subject, **evidence)
    if allow_unknown:
        return found("PF703", subject, **evidence)
    return found("PF702", subject, **evidence, checks=f"the risk {verdict.risk.id}")


def _of_step(step: Step, subject: Subject) -> Finding | None:
    if step.refused:
        return found("PF704", subject, step=step.name, reason=step.refused)
    if step.unknown:
        return found("PF705", subject, step=step.name, reason=step.unknown, checks="objects, restarts")
    return None


# -- text ----------------------------------------------------------------------------------------------------------


def markdown(plan: Plan, findings: Sequence[Finding], *, blocked: bool) -> str:
    """The plan for people. *findings* are those of the report, *blocked* says whether they block the upgrade."""
    lines = [
        f"# Upgrade of {plan.cluster}",
        "",
        f"**{'Blocked' if blocked else 'Not blocked'}**: {_count(findings)}.",
        "",
        "## Versions",
        "",
        *_table(
            ("component", "object", "before", "after"),
            [(one.component, str(one.subject), _text(one.before), _text(one.after)) for one in plan.versions],
            none="No component gets another version.",
        ),
        "## Objects",
        "",
    ]
    for step in plan.steps:
        lines += [f"### {step.name}", "", _told(step), ""]
        if step.changes:
            lines += [*(f"- {_shown(change)}" for change in step.changes), ""]
    lines += [
        "## Images that are new",
        "",
        *([f"- `{image}`" for image in plan.images] or ["None."]),
        "",
        "## Pods that are replaced",
        "",
        *_table(
            ("object", "certain", "rule", "what"),
            [(str(one.object), "yes" if one.certain else "maybe", one.rule, one.detail) for one in plan.restarts],
            none="None.",
        ),
        "## Risks",
        "",
        *_table(
            ("risk", "exposed", "what breaks", "fix"),
            [_row(verdict) for verdict in plan.verdicts],
            none="No risk of the table is about these versions.",
        ),
    ]
    for verdict in plan.verdicts:
        told = [*map(str, verdict.evidence), *verdict.reasons]
        if told:
            lines += [f"### {verdict.risk.id}", "", *(f"- {text}" for text in told), "", verdict.risk.reference, ""]
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def _row(verdict: Verdict) -> tuple[str, str, str, str]:
    risk = verdict.risk
    exposed = {EXPOSED: "**yes**", NOT_EXPOSED: "no"}.get(verdict.exposure, "**unknown**")
    return risk.id, exposed, f"{risk.title}. {risk.breaks}", risk.fix


def _count(findings: Sequence[Finding]) -> str:
    number = len(findings)
    return "no findings" if not number else f"{number} finding{'' if number == 1 else 's'}"


def _told(step: Step) -> str:
    if step.refused:
        return f"Would be refused: {step.refused}"
    if step.unknown:
        return f"Not known: {step.unknown}"
    return f"{len(step.changes)} would change, {step.unchanged} would not."


def _shown(change: ObjectChange) -> str:
    fields = change.result().get("fields") or ()
    return f"{change.key} {change.action}" + (f": {first_of(fields, _SHOWN)}" if fields else "")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]], *, none: str) -> list[str]:
    made = [_line(row) for row in rows]
    return [_line(head), _line(("---",) * len(head)), *made, ""] if made else [none, ""]


def _line(cells: tuple[str, ...]) -> str:
    # A bar or a line break in a cell would end it.
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


def _text(value: object) -> str:
    return "not known" if value is None else str(value)


def as_json(plan: Plan, *, blocked: bool) -> str:
    """The plan for programs."""
    whole: dict[str, t.Any] = {"format": FORMAT, "cluster": plan.cluster, "blocked": blocked, **plan.result()}
    return json.dumps(whole, indent=2) + "\n"
