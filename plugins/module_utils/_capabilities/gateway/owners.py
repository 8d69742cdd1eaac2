# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""On which clusters the namespaces of a team are its own. Pure.

The team model gives a namespace to one team at most, and the namespaces of a team are the same on all of its clusters.
On a cluster that the team is not on, a namespace of the same name is not known to be the team's. And the inventory may
give a host another list of teams than others have: then that list decides for the host's cluster.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import parse_team_set
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors


def owned_on(
    params: t.Mapping[str, t.Any], teams: t.Sequence[Team], clusters: t.Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """By team those of *clusters* on which all of its namespaces are its own.

    *params* are a module's parameters (TEAM_SET_OPTIONS, ``teams_elsewhere``), *teams* what they say of this cluster.
    """
    elsewhere = {name: _teams_on(params, name) for name in clusters if name in params["teams_elsewhere"]}
    return {
        team.name: tuple(
            name
            for name in clusters
            if (_owns(team, elsewhere[name], name) if name in elsewhere else team.active_on(name))
        )
        for team in teams
    }


def _teams_on(params: t.Mapping[str, t.Any], cluster: str) -> tuple[Team, ...]:
    """The teams of a cluster with a list of its own; none where something is wrong with it, which its own host says."""
    errors = Errors()
    raw = params["teams_elsewhere"][cluster]
    found = parse_team_set({**params, "teams": raw, "cluster": cluster}, errors=errors)
    return () if errors.sorted() else found


def _owns(team: Team, there: t.Iterable[Team], cluster: str) -> bool:
    """Whether the teams *there* have this one with its namespaces."""
    return any(
        one.name == team.name and one.active_on(cluster) and {*team.namespaces} <= {*one.namespaces} for one in there
    )
