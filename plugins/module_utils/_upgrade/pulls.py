# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pods that make nodes pull images before an upgrade, and how far the nodes are with it. Pure.

A container of these pods never starts: its environment refers to a ConfigMap that does not exist. A kubelet pulls the
image of a container first, and then makes the container (startContainer in pkg/kubelet/kuberuntime/
kuberuntime_container.go): so the reason CreateContainerConfigError says that the image is on the node. No program of
an image runs, so it does not matter whether an image has a shell, or what its program does without its configuration.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import NAME_LABEL, common_labels
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    APPS,
    LINUX,
    confined,
    make,
    pull_secrets,
    restricted_pod,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.inventory import (
    inventory_of,
    is_custom,
    runs_pods,
    template_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import containers_of, is_telling

JsonObject = dict[str, t.Any]

# The name of the set, and of the DaemonSet and the ConfigMap that does not exist. Rights name both.
PULL = "pull"
PULL_NAME = "promfleet-pull"
PULL_KINDS = ((APPS, "DaemonSet"),)
POD_LABELS = {NAME_LABEL: PULL_NAME}
# No container takes them, and a quota wants both. The sum of the limits is that of the pod, whose sandbox must start:
# with 1Mi the kernel kills it.
_RESOURCES = {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"cpu": "100m", "memory": "32Mi"}}
# What a kubelet says of a container whose image it has (pkg/kubelet/kuberuntime/kuberuntime_container.go).
_HAS_IMAGE = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "CrashLoopBackOff",
        "PreCreateHookError",
    }
)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Which nodes a pod can run on: terms of a node selector, of which one must fit, and tolerations; as JSON.

    Without terms these are all nodes that the tolerations allow.
    """

    terms: tuple[str, ...] = ()
    tolerations: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, order=True)
class _Use:
    """An image that pods of a *namespace* pull with these *secrets*."""

    namespace: str
    secrets: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Pull:
    """What the pods of one *namespace* pull: *images* with these *secrets*, on the nodes of any of the *places*."""

    namespace: str
    images: tuple[str, ...]
    secrets: tuple[str, ...]
    places: tuple[Place, ...]


@dataclass(frozen=True, kw_only=True)
class Left:
    """What is not pulled yet: an *image* on a *node*, both empty where no pod shows them, and why.

    *silent*: the node's kubelet has said nothing of the pod.
    """

    node: str = ""
    image: str = ""
    reason: str
    silent: bool = False

    def __str__(self) -> str:
        place = f"node {self.node}: " if self.node else ""
        return place + (f"{self.image}: " if self.image else "") + self.reason


# -- which pods ----------------------------------------------------------------------------------------------------


def pulls_of(objects: Sequence[JsonObject]) -> list[Pull]:
    """What must be pulled where so that each node has the images of the pods of *objects* that it can run.

    An image is pulled in the namespace of an operator if that has the same pull secrets, and else in that of its own
    pods: Secrets count in their namespace only, and a team's has a quota of pods. Raises InputError as the inventory
    of images does.
    """
    by_name = {str(key_of(obj)): obj for obj in objects}
    operators = _operators(objects)
    uses: dict[tuple[str, Place], set[_Use]] = {}
    inventory = inventory_of(objects)
    for image in inventory.images:
        for why in inventory.reasons(image):
            obj = by_name[why.object]
            spec = _pod_spec(obj)
            secrets = tuple(sorted(one["name"] for one in spec.get("imagePullSecrets") or ()))
            own = _Use(namespace=key_of(obj).namespace, secrets=secrets)
            home = next((one for one in operators if set(secrets) <= set(one.secrets)), own)
            uses.setdefault((image, _place(spec)), set()).add(home)
    found: dict[str, list[tuple[str, Place, _Use]]] = {}
    for (image, place), several in uses.items():
        chosen = min(several, key=lambda use: (use not in operators, use))
        found.setdefault(chosen.namespace, []).append((image, place, chosen))
    return [
        Pull(
            namespace=namespace,
            images=tuple(sorted({image for image, _place, _use in rows})),
            secrets=tuple(sorted({name for _image, _place, use in rows for name in use.secrets})),
            places=tuple(dict.fromkeys(place for _image, place, _use in rows)),
        )
        for namespace, rows in sorted(found.items())
    ]


def _operators(objects: Iterable[JsonObject]) -> list[_Use]:
    """The namespaces of operators with their pull secrets."""
    return sorted(
        {
            _Use(
                namespace=key_of(obj).namespace,
                secrets=tuple(sorted(one["name"] for one in template_of(obj).get("imagePullSecrets") or ())),
            )
            for obj in objects
            if obj["kind"] == "Deployment" and any(map(is_telling, containers_of(obj["spec"]["template"])))
        }
    )


def _pod_spec(obj: JsonObject) -> JsonObject:
    """What says where the pods of an object run, and with which Secrets; custom resources have the fields of pods."""
    if runs_pods(obj):
        return template_of(obj)
    return (obj.get("spec") or {}) if is_custom(obj) else {}


def _place(spec: JsonObject) -> Place:
    selected = [
        {"key": key, "operator": "In", "values": [value]}
        for key, value in sorted((spec.get("nodeSelector") or {}).items())
    ]
    node = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required = (node.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or [{}]
    terms = [{**term, "matchExpressions": [*(term.get("matchExpressions") or ()), *selected]} for term in required]
    bare = [term for term in terms if not (term["matchExpressions"] or term.get("matchFields"))]
    return Place(
        terms=() if bare else tuple(_text(term) for term in terms),
        tolerations=tuple(_text(one) for one in spec.get("tolerations") or ()),
    )


def _text(value: JsonObject) -> str:
    return json.dumps(value, sort_keys=True)


def daemon_set(pull: Pull) -> JsonObject:
    """The DaemonSet for one namespace. A node gets it if any of the pods that it pulls for could run there."""
    labels = common_labels(PULL_NAME)
    terms = {text for place in pull.places for text in place.terms}
    tolerations = {text for place in pull.places for text in place.tolerations}
    pod: JsonObject = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        **pull_secrets(pull.secrets),
        "nodeSelector": LINUX,
        "securityContext": restricted_pod(user=None),
        "containers": [_container(number, image) for number, image in enumerate(pull.images, start=1)],
    }
    if tolerations:
        pod["tolerations"] = [json.loads(text) for text in sorted(tolerations)]
    if terms and all(place.terms for place in pull.places):
        required = {"nodeSelectorTerms": [json.loads(text) for text in sorted(terms)]}
        pod["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
    return make(
        APPS,
        "DaemonSet",
        PULL_NAME,
        namespace=pull.namespace,
        labels=labels,
        spec={
            "selector": {"matchLabels": POD_LABELS},
            "template": {"metadata": {"labels": {**labels, **POD_LABELS}}, "spec": pod},
        },
    )


def _container(number: int, image: str) -> JsonObject:
    return {
        "name": f"image-{number}",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        # Keeps it from starting: there is no such ConfigMap.
        "env": [{"name": "NEVER", "valueFrom": {"configMapKeyRef": {"name": PULL_NAME, "key": "never"}}}],
        "resources": _RESOURCES,
        "securityContext": confined(),
    }


# -- how far they are ----------------------------------------------------------------------------------------------


def left_of(daemon_sets: Iterable[JsonObject], pods: Sequence[JsonObject]) -> list[Left]:
    """What the *pods* of live *daemon_sets* have not pulled yet; empty if every node has every image."""
    return [left for one in daemon_sets for left in _left_of(one, pods)]


def own_pods(daemon_set: JsonObject, pods: Iterable[JsonObject]) -> list[JsonObject]:
    """Those of *pods* that a live DaemonSet made, and that are not being deleted."""
    uid = daemon_set["metadata"]["uid"]
    return [
        pod
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
        and any(
            owner.get("controller") and owner["uid"] == uid for owner in pod["metadata"].get("ownerReferences") or ()
        )
    ]


def _left_of(one: JsonObject, pods: Iterable[JsonObject]) -> Iterator[Left]:
    status = one.get("status") or {}
    if status.get("observedGeneration") != one["metadata"].get("generation"):
        yield Left(reason=f"{key_of(one)} has no pods yet")
        return
    own = own_pods(one, pods)
    wanted = int(status.get("desiredNumberScheduled") or 0)
    if len(own) < wanted:
        yield Left(reason=f"{key_of(one)} has {len(own)} of {wanted} pods")
    for pod in own:
        yield from _left_on_node(pod)


def _left_on_node(pod: JsonObject) -> Iterator[Left]:
    status = pod.get("status") or {}
    told: dict[str, JsonObject] = {one["name"]: one for one in status.get("containerStatuses") or ()}
    if not told:
        yield Left(node=node_of(pod), reason=_why_not_begun(status), silent=bool(pod["spec"].get("nodeName")))
        return
    for container in pod["spec"]["containers"]:
        one = told.get(container["name"]) or {}
        if not _is_pulled(one):
            waiting: Mapping[str, t.Any] = (one.get("state") or {}).get("waiting") or {}
            reason = ": ".join(str(waiting[name]) for name in ("reason", "message") if waiting.get(name))
            yield Left(node=node_of(pod), image=container["image"], reason=reason or "not pulled yet")


def _is_pulled(status: JsonObject) -> bool:
    state = status.get("state") or {}
    waiting = state.get("waiting") or {}
    return bool(status.get("imageID")) or bool(state.keys() - {"waiting"}) or waiting.get("reason") in _HAS_IMAGE


def node_of(pod: JsonObject) -> str:
    """The node of a pod of a DaemonSet, also before it is there: its affinity names it."""
    if pod["spec"].get("nodeName"):
        return str(pod["spec"]["nodeName"])
    node = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    terms = (node.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ()
    names = [name for term in terms for field in term.get("matchFields") or () for name in field.get("values") or ()]
    return str(names[0]) if names else ""


def _why_not_begun(status: JsonObject) -> str:
    """Why the kubelet says nothing of a pod's containers."""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            return f"the pod is not scheduled: {condition.get('message') or condition.get('reason')}"
    return "the kubelet has not begun"
