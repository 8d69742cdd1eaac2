# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The operator's CRDs in a cluster: brought to a release and looked at, with nothing lost that nobody gave up.

The order of a change: plan and refusals first; where live objects lose fields the operators are held, then their
objects and the CRDs are saved; the CRDs are written, compared with what was wanted, and waited for.
"""

from __future__ import annotations

import contextlib
import typing as t
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import (
    ClusterError,
    Refused,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING_GROUP
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import operators
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import snapshot as crd_snapshot
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import (
    CRD_API,
    CRD_KIND,
    CrdPlan,
    Loss,
    Words,
    is_recorded,
    losses,
    make_plan,
    require_words,
    storage_version,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.write import (
    ask_server,
    change_of,
    crd_resource,
    wait_served,
    write_all,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import lease
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.preflight import (
    explaining,
    require_rights,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS, Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Outcome, listed, removed
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, Write
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.record import NAMESPACE
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.wait import wait_gone

JsonObject = dict[str, t.Any]

CATEGORY = "prometheus-operator"
# One for a cluster, whatever fleet writes: its CRDs are there once.
LEASE = lease.name_of("crds")
# Without an own time limit: how long operators may take to end, and CRDs to be served, at most.
PATIENCE = 300.0
# What every look at the CRDs takes.
TO_READ = (
    Right(group="apiextensions.k8s.io", resource="customresourcedefinitions", verb="get"),
    Right(group="", resource="configmaps", verb="get", namespace=NAMESPACE, name=operators.HELD),
    Right(group="apps", resource="deployments", verb="list"),
    Right(group=lease.GROUP, resource="leases", verb="get", namespace=lease.NAMESPACE, name=LEASE),
)


@dataclass(kw_only=True)
class CrdOutcome:
    """What a run did, or would do."""

    outcome: Outcome
    crds_differ: bool = False
    snapshot: str | None = None
    objects_file: Path | None = None
    held: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)

    def result(self) -> JsonObject:
        """The part of the module's result that is not about objects."""
        saved = {"crds": self.snapshot, "objects": str(self.objects_file) if self.objects_file else None}
        return {
            "snapshot": {name: value for name, value in saved.items() if value},
            "held": self.held,
            "restarted": self.restarted,
        }


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
    resource = crd_resource(cluster)
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        found = list(pool.map(lambda name: cluster.find(resource.path(name=name)), sought))
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
    """What one look at the cluster says that is to be done.

    *lost*: whether live objects lose fields; *going*: CRDs that are removed; *unaware*: operators that a new kind must
    be told of; *touched*: Deployments that are written to; *asleep*: operators that an earlier run left scaled to zero.
    """

    plan: CrdPlan
    live: Sequence[JsonObject]
    lost: bool
    going: Sequence[JsonObject]
    unaware: Sequence[JsonObject]
    touched: Sequence[JsonObject]
    asleep: Sequence[JsonObject]
    warnings: Sequence[str]

    @property
    def is_empty(self) -> bool:
        return not (self.plan.writes or self.going or self.unaware or self.asleep)


@contextlib.contextmanager
def alone(cluster: Cluster, *, seen: lease.Seen, options: Options) -> t.Iterator[lease.Held]:
    """For this block no other run changes the CRDs; *seen* as `lease.hold` wants it.

    They change seldom: no Lease stays in the cluster between.
    """
    with lease.hold(cluster, LEASE, seen=seen, timeout=options.lock_timeout) as held:
        held.remove = True
        yield held


