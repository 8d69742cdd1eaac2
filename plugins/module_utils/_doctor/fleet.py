# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts across clusters: the workers' observations beside what the central cluster sees. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import query_name
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.chain import CentralSide, place_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    ClusterFacts,
    Fact,
    Facts,
    Unobserved,
    known,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.exposed import ReplicaFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.observation import Observation
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.peers import PeerFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject


@dataclass(frozen=True, kw_only=True)
class ObservedFacts(ClusterFacts):
    """Whether a worker's side is known."""

    observed: Fact[bool]

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return OBSERVED_CHECKS


def _observed(facts: ObservedFacts) -> list[Finding]:
    known(facts.observed)
    return []


OBSERVED_CHECKS: tuple[Check[ObservedFacts], ...] = (Check(name="peer_observed", reads=("observed",), judge=_observed),)


def facts_of_peers(side: CentralSide, peers: t.Sequence[Observation], *, workers: t.Sequence[str]) -> list[Facts]:
    """What the workers' observations say of the sources, in the place of each source on the central cluster."""
    by_cluster = {peer.cluster: peer for peer in peers}
    every = sorted({*workers, *(source.cluster for source in side.sources)})
    facts: list[Facts] = [
        ObservedFacts(cluster=name, observed=True if name in by_cluster else _unobserved(name)) for name in every
    ]
    # One that writes has no address whose replicas could be compared with what is read there.
    read = [source for source in side.sources if not source.is_written]
    of_sources = {
        (source.cluster, source.team): by_cluster[source.cluster].of_source(
            source.team, place=place_of(side.team, source)
        )
        for source in read
        if source.cluster in by_cluster
    }
    facts += [one for some in of_sources.values() for one in some]
    queried = {(source.cluster, source.team) for source in read if source.is_queried}
    # The replicas of one that is queried are asked by one Service, which says what one of them has.
    labels = {key: _labels(some, first=key in queried) for key, some in of_sources.items()}
    for source in read:
        key = (source.cluster, source.team)
        replicas = [one for one in of_sources.get(key, ()) if isinstance(one, ReplicaFacts)]
        missing = _unobserved(source.cluster) if key not in of_sources else None
        others = {f"{cluster}/{team}": found for (cluster, team), found in labels.items() if (cluster, team) != key}
        facts.append(
            PeerFacts(
                place=place_of(side.team, source),
                object_name=Subject(
                    cluster=side.cluster,
                    kind=side.in_live_form(source).monitor_kind if source.is_scraped else "Deployment",
                    namespace=side.team.namespace,
                    name=source.name if source.is_scraped else query_name(side.team.name),
                ),
                source=f"{source.cluster}/{source.team}",
                offset=side.answers.offset,
                offsets=missing or _every([one.offset for one in replicas]),
                labels=missing or labels[key],
                others={name: found for name, found in others.items() if not isinstance(found, Unobserved)},
            )
        )
    return facts


def _labels(facts: t.Sequence[Facts], *, first: bool) -> Fact[t.Sequence[t.Mapping[str, str]]]:
    """The labels of all replicas, or of the *first* one."""
    found = [one.labels for one in facts if isinstance(one, ReplicaFacts)]
    return _every(found[:1] if first else found)


def _every(facts: t.Sequence[Fact[t.Any]]) -> Fact[t.Sequence[t.Any]]:
    """All values, or why one of them is not known."""
    unseen = next((fact for fact in facts if isinstance(fact, Unobserved)), None)
    return unseen or tuple(facts)


def _unobserved(cluster: str) -> Unobserved:
    obj = Subject(cluster=cluster, kind="Cluster", name=cluster)
    return Unobserved(code="PF008", object=obj, evidence={"reason": "no observation of it was given"})
