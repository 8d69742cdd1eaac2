# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Monitors, rules and alerts of well-known workloads as a capability. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING, MONITORING_ALPHA
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import Capability
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import RBAC
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    TEAM_SET_VARIABLES,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.workloads.model import (
    CATALOGUE_OPTIONS,
    Workloads,
    parse_workloads,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.workloads.objects import (
    workload_objects,
)

JsonObject = dict[str, t.Any]

_ENTRY = """
id: any
title: Any
reference: https://example.com/
not_proved: an example
monitors:
  - {name: pods, job: any, selector: {matchLabels: {app: any}}, port: web, expected: [any_up], budget: 10}
  - name: service
    kind: ServiceMonitor
    job: any-service
    selector: {matchLabels: {app: any}}
    port: web
    expected: [any_up]
    budget: 10
rules:
  - {record: "job:any_up:sum", expr: sum by (job) (any_up)}
"""

_NODES = """
id: nodes
title: Nodes
reference: https://example.com/
not_proved: an example
monitors:
  - {kind: ScrapeConfig, job: any-node, expected: [any_up], budget: 10}
"""

WORKLOADS: Capability[Workloads] = Capability(
    name="workloads",
    kinds=(
        (RBAC, "Role"),
        (RBAC, "RoleBinding"),
        (MONITORING, "PodMonitor"),
        (MONITORING, "ServiceMonitor"),
        (MONITORING, "PrometheusRule"),
        (MONITORING_ALPHA, "ScrapeConfig"),
    ),
    options={**TEAM_SET_OPTIONS, **CATALOGUE_OPTIONS},
    parse=parse_workloads,
    desired=workload_objects,
    module="workload_monitors",
    role="workload_monitors",
    account="promfleet-teams",
    example={
        "cluster": "any",
        "clusters": ["any"],
        "entries": {"any.yml": _ENTRY, "nodes.yml": _NODES},
        "workloads": [{"id": "any", "namespaces": ["default"]}, {"id": "nodes"}],
    },
    variables={
        **TEAM_SET_VARIABLES,
        # The folder whose files the role reads.
        "entries": "workload_monitors_catalogue",
        # The role reads them from its own files; tests keep them right.
        "shipped": None,
        "common_alerts": None,
    },
    needs_promql=True,
    requires=("teams",),
)
