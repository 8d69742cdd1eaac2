# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The apply engine: brings one set of objects in one cluster to its desired state, or tells what that would take.

LIST by the set's label, compare (plan.py), then server-side apply of what differs, in phases and in parallel; prune
what a former run made and nobody wants any more; wait until all is ready. Check mode goes the same way with
``dryRun=All``.
"""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster import record
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.contents import foreign, namespace_contents
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.crd_to_come import CrdsToCome
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.errors import (
    ApiError,
    ClusterError,
    Refused,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.kinds import (
    Key,
    key_of,
    phase_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.members import list_members
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.outcome import (
    Change,
    Failure,
    Incomplete,
    Outcome,
    predicted,
    removed,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.plan import (
    Decision,
    Plan,
    SetId,
    Write,
    decide,
    make_plan,
    mentions_unknown,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.takeover import give_up
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.wait import wait_gone, wait_ready
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.write import refusal, write_one
from ansible_collections.promfleet.monitoring.plugins.module_utils._model.capabilities import KINDS
from ansible_collections.promfleet.monitoring.plugins.module_utils._model.names import SET_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._progress import SILENT, Progress

JsonObject = dict[str, t.Any]

WORKERS = 8
# A message names this many objects in full.
NAMED = 20


def _keep_none(_live: JsonObject) -> bool:
    return False


def _allow_all(_plan: Plan) -> None:
    return None


def _nothing(_plan: Plan) -> t.Sequence[JsonObject]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Request:
    """One set and what is wanted of it.

    *kinds*: (apiVersion, kind) pairs that this capability can ever make, so that a run finds what is no longer desired.
    *guard*: raises Refused where the plan needs a word that was not given; it is asked before the first write.
    *keep*: which members stay although they are not desired.
    *removable*: which foreign objects of a namespace may go with it.
    *extra_deletes*: live objects outside the set that go with this plan (volume claims, on an explicit word).
    """

    owner: SetId
    desired: tuple[JsonObject, ...]
    kinds: tuple[tuple[str, str], ...]
    guard: t.Callable[[Plan], None] = _allow_all
    keep: t.Callable[[JsonObject], bool] = _keep_none
    removable: t.Callable[[JsonObject], bool] = _keep_none
    extra_deletes: t.Callable[[Plan], t.Sequence[JsonObject]] = _nothing

    def removing(
        self,
        *,
        removable: t.Callable[[JsonObject], bool],
        extra_deletes: t.Callable[[Plan], t.Sequence[JsonObject]],
    ) -> Request:
        """The same request with the word that more than the set may go."""
        return replace(self, removable=removable, extra_deletes=extra_deletes)


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to work; *wait_timeout* in seconds, None to wait for nothing.

    *adopt_managers*: what these managers own in desired objects becomes ours. *to_come* counts in check mode only.
    """

    check: bool = False
    force_conflicts: bool = False
    adopt_managers: tuple[str, ...] = ()
    wait_timeout: float | None = None
    progress: Progress = SILENT
    to_come: CrdsToCome = field(default_factory=CrdsToCome)


def converge(cluster: Cluster, request: Request, *, options: Options) -> Outcome:
    """Bring the set to its desired state; raises Refused before any write, Incomplete after a partial one."""
    recorded = record.read(cluster, owner=request.owner)
    kinds = sorted({*request.kinds, *recorded, *((obj["apiVersion"], obj["kind"]) for obj in request.desired)})

    def judge(obj: JsonObject, live: JsonObject | None) -> Decision:
        return decide(obj, live, owner=request.owner, adopt_managers=options.adopt_managers)

    desired = list(request.desired)
    members = list_members(
        cluster, label=request.owner.label, kinds=kinds, desired=desired, decide=judge, progress=options.progress
    )
    if desired or any(request.keep(live) for live in members.live.values()):
        desired.append(record.manifest(owner=request.owner, kinds=kinds))
    undecided = {key: obj for obj in desired if (key := key_of(obj)) not in members.decisions}
    missing = [obj for key, obj in undecided.items() if key not in members.live]
    strangers, absent_namespaces = _strangers(cluster, missing, progress=options.progress)
    decisions = {
        **members.decisions,
        **{key: judge(obj, members.live.get(key) or strangers.get(key)) for key, obj in undecided.items()},
    }
    plan = make_plan(desired=desired, members=members.live, decisions=decisions, keep=request.keep)
    if plan.conflicts:
        raise Refused(
            "another set owns objects of this one: " + "; ".join(plan.conflicts[:NAMED]), objects=plan.conflicts
        )
    request.guard(plan)
    # After the guard: a refusal must not first look through every namespace of a thousand teams.
    plan = _spare_foreign(cluster, plan, members=members.live, request=request)
    extra = request.extra_deletes(plan)
    outcome = Outcome(unchanged=len(plan.unchanged), warnings=list(plan.warnings))
    _apply_all(cluster, plan, outcome, absent_namespaces=absent_namespaces, options=options)
    _remove_all(cluster, plan, outcome, extra=extra, options=options)
    if options.wait_timeout is not None and not options.check and request.desired:
        wait_ready(
            cluster,
            objects=[obj for obj in request.desired if not plan.is_ready(key_of(obj))],
            selector=f"{SET_LABEL}={request.owner.label}",
            timeout=options.wait_timeout,
            progress=options.progress,
        )
    return outcome


