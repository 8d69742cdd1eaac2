# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The teams' monitoring as a capability. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Capability,
    Kinds,
    Situation,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    CORE,
    NETWORKING,
    RBAC,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.adoption import (
    refuse_losses,
    remarks,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.api_server import (
    API_SERVER_OPTIONS,
    ApiServerSource,
    parse_api_server_sources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    parse_only,
    parse_team_set,
    require_team,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.objects import team_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.policy import (
    VolumeClaims,
    instances_of,
    is_of_other_teams,
    running,
    team_guard,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.find import OPERATOR_RIGHTS
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.guard import instance_guard
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.replace import key_of_name
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

JsonObject = dict[str, t.Any]

NAME = "teams"
WRITE_OPTIONS: JsonObject = {
    "team": {"type": "str", "required": True},
    "remote_write": {"type": "list", "elements": "dict", "required": True},
}
KINDS: Kinds = (
    (CORE, "Namespace"),
    (CORE, "ResourceQuota"),
    (CORE, "Service"),
    (CORE, "ServiceAccount"),
    (NETWORKING, "NetworkPolicy"),
    (RBAC, "Role"),
    (RBAC, "RoleBinding"),
    (MONITORING, "Alertmanager"),
    (MONITORING, "Prometheus"),
    (MONITORING, "PrometheusRule"),
    (MONITORING, "ServiceMonitor"),
)
OPTIONS: JsonObject = {
    **TEAM_SET_OPTIONS,
    "base_rules": {"type": "list", "elements": "dict", "default": []},
    "writes": {"type": "list", "elements": "dict", "default": [], "options": WRITE_OPTIONS},
    "receiving": {"type": "list", "elements": "str", "default": []},
    "api_server_sources": {"type": "list", "elements": "dict", "default": [], "options": API_SERVER_OPTIONS},
    "only": {"type": "list", "elements": "str", "default": []},
    "prune": {"type": "bool", "default": False},
    "prune_max_percent": {"type": "int", "default": 50},
    "remove_volume_claims": {"type": "bool", "default": False},
    "replaced_operators": {"type": "list", "elements": "str", "default": []},
}


@dataclass(frozen=True, kw_only=True)
class FleetTeams:
    """All *teams* of the fleet, of which a run makes those named in *only* (all where it is empty) in one *cluster*.

    *api_server*: where the API server's requests to the instances come from. *writes*: by team the remoteWrite of its
    Prometheus here. *receiving*: the teams whose Prometheus here takes what others write.
    """

    teams: tuple[Team, ...]
    cluster: str
    base_rules: t.Sequence[JsonObject]
    only: frozenset[str]
    api_server: tuple[ApiServerSource, ...] = ()
    writes: t.Mapping[str, tuple[JsonObject, ...]] = field(default_factory=dict)
    receiving: frozenset[str] = frozenset()

    @property
    def wanted(self) -> list[Team]:
        """The teams that this run is about."""
        return [team for team in self.teams if not self.only or team.name in self.only]


def parse(params: t.Mapping[str, t.Any], errors: Errors) -> FleetTeams:
    """The teams from a module's parameters."""
    teams = parse_team_set(params, errors=errors)
    return FleetTeams(
        teams=teams,
        cluster=params["cluster"],
        base_rules=params["base_rules"],
        only=parse_only(params["only"], teams=teams, errors=errors),
        api_server=parse_api_server_sources(params["api_server_sources"], errors=errors),
        writes=_writes(params["writes"], teams=teams, errors=errors),
        receiving=_receiving(params["receiving"], teams=teams, errors=errors),
    )


def _writes(
    raw: t.Sequence[t.Mapping[str, t.Any]], *, teams: t.Sequence[Team], errors: Errors
) -> dict[str, tuple[JsonObject, ...]]:
    found: dict[str, tuple[JsonObject, ...]] = {}
    for number, values in enumerate(raw):
        place = f"writes[{number}].team"
        require_team(values["team"], teams=teams, path=place, errors=errors)
        if values["team"] in found:
            errors.add(place, f"{values['team']!r} is in the list already")
        found[values["team"]] = tuple(values["remote_write"])
    return found


def _receiving(names: t.Sequence[str], *, teams: t.Sequence[Team], errors: Errors) -> frozenset[str]:
    for number, name in enumerate(names):
        require_team(name, teams=teams, path=f"receiving[{number}]", errors=errors)
    return frozenset(names)


def desired(model: FleetTeams) -> list[JsonObject]:
    """All objects of the teams that a run is about."""
    return [
        obj
        for team in model.wanted
        for obj in team_objects(
            team,
            cluster=model.cluster,
            base_rules=model.base_rules,
            api_server=model.api_server,
            writes=model.writes.get(team.name, ()),
            receives=team.name in model.receiving,
        )
    ]


def policy(request: Request, model: FleetTeams | None, situation: Situation) -> Request:
    """Keep the objects of other teams, refuse to remove more than was allowed, and add volume claims where asked to.

    Instances are refused where an operator of others would reconcile them.
    """
    params = situation.params
    if model is not None:
        request = request.guarded(
            team_guard(
                known_teams={team.name for team in model.teams},
                prune=params["prune"],
                max_percent=params["prune_max_percent"],
            )
        )
        # Only a run that has really stopped them may count on it.
        replaced = [key_of_name(name) for name in params["replaced_operators"]] if situation.check else []
        request = request.guarded(instance_guard(situation.cluster, replaced=replaced), reads=OPERATOR_RIGHTS)
        request = request.guarded(refuse_losses).guarded(remarks)
    # What is removed need not be listed any more.
    only = frozenset(params["only"]) if model is None else model.only
    if only:
        request = request.keeping(is_of_other_teams(only), reason="this run is limited to " + ", ".join(sorted(only)))
    if params["remove_volume_claims"]:
        possible = {
            instance
            for team in (model.wanted if model is not None else ())
            if team.active_on(params["cluster"])
            for instance in instances_of(
                team.name,
                namespace=team.namespace,
                prometheus=team.prometheus.name,
                alertmanager=team.alertmanager.name,
            )
        }
        unwanted = possible - set(map(key_of, request.desired))
        # What exists all the same is deleted by this run, or was released and has its data still.
        unwanted -= running(situation.cluster, unwanted)
        claims = VolumeClaims(situation.cluster, unwanted=unwanted)
        request = request.removing(removable=claims.removable, extra_deletes=claims.find)
    return request


TEAMS: Capability[FleetTeams] = Capability(
    name=NAME,
    kinds=KINDS,
    options=OPTIONS,
    parse=parse,
    desired=desired,
    policy=policy,
    module="team_monitoring",
    role="team_monitoring",
    account="promfleet-teams",
    example={
        "teams": [{"name": "any", "namespaces": ["any"], "groups": ["any"]}],
        "cluster": "any",
        "clusters": ["any"],
        "base_rules": [{"name": "any", "rules": [{"record": "any:up", "expr": "up"}]}],
    },
    variables={"base_rules": None, "replaced_operators": None, "writes": None, "receiving": None},
    # What federates a team's instance lives in the instance's namespace, and is deleted with it.
    neighbours=("federation", "federation-source", "federation-write"),
)
