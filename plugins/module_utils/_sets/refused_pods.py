# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why the pods of a StatefulSet are not made: its events say it, its status does not.

The StatefulSet controller notes each pod, and each volume claim, that the API server refuses (a quota, Pod Security, a
webhook) in an Event ``FailedCreate``, and each pod that it made in ``SuccessfulCreate``
(pkg/controller/statefulset/stateful_pod_control.go of kubernetes/kubernetes). Events live for an hour by default.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ready import STATEFUL_SETS

JsonObject = dict[str, t.Any]

EVENTS = Resource(api_version="v1", kind="Event", plural="events", namespaced=True, verbs=frozenset({"list"}))
OF_STATEFUL_SETS = "involvedObject.kind=StatefulSet"
_POD = re.compile(r"\bPod (\S+) in StatefulSet")
_MADE = re.compile(r"create Pod ", re.IGNORECASE)
_BEFORE_REASON = "failed error: "


class _Told(t.NamedTuple):
    """One Event, in the order of what happened. Times have whole seconds, and within one the version decides.

    Versions of one kind can be compared (KEP 5504 of kubernetes/enhancements).
    """

    when: str
    version: int
    made: bool
    message: str


def why_no_pods(cluster: Cluster, instance: Key) -> str:
    """Why pods of *instance* were refused last; empty if none was, or if the account may not read events."""
    if instance.kind not in STATEFUL_SETS:
        return ""
    try:
        events = stateful_set_events(cluster, instance.namespace)
    except ClusterError:
        # Only an addition to a message: what is wrong is known without it.
        return ""
    return last_refusal(events, instance=instance)


def stateful_set_events(cluster: Cluster, namespace: str) -> list[JsonObject]:
    """The Events about StatefulSets in a namespace."""
    return cluster.list_objects(EVENTS, namespace=namespace, fields=OF_STATEFUL_SETS)


def last_refusal(events: t.Iterable[JsonObject], *, instance: Key) -> str:
    """The reason of the latest refusal of a pod of *instance* that was not made since; empty if there is none. Pure."""
    names = re.compile(rf"{re.escape(STATEFUL_SETS[instance.kind])}-{re.escape(instance.name)}(-shard-\d+)?")
    latest: dict[str, _Told] = {}
    for event in events:
        pod = _POD.search(str(event.get("message") or ""))
        refused = event.get("reason") == "FailedCreate"
        made = event.get("reason") == "SuccessfulCreate" and _MADE.match(str(event.get("message") or ""))
        if pod is None or not (refused or made):
            continue
        if not names.fullmatch(str((event.get("involvedObject") or {}).get("name") or "")):
            continue
        entry = _Told(when=_when(event), version=_version(event), made=not refused, message=str(event["message"]))
        latest[pod[1]] = max(latest.get(pod[1], entry), entry)
    refusals = [entry for entry in latest.values() if not entry.made]
    if not refusals:
        return ""
    message = max(refusals).message
    return message.partition(_BEFORE_REASON)[2] or message


def _version(event: JsonObject) -> int:
    version = str(event["metadata"].get("resourceVersion") or "")
    return int(version) if version.isdigit() else 0


def _when(event: JsonObject) -> str:
    """The time at which an Event was seen last, to the second: its kinds of time differ in what follows."""
    times = (
        event.get("lastTimestamp"),
        (event.get("series") or {}).get("lastObservedTime"),
        event.get("eventTime"),
        event["metadata"].get("creationTimestamp"),
    )
    return max(str(time or "")[:19] for time in times)