def _strangers(
    cluster: Cluster, missing: t.Sequence[JsonObject], *, progress: Progress
) -> tuple[dict[Key, JsonObject], frozenset[str]]:
    """Which of the *missing* objects exist without the set's label, and which namespaces are not there at all.

    In a namespace that does not exist nothing has to be looked for, so a first run costs one GET a namespace.
    """
    namespaces = sorted({obj["metadata"]["namespace"] for obj in missing if obj["metadata"].get("namespace")})
    namespaces += [obj["metadata"]["name"] for obj in missing if obj["kind"] == "Namespace"]
    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        names = sorted(set(namespaces))
        progress.step("looking for", total=len(names), unit="namespaces")
        states = list(pool.map(progress.counting(lambda name: cluster.find(f"/api/v1/namespaces/{name}")), names))
        absent = frozenset(name for name, state in zip(names, states, strict=True) if state is None)
        sought = [obj for obj in missing if (obj["metadata"].get("namespace") or "") not in absent]
        progress.step("looking for", total=len(sought))
        found = list(pool.map(progress.counting(lambda obj: _find(cluster, obj)), sought))
    return {key_of(obj): live for obj, live in zip(sought, found, strict=True) if live is not None}, absent


def _find(cluster: Cluster, obj: JsonObject) -> JsonObject | None:
    resource = cluster.resource(obj["apiVersion"], obj["kind"])
    if resource is None:
        return None
    metadata = obj["metadata"]
    return cluster.find(resource.path(namespace=metadata.get("namespace"), name=metadata["name"]))


def _spare_foreign(cluster: Cluster, plan: Plan, *, members: t.Mapping[Key, JsonObject], request: Request) -> Plan:
    """Namespaces that hold anything of others are released, not deleted."""
    fleet_sets = {replace(request.owner, capability=capability).label for capability in KINDS}
    spared: list[JsonObject] = []
    warnings: list[str] = []
    for live in plan.deletes:
        if live["kind"] != "Namespace":
            continue
        name = live["metadata"]["name"]
        others = [
            obj
            for obj in foreign(namespace_contents(cluster, name), ours=members, fleet_sets=fleet_sets)
            if not request.removable(obj)
        ]
        if others:
            spared.append(live)
            listed = ", ".join(f"{obj['kind']} {obj['metadata']['name']}" for obj in others[:NAMED])
            warnings.append(f"Namespace {name} stays: it holds objects of others ({listed})")
    return replace(
        plan,
        deletes=tuple(live for live in plan.deletes if live not in spared),
        releases=(*plan.releases, *spared),
        warnings=(*plan.warnings, *warnings),
    )


# -- writing ------------------------------------------------------------------------------------------------------


