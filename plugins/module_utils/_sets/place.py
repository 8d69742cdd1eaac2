# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a cluster keeps records and Leases: one namespace for all fleets, kube-system unless another has the label.

Two runs with two namespaces would each make a record of its own, prune with half of the knowledge, and write at the
same time. So another namespace than kube-system counts only while it has a label that every run can see. A run that is
not given a namespace follows the label; a run that is given another namespace than the one with the label is refused.

A run that finds its record in the given namespace, or else in kube-system, needs no more requests. Without a record it
looks for the label, and so do runs about CRDs, which have none. Each run takes its Lease before its last look: of two
first runs with two namespaces at least one sees the other.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    FIELD_MANAGER,
    MANAGED_BY_LABEL,
    NAME_LABEL,
    RECORDS_LABEL,
    RECORDS_NAMESPACE,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right

JsonObject = dict[str, t.Any]

# What looking for the label takes.
TO_READ = Right(group="", resource="namespaces", verb="list")
# Every server has them: no request has to ask how they are served.
_NAMESPACES, _CONFIG_MAPS, _SECRETS = (
    Resource(api_version="v1", kind=kind, plural=f"{kind.lower()}s", namespaced=namespaced, verbs=frozenset({"list"}))
    for kind, namespaced in (("Namespace", False), ("ConfigMap", True), ("Secret", True))
)
# What policies and webhooks answer, each as it was made.
_DENIED = (400, 403, 422)
_MARK = f"{RECORDS_LABEL}=true"
_GUIDE = "docs/getting-started.md, Where records and Leases are"
# The labels of every ConfigMap that is about a set or about CRDs.
_OURS = f"{NAME_LABEL}=promfleet,{MANAGED_BY_LABEL}={FIELD_MANAGER}"


class Elsewhere(ClusterError):
    """A run without a given namespace found that records and Leases are in *namespace*: it begins again there."""

    def __init__(self, namespace: str) -> None:
        super().__init__(f"records and Leases of this cluster are in {namespace}, by the label {_MARK}")
        self.namespace = namespace


def closed_hint(namespace: str) -> str:
    """What a user may do where records and Leases cannot be written to *namespace*. Pure."""
    if namespace == RECORDS_NAMESPACE:
        return (
            f"If the platform denies writes to {RECORDS_NAMESPACE}, as GKE Autopilot does, "
            f"name another namespace for records and Leases: records_namespace ({_GUIDE})"
        )
    return f"Records and Leases of this cluster are in {namespace} (records_namespace)"


def way_out(error: ApiError, namespace: str) -> str:
    """What a message adds where the cluster denied a write about records to *namespace*; empty for other errors. Pure.

    The rights were asked for before: it is a policy or a webhook that denies.
    """
    return f". {closed_hint(namespace)}" if error.status in _DENIED else ""


def keep(cluster: Cluster, obj: JsonObject) -> None:
    """Apply a ConfigMap or Secret of ours in the place of the records.

    Raises ClusterError with a way out if it is refused.
    """
    try:
        resource = _SECRETS if obj["kind"] == "Secret" else _CONFIG_MAPS
        cluster.apply(obj, resource=resource, dry_run=False, force=True)
    except ApiError as error:
        namespace, name = (obj["metadata"][key] for key in ("namespace", "name"))
        raise ClusterError(
            f"{obj['kind']} {namespace}/{name} could not be written: {error.server_message}{way_out(error, namespace)}"
        ) from error


def find_place(cluster: Cluster, given: str | None) -> str:
    """The namespace where this cluster keeps records and Leases; *given* is the option, None if it is not set.

    Raises Refused if the label contradicts it or several namespaces have the label. One LIST, of few namespaces.
    """
    marked = [obj["metadata"]["name"] for obj in cluster.list_objects(_NAMESPACES, selector=_MARK)]
    problem = misplaced(given, marked=marked)
    if problem is None:
        return given or next(iter(marked), RECORDS_NAMESPACE)
    if given and not marked and cluster.find(_NAMESPACES.path(name=given)) is None:
        problem = (
            f"this namespace does not exist. An administrator makes it, with the label that tells every run where "
            f"records and Leases are: kubectl create namespace {given}; kubectl label namespace {given} {_MARK}"
        )
    option = f"records_namespace {given}: " if given else ""
    raise Refused(f"{option}{problem}. Nothing was written")


