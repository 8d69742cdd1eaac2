# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The apply engine: brings one set of objects in one cluster to its desired state, or tells what that would take.

LIST by the set's label, compare (plan.py), then server-side apply of what differs, in phases and in parallel; prune
what a former run made and nobody wants any more; wait until all is ready. Check mode goes the same way with
``dryRun=All``.
"""

from __future__ import annotations

import contextlib
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster import lease, record
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.contents import (
    foreign,
    is_leaving,
    namespace_contents,
)
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
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.options import WORKERS, Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.outcome import (
    Change,
    Failure,
    Incomplete,
    Outcome,
    listed,
    predicted,
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
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.remove import remove_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.rights import ROLES, Right, bound_role
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.wait import wait_gone, wait_ready
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.write import refusal, write_one
from ansible_collections.promfleet.monitoring.plugins.module_utils._model.capabilities import KINDS
from ansible_collections.promfleet.monitoring.plugins.module_utils._model.names import SET_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._progress import Progress

JsonObject = dict[str, t.Any]

# Seconds for a deleted object to go where its place is needed and no other time was given.
GONE_TIMEOUT = 60.0


def _keep_none(_live: JsonObject) -> bool:
    return False


def _allow_all(_plan: Plan) -> None:
    return None


def _none_removable(_plan: Plan) -> t.Callable[[JsonObject], bool]:
    return _keep_none


def _nothing(_plan: Plan) -> t.Sequence[JsonObject]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Request:
    """One set and what is wanted of it.

    *kinds*: (apiVersion, kind) pairs that this capability can ever make, so that a run finds what is no longer desired.
    *guard*: raises Refused where the plan needs a word that was not given; it is asked before the first write.
    *keep*: which members stay although they are not desired; *keep_reason* why, for people, where that is worth a word.
    *removable*: which foreign objects of a namespace may go with it, for a plan.
    *extra_deletes*: live objects outside the set that go with this plan (volume claims, on an explicit word).
    *needs*: rights for what the module asks after writing; they too are required before the first write.
    """

    owner: SetId
    desired: tuple[JsonObject, ...]
    kinds: tuple[tuple[str, str], ...]
    guard: t.Callable[[Plan], None] = _allow_all
    keep: t.Callable[[JsonObject], bool] = _keep_none
    keep_reason: str = ""
    removable: t.Callable[[Plan], t.Callable[[JsonObject], bool]] = _none_removable
    extra_deletes: t.Callable[[Plan], t.Sequence[JsonObject]] = _nothing
    needs: tuple[Right, ...] = ()

    def keeping(self, keep: t.Callable[[JsonObject], bool], *, reason: str) -> Request:
        """The same request for a part of the set: what *keep* names stays."""
        return replace(self, keep=keep, keep_reason=reason)

    def removing(
        self,
        *,
        removable: t.Callable[[Plan], t.Callable[[JsonObject], bool]],
        extra_deletes: t.Callable[[Plan], t.Sequence[JsonObject]],
    ) -> Request:
        """The same request with the word that more than the set may go."""
        return replace(self, removable=removable, extra_deletes=extra_deletes)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What one look at the cluster says that is to be done.

    *wanted* has the record, too; *ends*: nothing of the set remains; *refused*: rights for want of which
    some was not seen.
    """

    plan: Plan
    wanted: t.Mapping[Key, JsonObject]
    extra: t.Sequence[JsonObject]
    absent_namespaces: frozenset[str]
    ends: bool
    refused: t.Sequence[Right]

    @property
    def is_empty(self) -> bool:
        return not (self.plan.writes or self.plan.deletes or self.plan.releases or self.extra)


def converge(cluster: Cluster, request: Request, *, options: Options) -> Outcome:
    """Bring the set to its desired state; raises Refused before any write, Incomplete after a partial one."""
    lock = lease.name_of(request.owner.label)
    # Looked at before the objects: whoever takes it at this version knows that nobody wrote since.
    with _explaining(cluster, request):
        seen = lease.Seen(live=None) if options.check else lease.look(cluster, lock)
    work = _permitted(cluster, request, options=options)
    # A set that is gone needs no Lease either; one is left where a run was killed at its very end.
    if options.check or (work.is_empty and not (work.ends and seen.live)):
        outcome = _do(cluster, work, options=options)
    else:
        options.progress.step(f"taking the Lease {lock}")
        with lease.hold(cluster, lock, seen=seen, timeout=options.lock_timeout) as held:
            if not held.fresh:
                work = _permitted(cluster, request, options=options)
            outcome = _do(cluster, work, options=options)
            held.remove = work.ends
    if options.wait_timeout is not None and not options.check and request.desired:
        with _reporting(outcome):
            wait_ready(
                cluster,
                objects=[obj for key, obj in work.wanted.items() if not work.plan.is_ready(key)],
                selector=f"{SET_LABEL}={request.owner.label}",
                timeout=options.wait_timeout,
                progress=options.progress,
            )
    return outcome


