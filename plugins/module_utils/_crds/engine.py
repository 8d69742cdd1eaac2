# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installs, upgrades and downgrades the operator's CRDs in a cluster, and loses data only with an opt-in.

The order of a change: plan and refusals first; where live objects lose fields the operators are stopped, then their
objects and the CRDs are saved; the CRDs are written, compared with what was wanted, and waited for.
"""

from __future__ import annotations

import contextlib
import typing as t
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import (
    ClusterError,
    Refused,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of, url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.managers import managers_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.platforms import require_supported
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING_GROUP
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.parallel import side_by_side
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import snapshot as crd_snapshot
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.managed import (
    require_deletable,
    require_unmanaged,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import (
    CRD_API,
    CRD_KIND,
    CRD_PLURAL,
    CrdPlan,
    Loss,
    OptIns,
    is_recorded,
    losses,
    make_plan,
    require_opt_ins,
    storage_version,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.write import (
    ask_server,
    change_of,
    crd_resource,
    wait_served,
    write_all,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators import stop as operators
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.find import (
    INSTANCE_RIGHTS,
    OPERATOR_RIGHTS,
    operators_in,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import lease
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.preflight import (
    explaining,
    require_rights,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.contents import is_leaving
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.leaving import wait_ended
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS, Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete, Outcome, removed
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.place import (
    TO_READ,
    find_place,
    require_all_moved,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, Write
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.server_warnings import told_to
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.wait import wait_gone

JsonObject = dict[str, t.Any]

CATEGORY = "prometheus-operator"
# One for each cluster and all fleets, because a cluster has its CRDs once.
LEASE = lease.name_of("crds")
# Without an own time limit: how long operators may take to end, and CRDs to be served, at most.
PATIENCE = 300.0
# Seconds that a run waits for CRDs which are being deleted already, at most: who deleted them a moment ago runs on, and
# one that an object holds is not waited for as long as for pods.
LEAVING_TIMEOUT = 30.0


@dataclass(kw_only=True)
class CrdOutcome:
    """What a run did, or would do."""

    outcome: Outcome
    crds_differ: bool = False
    snapshot: str | None = None
    objects_file: Path | None = None
    stopped: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)

    def result(self) -> JsonObject:
        """The part of the module's result that is not about objects."""
        saved = {"crds": self.snapshot, "objects": str(self.objects_file) if self.objects_file else None}
        return {
            "snapshot": {name: value for name, value in saved.items() if value},
            "stopped": self.stopped,
            "restarted": self.restarted,
        }


def lock_of(namespace: str) -> lease.Lock:
    """The Lease of the run that changes the CRDs, in the records' *namespace*. Pure."""
    return lease.Lock(namespace=namespace, name=LEASE)


def placed(cluster: Cluster, *, options: Options) -> Options:
    """*options* with the namespace where this cluster keeps snapshots of CRDs and the note about stopped operators.

    Raises Refused if something of it is elsewhere, so that nothing is overlooked.
    """
    with _reading(cluster, options=options):
        place = find_place(cluster, options.records_namespace)
        require_all_moved(cluster, place)
    return replace(options, records_namespace=place)


def _reading(
    cluster: Cluster, *, options: Options, desired: Sequence[JsonObject] = ()
) -> contextlib.AbstractContextManager[None]:
    """If a read of this block is refused, report all rights that reading the CRDs takes."""
    place = options.place
    needs = (
        Right(group="apiextensions.k8s.io", resource=CRD_PLURAL, verb="get"),
        _config_maps("get", name=operators.STOPPED_NOTE, namespace=place),
        *OPERATOR_RIGHTS,
        *INSTANCE_RIGHTS,
        Right(group=lease.GROUP, resource="leases", verb="get", namespace=place, name=LEASE),
        TO_READ,
    )
    return explaining(cluster, kinds=(), desired=desired, needs=needs)


# -- what is there ------------------------------------------------------------------------------------------------


