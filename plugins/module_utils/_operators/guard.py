# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Refuses a run that would let two operators reconcile the same instances. Reads only.

The lists are read when the plan has writes, so that a run without changes costs nothing.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    SET_LABEL,
    common_labels,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.find import (
    instance_of,
    instances_in,
    operators_in,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import FoundOperator
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.quarrel import (
    described,
    quarrels,
    refusal,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import (
    EVERYTHING,
    INSTANCE_KINDS,
    Instance,
    Scope,
    scope_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import marks_for
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, SetId

JsonObject = dict[str, t.Any]
Guard = t.Callable[[Plan], t.Sequence[str]]


def operator_guard(
    cluster: Cluster,
    *,
    fleet: str,
    to_come: t.Sequence[Instance],
    deployments: t.Sequence[JsonObject],
    replaced: t.Collection[Key] = (),
) -> Guard:
    """A guard for the plan of the operator of *fleet*, whose *deployments* are desired.

    *to_come* are instances that will be there later at the latest; *replaced* are operators that this run stops. The
    guard raises Refused, and returns warnings.
    """
    scopes = [scope_of(obj["spec"]["template"], namespace=obj["metadata"]["namespace"]) for obj in deployments]

    def guard(plan: Plan) -> t.Sequence[str]:
        if not plan.writes:
            return ()
        return require_no_quarrel(
            cluster,
            fleet=fleet,
            to_come=to_come,
            scopes=scopes,
            replaced=replaced,
            rendered=[key_of(obj) for obj in deployments],
        )

    return guard


def require_no_quarrel(
    cluster: Cluster,
    *,
    fleet: str,
    to_come: t.Sequence[Instance],
    scopes: t.Sequence[Scope] = (EVERYTHING,),
    replaced: t.Collection[Key] = (),
    rendered: t.Collection[Key] | None = None,
) -> list[str]:
    """Raise Refused if an operator of others and one of *fleet*, which reconciles *scopes*, would meet.

    Those that are *replaced* do not count, nor do those of *rendered* (None for all) that another tool made from our
    files: the run adopts them. Returns warnings about operators that are stopped: they would meet ours when they are
    started again.
    """

    def is_adopted(found: FoundOperator) -> bool:
        return found.is_rendered and (rendered is None or found.key in rendered)

    others = [
        found
        for found in operators_in(cluster)
        if fleet_of(found.set_label) != fleet and found.key not in replaced and not is_adopted(found)
    ]
    if not others:
        return []
    live = instances_in(cluster)
    ours = [*to_come, *(instance for instance in live if instance.set_label)]
    theirs = [instance for instance in live if not instance.set_label]
    found = quarrels(
        others,
        ours=list({str(instance): instance for instance in ours}.values()),
        theirs=theirs,
        reconciles=lambda instance: any(scope.reconciles(instance) for scope in scopes),
    )
    if found:
        raise Refused(refusal(found), objects=[str(quarrel.operator.key) for quarrel in found])
    return _warnings(others, ours)


def instance_guard(cluster: Cluster, *, replaced: t.Collection[Key] = ()) -> Guard:
    """A guard for a plan that makes instances: it raises Refused if operators of others would reconcile them.

    Those that are *replaced* do not count.
    """

    def guard(plan: Plan) -> t.Sequence[str]:
        new = [
            instance_of(write.desired)
            for write in plan.writes
            if write.desired["kind"] in INSTANCE_KINDS and (write.live is None or write.adopts)
        ]
        if not new:
            return ()
        others = [
            found
            for found in operators_in(cluster)
            if not found.is_ours and not found.is_rendered and found.key not in replaced
        ]
        found = quarrels(others, ours=new)
        if found:
            raise Refused(refusal(found), objects=[str(quarrel.operator.key) for quarrel in found])
        return _warnings(others, new)

    return guard


def _warnings(others: t.Sequence[FoundOperator], ours: t.Sequence[Instance]) -> list[str]:
    return [
        f"{described(found)} is stopped: if it is started again, it and this collection's operator reconcile the same "
        "instances"
        for found in others
        if not found.is_running and any(found.reconciles(instance) for instance in ours)
    ]


def fleet_of(set_label: str | None) -> str | None:
    """The fleet that a set's label names (see `SetId.label`), None for no set. Pure."""
    return set_label.rpartition(".")[0] if set_label else None


def platform_instances(*, fleet: str, team: str, namespace: str, controller_id: str = "") -> list[Instance]:
    """What the platform's team will have in *namespace*, as far as it decides who reconciles it. Pure."""
    set_label = SetId(fleet=fleet, capability="teams").label
    marks = marks_for(controller_id)
    return [
        Instance(
            kind=kind,
            namespace=namespace,
            name=team,
            labels={**common_labels(kind.lower(), team=team), SET_LABEL: set_label, **marks.get("labels", {})},
            annotations=marks.get("annotations", {}),
            set_label=set_label,
        )
        for kind in ("Prometheus", "Alertmanager")
    ]
