# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What it takes to bring a set to its desired state, as the cluster is now."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, find_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import record
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.contents import (
    contents_of,
    foreign,
    is_leaving,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.members import (
    list_members,
    secret_namespaces,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS, Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import listed
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import (
    Decision,
    Plan,
    decide,
    make_plan,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.wait import wait_gone

JsonObject = dict[str, t.Any]

# Seconds for a deleted object to go where its place is needed and no other time was given.
GONE_TIMEOUT = 60.0


@dataclass(frozen=True, kw_only=True)
class Work:
    """What one look at the cluster says that is to be done.

    *wanted* has the record, too; *ends*: nothing of the set remains; *refused*: rights for want of which some was not
    seen.
    """

    plan: Plan
    wanted: t.Mapping[Key, JsonObject]
    extra: t.Sequence[JsonObject]
    absent_namespaces: frozenset[str]
    ends: bool
    refused: t.Sequence[Right]

    @property
    def is_empty(self) -> bool:
        """Whether the cluster is as it should be."""
        return not (self.plan.writes or self.plan.deletes or self.plan.releases or self.extra)


def look(cluster: Cluster, request: Request, *, options: Options) -> Work:
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
    plan, refused = _spare_foreign(cluster, plan, request=request, progress=options.progress)
    # What was refused already is reason enough; the same namespaces would be refused again.
    extra = () if refused else request.extra_deletes(plan)
    return Work(plan=plan, wanted=wanted, extra=extra, absent_namespaces=absent_namespaces, ends=ends, refused=refused)


def _leaving(wanted: t.Collection[Key], live: t.Mapping[Key, JsonObject]) -> dict[Key, JsonObject]:
    """Those of the *wanted* objects that are being deleted, themselves or with their namespace. Pure."""
    themselves = {key for key, obj in live.items() if is_leaving(obj)}
    namespaces = {key.name for key in themselves if key.kind == "Namespace" and key in wanted}
    return {key: live[key] for key in wanted if key in themselves or (key.namespace in namespaces and key in live)}


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
        found = list(pool.map(progress.counting(lambda obj: find_object(cluster, obj)), sought))
    return {key_of(obj): live for obj, live in zip(sought, found, strict=True) if live is not None}, absent


def _spare_foreign(cluster: Cluster, plan: Plan, *, request: Request, progress: Progress) -> tuple[Plan, list[Right]]:
    """Namespaces that hold anything but what goes with this plan are released, not deleted.

    The label alone makes nothing ours: what was labelled by hand or adopted keeps its namespace. Also returns the
    rights that it takes to see all that is in them, where the account lacks some.
    """
    going = {key_of(live): live for live in plan.deletes}
    fleet_sets = {replace(request.owner, capability=capability).label for capability in request.neighbours}
    removable = request.removable(plan)
    spared: dict[Key, JsonObject] = {}
    warnings: list[str] = []
    refused: list[Right] = []
    namespaces = [key for key in going if key.kind == "Namespace"]
    looked = contents_of(cluster, [key.name for key in namespaces], progress=progress)
    for key, (objects, unseen) in zip(namespaces, looked, strict=True):
        refused += unseen
        others = [obj for obj in foreign(objects, ours=going, fleet_sets=fleet_sets) if not removable(obj)]
        if others:
            spared[key] = going[key]
            names = [f"{obj['kind']} {obj['metadata']['name']}" for obj in others]
            warnings.append(f"{key} stays: it holds objects of others ({listed(names, separator=', ')})")
    plan = replace(
        plan,
        deletes=tuple(live for key, live in going.items() if key not in spared),
        releases=(*plan.releases, *spared.values()),
        warnings=(*plan.warnings, *warnings),
    )
    return plan, refused
