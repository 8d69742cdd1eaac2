# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When is an object ready? A table from kind to predicate, honest about ``observedGeneration``. Pure."""

from __future__ import annotations

import typing as t

JsonObject = dict[str, t.Any]
# Why an object is not ready yet, None if it is.
Predicate = t.Callable[[JsonObject], "str | None"]


def not_ready(obj: JsonObject) -> str | None:
    """Why *obj* is not ready yet, or None if it is; kinds without a predicate are ready when they exist."""
    predicate = PREDICATES.get(obj["kind"])
    return predicate(obj) if predicate else None


def register(kind: str, predicate: Predicate, *, stateful_sets: str = "") -> None:
    """Say when objects of a *kind* are ready that Kubernetes itself does not have.

    *stateful_sets*: their pods are made by a StatefulSet with the object's name behind this one and a dash.
    """
    PREDICATES[kind] = predicate
    if stateful_sets:
        STATEFUL_SETS[kind] = stateful_sets


def condition(obj: JsonObject, name: str) -> JsonObject:
    """The condition *name* in the status of an object; empty if it has none."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((dict(item) for item in conditions if item.get("type") == name), {})


def wanted_condition(obj: JsonObject, name: str, *, generations: bool) -> str | None:
    """Why the condition *name* is not true; with *generations* it must be of the object's current generation."""
    found = condition(obj, name)
    if not found:
        return f"no condition {name} yet"
    generation = obj["metadata"].get("generation", 0)
    if generations and found.get("observedGeneration", 0) < generation:
        return f"condition {name} is of generation {found.get('observedGeneration')}, not {generation}"
    if found.get("status") != "True":
        detail = ": ".join(str(found[part]) for part in ("reason", "message") if found.get(part))
        return f"{name} is {found.get('status')}" + (f" ({detail})" if detail else "")
    return None


def counters_differ(status: JsonObject, *, wanted: int) -> str | None:
    """Which counter of updated and available replicas is not *wanted* yet."""
    for counter in ("updatedReplicas", "availableReplicas"):
        if status.get(counter, 0) != wanted:
            return f"{counter} is {status.get(counter, 0)} of {wanted}"
    return None


def _deployment(obj: JsonObject) -> str | None:
    status = obj.get("status") or {}
    wanted = obj["spec"].get("replicas", 1)
    if status.get("observedGeneration", 0) < obj["metadata"].get("generation", 0):
        return "the Deployment controller has not seen this generation"
    reason = counters_differ(status, wanted=wanted)
    if reason:
        # Why its pods are not made (a quota, Pod Security, a webhook), in the API server's words.
        refused = condition(obj, "ReplicaFailure")
        return f"{reason}: {refused.get('message')}" if refused.get("status") == "True" else reason
    if status.get("replicas", 0) != wanted:
        return f"replicas is {status.get('replicas', 0)} of {wanted}: old pods are still there"
    return None


def _crd(obj: JsonObject) -> str | None:
    return wanted_condition(obj, "NamesAccepted", generations=False) or wanted_condition(
        obj, "Established", generations=False
    )


def _service(obj: JsonObject) -> str | None:
    if obj["spec"].get("type") != "LoadBalancer":
        return None
    ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress")
    return None if ingress else "no load-balancer address yet: does the cluster have a load-balancer controller?"


def _namespace(obj: JsonObject) -> str | None:
    phase = (obj.get("status") or {}).get("phase")
    return None if phase in (None, "Active") else f"phase is {phase}"


# By kind: how the names of the StatefulSets begin that make the pods of an object.
STATEFUL_SETS: dict[str, str] = {}
PREDICATES: dict[str, Predicate] = {
    "CustomResourceDefinition": _crd,
    "Deployment": _deployment,
    "Namespace": _namespace,
    "Service": _service,
}
