# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What policies say of objects, as findings, and how many there are of each team and policy. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import TEAM_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import Link
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.exemptions import Exemption
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.judge import Verdict, judge
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.policies import Policy
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.requests import Request, all_about

JsonObject = dict[str, t.Any]

CODES_OF_SEVERITIES = {"error": "PF401", "warning": "PF402", "info": "PF403"}
CHECK = "policies"
EXEMPTION_CHECK = "exemption"
NO_TEAM = "(not known)"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What was judged: *links* for each object, *findings*, and how often each policy failed for each team."""

    links: tuple[Link, ...]
    findings: tuple[Finding, ...]
    by_team: t.Mapping[str, t.Mapping[str, int]]


@dataclass(frozen=True, kw_only=True)
class Item:
    """A request to be judged, and the *place* of its object: a file with its line, or the cluster.

    *unknown*: why it cannot be judged by any policy that is about it; empty if it can.
    """

    request: Request
    place: str
    unknown: str = ""


def judged(
    items: t.Iterable[Item], policies: tuple[Policy, ...], *, over: t.Sequence[Exemption], cluster: str
) -> Judged:
    """Judge all *items* by *policies*; exemptions that are *over* are findings, too."""
    links: list[Link] = []
    findings: list[Finding] = []
    by_team: dict[str, dict[str, int]] = {}
    for item in items:
        subject = subject_of(item.request.one, cluster=cluster)
        team = (item.request.labels or {}).get(TEAM_LABEL, NO_TEAM)
        of_item = list(_findings(item, policies, subject=subject, team=team))
        for finding in of_item:
            links.append(Link(check=CHECK, object=subject, finding=finding))
            if finding.observed:
                policy = str(finding.evidence["policy"])
                of_team = by_team.setdefault(team, {})
                of_team[policy] = of_team.get(policy, 0) + 1
        if not of_item:
            links.append(Link(check=CHECK, object=subject))
        findings += of_item
    for one in over:
        about = {"path": one.path, "glob": one.glob, "policy": one.policy, "owner": one.owner}
        subject = Subject(cluster=cluster, kind="Exemption", name=f"{one.policy} {one.glob}")
        finding = found("PF406", subject, **about, until=one.until.isoformat())
        links.append(Link(check=EXEMPTION_CHECK, object=subject, finding=finding))
        findings.append(finding)
    in_order = {team: dict(sorted(counts.items())) for team, counts in sorted(by_team.items())}
    return Judged(links=tuple(links), findings=tuple(findings), by_team=in_order)


def _findings(item: Item, policies: tuple[Policy, ...], *, subject: Subject, team: str) -> t.Iterator[Finding]:
    if item.unknown and all_about(policies, item.request):
        yield found("PF404", subject, place=item.place, reason=item.unknown, checks="all policies")
        return
    unknown: dict[str, list[str]] = {}
    for verdict in judge(policies, item.request):
        if verdict.unknown:
            unknown.setdefault(verdict.unknown, []).append(verdict.policy.id)
        else:
            yield _failed(verdict, item, subject=subject, team=team)
    for reason, ids in unknown.items():
        yield found("PF404", subject, place=item.place, reason=reason, checks=first_of(ids))


def _failed(verdict: Verdict, item: Item, *, subject: Subject, team: str) -> Finding:
    code = CODES_OF_SEVERITIES[verdict.policy.row.severity]
    policy = verdict.policy
    return found(
        code, subject, place=item.place, policy=policy.id, enforcement=policy.enforcement, team=team, said=verdict.said
    )


def subject_of(obj: JsonObject, *, cluster: str) -> Subject:
    """An object as findings name it."""
    metadata = obj["metadata"]
    return Subject(
        cluster=cluster,
        kind=obj["kind"],
        namespace=str(metadata.get("namespace") or ""),
        name=str(metadata.get("name") or metadata.get("generateName") or ""),
    )
