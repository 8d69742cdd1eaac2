# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of a source that writes: whether the central Prometheus takes its series, and has them. Pure.

Nothing reads such a source, so there is no target whose health says something: what counts is what has arrived.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Check, Fact, Facts, known
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.targets import Stored
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class WrittenFacts(Facts):
    """One source that writes to the Prometheus *receiver*, in the place *scope_of*.

    *rules*: the object that says how many replicas must write. *prometheus*: the live receiver. *replicas*: of how many
    of them a fresh sample has arrived.
    """

    scope_of: tuple[str, ...]
    receiver: Subject
    rules: Subject
    wanted: FederationTargetSet
    prometheus: Fact[JsonObject | None]
    replicas: Fact[int]
    stored: Fact[Stored]

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
        """What the central side has of it."""
        return self.rules

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return WRITTEN_CHECKS


def _receives(facts: WrittenFacts) -> list[Finding] | None:
    live = known(facts.prometheus)
    if live is None:
        return None
    if (live.get("spec") or {}).get("enableRemoteWriteReceiver") is True:
        return []
    return [found("PF392", facts.receiver, source=facts.source)]


def _arrives(facts: WrittenFacts) -> list[Finding]:
    replicas, stored = known(facts.replicas), known(facts.stored)
    if replicas >= facts.wanted.writers:
        return []
    expected, limit = facts.wanted.writers, f"{stored.within:.0f}"
    return [found("PF393", facts.object, source=facts.source, found=replicas, expected=expected, limit=limit)]


WRITTEN_CHECKS: tuple[Check[WrittenFacts], ...] = (
    Check(name="federation_receives", reads=("prometheus",), judge=_receives),
    Check(name="federation_written", reads=("replicas", "stored"), judge=_arrives),
)
