# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of a set: which kinds it ever used, and in which namespaces Secrets.

A ConfigMap, so that later releases still prune what earlier ones made, and so that no run has to look for Secrets in
namespaces where the set has none.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SET_LABEL, common_labels
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId

JsonObject = dict[str, t.Any]

_PREFIX = "promfleet-set-"


def name_of(owner: SetId) -> str:
    """The name of the record of a set. Pure."""
    return _PREFIX + owner.label


def path(owner: SetId, *, namespace: str) -> str:
    """The URL path of the record of a set. Pure."""
    return url_path("v1", "configmaps", namespace=namespace, name=name_of(owner))


def is_record(obj: JsonObject) -> bool:
    """Whether *obj* is the record of a set: the ConfigMap that is called after the label of its set."""
    metadata = obj["metadata"]
    label = (metadata.get("labels") or {}).get(SET_LABEL)
    return bool(obj["kind"] == "ConfigMap" and label and metadata["name"] == _PREFIX + label)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What is recorded of a set; *live* is the record itself, None if there is none yet."""

    live: JsonObject | None
    kinds: tuple[tuple[str, str], ...]
    secret_namespaces: tuple[str, ...]


def read(cluster: Cluster, *, owner: SetId, namespace: str) -> Recorded:
    """The record of a set in *namespace*, empty if there is none."""
    live = cluster.find(path(owner, namespace=namespace))
    data = (live or {}).get("data") or {}
    try:
        kinds = tuple((kind["apiVersion"], kind["kind"]) for kind in json.loads(data.get("kinds") or "[]"))
        namespaces = tuple(str(name) for name in json.loads(data.get("secretNamespaces") or "[]"))
    except (ValueError, KeyError, TypeError) as error:
        raise ClusterError(
            f"ConfigMap {namespace}/{name_of(owner)}: the record of what the set used (data.kinds and "
            f"data.secretNamespaces) cannot be read ({error}). Somebody changed it. Delete the ConfigMap; the next run "
            "creates it again from the objects that it applies"
        ) from error
    return Recorded(
        live=None if live is None else {**live, "apiVersion": "v1", "kind": "ConfigMap"},
        kinds=kinds,
        secret_namespaces=namespaces,
    )


def manifest(
    *, owner: SetId, namespace: str, kinds: t.Iterable[tuple[str, str]], secret_namespaces: t.Iterable[str] = ()
) -> JsonObject:
    """The record in *namespace* for *kinds*, and for the namespaces of the set's Secrets where it has any. Pure."""
    listed = [{"apiVersion": api_version, "kind": kind} for api_version, kind in sorted(set(kinds))]
    data = {"kinds": json.dumps(listed)}
    if namespaces := sorted(set(secret_namespaces)):
        data["secretNamespaces"] = json.dumps(namespaces)
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name_of(owner), "namespace": namespace, "labels": common_labels("promfleet")},
        "data": data,
    }
