# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What else lives in a namespace that is to be deleted: nothing of others ever goes with it."""

from __future__ import annotations

import itertools
import typing as t
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SET_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import owns_label

JsonObject = dict[str, t.Any]

# Owners that live in the namespace of what they own; nobody else's uid can be looked for there.
NAMESPACED_OWNERS = frozenset(
    {
        "Alertmanager",
        "Deployment",
        "Prometheus",
        "PrometheusAgent",
        "ReplicaSet",
        "Service",
        "StatefulSet",
        "ThanosRuler",
    }
)
_ACCOUNT_OF = "kubernetes.io/service-account.uid"


def contents_of(
    cluster: Cluster, namespaces: t.Sequence[str], *, progress: Progress
) -> t.Iterator[tuple[list[JsonObject], list[Right]]]:
    """For each of *namespaces* the metadata of every object of every kind in it, and the rights that this lacked.

    Metadata is enough to tell whose an object is; so nobody's Secrets are read because a namespace goes. One namespace
    comes after the other, for a thousand of them are as large as the fleet.
    """
    if not namespaces:
        return

    def look(place: tuple[str, Resource]) -> list[JsonObject] | Right:
        return _listed(cluster, place[1], namespace=place[0])

    with ThreadPoolExecutor(max_workers=WORKERS) as pool:
        served = list(pool.map(lambda api_version: cluster.resources(api_version) or {}, cluster.api_versions()))
        kinds = once_each(kind for resources in served for kind in resources.values())
        progress.step(
            f"looking through {len(namespaces):,} namespaces,", total=len(namespaces) * len(kinds), unit="lists"
        )
        parts = pool.map(progress.counting(look), itertools.product(namespaces, kinds))
        for _namespace in namespaces:
            found = list(itertools.islice(parts, len(kinds)))
            objects = [obj for part in found if not isinstance(part, Right) for obj in part]
            yield objects, [part for part in found if isinstance(part, Right)]


def _listed(cluster: Cluster, kind: Resource, *, namespace: str) -> list[JsonObject] | Right:
    """The objects of a kind, or the right that this would have taken."""
    try:
        return cluster.list_metadata(kind, namespace=namespace)
    except ApiError as error:
        if error.status != 403:
            raise
        return Right(group=kind.group, resource=kind.plural, verb="list", namespace=namespace)


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

    *fleet_sets* are the labels of the sets whose objects may go with the namespace.
    """
    present = {obj["metadata"]["uid"] for obj in objects}
    known = {obj["metadata"]["uid"] for obj in objects if key_of(obj) in ours or _is_of(obj, fleet_sets)}
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
        if obj["metadata"]["uid"] not in known
        and not is_leaving(obj)
        and not _is_default(obj)
        and not _mirrors_service(obj)
    ]


def is_leaving(obj: JsonObject) -> bool:
    """Whether *obj* was deleted already and only waits for its finalizers."""
    return "deletionTimestamp" in obj["metadata"]


def _is_gone(owner: JsonObject, present: t.Container[str]) -> bool:
    """Whether an owner in the same namespace is gone: what it owned follows, as soon as the collector comes by.

    An interrupted run leaves such traces; they must not look like the property of others to the next one.
    """
    return owner.get("kind") in NAMESPACED_OWNERS and owner.get("uid") not in present


def _is_of(obj: JsonObject, fleet_sets: t.Container[str]) -> bool:
    labels = obj["metadata"].get("labels") or {}
    return labels.get(SET_LABEL) in fleet_sets and owns_label(obj, SET_LABEL)


def _is_default(obj: JsonObject) -> bool:
    """What Kubernetes puts into every namespace, and traces that are nobody's property."""
    name = obj["metadata"]["name"]
    if obj["kind"] == "Event":
        return True
    # Of its type metadata tells nothing, but the controller that fills a token's Secret notes whose it is.
    if obj["kind"] == "Secret" and _ACCOUNT_OF in (obj["metadata"].get("annotations") or {}):
        return True
    return (obj["kind"], name) in {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")}


def _mirrors_service(obj: JsonObject) -> bool:
    """Endpoints have no owner: their controller makes them for a Service, which is judged itself."""
    return obj["kind"] == "Endpoints" and "endpoints.kubernetes.io/managed-by" in (obj["metadata"].get("labels") or {})