def live_crds(cluster: Cluster, *, names: t.Collection[str] = ()) -> list[JsonObject]:
    """The operator's CRDs in the cluster, and those of *names*, sorted by name.

    The names come from what the group serves: a LIST of every CRD of a cluster can be a hundred megabytes.
    """
    group = cluster.find(f"/apis/{MONITORING_GROUP}") or {}
    versions = [item["groupVersion"] for item in group.get("versions") or ()]
    plurals = {
        kind.plural for version in versions for kind in (cluster.resources(version, refresh=True) or {}).values()
    }
    sought = sorted({*names, *(f"{plural}.{MONITORING_GROUP}" for plural in plurals)})
    found = side_by_side(lambda name: cluster.find(url_path(CRD_API, CRD_PLURAL, name=name)), sought, workers=WORKERS)
    return [
        {"apiVersion": CRD_API, "kind": CRD_KIND, **crd}
        for name, crd in zip(sought, found, strict=True)
        if crd is not None and (name in names or CATEGORY in (crd["spec"]["names"].get("categories") or ()))
    ]


def objects_of(cluster: Cluster, crd: JsonObject, *, version: str | None = None) -> list[JsonObject]:
    """All custom resources of a CRD, in one of its versions."""
    spec = crd["spec"]
    resource = cluster.resource(f"{spec['group']}/{version or storage_version(crd)}", spec["names"]["kind"])
    return cluster.list_objects(resource) if resource is not None else []


def find_losses(cluster: Cluster, plan: CrdPlan) -> tuple[list[Loss], list[JsonObject]]:
    """The live objects that would lose fields, and every object of their kinds."""
    lost: list[Loss] = []
    objects: list[JsonObject] = []
    for losing in plan.losing:
        found = objects_of(cluster, losing.crd, version=losing.version)
        would = losses(found, schema=losing.schema)
        lost += would
        objects += found if would else []
    return lost, objects


# -- applying -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Work:
    """The work that one look at the cluster results in.

    *lost*: whether live objects lose fields; *going*: CRDs that are deleted; *unaware*: operators that must restart for
    a new kind; *touched*: operators' workloads that are written to; *stopped*: what an earlier run left stopped.
    """

    plan: CrdPlan
    live: Sequence[JsonObject]
    lost: bool
    going: Sequence[JsonObject]
    unaware: Sequence[JsonObject]
    touched: Sequence[JsonObject]
    stopped: Sequence[JsonObject]
    warnings: Sequence[str]

    @property
    def is_empty(self) -> bool:
        return not (self.plan.writes or self.going or self.unaware or self.stopped)


@contextlib.contextmanager
def alone(cluster: Cluster, *, seen: lease.Seen, options: Options) -> t.Iterator[lease.KeptLease]:
    """For this block no other run changes the CRDs; *seen* as `lease.hold` wants it.

    They change seldom: no Lease stays in the cluster between.
    """
    with lease.hold(cluster, lock_of(options.place), seen=seen, timeout=options.lock_timeout) as kept:
        kept.remove = True
        yield kept


