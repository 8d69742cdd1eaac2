# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waits until objects are ready, and until deleted ones no longer exist."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, find_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import SILENT, Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.refused_pods import why_no_pods
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ready import STEPS, not_ready

JsonObject = dict[str, t.Any]

INTERVAL = 1.0
# Up to so many objects of a kind are asked for one by one, which is less to read than a LIST of the whole set.
FEW = 8
NAMED = 10


def wait_ready(
    cluster: Cluster, *, objects: t.Sequence[JsonObject], selector: str, timeout: float, progress: Progress = SILENT
) -> None:
    """Wait until all *objects* are ready; after *timeout* seconds raise ClusterError with each object's own reason."""
    watched = {key_of(obj): (obj["apiVersion"], obj["kind"]) for obj in objects if obj["kind"] in STEPS}
    wanted = len(watched)
    progress.step("checking what is not ready yet")
    deadline = time.monotonic() + timeout
    while True:
        reasons = _reasons(cluster, watched, selector=selector)
        if not reasons:
            return
        watched = {key: watched[key] for key in reasons}
        first, reason = next(iter(reasons.items()))
        progress.step(f"waiting for {len(reasons):,} of {wanted:,}: {first}: {reason}")
        if time.monotonic() > deadline:
            told = {key: _with_refusal(cluster, key, reason) for key, reason in list(reasons.items())[:NAMED]}
            listed = first_of([f"{key}: {reason}" for key, reason in (reasons | told).items()], NAMED, separator="; ")
            raise ClusterError(f"not ready after {timeout:.0f} s: {listed}")
        time.sleep(INTERVAL)


def _with_refusal(cluster: Cluster, key: Key, reason: str) -> str:
    """*reason*, and why the object's pods were refused, if they were."""
    refusal = why_no_pods(cluster, key)
    return f"{reason}; its pods are refused: {refusal}" if refusal else reason


def _reasons(cluster: Cluster, watched: t.Mapping[Key, tuple[str, str]], *, selector: str) -> dict[Key, str]:
    """The reasons why watched objects are not ready; at most one LIST for each kind."""
    live: dict[Key, JsonObject] = {}
    for kind in sorted(set(watched.values())):
        resource = cluster.resource(*kind)
        keys = [key for key, own in watched.items() if own == kind]
        if resource is None:
            continue
        if len(keys) > FEW:
            objects = cluster.list_objects(resource, selector=selector)
        else:
            found = (cluster.find(resource.path(namespace=key.namespace, name=key.name)) for key in keys)
            objects = [{"apiVersion": kind[0], "kind": kind[1], **obj} for obj in found if obj is not None]
        live |= {key_of(obj): obj for obj in objects}
    reasons: dict[Key, str] = {}
    for key in sorted(watched):
        reason = not_ready(live[key]) if key in live else "it does not exist"
        if reason:
            reasons[key] = reason
    return reasons


def wait_gone(
    cluster: Cluster, *, objects: t.Sequence[JsonObject], timeout: float, progress: Progress = SILENT
) -> None:
    """Wait until *objects* (by uid) are gone; raise ClusterError naming what stays, and what holds each."""
    left = list(objects)
    deadline = time.monotonic() + timeout
    while left:
        still: list[tuple[JsonObject, JsonObject]] = []
        for obj in left:
            live = find_object(cluster, obj)
            if live is not None and live["metadata"]["uid"] == obj["metadata"]["uid"]:
                still.append((obj, live))
        left = [obj for obj, _live in still]
        if left and time.monotonic() > deadline:
            listed = first_of([f"{key_of(obj)} ({what_holds(live)})" for obj, live in still], NAMED, separator="; ")
            raise ClusterError(f"still there {timeout:.0f} s after their deletion: {listed}")
        if left:
            progress.step(f"waiting until {len(left):,} of {len(objects):,} are gone: {key_of(left[0])}")
            time.sleep(INTERVAL)


def what_holds(live: JsonObject) -> str:
    """Why an object that was deleted is still there: its finalizers, and what its conditions say. Pure.

    Those of a namespace name the kinds that remain in it, and the finalizers of these (Kubernetes' namespace
    controller); those of a CRD say how far the deletion of its objects is.
    """
    finalizers = [*(live["metadata"].get("finalizers") or ()), *((live.get("spec") or {}).get("finalizers") or ())]
    reasons = [f"finalizers: {', '.join(finalizers) or 'none'}"]
    kind = live.get("kind")
    if kind in ("CustomResourceDefinition", "Namespace"):
        conditions = (live.get("status") or {}).get("conditions") or ()
        told = [item for item in conditions if kind == "Namespace" or item.get("type") == "Terminating"]
        reasons += [condition["message"] for condition in told if condition.get("status") == "True"]
    return "; ".join(reasons)