def misplaced(given: str | None, *, marked: t.Collection[str]) -> str | None:
    """Why records cannot be in *given*, where the *marked* namespaces have the label; None if they can. Pure."""
    names = sorted(marked)
    if len(names) > 1:
        return (
            f"the namespaces {' and '.join(names)} have the label {_MARK}; only the one that holds records and Leases "
            f"of this cluster may have it ({_GUIDE})"
        )
    if given is None or names == [given] or (given == RECORDS_NAMESPACE and not names):
        return None
    if names:
        return (
            f"records and Leases of this cluster are in {names[0]}, by the label {_MARK}; set records_namespace to "
            f"{names[0]}, or leave it out"
        )
    return (
        f"this namespace lacks the label that tells every run where records and Leases are. An administrator sets it: "
        f"kubectl label namespace {given} {_MARK}"
    )


@contextlib.contextmanager
def following(cluster: Cluster, given: str | None) -> t.Iterator[None]:
    """If a read of this block is refused, let a run without a given namespace look where the label is.

    Raises Elsewhere then: an account may have its rights only there. If it is refused there too, that run reports it.
    """
    try:
        yield
    except ApiError as error:
        place = _mark(cluster) if error.status == 403 and given is None else RECORDS_NAMESPACE
        if place == RECORDS_NAMESPACE:
            raise
        raise Elsewhere(place) from error


def _mark(cluster: Cluster) -> str:
    """The namespace with the label, kube-system where none is to be seen."""
    try:
        return find_place(cluster, None)
    except (ApiError, Refused):
        return RECORDS_NAMESPACE


def require_none_behind(cluster: Cluster, namespace: str, *, record: str, lease: str) -> bool:
    """Raise Refused if a set that is to be in *namespace* has its record in kube-system, or is written from there.

    *record* and *lease* are URL paths in kube-system. Returns False if the account may not read them.
    """
    if namespace == RECORDS_NAMESPACE:
        return True
    try:
        left, busy = cluster.find(record), cluster.find(lease)
    except ApiError as error:
        if error.status != 403:
            raise
        return False
    if left is not None:
        raise _behind(namespace, [left["metadata"]["name"]])
    holder = ((busy or {}).get("spec") or {}).get("holderIdentity")
    if holder:
        raise Refused(
            f"records_namespace {namespace}: {holder} writes this set, and has its Lease in {RECORDS_NAMESPACE}: "
            f"{lease}. Run again when it is done; delete the Lease where that run was killed. Nothing was written"
        )
    return True


def require_all_moved(cluster: Cluster, namespace: str) -> None:
    """Raise Refused if records, snapshots or stopped operators are in kube-system, and are to be in *namespace*.

    An account that may not list ConfigMaps in kube-system cannot know; nothing is said then.
    """
    if namespace == RECORDS_NAMESPACE:
        return
    try:
        found = cluster.list_objects(_CONFIG_MAPS, namespace=RECORDS_NAMESPACE, selector=_OURS)
    except ApiError as error:
        if error.status != 403:
            raise
        return
    if found:
        raise _behind(namespace, sorted(obj["metadata"]["name"] for obj in found))


def _behind(namespace: str, names: t.Sequence[str]) -> Refused:
    return Refused(
        f"records and Leases of this cluster are in {namespace}, by the label {_MARK}, but an earlier run left in "
        f"{RECORDS_NAMESPACE} what belongs there now: ConfigMap {', '.join(names)}. Move it, or remove the label and "
        f"leave records_namespace out ({_GUIDE}). Nothing was written",
        objects=[f"ConfigMap {RECORDS_NAMESPACE}/{name}" for name in names],
    )