def apply_crds(
    cluster: Cluster,
    *,
    source: str,
    load: Callable[[], list[JsonObject]],
    words: Words,
    options: Options,
) -> CrdOutcome:
    """Bring the CRDs to what *load* returns, whose digest is *source*; nothing is loaded where they are that already.

    Raises Refused before any write where the plan needs a word that was not given, Incomplete after a partial change.
    """
    with explaining(cluster, kinds=(), desired=(), needs=TO_READ):
        live = live_crds(cluster)
        asleep = operators.held(cluster)
    if not asleep and is_recorded(live, source=source):
        return CrdOutcome(outcome=Outcome(unchanged=len(live)))
    wanted = load()
    # Looked at before the CRDs: whoever takes it at this version knows that nobody wrote since.
    with explaining(cluster, kinds=(), desired=wanted, needs=TO_READ):
        seen = lease.Seen(live=None) if options.check else lease.look(cluster, LEASE)
    work = _look(cluster, wanted, source=source, words=words, options=options)
    if options.check:
        ask_server(cluster, work.plan)
        return _predicted(work)
    if work.is_empty:
        return _outcome(work)
    options.progress.step(f"taking the Lease {LEASE}")
    with alone(cluster, seen=seen, options=options) as held:
        if not held.fresh:
            work = _look(cluster, wanted, source=source, words=words, options=options)
        return _do(cluster, work, wanted=wanted, words=words, options=options)


def _look(cluster: Cluster, wanted: Sequence[JsonObject], *, source: str, words: Words, options: Options) -> _Work:
    """What is to be done, as the cluster is now; raises Refused where it may not be done."""
    with explaining(cluster, kinds=(), desired=wanted, needs=TO_READ):
        live = live_crds(cluster, names={crd["metadata"]["name"] for crd in wanted})
        asleep = operators.held(cluster)
        plan = make_plan(wanted=wanted, live=live, source=source)
        lost, _objects = find_losses(cluster, plan)
    require_words(plan, lost, words=words)
    going, warnings = _removable(cluster, plan, words=words)
    running = operators.find_operators(cluster) if plan.new_kinds or lost else []
    unaware = operators.restartable(running) if plan.new_kinds else []
    work = _Work(
        plan=plan,
        live=live,
        lost=bool(lost),
        going=going,
        unaware=unaware,
        touched=[*unaware, *(running if lost and words.snapshot_dir else ())],
        asleep=asleep,
        warnings=warnings,
    )
    _require_rights(cluster, work, options=options)
    return work


def _outcome(work: _Work) -> CrdOutcome:
    outcome = Outcome(unchanged=work.plan.unchanged, warnings=list(work.warnings))
    return CrdOutcome(outcome=outcome, crds_differ=bool(work.plan.writes))


def _predicted(work: _Work) -> CrdOutcome:
    result = _outcome(work)
    result.outcome.changes = [change_of(write, after=write.after) for write in work.plan.writes]
    result.outcome.changes += [removed(action="deleted", live=crd) for crd in work.going]
    return _with_operators(result, work)


def _do(cluster: Cluster, work: _Work, *, wanted: Sequence[JsonObject], words: Words, options: Options) -> CrdOutcome:
    result = _outcome(work)
    if work.plan.writes or work.going:
        _save(cluster, work, words=words, options=options, result=result)
        write_all(cluster, work.plan, outcome=result.outcome, progress=options.progress)
        wait_served(cluster, wanted, timeout=_seconds(options), progress=options.progress)
        _remove(cluster, work.going, outcome=result.outcome, options=options)
    operators.wake(cluster)
    operators.restart(cluster, work.unaware)
    return _with_operators(result, work)


def _with_operators(result: CrdOutcome, work: _Work) -> CrdOutcome:
    result.outcome.changes += [operators.wake_change(entry) for entry in work.asleep]
    result.outcome.changes += [operators.restart_change(deployment) for deployment in work.unaware]
    result.restarted = sorted(str(key_of(deployment)) for deployment in work.unaware)
    return result


def _require_rights(cluster: Cluster, work: _Work, *, options: Options) -> None:
    """Everything that this takes, with the snapshot before and the operators around it."""
    deployments = {(obj["metadata"]["namespace"], obj["metadata"]["name"]) for obj in work.touched}
    deployments |= {(entry["namespace"], entry["name"]) for entry in work.asleep}
    needs = [
        Right(group="apps", resource="deployments", verb=verb, namespace=namespace, name=name)
        for namespace, name in deployments
        for verb in ("get", "patch")
    ]
    # Whether operators that are scaled to zero have ended.
    needs += [Right(group="", resource="pods", verb="list", namespace=place) for place, _name in deployments]
    if work.live and (work.plan.writes or work.going):
        # Their names hold the time.
        needs += [_config_maps(verb) for verb in ("create", "delete", "list", "patch")]
    if work.asleep or (deployments and work.live):
        needs += [_config_maps(verb, name=operators.HELD) for verb in ("create", "delete", "get", "patch")]
    writes = tuple(Write(desired=write.desired, live=write.live) for write in work.plan.writes)
    require_rights(
        cluster,
        Plan(writes=writes, deletes=tuple(work.going)),
        needs=[*needs, *lease.needed_rights(LEASE)],
        always=bool(deployments),
        waits=options.wait_timeout is not None,
    )