def _permitted(cluster: Cluster, request: Request, *, options: Options) -> _Work:
    """What is to be done, once it is known that the account may do all of it; raises Forbidden where it may not."""
    with _explaining(cluster, request):
        work = _look(cluster, request, options=options)
    require_rights(
        cluster,
        work.plan,
        extra_deletes=work.extra,
        needs=_needs(request),
        refused=work.refused,
        absent_namespaces=work.absent_namespaces,
        waits=options.wait_timeout is not None,
    )
    return work


def _explaining(cluster: Cluster, request: Request) -> contextlib.AbstractContextManager[None]:
    desired = [*request.desired, record.manifest(owner=request.owner, kinds=())]
    return explaining(cluster, kinds=request.kinds, desired=desired, needs=_needs(request))


def _needs(request: Request) -> tuple[Right, ...]:
    return (*request.needs, *lease.needed_rights(lease.name_of(request.owner.label)))


def _look(cluster: Cluster, request: Request, *, options: Options) -> _Work:
    """What is to be done, as the cluster is now; raises Refused where it may not be done."""
    recorded = record.read(cluster, owner=request.owner)
    secrets = {*recorded.secret_namespaces, *secret_namespaces(request.desired)}
    desired_kinds = {(obj["apiVersion"], obj["kind"]) for obj in request.desired}
    kinds = sorted({*request.kinds, *recorded.kinds, *desired_kinds})

    def judge(obj: JsonObject, live: JsonObject | None) -> Decision:
        return decide(obj, live, owner=request.owner, adopt_managers=options.adopt_managers)

    while True:
        wanted = {key_of(obj): obj for obj in request.desired}
        members = list_members(
            cluster,
            label=request.owner.label,
            kinds=kinds,
            recorded=recorded,
            secrets_in=secrets,
            wanted=wanted,
            desired_kinds=desired_kinds,
            decide=judge,
            progress=options.progress,
        )
        ends = not wanted and not any(request.keep(live) for live in members.live.values())
        if not ends:
            its_record = record.manifest(owner=request.owner, kinds=kinds, secret_namespaces=secrets)
            wanted[key_of(its_record)] = its_record
        undecided = {key: wanted[key] for key in wanted if key not in members.decisions}
        missing = [obj for key, obj in undecided.items() if key not in members.live]
        strangers, absent_namespaces = _strangers(cluster, missing, progress=options.progress)
        live = {**strangers, **members.live}
        leaving = _leaving(wanted, live)
        if not leaving or options.check:
            break
        # An interrupted or impatient run deleted them, and now they are wanted: what is left of them cannot be kept.
        wait_gone(
            cluster,
            objects=[obj for obj in leaving.values() if is_leaving(obj)],
            timeout=options.wait_timeout or GONE_TIMEOUT,
            progress=options.progress,
        )
    absent_namespaces |= {key.name for key in leaving if key.kind == "Namespace"}
    undecided |= {key: wanted[key] for key in leaving}
    decisions = {
        **members.decisions,
        **{key: judge(obj, None if key in leaving else live.get(key)) for key, obj in undecided.items()},
    }
    plan = make_plan(wanted=wanted, members=members.live, decisions=decisions, keep=request.keep)
    if plan.conflicts:
        raise Refused(
            f"another set owns {len(plan.conflicts)} objects of this one: {listed(plan.conflicts)}",
            objects=plan.conflicts,
        )
    if plan.kept and request.keep_reason:
        note = f"{plan.kept} objects that are not asked for stay as they are: {request.keep_reason}"
        plan = replace(plan, warnings=(*plan.warnings, note))
    request.guard(plan)
    # After the guard: a refusal must not first look through every namespace of a thousand teams.
    plan, refused = _spare_foreign(cluster, plan, request=request)
    # What was refused already is reason enough; the same namespaces would be refused again.
    extra = () if refused else request.extra_deletes(plan)
    return _Work(plan=plan, wanted=wanted, extra=extra, absent_namespaces=absent_namespaces, ends=ends, refused=refused)


