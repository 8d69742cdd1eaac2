# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes each node pull the images of an upgrade, by pods that exist only as long as that takes."""

from __future__ import annotations

import time
import typing as t
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.engine import converge
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.refused_pods import EVENTS
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.wait import wait_gone
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.pulls import (
    POD_LABELS,
    PULL,
    PULL_KINDS,
    PULL_NAME,
    Left,
    Pull,
    daemon_set,
    left_of,
    node_of,
    own_pods,
)

JsonObject = dict[str, t.Any]

PAUSE = 2.0
# Of what is not pulled an error names so much.
NAMED = 10
_SELECTOR = ",".join(f"{key}={value}" for key, value in POD_LABELS.items())
# Reasons of events about pods of which their status says nothing.
_FAILED = frozenset({"FailedCreate", "FailedCreatePodSandBox"})
# How long is waited for the end of the pods, none of which runs anything.
_END_SECONDS = 60.0


@dataclass(kw_only=True)
class Pulled:
    """What was done: the *nodes* that have all *images*, and *warnings* about what was left out."""

    images: list[str] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def pull(cluster: Cluster, pulls: Sequence[Pull], *, fleet: str, timeout: float, options: Options) -> Pulled:
    """Let each node pull what *pulls* say, and delete the pods again, also where that fails.

    Raises ClusterError, with node, image and the kubelet's reason, for what is not there after *timeout* seconds.
    """
    owner = SetId(fleet=fleet, capability=PULL)
    done = Pulled()
    there = [one for one in pulls if _exists(cluster, one, done)]
    # What a run that was killed has left would be changed node by node.
    _remove(cluster, owner, there, options=options)
    if not there:
        return done
    done.images = sorted({image for one in there for image in one.images})
    needs = [Right(group="", resource="pods", verb="list", namespace=one.namespace) for one in there]
    request = Request(owner=owner, desired=tuple(map(daemon_set, there)), kinds=PULL_KINDS, needs=tuple(needs))
    try:
        converge(cluster, request, options=options)
        _wait(cluster, there, done, timeout=timeout, options=options)
    except ClusterError as error:
        try:
            _remove(cluster, owner, there, options=options)
        except ClusterError as other:
            raise ClusterError(f"{error}; {PULL_NAME} could not be deleted: {other}") from error
        raise
    _remove(cluster, owner, there, options=options)
    return done


def _exists(cluster: Cluster, one: Pull, done: Pulled) -> bool:
    live = cluster.find(url_path("v1", "namespaces", name=one.namespace))
    if live is not None and "deletionTimestamp" not in live["metadata"]:
        return True
    listed = first_of(one.images, NAMED)
    done.warnings.append(
        f"the namespace {one.namespace} does not exist yet: what only its pods use is not pulled first: {listed}"
    )
    return False


def _remove(cluster: Cluster, owner: SetId, pulls: Sequence[Pull], *, options: Options) -> None:
    """Delete all DaemonSets of the set, and wait until the pods in the namespaces of *pulls* are gone."""
    converge(cluster, Request(owner=owner, desired=(), kinds=PULL_KINDS), options=options)
    wait_gone(cluster, objects=_pods(cluster, pulls), timeout=_END_SECONDS, progress=options.progress)


def _pods(cluster: Cluster, pulls: Sequence[Pull]) -> list[JsonObject]:
    resource = _served(cluster, "v1", "Pod")
    return [pod for one in pulls for pod in cluster.list_objects(resource, namespace=one.namespace, selector=_SELECTOR)]


def _served(cluster: Cluster, api_version: str, kind: str) -> Resource:
    found = cluster.resource(api_version, kind)
    if found is None:
        raise ClusterError(f"the API server has no {kind}")
    return found


def _wait(cluster: Cluster, pulls: Sequence[Pull], done: Pulled, *, timeout: float, options: Options) -> None:
    resource = _served(cluster, *PULL_KINDS[0])
    deadline = time.monotonic() + timeout
    while True:
        found = (cluster.find(resource.path(namespace=one.namespace, name=PULL_NAME)) for one in pulls)
        live = [{"apiVersion": resource.api_version, "kind": resource.kind, **one} for one in found if one is not None]
        pods = _pods(cluster, pulls)
        left = left_of(live, pods)
        if all(one.silent for one in left):
            away = _away(cluster, left)
            left = [one for one in left if one.node not in away]
        else:
            away = {}
        if not left and len(live) == len(pulls):
            own = {node_of(pod) for one in live for pod in own_pods(one, pods)}
            done.nodes = sorted(own - away.keys())
            done.warnings += [f"node {node}: images are not pulled first: {why}" for node, why in sorted(away.items())]
            return
        shown = str(left[0]) if left else f"{PULL_NAME} does not exist"
        options.progress.step(f"waiting for {len(left):,} images: {shown}")
        if time.monotonic() > deadline:
            raise ClusterError(
                f"not all nodes have the images of the upgrade after {timeout:.0f} s; nothing else was changed: "
                f"{first_of([*map(str, left), *_refused(cluster, pulls)] or [shown], NAMED, separator='; ')}"
            )
        time.sleep(PAUSE)


def _away(cluster: Cluster, left: Iterable[Left]) -> dict[str, str]:
    """Those of the nodes on which no kubelet answers, each with the reason."""
    found = {}
    for name in sorted({one.node for one in left}):
        node = cluster.find(url_path("v1", "nodes", name=name)) or {}
        for condition in (node.get("status") or {}).get("conditions") or ():
            if condition.get("type") == "Ready" and condition.get("status") != "True":
                found[name] = f"it is not ready ({condition.get('reason') or condition.get('status')})"
    return found


def _refused(cluster: Cluster, pulls: Iterable[Pull]) -> list[str]:
    """Why pods were not made or did not begin, by their events; only an addition to a message."""
    found: dict[tuple[str, str], str] = {}
    for one in pulls:
        try:
            events = cluster.list_objects(EVENTS, namespace=one.namespace, fields="type=Warning")
        except ClusterError:
            continue
        for event in events:
            about, reason = str((event.get("involvedObject") or {}).get("name")), str(event.get("reason"))
            if about.startswith(PULL_NAME) and reason in _FAILED:
                found[about, reason] = f"{about}: {reason}: {event.get('message')}"
    return list(found.values())
