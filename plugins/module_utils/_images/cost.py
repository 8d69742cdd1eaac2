# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a list of objects costs a cluster: pods, containers, and what these ask for. Pure.

Of the operator's custom resources the pods are counted that it makes of them (the files statefulset.go and
pkg/operator/config.go of release 0.93). Init containers that end are not counted: they need nothing while pods run.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from ansible_collections.promfleet.monitoring.plugins.module_utils._images.inventory import (
    inventory_of,
    is_custom,
    operator_flags,
    runs_pods,
    template_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.quantities import parse
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import containers_of

JsonObject = dict[str, t.Any]

MEBIBYTE = 1 << 20
# The generated containers of each kind, and where their resources are in its specification.
_MADE: dict[str, tuple[tuple[str, str], ...]] = {
    "Prometheus": (("prometheus", ""), ("thanos-sidecar", "thanos")),
    "PrometheusAgent": (("prometheus", ""),),
    "Alertmanager": (("alertmanager", ""),),
    "ThanosRuler": (("thanos-ruler", ""),),
}
# The operator gives them a request for memory where they have none.
_MEMORY_REQUEST = {"alertmanager": "200Mi", "thanos-ruler": "200Mi"}
RELOADER = "config-reloader"
# What the reloader asks for, by the operator's flags; 0 is nothing.
_RELOADER_FLAGS = {
    ("requests", "cpu"): ("config-reloader-cpu-request", "10m"),
    ("limits", "cpu"): ("config-reloader-cpu-limit", "10m"),
    ("requests", "memory"): ("config-reloader-memory-request", "50Mi"),
    ("limits", "memory"): ("config-reloader-memory-limit", "50Mi"),
}
RELOADER_FLAGS = tuple(flag for flag, _default in _RELOADER_FLAGS.values())


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What objects cost: *pods*, *containers*, CPUs and bytes of memory that are requested and may be used.

    *unlimited* counts the containers without a limit of memory, whose use no figure bounds. *images* are the names that
    the cluster pulls.
    """

    pods: int = 0
    containers: int = 0
    cpu_requests: Fraction = Fraction()
    memory_requests: Fraction = Fraction()
    memory_limits: Fraction = Fraction()
    unlimited: int = 0
    images: frozenset[str] = field(default_factory=frozenset)

    def result(self) -> JsonObject:
        """The figures for a module's result: CPUs as a number, memory in MiB."""
        return {
            "images": len(self.images),
            "pods": self.pods,
            "containers": self.containers,
            "cpu_requests": float(self.cpu_requests),
            "memory_requests": round(float(self.memory_requests / MEBIBYTE), 1),
            "memory_limits": round(float(self.memory_limits / MEBIBYTE), 1),
            "without_memory_limit": self.unlimited,
        }


def cost_of(objects: Sequence[JsonObject], *, nodes: int, errors: Errors | None = None) -> Cost:
    """What *objects* cost a cluster, in which *nodes* run what every node runs.

    Images that cannot be known are noted in *errors*, or raised as InputError.
    """
    flags = operator_flags(objects, RELOADER_FLAGS)
    cost = Cost(images=frozenset(inventory_of(objects, errors=errors).images))
    for obj in objects:
        if is_custom(obj):
            cost = _added(cost, _made(obj, flags), times=_instances(obj, nodes=nodes))
        elif runs_pods(obj):
            containers = [_resources(one) for one in containers_of({"spec": template_of(obj)})]
            cost = _added(cost, containers, times=_copies(obj, nodes=nodes))
    return cost


def of_pods(pods: Iterable[JsonObject]) -> Cost:
    """What running *pods* cost, as they ask for it themselves; to compare with what objects cost."""
    cost = Cost()
    for pod in pods:
        cost = _added(cost, [_resources(one) for one in containers_of(pod)], times=1)
    return cost


Resources = Mapping[str, Mapping[str, t.Any]]


def _added(cost: Cost, containers: Sequence[Resources], *, times: int) -> Cost:
    """The *cost* with so many pods of these *containers*."""
    return Cost(
        pods=cost.pods + times,
        containers=cost.containers + times * len(containers),
        cpu_requests=cost.cpu_requests + times * _sum(containers, "requests", "cpu"),
        memory_requests=cost.memory_requests + times * _sum(containers, "requests", "memory"),
        memory_limits=cost.memory_limits + times * _sum(containers, "limits", "memory"),
        unlimited=cost.unlimited + times * sum("memory" not in (one.get("limits") or {}) for one in containers),
        images=cost.images,
    )


def _sum(containers: Iterable[Resources], group: str, name: str) -> Fraction:
    return sum((_amount(one, group, name) for one in containers), Fraction())


def _amount(resources: Resources, group: str, name: str) -> Fraction:
    """A request or limit; as in Kubernetes, what has a limit and no request requests its limit."""
    given = resources.get(group) or {}
    if group == "requests" and name not in given:
        given = resources.get("limits") or {}
    found = parse(str(given.get(name, "0")))
    return found.value if found is not None else Fraction()


def _resources(container: JsonObject) -> Resources:
    return container.get("resources") or {}


def _copies(obj: JsonObject, *, nodes: int) -> int:
    """The pods of an object with a pod template; what runs at times only counts as one."""
    if obj["kind"] == "DaemonSet":
        return nodes
    if obj["kind"] in ("Deployment", "StatefulSet", "ReplicaSet"):
        replicas = (obj.get("spec") or {}).get("replicas")
        return 1 if replicas is None else int(replicas)
    return 1


def _instances(obj: JsonObject, *, nodes: int) -> int:
    """The pods that the operator makes of a custom resource."""
    spec = obj.get("spec") or {}
    if spec.get("mode") == "DaemonSet":
        return nodes
    replicas, shards = (1 if spec.get(name) is None else int(spec[name]) for name in ("replicas", "shards"))
    return replicas * shards


def _made(obj: JsonObject, flags: Mapping[str, str]) -> list[Resources]:
    """The resources of the containers of one pod that the operator makes of a custom resource.

    A container that the resource itself has under the name of a generated one is laid over it.
    """
    spec = obj.get("spec") or {}
    found: dict[str, Resources] = {}
    for name, place in _MADE[obj["kind"]]:
        own = spec.get(place) if place else spec
        if own is not None:
            found[name] = _with_request(own.get("resources") or {}, _MEMORY_REQUEST.get(name))
    found[RELOADER] = _of_reloader(flags)
    for own in spec.get("containers") or ():
        known = found.get(own["name"], {})
        given = own.get("resources") or {}
        found[own["name"]] = {**known, **{group: {**(known.get(group) or {}), **given[group]} for group in given}}
    sidecars = (one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always")
    found |= {one["name"]: _resources(one) for one in sidecars}
    return list(found.values())


def _with_request(resources: Resources, memory: str | None) -> Resources:
    requests = resources.get("requests") or {}
    if memory is None or "memory" in requests:
        return resources
    return {**resources, "requests": {**requests, "memory": memory}}


def _of_reloader(flags: Mapping[str, str]) -> Resources:
    found: dict[str, dict[str, str]] = {"requests": {}, "limits": {}}
    for (group, name), (flag, default) in _RELOADER_FLAGS.items():
        value = flags.get(flag, default)
        if value != "0":
            found[group][name] = value
    return found


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one cluster costs *before* and *after*, and the bytes of its images on each side, None if not known."""

    cluster: str
    before: Cost
    after: Cost
    sizes: tuple[int | None, int | None] = (None, None)

    @property
    def added(self) -> list[str]:
        """The images that are new."""
        return sorted(self.after.images - self.before.images)

    @property
    def removed(self) -> list[str]:
        """The images that are no longer needed."""
        return sorted(self.before.images - self.after.images)

    def result(self) -> JsonObject:
        """The entry in a module's result."""
        sides = [
            {**cost.result(), **({} if size is None else {"image_megabytes": round(size / MEBIBYTE, 1)})}
            for cost, size in zip((self.before, self.after), self.sizes, strict=True)
        ]
        return {
            "cluster": self.cluster,
            "before": sides[0],
            "after": sides[1],
            "added": self.added,
            "removed": self.removed,
        }

    def lines(self) -> Iterator[str]:
        """All of it for people."""
        whole = self.result()
        yield f"{self.cluster}:"
        for name, unit in _SHOWN.items():
            if name in whole["before"] and name in whole["after"]:
                before, after = whole["before"][name], whole["after"][name]
                change = round(after - before, 3)
                yield f"  {name.replace('_', ' ')}: {before:g} -> {after:g}{unit} ({change:+g})"
        yield from (f"  + {image}" for image in self.added)
        yield from (f"  - {image}" for image in self.removed)


_SHOWN = {
    "images": "",
    "image_megabytes": " MiB",
    "pods": "",
    "containers": "",
    "cpu_requests": "",
    "memory_requests": " MiB",
    "memory_limits": " MiB",
    "without_memory_limit": "",
}
