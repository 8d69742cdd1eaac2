# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Takes the place of another operator, and gives it back: the step of a run that installs or removes our operator.

Two operators that reconcile the same instances undo each other's work, so there are never two: the other one is noted
and scaled to zero, and ours is applied when its pods are gone. Removal goes the other way. The note is a ConfigMap
beside the records: a run that was killed anywhere is completed by the next one.
"""

from __future__ import annotations

import time
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.managers import (
    ARGO_CD,
    HELM,
    HELM_CHART,
    HELM_RELEASE,
    KUSTOMIZATION,
    OLM,
    OPENSHIFT,
    RANCHER,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MOVING_GUIDE
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.grammar import dns_label, dns_subdomain
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.find import (
    INSTANCE_RIGHTS,
    OPERATOR_RIGHTS,
    instances_in,
    operators_in,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import FoundOperator, replicas_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.noted import (
    Noted,
    as_before,
    give_back,
    note_change,
    note_rights,
    noted,
    write_note,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.owner import owner_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import EVERYTHING, Instance
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.served import (
    SERVED_RIGHTS,
    kubelets,
    served,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.stop import (
    INTERVAL,
    find_workload,
    needed_rights,
    scale,
    start_change,
    stop_change,
    wait_stopped,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.step import NOTHING_BESIDE, Step

JsonObject = dict[str, t.Any]

# Seconds to wait for pods to end, without an own time limit.
PATIENCE = 300.0


def rights_to_replace(names: t.Iterable[str]) -> tuple[Right, ...]:
    """What it takes to look at the operators *names*, and to stop them, without the note. Pure."""
    keys = [key_of_name(name) for name in names]
    services = {Right(group="", resource="services", verb="list", namespace=key.namespace) for key in keys}
    return (
        *needed_rights(keys),
        *sorted(services),
        *OPERATOR_RIGHTS,
        *INSTANCE_RIGHTS,
        *SERVED_RIGHTS,
    )


def deployment_name(text: str) -> str | None:
    """Why *text* does not name a Deployment as ``namespace/name``; None if it does. Pure."""
    namespace, slash, name = text.partition("/")
    if slash and dns_label(namespace) is None and dns_subdomain(name) is None:
        return None
    return f"{text!r} does not name a Deployment; write its namespace and its name: monitoring/prometheus-operator"


def key_of_name(name: str) -> Key:
    """The identity of the Deployment that ``namespace/name`` names. Pure."""
    namespace, _slash, own = name.partition("/")
    return Key("apps", "Deployment", namespace, own)


# -- taking the place ---------------------------------------------------------------------------------------------


def take_place(cluster: Cluster, _plan: Plan, place: str, *, names: t.Sequence[str], own: Key) -> Step:
    """The step that stops the operators *names* (``namespace/name`` of Deployments) before ours, *own*, is applied.

    Raises Refused for what is not an operator, for what would start it again at once, and for webhooks that would
    refuse all writes without it.
    """
    before = noted(cluster, place=place)
    warnings: list[str] = []
    there: list[JsonObject] = []
    for name in names:
        live = find_workload(cluster, key_of_name(name))
        if live is None:
            lost = ", so it cannot get its replicas back" if key_of_name(name) in before else ""
            warnings.append(f"replaces: {key_of_name(name)} does not exist{lost}")
        else:
            there.append(live)
    running = [live for live in there if replicas_of(live) > 0]
    if running:
        warnings += _judged(cluster, running, again=before)
    after = {**before, **{key_of(live): as_before(live, before.get(key_of(live))) for live in running}}

    def stop(on: Cluster, options: Options) -> None:
        if running:
            options.progress.step(f"stopping {first_of([key_of(live) for live in running])}")
            write_note(on, after, place=place)
        for live in running:
            scale(on, live, replicas=0)
        wait_stopped(on, there, timeout=_seconds(options))

    def undo(on: Cluster, options: Options) -> str:
        """Without ours the cluster would have no operator at all."""
        if not running or find_workload(on, own) is not None:
            return _hint(running)
        options.progress.step(f"starting {first_of([key_of(live) for live in running])} again")
        for live in running:
            give_back(on, after[key_of(live)])
        write_note(on, before, place=place)
        return f". {first_of([key_of(live) for live in running])} runs again, with the replicas of before"

    return Step(
        first=(*(stop_change(live) for live in running), *note_change(before, after, place=place)),
        warnings=tuple(warnings),
        needs=(*note_rights(place, "create", "delete", "get", "patch"),) if running else (),
        before=stop,
        undo=undo,
        hint=_hint(running),
    )


def _hint(running: t.Sequence[JsonObject]) -> str:
    if not running:
        return ""
    return (
        f". {first_of([key_of(live) for live in running])} stays stopped, because ours takes its place: run again when "
        f"the cause is gone, or go back with state=absent ({MOVING_GUIDE})"
    )


def _seconds(options: Options) -> float:
    return PATIENCE if options.wait_timeout is None else options.wait_timeout


def _judged(cluster: Cluster, running: t.Sequence[JsonObject], *, again: t.Container[Key]) -> list[str]:
    """Warnings about stopping operators that run; raises Refused if one of them must not be stopped this way."""
    operators = {found.key: found for found in operators_in(cluster)}
    problems: list[str] = []
    found: list[FoundOperator] = []
    for live in running:
        operator = operators.get(key_of(live))
        problem = _unfit(live, operator)
        if problem:
            problems.append(problem)
        elif operator is not None:
            found.append(operator)
    warnings: list[str] = []
    for operator in found:
        failing, ignored = served(cluster, operator.workload)
        problems += failing
        warnings += [*ignored, *kubelets(operator.workload)]
    if problems:
        raise Refused(
            f"replaces: {'; '.join(problems)}. Nothing was written", objects=[str(key_of(o)) for o in running]
        )
    instances = instances_in(cluster)
    for operator in found:
        warnings = [_about(operator, instances, again=operator.key in again), *_starters(operator), *warnings]
    return warnings


def _unfit(live: JsonObject, operator: FoundOperator | None) -> str | None:
    """Why a running Deployment must not be stopped, None if it may. Pure."""
    key, owner = key_of(live), owner_of(live)
    if operator is None:
        return (
            f"{key} is not a Prometheus Operator: its account may not write StatefulSets and the status of Prometheus "
            "objects, or its arguments are not those of an operator"
        )
    if operator.is_ours:
        return f"{key} belongs to {owner}: remove it with this collection instead"
    if owner.tool == OLM:
        return (
            f"{key} is managed by {owner}, which starts it again at once. Delete its Subscription and its "
            f"ClusterServiceVersion: CRDs, instances and volume claims stay ({MOVING_GUIDE})"
        )
    if owner.tool == OPENSHIFT:
        return f"{key} is a part of {owner}, which starts it again at once; it cannot be replaced"
    controller = next((one for one in live["metadata"].get("ownerReferences") or () if one.get("controller")), None)
    if controller is not None:
        return (
            f"{key} is controlled by {controller['kind']} {controller['name']}, which starts it again at once: "
            "stop it there"
        )
    return None


def _about(operator: FoundOperator, instances: t.Sequence[Instance], *, again: bool) -> str:
    """What a user must know of the operator that is stopped. Pure."""
    theirs = [instance for instance in instances if operator.reconciles(instance)]
    ours = [str(instance) for instance in theirs if EVERYTHING.reconciles(instance)]
    orphans = [str(instance) for instance in theirs if not EVERYTHING.reconciles(instance)]
    text = f"{operator.key} ({operator.owner}) is stopped, and this operator takes its place"
    if again:
        text += "; an earlier run had stopped it, and somebody has started it again"
    if ours:
        text += (
            f". It reconciled {first_of(ours)}: their custom resources, volume claims and data stay; their pods may "
            "restart once, because another release or other flags of the operator make other pods"
        )
    if orphans:
        text += (
            f". No operator will reconcile {first_of(orphans)}, which have a controller id (annotation "
            "operator.prometheus.io/controller-id): remove the annotation"
        )
    return text


def _starters(operator: FoundOperator) -> list[str]:
    """What may start a stopped operator again. Pure."""
    does = {
        ARGO_CD: "a sync or its self-heal starts it again: switch both off for this application first",
        **dict.fromkeys((KUSTOMIZATION, HELM_RELEASE), "its next reconciliation starts it again: suspend it first"),
        **dict.fromkeys((HELM, HELM_CHART), "a helm upgrade starts it again, and helm uninstall deletes the instances"),
        RANCHER: "an upgrade of the chart starts it again, and its removal deletes the instances",
    }.get(operator.owner.tool)
    return [f"{operator.key} is managed by {operator.owner}: {does} ({MOVING_GUIDE})"] if does else []


# -- giving it back -----------------------------------------------------------------------------------------------


def give_place_back(cluster: Cluster, _plan: Plan, place: str, *, pods: str) -> Step:
    """The step that starts the noted operators again when ours is gone, with its *pods* (a label selector)."""
    before = noted(cluster, place=place)
    if not before:
        return NOTHING_BESIDE
    stopped: list[Noted] = []
    warnings: list[str] = []
    for key, one in sorted(before.items()):
        live = find_workload(cluster, key)
        if live is None:
            warnings.append(f"{key} is gone: it had {one.replicas} replicas before this operator took its place")
        elif live["metadata"]["uid"] != one.uid:
            warnings.append(
                f"{key} was made again meanwhile and has {replicas_of(live)} replicas; it stays as it is. The one "
                f"before had {one.replicas}"
            )
        elif replicas_of(live) == 0:
            stopped.append(one)
        elif replicas_of(live) != one.replicas:
            warnings.append(
                f"{key} has {replicas_of(live)} replicas, which somebody set meanwhile; it had {one.replicas} before"
            )

    def start(on: Cluster, options: Options) -> None:
        options.progress.step("waiting until this operator's pods are gone")
        _wait_gone(on, pods, timeout=_seconds(options))
        for one in before.values():
            give_back(on, one)
        write_note(on, {}, place=place)

    changes = [start_change(one.data()) for one in stopped]
    return Step(
        last=(*changes, *note_change(before, {}, place=place)),
        warnings=tuple(warnings),
        needs=(
            *needed_rights(before),
            *note_rights(place, "delete", "get"),
            Right(group="", resource="pods", verb="list"),
        ),
        after=start,
    )


def _wait_gone(cluster: Cluster, selector: str, *, timeout: float) -> None:
    """Wait until no pod with these labels is left in any namespace; raises ClusterError after *timeout* seconds."""
    deadline = time.monotonic() + timeout
    resource = Resource(api_version="v1", kind="Pod", plural="pods", namespaced=True, verbs=frozenset())
    while found := cluster.list_objects(resource, selector=selector):
        if time.monotonic() > deadline:
            names = first_of([key_of(pod) for pod in found])
            raise ClusterError(
                f"still there after {timeout:.0f} s: {names}. The operator that was there before stays stopped until "
                "they are gone: run again"
            )
        time.sleep(INTERVAL)