def apply_crds(
    cluster: Cluster,
    *,
    source: str,
    load: Callable[[], list[JsonObject]],
    opt_ins: OptIns,
    options: Options,
    guard: Callable[[], Sequence[str]] = tuple,
) -> CrdOutcome:
    """Bring the CRDs to what *load* returns, whose digest is *source*; nothing is loaded where they are that already.

    *guard* is called before the first write, where there is one: it raises Refused, or returns warnings. Raises Refused
    before any write if the plan needs a missing opt-in, Incomplete after a partial change.
    """
    options = placed(cluster, options=options)
    with _reading(cluster, options=options):
        live = live_crds(cluster)
        stopped = operators.stopped(cluster, namespace=options.place)
    if not stopped and is_recorded(live, source=source):
        return CrdOutcome(outcome=Outcome(unchanged=len(live)))
    wanted = load()
    # Read before the CRDs: a run that takes the Lease at this version knows that no other run wrote since.
    with _reading(cluster, options=options, desired=wanted):
        seen = lease.Seen(live=None) if options.check else lease.look(cluster, lock_of(options.place))
    work = _look(cluster, wanted, source=source, opt_ins=opt_ins, options=options, guard=guard)
    if options.check:
        predicted = _predicted(work)
        with told_to(cluster, predicted.outcome.warnings):
            ask_server(cluster, work.plan)
        return predicted
    if work.is_empty:
        return _outcome(work)
    options.progress.step(f"taking the Lease {LEASE}")
    with alone(cluster, seen=seen, options=options) as kept:
        if not kept.fresh:
            work = _look(cluster, wanted, source=source, opt_ins=opt_ins, options=options, guard=guard)
        return _do(cluster, work, wanted=wanted, opt_ins=opt_ins, options=options)


def _look(
    cluster: Cluster,
    wanted: Sequence[JsonObject],
    *,
    source: str,
    opt_ins: OptIns,
    options: Options,
    guard: Callable[[], Sequence[str]],
) -> _Work:
    """What is to be done, as the cluster is now; raises Refused if it may not be done."""
    with _reading(cluster, options=options, desired=wanted):
        live = _lasting(cluster, {crd["metadata"]["name"] for crd in wanted}, options=options)
        stopped = operators.stopped(cluster, namespace=options.place)
        plan = make_plan(wanted=wanted, live=live, source=source)
        # First of all: no opt-in for a loss helps where somebody else writes these CRDs, too.
        require_unmanaged(plan.changed, take=opt_ins.take_managed)
        if plan.writes:
            require_supported(cluster)
        lost, _objects = find_losses(cluster, plan)
        notes = guard() if plan.writes else ()
    require_opt_ins(plan, lost, opt_ins=opt_ins)
    going, warnings = _removable(cluster, plan, opt_ins=opt_ins)
    with _reading(cluster, options=options, desired=wanted):
        running = _workloads(cluster) if plan.new_kinds or lost else []
    unaware = operators.restartable(running) if plan.new_kinds else []
    work = _Work(
        plan=plan,
        live=live,
        lost=bool(lost),
        going=going,
        unaware=unaware,
        touched=[*unaware, *(running if lost and opt_ins.snapshot_dir else ())],
        stopped=stopped,
        warnings=[*warnings, *notes],
    )
    _require_rights(cluster, work, options=options)
    return work


def _workloads(cluster: Cluster) -> list[JsonObject]:
    """The Deployments and StatefulSets of all operators."""
    return [operator.workload for operator in operators_in(cluster)]


def _lasting(cluster: Cluster, names: t.Collection[str], *, options: Options) -> list[JsonObject]:
    """The live CRDs, none of *names* among them that is being deleted: such a one is waited for.

    Raises Refused, with what holds it, if it stays; in check mode and without *wait_timeout* at once.
    """

    def leaving(live: Sequence[JsonObject]) -> list[JsonObject]:
        return [crd for crd in live if is_leaving(crd) and crd["metadata"]["name"] in names]

    live = live_crds(cluster, names=names)
    if not leaving(live):
        return live
    timeout = 0.0 if options.check else min(options.wait_timeout or 0.0, LEAVING_TIMEOUT)
    held = wait_ended(cluster, leaving(live), timeout=timeout, progress=options.progress)
    if held:
        raise Refused(
            f"{'; '.join(map(str, held))}. Then run again: it installs the CRDs again. Nothing was written",
            objects=[f"CustomResourceDefinition {crd.name}" for crd in held],
        )
    return live_crds(cluster, names=names)


def _outcome(work: _Work) -> CrdOutcome:
    outcome = Outcome(unchanged=work.plan.unchanged, warnings=list(work.warnings))
    return CrdOutcome(outcome=outcome, crds_differ=bool(work.plan.writes))


