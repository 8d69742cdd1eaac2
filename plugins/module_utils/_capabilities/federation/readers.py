# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Readers: the teams whose instances on the central cluster federate a source. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team


def readers_of(
    into: t.Sequence[str], *, of: tuple[str, str], cluster: str, central: Team, teams: t.Sequence[Team]
) -> tuple[Team, ...]:
    """The teams whose instances in *cluster* read a source *of* a cluster and team; *central* if *into* names none.

    A named team that has no instance there reads nothing there. No instance reads itself.
    """
    named = [team.on(cluster) for team in teams if team.name in into and team.runs_prometheus_on(cluster)]
    found = named if into else [central]
    return tuple(team for team in found if (cluster, team.name) != of)


def cannot_read(team: Team, *, centrals: t.Sequence[str]) -> str | None:
    """Why no instance of *team* on the central clusters can read a source; None where there is one.

    A team that is switched off or archived will be back, and until then reads nothing.
    """
    if not centrals or not team.enabled or any(team.on(cluster).lifecycle.is_archived for cluster in centrals):
        return None
    if any(team.runs_prometheus_on(cluster) for cluster in centrals):
        # Its Prometheus finds targets in the API server, and has no right to that.
        return None if team.rbac else f"{team.name!r} may not discover targets: its rbac is false"
    if not team.prometheus.enabled:
        return f"{team.name!r} has no Prometheus that could read it: prometheus.enabled is false"
    if not team.prometheus.serves:
        return f"{team.name!r} has a PrometheusAgent, which keeps nothing: prometheus.mode is {team.prometheus.mode}"
    return f"{team.name!r} has no Prometheus on {first_of(centrals)}; its clusters are {first_of(team.clusters)}"
