# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds the Prometheus Operators of a cluster, and the instances that they reconcile. Reads only.

That takes a LIST of each kind below, at the same time. A right that is missing is an error: an operator that cannot be
seen must not count as none.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import guess_plural
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING, MONITORING_ALPHA
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.parallel import side_by_side
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import (
    FoundOperator,
    Grants,
    find_in,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.owner import set_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import Instance
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.grants import RBAC_GROUP

JsonObject = dict[str, t.Any]
Kinds = tuple[tuple[str, str], ...]

RBAC_API = f"{RBAC_GROUP}/v1"
GRANT_KINDS: Kinds = (
    (RBAC_API, "ClusterRole"),
    (RBAC_API, "Role"),
    (RBAC_API, "ClusterRoleBinding"),
    (RBAC_API, "RoleBinding"),
)
WORKLOAD_KINDS: Kinds = (("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"))
INSTANCE_APIS: Kinds = (
    (MONITORING, "Alertmanager"),
    (MONITORING, "Prometheus"),
    (MONITORING_ALPHA, "PrometheusAgent"),
    (MONITORING, "ThanosRuler"),
)


def _list_rights(kinds: Kinds) -> tuple[Right, ...]:
    return tuple(
        Right(group=api_version.rpartition("/")[0], resource=guess_plural(kind), verb="list")
        for api_version, kind in kinds
    )


# What finding operators takes, and what looking for their instances takes beside it.
OPERATOR_RIGHTS = _list_rights((*GRANT_KINDS, *WORKLOAD_KINDS))
INSTANCE_RIGHTS = _list_rights(INSTANCE_APIS)


def operators_in(cluster: Cluster) -> list[FoundOperator]:
    """All Prometheus Operators of the cluster, ours and others', stopped ones too; raises ApiError if a LIST fails."""
    kinds = (*GRANT_KINDS, *WORKLOAD_KINDS)
    lists = side_by_side(lambda kind: _list(cluster, *kind), kinds, workers=WORKERS)
    cluster_roles, roles, cluster_role_bindings, role_bindings, *workloads = lists
    grants = Grants(
        cluster_roles=cluster_roles,
        roles=roles,
        cluster_role_bindings=cluster_role_bindings,
        role_bindings=role_bindings,
    )
    return find_in(grants, [workload for found in workloads for workload in found])


def instances_in(cluster: Cluster) -> list[Instance]:
    """All instances of the cluster, of the kinds that it serves; raises ApiError if a LIST fails."""
    lists = side_by_side(lambda kind: _list(cluster, *kind, metadata_only=True), INSTANCE_APIS, workers=WORKERS)
    return [instance_of(live) for found in lists for live in found]


def instance_of(obj: JsonObject) -> Instance:
    """What decides who reconciles the custom resource *obj*, live or desired. Pure."""
    metadata = obj["metadata"]
    return Instance(
        kind=obj["kind"],
        namespace=metadata["namespace"],
        name=metadata["name"],
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        set_label=set_of(obj),
    )


def _list(cluster: Cluster, api_version: str, kind: str, *, metadata_only: bool = False) -> list[JsonObject]:
    resource = cluster.resource(api_version, kind)
    if resource is None:
        return []
    return cluster.list_metadata(resource) if metadata_only else cluster.list_objects(resource)
