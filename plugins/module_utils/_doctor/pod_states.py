# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Why a pod is not ready, from its status and that of its node. Pure.

What a container wrote when it ended is left out: it is part of its log.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ready import condition

JsonObject = dict[str, t.Any]

# The message of this reason only says how long the kubelet waits.
_BACK_OFF = "CrashLoopBackOff"


def is_ready(pod: JsonObject) -> bool:
    """Whether a pod takes requests."""
    return condition(pod, "Ready").get("status") == "True" and not pod["metadata"].get("deletionTimestamp")


def asks_its_node(pod: JsonObject) -> bool:
    """Whether only the node of a pod can say why it is not ready."""
    return bool((pod.get("spec") or {}).get("nodeName")) and not is_ready(pod) and not _of_containers(pod)


def why_not_running(pod: JsonObject, node: JsonObject | None = None) -> str:
    """Why a pod is not ready, empty if it is, or if nothing but time is missing; *node* is the one that it runs on."""
    if is_ready(pod):
        return ""
    if node is not None and condition(node, "Ready").get("status") != "True":
        said = condition(node, "Ready")
        return f"its node {node['metadata']['name']} is not ready: {said.get('message') or said.get('reason') or '?'}"
    if pod["metadata"].get("deletionTimestamp"):
        return f"it is being deleted since {pod['metadata']['deletionTimestamp']}"
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"no node takes it: {scheduled.get('message') or scheduled.get('reason') or '?'}"
    return "; ".join(_of_containers(pod)) or _of_phase(pod)


def _of_phase(pod: JsonObject) -> str:
    """What an evicted pod says."""
    status = pod.get("status") or {}
    if status.get("phase") != "Failed":
        return ""
    return ": ".join(str(status[name]) for name in ("reason", "message") if status.get(name)) or "it has failed"


def _of_containers(pod: JsonObject) -> list[str]:
    status = pod.get("status") or {}
    both = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return [text for text in map(_of_container, both) if text]


def _of_container(status: JsonObject) -> str:
    """Why a container does not run, empty if it does, or has only begun to."""
    state, name = status.get("state") or {}, f"container {status.get('name')}"
    waiting, ended = state.get("waiting") or {}, state.get("terminated")
    last = ended or (status.get("lastState") or {}).get("terminated")
    if ended and ended.get("exitCode") == 0 and status.get("ready"):
        # One that only prepares the others.
        return ""
    texts = []
    if waiting.get("reason"):
        said = waiting.get("message") if waiting["reason"] != _BACK_OFF else ""
        texts.append(f"waits: {waiting['reason']}" + (f" ({said})" if said else ""))
    if last and not status.get("ready"):
        texts.append(f"ended {_end(last)}, {status.get('restartCount', 0)} restarts")
    return f"{name} {', '.join(texts)}" if texts else ""


def _end(terminated: JsonObject) -> str:
    return f"with {terminated.get('reason') or 'no reason'} (exit code {terminated.get('exitCode')})"
