# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sets that the modules keep, and every kind that each can ever make. Pure.

A run LISTs these kinds, so that it finds what a former run made and nobody wants any more. A test holds the table
against the manifests.
"""

from __future__ import annotations

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING, MONITORING_ALPHA
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require

OPERATOR = "operator"
TEAMS = "teams"
FEDERATION_SOURCE = "federation-source"
FEDERATION = "federation"

_CORE = "v1"
_RBAC = "rbac.authorization.k8s.io/v1"

Kinds = tuple[tuple[str, str], ...]

KINDS: dict[str, Kinds] = {
    OPERATOR: (
        (_CORE, "Namespace"),
        (_CORE, "ResourceQuota"),
        (_CORE, "Service"),
        (_CORE, "ServiceAccount"),
        ("apps/v1", "Deployment"),
        (_RBAC, "ClusterRole"),
        (_RBAC, "ClusterRoleBinding"),
        (_RBAC, "Role"),
        (_RBAC, "RoleBinding"),
        (MONITORING, "ServiceMonitor"),
        (MONITORING, "PrometheusRule"),
    ),
    TEAMS: (
        (_CORE, "Namespace"),
        (_CORE, "ResourceQuota"),
        (_CORE, "Service"),
        (_CORE, "ServiceAccount"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
        (_RBAC, "Role"),
        (_RBAC, "RoleBinding"),
        (MONITORING, "Alertmanager"),
        (MONITORING, "Prometheus"),
        (MONITORING, "PrometheusRule"),
        (MONITORING, "ServiceMonitor"),
    ),
    FEDERATION_SOURCE: (
        (_CORE, "Service"),
        ("networking.k8s.io/v1", "NetworkPolicy"),
    ),
    FEDERATION: (
        (_CORE, "Service"),
        ("discovery.k8s.io/v1", "EndpointSlice"),
        (MONITORING, "ServiceMonitor"),
        (MONITORING_ALPHA, "ScrapeConfig"),
    ),
}


def objects_capability(name: str) -> str:
    """The capability of a set that a user names; raises InputError where *name* is no DNS label."""
    return f"objects-{require(grammar.dns_label, name, path='name')}"
