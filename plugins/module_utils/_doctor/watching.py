# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading what the checks of workloads need: the monitors, and what each Prometheus that watches says."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    MONITORING,
    MONITORING_ALPHA,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.workloads.model import (
    Workload,
    Workloads,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.workloads.objects import (
    monitors_of,
    rule_groups,
    rules_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.answers import asked
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.asking import Late, Limit, Question
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.chain import mapped
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Fact, Facts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.reading import Reader
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.replies import (
    ASKERS,
    MOST_SECONDS,
    unanswered,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.shown import shown_target
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.workloads import (
    PartFacts,
    RuleFacts,
    pool_name,
    scraped_too,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Subject
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.api import Prometheus

JsonObject = dict[str, t.Any]
_KINDS = {
    kind: Resource(
        api_version=version, kind=kind, plural=f"{kind.lower()}s", namespaced=True, verbs=frozenset({"list"})
    )
    for version, kind in (
        (MONITORING, "PodMonitor"),
        (MONITORING, "ServiceMonitor"),
        (MONITORING_ALPHA, "ScrapeConfig"),
    )
}
SAMPLES = "scrape_samples_post_metric_relabeling"


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What one Prometheus says of all that it watches; *counts*: how many targets of a job have a metric."""

    pools: frozenset[str]
    targets: t.Sequence[JsonObject]
    counts: t.Mapping[tuple[str, str], int]
    series: t.Mapping[str, int]
    groups: t.Sequence[JsonObject]


def watched_facts(cluster: Cluster, model: Workloads, reader: Reader) -> list[Facts]:
    """The facts of each workload of *model* in a *cluster*, by one question for each Prometheus that watches."""
    by_team: dict[str, list[Workload]] = {}
    for one in model.found:
        by_team.setdefault(one.team.name, []).append(one)
    exist = _monitors(model, reader)
    said = _ask(cluster, model.cluster, by_team, reader)
    facts: list[Facts] = []
    for one in model.found:
        # An agent answers no queries, and neither does an archived instance: nothing can be said of what it watches.
        if one.team.name in said:
            facts += _facts(one, model, exist, said[one.team.name])
    return facts


def _monitors(model: Workloads, reader: Reader) -> dict[tuple[str, str, str], Fact[bool]]:
    """Whether each monitor exists, by kind, namespace and name; one LIST for a kind and a namespace."""
    keys = [
        (obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])
        for one in model.found
        for part in one.parts
        for obj in monitors_of(one, part)
    ]
    kinds = sorted({key[0] for key in keys})
    questions = {
        kind: reader.listing(_KINDS[kind], {key[1] for key in keys if key[0] == kind}, metadata_only=True)
        for kind in kinds
    }
    found = reader.ask_about(
        dict(questions), lambda kind: Subject(cluster=model.cluster, kind=str(kind), namespace="", name="*")
    )

    live = {kind: mapped(found[kind], _names) for kind in kinds}
    return {key: mapped(live[key[0]], functools.partial(_has, name=key[1:])) for key in keys}


def _names(objects: t.Sequence[JsonObject]) -> frozenset[tuple[str, str]]:
    return frozenset((obj["metadata"]["namespace"], obj["metadata"]["name"]) for obj in objects)


def _has(names: frozenset[tuple[str, str]], *, name: tuple[str, str]) -> bool:
    return name in names


def _ask(
    cluster: Cluster, name: str, by_team: t.Mapping[str, list[Workload]], reader: Reader
) -> dict[str, Fact[_Said]]:
    subjects: dict[t.Hashable, Subject] = {}
    questions: dict[t.Hashable, Question[Fact[_Said]]] = {}
    for team_name, workloads in by_team.items():
        team = workloads[0].team
        if not team.prometheus.serves or team.lifecycle.is_archived:
            continue
        key = ("workloads", team_name)
        subjects[key] = Subject(
            cluster=name, kind="Prometheus", namespace=team.namespace, name=team.resource_name("Prometheus")
        )
        questions[key] = functools.partial(_question, cluster, team, workloads, subjects[key])
    reader.progress.step("asking about workloads", total=len(questions), unit="Prometheus instances")

    def otherwise(key: t.Hashable, late: Late) -> Fact[_Said]:
        return unanswered(subjects[key], late, reader=reader)

    answers = reader.in_time(questions, limit=reader.limit, at_once=ASKERS, otherwise=otherwise, most=MOST_SECONDS)
    return {team: answers[key] for team in by_team if (key := ("workloads", team)) in answers}


def _question(
    cluster: Cluster, team: Team, workloads: t.Sequence[Workload], subject: Subject, limit: Limit
) -> Fact[_Said]:
    jobs = "|".join(sorted({part.job for one in workloads for part in one.parts}))
    names = "|".join(sorted({name for one in workloads for part in one.parts for name in part.expected}))

    def ask(prometheus: Prometheus) -> _Said:
        per_target = f'count by (job, instance, __name__) ({{__name__=~"{names}",job=~"{jobs}"}})'
        counts: dict[tuple[str, str], int] = {}
        for row in prometheus.query(per_target):
            key = (row["metric"]["job"], row["metric"]["__name__"])
            counts[key] = counts.get(key, 0) + 1
        most = prometheus.query(f'max by (job) ({SAMPLES}{{job=~"{jobs}"}})')
        return _Said(
            pools=frozenset(prometheus.scrape_pools()),
            targets=prometheus.active_targets(),
            counts=counts,
            series={row["metric"]["job"]: int(float(row["value"][1])) for row in most},
            groups=prometheus.rule_groups(),
        )

    return asked(
        cluster,
        limit,
        namespace=team.namespace,
        service=prometheus_name(team.name),
        prefix=team.prometheus.web.route_prefix,
        subject=subject,
        ask=ask,
    )


def _facts(
    one: Workload,
    model: Workloads,
    exist: t.Mapping[tuple[str, str, str], Fact[bool]],
    said: Fact[_Said],
) -> t.Iterator[Facts]:
    for part in one.parts:
        places = [(obj["metadata"]["namespace"], obj["metadata"]["name"]) for obj in monitors_of(one, part)]
        yield PartFacts(
            cluster=model.cluster,
            team=one.team.name,
            namespace=one.team.namespace,
            prometheus_name=one.team.resource_name("Prometheus"),
            workload=one.entry.id,
            job=part.job,
            kind=part.kind,
            required=not part.may_be_absent,
            budget=part.budget,
            monitors={place: exist[part.kind, *place] for place in places},
            pools=mapped(said, lambda answer: answer.pools),
            targets=mapped(said, functools.partial(_targets, job=part.job)),
            metrics=mapped(said, functools.partial(_counts, job=part.job, names=part.expected)),
            series=mapped(said, functools.partial(_series, job=part.job)),
            others=mapped(said, functools.partial(_others, own={pool_name(part.kind, *place) for place in places})),
        )
    groups = rule_groups(one, common=model.common)
    if groups:
        yield RuleFacts(
            cluster=model.cluster,
            team=one.team.name,
            namespace=one.team.namespace,
            workload=one.entry.id,
            name=rules_name(one.entry),
            wanted=tuple(group["name"] for group in groups),
            groups=mapped(said, lambda answer: answer.groups),
        )


def _targets(said: _Said, *, job: str) -> tuple[JsonObject, ...]:
    return tuple(shown_target(one) for one in said.targets if (one.get("labels") or {}).get("job") == job)


def _others(said: _Said, *, own: t.Collection[str]) -> tuple[str, ...]:
    return scraped_too(said.targets, own=own)


def _counts(said: _Said, *, job: str, names: t.Iterable[str]) -> dict[str, int]:
    return {name: said.counts.get((job, name), 0) for name in names}


def _series(said: _Said, *, job: str) -> int:
    return said.series.get(job, 0)
