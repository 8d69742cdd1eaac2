# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The teams' monitoring as a capability. Pure."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    MONITORING,
    MONITORING_ALPHA,
    MONITORING_GROUP,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Capability,
    Kinds,
    Offline,
    Situation,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    CORE,
    DISRUPTION,
    NETWORKING,
    RBAC,
    in_shared,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import (
    GRAFANA_RESOURCES,
    RESOURCES_OPTION,
    Resources,
    resources,
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
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.archive import archive_claims
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.closing import (
    CLOSING_RIGHTS,
    api_server_addresses,
    closing_guard,
    public_ipv6_guard,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    parse_only,
    parse_team_set,
    require_team,
    weights_on,
    with_sidecars,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.growth import grow_volumes
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.network import (
    CLUSTER_EGRESS_OPTION,
    EVERYWHERE,
    ClusterEgress,
    asks_for_api_server,
    parse_cluster_egress,
    with_api_server,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.objects import (
    own_objects,
    team_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.policy import (
    PARTS,
    VolumeClaims,
    instances_of,
    is_of_other_teams,
    running,
    team_guard,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.routes import (
    NO_ROUTING,
    RECEIVER_OPTIONS,
    ROUTE_OPTIONS,
    Routing,
    parse_default_routing,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.rules import (
    RuleSet,
    Written,
    sets_of_files,
    written,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.selected import (
    selected_namespaces,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sending import (
    SIDECAR_OPTIONS,
    parse_serving,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.strategy import (
    STRATEGY_RIGHTS,
    strategy_guard,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.find import OPERATOR_RIGHTS
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.guard import instance_guard
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.handover import change_instances
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.replace import key_of_name
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import (
    OPERATORS_OPTION,
    checked_operators,
    controller_id,
    shared_out,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.rules import RuleText
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

JsonObject = dict[str, t.Any]

NAME = "teams"
WRITE_OPTIONS: JsonObject = {
    "team": {"type": "str", "required": True},
    "remote_write": {"type": "list", "elements": "dict", "default": []},
    "sidecar": {"type": "dict", "options": SIDECAR_OPTIONS},
}
KINDS: Kinds = (
    (CORE, "LimitRange"),
    (CORE, "Namespace"),
    (CORE, "ResourceQuota"),
    (CORE, "Service"),
    (CORE, "ServiceAccount"),
    (NETWORKING, "NetworkPolicy"),
    (DISRUPTION, "PodDisruptionBudget"),
    (RBAC, "Role"),
    (RBAC, "RoleBinding"),
    (MONITORING, "Alertmanager"),
    (MONITORING, "PodMonitor"),
    (MONITORING, "Probe"),
    (MONITORING, "Prometheus"),
    (MONITORING, "PrometheusRule"),
    (MONITORING, "ServiceMonitor"),
    (MONITORING_ALPHA, "AlertmanagerConfig"),
    (MONITORING_ALPHA, "PrometheusAgent"),
)
OPTIONS: JsonObject = {
    **TEAM_SET_OPTIONS,
    "base_rules": {"type": "list", "elements": "dict", "default": []},
    "writes": {"type": "list", "elements": "dict", "default": [], "options": WRITE_OPTIONS},
    "receiving": {"type": "list", "elements": "str", "default": []},
    "querying": {"type": "list", "elements": "str", "default": []},
    "grafanas": {"type": "list", "elements": "dict", "default": []},
    "api_server_sources": {"type": "list", "elements": "dict", "default": [], "options": API_SERVER_OPTIONS},
    "rules_contents": {"type": "dict"},
    "promtool": {"type": "path"},
    "egress": CLUSTER_EGRESS_OPTION,
    "default_receivers": {"type": "list", "elements": "dict", "default": [], "options": RECEIVER_OPTIONS},
    "default_route": {"type": "dict", "default": {}, "options": ROUTE_OPTIONS},
    "only": {"type": "list", "elements": "str", "default": []},
    "prune": {"type": "bool", "default": False},
    "prune_max_percent": {"type": "int", "default": 50},
    "remove_volume_claims": {"type": "bool", "default": False},
    "replaced_operators": {"type": "list", "elements": "str", "default": []},
    **OPERATORS_OPTION,
}


@dataclass(frozen=True, kw_only=True)
class FleetTeams:
    """All *teams* of the fleet, of which a run makes those named in *only* (all where it is empty) in one *cluster*.

    *api_server*: where the API server's requests to the instances come from. *writes*: by team the remoteWrite of its
    Prometheus here. *receiving*: the teams whose Prometheus here takes what others write. *querying*: those that have
    a Thanos Query here. *grafanas*: by team what its Grafana asks for. *files*: by team the rules of its files.
    *routing*: where the alerts of teams go that do not say so themselves. *egress*: what all instances may connect to.
    """

    teams: tuple[Team, ...]
    cluster: str
    base_rules: t.Sequence[JsonObject]
    only: frozenset[str]
    api_server: tuple[ApiServerSource, ...] = ()
    writes: t.Mapping[str, tuple[JsonObject, ...]] = field(default_factory=dict)
    receiving: frozenset[str] = frozenset()
    querying: frozenset[str] = frozenset()
    grafanas: t.Mapping[str, Resources] = field(default_factory=dict)
    files: t.Mapping[str, tuple[RuleSet, ...]] = field(default_factory=dict)
    routing: Routing = NO_ROUTING
    egress: ClusterEgress = EVERYWHERE

    @property
    def wanted(self) -> list[Team]:
        """The teams that this run is about."""
        return [team for team in self.teams if not self.only or team.name in self.only]


def parse(params: t.Mapping[str, t.Any], errors: Errors) -> FleetTeams:
    """The teams from a module's parameters."""
    teams = _served(
        parse_team_set(params, errors=errors),
        cluster=params["cluster"],
        operators=checked_operators(params["operators"], errors=errors),
    )
    writes = _writes(params["writes"], teams=teams, errors=errors)
    return FleetTeams(
        teams=_with_sidecars(teams, params["writes"], errors=errors),
        cluster=params["cluster"],
        base_rules=params["base_rules"],
        only=parse_only(params["only"], teams=teams, errors=errors),
        api_server=parse_api_server_sources(params["api_server_sources"], errors=errors),
        writes=writes,
        receiving=_named("receiving", params, teams=teams, errors=errors),
        querying=_named("querying", params, teams=teams, errors=errors),
        grafanas=_grafanas(params["grafanas"]),
        files={
            team.name: sets_of_files(team.own, params["rules_contents"], errors=errors)
            for team in teams
            if team.own.files and params["rules_contents"] is not None
        },
        egress=parse_cluster_egress(params["egress"], errors=errors),
        routing=parse_default_routing(
            params["default_receivers"], params["default_route"], path="default_", errors=errors
        ),
    )


def _served(teams: t.Sequence[Team], *, cluster: str, operators: int) -> tuple[Team, ...]:
    """The *teams* with the ids of those of several *operators* that have their instances in a *cluster*."""
    if not operators:
        return tuple(teams)
    assigned = shared_out(weights_on(teams, cluster), operators=operators)
    return tuple(
        replace(team, controller_id=controller_id(assigned[team.name])) if team.name in assigned else team
        for team in teams
    )


def require(model: FleetTeams, params: t.Mapping[str, t.Any], errors: Errors) -> None:
    """Note in *errors* what a run lacks: the contents of files, and somewhere to send for an agent."""
    for team in model.teams:
        if team.own.files and params["rules_contents"] is None:
            errors.add("rules_contents", "is missing: the action plugin of this collection reads rules_files for it")
        part = team.prometheus
        if team.sends_on(model.cluster) and not part.serves and not part.remote_write and team.name not in model.writes:
            errors.add(
                f"{team.path}.prometheus.remote_write",
                f"is required where mode is {part.mode}, or a source of federation with transport: remote_write: "
                "an agent keeps nothing",
            )
        ends = {entry["url"] for entry in model.writes.get(team.name, ())}
        for entry in part.remote_write:
            if entry.url in ends:
                errors.add(f"{entry.path}.url", "is where federation writes to already (transport: remote_write)")


def rules_of(model: FleetTeams) -> list[RuleText]:
    """The rules that users wrote, of all teams that have an instance in this cluster."""
    return [
        rules.text(team.name)
        for team in model.teams
        if team.enabled and team.active_on(model.cluster)
        for rules in (*team.own.rules, *model.files.get(team.name, ()))
    ]


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


def _with_sidecars(
    teams: t.Sequence[Team], raw: t.Sequence[t.Mapping[str, t.Any]], *, errors: Errors
) -> tuple[Team, ...]:
    """The *teams*, those whose series others query with a sidecar that serves them."""
    serving = {
        values["team"]: parse_serving(values["sidecar"], path=f"writes[{number}].sidecar", errors=errors)
        for number, values in enumerate(raw)
        if values.get("sidecar") is not None
    }
    return with_sidecars(teams, serving)


def _grafanas(raw: t.Sequence[t.Mapping[str, t.Any]]) -> dict[str, Resources]:
    """What the Grafanas of teams ask for, by the names of the teams. What is wrong with them their own check says."""
    found: dict[str, Resources] = {}
    for entry in raw:
        problems = Errors()
        values = validate_mapping(
            entry.get("resources") or {}, RESOURCES_OPTION["options"], path="any", errors=problems
        )
        asked = resources(values, default=GRAFANA_RESOURCES, path="any", errors=problems)
        found[str(entry.get("team"))] = asked if problems.is_good("any") else GRAFANA_RESOURCES
    return found


def _named(option: str, params: t.Mapping[str, t.Any], *, teams: t.Sequence[Team], errors: Errors) -> frozenset[str]:
    """The teams that an *option* names."""
    for number, name in enumerate(params[option]):
        require_team(name, teams=teams, path=f"{option}[{number}]", errors=errors)
    return frozenset(params[option])


def desired(model: FleetTeams) -> list[JsonObject]:
    """All objects of the teams that a run is about."""
    found: list[JsonObject] = []
    for team in model.wanted:
        found += team_objects(
            team,
            cluster=model.cluster,
            base_rules=model.base_rules,
            api_server=model.api_server,
            writes=model.writes.get(team.name, ()),
            receives=team.name in model.receiving,
            queries=team.name in model.querying,
            grafana=model.grafanas.get(team.name),
            routing=model.routing,
            egress=model.egress,
        )
        found += [one.obj for one in _written(model, team)]
    return found


def _written(model: FleetTeams, team: Team) -> list[Written]:
    if not team.enabled or not team.active_on(model.cluster):
        return []
    return written(team.own, model.files.get(team.name, ()), team=team.name)


def written_by_teams(model: FleetTeams) -> list[Written]:
    """The rules and monitors that the inventory has for the teams of this run, in this cluster."""
    return [one for team in model.wanted for one in _written(model, team)]


def _selected(model: FleetTeams, situation: Situation) -> list[JsonObject]:
    """What the teams that a run is about have in namespaces that only their labels make theirs."""
    found = selected_namespaces(situation.cluster, model.teams, name=model.cluster)
    objects = [obj for team in model.wanted for obj in own_objects(team, found.get(team.name, ()))]
    return in_shared(objects, situation.params.get("shared_namespaces") or ())


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
        request = request.doing(grow_volumes)
        lost = {
            Key(MONITORING_GROUP, kind, team.namespace, team.resource_name(kind))
            for team in model.wanted
            for kind, part in PARTS.items()
            if part in team.lifecycle.may_lose
        }
        request = request.doing(functools.partial(archive_claims, desired=request.desired, may_lose=lost))
        request = request.doing(functools.partial(change_instances, fleet=request.owner.fleet, check=situation.check))
        selected = _selected(model, situation)
        if selected:
            request = request.wanting([*request.desired, *selected])
        if asks_for_api_server(request.desired):
            addresses = api_server_addresses(situation.cluster)
            request = request.wanting(with_api_server(request.desired, addresses))
            request = request.guarded(public_ipv6_guard(addresses, ranges=model.egress.ranges))
        request = request.guarded(closing_guard(situation.cluster), reads=CLOSING_RIGHTS)
        request = request.guarded(strategy_guard(situation.cluster, to_come=situation.to_come), reads=STRATEGY_RIGHTS)
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


def offline(model: FleetTeams, known: Offline) -> list[JsonObject]:
    """The same objects; what a run reads from the cluster for them must be given."""
    objects = desired(model)
    if asks_for_api_server(objects):
        known.errors.add(
            "egress.api_server",
            "is required here: without a cluster the addresses to which Prometheus may go are not known; each has cidr "
            "and ports, as in `kubectl get endpoints kubernetes`",
        )
    for team in model.wanted:
        if team.tenancy.selector and team.active_on(model.cluster):
            known.errors.add(
                f"teams (namespace_selector of {team.name!r})",
                "cannot be used here: which namespaces it finds only the cluster knows; list them in namespaces",
            )
    return objects


_ANY_PODS = {"selector": {"matchLabels": {"app": "any"}}}
_ANY_MONITORS: dict[str, JsonObject] = {
    "PodMonitor": {**_ANY_PODS, "podMetricsEndpoints": [{"port": "any"}]},
    "Probe": {"prober": {"url": "any:9115"}, "targets": {"staticConfig": {"static": ["any"]}}},
    "ServiceMonitor": {**_ANY_PODS, "endpoints": [{"port": "any"}]},
}
TEAMS: Capability[FleetTeams] = Capability(
    name=NAME,
    kinds=KINDS,
    options=OPTIONS,
    parse=parse,
    desired=desired,
    policy=policy,
    offline=offline,
    require=require,
    rules=rules_of,
    module="team_monitoring",
    role="team_monitoring",
    account="promfleet-teams",
    example={
        "teams": [
            {
                "name": "any",
                "namespaces": ["any"],
                "groups": ["any"],
                "scrape_configs": True,
                "prometheus": {"replicas": 2},
                "monitors": [{"kind": kind, "name": "any", "spec": spec} for kind, spec in _ANY_MONITORS.items()],
            },
            {
                "name": "agent",
                "prometheus": {"mode": "agent", "remote_write": [{"name": "any", "url": "https://example.com"}]},
                "alertmanager": {"enabled": False},
            },
        ],
        "egress": {"api_server": [{"cidr": "192.0.2.1/32", "ports": [6443]}]},
        "default_receivers": [{"name": "any", "webhook": {"url": "https://alerts.example.com/"}}],
        "cluster": "any",
        "clusters": ["any"],
        "base_rules": [{"name": "any", "rules": [{"record": "any:up", "expr": "up"}]}],
    },
    variables={
        "rules_contents": None,
        "base_rules": None,
        "replaced_operators": None,
        "operators": "prometheus_operator_count",
        "writes": None,
        "receiving": None,
        "querying": None,
        "grafanas": None,
    },
    # What federates an instance, what it watches, and its Grafana live in its namespace, and are deleted with it.
    neighbours=("federation", "federation-source", "federation-write", "grafana", "workloads"),
)
