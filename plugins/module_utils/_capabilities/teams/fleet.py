# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules share that need to know the fleet's teams: one group of options, one way to read it. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import NAMESPACE_PREFIX, PLATFORM_TEAM
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.names import (
    prefix_of_namespaces,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import (
    PLATFORM_OPTIONS,
    TEAM_OPTIONS,
    FleetSettings,
    Team,
    parse_clusters,
    parse_fleet_teams,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.placement import (
    CLUSTER_FACTS_OPTION,
    parse_cluster_facts,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.pods import (
    POD_OPTIONS,
    PodSettings,
    pod_settings,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sending import Serving, Thanos
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sizes import parse_sizes
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest, require

TEAM_SET_OPTIONS: dict[str, dict[str, t.Any]] = {
    "teams": {"type": "list", "elements": "dict", "default": [], "options": TEAM_OPTIONS},
    "platform": {"type": "dict", "default": {}, "options": PLATFORM_OPTIONS},
    "platform_team": {"type": "str", "default": PLATFORM_TEAM},
    "namespace_prefix": {"type": "str", "default": NAMESPACE_PREFIX},
    "cluster": {"type": "str", "required": True},
    "clusters": {"type": "list", "elements": "str", "required": True},
    "sizes": {"type": "dict", "default": {}},
    "pods": {"type": "dict", "default": {}, "options": POD_OPTIONS},
    "cluster_facts": CLUSTER_FACTS_OPTION,
}


# The variables of roles that other roles give to these options too.
TEAM_SET_VARIABLES = {
    "teams": "team_monitoring_teams",
    "platform": "team_monitoring_platform",
    "namespace_prefix": "team_monitoring_namespace_prefix",
    "sizes": "team_monitoring_sizes",
    "pods": "team_monitoring_pods",
}


def parse_team_set(params: t.Mapping[str, t.Any], *, errors: Errors | None = None) -> tuple[Team, ...]:
    """The platform's team and all others from a module's parameters (TEAM_SET_OPTIONS), as they are in its cluster.

    What is wrong is noted in *errors*, or raised as InputError. A team with errors is a team.
    """
    with Collecting(errors) as found:
        clusters = parse_clusters(params["clusters"], errors=found)
        if found.is_good("clusters") and params["cluster"] not in clusters:
            found.add("cluster", f"unknown cluster {params['cluster']!r}; {nearest(params['cluster'], clusters)}")
        prefix = require(prefix_of_namespaces, params["namespace_prefix"], path="namespace_prefix", errors=found)
        settings = FleetSettings(
            pods=pod_settings(params["pods"], default=PodSettings(), path="pods", errors=found),
            sizes=parse_sizes(params["sizes"], path="sizes", errors=found),
            facts=parse_cluster_facts(
                params["cluster_facts"], clusters=params["clusters"], path="cluster_facts", errors=found
            ),
        )
        teams = parse_fleet_teams(
            params["teams"],
            params["platform"],
            clusters=params["clusters"],
            platform_team=params["platform_team"],
            # What follows from a bad prefix is not the teams' fault.
            namespace_prefix=prefix if found.is_good("namespace_prefix") else NAMESPACE_PREFIX,
            settings=settings,
            errors=found,
        )
        return tuple(team.on(params["cluster"]) for team in teams)


def weights_on(teams: t.Iterable[Team], cluster: str) -> dict[str, int]:
    """The weights by which the teams of a *cluster* are shared out among operators.

    Teams that are switched off count too: the flag of one must not move the instances of others.
    """
    return {team.name: team.weight for team in teams if team.active_on(cluster)}


def team_named(name: str, *, teams: t.Sequence[Team], path: str, errors: Errors | None = None) -> Team:
    """The team of this name. Where there is none that is an error with a hint, and the result the platform's."""
    with Collecting(errors) as found:
        require_team(name, teams=teams, path=path, errors=found)
        return next((team for team in teams if team.name == name), teams[0])


def require_team(name: str, *, teams: t.Sequence[Team], path: str, errors: Errors) -> None:
    """Note it in *errors* where no team has this *name*."""
    names = [team.name for team in teams if team.name]
    if name not in names:
        errors.add(path, f"unknown team {name!r}; {nearest(name, names)}")


def parse_only(names: t.Sequence[str], *, teams: t.Sequence[Team], errors: Errors) -> frozenset[str]:
    """The teams that a run is restricted to, none for all; those that are unknown are noted in *errors*."""
    for number, name in enumerate(names):
        require_team(name, teams=teams, path=f"only[{number}]", errors=errors)
    return frozenset(names)


def with_sidecars(teams: t.Iterable[Team], serving: t.Mapping[str, Serving]) -> tuple[Team, ...]:
    """*teams*, those in *serving* with a sidecar that serves others so. An agent has none."""
    return tuple(
        replace(
            team, prometheus=replace(team.prometheus, thanos=replace(given or Thanos(), serving=serving[team.name]))
        )
        if team.name in serving and team.prometheus.serves
        else team
        for team, given in ((team, team.prometheus.thanos) for team in teams)
    )