def _config_maps(verb: str, *, name: str = "") -> Right:
    return Right(group="", resource="configmaps", verb=verb, namespace=NAMESPACE, name=name)


def _seconds(options: Options) -> float:
    return PATIENCE if options.wait_timeout is None else options.wait_timeout


def _removable(cluster: Cluster, plan: CrdPlan, *, words: Words) -> tuple[list[JsonObject], list[str]]:
    """CRDs of a newer release that the wanted one does not have go with a downgrade, where nothing is in them.

    Also returns a warning for each that stays.
    """
    going: list[JsonObject] = []
    warnings: list[str] = []
    for crd in plan.leftovers:
        name = crd["metadata"]["name"]
        number = len(objects_of(cluster, crd))
        if words.allow_downgrade and not number:
            going.append(crd)
        else:
            held = f"{number} objects use it" if number else "allow_downgrade would remove it"
            warnings.append(f"{name} is of a newer release than the others, and stays: {held}")
    return going, warnings


def _save(cluster: Cluster, work: _Work, *, words: Words, options: Options, result: CrdOutcome) -> None:
    """Everything that must be safe before the first write: operators asleep, objects in a file, CRDs in the cluster."""
    if not work.live:
        return
    taken = crd_snapshot.now()
    try:
        if work.lost and words.snapshot_dir:
            options.progress.step("scaling operators to zero")
            result.held = operators.hold(cluster, timeout=_seconds(options))
            # Read again: now nobody of ours writes any more.
            _lost, objects = find_losses(cluster, work.plan)
            result.objects_file = crd_snapshot.save_objects(
                Path(words.snapshot_dir).expanduser(),
                cluster_uid=cluster_uid(cluster),
                taken=taken,
                live=work.live,
                changed_to=[write.desired for write in work.plan.writes],
                objects=objects,
            )
        result.snapshot = crd_snapshot.save_crds(cluster, work.live, taken=taken)
    except ClusterError:
        # Nothing is changed yet, so that nobody has to sleep.
        operators.wake(cluster)
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
    """Delete the CRDs *names* and our snapshots; refused while any custom resource exists, because it would go too."""
    with explaining(cluster, kinds=(), desired=(), needs=TO_READ):
        seen = lease.Seen(live=None) if options.check else lease.look(cluster, LEASE)
    live = _to_remove(cluster, names, options=options)
    outcome = Outcome()
    if options.check:
        outcome.changes = [removed(action="deleted", live=crd) for crd in live]
    elif live or crd_snapshot.snapshots(cluster):
        with alone(cluster, seen=seen, options=options) as held:
            if not held.fresh:
                live = _to_remove(cluster, names, options=options)
            _remove(cluster, live, outcome=outcome, options=options)
            crd_snapshot.forget(cluster)
    return outcome


def _to_remove(cluster: Cluster, names: t.Collection[str], *, options: Options) -> list[JsonObject]:
    with explaining(cluster, kinds=(), desired=(), needs=TO_READ):
        live = [crd for crd in live_crds(cluster, names=names) if crd["metadata"]["name"] in names]
        holders = sorted(str(key_of(obj)) for crd in live for obj in objects_of(cluster, crd))
    if holders:
        raise Refused(
            "custom resources of these CRDs exist and would be deleted with them: " + listed(holders, separator=", "),
            objects=holders,
        )
    needs = [*(_config_maps(verb) for verb in ("delete", "list")), *lease.needed_rights(LEASE)]
    require_rights(cluster, Plan(deletes=tuple(live)), needs=needs, waits=options.wait_timeout is not None)
    return live
