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
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.members import (
    list_members,
    secret_namespaces,
)
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
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.preflight import explaining, require_rights
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.rights import ROLES, Right, bound_role
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
    *needs*: rights for what the module asks after writing; they too are required before the first write.
    """

    owner: SetId
    desired: tuple[JsonObject, ...]
    kinds: tuple[tuple[str, str], ...]
    guard: t.Callable[[Plan], None] = _allow_all
    keep: t.Callable[[JsonObject], bool] = _keep_none
    removable: t.Callable[[JsonObject], bool] = _keep_none
    extra_deletes: t.Callable[[Plan], t.Sequence[JsonObject]] = _nothing
    needs: tuple[Right, ...] = ()

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


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What one look at the cluster says that is to be done; *refused*: rights for want of which some was not seen."""

    plan: Plan
    extra: t.Sequence[JsonObject]
    absent_namespaces: frozenset[str]
    refused: t.Sequence[Right]


def converge(cluster: Cluster, request: Request, *, options: Options) -> Outcome:
    """Bring the set to its desired state; raises Refused before any write, Incomplete after a partial one."""
    desired = [*request.desired, record.manifest(owner=request.owner, kinds=())]
    with explaining(cluster, kinds=request.kinds, desired=desired, needs=request.needs):
        work = _look(cluster, request, options=options)
    plan = work.plan
    require_rights(
        cluster,
        plan,
        extra_deletes=work.extra,
        needs=request.needs,
        refused=work.refused,
        absent_namespaces=work.absent_namespaces,
        waits=options.wait_timeout is not None,
    )
    outcome = Outcome(unchanged=len(plan.unchanged), warnings=list(plan.warnings))
    _apply_all(cluster, plan, outcome, absent_namespaces=work.absent_namespaces, options=options)
    _remove_all(cluster, plan, outcome, extra=work.extra, options=options)
    if options.wait_timeout is not None and not options.check and request.desired:
        wait_ready(
            cluster,
            objects=[obj for obj in request.desired if not plan.is_ready(key_of(obj))],
            selector=f"{SET_LABEL}={request.owner.label}",
            timeout=options.wait_timeout,
            progress=options.progress,
        )
    return outcome


def _look(cluster: Cluster, request: Request, *, options: Options) -> _Work:
    """What is to be done, as the cluster is now; raises Refused where it may not be done."""
    recorded = record.read(cluster, owner=request.owner)
    kinds = sorted({*request.kinds, *recorded.kinds, *((obj["apiVersion"], obj["kind"]) for obj in request.desired)})
    secrets = {*recorded.secret_namespaces, *secret_namespaces(request.desired)}

    def judge(obj: JsonObject, live: JsonObject | None) -> Decision:
        return decide(obj, live, owner=request.owner, adopt_managers=options.adopt_managers)

    desired = list(request.desired)
    members = list_members(
        cluster,
        label=request.owner.label,
        kinds=kinds,
        recorded=recorded,
        secrets_in=secrets,
        desired=desired,
        decide=judge,
        progress=options.progress,
    )
    if desired or any(request.keep(live) for live in members.live.values()):
        desired.append(record.manifest(owner=request.owner, kinds=kinds, secret_namespaces=secrets))
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
    plan, refused = _spare_foreign(cluster, plan, members=members.live, request=request)
    extra = request.extra_deletes(plan)
    return _Work(plan=plan, extra=extra, absent_namespaces=absent_namespaces, refused=refused)


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


def _spare_foreign(
    cluster: Cluster, plan: Plan, *, members: t.Mapping[Key, JsonObject], request: Request
) -> tuple[Plan, list[Right]]:
    """Namespaces that hold anything of others are released, not deleted.

    Also returns the rights that it takes to see all that is in them, where the account lacks some.
    """
    fleet_sets = {replace(request.owner, capability=capability).label for capability in KINDS}
    spared: list[JsonObject] = []
    warnings: list[str] = []
    refused: list[Right] = []
    for live in plan.deletes:
        if live["kind"] != "Namespace":
            continue
        name = live["metadata"]["name"]
        objects, unseen = namespace_contents(cluster, name)
        refused += unseen
        others = [obj for obj in foreign(objects, ours=members, fleet_sets=fleet_sets) if not request.removable(obj)]
        if others:
            spared.append(live)
            listed = ", ".join(f"{obj['kind']} {obj['metadata']['name']}" for obj in others[:NAMED])
            warnings.append(f"Namespace {name} stays: it holds objects of others ({listed})")
    plan = replace(
        plan,
        deletes=tuple(live for live in plan.deletes if live not in spared),
        releases=(*plan.releases, *spared),
        warnings=(*plan.warnings, *warnings),
    )
    return plan, refused


# -- writing ------------------------------------------------------------------------------------------------------


def _apply_all(
    cluster: Cluster, plan: Plan, outcome: Outcome, *, absent_namespaces: frozenset[str], options: Options
) -> None:
    options.progress.step("predicting" if options.check else "applying", total=len(plan.writes))
    roles = {key_of(write.desired) for write in plan.writes if write.desired["kind"] in ROLES}

    def attempt(write: Write) -> Change | Failure | None:
        return _attempt(cluster, write, absent_namespaces=absent_namespaces, roles=roles, options=options)

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
    cluster: Cluster,
    write: Write,
    *,
    absent_namespaces: frozenset[str],
    roles: t.Container[Key] = (),
    options: Options,
) -> Change | Failure | None:
    """Write one object: its change, None where the server saw no difference, or why it could not be.

    *roles* are written by the same run: about what binds them the server has no answer before they are there.
    """
    key = key_of(write.desired)
    resource = cluster.resource(write.desired["apiVersion"], write.desired["kind"])
    local = resource is None or key.namespace in absent_namespaces or mentions_unknown(write.desired)
    local = local or bound_role(write.desired) in roles
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
    """Applying nothing gives up every field that we own, and leaves those of others."""
    metadata = {name: live["metadata"][name] for name in ("name", "namespace") if name in live["metadata"]}
    bare = {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata}
    try:
        cluster.apply(bare, resource=_served(cluster, live), dry_run=False, force=False)
    except ApiError as error:
        raise ClusterError(f"{key_of(live)} could not be released: {error.server_message}") from error


def _served(cluster: Cluster, live: JsonObject) -> Resource:
    resource = cluster.resource(live["apiVersion"], live["kind"])
    if resource is None:
        raise ClusterError(f"{key_of(live)}: the cluster no longer serves its kind")
    return resource