def _predicted(work: _Work) -> CrdOutcome:
    result = _outcome(work)
    result.outcome.changes = [change_of(write, after=write.after) for write in work.plan.writes]
    result.outcome.changes += [removed(action="deleted", live=crd) for crd in work.going]
    return _with_operators(result, work)


def _do(
    cluster: Cluster, work: _Work, *, wanted: Sequence[JsonObject], opt_ins: OptIns, options: Options
) -> CrdOutcome:
    result = _outcome(work)
    if work.plan.writes or work.going:
        _save(cluster, work, opt_ins=opt_ins, options=options, result=result)
        with told_to(cluster, result.outcome.warnings):
            write_all(cluster, work.plan, outcome=result.outcome, progress=options.progress)
        wait_served(cluster, wanted, timeout=_seconds(options), progress=options.progress)
        _remove(cluster, work.going, outcome=result.outcome, options=options)
    operators.start(cluster, namespace=options.place)
    operators.restart(cluster, work.unaware)
    return _with_operators(result, work)


def _with_operators(result: CrdOutcome, work: _Work) -> CrdOutcome:
    result.outcome.changes += [operators.start_change(entry) for entry in work.stopped]
    result.outcome.changes += [operators.restart_change(deployment) for deployment in work.unaware]
    result.restarted = sorted(str(key_of(deployment)) for deployment in work.unaware)
    return result


def _require_rights(cluster: Cluster, work: _Work, *, options: Options) -> None:
    """Everything that this takes, with the snapshot before and the operators around it."""
    place = options.place
    workloads = {*map(key_of, work.touched), *map(operators.entry_key, work.stopped)}
    needs = operators.needed_rights(workloads)
    if work.live and (work.plan.writes or work.going):
        # Their names hold the time.
        needs += [_config_maps(verb, namespace=place) for verb in ("create", "delete", "list", "patch")]
    if work.stopped or (workloads and work.live):
        needs += [
            _config_maps(verb, name=operators.STOPPED_NOTE, namespace=place)
            for verb in ("create", "delete", "get", "patch")
        ]
    writes = tuple(Write(desired=write.desired, live=write.live) for write in work.plan.writes)
    require_rights(
        cluster,
        Plan(writes=writes, deletes=tuple(work.going)),
        needs=[*needs, *options.needs, *lease.needed_rights(lock_of(place))],
        always=bool(workloads),
        waits=options.wait_timeout is not None,
    )


def _config_maps(verb: str, *, namespace: str, name: str = "") -> Right:
    return Right(group="", resource="configmaps", verb=verb, namespace=namespace, name=name)


def _seconds(options: Options) -> float:
    return PATIENCE if options.wait_timeout is None else options.wait_timeout


def _removable(cluster: Cluster, plan: CrdPlan, *, opt_ins: OptIns) -> tuple[list[JsonObject], list[str]]:
    """The CRDs that a downgrade deletes: those that the older release does not have, if they have no objects.

    Also returns a warning for each that stays.
    """
    going: list[JsonObject] = []
    warnings: list[str] = []
    for crd in plan.leftovers:
        name = crd["metadata"]["name"]
        managers = managers_of(crd)
        number = 0 if managers else len(objects_of(cluster, crd))
        if opt_ins.allow_downgrade and not number and not managers:
            going.append(crd)
        else:
            reason = f"{number} objects use it" if number else "allow_downgrade would remove it"
            reason = f"{managers[0]} manages it" if managers else reason
            warnings.append(f"{name} is of a newer release than the others, and stays: {reason}")
    return going, warnings


