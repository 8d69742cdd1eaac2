# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One look at a cluster: what is read from its API server, what its Prometheus servers say, and what follows."""

from __future__ import annotations

import dataclasses
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource, find_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.platforms import platform_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    MANAGED_BY_LABEL,
    MONITORING,
    MONITORING_ALPHA,
    OPERATOR_NAME,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import SILENT, Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    CORE,
    DISCOVERY,
    NETWORKING,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import Source
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.instance import prometheus_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.answers import (
    Answers,
    ReplicaAnswers,
    ask_prometheus,
    ask_replica,
    no_replica,
    nothing,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.asking import Late, Limit, Question
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.chain import (
    CentralSide,
    WorkerSide,
    asked_replicas,
    exposed_facts,
    federated_facts,
    inside,
    mapped,
    pods_of,
    pools_of,
    shown_instance,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.changing import (
    InstanceChangeFacts,
    named_times,
    pods_limit,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Fact,
    Facts,
    Unobserved,
    judge_all,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.fleet import facts_of_peers
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.instances import (
    InstanceFacts,
    is_well,
    own_targets,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.observation import Observation, as_data
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.operators import OperatorFacts, met
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.reach import ReachFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.reading import Reader
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.shown import shown
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.surroundings import Ask, Part, surroundings
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.targets import (
    TargetFacts,
    fresh_within,
    seconds_of_interval,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.written import WrittenFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import Link
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.find import instances_in, operators_in
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.quarrel import Quarrel, quarrels

JsonObject = dict[str, t.Any]
Value = t.TypeVar("Value")

INTERVAL = 2.0
# So many Prometheus instances are asked at a time. These requests wait for a network, not for this machine, and the API
# server does not count requests to a proxy among those that it limits (BasicLongRunningRequestCheck and
# WithPriorityAndFairness in k8s.io/apiserver, pkg/server).
ASKERS = 32
# How long one Prometheus is waited for, however much time is left. The API server gives up after 30 s too.
MOST_SECONDS = 30.0
# Instances of so many teams are read one by one; those of more by one LIST.
SINGLY = 8
NEEDED_KINDS = {
    MONITORING: ("Alertmanager", "Prometheus", "PrometheusRule", "ServiceMonitor"),
    MONITORING_ALPHA: ("ScrapeConfig",),
}


def _kind(api_version: str, kind: str, plural: str) -> Resource:
    return Resource(api_version=api_version, kind=kind, plural=plural, namespaced=True, verbs=frozenset({"list"}))


_SERVICES, _SLICES = _kind(CORE, "Service", "services"), _kind(DISCOVERY, "EndpointSlice", "endpointslices")
CENTRAL_KINDS = (
    _SERVICES,
    _SLICES,
    _kind(MONITORING, "ServiceMonitor", "servicemonitors"),
    _kind(MONITORING_ALPHA, "ScrapeConfig", "scrapeconfigs"),
)
WORKER_KINDS = (_SERVICES, _SLICES, _kind(NETWORKING, "NetworkPolicy", "networkpolicies"))
_INSTANCES = {
    kind: _kind(MONITORING, kind, plural)
    for kind, plural in (("Prometheus", "prometheuses"), ("Alertmanager", "alertmanagers"))
}
_PODS = _kind(CORE, "Pod", "pods")
_OPERATED = f"{MANAGED_BY_LABEL}={OPERATOR_NAME}"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be there: the operator's namespace, the instances, and the sources that *central* federates.

    *others*: other instances of this cluster that federate, with their sources. *exposed*: the sources of this cluster.
    *peers*: what was seen of the workers, None where the other side is not asked for; *workers* are all that there are
    to be. *changes*: whether what is being changed right now excuses what does not work yet.
    """

    cluster: str
    operator_namespace: str
    teams: tuple[Team, ...]
    central: Team
    sources: tuple[FederationTargetSet, ...]
    clusters: tuple[str, ...] = ()
    exposed: tuple[tuple[Source, Team], ...] = ()
    peers: tuple[Observation, ...] | None = None
    workers: tuple[str, ...] = ()
    others: tuple[tuple[Team, tuple[FederationTargetSet, ...]], ...] = ()
    changes: bool = False

    @property
    def federating(self) -> tuple[tuple[Team, tuple[FederationTargetSet, ...]], ...]:
        """The instances that federate, with their sources; the central one is the first."""
        return tuple((team, sources) for team, sources in ((self.central, self.sources), *self.others) if sources)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one look gave; *series*: how many series of each source's cluster are federated; *facts* were judged."""

    links: tuple[Link, ...]
    findings: tuple[Finding, ...]
    series: t.Mapping[str, int]
    observation: JsonObject
    facts: tuple[Facts, ...]


def verify(
    cluster: Cluster,
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
    observer = _Observer(cluster, wanted, limit=limit, progress=progress)
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


@dataclass(frozen=True, kw_only=True)
class _Resources:
    """The custom resources of an instance."""

    prometheus: Fact[JsonObject | None]
    alertmanager: Fact[JsonObject | None]


_Asked: t.TypeAlias = "tuple[Subject, Question[t.Any]]"


class _Observer:
    """Looks at one cluster, again and again, until a time limit."""

    def __init__(self, cluster: Cluster, wanted: Wanted, *, limit: Limit, progress: Progress) -> None:
        self._cluster = cluster
        self._wanted = wanted
        self._progress = progress
        self._reader = Reader(cluster, name=wanted.cluster, limit=limit, progress=progress)

    def look(self) -> Seen:
        """Observe everything that is wanted, and judge it.

        The API server is asked first: a Prometheus that does not answer must not take the time for that.
        """
        wanted = self._wanted
        self._progress.step("asking the API server")
        operator = self._operator()
        resources, central_objects, worker_objects = self._read_all()
        others = self._surroundings(resources)
        # The central team may run elsewhere, or not be among the teams that are looked at.
        asked = {team.name: team for team in wanted.teams if team.prometheus.enabled}
        asked |= {team.name: team for team, _sources in wanted.federating}
        answers, replicas = self._ask_all(tuple(asked.values()))
        instances = [
            self._instance(team, found, answers.get(team.name))
            for team, found in zip(wanted.teams, resources, strict=True)
        ]
        worker = WorkerSide(cluster=wanted.cluster, objects=worker_objects, answers=replicas)
        exposed = [one for source, team in wanted.exposed for one in exposed_facts(worker, source, team)]
        sources: list[Facts] = []
        for team, read in wanted.federating:
            side = CentralSide(
                cluster=wanted.cluster,
                team=team,
                clusters=wanted.clusters,
                sources=read,
                objects={kind: inside(objects, team) for kind, objects in central_objects.items()},
                prometheus=self._central_prometheus(team, resources),
                answers=answers[team.name],
                now=self._cluster.now if wanted.changes else None,
            )
            sources += [one for source in read for one in federated_facts(side, source)]
            if wanted.peers is not None and team.name == wanted.central.name:
                sources += facts_of_peers(side, wanted.peers, workers=wanted.workers)
        changing = self._changing(instances)
        facts = [operator, *others, *self._reach(answers), *changing, *instances, *exposed, *sources]
        links, findings = judge_all(facts)
        series: dict[str, int] = {}
        for one in sources:
            if isinstance(one, (TargetFacts, WrittenFacts)) and not isinstance(one.stored, Unobserved):
                # Of several that federate a cluster, each has the series of its own sources.
                series[one.wanted.cluster] = max(one.stored.series, series.get(one.wanted.cluster, 0))
        named = {team.name for _source, team in wanted.exposed}
        observed: list[Facts] = [one for one in (*instances, *changing) if one.team in named]
        return Seen(
            links=tuple(links),
            findings=tuple(findings),
            series=series,
            observation=as_data(wanted.cluster, [*observed, *exposed]),
            facts=tuple(facts),
        )

    # -- from the API server --------------------------------------------------------------------------------------

    def _finding(self, obj: JsonObject) -> Question[Fact[JsonObject | None]]:
        """Ask for the live object with the kind, namespace and name of *obj*; None if there is none."""
        return self._reader.asking(obj["kind"], lambda: find_object(self._cluster, obj))

    def _operator(self) -> OperatorFacts:
        def missing() -> tuple[str, ...]:
            served = {version: self._cluster.resources(version, refresh=True) or {} for version in NEEDED_KINDS}
            return tuple(
                kind for version, kinds in NEEDED_KINDS.items() for kind in kinds if kind not in served[version]
            )

        def unsupported() -> str:
            platform = platform_of(self._cluster)
            return platform.reason if platform is not None else ""

        cluster, namespace = self._wanted.cluster, self._wanted.operator_namespace
        deployment = Subject(cluster=cluster, kind="Deployment", namespace=namespace, name=OPERATOR_NAME)
        own = Key("apps", "Deployment", namespace, OPERATOR_NAME)
        questions: dict[t.Hashable, Question[t.Any]] = {
            "kinds": self._reader.asking("APIResourceList", missing),
            "operator": self._finding(_reference("apps/v1", "Deployment", namespace, OPERATOR_NAME)),
            "others": lambda limit: self._quarrels(own, limit),
        }
        found = self._reader.ask_about(questions, lambda _key: deployment)
        # What is there works; only for what is missing it counts whether a run could install it.
        lacks = found["operator"] is None or (not isinstance(found["kinds"], Unobserved) and bool(found["kinds"]))
        if lacks:
            platform = {"platform": self._reader.asking("APIResourceList", unsupported)}
            found |= self._reader.ask_about(t.cast("t.Any", platform), lambda _key: deployment)
        return OperatorFacts(
            cluster=cluster,
            namespace=namespace,
            name=OPERATOR_NAME,
            missing_kinds=found["kinds"],
            deployment=mapped(found["operator"], lambda live: live and shown(live)),
            quarrels=mapped(found["others"], lambda others: tuple(map(met, others))),
            platform=found.get("platform", ""),
            changes=self._wanted.changes,
        )

    def _quarrels(self, own: Key, limit: Limit) -> Fact[tuple[Quarrel, ...]]:
        """Other operators that meet the one with the key *own*; asked again only while there are some.

        The lists are long in a large cluster, and what verify waits for makes no new operators.
        """
        if self._reader.last("others") == ():
            return ()
        return self._meeting(own, limit)

    def _meeting(self, own: Key, limit: Limit) -> Fact[tuple[Quarrel, ...]]:
        operators = self._reader.ask("ClusterRoleBinding", lambda: operators_in(self._cluster), limit)
        if isinstance(operators, Unobserved):
            return operators
        others = [found for found in operators if found.key != own]
        instances = self._reader.ask("Prometheus", lambda: instances_in(self._cluster), limit) if others else []
        if isinstance(instances, Unobserved):
            return instances
        ours = [found for found in operators if found.key == own and found.is_running]
        return tuple(
            quarrels(
                others,
                ours=[instance for instance in instances if instance.set_label],
                theirs=[instance for instance in instances if not instance.set_label],
                reconciles=lambda instance: any(found.reconciles(instance) for found in ours),
            )
        )

    def _read_all(
        self,
    ) -> tuple[list[_Resources], dict[str, Fact[t.Sequence[JsonObject]]], dict[str, Fact[t.Sequence[JsonObject]]]]:
        """The custom resources of each team's instance, and by kind the objects of both sides of the federation."""
        wanted = self._wanted
        asked = {**self._asked_of_instances(), **self._asked_of_central(), **self._asked_of_exposed()}
        self._progress.step("looking at", total=len(asked), unit="objects")
        found = self._reader.ask_about(
            {key: question for key, (_subject, question) in asked.items()}, lambda key: asked[key][0]
        )
        if ("every", "Prometheus") in found:
            for team in wanted.teams:
                for kind in _parts(team):
                    found[kind, team.name] = _named(found["every", kind], team.namespace, team.resource_name(kind))
        resources = [
            _Resources(
                prometheus=found.get(("Prometheus", team.name)), alertmanager=found.get(("Alertmanager", team.name))
            )
            for team in wanted.teams
        ]
        self._central = {team.name: found.get(("Prometheus of", team.name)) for team, _sources in wanted.federating}
        sides: dict[str, dict[str, Fact[t.Sequence[JsonObject]]]] = {"central": {}, "worker": {}}
        for (side, kind), fact in _pairs(found):
            sides.get(side, {})[kind] = fact
        return resources, sides["central"], sides["worker"]

    def _asked_of_instances(self) -> dict[t.Hashable, _Asked]:
        """Questions for the custom resources, by what is asked for, each with who needs the answer."""
        wanted = self._wanted
        if len(wanted.teams) > SINGLY:
            namespaces = {team.namespace for team in wanted.teams}
            return {
                ("every", kind): (
                    Subject(cluster=wanted.cluster, kind=kind, name="*"),
                    self._reader.listing(resource, namespaces),
                )
                for kind, resource in _INSTANCES.items()
            }
        asked: dict[t.Hashable, _Asked] = {}
        for team in wanted.teams:
            for kind in _parts(team):
                name = team.resource_name(kind)
                subject = dataclasses.replace(self._subject(team), kind=kind, name=name)
                asked[kind, team.name] = subject, self._finding(_reference(MONITORING, kind, team.namespace, name))
        return asked

    def _asked_of_central(self) -> dict[t.Hashable, _Asked]:
        """Questions for the objects by which the central instance federates."""
        federating = [team for team, _sources in self._wanted.federating]
        if not federating:
            return {}
        subject, namespaces = self._subject(federating[0]), {team.namespace for team in federating}
        asked: dict[t.Hashable, _Asked] = {
            ("central", resource.kind): (subject, self._reader.listing(resource, namespaces))
            for resource in CENTRAL_KINDS
        }
        looked_at = {one.name for one in self._wanted.teams}
        for team in (team for team in federating if team.name not in looked_at):
            subject = self._subject(team)
            reference = _reference(MONITORING, "Prometheus", team.namespace, subject.name)
            asked["Prometheus of", team.name] = subject, self._finding(reference)
        return asked

    def _asked_of_exposed(self) -> dict[t.Hashable, _Asked]:
        """Questions for what exposes this cluster's sources."""
        exposed = {team.namespace: self._subject(team) for _source, team in self._wanted.exposed}
        if not exposed:
            return {}
        subject = next(iter(exposed.values()))
        asked: dict[t.Hashable, _Asked] = {
            ("worker", resource.kind): (subject, self._reader.listing(resource, exposed.keys()))
            for resource in WORKER_KINDS
        }
        asked["worker", _PODS.kind] = subject, self._reader.listing(_PODS, exposed.keys(), selector=_OPERATED)
        return asked

    def _central_prometheus(self, central: Team, resources: t.Sequence[_Resources]) -> Fact[JsonObject | None]:
        for team, found in zip(self._wanted.teams, resources, strict=True):
            if team.name == central.name:
                return found.prometheus
        return self._central[central.name]

    def _surroundings(self, resources: t.Sequence[_Resources]) -> t.Sequence[Facts]:
        """What the instances stand on, as the API server shows it."""
        wanted = self._wanted
        parts = [
            Part(team=team, kind=kind, live=live)
            for team, found in zip(wanted.teams, resources, strict=True)
            for kind, live in (("Prometheus", found.prometheus), ("Alertmanager", found.alertmanager))
        ]
        cluster = Subject(cluster=wanted.cluster, kind="Cluster", name=wanted.cluster)

        def look(ask: Ask) -> t.Sequence[Facts]:
            return surroundings(
                self._cluster,
                parts,
                name=wanted.cluster,
                teams=wanted.teams,
                operator_namespace=wanted.operator_namespace,
                kinds=NEEDED_KINDS,
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

    def _instance(self, team: Team, resources: _Resources, answers: Answers | None) -> InstanceFacts:
        desired = prometheus_object(team, cluster=self._wanted.cluster) if team.prometheus.enabled else None
        return InstanceFacts(
            cluster=self._wanted.cluster,
            team=team.name,
            namespace=team.namespace,
            prometheus_name=team.prometheus.name,
            alertmanager_name=team.alertmanager.name,
            wants_prometheus=team.prometheus.enabled,
            wants_alertmanager=team.alertmanager.enabled,
            prometheus=mapped(resources.prometheus, self._shown_of(team)),
            alertmanager=mapped(resources.alertmanager, self._shown_of(team)),
            desired=desired,
            # Without a Prometheus nothing asks for these.
            reload_ok=answers.reload_ok if answers else False,
            targets=mapped(answers.targets, lambda targets: own_targets(targets, team.namespace)) if answers else (),
        )

    def _shown_of(self, team: Team) -> t.Callable[[JsonObject | None], JsonObject | None]:
        return lambda live: live and shown_instance(live, team, cluster=self._wanted.cluster)

    def _changing(self, instances: t.Sequence[InstanceFacts]) -> list[InstanceChangeFacts]:
        """The pods of the instances that federation needs, and of those that are not well; asked after Prometheus.

        A pod that ended meanwhile explains why nothing answered, and one that is not ended yet explains nothing.
        """
        wanted = self._wanted
        if not wanted.changes:
            return []
        federated = {team.name for _source, team in wanted.exposed} | {team.name for team, _read in wanted.federating}
        unwell = {one.team for one in instances if one.wants_prometheus and not is_well(one)}
        teams = [team for team in wanted.teams if team.name in federated | unwell]
        if not teams:
            return []
        subject, namespaces = self._subject(teams[0]), {team.namespace for team in teams}
        question = {"new pods": self._reader.listing(_PODS, namespaces, selector=_OPERATED, metadata_only=True)}
        pods = self._reader.ask_about(t.cast("t.Any", question), lambda _key: subject)["new pods"]
        return [
            InstanceChangeFacts(
                cluster=wanted.cluster,
                team=team.name,
                namespace=team.namespace,
                name=team.prometheus.name,
                pods=mapped(inside(pods, team), lambda found, team=team: named_times(pods_of(found, team))),
                now=self._cluster.now,
                limit=pods_limit(seconds_of_interval(team.prometheus.scrape_interval)),
            )
            # For an excuse that was not looked for in time nothing counts as unknown.
            for team in ([] if isinstance(pods, Unobserved) and pods.code == "PF004" else teams)
        ]

    # -- from Prometheus ------------------------------------------------------------------------------------------

    def _ask_all(self, teams: t.Sequence[Team]) -> tuple[dict[str, Answers], dict[tuple[str, str], ReplicaAnswers]]:
        """What each team's Prometheus says, by the team's name, and what exposed replicas say, by their Services."""
        subjects: dict[t.Hashable, Subject] = {}
        questions: dict[t.Hashable, Question[Answers | ReplicaAnswers]] = {}
        for team in teams:
            subjects["answers", team.name] = self._subject(team)
            questions["answers", team.name] = self._question(team)
        for source, team in self._wanted.exposed:
            for service in asked_replicas(source, team):
                key = ("replica", team.namespace, service)
                subject = Subject(cluster=self._wanted.cluster, kind="Service", namespace=team.namespace, name=service)
                subjects[key] = subject
                questions[key] = self._replica_question(source, team, service, subject)
        self._progress.step("asking", total=len(questions), unit="Prometheus instances")

        def otherwise(key: t.Hashable, late: Late) -> Answers | ReplicaAnswers:
            if late.seconds:
                reason = f"no complete answer within {late.seconds:.0f} s"
                fact = Unobserved(code="PF003", object=subjects[key], evidence={"reason": reason})
            else:
                fact = self._reader.late(subjects[key])
            return nothing(fact) if t.cast("tuple[str, ...]", key)[0] == "answers" else no_replica(fact)

        found = self._reader.in_time(
            questions, limit=self._reader.limit, at_once=ASKERS, most=MOST_SECONDS, otherwise=otherwise
        )
        return (
            {team.name: t.cast("Answers", found["answers", team.name]) for team in teams},
            {
                (namespace, service): t.cast("ReplicaAnswers", answer)
                for (of, namespace, service), answer in _triples(found)
                if of == "replica"
            },
        )

    def _question(self, team: Team) -> Question[Answers | ReplicaAnswers]:
        read = [
            source for central, sources in self._wanted.federating if central.name == team.name for source in sources
        ]
        pools = pools_of(read, team=team, cluster=self._wanted.cluster)
        return lambda limit: ask_prometheus(
            self._cluster,
            limit,
            namespace=team.namespace,
            service=prometheus_name(team.name),
            subject=self._subject(team),
            pools=pools,
            fresh=fresh_within(self._wanted.sources),
            federates=bool(read),
        )

    def _replica_question(
        self, source: Source, team: Team, service: str, subject: Subject
    ) -> Question[Answers | ReplicaAnswers]:
        return lambda limit: ask_replica(
            self._cluster,
            limit,
            namespace=team.namespace,
            service=service,
            subject=subject,
            match=source.scrape.match,
        )

    def _reach(self, answers: t.Mapping[str, Answers]) -> list[ReachFacts]:
        """How all instances are reached; of a single one that says nothing about the way to it."""
        targets = [one.targets for one in answers.values()]
        if len(targets) < 2:
            return []
        unseen = [one for one in targets if isinstance(one, Unobserved)]
        # An answer that is of no use has come all the way.
        reached = len(targets) - len([one for one in unseen if one.code != "PF006"])
        reasons = tuple(str(one.evidence["reason"]) for one in unseen if one.code == "PF003")
        return [ReachFacts(cluster=self._wanted.cluster, asked=len(targets), reached=reached, reasons=reasons)]

    def _subject(self, team: Team) -> Subject:
        name = team.resource_name("Prometheus")
        return Subject(cluster=self._wanted.cluster, kind="Prometheus", namespace=team.namespace, name=name)


def _reference(api_version: str, kind: str, namespace: str, name: str) -> JsonObject:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace, "name": name}}


def _parts(team: Team) -> list[str]:
    """The kinds of a team's custom resources."""
    parts = {"Prometheus": team.prometheus.enabled, "Alertmanager": team.alertmanager.enabled}
    return [kind for kind, enabled in parts.items() if enabled]


def _named(objects: Fact[t.Sequence[JsonObject]], namespace: str, name: str) -> Fact[JsonObject | None]:
    """One of the objects of a list."""
    key = (namespace, name)
    return mapped(
        objects,
        lambda found: next(
            (one for one in found if (one["metadata"]["namespace"], one["metadata"]["name"]) == key), None
        ),
    )


def _pairs(found: t.Mapping[t.Hashable, t.Any]) -> list[tuple[tuple[str, str], t.Any]]:
    return [(t.cast("tuple[str, str]", key), value) for key, value in found.items()]


def _triples(found: t.Mapping[t.Hashable, Value]) -> list[tuple[tuple[str, str, str], Value]]:
    keys = (t.cast("tuple[str, str, str]", key) for key in found if len(t.cast("tuple[str, ...]", key)) == 3)
    return [(key, found[key]) for key in keys]
