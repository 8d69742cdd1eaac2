# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Grafana gets what: the options, and what becomes of them. Pure."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import GRAFANA
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.credentials import (
    check_references,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import (
    GRAFANA_RESOURCES,
    RESOURCES_OPTION,
    Resources,
    resources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.grafana.settings import (
    ENV_SECRETS_OPTION,
    EnvSecret,
    parse_env_secrets,
    parse_settings,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    parse_team_set,
    require_team,
    team_named,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.network import (
    DESTINATIONS_OPTION,
    Destination,
    parse_destinations,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.pods import (
    SCHEDULING_OPTION,
    Scheduling,
    parse_scheduling,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.web import (
    GATEWAY_OPTION,
    Gateway,
    page_url,
    parse_gateway,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    nearest,
    require,
    require_each,
    text_mapping,
    validate_mapping,
)

JsonObject = dict[str, t.Any]

# How a Grafana that exists gets dashboards and data sources: by its sidecar, or by grafana-operator.
CONFIG_MAPS, OPERATOR = "configmaps", "grafana_operator"
# Dashboards about what a team's Prometheus has no series of: the cluster, and the federation.
OF_THE_PLATFORM = frozenset({"coredns", "fleet-overview", "kubelet", "node-exporter", "prometheus-operator"})

_SCHEDULED = ("affinity", "node_selector", "priority_class", "termination_grace_seconds", "tolerations")
ADMIN_OPTIONS: JsonObject = {
    "secret": {"type": "str", "required": True, "no_log": False},
    "user_key": {"type": "str", "default": "admin-user", "no_log": False},
    "password_key": {"type": "str", "default": "admin-password", "no_log": False},
}
SERVER_OPTIONS: JsonObject = {
    "version": {"type": "str", "default": GRAFANA},
    "admin": {"type": "dict", "options": ADMIN_OPTIONS},
    "root_url": {"type": "str"},
    "settings": {"type": "dict", "default": {}},
    "env_secrets": ENV_SECRETS_OPTION,
    "resources": {**RESOURCES_OPTION, "default": {}},
    "scheduling": {
        "type": "dict",
        "options": {name: SCHEDULING_OPTION["options"][name] for name in _SCHEDULED},
    },
    "network_policy": {"type": "bool", "default": True},
    "gateway": GATEWAY_OPTION,
    "readers": {"type": "list", "elements": "str", "default": []},
    "egress": DESTINATIONS_OPTION,
}
TEAM_GRAFANA_OPTIONS: JsonObject = {
    "team": {"type": "str", "required": True},
    "dashboards": {"type": "list", "elements": "str", "default": []},
    **SERVER_OPTIONS,
}
OPTIONS: JsonObject = {
    **TEAM_SET_OPTIONS,
    "namespace": {"type": "str"},
    "form": {"type": "str", "choices": [CONFIG_MAPS, OPERATOR], "default": CONFIG_MAPS},
    "dashboards": {"type": "list", "elements": "str", "default": []},
    "shipped": {"type": "dict", "default": {}},
    "source_teams": {"type": "list", "elements": "str", "default": []},
    "shared_sources": {"type": "bool", "default": False},
    "dashboard_label": {"type": "str", "default": "grafana_dashboard"},
    "source_label": {"type": "str", "default": "grafana_datasource"},
    "folder": {"type": "str", "default": "Monitoring"},
    "folder_annotation": {"type": "str", "default": "grafana_folder"},
    "instance_labels": {"type": "dict", "default": {}},
    "cross_namespace": {"type": "bool", "default": False},
    "install": {"type": "bool", "default": False},
    "server": {"type": "dict", "default": {}, "options": SERVER_OPTIONS},
    "team_grafanas": {"type": "list", "elements": "dict", "default": [], "options": TEAM_GRAFANA_OPTIONS},
}


@dataclass(frozen=True, kw_only=True)
class Admin:
    """The keys of a *secret* that have the name and the password of Grafana's administrator."""

    secret: str
    user_key: str
    password_key: str


@dataclass(frozen=True, kw_only=True)
class Server:
    """A Grafana of our own.

    *settings* are sections of grafana.ini, *env_secrets* variables that these may name. Where *network_policy* is true,
    pods of the *gateway* and of the namespaces *readers* may reach it, and it may reach what it queries and *egress*.
    """

    version: str
    admin: Admin
    root_url: str
    settings: t.Mapping[str, t.Mapping[str, str]]
    env_secrets: tuple[EnvSecret, ...]
    resources: Resources
    scheduling: Scheduling
    network_policy: bool
    gateway: Gateway | None
    readers: tuple[str, ...]
    egress: tuple[Destination, ...]


@dataclass(frozen=True, kw_only=True)
class TeamGrafana:
    """The Grafana of one *team*, beside its instance, with some *dashboards*: JSON by their ids."""

    team: Team
    dashboards: t.Mapping[str, str]
    server: Server


@dataclass(frozen=True, kw_only=True)
class Grafana:
    """What the Grafanas of one cluster get; the one in *namespace* nothing where that is empty.

    *dashboards* are JSON by their ids. *sources* are teams whose Prometheus is a data source; *mixed* are those that
    were named together without saying that their people may see each other's series.

    *labels* are those that a sidecar reads; *instance_labels* those of Grafanas of grafana-operator, with
    *cross_namespace* of any namespace. *server* is a Grafana of our own in the namespace, *teams* are those of teams.
    """

    platform: Team
    namespace: str
    labels: t.Mapping[str, str]
    folder: str
    folder_annotation: str
    dashboards: t.Mapping[str, str]
    sources: tuple[Team, ...]
    mixed: tuple[str, ...] = ()
    form: str = CONFIG_MAPS
    instance_labels: t.Mapping[str, str] = field(default_factory=dict)
    cross_namespace: bool = False
    server: Server | None = None
    teams: tuple[TeamGrafana, ...] = ()


def parse(params: t.Mapping[str, t.Any], errors: Errors) -> Grafana:
    """What is provisioned, from a module's parameters."""
    teams = parse_team_set(params, errors=errors)
    shipped = {str(name).removesuffix(".json"): text for name, text in params["shipped"].items()}
    namespace = _namespace(params, teams, errors=errors)
    for name in ("dashboard_label", "source_label", "folder_annotation"):
        require(grammar.qualified_name, params[name], path=name, errors=errors)
    dashboards = _chosen(params["dashboards"], shipped, default=shipped, path="dashboards", errors=errors)
    named = _sources(params, teams, errors=errors)
    values = validate_mapping(params["server"], SERVER_OPTIONS, path="server", errors=errors)
    server = _server(values, path="server", errors=errors)
    if params["install"] and values["admin"] is None:
        _refuse_missing_admin("server", errors=errors)
    return Grafana(
        platform=teams[0],
        namespace=namespace,
        labels={"dashboards": params["dashboard_label"], "sources": params["source_label"]},
        folder=params["folder"],
        folder_annotation=params["folder_annotation"],
        dashboards=dashboards,
        sources=tuple(team for team in teams if team.name in named and team.runs_prometheus_on(params["cluster"])),
        mixed=named if not params["shared_sources"] and len(named) > 1 else (),
        form=params["form"],
        instance_labels=_instance_labels(params, errors=errors),
        cross_namespace=params["cross_namespace"],
        server=server if params["install"] else None,
        teams=_teams(params, teams, shipped, errors=errors),
    )


def _namespace(params: t.Mapping[str, t.Any], teams: t.Sequence[Team], *, errors: Errors) -> str:
    namespace: str = params["namespace"] or ""
    if namespace:
        require(grammar.dns_label, namespace, path="namespace", errors=errors)
    elif params["install"]:
        errors.add("namespace", "is required where install is true: the Grafana is made in it")
    elif params["form"] == OPERATOR:
        errors.add("namespace", f"is required where form is {OPERATOR}: that of the objects")
    taken = {name for team in teams for name in (team.namespace, *team.namespaces)}
    if params["install"] and namespace in taken:
        errors.add("namespace", f"{namespace!r} is a namespace of a team; give the Grafana one of its own")
    return namespace


def _sources(params: t.Mapping[str, t.Any], teams: t.Sequence[Team], *, errors: Errors) -> tuple[str, ...]:
    """The names of the teams whose Prometheus is a data source, sorted, each once."""
    for number, name in enumerate(params["source_teams"]):
        require_team(name, teams=teams, path=f"source_teams[{number}]", errors=errors)
    named = tuple(sorted({*params["source_teams"]} or {params["platform_team"]}))
    if not params["shared_sources"] and params["install"] and len(named) > 1:
        errors.add(
            "source_teams",
            "several teams in one Grafana see each other's series, and folders do not keep them apart: set "
            "shared_sources: true if they may, or give each team a Grafana in team_grafanas",
        )
    return named


def _instance_labels(params: t.Mapping[str, t.Any], *, errors: Errors) -> dict[str, str]:
    labels = text_mapping(
        params["instance_labels"],
        path="instance_labels",
        check_name=grammar.qualified_name,
        check_value=grammar.label_value,
        errors=errors,
    )
    if params["form"] == OPERATOR and not params["instance_labels"]:
        # An empty selector would choose the Grafanas of everybody.
        errors.add(
            "instance_labels", f"is required where form is {OPERATOR}: the labels of the Grafanas that are meant"
        )
    return labels


def _chosen(
    names: t.Sequence[str], shipped: t.Mapping[str, object], *, default: t.Iterable[str], path: str, errors: Errors
) -> dict[str, str]:
    """The dashboards of these *names* as text, or those of *default* where there are none; Ansible may have read it."""
    for number, name in enumerate(names):
        if name not in shipped:
            errors.add(f"{path}[{number}]", f"unknown dashboard {name!r}; {nearest(name, shipped)}")
    return {name: _text(shipped[name]) for name in names or sorted(default) if name in shipped}


def _text(given: object) -> str:
    return given if isinstance(given, str) else json.dumps(given, indent=2, sort_keys=True) + "\n"


def _teams(
    params: t.Mapping[str, t.Any], teams: t.Sequence[Team], shipped: t.Mapping[str, object], *, errors: Errors
) -> tuple[TeamGrafana, ...]:
    """The Grafanas of teams that are in this cluster."""
    found: list[TeamGrafana] = []
    seen: dict[str, str] = {}
    for number, values in enumerate(params["team_grafanas"]):
        path = f"team_grafanas[{number}]"
        team = team_named(values["team"], teams=teams, path=f"{path}.team", errors=errors)
        server = _server(values, path=path, errors=errors)
        if values["admin"] is None:
            _refuse_missing_admin(path, errors=errors)
        default = shipped.keys() - (OF_THE_PLATFORM if team.name != team.platform else frozenset())
        boards = _chosen(values["dashboards"], shipped, default=default, path=f"{path}.dashboards", errors=errors)
        if not errors.is_good(f"{path}.team"):
            continue
        if team.network_policy and not values["network_policy"]:
            errors.add(
                f"{path}.network_policy",
                "must be true where the team has network_policy, which closes the namespace for each pod that no other "
                "policy opens",
            )
        if team.name in seen:
            errors.add(f"{path}.team", f"{team.name!r} has ", Place(seen[team.name]), " already")
        seen.setdefault(team.name, path)
        # A team that is not here, switched off or archived has no Grafana here either.
        is_here = team.active_on(params["cluster"]) and team.enabled and not team.lifecycle.is_archived
        if is_here and not team.runs_prometheus_on(params["cluster"]):
            errors.add(f"{path}.team", f"{team.name!r} has no Prometheus in this cluster that answers queries")
        elif is_here:
            found.append(TeamGrafana(team=team, dashboards=boards, server=server))
    return tuple(sorted(found, key=lambda one: one.team.name))


def _refuse_missing_admin(path: str, *, errors: Errors) -> None:
    errors.add(
        f"{path}.admin",
        "is required: without it Grafana's administrator has a password that everybody knows. Give secret, the name of "
        "a Secret in the namespace of the Grafana with the keys admin-user and admin-password",
    )


def _server(values: Values, *, path: str, errors: Errors) -> Server:
    """A Grafana of our own from validated *values* (SERVER_OPTIONS), whether it is wanted or not."""
    admin = values["admin"] or dict.fromkeys(ADMIN_OPTIONS, "")
    if values["admin"] is not None:
        check_references(admin, path=f"{path}.admin", beside="the Grafana", errors=errors)
    root_url = values["root_url"] or ""
    if root_url:
        require(page_url, root_url, path=f"{path}.root_url", errors=errors)
    require(grammar.version, values["version"], path=f"{path}.version", errors=errors)
    env_secrets = parse_env_secrets(values["env_secrets"], path=f"{path}.env_secrets", errors=errors)
    scheduling = values["scheduling"]
    return Server(
        version=grammar.plain_version(values["version"]),
        admin=Admin(**admin),
        root_url=root_url,
        settings=parse_settings(
            values["settings"], names={one.name for one in env_secrets}, path=f"{path}.settings", errors=errors
        ),
        env_secrets=env_secrets,
        resources=resources(values["resources"], default=GRAFANA_RESOURCES, path=f"{path}.resources", errors=errors),
        scheduling=parse_scheduling(
            # There is one pod.
            scheduling and {**scheduling, "topology_spread": None, "disruption_budget": False},
            path=f"{path}.scheduling",
            errors=errors,
        ),
        network_policy=values["network_policy"],
        gateway=parse_gateway(values["gateway"], path=f"{path}.gateway", errors=errors),
        readers=tuple(
            sorted(require_each(grammar.dns_label, values["readers"], path=f"{path}.readers", errors=errors))
        ),
        egress=parse_destinations(values["egress"], path=f"{path}.egress", errors=errors),
    )
