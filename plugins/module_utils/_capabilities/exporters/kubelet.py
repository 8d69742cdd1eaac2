# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What lets the platform's Prometheus read the kubelets: no program, only a right. Pure.

Prometheus finds the nodes itself, so no operator has to keep their addresses in a Service. The catalogue's entry
``kubelet`` has the scrapes.
"""

from __future__ import annotations

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    cluster_wide_name,
    common_labels,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    RBAC,
    RBAC_GROUP,
    JsonObject,
    account_subject,
    make,
    rule,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.exporters.model import Exporters

NAME = "kubelet"
CLUSTER_WIDE_NAME = cluster_wide_name(NAME)


def kubelet_objects(exporters: Exporters) -> list[JsonObject]:
    """A ClusterRole and its binding to the account of the platform's Prometheus."""
    labels = common_labels(NAME, team=exporters.platform_team)
    rules = [
        # Discovery of nodes.
        rule("", resources=["nodes"], verbs=["list", "watch"]),
        # By this the kubelet decides about all paths below /metrics; nodes/proxy would allow to run commands in pods.
        rule("", resources=["nodes/metrics"], verbs=["get"]),
    ]
    reference = {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": CLUSTER_WIDE_NAME}
    account = account_subject(prometheus_name(exporters.platform_team), namespace=exporters.platform_namespace)
    return [
        make(RBAC, "ClusterRole", CLUSTER_WIDE_NAME, labels=labels, rules=rules),
        make(RBAC, "ClusterRoleBinding", CLUSTER_WIDE_NAME, labels=labels, roleRef=reference, subjects=[account]),
    ]
