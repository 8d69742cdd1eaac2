# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks across clusters: what only both sides together can say. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Check, Fact, Facts, known
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found

Labels = t.Mapping[str, str]

# Clocks that are kept right differ by less; what a request takes is subtracted.
MOST_SECONDS = 10.0
# The labels by which the central side tells sources apart.
IDENTITY = ("cluster", "team")


@dataclass(frozen=True, kw_only=True)
class PeerFacts(Facts):
    """What a source's worker and the central cluster say of each other.

    *offset* is that of the central clock, *offsets* are those of the source's replicas, all against one clock.
    *labels*: the external labels of the source's replicas, and *others* those of all other sources by their names.
    """

    place: tuple[str, ...]
    object_name: Subject
    source: str
    offset: Fact[float]
    offsets: Fact[t.Sequence[float]]
    labels: Fact[t.Sequence[Labels]]
    others: Fact[t.Mapping[str, t.Sequence[Labels]]]

    @property
    def scope(self) -> tuple[str, ...]:
        """The source, in the central instance."""
        return self.place

    @property
    def object(self) -> Subject:
        """The source's monitor."""
        return self.object_name

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of them."""
        return PEER_CHECKS


def _clocks(facts: PeerFacts) -> list[Finding]:
    central = known(facts.offset)
    most = max((offset - central for offset in known(facts.offsets)), key=abs, default=0.0)
    if abs(most) <= MOST_SECONDS:
        return []
    return [found("PF390", facts.object, source=facts.source, seconds=f"{most:+.0f}")]


def _replicas(facts: PeerFacts) -> list[Finding]:
    """Whether the labels of each replica are its own."""
    labels = [tuple(sorted(one.items())) for one in known(facts.labels)]
    same = tuple(str(number) for number, one in enumerate(labels) if labels.count(one) > 1)
    return [found("PF379", facts.object, source=facts.source, replicas=same)] if same else []


def _identity(facts: PeerFacts) -> list[Finding]:
    own = {_identity_of(labels) for labels in known(facts.labels)}
    findings = []
    for other, theirs in sorted(known(facts.others).items()):
        shared = own & {_identity_of(labels) for labels in theirs}
        if shared:
            text = ", ".join(f"{name}={value}" for name, value in min(shared))
            findings.append(found("PF391", facts.object, source=facts.source, other=other, labels=text))
    return findings


def _identity_of(labels: Labels) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(labels.get(name, ""))) for name in IDENTITY)


PEER_CHECKS: tuple[Check[PeerFacts], ...] = (
    Check(name="peer_clocks", reads=("offset", "offsets"), judge=_clocks),
    Check(name="peer_replicas", reads=("labels",), judge=_replicas),
    Check(name="peer_identity", reads=("labels", "others"), judge=_identity),
)
