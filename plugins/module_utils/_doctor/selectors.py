# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges the selectors of a source: by their text, and where they were measured by what they cost. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import Link
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.cost import Cost, Costs
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.selectors import SENSITIVE_LABELS, lint

JsonObject = dict[str, t.Any]

# The parser of this collection did not understand it. Where the source was asked, its answer counts.
NOT_UNDERSTOOD = "PF330"
# What the opt-in for it allows.
EVERYTHING = "PF335"
# So many of the largest metrics are named by a finding.
NAMED = 3


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What one scrape of all selectors may cost: series, bytes as text, seconds."""

    series: int
    size: int
    seconds: float


def selector_subject(selector: str, *, source: Subject) -> Subject:
    """What a finding about one selector of a *source* is about."""
    return Subject(cluster=source.cluster, kind="Selector", namespace=source.namespace, name=selector)


def lint_findings(
    match: t.Sequence[str],
    *,
    external_labels: t.Collection[str],
    everything: bool,
    source: Subject,
    federates: bool = False,
) -> list[Finding]:
    """What is wrong with the text of the selectors; *everything*: one may select all series.

    *federates*: whether the source federates others itself.
    """
    return [
        found(remark.code, selector_subject(match[remark.index], source=source), **remark.evidence)
        for remark in lint(match, external_labels=external_labels, federates=federates)
        if not (everything and remark.code == EVERYTHING)
    ]


def cost_findings(costs: Costs, *, budget: Budget, source: Subject) -> list[Finding]:
    """What is wrong with what the selectors cost, and with what they select now."""
    findings = [
        finding
        for cost in costs.selectors
        for finding in _of_selector(cost, subject=selector_subject(cost.selector, source=source))
    ]
    largest = tuple(f"{name} ({count})" for name, count in costs.largest(NAMED))
    if costs.series > budget.series:
        findings.append(found("PF352", source, series=costs.series, limit=budget.series, largest=largest))
    body = costs.together
    if body is not None and body.size > budget.size:
        findings.append(found("PF353", source, size=body.size, limit=budget.size, largest=largest))
    if body is not None and body.seconds > budget.seconds:
        seconds, limit = f"{body.seconds:.1f}", f"{budget.seconds:g}"
        findings.append(found("PF354", source, seconds=seconds, limit=limit, largest=largest))
    return findings


def _of_selector(cost: Cost, *, subject: Subject) -> t.Iterator[Finding]:
    selector = cost.selector
    if cost.refusal:
        yield found("PF349", subject, selector=selector, reason=cost.refusal)
        return
    if not cost.series:
        yield found("PF350", subject, selector=selector)
    elif cost.missing:
        yield found("PF351", subject, selector=selector, names=cost.missing)
    labels = sorted(label for label in (cost.body.labels if cost.body else ()) if label.lower() in SENSITIVE_LABELS)
    if labels:
        yield found("PF355", subject, selector=selector, labels=tuple(labels))


def judged(lints: t.Sequence[Finding], costs: Costs | None) -> list[Finding]:
    """The findings of the lint that hold: what the source takes is understood, also where our parser does not."""
    taken = {cost.selector for cost in costs.selectors if not cost.refusal} if costs is not None else set()
    return [one for one in lints if not (one.code == NOT_UNDERSTOOD and one.object.name in taken)]


def links_of(match: t.Sequence[str], findings: t.Sequence[Finding], *, source: Subject, measured: bool) -> list[Link]:
    """What was checked: the text of each selector, and where it was *measured* the budget of all."""
    links = []
    for selector in match:
        subject = selector_subject(selector, source=source)
        own = [finding for finding in findings if finding.object == subject]
        links += [Link(check="selector", object=subject, finding=finding) for finding in own] or [
            Link(check="selector", object=subject)
        ]
    if measured:
        whole = [finding for finding in findings if finding.object == source]
        links += [Link(check="budget", object=source, finding=finding) for finding in whole] or [
            Link(check="budget", object=source)
        ]
    return links


def as_result(
    match: t.Sequence[str], costs: Costs | None, *, top: int, interval: float, bytes_per_series: int | None
) -> JsonObject:
    """What was measured, as plain data; without costs only the selectors. *interval* is that of a scrape, in seconds.

    *bytes_per_series* is what the central Prometheus takes for a series; by default what the source itself takes.
    """
    if costs is None:
        return {"selectors": [{"selector": selector} for selector in match]}
    memory = bytes_per_series or costs.bytes_per_series
    together = costs.together
    return {
        "selectors": [_cost(cost) for cost in costs.selectors],
        "total": {
            "series": together.samples if together else costs.series,
            **({} if together is None else _body(together.size, together.compressed, together.seconds)),
            **({} if together is None else {"bytes_per_second": round(together.compressed / interval)}),
            "largest": [{"name": name, "series": count} for name, count in costs.largest(top)],
            **({} if memory is None else {"bytes_per_series": memory, "central_memory_bytes": memory * costs.series}),
        },
    }


def _cost(cost: Cost) -> JsonObject:
    body = {} if cost.body is None else _body(cost.body.size, cost.body.compressed, cost.body.seconds)
    return {"selector": cost.selector, "series": cost.series, **body, "missing": list(cost.missing)}


def _body(size: int, compressed: int, seconds: float) -> JsonObject:
    return {"bytes": size, "compressed_bytes": compressed, "seconds": round(seconds, 3)}
