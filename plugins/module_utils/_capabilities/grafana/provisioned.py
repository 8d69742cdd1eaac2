# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dashboards and data sources: as ConfigMaps, and as objects of grafana-operator. Pure.

Grafana's sidecar (k8s-sidecar) reads ConfigMaps with a label, dashboards into the folder that an annotation names. A
Grafana of our own mounts them. grafana-operator reads objects of its own kinds (grafana-operator/v5, api/v1beta1).
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    PLATFORM_TEAM,
    alertmanager_name,
    common_labels,
    grafana_name,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    ALERTMANAGER_PORT,
    CORE,
    PROMETHEUS_PORT,
    JsonObject,
    make,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.grafana.model import (
    CONFIG_MAPS,
    OPERATOR,
    Grafana,
    TeamGrafana,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team

GRAFANA_API = "grafana.integreatly.org/v1beta1"
DASHBOARD, DATASOURCE = "GrafanaDashboard", "GrafanaDatasource"
# The kinds of grafana-operator that we make, as the API server names them.
OPERATOR_KINDS = ((GRAFANA_API, DASHBOARD), (GRAFANA_API, DATASOURCE))

SOURCES_KEY = "promfleet.yaml"
_SOURCES = "promfleet-datasources"


def config_maps(model: Grafana) -> list[JsonObject]:
    """A ConfigMap for each dashboard, and one for the data sources, with the labels that a sidecar reads."""
    if model.form != CONFIG_MAPS and model.server is None:
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
        sources = [prometheus_source(team) for team in model.sources]
        objects.append(
            make(
                CORE,
                "ConfigMap",
                _SOURCES,
                namespace=model.namespace,
                labels={**common, model.labels["sources"]: "1"},
                data={SOURCES_KEY: _sources_file(sources, is_ours=model.server is not None)},
            )
        )
    return objects


def team_config_maps(grafana: TeamGrafana) -> list[JsonObject]:
    """The same for the Grafana of one team, without labels: the sidecar of another Grafana must not read them."""
    team = grafana.team
    labels = common_labels("grafana", team=team.name)
    objects = [
        make(
            CORE,
            "ConfigMap",
            f"{grafana_name(team.name)}-{name}",
            namespace=team.namespace,
            labels=labels,
            data={f"promfleet-{name}.json": text},
        )
        for name, text in sorted(grafana.dashboards.items())
    ]
    sources = [prometheus_source(team)]
    if team.alertmanager.enabled:
        sources.append(_alertmanager_source(team))
    objects.append(
        make(
            CORE,
            "ConfigMap",
            f"{grafana_name(team.name)}.datasources",
            namespace=team.namespace,
            labels=labels,
            data={SOURCES_KEY: _sources_file(sources, is_ours=True)},
        )
    )
    return objects


def custom_resources(model: Grafana) -> list[JsonObject]:
    """The dashboards and data sources as objects of grafana-operator, which chooses Grafanas by their labels."""
    if model.form != OPERATOR:
        return []
    common = common_labels("grafana", team=PLATFORM_TEAM)
    spec: JsonObject = {"instanceSelector": {"matchLabels": dict(model.instance_labels)}}
    if model.cross_namespace:
        spec["allowCrossNamespaceImport"] = True
    folder = {"folder": model.folder} if model.folder else {}
    objects = [
        make(
            GRAFANA_API,
            DASHBOARD,
            f"promfleet-{name}",
            namespace=model.namespace,
            labels=common,
            spec={**spec, **folder, "json": text},
        )
        for name, text in sorted(model.dashboards.items())
    ]
    for team in model.sources:
        source = prometheus_source(team)
        uid = source.pop("uid")
        objects.append(
            make(
                GRAFANA_API,
                DATASOURCE,
                f"promfleet-{team.name}",
                namespace=model.namespace,
                labels=common,
                spec={**spec, "uid": uid, "datasource": source},
            )
        )
    return objects


def _sources_file(sources: t.Sequence[JsonObject], *, is_ours: bool) -> str:
    """The file from which Grafana provisions data sources; JSON is YAML. One of ours has no other such file.

    So what the file has no longer is deleted there, which counts where the database outlives the pod.
    """
    prune = {"prune": True} if is_ours else {}
    return json.dumps({"apiVersion": 1, "datasources": list(sources), **prune}, indent=2, sort_keys=True) + "\n"


def prometheus_source(team: Team) -> JsonObject:
    """The Prometheus of a team as a data source."""
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


def _alertmanager_source(team: Team) -> JsonObject:
    service = f"{alertmanager_name(team.name)}.{team.namespace}.svc:{ALERTMANAGER_PORT}"
    return {
        "name": f"Alertmanager {team.name}",
        "uid": f"promfleet-alertmanager-{team.name}",
        "type": "alertmanager",
        "access": "proxy",
        "url": f"http://{service}{team.alertmanager.web.route_prefix}",
        "editable": False,
        "jsonData": {"implementation": "prometheus"},
    }
