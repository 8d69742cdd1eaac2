# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every error in a role's input at once, each with its path. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.connection import AUTH_ARG_SPEC
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import parse_sources
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.model import parse_operator
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    parse_only,
    team_named,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import (
    Team,
    parse_clusters,
    parse_fleet_teams,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import fleet
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.connection import resolve
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest

# The options of the module input_check, which the action plugin of this name needs too.
OPTIONS: dict[str, dict[str, t.Any]] = {
    "role": {"type": "str", "required": True},
    "known": {"type": "list", "elements": "str", "default": []},
    "found": {"type": "list", "elements": "str", "default": []},
    "libraries": {"type": "bool", "default": False},
    "fleet": {"type": "dict", "options": fleet.OPTIONS},
    "connection": {"type": "dict"},
    "operator": {"type": "dict"},
    "teams": {"type": "raw"},
    "only": {"type": "list", "elements": "str", "default": []},
    "platform": {"type": "raw"},
    "platform_team": {"type": "str", "default": "platform"},
    "namespace_prefix": {"type": "str", "default": "monitoring-"},
    "sources": {"type": "raw"},
    "central_team": {"type": "str"},
    "cluster": {"type": "str"},
    "clusters": {"type": "list", "elements": "str", "default": []},
}


def find_errors(
    params: t.Mapping[str, t.Any],
    *,
    environ: t.Mapping[str, str],
    check_match: t.Callable[[str], str | None],
) -> list[str]:
    """What is wrong with the parameters of the module ``input_check``; an empty list where nothing is."""
    role = params["role"]
    errors = [
        f"{name}: unknown variable of the role {role}; {nearest(name, params['known'])}"
        for name in sorted(set(params["found"]) - set(params["known"]))
    ]

    def attempt(parse: t.Callable[[], t.Any]) -> t.Any:
        try:
            return parse()
        except InputError as error:
            errors.append(str(error))
            return None

    if params["fleet"] is not None:
        errors += fleet.fleet_errors(params["fleet"])
    if params["connection"] is not None:
        attempt(lambda: resolve(params["connection"], environ=environ, spec=AUTH_ARG_SPEC))
    if params["operator"] is not None:
        attempt(lambda: parse_operator(params["operator"], path=role))
    teams: t.Sequence[Team] | None = None
    if params["teams"] is not None or params["platform"] is not None:
        clusters = attempt(lambda: parse_clusters(params["clusters"]))
        teams = attempt(lambda: _teams(params, clusters=clusters or ()))
        if teams is not None:
            known = teams
            attempt(lambda: parse_only(params["only"], teams=known, path="team_monitoring_only"))
            if params["central_team"] is not None:
                path = "prometheus_federation_central_team"
                attempt(lambda: team_named(params["central_team"], teams=known, path=path))
    if params["sources"] is not None:
        replicas = None if teams is None else {team.name: team.prometheus.replicas for team in teams}
        attempt(
            lambda: parse_sources(
                params["sources"],
                teams=replicas,
                platform=params["platform_team"],
                path="prometheus_federation_sources",
                check_match=check_match,
            )
        )
    return errors


def _teams(params: t.Mapping[str, t.Any], *, clusters: t.Sequence[str]) -> tuple[Team, ...]:
    return parse_fleet_teams(
        params["teams"],
        params["platform"],
        clusters=clusters,
        platform_team=params["platform_team"],
        namespace_prefix=params["namespace_prefix"],
        path="team_monitoring_teams",
        platform_path="team_monitoring_platform",
    )
