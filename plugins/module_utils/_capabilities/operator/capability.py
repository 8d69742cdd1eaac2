# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operator as a capability. Pure."""

from __future__ import annotations

import datetime as dt
import functools
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of, url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import ADMISSION_WEBHOOK_NAME, MONITORING
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Capability,
    Kinds,
    Offline,
    Situation,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.certificates import serving
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    APPS,
    CORE,
    DISRUPTION,
    RBAC,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.model import (
    OPERATOR_OPTIONS,
    Operator,
    parse_operator,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.objects import (
    operator_objects,
    pods_selector,
    with_served_kinds,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.webhook import (
    ADMISSION,
    WEBHOOK_KIND,
    host_of,
    with_certificate,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.kinds import served_kinds
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.guard import (
    operator_guard,
    platform_instances,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.handover import (
    HANDOVER_RIGHTS,
    change_operators,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.replace import (
    give_place_back,
    key_of_name,
    rights_to_replace,
    take_place,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import runs_operator
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import shared_out
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
    (DISRUPTION, "PodDisruptionBudget"),
    (ADMISSION, WEBHOOK_KIND),
)
OPTIONS: JsonObject = {**OPERATOR_OPTIONS, "rules": {"type": "list", "elements": "dict", "default": []}}


@dataclass(frozen=True, kw_only=True)
class OperatorSet:
    """The operator, and groups of alert *rules* about it."""

    operator: Operator
    rules: t.Sequence[JsonObject]


def parse(params: t.Mapping[str, t.Any], errors: Errors) -> OperatorSet:
    """The operator from a module's parameters."""
    options = {name: params[name] for name in OPERATOR_OPTIONS}
    return OperatorSet(operator=parse_operator(options, errors=errors), rules=params["rules"])


def desired(model: OperatorSet) -> list[JsonObject]:
    """All objects of the operator."""
    return operator_objects(model.operator, alert_rules=model.rules)


def policy(request: Request, model: OperatorSet | None, situation: Situation) -> Request:
    """Take the place of other operators, or give it back, and refuse to run beside one that would meet this one.

    The kinds of the operator that the cluster serves are noted at its pods: when a kind is new it must restart. The
    API server is not told of an admission webhook before that runs.
    """
    if model is None:
        return request.doing(functools.partial(give_place_back, pods=pods_selector()))
    operator = model.operator
    names = operator.replaces
    assigned = shared_out(operator.weights, operators=operator.operators)
    deployments = [obj for obj in request.desired if runs_operator(obj)]
    guard = operator_guard(
        situation.cluster,
        fleet=request.owner.fleet,
        to_come=platform_instances(
            fleet=request.owner.fleet,
            team=operator.platform_team,
            namespace=operator.platform_namespace,
            controller_id=operator.controller_id(operator.platform_team, assigned),
        ),
        deployments=deployments,
        replaced=[key_of_name(name) for name in names],
    )
    request = request.guarded(guard, reads=HANDOVER_RIGHTS)
    kinds = [*served_kinds(situation.cluster), *situation.to_come.kinds]
    objects = with_served_kinds(request.desired, kinds)
    webhook = operator.admission_webhook
    if webhook is not None and not webhook.secret:
        objects = _certified(objects, operator, renew=dt.timedelta(days=webhook.renew_days), cluster=situation.cluster)
    request = (
        request.wanting(objects)
        .registering(WEBHOOK_KIND)
        .doing(
            functools.partial(
                change_operators,
                fleet=request.owner.fleet,
                deployments=deployments,
                wanted=lambda team: operator.controller_id(team, assigned),
                allow_restarts=operator.allow_restarts,
            )
        )
    )
    if not names:
        return request
    own = key_of(deployments[0])
    return request.needing(rights_to_replace(names)).doing(functools.partial(take_place, names=names, own=own))


def _certified(
    objects: t.Sequence[JsonObject], operator: Operator, *, renew: dt.timedelta, cluster: Cluster
) -> list[JsonObject]:
    """The same objects with the certificate of the admission webhook: the one that there is, or a new one."""
    place = url_path(CORE, "secrets", namespace=operator.namespace, name=ADMISSION_WEBHOOK_NAME)
    live = cluster.find(place) or {}
    found = serving(live.get("data") or {}, name=host_of(operator), now=dt.datetime.now(tz=dt.UTC), renew=renew)
    return with_certificate(objects, operator, found)


def offline(model: OperatorSet, known: Offline) -> list[JsonObject]:
    """The operator's objects, with the kinds that will be served noted at its pods, as a run does it."""
    webhook = model.operator.admission_webhook
    if webhook is not None and not webhook.secret:
        known.errors.add(
            "admission_webhook.secret",
            "runs make the certificate of the webhook, with a key that must not be in files; give secret and ca_bundle",
        )
    return with_served_kinds(desired(model), known.kinds)


OPERATOR: Capability[OperatorSet] = Capability(
    name=NAME,
    kinds=KINDS,
    options=OPTIONS,
    parse=parse,
    desired=desired,
    policy=policy,
    offline=offline,
    module="prometheus_operator",
    role="prometheus_operator",
    account="promfleet-operator",
    # The role makes it of what the platform's team has, or of the prefix and the name.
    variables={
        "platform_namespace": "team_monitoring_platform.namespace",
        "rules": None,
        "weights": None,
        "region": None,
        "operators": "prometheus_operator_count",
    },
    example={
        "rules": [{"name": "any", "rules": [{"record": "any:up", "expr": "up"}]}],
        "admission_webhook": {"enabled": True, "secret": "any", "ca_bundle": "-----BEGIN CERTIFICATE-----"},
    },
)
