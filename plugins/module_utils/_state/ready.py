# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""When is an object ready? A table from kind to steps, honest about ``observedGeneration``. Pure.

A step is data, so that the same table also gives the health checks of GitOps controllers (health.py).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import PAUSED, STATE_LABEL

JsonObject = dict[str, t.Any]


def not_ready(obj: JsonObject) -> str | None:
    """Why *obj* is not ready yet, or None if it is; kinds without steps are ready when they exist."""
    for step in STEPS.get(obj["kind"], ()):
        reason = step.reason(obj)
        if reason is not None:
            return reason
        # What the operator leaves alone because we asked for that will not come nearer to its spec.
        if isinstance(step, NotPaused) and step.is_asked_for(obj):
            return None
    return None


def register(kind: str, *steps: Step, stateful_sets: str = "") -> None:
    """Say when objects of a *kind* are ready that Kubernetes itself does not have.

    *stateful_sets*: their pods are made by a StatefulSet with the object's name behind this one and a dash.
    """
    STEPS[kind] = steps
    if stateful_sets:
        STATEFUL_SETS[kind] = stateful_sets


def condition(obj: JsonObject, name: str) -> JsonObject:
    """The condition *name* in the status of an object; empty if it has none."""
    conditions = (obj.get("status") or {}).get("conditions") or []
    return next((dict(item) for item in conditions if item.get("type") == name), {})


class Step(t.Protocol):
    """One thing that must be so for an object to be ready."""

    def reason(self, obj: JsonObject) -> str | None:
        """Why it is not so for *obj*, None if it is."""


@dataclass(frozen=True, kw_only=True)
class TrueCondition:
    """The condition *name* is true; with *generations* it must be of the object's current generation.

    *failed_if_false*: whether a condition that is false, of this generation, says that the object has failed.
    """

    name: str
    generations: bool = True
    failed_if_false: bool = False

    def reason(self, obj: JsonObject) -> str | None:
        """Which of these is not so."""
        found = condition(obj, self.name)
        if not found:
            return f"no condition {self.name} yet"
        generation = obj["metadata"].get("generation", 0)
        if self.generations and found.get("observedGeneration", 0) < generation:
            return f"condition {self.name} is of generation {found.get('observedGeneration')}, not {generation}"
        if found.get("status") != "True":
            detail = ": ".join(str(found[part]) for part in ("reason", "message") if found.get(part))
            return f"{self.name} is {found.get('status')}" + (f" ({detail})" if detail else "")
        return None


@dataclass(frozen=True, kw_only=True)
class SeenGeneration:
    """The *controller* has seen the current generation (``status.observedGeneration``)."""

    controller: str

    def reason(self, obj: JsonObject) -> str | None:
        """That it has not."""
        seen = (obj.get("status") or {}).get("observedGeneration", 0)
        return (
            f"{self.controller} has not seen this generation" if seen < obj["metadata"].get("generation", 0) else None
        )


@dataclass(frozen=True, kw_only=True)
class NotPaused:
    """The operator works on the object (``status.paused``), or leaves it alone where its mark asks for that.

    It is the first step of a kind: none of the others counts for an object that is to be paused.
    """

    def reason(self, obj: JsonObject) -> str | None:
        """Which of these is not so."""
        paused = bool((obj.get("status") or {}).get("paused"))
        if self.is_asked_for(obj):
            return None if paused else "the operator has not paused it yet"
        return "it is paused: the operator changes nothing" if paused else None

    def is_asked_for(self, obj: JsonObject) -> bool:
        """Whether our mark is there beside ``spec.paused``, which alone anybody may have set."""
        marked = (obj["metadata"].get("labels") or {}).get(STATE_LABEL) == PAUSED
        return marked and bool((obj.get("spec") or {}).get("paused"))


@dataclass(frozen=True, kw_only=True)
class Counters:
    """Counters of the status are what the spec asks for: the product of the fields *factors*, each by default 1.

    *unless*: a field of the spec and its value with which there is no such number. *explained_by*: a condition that, if
    true, says why pods are not made.
    """

    names: tuple[str, ...] = ("updatedReplicas", "availableReplicas")
    factors: tuple[str, ...] = ("replicas",)
    unless: tuple[str, str] | None = None
    explained_by: str = ""
    hint: str = ""

    def reason(self, obj: JsonObject) -> str | None:
        """Which counter is another one."""
        spec, status = obj["spec"], obj.get("status") or {}
        if self.unless is not None and spec.get(self.unless[0]) == self.unless[1]:
            return None
        wanted = 1
        for factor in self.factors:
            wanted *= spec.get(factor, 1)
        for counter in self.names:
            if status.get(counter, 0) != wanted:
                # Why its pods are not made (a quota, Pod Security, a webhook), in the API server's words.
                refused = condition(obj, self.explained_by) if self.explained_by else {}
                detail = refused.get("message") if refused.get("status") == "True" else self.hint
                return f"{counter} is {status.get(counter, 0)} of {wanted}" + (f": {detail}" if detail else "")
        return None


@dataclass(frozen=True, kw_only=True)
class Reached:
    """Counters of the status have reached another one of the status, which says how many there should be."""

    names: tuple[str, ...]
    wanted: str

    def reason(self, obj: JsonObject) -> str | None:
        """Which counter has not."""
        status = obj.get("status") or {}
        wanted = status.get(self.wanted, 0)
        for counter in self.names:
            if status.get(counter, 0) < wanted:
                return f"{counter} is {status.get(counter, 0)} of {wanted}"
        return None


@dataclass(frozen=True, kw_only=True)
class HasAddress:
    """A Service that is a load balancer has an address."""

    def reason(self, obj: JsonObject) -> str | None:
        """That it has none."""
        if obj["spec"].get("type") != "LoadBalancer":
            return None
        ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress")
        return None if ingress else "no load-balancer address yet: does the cluster have a load-balancer controller?"


@dataclass(frozen=True, kw_only=True)
class Phase:
    """The phase is *name*; an object that has none yet counts, too."""

    name: str

    def reason(self, obj: JsonObject) -> str | None:
        """Which one it is instead."""
        phase = (obj.get("status") or {}).get("phase")
        return None if phase in (None, self.name) else f"phase is {phase}"


# By kind: how the names of the StatefulSets begin that make the pods of an object.
STATEFUL_SETS: dict[str, str] = {}
STEPS: dict[str, tuple[Step, ...]] = {
    "CustomResourceDefinition": (
        TrueCondition(name="NamesAccepted", generations=False),
        TrueCondition(name="Established", generations=False),
    ),
    "Deployment": (
        SeenGeneration(controller="the Deployment controller"),
        Counters(explained_by="ReplicaFailure"),
        Counters(names=("replicas",), hint="old pods are still there"),
    ),
    "DaemonSet": (
        SeenGeneration(controller="the DaemonSet controller"),
        Reached(names=("updatedNumberScheduled", "numberAvailable"), wanted="desiredNumberScheduled"),
    ),
    "Namespace": (Phase(name="Active"),),
    "Service": (HasAddress(),),
}
