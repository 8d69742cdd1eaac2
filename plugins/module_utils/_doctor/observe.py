# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One look at a cluster: what is read from its API server, what its Prometheus servers say, and what follows."""

from __future__ import annotations

import functools
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import SILENT, Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.instance import prometheus_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.lifecycle import ACTIVE
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.answers import Answers
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.asking import Late, Limit
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.chain import (
    CentralSide,
    WorkerSide,
    exposed_facts,
    federated_facts,
    inside,
    leftover_facts,
    mapped,
    shown_instance,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.changing import (
    InstanceChangeFacts,
    pods_limit,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Fact,
    Facts,
    Unobserved,
    judge_all,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.fleet import facts_of_peers
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.grounds import PodFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.instances import (
    InstanceFacts,
    is_well,
    own_targets,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.lifecycle import lifecycle_facts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.object_reading import (
    Objects,
    Resources,
    pod_times,
    read_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.observation import as_data
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.operator_reading import (
    OperatorReading,
    described_operator,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.operators import OperatorFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.reading import Reader
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.replies import (
    Replies,
    ask_all,
    reach_facts,
    unasked,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.surroundings import (
    NAMESPACES,
    Ask,
    Part,
    described_surroundings,
    surroundings,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.targets import (
    TargetFacts,
    seconds_of_interval,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.view import View, known_later
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.wanted import NEEDED_KINDS, Wanted
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.written import WrittenFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import Link

JsonObject = dict[str, t.Any]
Value = t.TypeVar("Value")

INTERVAL = 2.0


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one look gave; *series*: how many series of each source's cluster are federated; *facts* were judged."""

    links: tuple[Link, ...]
    findings: tuple[Finding, ...]
    series: t.Mapping[str, int]
    observation: JsonObject
    facts: tuple[Facts, ...]


def verify(
    view: View,
    wanted: Wanted,
    *,
    limit: Limit,
    repeat: bool,
    waits_for: t.Callable[[Seen], t.Sequence[Finding]],
    progress: Progress = SILENT,
) -> Seen:
    """All checks of one cluster. With *repeat* asks again until *waits_for* names no finding or the *limit* is over.

    What is not asked before the limit counts as last seen, or as not observed. The limit holds up to a few seconds,
    however servers behave. It is not asked again where less time is left than the last look took.
    """
    observer = _Observer(view, wanted, limit=limit, progress=progress)
    while True:
        before = limit.left
        seen = observer.look()
        waiting = waits_for(seen)
        # A connection that was lost stays so in this process.
        lost = any(finding.code == "PF001" for finding in seen.findings)
        if not repeat or not waiting or lost or limit.left - INTERVAL <= max(before - limit.left, 0.0):
            return seen
        first = waiting[0]
        progress.step(f"waiting for {len(waiting)} findings: {first.code} {first.object}: {first.message}")
        time.sleep(INTERVAL)


class _Observer:
    """Looks at one cluster, again and again, until a time limit."""

    def __init__(self, view: View, wanted: Wanted, *, limit: Limit, progress: Progress) -> None:
        self._view = view
        self._wanted = wanted
        self._progress = progress
        self._reader = Reader(view.objects, name=wanted.cluster, limit=limit, progress=progress)
        cluster = view.cluster
        # Where changes that are going on count: not before the apply.
        self._cluster = cluster if wanted.changes and view.later is None else None
        self._operator = None if cluster is None else OperatorReading(cluster, view, wanted, reader=self._reader)

    def look(self) -> Seen:
        """Observe everything that is wanted, and judge it.

        The API server is asked first: a Prometheus that does not answer must not take the time for that.
        """
        wanted = self._wanted
        self._progress.step("asking the API server")
        operators = self._operator_facts()
        objects = read_objects(wanted, reader=self._reader)
        others = self._surroundings(objects)
        replies = self._replies()
        instances = [
            self._instance(team, found, replies.answers.get(team.name))
            for team, found in zip(wanted.teams, objects.instances, strict=True)
        ]
        worker = WorkerSide(cluster=wanted.cluster, objects=objects.worker, answers=replies.replicas)
        exposed = [one for source, team in wanted.exposed for one in exposed_facts(worker, source, team)]
        sources: list[Facts] = []
        for team, read in wanted.federating:
            side = CentralSide(
                cluster=wanted.cluster,
                team=team,
                clusters=wanted.clusters,
                sources=read,
                objects={kind: inside(found, team) for kind, found in objects.central.items()},
                prometheus=objects.prometheus(wanted, team),
                answers=replies.answers[team.name],
                stores=replies.stores.get(team.name, ()),
                now=None if self._cluster is None else self._cluster.now,
            )
            sources += [one for source in read for one in federated_facts(side, source)]
            sources.append(leftover_facts(side))
            if wanted.peers is not None and team.name == wanted.central.name:
                sources += facts_of_peers(side, wanted.peers, workers=wanted.workers)
        changing = [] if self._cluster is None else self._changing(self._cluster, instances)
        facts = [
            *operators,
            *others,
            *([] if self._view.later else reach_facts(wanted.cluster, replies.answers)),
            *changing,
            *instances,
            *exposed,
            *(
                lifecycle_facts(team, cluster=wanted.cluster, claims=objects.archived)
                for team in wanted.teams
                if team.lifecycle.state != ACTIVE
            ),
            *sources,
            *self._view.more(self._reader),
        ]
        links, findings = judge_all(facts, later=self._view.later)
        series: dict[str, int] = {}
        for one in sources:
            if isinstance(one, (TargetFacts, WrittenFacts)) and not isinstance(one.stored, Unobserved):
                # Of several that federate a cluster, each has the series of its own sources.
                series[one.wanted.cluster] = max(one.stored.series, series.get(one.wanted.cluster, 0))
        named = {team.name for _source, team in wanted.exposed}
        # Why an instance is not ready is asked for with what it stands on.
        waiting = [one for one in others if isinstance(one, PodFacts)]
        observed: list[InstanceFacts | InstanceChangeFacts | PodFacts] = [*waiting, *instances, *changing]
        return Seen(
            links=tuple(links),
            findings=tuple(findings),
            series=series,
            observation=as_data(
                wanted.cluster, [*(one for one in observed if one.team in named), *exposed], mode=self._view.mode
            ),
            facts=tuple(facts),
        )

    def _operator_facts(self) -> list[OperatorFacts]:
        if self._operator is not None:
            return self._operator.facts()
        why = self._view.later or known_later(self._wanted.cluster)
        return described_operator(self._view, self._wanted, reader=self._reader, why=why)

    def _replies(self) -> Replies:
        cluster, later = self._view.cluster, self._view.later
        if later is not None or cluster is None:
            return unasked(self._wanted, later or known_later(self._wanted.cluster))
        return ask_all(cluster, self._wanted, reader=self._reader)

    def _surroundings(self, objects: Objects) -> t.Sequence[Facts]:
        """What the instances stand on, as the API server shows it."""
        wanted, api = self._wanted, self._view.cluster
        if api is None:
            return self._described_surroundings()
        parts = [
            Part(team=team, kind=kind, live=live)
            for team, found in zip(wanted.teams, objects.instances, strict=True)
            for kind, live in ((team.prometheus.kind, found.prometheus), ("Alertmanager", found.alertmanager))
        ]
        cluster = Subject(cluster=wanted.cluster, kind="Cluster", name=wanted.cluster)

        def look(ask: Ask) -> t.Sequence[Facts]:
            return surroundings(
                api,
                parts,
                name=wanted.cluster,
                teams=wanted.teams,
                operator_namespace=wanted.operator_namespace,
                kinds=NEEDED_KINDS,
                guarded=wanted.guarded_by_policies,
                ask=ask,
            )

        def question(limit: Limit) -> t.Sequence[Facts]:
            def ask(kind: str, read: t.Callable[[], Value], /) -> Fact[Value]:
                return self._reader.ask(kind, read, limit) if limit.left > 0 else self._reader.late(cluster)

            return look(ask)

        def unread(late: Late) -> t.Sequence[Facts]:
            def ask(_kind: str, _read: t.Callable[[], Value], /) -> Fact[Value]:
                return self._reader.unread(cluster, late)

            return look(ask)

        self._progress.step("looking at what the instances stand on")
        return self._reader.one_part("surroundings", question, otherwise=unread)

    def _described_surroundings(self) -> t.Sequence[Facts]:
        """What files say of what the instances stand on."""
        cluster = Subject(cluster=self._wanted.cluster, kind="Cluster", name=self._wanted.cluster)
        question = self._reader.asking("Namespace", lambda: self._view.objects.list_objects(NAMESPACES))
        found = self._reader.ask_about({"namespaces": question}, lambda _key: cluster)
        why = self._view.later or known_later(self._wanted.cluster)
        return described_surroundings(
            self._wanted.cluster,
            self._wanted.teams,
            found["namespaces"],
            guarded=self._wanted.guarded_by_policies,
            why=why,
        )

    def _instance(self, team: Team, resources: Resources, answers: Answers | None) -> InstanceFacts:
        desired = prometheus_object(team, cluster=self._wanted.cluster) if team.prometheus.enabled else None
        shown_of_team = functools.partial(shown_instance, team=team, cluster=self._wanted.cluster)
        return InstanceFacts(
            cluster=self._wanted.cluster,
            team=team.name,
            namespace=team.namespace,
            prometheus_kind=team.prometheus.kind,
            prometheus_name=team.prometheus.name,
            alertmanager_name=team.alertmanager.name,
            wants_prometheus=team.prometheus.enabled,
            wants_alertmanager=team.alertmanager.enabled,
            is_paused=team.lifecycle.is_paused,
            is_archived=team.lifecycle.is_archived,
            prometheus=mapped(resources.prometheus, shown_of_team),
            alertmanager=mapped(resources.alertmanager, shown_of_team),
            routed=resources.routed,
            desired=desired,
            # Without a Prometheus nothing asks for these.
            reload_ok=answers.reload_ok if answers else False,
            targets=mapped(answers.targets, lambda targets: own_targets(targets, team.namespace)) if answers else (),
        )

    def _changing(self, cluster: Cluster, instances: t.Sequence[InstanceFacts]) -> list[InstanceChangeFacts]:
        """The pods of the instances that federation needs, and of those that are not well; asked after Prometheus.

        A pod that ended meanwhile explains why nothing answered, and one that is not ended yet explains nothing.
        """
        wanted = self._wanted
        federated = {team.name for _source, team in wanted.exposed} | {team.name for team, _read in wanted.federating}
        unwell = {one.team for one in instances if one.wants_prometheus and not one.is_archived and not is_well(one)}
        teams = [team for team in wanted.teams if team.name in federated | unwell]
        return [
            InstanceChangeFacts(
                cluster=wanted.cluster,
                team=team.name,
                namespace=team.namespace,
                kind=team.prometheus.kind,
                name=team.prometheus.name,
                pods=pods,
                now=cluster.now,
                limit=pods_limit(seconds_of_interval(team.prometheus.scrape_interval)),
            )
            for team, pods in zip(teams, pod_times(wanted, teams, reader=self._reader), strict=True)
            # For an excuse that was not looked for in time nothing counts as unknown.
            if not (isinstance(pods, Unobserved) and pods.code == "PF004")
        ]
