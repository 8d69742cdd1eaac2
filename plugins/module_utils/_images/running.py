# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares the images that a cluster is expected to pull with those that its pods have. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import INSTANCE_LABEL, MANAGED_BY_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.inventory import (
    CONTAINERS,
    is_custom,
    runs_pods,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.reference import parse_reference
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.upstream import upstream_of

JsonObject = dict[str, t.Any]

# What the operator writes on the pods that it makes.
_MADE_BY_OPERATOR = "prometheus-operator"
_OVER = frozenset({"Succeeded", "Failed"})


@dataclass(kw_only=True)
class Comparison:
    """Where what runs is not what is expected.

    *missing* are expected images that no pod has. *unexpected* are images that pods have, each with these pods.
    *different* are images by another digest than the expected one, each with that, the running ones and their pods.
    """

    missing: list[str] = field(default_factory=list)
    unexpected: dict[str, list[str]] = field(default_factory=dict)
    different: list[JsonObject] = field(default_factory=list)

    def lines(self) -> list[str]:
        """All of it for people; empty if all is as expected."""
        return [
            *(f"no pod has {image}" for image in self.missing),
            *(f"{image} is not expected: {', '.join(pods)}" for image, pods in self.unexpected.items()),
            *(
                f"{one['image']} runs as {one['running']}, expected is {one['expected']}: {', '.join(one['pods'])}"
                for one in self.different
            ),
        ]


@dataclass(frozen=True, kw_only=True)
class _Seen:
    image: str
    digest: str
    place: str


def places_of(objects: Iterable[JsonObject]) -> dict[str, list[Mapping[str, str]]]:
    """The namespaces in which *objects* make pods, each with the labels by which these pods are known."""
    found: dict[str, list[Mapping[str, str]]] = {}
    for obj in objects:
        if is_custom(obj):
            labels = {MANAGED_BY_LABEL: _MADE_BY_OPERATOR, INSTANCE_LABEL: key_of(obj).name}
        elif runs_pods(obj):
            labels = obj["spec"].get("selector", {}).get("matchLabels") or {}
        else:
            continue
        found.setdefault(key_of(obj).namespace, []).append(labels)
    return found


def own_pods(pods: Iterable[JsonObject], known: Sequence[Mapping[str, str]], *, shared: bool) -> list[JsonObject]:
    """The *pods* of a namespace that count: all, or in a *shared* one those with labels that are *known*."""
    counted = [pod for pod in pods if (pod.get("status") or {}).get("phase") not in _OVER]
    if not shared:
        return counted
    return [pod for pod in counted if any(_fits(pod, labels) for labels in known)]


def _fits(pod: JsonObject, labels: Mapping[str, str]) -> bool:
    return labels.items() <= (pod["metadata"].get("labels") or {}).items()


def compare_running(
    expected: Iterable[str], pods: Iterable[JsonObject], digests: Mapping[str, str] | None = None
) -> Comparison:
    """Where the *pods* are not as *expected*; *digests* are those of the lock file, by the images' sources."""
    wanted = {str(parse_reference(image)) for image in expected}
    seen = [one for pod in pods for one in _seen(pod)]
    result = Comparison(missing=sorted(wanted - {one.image for one in seen}))
    for one in sorted(seen, key=lambda one: (one.image, one.place)):
        if one.image not in wanted:
            result.unexpected.setdefault(one.image, []).append(one.place)
    for image in sorted(wanted):
        digest = (digests or {}).get(str(upstream_of(image)), "")
        others = [one for one in seen if one.image == image and digest and one.digest not in ("", digest)]
        for running in sorted({one.digest for one in others}):
            places = sorted({one.place for one in others if one.digest == running})
            result.different.append({"image": image, "expected": digest, "running": running, "pods": places})
    return result


def _seen(pod: JsonObject) -> Iterator[_Seen]:
    """The images of one pod, with their digests where the node has noted one.

    An image that was put on the node by hand has only the digest of its configuration, which is not the manifest's.
    """
    status = pod.get("status") or {}
    pulled = {
        one["name"]: one.get("imageID") or ""
        for group in ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
        for one in status.get(group) or ()
    }
    spec = pod["spec"]
    for group in CONTAINERS:
        for container in spec.get(group) or ():
            yield _Seen(
                image=_normal(container["image"]),
                digest=pulled.get(container["name"], "").partition("@")[2],
                place=f"{key_of(pod)}, container {container['name']}",
            )
    for volume in spec.get("volumes") or ():
        image = (volume.get("image") or {}).get("reference")
        if image:
            yield _Seen(image=_normal(image), digest="", place=f"{key_of(pod)}, volume {volume['name']}")


def _normal(image: str) -> str:
    """A name in the form of the inventory; one that cannot be read is not in it, and stays as it is."""
    try:
        return str(parse_reference(image))
    except ValueError:
        return image
