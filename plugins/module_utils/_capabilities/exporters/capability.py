# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Exporters of a cluster, node_exporter, kube-state-metrics and the kubelets, as a capability. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import Capability
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    APPS,
    CORE,
    NETWORKING,
    RBAC,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.exporters.kube_state_metrics import (
    kube_state_metrics_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.exporters.kubelet import (
    kubelet_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.exporters.model import (
    OPTIONS,
    Exporters,
    parse_exporters,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.exporters.node_exporter import (
    node_exporter_objects,
)

JsonObject = dict[str, t.Any]


def desired(model: Exporters) -> list[JsonObject]:
    """All objects of the exporters that are switched on."""
    objects: list[JsonObject] = []
    if model.node_exporter is not None:
        objects += node_exporter_objects(model.node_exporter, team=model.platform_team)
    if model.kube_state_metrics is not None:
        objects += kube_state_metrics_objects(model.kube_state_metrics, exporters=model)
    if model.kubelet:
        objects += kubelet_objects(model)
    return objects


EXPORTERS: Capability[Exporters] = Capability(
    name="exporters",
    kinds=(
        (CORE, "Namespace"),
        (CORE, "ResourceQuota"),
        (CORE, "ServiceAccount"),
        (RBAC, "ClusterRole"),
        (RBAC, "ClusterRoleBinding"),
        (NETWORKING, "NetworkPolicy"),
        (APPS, "DaemonSet"),
        (APPS, "Deployment"),
    ),
    options=OPTIONS,
    parse=parse_exporters,
    desired=desired,
    module="monitoring_exporters",
    role="monitoring_exporters",
    account="promfleet-exporters",
    # The role makes it of what the platform's team has, or of the prefix and the name.
    variables={"platform_namespace": "team_monitoring_platform.namespace"},
    example={"node_exporter": {"enabled": True}, "kube_state_metrics": {"enabled": True}, "kubelet": {"enabled": True}},
)
