# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Instances that are archived keep their volume claims, which say since when; restored ones take them up again.

The time is in a label of the claims, not in the desired objects: these stay a pure function of the input. A claim that
has the label keeps it, so the second run changes nothing.
"""

from __future__ import annotations

import datetime as dt
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of, url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ARCHIVED_LABEL,
    FIELD_MANAGER,
    MANAGED_BY_LABEL,
    TEAM_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.lifecycle import (
    ARCHIVED,
    state_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.policy import (
    OPERATOR_MANAGED,
    PARTS,
    instance_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, Write
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.step import NOTHING_BESIDE, Step

JsonObject = dict[str, t.Any]

MERGE_PATCH = "application/merge-patch+json"
# A label's value has no colons.
TIME_FORMAT = "%Y-%m-%dT%H-%M-%SZ"
# Claims of so many namespaces are listed one by one, those of more by one LIST.
FEW = 8
_POLICY, _EVENTS = "persistentVolumeClaimRetentionPolicy", ("whenDeleted", "whenScaled")
# The owners of a claim that take it with them.
_TAKES_ALONG = ("StatefulSet", "Pod")


def archive_claims(
    cluster: Cluster, plan: Plan, _place: str, *, desired: t.Sequence[JsonObject], may_lose: t.Collection[Key]
) -> Step:
    """The step of a run that marks the volume claims of archived instances, and unmarks those of restored ones.

    Raises Refused where archiving would lose data that is not that of *may_lose*: a claim that goes with its pods or
    its StatefulSet, or that does not exist. Nothing is read where no instance is archived or comes back.
    """
    archived = {key_of(obj): obj for obj in desired if obj["kind"] in PARTS and state_of(obj) == ARCHIVED}
    returning = _returning(plan)
    if not archived and not returning:
        return NOTHING_BESIDE
    claims = _claims(cluster, {key.namespace for key in (*archived, *returning)})
    own: dict[Key, list[JsonObject]] = {key: [] for key in (*archived, *returning)}
    for claim in claims:
        instance = instance_of(claim)
        if instance in own:
            own[instance].append(claim)
    stopping = [
        write
        for write in plan.writes
        if key_of(write.desired) in archived and write.live is not None and state_of(write.live) != ARCHIVED
    ]
    problems = [
        problem
        for write in stopping
        if key_of(write.desired) not in may_lose
        for problem in _losses(cluster, write, own[key_of(write.desired)])
    ]
    if problems:
        raise Refused(
            f"archiving would lose data: {'; '.join(problems)}. Nothing was written",
            objects=[str(key_of(write.desired)) for write in stopping],
        )
    since = dt.datetime.fromtimestamp(cluster.now, tz=dt.UTC).strftime(TIME_FORMAT)
    marks = [
        _Patch(claim=claim, labels={ARCHIVED_LABEL: since, TEAM_LABEL: _team(archived[key])})
        for key in archived
        for claim in own[key]
        if not _since(claim)
    ]
    unmarks = [
        _Patch(claim=claim, labels={ARCHIVED_LABEL: None, TEAM_LABEL: None})
        for key in returning
        for claim in own[key]
        if _since(claim)
    ]
    namespaces = sorted({patch.claim["metadata"]["namespace"] for patch in (*marks, *unmarks)})
    return Step(
        first=tuple(patch.change for patch in unmarks),
        last=tuple(patch.change for patch in marks),
        warnings=tuple(text for write in returning.values() if (text := _warning(write, own[key_of(write.desired)]))),
        needs=tuple(
            Right(group="", resource="persistentvolumeclaims", verb="patch", namespace=name) for name in namespaces
        ),
        before=lambda api, _options: _send(api, unmarks),
        after=_after(marks),
    )


def _returning(plan: Plan) -> dict[Key, Write]:
    """The writes of instances that are no longer archived, or made again in a namespace that was there before."""
    made = {
        key_of(write.desired).name for write in plan.writes if write.desired["kind"] == "Namespace" and not write.live
    }
    return {
        key_of(write.desired): write
        for write in plan.writes
        if write.desired["kind"] in PARTS
        and state_of(write.desired) != ARCHIVED
        and (state_of(write.live) == ARCHIVED if write.live else key_of(write.desired).namespace not in made)
    }


def _claims(cluster: Cluster, namespaces: t.Collection[str]) -> list[JsonObject]:
    """The operator's volume claims in some *namespaces*."""
    resource = cluster.resource("v1", "PersistentVolumeClaim")
    if resource is None:
        return []
    selector = f"{MANAGED_BY_LABEL}={OPERATOR_MANAGED}"
    if len(namespaces) > FEW:
        found = cluster.list_objects(resource, selector=selector)
        return [claim for claim in found if claim["metadata"]["namespace"] in namespaces]
    return [
        claim
        for name in sorted(namespaces)
        for claim in cluster.list_objects(resource, namespace=name, selector=selector)
    ]


