# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Volumes of instances that exist: they grow with their data, and neither shrink nor change their storage class.

A StatefulSet cannot change its volume claims. The operator would delete it with its pods and make it again, and the
claims would stay as small as they were (Documentation/platform/storage.md of prometheus-operator). So the instance is
paused, its claims grow, and the StatefulSet is deleted without its pods. The write of the instance, which follows, ends
the pause: the operator makes the StatefulSet again, and it takes over the pods.
"""

from __future__ import annotations

import contextlib
import time
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of, url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER, MANAGED_BY_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.lifecycle import (
    ACTIVE,
    ARCHIVED,
    state_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.policy import (
    OPERATOR_MANAGED,
    PARTS,
    instance_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.quantities import value_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, Write
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.step import NOTHING_BESIDE, Step
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import extract, own_fields

JsonObject = dict[str, t.Any]

# Seconds to wait until volumes are as large as their claims, without an own time limit.
PATIENCE = 300.0
INTERVAL = 1.0
MERGE_PATCH = "application/merge-patch+json"
_CLAIM, _CLASS = "PersistentVolumeClaim", "StorageClass"
_STORAGE_API = "storage.k8s.io/v1"
_APPS = "apps/v1"


@dataclass(frozen=True, kw_only=True)
class Growing:
    """An instance whose volume claims are to have *size*; *claims* and *sets* are live."""

    write: Write
    size: str
    claims: tuple[JsonObject, ...]
    sets: tuple[JsonObject, ...]

    @property
    def live(self) -> JsonObject:
        """The instance as it is."""
        return self.write.live or {}

    @property
    def key(self) -> Key:
        """The identity of the instance."""
        return key_of(self.write.desired)


def grow_volumes(cluster: Cluster, plan: Plan, _place: str) -> Step:
    """The step of a run that lets volumes grow before their instances are written.

    Raises Refused where they would shrink, or change their class, or where their class does not let them grow. Nothing
    is read where no size changes.
    """
    changed = [write for write in plan.writes if write.live is not None and not write.adopts and _resized(write)]
    problems = [problem for write in changed if (problem := _problem(write))]
    growing = [] if problems else [_growing(cluster, write) for write in changed]
    problems += [problem for one in growing for problem in _not_expandable(cluster, one)]
    if problems:
        raise Refused(f"{'; '.join(problems)}. Nothing was written", objects=[str(key_of(w.desired)) for w in changed])
    growing = [one for one in growing if one.claims or one.sets]
    if not growing:
        return NOTHING_BESIDE
    work = _Growth(growing=tuple(growing))
    return Step(
        first=tuple(change for one in growing for change in _changes(one)),
        warnings=tuple(map(_warning, growing)),
        needs=tuple(dict.fromkeys(right for one in growing for right in _rights(one))),
        before=work.before,
        undo=work.undo,
    )


# -- what changes -------------------------------------------------------------------------------------------------


def _template(obj: JsonObject | None) -> JsonObject | None:
    storage = ((obj or {}).get("spec") or {}).get("storage") or {}
    found: JsonObject | None = (storage.get("volumeClaimTemplate") or {}).get("spec")
    return found


def _size_of(spec: JsonObject) -> str:
    return str(spec["resources"]["requests"]["storage"])


def _resized(write: Write) -> bool:
    """Whether the volume claims of an instance change. Pure."""
    old, new = _template(write.live), _template(write.desired)
    if write.desired["kind"] not in PARTS or old is None or new is None:
        return False
    return value_of(_size_of(old)) != value_of(_size_of(new)) or _class_of(old) != _class_of(new)


def _class_of(spec: JsonObject) -> str | None:
    found: str | None = spec.get("storageClassName")
    return found


def _problem(write: Write) -> str:
    """Why the claims cannot be as the instance asks for, empty if they can. Pure."""
    old, new = _template(write.live) or {}, _template(write.desired) or {}
    state = state_of(write.desired)
    if state != ACTIVE or state_of(write.live) == ARCHIVED:
        return (
            f"{key_of(write.desired)}: volumes change only while the instance runs: leave "
            f"{PARTS[write.desired['kind']]}.storage as it was ({_size_of(old)}) until a run with state: {ACTIVE} is "
            "through"
        )
    key, part = key_of(write.desired), PARTS[write.desired["kind"]]
    if _class_of(old) != _class_of(new):
        was = _class_of(old)
        way = f"set {part}.storage.class: {was}" if was else f"leave out {part}.storage.class"
        return (
            f"{key}: the storage class of volumes that exist cannot change ({was or 'the default'} -> "
            f"{_class_of(new) or 'the default'}): {way}, or give the data up with a team of another name"
        )
    if value_of(_size_of(new)) < value_of(_size_of(old)):
        return (
            f"{key}: volumes cannot shrink ({_size_of(old)} -> {_size_of(new)}): set {part}.storage.size to "
            f"{_size_of(old)} or more"
        )
    return ""


def _growing(cluster: Cluster, write: Write) -> Growing:
    key = key_of(write.desired)
    uid = (write.live or {})["metadata"]["uid"]
    claims = cluster.resource("v1", _CLAIM)
    sets = cluster.resource(_APPS, "StatefulSet")
    size = _size_of(_template(write.desired) or {})
    found = (
        []
        if claims is None
        else cluster.list_objects(claims, namespace=key.namespace, selector=f"{MANAGED_BY_LABEL}={OPERATOR_MANAGED}")
    )
    made = [] if sets is None else cluster.list_objects(sets, namespace=key.namespace)
    return Growing(
        write=write,
        size=size,
        claims=tuple(one for one in found if instance_of(one) == key),
        sets=tuple(one for one in made if any(o["uid"] == uid for o in one["metadata"].get("ownerReferences") or ())),
    )


def _not_expandable(cluster: Cluster, growing: Growing) -> list[str]:
    """Why claims cannot grow: their class does not allow it, or they have no volume yet."""
    problems = []
    for name in sorted({str(claim["spec"].get("storageClassName") or "") for claim in growing.claims}):
        found = cluster.find(url_path(_STORAGE_API, "storageclasses", name=name)) if name else None
        if not (found or {}).get("allowVolumeExpansion"):
            problems.append(
                f"{growing.key}: volumes of the storage class {name or '(none)'} cannot grow (its "
                "allowVolumeExpansion is not true)"
            )
    unbound = [str(key_of(one)) for one in growing.claims if (one.get("status") or {}).get("phase") != "Bound"]
    if unbound:
        problems.append(f"{growing.key}: {first_of(unbound)} has no volume yet; wait until it is bound")
    return problems


def _changes(growing: Growing) -> t.Iterator[Change]:
    """What is done beside the instance itself. Pure."""
    for claim in growing.claims:
        old = claim["spec"]["resources"]["requests"]["storage"]
        if value_of(old) < value_of(growing.size):
            before, after = ({"spec": {"resources": {"requests": {"storage": s}}}} for s in (old, growing.size))
            yield Change(action="updated", key=key_of(claim), before=before, after=after, uid=claim["metadata"]["uid"])
    for one in growing.sets:
        yield Change(action="replaced", key=key_of(one), uid=one["metadata"]["uid"])


def _warning(growing: Growing) -> str:
    return (
        f"{growing.key}: its {len(growing.claims)} volume claims grow to {growing.size}. It is paused for that, and "
        "its StatefulSet is deleted without its pods: the operator makes it again, and the pods go on"
    )


def _rights(growing: Growing) -> t.Iterator[Right]:
    namespace = growing.key.namespace
    for verb in ("get", "patch"):
        yield Right(group="", resource="persistentvolumeclaims", verb=verb, namespace=namespace)
    yield Right(group="apps", resource="statefulsets", verb="delete", namespace=namespace)


# -- what is done -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Growth:
    growing: tuple[Growing, ...]

    def before(self, cluster: Cluster, options: Options) -> None:
        """Pause the instances, let their claims grow, and delete their StatefulSets without the pods."""
        options.progress.step(f"growing the volumes of {first_of([str(one.key) for one in self.growing])}")
        for one in self.growing:
            _pause(cluster, one, paused=True)
        limit = PATIENCE if options.wait_timeout is None else options.wait_timeout
        _wait_paused(cluster, self.growing, timeout=limit)
        for one in self.growing:
            for claim in one.claims:
                _grow(cluster, claim, size=one.size)
        _wait_grown(cluster, self.growing, timeout=limit)
        for one in self.growing:
            for found in one.sets:
                _orphan(cluster, found)

    def undo(self, cluster: Cluster, _options: Options) -> str:
        """End the pause. What has grown stays so; the next run goes on from there."""
        with contextlib.suppress(ClusterError):
            for one in self.growing:
                _pause(cluster, one, paused=False)
            return ". The instances are not paused any more; volumes that have grown stay as they are: run again"
        return f". Still paused: {first_of([str(one.key) for one in self.growing])}. Run again"


def _pause(cluster: Cluster, growing: Growing, *, paused: bool) -> None:
    """Pause an instance with the fields that we apply: the next write of it, which has no such field, ends that."""
    live = growing.live
    resource = cluster.resource(live["apiVersion"], live["kind"])
    if resource is None:
        raise ClusterError(f"the cluster does not serve the kind {live['kind']}")
    ours = extract(live, own_fields(live))
    body = {
        **ours,
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {
            **ours.get("metadata", {}),
            "namespace": growing.key.namespace,
            "name": growing.key.name,
        },
        "spec": {
            **{name: value for name, value in ours.get("spec", {}).items() if name != "paused"},
            **({"paused": True} if paused else {}),
        },
    }
    cluster.apply(body, resource=resource, dry_run=False, force=True)


def _wait_paused(cluster: Cluster, growing: t.Iterable[Growing], *, timeout: float) -> None:
    """Wait until the operator says that it leaves the instances alone; raises ClusterError after *timeout* seconds."""
    deadline = time.monotonic() + timeout
    waiting = list(growing)
    while waiting := [one for one in waiting if not _says_paused(cluster, one)]:
        if time.monotonic() > deadline:
            names = first_of([str(one.key) for one in waiting])
            raise ClusterError(
                f"no operator has paused {names} after {timeout:.0f} s: does it run, and has it their id?"
            )
        time.sleep(INTERVAL)


def _says_paused(cluster: Cluster, growing: Growing) -> bool:
    resource = cluster.resource(growing.live["apiVersion"], growing.live["kind"])
    live = resource and cluster.find(resource.path(namespace=growing.key.namespace, name=growing.key.name))
    return bool(((live or {}).get("status") or {}).get("paused"))


def _claim_path(claim: JsonObject) -> str:
    metadata = claim["metadata"]
    return url_path("v1", "persistentvolumeclaims", namespace=metadata["namespace"], name=metadata["name"])


def _grow(cluster: Cluster, claim: JsonObject, *, size: str) -> None:
    if value_of(claim["spec"]["resources"]["requests"]["storage"]) < value_of(size):
        patch = {"spec": {"resources": {"requests": {"storage": size}}}}
        query = {"fieldManager": FIELD_MANAGER}
        cluster.request("PATCH", _claim_path(claim), query=query, body=patch, content_type=MERGE_PATCH)


def _wait_grown(cluster: Cluster, growing: t.Iterable[Growing], *, timeout: float) -> None:
    """Wait until each volume is as large as its claim; raises ClusterError after *timeout* seconds."""
    wanted = [(claim, value_of(one.size)) for one in growing for claim in one.claims]
    deadline = time.monotonic() + timeout
    while wanted:
        small = []
        for claim, size in wanted:
            status = (cluster.find(_claim_path(claim)) or {}).get("status") or {}
            if value_of(str((status.get("capacity") or {}).get("storage") or "0")) < size:
                small.append((claim, size))
        wanted = small
        if wanted and time.monotonic() > deadline:
            names = first_of([str(key_of(claim)) for claim, _size in wanted])
            raise ClusterError(f"not grown after {timeout:.0f} s: {names}. kubectl describe says what it waits for")
        if wanted:
            time.sleep(INTERVAL)


def _orphan(cluster: Cluster, found: JsonObject) -> None:
    """Delete a StatefulSet and leave its pods."""
    metadata = found["metadata"]
    path = url_path(_APPS, "statefulsets", namespace=metadata["namespace"], name=metadata["name"])
    body = {"propagationPolicy": "Orphan", "preconditions": {"uid": metadata["uid"]}}
    try:
        cluster.request("DELETE", path, body=body)
    except ApiError as error:
        if error.status not in (404, 409):
            raise
