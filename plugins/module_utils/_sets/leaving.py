# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""CRDs that are being deleted: seen before the first write, with what holds them.

The API server deletes the objects of such a CRD before the CRD itself (finalizer
``customresourcecleanup.apiextensions.k8s.io``). An object whose own finalizers are never removed holds it for ever.
Until then the API server refuses new objects of the kind with status 405, and discovery leaves out the verbs that
create and change them (staging/src/k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_discovery_controller.go
of kubernetes/kubernetes).
"""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of, url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import SILENT, Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.contents import is_leaving

JsonObject = dict[str, t.Any]

CRD_API = "apiextensions.k8s.io/v1"
CRD_PLURAL = "customresourcedefinitions"
# The API server's own finalizer of every CRD: it waits for the objects.
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"
INTERVAL = 0.5
NAMED = 10


@dataclass(frozen=True, kw_only=True)
class Holder:
    """An object that is left of a kind, with its *finalizers*; without any it is about to go."""

    key: Key
    finalizers: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.key} (finalizers: {', '.join(self.finalizers) or 'none'})"


@dataclass(frozen=True, kw_only=True)
class LeavingCrd:
    """A CRD that is being deleted: *since* when, and what holds it.

    *finalizers* are the CRD's own, without the API server's. *unread*: why its objects could not be listed.
    """

    name: str
    since: str
    finalizers: tuple[str, ...]
    holders: tuple[Holder, ...]
    unread: str = ""

    @property
    def held_by(self) -> str:
        """What holds it, as a sentence without a full stop."""
        reasons = []
        if self.holders:
            reasons.append(f"it is held by {first_of(self.holders, NAMED)}")
        if self.finalizers:
            reasons.append(f"it has finalizers of its own: {', '.join(self.finalizers)}")
        if self.unread:
            reasons.append(f"its objects could not be listed: {self.unread}")
        return "; ".join(reasons) or "no object holds it any more, so it should be gone soon"

    @property
    def fix(self) -> str:
        """How its deletion comes to an end, with commands."""
        steps = []
        stuck = [holder for holder in self.holders if holder.finalizers]
        if stuck:
            first = stuck[0].key
            place = f"-n {first.namespace} " if first.namespace else ""
            others = " (and so for each of them)" if len(stuck) > 1 else ""
            steps.append(
                f"let the controllers of these finalizers do their work or, if they no longer run, remove the "
                f"finalizers: {_without_finalizers(f'{place}patch {self.name} {first.name}')}{others}"
            )
        if self.finalizers:
            steps.append(f"remove the CRD's own finalizers likewise: {_without_finalizers(f'patch crd {self.name}')}")
        if not steps:
            steps.append(f"see what is left: kubectl get {self.name} -A; kubectl get crd {self.name} -o yaml")
        return "; ".join(steps)

    def __str__(self) -> str:
        return (
            f"the CRD {self.name} is being deleted since {self.since}, and all objects of its kind with it: "
            f"{self.held_by}. To end that, {self.fix}"
        )

    def result(self) -> JsonObject:
        """The same as data, at most as many holders as a message names."""
        return {
            "name": self.name,
            "since": self.since,
            "finalizers": list(self.finalizers),
            "holders": [
                {
                    "kind": holder.key.kind,
                    "namespace": holder.key.namespace,
                    "name": holder.key.name,
                    "finalizers": list(holder.finalizers),
                }
                for holder in self.holders[:NAMED]
            ],
            "number": len(self.holders),
            "message": str(self),
        }


def _without_finalizers(target: str) -> str:
    return f"kubectl {target} --type merge -p '" + '{"metadata":{"finalizers":null}}' + "'"


def leaving_crd(cluster: Cluster, crd: JsonObject) -> LeavingCrd:
    """What holds *crd*, which is being deleted: one LIST of what is left of its kind, metadata only."""
    spec, metadata = crd["spec"], crd["metadata"]
    version = next(item["name"] for item in spec["versions"] if item.get("storage"))
    served = [item["name"] for item in spec["versions"] if item.get("served")]
    resource = Resource(
        api_version=f"{spec['group']}/{version if version in served else next(iter(served), version)}",
        kind=spec["names"]["kind"],
        plural=spec["names"]["plural"],
        namespaced=spec.get("scope") == "Namespaced",
        verbs=frozenset(),
    )
    unread = ""
    try:
        left = cluster.list_metadata(resource) if served else []
    except ApiError as error:
        # No longer served: nothing is left of it.
        left, unread = [], "" if error.status == 404 else error.server_message
    holders = [Holder(key=key_of(obj), finalizers=tuple(obj["metadata"].get("finalizers") or ())) for obj in left]
    return LeavingCrd(
        name=metadata["name"],
        since=str(metadata["deletionTimestamp"]),
        finalizers=tuple(name for name in metadata.get("finalizers") or () if name != CLEANUP),
        # Those that only their controllers can end come first.
        holders=tuple(sorted(holders, key=lambda holder: (not holder.finalizers, holder.key))),
        unread=unread,
    )


def require_lasting_kinds(cluster: Cluster, kinds: t.Iterable[tuple[str, str]]) -> None:
    """Raise Refused if one of *kinds* (apiVersion, kind) is defined by a CRD that is being deleted.

    Costs no request where all is well: what discovery says is read anyway.
    """
    leaving: dict[str, str] = {}
    for api_version, kind in sorted(set(kinds)):
        resource = cluster.resource(api_version, kind)
        if resource is None or not resource.group or "create" in resource.verbs:
            continue
        name = f"{resource.plural}.{resource.group}"
        if name not in leaving and (reason := _why_leaving(cluster, name)):
            leaving[name] = reason
    if leaving:
        raise Refused(
            f"{'; '.join(leaving.values())}. Then install the CRDs again (role "
            "promfleet.monitoring.prometheus_operator) and repeat this run. Nothing was written",
            objects=[f"CustomResourceDefinition {name}" for name in leaving],
        )


def _why_leaving(cluster: Cluster, name: str) -> str:
    """Why no object can be made of the kind that the CRD *name* defines; empty if the CRD is not the reason."""
    try:
        crd = cluster.find(url_path(CRD_API, CRD_PLURAL, name=name))
    except ApiError as error:
        if error.status != 403:
            raise
        return (
            f"the API server takes no new objects of {name}: its CRD is being deleted. This account may not read what "
            f"holds it: kubectl get crd {name} -o yaml; kubectl get {name} -A"
        )
    return str(leaving_crd(cluster, crd)) if crd is not None and is_leaving(crd) else ""


def wait_ended(
    cluster: Cluster, crds: t.Sequence[JsonObject], *, timeout: float, progress: Progress = SILENT
) -> list[LeavingCrd]:
    """Wait until *crds*, which are being deleted, no longer exist; after *timeout* seconds return what is left."""
    left = list(crds)
    deadline = time.monotonic() + timeout
    while True:
        found = [(crd, cluster.find(url_path(CRD_API, CRD_PLURAL, name=crd["metadata"]["name"]))) for crd in left]
        # One with the same name and another uid was made again meanwhile.
        left = [live for crd, live in found if live and live["metadata"]["uid"] == crd["metadata"]["uid"]]
        if not left:
            return []
        if time.monotonic() >= deadline:
            return [leaving_crd(cluster, crd) for crd in left]
        progress.step(f"waiting until {len(left)} CRDs that are being deleted are gone: {left[0]['metadata']['name']}")
        time.sleep(INTERVAL)
