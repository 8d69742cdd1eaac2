# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking the Prometheus instances of a cluster, and the replicas that it exposes."""

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    prometheus_name,
    query_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import (
    Source,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import (
    Team,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.answers import (
    Answers,
    ReplicaAnswers,
    ask_prometheus,
    ask_query,
    ask_replica,
    no_replica,
    nothing,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.asking import (
    Late,
    Question,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.chain import (
    asked_replicas,
    pools_of,
    query_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Fact,
    Unobserved,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.reach import (
    ReachFacts,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.reading import (
    Reader,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.targets import (
    fresh_within,
    watched_within,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.wanted import (
    Wanted,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import (
    Subject,
)

JsonObject = dict[str, t.Any]
Value = t.TypeVar("Value")

# So many Prometheus instances are asked at a time. These requests wait for a network, not for this machine, and the API
# server does not count requests to a proxy among those that it limits (BasicLongRunningRequestCheck and
# WithPriorityAndFairness in k8s.io/apiserver, pkg/server).
ASKERS = 32
# How long one Prometheus is waited for, however much time is left. The API server gives up after 30 s too.
MOST_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Replies:
    """What each team's Prometheus says, by the team's name, and what exposed replicas say, by their Services.

    *stores*: by team what its Thanos Query says of the sidecars that it asks, where it has one.
    """

    answers: t.Mapping[str, Answers]
    replicas: t.Mapping[tuple[str, str], ReplicaAnswers]
    stores: t.Mapping[str, Fact[t.Sequence[JsonObject]]] = dataclasses.field(default_factory=dict)


def unasked(wanted: Wanted, why: Unobserved) -> Replies:
    """The one reason why nothing is known of any."""
    return Replies(
        answers={team.name: nothing(why) for team in wanted.asked},
        replicas={
            (team.namespace, service): no_replica(why)
            for source, team in wanted.exposed
            for service in asked_replicas(source, team)
        },
        stores={team.name: why for team in _querying(wanted)},
    )


def _querying(wanted: Wanted) -> list[Team]:
    """The teams that have a Thanos Query here."""
    return [team for team, sources in wanted.federating if any(source.is_queried for source in sources)]


def ask_all(cluster: Cluster, wanted: Wanted, *, reader: Reader) -> Replies:
    """Ask every Prometheus, each once for everything."""
    subjects: dict[t.Hashable, Subject] = {}
    questions: dict[t.Hashable, Question[t.Any]] = {}
    for team in wanted.asked:
        subjects["answers", team.name] = wanted.subject(team)
        questions["answers", team.name] = _question(cluster, wanted, team)
    for source, team in wanted.exposed:
        for service in asked_replicas(source, team):
            key = ("replica", team.namespace, service)
            subject = Subject(cluster=wanted.cluster, kind="Service", namespace=team.namespace, name=service)
            subjects[key] = subject
            questions[key] = _replica_question(cluster, source, team, service, subject)
    for team in _querying(wanted):
        subjects["stores", team.name] = query_of(wanted.cluster, team)
        questions["stores", team.name] = _stores_question(cluster, wanted, team)
    reader.progress.step("asking", total=len(questions), unit="Prometheus instances")

    def otherwise(key: t.Hashable, late: Late) -> t.Any:
        fact = unanswered(subjects[key], late, reader=reader)
        of = t.cast("tuple[str, ...]", key)[0]
        return {"answers": nothing, "replica": no_replica}.get(of, lambda why: why)(fact)

    found = reader.in_time(questions, limit=reader.limit, at_once=ASKERS, most=MOST_SECONDS, otherwise=otherwise)
    return Replies(
        answers={team.name: t.cast("Answers", found["answers", team.name]) for team in wanted.asked},
        replicas={
            (namespace, service): t.cast("ReplicaAnswers", answer)
            for (of, namespace, service), answer in _triples(found)
            if of == "replica"
        },
        stores={team.name: found["stores", team.name] for team in _querying(wanted)},
    )


def unanswered(subject: Subject, late: Late, *, reader: Reader) -> Unobserved:
    """Why a Prometheus gave no answer in time: it took too long, or there was no time left to ask it."""
    if not late.seconds:
        return reader.late(subject)
    reason = f"no complete answer within {late.seconds:.0f} s"
    return Unobserved(code="PF003", object=subject, evidence={"reason": reason})


def _question(cluster: Cluster, wanted: Wanted, team: Team) -> Question[Answers | ReplicaAnswers]:
    read = [source for central, sources in wanted.federating if central.name == team.name for source in sources]
    pools = pools_of(read, team=team, cluster=wanted.cluster)
    return lambda limit: ask_prometheus(
        cluster,
        limit,
        namespace=team.namespace,
        service=prometheus_name(team.name),
        subject=wanted.subject(team),
        pools=pools,
        fresh=fresh_within(wanted.sources),
        watched={watched_within(source) for source in read},
        federates=bool(read),
        prefix=team.prometheus.web.route_prefix,
    )


def _stores_question(cluster: Cluster, wanted: Wanted, team: Team) -> Question[Fact[t.Sequence[JsonObject]]]:
    return lambda limit: ask_query(
        cluster,
        limit,
        namespace=team.namespace,
        service=query_name(team.name),
        subject=query_of(wanted.cluster, team),
    )


def _replica_question(
    cluster: Cluster, source: Source, team: Team, service: str, subject: Subject
) -> Question[Answers | ReplicaAnswers]:
    return lambda limit: ask_replica(
        cluster,
        limit,
        namespace=team.namespace,
        service=service,
        subject=subject,
        # Nothing is selected where Query asks.
        match=() if source.is_queried else source.scrape.match,
        prefix=team.prometheus.web.route_prefix,
    )


def reach_facts(cluster: str, answers: t.Mapping[str, Answers]) -> list[ReachFacts]:
    """How all instances are reached; of a single one that says nothing about the way to it."""
    targets = [one.targets for one in answers.values()]
    if len(targets) < 2:
        return []
    unseen = [one for one in targets if isinstance(one, Unobserved)]
    # An answer that is of no use has come all the way.
    reached = len(targets) - len([one for one in unseen if one.code != "PF006"])
    refused = [one for one in unseen if one.code == "PF002"]
    reasons: Fact[tuple[str, ...]] = tuple(str(one.evidence["reason"]) for one in unseen if one.code == "PF003")
    if len(refused) == len(targets):
        # Nothing went the way at all.
        reasons = refused[0]
    return [ReachFacts(cluster=cluster, asked=len(targets), reached=reached, reasons=reasons)]


def _triples(found: t.Mapping[t.Hashable, Value]) -> list[tuple[tuple[str, str, str], Value]]:
    keys = (t.cast("tuple[str, str, str]", key) for key in found if len(t.cast("tuple[str, ...]", key)) == 3)
    return [(key, found[key]) for key in keys]
