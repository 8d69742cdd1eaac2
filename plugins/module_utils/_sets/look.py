# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What it takes to bring a set to its desired state, as the cluster is now."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, find_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of, url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import RECORDS_NAMESPACE, SET_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.parallel import side_by_side
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import lease, record
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.claims import (
    as_ours,
    claimed_from,
    notes_about_restored,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.contents import (
    contents_of,
    foreign,
    is_leaving,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.everywhere import (
    Everywhere,
    is_disposable,
    may_be_everywhere,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.leaving import require_lasting_kinds
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.members import (
    Members,
    list_members,
    secret_namespaces,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS, Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.place import (
    Elsewhere,
    find_place,
    require_none_behind,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import (
    Decision,
    Plan,
    SetId,
    Unchanged,
    decide,
    make_plan,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.step import Step
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.wait import wait_gone
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import owns_label

JsonObject = dict[str, t.Any]

# Seconds to wait until a deleted object is gone, if its name is needed and no other time was given.
GONE_TIMEOUT = 60.0


@dataclass(frozen=True, kw_only=True)
class Work:
    """The work that one look at the cluster results in.

    *wanted* has the record, too, and *recorded* tells whether there was one before. *ends*: nothing of the set remains.
    *refused*: missing rights, without which some objects could not be read. *step*: what is done beside the objects.
    """

    plan: Plan
    wanted: t.Mapping[Key, JsonObject]
    extra: t.Sequence[JsonObject]
    absent_namespaces: frozenset[str]
    recorded: bool
    ends: bool
    refused: t.Sequence[Right]
    step: Step

    @property
    def is_empty(self) -> bool:
        """Whether the cluster is as it should be."""
        plan = self.plan
        return self.step.is_empty and not (plan.writes or plan.deletes or plan.releases or plan.held or self.extra)


def look(cluster: Cluster, request: Request, *, options: Options) -> Work:
    """What is to be done, as the cluster is now; raises Refused if it may not be done, Elsewhere to begin there."""
    place = options.place
    recorded = record.read(cluster, owner=request.owner, namespace=place)
    is_known = recorded.live is not None or _is_first(cluster, request.owner, options=options)
    secrets = {*recorded.secret_namespaces, *secret_namespaces(request.desired)}
    desired_kinds = {(obj["apiVersion"], obj["kind"]) for obj in request.desired}
    require_lasting_kinds(cluster, desired_kinds)
    kinds = sorted({*request.kinds, *recorded.kinds, *desired_kinds})

    def judge(obj: JsonObject, live: JsonObject | None) -> Decision:
        return decide(
            obj,
            live,
            owner=request.owner,
            adopt_managers=options.adopt_managers,
            claim_managers=options.claim_managers,
        )

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
            its_record = record.manifest(owner=request.owner, namespace=place, kinds=kinds, secret_namespaces=secrets)
            wanted[key_of(its_record)] = its_record
        if recorded.live is None and _has_ours(members):
            _require_known(request.owner, namespace=place, is_known=is_known)
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
    unwanted = _with_claims(
        {key: obj for key, obj in members.live.items() if key not in wanted}, owner=request.owner, options=options
    )
    plan = make_plan(wanted=wanted, members={**members.live, **unwanted}, decisions=decisions, keep=request.keep)
    notes = notes_about_restored(unwanted.values(), label=request.owner.label)
    plan = replace(plan, warnings=(*plan.warnings, *notes))
    if plan.conflicts:
        raise Refused(
            f"{len(plan.conflicts)} objects of this set belong to others, and nothing was written: "
            f"{first_of(plan.conflicts, separator='; ')}",
            objects=plan.conflicts,
        )
    if plan.kept and request.keep_reason:
        note = f"{plan.kept} objects that are not part of this run stay as they are: {request.keep_reason}"
        plan = replace(plan, warnings=(*plan.warnings, note))
    plan = replace(plan, warnings=(*plan.warnings, *request.guard(plan)))
    step = request.beside(cluster, plan, place)
    # After the guard: a refusal must not first look through every namespace of a thousand teams.
    plan, refused = _spare_foreign(cluster, plan, request=request, options=options)
    # What was refused already is reason enough; the same namespaces would be refused again.
    extra = () if refused else request.extra_deletes(plan)
    return Work(
        plan=plan,
        wanted=wanted,
        extra=extra,
        absent_namespaces=absent_namespaces,
        recorded=recorded.live is not None,
        ends=ends,
        refused=refused,
        step=step,
    )


def _with_claims(unwanted: t.Mapping[Key, JsonObject], *, owner: SetId, options: Options) -> dict[Key, JsonObject]:
    """Members that are no longer desired; those that a named tool put back as if they had always been ours. Pure."""
    found = dict(unwanted)
    for key, live in unwanted.items() if options.claim_managers else ():
        owners = claimed_from(live, label=owner.label, managers=options.claim_managers)
        if owners:
            found[key] = as_ours(live, owners=owners)
    return found


def _is_first(cluster: Cluster, owner: SetId, *, options: Options) -> bool:
    """Whether it is sure that a set without a record in the place of *options* has none elsewhere.

    Raises Refused if it has one that this run was not told of, Elsewhere if the run is to look there.
    """
    namespace = find_place(cluster, options.records_namespace)
    if namespace != options.place:
        raise Elsewhere(namespace)
    lock = lease.Lock(namespace=RECORDS_NAMESPACE, name=lease.name_of(owner.label))
    behind = record.path(owner, namespace=RECORDS_NAMESPACE)
    return require_none_behind(cluster, namespace, record=behind, lease=lock.path)


def _has_ours(members: Members) -> bool:
    """Whether anything of the set is there that a former run made. Pure."""
    if any(isinstance(decision, Unchanged) for decision in members.decisions.values()):
        return True
    return any(owns_label(live, SET_LABEL) for live in members.live.values())


def _require_known(owner: SetId, *, namespace: str, is_known: bool) -> None:
    """Raise Refused if objects of the set are there, and their record may be where the account cannot read. Pure."""
    if not is_known:
        raise Refused(
            f"records_namespace {namespace}: objects of the set {owner.label!r} are there, but its record is not, and "
            f"this account may not read whether it is in {RECORDS_NAMESPACE}. Give it the right to get the ConfigMap "
            f"and the Lease {record.name_of(owner)} there, or move the record. Nothing was written"
        )


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
    names = sorted(set(namespaces))
    progress.step("looking for", total=len(names), unit="namespaces")
    states = side_by_side(
        progress.counting(lambda name: cluster.find(url_path("v1", "namespaces", name=name))), names, workers=WORKERS
    )
    absent = frozenset(name for name, state in zip(names, states, strict=True) if state is None)
    sought = [obj for obj in missing if (obj["metadata"].get("namespace") or "") not in absent]
    progress.step("looking for", total=len(sought))
    found = side_by_side(progress.counting(lambda obj: find_object(cluster, obj)), sought, workers=WORKERS)
    return {key_of(obj): live for obj, live in zip(sought, found, strict=True) if live is not None}, absent


def _spare_foreign(cluster: Cluster, plan: Plan, *, request: Request, options: Options) -> tuple[Plan, list[Right]]:
    """Release, instead of delete, namespaces with objects that this plan does not delete.

    The label alone makes nothing ours: what was labelled by hand or adopted keeps its namespace. All are
    held where a kind cannot be read. Also returns the rights that it takes to see all, where the account lacks some.
    """
    going = {key_of(live): live for live in plan.deletes}
    fleet_sets = {replace(request.owner, capability=capability, part="").label for capability in request.neighbours}
    removable = request.removable(plan)
    spared: dict[Key, JsonObject] = {}
    unseen: dict[str, None] = {}
    warnings: list[str] = []
    refused: list[Right] = []
    namespaces = [key for key in going if key.kind == "Namespace"]
    looked = contents_of(cluster, [key.name for key in namespaces], progress=options.progress)
    everywhere, disposable = Everywhere(cluster), options.disposable_objects

    def is_owned(obj: JsonObject) -> bool:
        return not removable(obj) and not is_disposable(obj, disposable)

    for key, contents in zip(namespaces, looked, strict=True):
        refused += contents.lacking
        others = [obj for obj in foreign(contents.objects, ours=going, fleet_sets=fleet_sets) if is_owned(obj)]
        # Where something of others is for sure, nothing has to be compared.
        if all(may_be_everywhere(obj) for obj in others):
            others = [obj for obj in others if not everywhere.has(obj)]
        unseen |= dict.fromkeys(contents.unseen)
        if others:
            spared[key] = going[key]
            names = [f"{obj['kind']} {obj['metadata']['name']}" for obj in others]
            warnings.append(
                f"{key} stays: it holds objects of others ({first_of(names)}). Remove them, or list in "
                "disposable_objects what may be deleted together with it"
            )
    # A kind that cannot be read somewhere keeps each namespace from ending (seen on Kubernetes 1.36).
    held = [key for key in namespaces if unseen and key not in spared]
    plan = replace(
        plan,
        deletes=tuple(live for key, live in going.items() if key not in spared and key not in held),
        releases=(*plan.releases, *spared.values()),
        held=tuple(going[key] for key in held),
        held_because="; ".join(unseen),
        warnings=(*plan.warnings, *warnings),
    )
    return plan, refused