def _apply_all(
    cluster: Cluster, plan: Plan, outcome: Outcome, *, absent_namespaces: frozenset[str], options: Options
) -> None:
    options.progress.step("predicting" if options.check else "applying", total=len(plan.writes))

    def attempt(write: Write) -> Change | Failure | None:
        return _attempt(cluster, write, absent_namespaces=absent_namespaces, options=options)

    for phase in sorted({phase_of(write.desired["kind"]) for write in plan.writes}):
        batch = [write for write in plan.writes if phase_of(write.desired["kind"]) == phase]
        # The record of kinds goes before everything else: an interrupted run must leave nothing that no run can find.
        batch.sort(key=lambda write: (not record.is_record(write.desired), key_of(write.desired)))
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:
            results = list(pool.map(options.progress.counting(attempt), batch))
        for result in results:
            if isinstance(result, Change):
                outcome.changes.append(result)
            elif isinstance(result, Failure):
                outcome.failures.append(result)
            else:
                outcome.unchanged += 1
    if outcome.failures:
        shown = "; ".join(str(failure) for failure in outcome.failures[:NAMED])
        more = len(outcome.failures) - NAMED
        raise Incomplete(
            f"{len(outcome.failures)} objects could not be applied: {shown}" + (f"; and {more} more" * (more > 0)),
            outcome=outcome,
        )


def _attempt(
    cluster: Cluster, write: Write, *, absent_namespaces: frozenset[str], options: Options
) -> Change | Failure | None:
    """Write one object: its change, None where the server saw no difference, or why it could not be."""
    key = key_of(write.desired)
    resource = cluster.resource(write.desired["apiVersion"], write.desired["kind"])
    local = resource is None or key.namespace in absent_namespaces or mentions_unknown(write.desired)
    if options.check and local:
        return _predicted(write, options=options)
    if resource is None:
        return Failure(
            key=key,
            message=f"the cluster does not serve {write.desired['apiVersion']} {key.kind}; "
            "install the CRDs first (role promfleet.monitoring.prometheus_operator)",
        )
    try:
        return write_one(cluster, write, resource=resource, options=options)
    except ApiError as error:
        judged_by_old_crd = error.status != 403 and not error.conflicts
        if options.check and judged_by_old_crd and options.to_come.problems(write.desired) is not None:
            return _predicted(write, options=options)
        return refusal(write, error)


def _predicted(write: Write, *, options: Options) -> Change | Failure:
    """Our own prediction where the run itself first changes what the server would judge by."""
    refused = None if mentions_unknown(write.desired) else options.to_come.problems(write.desired)
    if refused:
        message = f"the CRDs of this run would refuse it: {'; '.join(refused)}"
        return Failure(key=key_of(write.desired), message=message)
    return predicted(action="created" if write.live is None else "updated", before=write.live, desired=write.desired)


# -- removing -----------------------------------------------------------------------------------------------------


def _remove_all(
    cluster: Cluster, plan: Plan, outcome: Outcome, *, extra: t.Sequence[JsonObject], options: Options
) -> None:
    for live in plan.releases:
        outcome.changes.append(removed(action="released", live=live))
        if not options.check:
            _release(cluster, live)
    going = [*plan.deletes, *extra]
    outcome.changes.extend(removed(action="deleted", live=live) for live in going)
    if options.check:
        return
    for phase in sorted({_removal_phase(live) for live in going}, reverse=True):
        batch = [live for live in going if _removal_phase(live) == phase]
        options.progress.step("deleting", total=len(batch))
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:
            list(pool.map(options.progress.counting(lambda live: _delete(cluster, live)), batch))
        if options.wait_timeout is not None:
            wait_gone(cluster, objects=batch, timeout=options.wait_timeout, progress=options.progress)


def _removal_phase(live: JsonObject) -> int:
    return -1 if record.is_record(live) else phase_of(live["kind"])


def _delete(cluster: Cluster, live: JsonObject) -> None:
    resource = _served(cluster, live)
    try:
        cluster.delete(live, resource=resource, dry_run=False)
    except ApiError as error:
        raise ClusterError(f"{key_of(live)} could not be deleted: {error.server_message}") from error


def _release(cluster: Cluster, live: JsonObject) -> None:
    try:
        give_up(cluster, live, resource=_served(cluster, live))
    except ApiError as error:
        raise ClusterError(f"{key_of(live)} could not be released: {error.server_message}") from error


def _served(cluster: Cluster, live: JsonObject) -> Resource:
    resource = cluster.resource(live["apiVersion"], live["kind"])
    if resource is None:
        raise ClusterError(f"{key_of(live)}: the cluster no longer serves its kind")
    return resource