# -- what would be lost -------------------------------------------------------------------------------------------


def _losses(cluster: Cluster, write: Write, claims: t.Sequence[JsonObject]) -> t.Iterator[str]:
    """Why the data of a live instance would be lost without its pods."""
    key, live = key_of(write.desired), write.live or {}
    part = PARTS[key.kind]
    spec = live.get("spec") or {}
    pods = spec.get("replicas", 1) * spec.get("shards", 1)
    if len(claims) < pods:
        yield (
            f"{key} has {len(claims)} volume claims for {pods} pods; set {part}.storage and wait until each pod has "
            f"one, or list {part} in archive_may_lose"
        )
    holders = (
        [f"the {key.kind}", spec.get(_POLICY)],
        *([f"the StatefulSet {one['metadata']['name']}", one["spec"].get(_POLICY)] for one in _sets(cluster, live)),
    )
    for holder, given in holders:
        for event in _EVENTS:
            if (given or {}).get(event) == "Delete":
                yield (
                    f"{key}: {holder} has {_POLICY}.{event}: Delete; set it to Retain first, and wait until its "
                    "StatefulSet has it"
                )
    taken = [
        str(key_of(claim))
        for claim in claims
        if any(owner.get("kind") in _TAKES_ALONG for owner in claim["metadata"].get("ownerReferences") or ())
    ]
    if taken:
        yield f"{first_of(taken)} would be deleted with the owner that its ownerReferences name"


def _sets(cluster: Cluster, live: JsonObject) -> list[JsonObject]:
    """The StatefulSets of a live instance."""
    resource, metadata = cluster.resource("apps/v1", "StatefulSet"), live["metadata"]
    found = [] if resource is None else cluster.list_objects(resource, namespace=metadata["namespace"])
    return [
        one
        for one in found
        if any(owner["uid"] == metadata["uid"] for owner in one["metadata"].get("ownerReferences") or ())
    ]


# -- marks --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Patch:
    """What the labels of a live *claim* become; None removes one."""

    claim: JsonObject
    labels: t.Mapping[str, str | None]

    @property
    def change(self) -> Change:
        """The same as a change of the run."""
        has = self.claim["metadata"].get("labels") or {}
        before = {name: has[name] for name in self.labels if name in has}
        after = {name: value for name, value in self.labels.items() if value is not None}
        return Change(
            action="updated",
            key=key_of(self.claim),
            before={"metadata": {"labels": before}},
            after={"metadata": {"labels": after}},
            uid=self.claim["metadata"]["uid"],
        )


def _send(cluster: Cluster, patches: t.Iterable[_Patch]) -> None:
    for patch in patches:
        metadata = patch.claim["metadata"]
        path = url_path("v1", "persistentvolumeclaims", namespace=metadata["namespace"], name=metadata["name"])
        # With the UID: a claim of the same name that came later holds other data.
        body = {"metadata": {"uid": metadata["uid"], "labels": patch.labels}}
        cluster.request("PATCH", path, query={"fieldManager": FIELD_MANAGER}, body=body, content_type=MERGE_PATCH)


def _after(marks: t.Sequence[_Patch]) -> t.Callable[[Cluster, Options], None]:
    return lambda cluster, _options: _send(cluster, marks)


def _team(obj: JsonObject) -> str:
    return str(obj["metadata"]["labels"][TEAM_LABEL])


def _since(claim: JsonObject) -> str:
    return str((claim["metadata"].get("labels") or {}).get(ARCHIVED_LABEL) or "")


def _warning(write: Write, claims: t.Sequence[JsonObject]) -> str:
    """What a restored Prometheus will delete; empty where nothing was archived.

    Prometheus deletes blocks that are older, by its retention, than the newest one (BeyondTimeRetention in tsdb/db.go
    of prometheus/prometheus): a block of new samples is written two to three hours after the start.
    """
    since = min((found for claim in claims if (found := _since(claim))), default="")
    retention = write.desired["spec"].get("retention")
    if not since or write.desired["kind"] != "Prometheus" or not retention:
        return ""
    return (
        f"{key_of(write.desired)} was archived at {since}. Its retention is {retention}: what is older than that is "
        "deleted within hours of its start; set prometheus.retention to keep it for longer"
    )
