# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds other objects in a namespace that should be deleted, because those of others must never be deleted with it."""

from __future__ import annotations

import itertools
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of, url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import BRIEF, TRANSIENT
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SET_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.everywhere import is_known, is_openshift
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import owns_label

JsonObject = dict[str, t.Any]

# Owners that are in the namespace of what they own; other owners' uids cannot be looked up there.
NAMESPACED_OWNERS = {"Deployment", "ReplicaSet", "Service", "StatefulSet"}


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Metadata of all objects of a namespace, except of kinds that could not be listed.

    *lacking*: the rights that listing them takes. *unseen*: what is broken in the cluster, and how to repair it.
    """

    objects: t.Sequence[JsonObject]
    lacking: t.Sequence[Right] = ()
    unseen: t.Sequence[str] = ()


def register_owners(kinds: t.Iterable[str]) -> None:
    """Say which kinds that Kubernetes itself does not have own objects in their own namespace."""
    NAMESPACED_OWNERS.update(kinds)


def contents_of(cluster: Cluster, namespaces: t.Sequence[str], *, progress: Progress) -> t.Iterator[Contents]:
    """What each of *namespaces* holds, of every kind.

    Metadata shows whose an object is, so no Secret's values are read before a namespace is deleted. One namespace
    comes after the other, for a thousand of them are as large as the fleet.
    """
    if not namespaces:
        return

    def look(place: tuple[str, Resource]) -> list[JsonObject] | Right | str:
        return _listed(cluster, place[1], namespace=place[0])

    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        served = list(pool.map(lambda api_version: _served(cluster, api_version), cluster.api_versions()))
        broken = tuple(dict.fromkeys(part for part in served if isinstance(part, str)))
        kinds = once_each(kind for part in served if not isinstance(part, str) for kind in part.values())
        progress.step(
            f"looking through {len(namespaces):,} namespaces,", total=len(namespaces) * len(kinds), unit="lists"
        )
        parts = pool.map(progress.counting(look), itertools.product(namespaces, kinds))
        for _namespace in namespaces:
            found = list(itertools.islice(parts, len(kinds)))
            yield Contents(
                objects=[obj for part in found if isinstance(part, list) for obj in part],
                lacking=[part for part in found if isinstance(part, Right)],
                unseen=[*broken, *(part for part in found if isinstance(part, str))],
            )


def _served(cluster: Cluster, api_version: str) -> t.Mapping[str, Resource] | str:
    """The kinds of a group's version; or why they cannot be known, for then the server of an aggregated API is down."""
    try:
        return cluster.resources(api_version, patience=BRIEF) or {}
    except ApiError as error:
        if error.status not in TRANSIENT or "/" not in api_version:
            raise
        group, version = api_version.split("/")
        name = f"{version}.{group}"
        return (
            f"the API {api_version} does not answer ({_condition(cluster, name) or error.server_message}), and no "
            "namespace can end before it does. Repair the server behind it, or, if it is no longer needed: "
            f"kubectl delete apiservice {name}"
        )


def _condition(cluster: Cluster, name: str) -> str:
    """What the API server says of an APIService; empty if it says nothing, or may not be asked."""
    try:
        found = cluster.find(url_path("apiregistration.k8s.io/v1", "apiservices", name=name)) or {}
    except ClusterError:
        return ""
    conditions = (found.get("status") or {}).get("conditions") or ()
    return next((str(item.get("message") or "") for item in conditions if item.get("type") == "Available"), "")


def _listed(cluster: Cluster, kind: Resource, *, namespace: str) -> list[JsonObject] | Right | str:
    """The objects of a kind; or the right that listing them takes; or what is broken.

    Another version of the kind may be readable. That would not help: the API server deletes by this one, too.
    """
    try:
        return cluster.list_metadata(kind, namespace=namespace, patience=BRIEF)
    except ApiError as error:
        if error.status == 403:
            return Right(group=kind.group, resource=kind.plural, verb="list", namespace=namespace)
        if error.status not in TRANSIENT or not kind.group:
            raise
        name = f"{kind.plural}.{kind.group}"
        advice = f"Repair the server behind {kind.api_version}"
        if "conversion webhook" in error.server_message:
            advice = (
                "Repair the webhook's server (kubectl get crd NAME -o jsonpath='{.spec.conversion}'), or, if these "
                "objects are no longer needed, delete all of them in all namespaces: kubectl delete crd NAME"
            ).replace("NAME", name)
        return f"{name} cannot be listed ({error.server_message}), and no namespace can end before they can. {advice}"


def once_each(resources: t.Iterable[Resource]) -> list[Resource]:
    """The namespaced kinds that hold objects, each in the first of its group's versions that has it. Pure."""
    first: dict[tuple[str, str], Resource] = {}
    for kind in resources:
        if kind.namespaced and {"list", "delete"} <= kind.verbs:
            first.setdefault((kind.api_version.rpartition("/")[0], kind.kind), kind)
    return list(first.values())


def foreign(
    objects: t.Sequence[JsonObject], *, ours: t.Container[Key], fleet_sets: t.Container[str]
) -> list[JsonObject]:
    """Those of *objects* that are neither ours, nor made from ours by a controller, nor in every namespace. Pure.

    *fleet_sets* are the labels of the sets whose objects may be deleted with the namespace.
    """
    present = {obj["metadata"]["uid"] for obj in objects}
    on_openshift = is_openshift(objects)
    known = {
        obj["metadata"]["uid"]
        for obj in objects
        if key_of(obj) in ours or _is_of(obj, fleet_sets) or is_known(obj, on_openshift=on_openshift)
    }
    while True:
        derived = {
            obj["metadata"]["uid"]
            for obj in objects
            if any(
                owner.get("uid") in known or _is_gone(owner, present)
                for owner in obj["metadata"].get("ownerReferences") or ()
            )
        }
        if derived <= known:
            break
        known |= derived
    return [
        obj
        for obj in objects
        if obj["metadata"]["uid"] not in known and not is_leaving(obj) and not _mirrors_service(obj)
    ]


def is_leaving(obj: JsonObject) -> bool:
    """Whether *obj* was deleted already and only waits for its finalizers."""
    return "deletionTimestamp" in obj["metadata"]


def _is_gone(owner: JsonObject, present: t.Container[str]) -> bool:
    """Whether an owner in the same namespace was deleted: the garbage collector then deletes what it owned.

    An interrupted run leaves such traces; they must not look like the property of others to the next one.
    """
    return owner.get("kind") in NAMESPACED_OWNERS and owner.get("uid") not in present


def _is_of(obj: JsonObject, fleet_sets: t.Container[str]) -> bool:
    labels = obj["metadata"].get("labels") or {}
    return labels.get(SET_LABEL) in fleet_sets and owns_label(obj, SET_LABEL)


def _mirrors_service(obj: JsonObject) -> bool:
    """Endpoints have no owner: their controller makes them for a Service, which is judged itself."""
    return obj["kind"] == "Endpoints" and "endpoints.kubernetes.io/managed-by" in (obj["metadata"].get("labels") or {})
