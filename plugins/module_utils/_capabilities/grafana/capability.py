# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Dashboards and data sources for Grafana, and Grafanas of our own, as a capability. Pure but for the guards."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Capability,
    Situation,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    APPS,
    CORE,
    NETWORKING,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.grafana.model import (
    OPERATOR,
    OPTIONS,
    Grafana,
    parse,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.grafana.provisioned import (
    OPERATOR_KINDS,
    config_maps,
    custom_resources,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.grafana.server import (
    server_objects,
    team_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import TEAM_SET_VARIABLES
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

JsonObject = dict[str, t.Any]


def desired(model: Grafana) -> list[JsonObject]:
    """What is provisioned for a Grafana in the namespace, that Grafana if it is ours, and those of teams."""
    objects: list[JsonObject] = []
    if model.namespace:
        objects += [*config_maps(model), *custom_resources(model), *server_objects(model)]
    for grafana in model.teams:
        objects += team_objects(grafana, folder=model.folder)
    return objects


def policy(request: Request, model: Grafana | None, situation: Situation) -> Request:
    """Refuse objects of grafana-operator where its kinds are not served, and warn about teams that share a Grafana."""
    if model is None:
        return request
    if model.form == OPERATOR:
        request = request.guarded(_operator_guard(situation.cluster))
    if model.mixed and model.namespace:
        request = request.guarded(lambda _plan: [_mixed(model.mixed)])
    return request


def _operator_guard(cluster: Cluster) -> t.Callable[[Plan], None]:
    def guard(_plan: Plan) -> None:
        missing = [f"{kind} ({version})" for version, kind in OPERATOR_KINDS if cluster.resource(version, kind) is None]
        if missing:
            raise Refused(
                f"form is {OPERATOR}, and the cluster does not serve {' and '.join(missing)}. Install grafana-operator "
                "with its CRDs first, which this collection does not do, or use the form configmaps. Nothing was "
                "written",
                objects=missing,
            )

    return guard


def _mixed(teams: t.Sequence[str]) -> str:
    return (
        f"each viewer of this Grafana can query the Prometheus of {', '.join(teams)}: folders do not keep teams apart. "
        "Set shared_sources: true if that is meant, or give each team a Grafana of its own in team_grafanas"
    )


GRAFANA: Capability[Grafana] = Capability(
    name="grafana",
    kinds=(
        (CORE, "Namespace"),
        (CORE, "ConfigMap"),
        (CORE, "Service"),
        (NETWORKING, "NetworkPolicy"),
        (APPS, "Deployment"),
        *OPERATOR_KINDS,
    ),
    options=OPTIONS,
    parse=parse,
    desired=desired,
    policy=policy,
    module="monitoring_grafana",
    role="monitoring_grafana",
    account="promfleet-grafana",
    example={
        "cluster": "any",
        "clusters": ["any"],
        "namespace": "grafana",
        "shipped": {"any.json": "{}"},
        "form": OPERATOR,
        "instance_labels": {"any": "any"},
        "install": True,
        "server": {"admin": {"secret": "any"}},
    },
    variables={
        **TEAM_SET_VARIABLES,
        # The role reads them from its own files, which a tool generates.
        "shipped": None,
    },
    requires=("teams",),
)
