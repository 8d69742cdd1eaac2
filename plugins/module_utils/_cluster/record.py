# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of kinds that a set ever used: a ConfigMap, so that later releases still prune what earlier ones made."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.plan import SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._model.names import common_labels

JsonObject = dict[str, t.Any]

# Every cluster has this namespace, whatever capability came first.
NAMESPACE = "kube-system"
_PREFIX = "promfleet-set-"


def _name(owner: SetId) -> str:
    return _PREFIX + owner.label


def is_record(obj: JsonObject) -> bool:
    """Whether *obj* is the record of a set."""
    metadata = obj["metadata"]
    return bool(
        obj["kind"] == "ConfigMap" and metadata.get("namespace") == NAMESPACE and metadata["name"].startswith(_PREFIX)
    )


def read(cluster: Cluster, *, owner: SetId) -> list[tuple[str, str]]:
    """The recorded (apiVersion, kind) pairs of a set; ConfigMap itself is always one of them."""
    found = cluster.find(f"/api/v1/namespaces/{NAMESPACE}/configmaps/{_name(owner)}") or {}
    try:
        kinds = json.loads((found.get("data") or {}).get("kinds") or "[]")
        return [("v1", "ConfigMap"), *((kind["apiVersion"], kind["kind"]) for kind in kinds)]
    except (ValueError, KeyError, TypeError) as error:
        raise ClusterError(
            f"ConfigMap {NAMESPACE}/{_name(owner)}: data.kinds, the record of kinds that the set used, cannot be read "
            f"({error}). Somebody changed it; delete the ConfigMap, and a run makes it anew from what it applies"
        ) from error


def manifest(*, owner: SetId, kinds: t.Iterable[tuple[str, str]]) -> JsonObject:
    """The record for *kinds*. Pure."""
    listed = [{"apiVersion": api_version, "kind": kind} for api_version, kind in sorted(set(kinds))]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": _name(owner), "namespace": NAMESPACE, "labels": common_labels("promfleet")},
        "data": {"kinds": json.dumps(listed)},
    }