def _leaving(wanted: t.Collection[Key], live: t.Mapping[Key, JsonObject]) -> dict[Key, JsonObject]:
    """Those of the *wanted* objects that are being deleted, themselves or with their namespace. Pure."""
    themselves = {key for key, obj in live.items() if is_leaving(obj)}
    namespaces = {key.name for key in themselves if key.kind == "Namespace" and key in wanted}
    return {key: live[key] for key in wanted if key in themselves or (key.namespace in namespaces and key in live)}


def _do(cluster: Cluster, work: _Work, *, options: Options) -> Outcome:
    outcome = Outcome(unchanged=len(work.plan.unchanged), warnings=list(work.plan.warnings))
    with _reporting(outcome):
        _apply_all(cluster, work.plan, outcome, absent_namespaces=work.absent_namespaces, options=options)
        remove_all(cluster, work.plan, outcome, extra=work.extra, options=options)
    return outcome


@contextlib.contextmanager
def _reporting(outcome: Outcome) -> t.Iterator[None]:
    """Whatever stops the work, what was done until then is told."""
    try:
        yield
    except (Incomplete, Refused):
        raise
    except ClusterError as error:
        raise Incomplete(str(error), outcome=outcome) from error


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


def _spare_foreign(cluster: Cluster, plan: Plan, *, request: Request) -> tuple[Plan, list[Right]]:
    """Namespaces that hold anything but what goes with this plan are released, not deleted.

    The label alone makes nothing ours: what was labelled by hand or adopted keeps its namespace. Also returns the
    rights that it takes to see all that is in them, where the account lacks some.
    """
    going = {key_of(live) for live in plan.deletes}
    fleet_sets = {replace(request.owner, capability=capability).label for capability in KINDS}
    removable = request.removable(plan)
    spared: list[JsonObject] = []
    warnings: list[str] = []
    refused: list[Right] = []
    for live in plan.deletes:
        if live["kind"] != "Namespace":
            continue
        name = live["metadata"]["name"]
        objects, unseen = namespace_contents(cluster, name)
        refused += unseen
        others = [obj for obj in foreign(objects, ours=going, fleet_sets=fleet_sets) if not removable(obj)]
        if others:
            spared.append(live)
            names = [f"{obj['kind']} {obj['metadata']['name']}" for obj in others]
            warnings.append(f"Namespace {name} stays: it holds objects of others ({listed(names, separator=', ')})")
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

    for batch in _batches(plan.writes):
        with ThreadPoolExecutor(max_workers=WORKERS) as pool:
            results = list(pool.map(options.progress.counting(attempt), batch))
        for result in results:
            if isinstance(result, Change):
                outcome.changes.append(result)
            elif isinstance(result, Failure):
                outcome.failures.append(result)
            else:
                outcome.unchanged += 1
        if outcome.failures and record.is_record(batch[0].desired):
            break  # what no later run could find is not made
    if outcome.failures:
        raise Incomplete(
            f"{len(outcome.failures)} objects could not be applied: {listed(outcome.failures)}", outcome=outcome
        )


def _batches(writes: t.Sequence[Write]) -> list[list[Write]]:
    """The order of work. The record of kinds comes before all else: an interrupted run must leave nothing unfound."""
    ordered = sorted(writes, key=lambda write: key_of(write.desired))
    batches = [[write for write in ordered if record.is_record(write.desired)]]
    rest = [write for write in ordered if not record.is_record(write.desired)]
    for phase in sorted({phase_of(write.desired["kind"]) for write in rest}):
        batches.append([write for write in rest if phase_of(write.desired["kind"]) == phase])
    return [batch for batch in batches if batch]


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
    except ClusterError as error:
        return Failure(key=key, message=str(error))


def _predicted(write: Write, *, options: Options) -> Change | Failure:
    """Our own prediction where the run itself first changes what the server would judge by."""
    refused = None if mentions_unknown(write.desired) else options.to_come.problems(write.desired)
    if refused:
        message = f"the CRDs of this run would refuse it: {'; '.join(refused)}"
        return Failure(key=key_of(write.desired), message=message)
    return predicted(action="created" if write.live is None else "updated", before=write.live, desired=write.desired)
