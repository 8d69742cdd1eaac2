# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Moves instances from one of our operators to another, so that never two of them write for the same instance.

An operator looks at the annotation of an instance only when it queues it: what it failed to reconcile it tries again,
even if the instance is another operator's by then (seen with release 0.93). So the operators that lose instances are
scaled to zero and gone before the marks of the instances change (`share.marks_for`). Prometheus and Alertmanager go on
meanwhile.
"""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, field, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, guess_plural, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    OPERATOR_LABEL,
    SET_LABEL,
    TEAM_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.parallel import side_by_side
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators import stop
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.find import (
    INSTANCE_APIS,
    INSTANCE_RIGHTS,
    OPERATOR_RIGHTS,
    instance_of,
    instances_in,
    operators_in,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.guard import fleet_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import FoundOperator, replicas_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.noted import note_rights
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import (
    CONTROLLER_ID,
    INSTANCE_KINDS,
    Instance,
    Scope,
    other_pods,
    runs_operator,
    scope_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import (
    Marks,
    marks_for,
    marks_on,
    with_marks,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS, Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, SetId, Write
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.step import NOTHING_BESIDE, Step
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import extract, own_fields
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ready import condition

JsonObject = dict[str, t.Any]

# Seconds to wait for the pods of operators to end, without an own time limit.
PATIENCE = 60.0
NAMED = 5
# What it takes to see who has which instance.
HANDOVER_RIGHTS = (*OPERATOR_RIGHTS, *INSTANCE_RIGHTS)


@dataclass(frozen=True, kw_only=True)
class Move:
    """A live instance that is to get the marks of another controller id; *wanted* is empty for none."""

    live: JsonObject = field(repr=False)
    wanted: str

    @property
    def instance(self) -> Instance:
        """What decides who reconciles it now."""
        return instance_of(self.live)

    @property
    def is_needed(self) -> bool:
        """Whether it has other marks now."""
        return marks_on(self.live["metadata"]) != marks_for(self.wanted)

    @property
    def change(self) -> Change:
        """The change of its marks."""
        marks = (marks_on(self.live["metadata"]), marks_for(self.wanted))
        old, new = ({"metadata": found} if found else {} for found in marks)
        return Change(
            action="updated", key=key_of(self.live), before=old, after=new, uid=self.live["metadata"].get("uid", "")
        )


# -- when the operators change ------------------------------------------------------------------------------------


def change_operators(
    cluster: Cluster,
    plan: Plan,
    place: str,
    *,
    fleet: str,
    deployments: t.Sequence[JsonObject],
    wanted: t.Callable[[str], str],
    allow_restarts: bool,
) -> Step:
    """The step of the run that makes the *deployments* of *fleet*: instances get their ids between old and new ones.

    *wanted* gives the controller id for the instances of a team. Nothing is read where the operators stay the same.
    Raises Refused where instances of others would lose their operator, and where other pods would be made of instances
    without *allow_restarts*.
    """
    if not _changes_operators(plan):
        return NOTHING_BESIDE
    own = [found for found in operators_in(cluster) if fleet_of(found.set_label) == fleet]
    live = _instances_of(cluster, SetId(fleet=fleet, capability="teams").label)
    moves = [move for move in (Move(live=one, wanted=wanted(_team(one))) for one in live) if move.is_needed]
    scopes = [_scope(obj) for obj in deployments]
    _require_owners(cluster, own, scopes, ours=[instance_of(one) for one in live])
    losing = [found for found in own if any(found.reconciles(move.instance) for move in moves)]
    if not allow_restarts:
        _require_same_pods(losing, deployments, moves)
    return handed_over(moves, losing, place=place, staying={key_of(obj) for obj in deployments}, mark=True)


def _changes_operators(plan: Plan) -> bool:
    """Whether a Deployment of an operator comes, goes, or is to have other instances. Pure."""
    written = [write for write in plan.writes if runs_operator(write.desired)]
    if any(runs_operator(live) for live in (*plan.deletes, *plan.releases)):
        return True
    return any(write.live is None or _scope(write.live) != _scope(write.desired) for write in written)


def _scope(deployment: JsonObject) -> Scope:
    return scope_of(deployment["spec"]["template"], namespace=deployment["metadata"]["namespace"])


def _team(live: JsonObject) -> str:
    return str((live["metadata"].get("labels") or {}).get(TEAM_LABEL) or "")


def _instances_of(cluster: Cluster, label: str) -> list[JsonObject]:
    """The live instances of a set."""
    found: list[JsonObject] = []
    for api_version, kind in INSTANCE_APIS:
        resource = cluster.resource(api_version, kind)
        if resource is not None:
            found += cluster.list_objects(resource, selector=f"{SET_LABEL}={label}")
    return [one for one in found if own_fields(one)]


def _require_owners(
    cluster: Cluster, own: t.Sequence[FoundOperator], scopes: t.Sequence[Scope], *, ours: t.Sequence[Instance]
) -> None:
    """Raise Refused if what others made is reconciled by one of our operators now, and by none afterwards."""
    known = {str(instance) for instance in ours}
    lost = [
        instance
        for instance in (instances_in(cluster) if own else ())
        if str(instance) not in known
        and any(found.reconciles(instance) for found in own)
        and not any(scope.reconciles(instance) for scope in scopes)
    ]
    if lost:
        ids = sorted({scope.controller_id for scope in scopes if scope.controller_id})
        marks = f"the annotation {CONTROLLER_ID} and the label {OPERATOR_LABEL}"
        way = f"Give each {marks}, both with one of {', '.join(ids)}" if ids else f"Remove {marks} from each"
        raise Refused(
            f"no operator would reconcile {first_of(list(map(str, lost)), NAMED)} any more, which this set of teams "
            f"did not make and an operator of this fleet reconciles now. {way}; from then on until this run is "
            "through, changes of it wait. Nothing was written",
            objects=[str(instance) for instance in lost],
        )


def _require_same_pods(
    losing: t.Sequence[FoundOperator], deployments: t.Sequence[JsonObject], moves: t.Sequence[Move]
) -> None:
    """Raise Refused if the new operators would make other pods of the instances that move."""
    differing = sorted(
        {
            text
            for found in losing
            for obj in deployments
            for text in other_pods(found.workload["spec"]["template"], obj["spec"]["template"])
        }
    )
    if differing:
        names = first_of([str(move.instance) for move in moves], NAMED)
        raise Refused(
            f"the pods of {names} would restart with their new operators, which differ from the old ones in "
            f"{'; '.join(differing)}. Change that in a run before or after this one, or set allow_restarts. Nothing "
            "was written",
            objects=[str(move.instance) for move in moves],
        )


# -- when instances change ----------------------------------------------------------------------------------------


def change_instances(cluster: Cluster, plan: Plan, place: str, *, fleet: str, check: bool) -> Step:
    """The step of the run that makes instances: operators of *fleet* that lose some are stopped around the writes.

    Raises Refused if no running operator has the id that an instance gets; in *check* mode that is a warning, because
    the operators may be what the run before would make. Nothing is read where no instance changes its operator.
    """
    writes = [write for write in plan.writes if write.desired["kind"] in INSTANCE_KINDS]
    moves = [_move(write) for write in writes if write.live is not None and not write.adopts]
    moves = [move for move in moves if move.is_needed]
    ids = {move.wanted for move in moves}
    ids |= {_id_of(write.desired) for write in writes if write.live is None and _id_of(write.desired)}
    if not ids:
        return NOTHING_BESIDE
    own = [found for found in operators_in(cluster) if fleet_of(found.set_label) == fleet]
    served = {found.scope.controller_id for found in own if found.is_running}
    losing = [found for found in own if any(found.reconciles(move.instance) for move in moves)]
    step = handed_over(moves, losing, place=place, staying={found.key for found in own}, mark=False)
    missing = sorted(ids - served, key=str)
    if not missing:
        return step
    text = (
        f"no operator of this fleet runs {_named(missing)}: the instances that this run writes would have no operator. "
        "Run the role prometheus_operator with the same tier first"
    )
    if not check:
        raise Refused(f"{text}. Nothing was written", objects=[str(move.instance) for move in moves])
    return replace(step, warnings=(*step.warnings, text))


def _named(ids: t.Sequence[str]) -> str:
    return ", ".join(f"with the controller id {one!r}" if one else "without a controller id" for one in ids)


def _id_of(obj: JsonObject) -> str:
    return str((obj["metadata"].get("annotations") or {}).get(CONTROLLER_ID) or "")


def _move(write: Write) -> Move:
    return Move(live=write.live or {}, wanted=_id_of(write.desired))


# -- both ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _HandOver:
    """What is done while instances change their operator.

    *running*: operators that lose some, of which *back* go on afterwards; *new*: Deployments that there may be by then.
    *moves* are those whose marks are written here, none where the run itself writes the instances.
    """

    moves: tuple[Move, ...]
    running: tuple[JsonObject, ...]
    back: tuple[JsonObject, ...]
    new: tuple[Key, ...]
    place: str

    def before(self, cluster: Cluster, options: Options) -> None:
        """Stop the operators, write the marks, and start those that go on."""
        if self.running:
            options.progress.step(f"stopping {_names(self.running)}")
            limit = PATIENCE if options.wait_timeout is None else min(PATIENCE, options.wait_timeout)
            stop.stop(cluster, self.running, namespace=self.place, timeout=limit)
        if not self.moves:
            return
        options.progress.step("moving", total=len(self.moves), unit="instances")
        side_by_side(
            options.progress.counting(lambda move: _mark(cluster, move.live, marks_for(move.wanted))),
            self.moves,
            workers=WORKERS,
        )
        for workload in self.back:
            live = stop.find_workload(cluster, key_of(workload))
            if live is not None:
                stop.scale(cluster, live, replicas=replicas_of(workload))

    def undo(self, cluster: Cluster, options: Options) -> str:
        """Give everything back to the operators of before. Once a new one runs it may have begun with an instance."""
        if not self.running:
            return ""
        names = _names(self.running)
        with contextlib.suppress(ClusterError):
            if not any(stop.find_workload(cluster, key) for key in self.new):
                options.progress.step(f"starting {names} again")
                for move in self.moves:
                    _mark(cluster, move.live, marks_on(move.live["metadata"]))
                stop.start(cluster, namespace=self.place)
                return f". {names} runs again, with the instances of before"
        return f". {names} stays stopped, and its replicas are noted: run again when the cause is gone"

    def after(self, cluster: Cluster, _options: Options) -> None:
        """Start what is still stopped and still there, and delete the note."""
        if self.running:
            stop.start(cluster, namespace=self.place)


def _names(workloads: t.Sequence[JsonObject]) -> str:
    return first_of([str(key_of(one)) for one in workloads])


def handed_over(
    moves: t.Sequence[Move],
    losing: t.Sequence[FoundOperator],
    *,
    place: str,
    staying: t.Collection[Key],
    mark: bool,
) -> Step:
    """The step that stops the operators *losing* some of *moves*, and starts those that are *staying* again.

    *mark*: whether it also marks the instances, and starts the operators before the workloads are written; otherwise
    the run itself writes the instances, and they start when it has.
    """
    if not moves:
        return NOTHING_BESIDE
    running = tuple(found.workload for found in losing if found.is_running)
    stopping = {key_of(workload) for workload in running}
    marked = tuple(moves) if mark else ()
    work = _HandOver(
        moves=marked,
        running=running,
        back=tuple(workload for workload in running if key_of(workload) in staying),
        new=tuple(key for key in staying if key not in stopping) if mark else (),
        place=place,
    )
    return Step(
        first=(*map(stop.stop_change, running), *(move.change for move in marked)),
        last=tuple(map(_start_change, work.back)),
        warnings=tuple(_warnings(moves, running)),
        needs=tuple(_rights(running, marked, place=place)),
        before=work.before,
        undo=work.undo,
        after=work.after,
    )


def _start_change(workload: JsonObject) -> Change:
    key = key_of(workload)
    entry = {"kind": key.kind, "namespace": key.namespace, "name": key.name, "replicas": replicas_of(workload)}
    return stop.start_change(entry)


def _rights(running: t.Sequence[JsonObject], moves: t.Sequence[Move], *, place: str) -> list[Right]:
    kinds = sorted({move.live["kind"] for move in moves})
    patches = [Right(group="monitoring.coreos.com", resource=guess_plural(kind), verb="patch") for kind in kinds]
    if not running:
        return patches
    note = note_rights(place, "create", "delete", "get", "patch", note=stop.STOPPED_NOTE)
    return [*stop.needed_rights(map(key_of, running)), *note, *patches]


def _warnings(moves: t.Sequence[Move], running: t.Sequence[JsonObject]) -> list[str]:
    """What a user must know before instances change their operator. Pure."""
    ids: dict[str, list[str]] = {}
    for move in moves:
        ids.setdefault(move.wanted, []).append(str(move.instance))
    where = "; ".join(
        f"{first_of(names, NAMED)} to {f'the one with the id {one}' if one else 'the one without an id'}"
        for one, names in sorted(ids.items())
    )
    text = f"{len(moves)} instances change their operator: {where}"
    if running:
        text += (
            f". {_names(running)} pause for that, usually less than 60 s: until then "
            "no change of a monitor, rule or instance has an effect. Prometheus and Alertmanager go on"
        )
    failing = [f"{move.instance} ({reason})" for move in moves if (reason := _not_reconciled(move.live))]
    if not failing:
        return [text]
    also = (
        f"not reconciled before the move: {first_of(failing, NAMED)}. They move all the same, because their old "
        "operator is gone by then; their new one will report the same"
    )
    return [text, also]


def _not_reconciled(live: JsonObject) -> str:
    """Why an instance is not reconciled, empty if it is. Pure."""
    found = condition(live, "Reconciled")
    if found.get("status") == "True":
        return ""
    return str(found.get("message") or found.get("reason") or "no operator has reported about it yet")


def _mark(cluster: Cluster, seen: JsonObject, marks: Marks) -> None:
    """Give a live instance of ours these marks and no others, with the fields that we apply, which are ours alone."""
    resource = cluster.resource(seen["apiVersion"], seen["kind"])
    if resource is None:
        raise ClusterError(f"the cluster does not serve the kind {seen['kind']}")
    metadata = seen["metadata"]
    live = cluster.find(resource.path(namespace=metadata["namespace"], name=metadata["name"]))
    if live is None or live["metadata"]["uid"] != metadata["uid"]:
        return
    ours = extract(live, own_fields(live))
    own = {**ours.get("metadata", {}), "namespace": metadata["namespace"], "name": metadata["name"]}
    body = {**ours, "apiVersion": seen["apiVersion"], "kind": seen["kind"], "metadata": with_marks(own, marks)}
    cluster.apply(body, resource=resource, dry_run=False, force=True)
