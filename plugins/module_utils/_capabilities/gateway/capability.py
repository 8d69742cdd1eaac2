# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gateways by which teams get series of the platform's Prometheus, as a capability. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING_ALPHA
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import Capability
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    APPS,
    CORE,
    NETWORKING,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.model import (
    GRANTS_OPTION,
    NODES_NAMESPACE,
    Gateways,
    parse_gateways,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.objects import gateway_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    TEAM_SET_VARIABLES,
)

JsonObject = dict[str, t.Any]

GATEWAY: Capability[Gateways] = Capability(
    name="gateway",
    kinds=(
        (CORE, "Namespace"),
        (CORE, "Service"),
        (NETWORKING, "NetworkPolicy"),
        (APPS, "Deployment"),
        (MONITORING_ALPHA, "ScrapeConfig"),
    ),
    options={
        **TEAM_SET_OPTIONS,
        "namespace": {"type": "str", "default": "promfleet-gateway"},
        "nodes_namespace": {"type": "str", "default": NODES_NAMESPACE},
        "grants": GRANTS_OPTION,
        "central_team": {"type": "str"},
        "reads": {"type": "list", "elements": "str", "default": []},
        "teams_elsewhere": {"type": "dict", "default": {}},
    },
    parse=parse_gateways,
    desired=gateway_objects,
    module="tenant_gateway",
    role="tenant_gateway",
    account="promfleet-teams",
    example={
        "cluster": "any",
        "clusters": ["any"],
        # Namespaces that every cluster has.
        "teams": [{"name": "any", "namespace": "default", "namespaces": ["kube-public"]}],
        "grants": [{"team": "any"}],
    },
    variables={
        **TEAM_SET_VARIABLES,
        "central_team": "prometheus_federation_central_team",
        "reads": "promfleet_cluster",
        # As the hosts of the other clusters have them.
        "teams_elsewhere": "team_monitoring_teams",
        "nodes_namespace": "monitoring_exporters_node_exporter.namespace",
    },
    needs_promql=True,
    requires=("teams", "federation"),
)
