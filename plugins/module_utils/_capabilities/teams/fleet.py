# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules share that need to know the fleet's teams: one group of options, one way to read it. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import NAMESPACE_PREFIX, PLATFORM_TEAM
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import (
    PLATFORM_OPTIONS,
    TEAM_OPTIONS,
    Team,
    parse_clusters,
    parse_fleet_teams,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest

TEAM_SET_OPTIONS: dict[str, dict[str, t.Any]] = {
    "teams": {"type": "list", "elements": "dict", "default": [], "options": TEAM_OPTIONS},
    "platform": {"type": "dict", "default": {}, "options": PLATFORM_OPTIONS},
    "platform_team": {"type": "str", "default": PLATFORM_TEAM},
    "namespace_prefix": {"type": "str", "default": NAMESPACE_PREFIX},
    "cluster": {"type": "str", "required": True},
    "clusters": {"type": "list", "elements": "str", "required": True},
}


def parse_team_set(params: t.Mapping[str, t.Any]) -> tuple[Team, ...]:
    """The platform's team and all others from a module's parameters; raises InputError."""
    clusters = parse_clusters(params["clusters"])
    if params["cluster"] not in clusters:
        raise InputError("cluster", f"unknown cluster {params['cluster']!r}; {nearest(params['cluster'], clusters)}")
    return parse_fleet_teams(
        params["teams"],
        params["platform"],
        clusters=clusters,
        platform_team=params["platform_team"],
        namespace_prefix=params["namespace_prefix"],
    )


def team_named(name: str, *, teams: t.Sequence[Team], path: str) -> Team:
    """The team of this name; raises InputError with a hint where there is none."""
    found = next((team for team in teams if team.name == name), None)
    if found is None:
        raise InputError(path, f"unknown team {name!r}; {nearest(name, [team.name for team in teams])}")
    return found


def parse_only(names: t.Sequence[str], *, teams: t.Sequence[Team], path: str) -> frozenset[str]:
    """The teams that a run is restricted to, none for all; raises InputError where one of them is unknown."""
    return frozenset(team_named(name, teams=teams, path=f"{path}[{number}]").name for number, name in enumerate(names))
