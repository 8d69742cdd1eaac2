# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of instances that the inventory pauses or archives. Facts in, findings out. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ARCHIVED_LABEL,
    INSTANCE_LABEL,
    NAME_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.parts import APPLICATIONS
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Check, Fact, Facts, known
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class KeptPart:
    """A part of an archived instance, and how many volume claims it has to have."""

    object: Subject
    application: str
    wanted: int


@dataclass(frozen=True, kw_only=True)
class LifecycleFacts(Facts):
    """An instance that the inventory gives a *state* other than active; *claims*: those that are marked as archived."""

    cluster: str
    team: str
    namespace: str
    is_archived: bool
    parts: tuple[KeptPart, ...]
    claims: Fact[t.Sequence[JsonObject]] = ()

    @property
    def scope(self) -> tuple[str, ...]:
        """The instance, in the cluster."""
        return (f"instance {self.namespace}/{self.team}",)

    @property
    def object(self) -> Subject:
        """The team's Prometheus, or its Alertmanager where it has no other part."""
        return self.parts[0].object

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return (_ARCHIVED,) if self.is_archived else (_PAUSED,)


def lifecycle_facts(team: Team, *, cluster: str, claims: Fact[t.Sequence[JsonObject]]) -> LifecycleFacts:
    """The facts of a *team* that is paused or archived; *claims* are all that are marked, with their metadata."""
    parts = ((team.prometheus, team.prometheus.kind), (team.alertmanager, "Alertmanager"))
    return LifecycleFacts(
        cluster=cluster,
        team=team.name,
        namespace=team.namespace,
        is_archived=team.lifecycle.is_archived,
        parts=tuple(
            KeptPart(
                object=Subject(cluster=cluster, kind=kind, namespace=team.namespace, name=part.name),
                application=APPLICATIONS[kind],
                wanted=part.pods if part.storage is not None else 0,
            )
            for part, kind in parts
            if part.enabled
        ),
        claims=claims,
    )


def _paused(facts: LifecycleFacts) -> list[Finding]:
    return [found("PF237", facts.object, team=facts.team)]


def _archived(facts: LifecycleFacts) -> list[Finding]:
    claims = [claim for claim in known(facts.claims) if claim["metadata"]["namespace"] == facts.namespace]
    since = min((str(_labels(claim).get(ARCHIVED_LABEL)) for claim in claims), default="unknown")
    findings = [found("PF238", facts.object, team=facts.team, claims=len(claims), since=since)]
    for part in facts.parts:
        its = {NAME_LABEL: part.application, INSTANCE_LABEL: part.object.name}
        kept = sum(its.items() <= _labels(claim).items() for claim in claims)
        if kept < part.wanted:
            findings.append(found("PF239", part.object, team=facts.team, claims=kept, wanted=part.wanted))
    return findings


def _labels(claim: JsonObject) -> JsonObject:
    return claim["metadata"].get("labels") or {}


_PAUSED: Check[LifecycleFacts] = Check(name="paused", reads=(), judge=_paused)
_ARCHIVED: Check[LifecycleFacts] = Check(name="archived", reads=("claims",), judge=_archived)
