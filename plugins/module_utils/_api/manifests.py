# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Giving free-form objects the namespace that they leave out."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of

JsonObject = dict[str, t.Any]


def with_namespace(cluster: Cluster, objects: t.Sequence[JsonObject], *, namespace: str | None) -> list[JsonObject]:
    """*objects* with *namespace* where they are namespaced and name none; raises ClusterError if none is known.

    Objects of one identity that are given twice are an error as well: which one would win?
    """
    completed: list[JsonObject] = []
    for obj in objects:
        resource = cluster.resource(obj["apiVersion"], obj["kind"])
        metadata = obj["metadata"]
        if resource is not None and resource.namespaced and not metadata.get("namespace"):
            if not namespace:
                raise ClusterError(f"{obj['kind']} {metadata['name']} names no namespace, and none is given for all")
            completed.append({**obj, "metadata": {**metadata, "namespace": namespace}})
        else:
            completed.append(obj)
    keys = [key_of(obj) for obj in completed]
    double = sorted({str(key) for key in keys if keys.count(key) > 1})
    if double:
        raise ClusterError(f"given more than once: {', '.join(double)}")
    return completed
