# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of a source that is queried: whether Thanos Query reaches its sidecars, and knows whose they are. Pure.

Nothing of such a source is stored at the central side, so there is no series that says something: what counts is what
Query says of the sidecars that it asks.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.queried import (
    place_of_store,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Check, Fact, Facts, known
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found

JsonObject = dict[str, t.Any]

# Whose the series of a sidecar are: of which cluster and team.
_IDENTITY = ("cluster", "team")


@dataclass(frozen=True, kw_only=True)
class QueriedFacts(Facts):
    """One source that the Query called *query* asks, in the place *scope_of*. *stores*: what that says of sidecars."""

    scope_of: tuple[str, ...]
    query: Subject
    wanted: FederationTargetSet
    stores: Fact[t.Sequence[JsonObject]]

    @property
    def scope(self) -> tuple[str, ...]:
        """The source, in the central instance."""
        return self.scope_of

    @property
    def source(self) -> str:
        """The source as people call it."""
        return f"{self.wanted.cluster}/{self.wanted.team}"

    @property
    def object(self) -> Subject:
        """The Query."""
        return self.query

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return QUERIED_CHECKS


def _own(facts: QueriedFacts) -> list[tuple[str, JsonObject | None]]:
    """Each sidecar of the source by its address, with what Query says of it; None where it does not list it."""
    by_place = {str(one.get("name")): one for one in known(facts.stores)}
    places = (place_of_store(target) for target in facts.wanted.targets)
    return [(place, by_place.get(place)) for place in places]


def _answers(facts: QueriedFacts) -> list[Finding]:
    findings = []
    for place, store in _own(facts):
        error = "it is not in the list of what Query asks" if store is None else store.get("lastError")
        if error is not None:
            findings.append(found("PF394", facts.object, source=facts.source, address=place, error=_text(error)))
    return findings


def _text(error: object) -> str:
    """What Thanos says; an error of Go without fields of its own is written as an empty object."""
    return str(error) if isinstance(error, str) else "it gives no reason (see its log)"


def _identity(facts: QueriedFacts) -> list[Finding] | None:
    """Whether the sidecars have the labels of the source: Query takes whose a series is from nothing else."""
    seen = [(place, labels) for place, store in _own(facts) for labels in (store or {}).get("labelSets") or ()]
    if not seen:
        return None
    wanted = {"cluster": facts.wanted.cluster, "team": facts.wanted.team}
    findings = []
    for place, labels in seen:
        if any(labels.get(name) != value for name, value in wanted.items()):
            has = ", ".join(f"{name}={labels.get(name, '')}" for name in _IDENTITY)
            findings.append(found("PF395", facts.object, source=facts.source, address=place, labels=has))
    return findings


def _replicas(facts: QueriedFacts) -> list[Finding] | None:
    """Whether the labels of each replica are its own."""
    seen = [
        (str(number), tuple(sorted(labels.items())))
        for number, (_place, store) in enumerate(_own(facts))
        for labels in (store or {}).get("labelSets") or ()
    ]
    if not seen:
        return None
    every = [labels for _number, labels in seen]
    same = tuple(number for number, labels in seen if every.count(labels) > 1)
    return [found("PF379", facts.object, source=facts.source, replicas=same)] if same else []


QUERIED_CHECKS: tuple[Check[QueriedFacts], ...] = (
    Check(name="federation_queried", reads=("stores",), judge=_answers),
    Check(name="federation_queried_identity", reads=("stores",), judge=_identity),
    Check(name="federation_queried_replicas", reads=("stores",), judge=_replicas),
)
