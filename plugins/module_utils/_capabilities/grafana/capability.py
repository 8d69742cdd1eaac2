# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Data sources and dashboards for a Grafana that exists, as a capability. Pure.

Grafana's sidecar (k8s-sidecar) reads ConfigMaps with a label, dashboards into the folder that an annotation names. What
is provisioned: a data source for each instance that is named, and the dashboards of the collection.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    PLATFORM_TEAM,
    common_labels,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import Capability
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    CORE,
    PROMETHEUS_PORT,
    make,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    TEAM_SET_VARIABLES,
    parse_team_set,
    require_team,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest, require

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class Grafana:
    """What a Grafana in *namespace* gets; nothing where that is empty. *labels* are those that its sidecar reads.

    *dashboards* are JSON by their ids. *sources* are teams whose Prometheus is a data source.
    """

    namespace: str
    labels: t.Mapping[str, str]
    folder: str
    folder_annotation: str
    dashboards: t.Mapping[str, str]
    sources: tuple[Team, ...]


def parse(params: t.Mapping[str, t.Any], errors: Errors) -> Grafana:
    """What is provisioned, from a module's parameters."""
    teams = parse_team_set(params, errors=errors)
    namespace = params["namespace"] or ""
    if namespace:
        require(grammar.dns_label, namespace, path="namespace", errors=errors)
    for name in ("dashboard_label", "source_label", "folder_annotation"):
        require(grammar.qualified_name, params[name], path=name, errors=errors)
    shipped = {str(name).removesuffix(".json"): text for name, text in params["shipped"].items()}
    for number, name in enumerate(params["dashboards"]):
        if name not in shipped:
            errors.add(f"dashboards[{number}]", f"unknown dashboard {name!r}; {nearest(name, shipped)}")
    wanted = params["dashboards"] or sorted(shipped)
    for number, name in enumerate(params["source_teams"]):
        require_team(name, teams=teams, path=f"source_teams[{number}]", errors=errors)
    named = params["source_teams"] or [params["platform_team"]]
    return Grafana(
        namespace=namespace,
        labels={"dashboards": params["dashboard_label"], "sources": params["source_label"]},
        folder=params["folder"],
        folder_annotation=params["folder_annotation"],
        dashboards={name: _text(shipped[name]) for name in wanted if name in shipped},
        sources=tuple(team for team in teams if team.name in named and team.runs_prometheus_on(params["cluster"])),
    )


def _text(given: object) -> str:
    """A dashboard as text; Ansible may have read it already."""
    return given if isinstance(given, str) else json.dumps(given, indent=2, sort_keys=True) + "\n"


def desired(model: Grafana) -> list[JsonObject]:
    """A ConfigMap for each dashboard, and one for the data sources."""
    if not model.namespace:
        return []
    common = common_labels("grafana", team=PLATFORM_TEAM)
    annotations = {model.folder_annotation: model.folder} if model.folder else {}
    objects = [
        make(
            CORE,
            "ConfigMap",
            f"promfleet-dashboard-{name}",
            namespace=model.namespace,
            labels={**common, model.labels["dashboards"]: "1"},
            annotations=annotations,
            data={f"promfleet-{name}.json": text},
        )
        for name, text in sorted(model.dashboards.items())
    ]
    if model.sources:
        # JSON is YAML.
        sources = {"apiVersion": 1, "datasources": [_source(team) for team in model.sources]}
        objects.append(
            make(
                CORE,
                "ConfigMap",
                "promfleet-datasources",
                namespace=model.namespace,
                labels={**common, model.labels["sources"]: "1"},
                data={"promfleet.yaml": json.dumps(sources, indent=2, sort_keys=True) + "\n"},
            )
        )
    return objects


def _source(team: Team) -> JsonObject:
    service = f"{prometheus_name(team.name)}.{team.namespace}.svc:{PROMETHEUS_PORT}"
    return {
        "name": f"Prometheus {team.name}",
        "uid": f"promfleet-{team.name}",
        "type": "prometheus",
        "access": "proxy",
        "url": f"http://{service}{team.prometheus.web.route_prefix}",
        "editable": False,
        "jsonData": {"httpMethod": "POST", "timeInterval": team.prometheus.scrape_interval},
    }


GRAFANA: Capability[Grafana] = Capability(
    name="grafana",
    kinds=((CORE, "ConfigMap"),),
    options={
        **TEAM_SET_OPTIONS,
        "namespace": {"type": "str"},
        "dashboards": {"type": "list", "elements": "str", "default": []},
        "shipped": {"type": "dict", "default": {}},
        "source_teams": {"type": "list", "elements": "str", "default": []},
        "dashboard_label": {"type": "str", "default": "grafana_dashboard"},
        "source_label": {"type": "str", "default": "grafana_datasource"},
        "folder": {"type": "str", "default": "Monitoring"},
        "folder_annotation": {"type": "str", "default": "grafana_folder"},
    },
    parse=parse,
    desired=desired,
    module="monitoring_grafana",
    role="monitoring_grafana",
    account="promfleet-grafana",
    example={"cluster": "any", "clusters": ["any"], "namespace": "default", "shipped": {"any.json": "{}"}},
    variables={
        **TEAM_SET_VARIABLES,
        # The role reads them from its own files, which a tool generates.
        "shipped": None,
    },
    requires=("teams",),
)
