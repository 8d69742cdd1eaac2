# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check for what the central side still reads of clusters that left the inventory. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    FIELD_MANAGER,
    MANAGED_BY_LABEL,
    SOURCE_CLUSTER_LABEL,
    SOURCE_TEAM_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    Fact,
    Facts,
    Unobserved,
    known,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class LeftoverFacts(Facts):
    """What one instance reads: kind, name, cluster and team of each monitor that federation made.

    *clusters*: all of the inventory.
    """

    cluster: str
    instance: tuple[str, ...]
    namespace: str
    name: str
    clusters: tuple[str, ...]
    monitors: Fact[t.Sequence[t.Sequence[str]]]

    @property
    def scope(self) -> tuple[str, ...]:
        """The instance that reads them."""
        return self.instance

    @property
    def object(self) -> Subject:
        """The Prometheus that reads them."""
        return self.subject("Prometheus", self.name)

    def subject(self, kind: str, name: str) -> Subject:
        """An object of the instance's namespace."""
        return Subject(cluster=self.cluster, kind=kind, namespace=self.namespace, name=name)

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of them."""
        return LEFTOVER_CHECKS


def monitors_of_sources(*objects: Fact[t.Sequence[JsonObject]]) -> Fact[tuple[tuple[str, ...], ...]]:
    """Kind, name, cluster and team of the monitors that federation made, of all kinds in *objects*."""
    rows = []
    for some in objects:
        if isinstance(some, Unobserved):
            return some
        for one in some:
            labels = one["metadata"].get("labels") or {}
            if labels.get(MANAGED_BY_LABEL) == FIELD_MANAGER and labels.get(SOURCE_CLUSTER_LABEL):
                names = (labels[SOURCE_CLUSTER_LABEL], labels.get(SOURCE_TEAM_LABEL, ""))
                rows.append((str(one["kind"]), str(one["metadata"]["name"]), *map(str, names)))
    return tuple(sorted(rows))


def _known_clusters(facts: LeftoverFacts) -> list[Finding]:
    return [
        found("PF318", facts.subject(kind, name), source=f"{cluster}/{team}", left=cluster)
        for kind, name, cluster, team in known(facts.monitors)
        if cluster not in facts.clusters
    ]


LEFTOVER_CHECKS: tuple[Check[LeftoverFacts], ...] = (
    Check(name="federation_known", reads=("monitors",), judge=_known_clusters),
)
