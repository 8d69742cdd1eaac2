# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots from before a change: of the CRDs in the cluster itself, of custom resources in a file of the user's."""

from __future__ import annotations

import base64
import gzip
import json
import os
import tempfile
import typing as t
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER, common_labels
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import (
    CRD_API,
    CRD_KIND,
    RELEASE_ANNOTATIONS,
    SOURCE_ANNOTATION,
    release_text,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.place import keep

JsonObject = dict[str, t.Any]

PREFIX = "promfleet-crds-"
LABEL = f"{FIELD_MANAGER}/crds-snapshot"
KEEP = 3
_SUFFIX = ".json.gz"
# What a file says of itself, so that a later release can still read it.
_FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What was there before a change.

    *objects* are custom resources and *changed_to* the CRDs that came next; a snapshot in the cluster has neither.
    """

    name: str
    cluster_uid: str
    taken: str
    crds: list[JsonObject]
    objects: list[JsonObject] = field(default_factory=list)
    changed_to: list[JsonObject] = field(default_factory=list)


def now() -> str:
    """The time as snapshots are named by it: ``20261121-151200``, UTC."""
    return datetime.now(tz=UTC).strftime("%Y%m%d-%H%M%S")


def bare_crd(live: JsonObject) -> JsonObject:
    """A live CRD as a source would have it: what a release decides, without our own mark."""
    metadata = live["metadata"]
    kept = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if key in RELEASE_ANNOTATIONS and key != SOURCE_ANNOTATION
    }
    spec = {name: value for name, value in live["spec"].items() if name != "conversion"}
    return {
        "apiVersion": CRD_API,
        "kind": CRD_KIND,
        "metadata": {"name": metadata["name"], **({"annotations": kept} if kept else {})},
        "spec": spec,
    }


# -- in the cluster -----------------------------------------------------------------------------------------------


def manifest(live: t.Sequence[JsonObject], *, namespace: str, taken: str) -> JsonObject:
    """The ConfigMap in *namespace* that holds CRDs, each compressed under its name. Pure."""
    crds = [bare_crd(crd) for crd in live]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": PREFIX + taken,
            "namespace": namespace,
            "labels": {**common_labels("promfleet"), LABEL: "true"},
        },
        "data": {"taken": taken, "release": release_text(crds)},
        "binaryData": {crd["metadata"]["name"] + _SUFFIX: _packed(crd) for crd in crds},
    }


def _packed(value: t.Any) -> str:
    data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(data, mtime=0)).decode()


def unpack(config_map: JsonObject) -> list[JsonObject]:
    """The CRDs in a snapshot's ConfigMap, sorted by name. Pure."""
    found = config_map.get("binaryData") or {}
    return [json.loads(gzip.decompress(base64.b64decode(found[key]))) for key in sorted(found)]


def snapshots(cluster: Cluster, *, namespace: str) -> list[JsonObject]:
    """The snapshots in a namespace of the cluster, oldest first."""
    resource = cluster.resource("v1", "ConfigMap")
    if resource is None:
        return []
    found = cluster.list_objects(resource, namespace=namespace, selector=f"{LABEL}=true")
    return sorted(found, key=lambda obj: str(obj["metadata"]["name"]))


def save_crds(cluster: Cluster, live: t.Sequence[JsonObject], *, namespace: str, taken: str) -> str:
    """Keep *live* in a namespace of the cluster, and of all such snapshots the newest; returns its name."""
    resource = cluster.resource("v1", "ConfigMap")
    if resource is None:
        raise ClusterError("the cluster does not serve ConfigMaps")
    wanted = manifest(live, namespace=namespace, taken=taken)
    keep(cluster, wanted)
    for old in snapshots(cluster, namespace=namespace)[:-KEEP]:
        cluster.delete(old, resource=resource, dry_run=False)
    return str(wanted["metadata"]["name"])


def forget(cluster: Cluster, *, namespace: str) -> None:
    """Delete all snapshots in a namespace of the cluster."""
    resource = cluster.resource("v1", "ConfigMap")
    for old in snapshots(cluster, namespace=namespace):
        if resource is not None:
            cluster.delete(old, resource=resource, dry_run=False)


# -- in a file ----------------------------------------------------------------------------------------------------


def save_objects(
    folder: Path,
    *,
    cluster_uid: str,
    taken: str,
    live: t.Sequence[JsonObject],
    changed_to: t.Sequence[JsonObject],
    objects: t.Sequence[JsonObject],
) -> Path:
    """Write CRDs and custom resources to a file of its own in *folder* that only its owner can read; returns it.

    *changed_to* are the new CRDs: a restore has to give back the fields that they do not have.
    """
    content = {
        "format": _FORMAT,
        "cluster": cluster_uid,
        "taken": taken,
        "crds": [bare_crd(crd) for crd in live],
        "changed_to": [bare_crd(crd) for crd in changed_to],
        "objects": list(objects),
    }
    target = folder / f"crds-{cluster_uid}-{taken}{_SUFFIX}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A temporary file is made for its owner only, and is there as a whole under its name or not at all.
        handle, partial = tempfile.mkstemp(dir=folder, prefix=".crds-")
        with os.fdopen(handle, "wb") as sink:
            sink.write(gzip.compress(json.dumps(content).encode()))
            sink.flush()
            os.fsync(sink.fileno())
        Path(partial).replace(target)
    except OSError as error:
        raise ClusterError(f"the snapshot cannot be written to {folder}: {error}. The CRDs are unchanged") from error
    return target


def read_file(path: Path) -> Snapshot:
    """The snapshot in a file."""
    try:
        content = json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, ValueError, EOFError) as error:
        raise ClusterError(f"{path} is not a snapshot: {error}") from error
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ClusterError(f"{path} is not a snapshot that this release of the collection can read")
    return Snapshot(
        name=str(path),
        cluster_uid=content["cluster"],
        taken=content["taken"],
        crds=content["crds"],
        changed_to=content["changed_to"],
        objects=content["objects"],
    )


def find_snapshot(cluster: Cluster, name: str, *, namespace: str, cluster_uid: str) -> Snapshot:
    """The snapshot of a file (where *name* has a slash), or of that name in a namespace of the cluster.

    Raises ClusterError if there is none, or if it is of another cluster.
    """
    if "/" in name:
        found = read_file(Path(name).expanduser())
        if found.cluster_uid != cluster_uid:
            raise ClusterError(f"{name} is of another cluster (kube-system has the UID {found.cluster_uid} there)")
        return found
    there = {obj["metadata"]["name"]: obj for obj in snapshots(cluster, namespace=namespace)}
    if name not in there:
        listed = ", ".join(there) or "none"
        raise ClusterError(f"there is no snapshot {name} in the namespace {namespace}; there are: {listed}")
    config_map = there[name]
    return Snapshot(name=name, cluster_uid=cluster_uid, taken=config_map["data"]["taken"], crds=unpack(config_map))
