# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operator as a capability. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Capability,
    Kinds,
    Situation,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import APPS, CORE, RBAC
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.model import (
    OPERATOR_OPTIONS,
    Operator,
    parse_operator,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.objects import (
    operator_objects,
    with_served_kinds,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

JsonObject = dict[str, t.Any]

NAME = "operator"
KINDS: Kinds = (
    (CORE, "Namespace"),
    (CORE, "ResourceQuota"),
    (CORE, "Service"),
    (CORE, "ServiceAccount"),
    (APPS, "Deployment"),
    (RBAC, "ClusterRole"),
    (RBAC, "ClusterRoleBinding"),
    (RBAC, "Role"),
    (RBAC, "RoleBinding"),
    (MONITORING, "ServiceMonitor"),
    (MONITORING, "PrometheusRule"),
)
OPTIONS: JsonObject = {**OPERATOR_OPTIONS, "rules": {"type": "list", "elements": "dict", "default": []}}


@dataclass(frozen=True, kw_only=True)
class OperatorSet:
    """The operator, and groups of alert *rules* about it."""

    operator: Operator
    rules: t.Sequence[JsonObject]


def parse(params: t.Mapping[str, t.Any]) -> OperatorSet:
    """The operator from a module's parameters; raises InputError."""
    options = {name: params[name] for name in OPERATOR_OPTIONS}
    return OperatorSet(operator=parse_operator(options, path=""), rules=params["rules"])


def desired(model: OperatorSet) -> list[JsonObject]:
    """All objects of the operator."""
    return operator_objects(model.operator, alert_rules=model.rules)


def policy(request: Request, model: OperatorSet | None, situation: Situation) -> Request:
    """Note at the operator's pods which of its kinds the cluster serves: it must restart when one is new."""
    if model is None:
        return request
    kinds = [*situation.cluster.monitoring_kinds(), *situation.to_come.kinds]
    return request.wanting(with_served_kinds(request.desired, kinds))


OPERATOR: Capability[OperatorSet] = Capability(
    name=NAME,
    kinds=KINDS,
    options=OPTIONS,
    parse=parse,
    desired=desired,
    policy=policy,
    module="prometheus_operator",
    role="prometheus_operator",
    account="promfleet-operator",
    example={"rules": [{"name": "any", "rules": [{"record": "any:up", "expr": "up"}]}]},
)