def _save(cluster: Cluster, work: _Work, *, opt_ins: OptIns, options: Options, result: CrdOutcome) -> None:
    """Do what must be done before the first write: stop operators, save objects to a file and CRDs in the cluster."""
    if not work.live:
        return
    taken = crd_snapshot.now()
    try:
        if work.lost and opt_ins.snapshot_dir:
            options.progress.step("stopping the operators")
            result.stopped = operators.stop(
                cluster,
                _workloads(cluster),
                namespace=options.place,
                timeout=_seconds(options),
                otherwise="The CRDs are unchanged, and the operators have their replicas back",
            )
            # Read again: the operators are stopped now and write no more.
            _lost, objects = find_losses(cluster, work.plan)
            result.objects_file = crd_snapshot.save_objects(
                Path(opt_ins.snapshot_dir).expanduser(),
                cluster_uid=cluster_uid(cluster),
                taken=taken,
                live=work.live,
                changed_to=[write.desired for write in work.plan.writes],
                objects=objects,
            )
        result.snapshot = crd_snapshot.save_crds(cluster, work.live, namespace=options.place, taken=taken)
    except ClusterError:
        # No CRD is changed yet, so that operators can run again.
        operators.start(cluster, namespace=options.place)
        raise


def cluster_uid(cluster: Cluster) -> str:
    """The cluster's identity: the UID of its namespace kube-system."""
    return str((cluster.find("/api/v1/namespaces/kube-system") or {}).get("metadata", {}).get("uid", ""))


# -- removing -----------------------------------------------------------------------------------------------------


def _remove(cluster: Cluster, going: Sequence[JsonObject], *, outcome: Outcome, options: Options) -> None:
    resource = crd_resource(cluster)
    for crd in going:
        cluster.delete(crd, resource=resource, dry_run=False)
        outcome.changes.append(removed(action="deleted", live=crd))
    if options.wait_timeout is not None:
        wait_gone(cluster, objects=going, timeout=options.wait_timeout, progress=options.progress)


def remove_crds(cluster: Cluster, names: t.Collection[str], *, options: Options) -> Outcome:
    """Delete the CRDs *names* and our snapshots; refused while custom resources exist: they would be deleted too."""
    options = placed(cluster, options=options)
    place = options.place
    with _reading(cluster, options=options):
        seen = lease.Seen(live=None) if options.check else lease.look(cluster, lock_of(place))
    live, leaving = _to_remove(cluster, names, options=options)
    outcome = Outcome()
    if options.check:
        outcome.changes = [removed(action="deleted", live=crd) for crd in live]
    elif live or crd_snapshot.snapshots(cluster, namespace=place):
        with alone(cluster, seen=seen, options=options) as kept:
            if not kept.fresh:
                live, leaving = _to_remove(cluster, names, options=options)
            _remove(cluster, live, outcome=outcome, options=options)
            crd_snapshot.forget(cluster, namespace=place)
    if options.wait_timeout is not None and not options.check:
        held = wait_ended(cluster, leaving, timeout=options.wait_timeout, progress=options.progress)
        if held:
            raise Incomplete("; ".join(map(str, held)), outcome=outcome)
    return outcome


def _to_remove(
    cluster: Cluster, names: t.Collection[str], *, options: Options
) -> tuple[list[JsonObject], list[JsonObject]]:
    """The CRDs to delete, and those that are being deleted already, with their objects."""
    with _reading(cluster, options=options):
        every = [crd for crd in live_crds(cluster, names=names) if crd["metadata"]["name"] in names]
        require_deletable(every)
        if every:
            require_supported(cluster)
        live = [crd for crd in every if not is_leaving(crd)]
        holders = sorted(str(key_of(obj)) for crd in live for obj in objects_of(cluster, crd))
    if holders:
        raise Refused(
            "custom resources of these CRDs exist and would be deleted with them: " + first_of(holders),
            objects=holders,
        )
    place = options.place
    needs = [_config_maps(verb, namespace=place) for verb in ("delete", "list")]
    needs += [*options.needs, *lease.needed_rights(lock_of(place))]
    require_rights(cluster, Plan(deletes=tuple(live)), needs=needs, waits=options.wait_timeout is not None)
    return live, [crd for crd in every if is_leaving(crd)]
