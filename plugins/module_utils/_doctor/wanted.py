# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a look at a cluster is to find there. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    MONITORING,
    MONITORING_ALPHA,
    operator_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import (
    Source,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import (
    Team,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.observation import (
    Observation,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import (
    Subject,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import operator_parts

JsonObject = dict[str, t.Any]

# The custom resources that the collection makes.
NEEDED_KINDS = {
    MONITORING: ("Alertmanager", "Prometheus", "PrometheusRule", "ServiceMonitor"),
    MONITORING_ALPHA: ("AlertmanagerConfig", "ScrapeConfig"),
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be there: the operator's namespace, the instances, and the sources that *central* federates.

    *operators*: how many share the instances; 0 for a single one.
    *others*: other instances of this cluster that federate, with their sources. *exposed*: the sources of this cluster.
    *peers*: what was seen of the workers, None where the other side is not asked for; *workers* are all that there are
    to be. *changes*: whether what is being changed right now excuses what does not work yet.
    """

    cluster: str
    operator_namespace: str
    operators: int = 0
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
    def operator_names(self) -> tuple[str, ...]:
        """The Deployments of the operator, or of all of several."""
        return tuple(map(operator_name, operator_parts(self.operators)))

    @property
    def federating(self) -> tuple[tuple[Team, tuple[FederationTargetSet, ...]], ...]:
        """The instances that federate, with their sources; the central one is the first."""
        return tuple((team, sources) for team, sources in ((self.central, self.sources), *self.others) if sources)

    @property
    def guarded_by_policies(self) -> tuple[str, ...]:
        """The sources of this cluster (cluster/team) that network policies alone guard, and no client certificate."""
        return tuple(
            f"{self.cluster}/{source.team}"
            for source, _team in self.exposed
            if source.expose != "Existing" and source.proxy is None and not source.writes and not source.is_queried
        )

    def subject(self, team: Team) -> Subject:
        """The Prometheus of a team, or its agent."""
        one = team.prometheus
        return Subject(cluster=self.cluster, kind=one.kind, namespace=team.namespace, name=one.name)

    @property
    def asked(self) -> tuple[Team, ...]:
        """The teams whose Prometheus is asked, each once: the central one may not be among those that are looked at."""
        asked = {team.name: team for team in self.teams if team.prometheus.enabled and not team.lifecycle.is_archived}
        asked |= {team.name: team for team, _sources in self.federating}
        return tuple(asked.values())


def reference(api_version: str, kind: str, namespace: str, name: str) -> JsonObject:
    """What names a live object."""
    return {"apiVersion": api_version, "kind": kind, "metadata": {"namespace": namespace, "name": name}}


def parts_of(team: Team) -> list[str]:
    """The kinds of a team's custom resources."""
    parts = {team.prometheus.kind: team.prometheus.enabled, "Alertmanager": team.alertmanager.enabled}
    return [kind for kind, enabled in parts.items() if enabled]
