# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the operator says in its log about the objects that a run changed."""

from __future__ import annotations

import datetime as dt
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    COMPONENT_LABEL,
    FIELD_MANAGER,
    MANAGED_BY_LABEL,
)

JsonObject = dict[str, t.Any]

BYTES = 5_000_000
# Seconds around a run in which the operator acts on what it changed.
BEFORE, AFTER = 5.0, 120.0
# Lines for each entry.
LINES = 20
# The pods of every operator of this collection, however many share the work.
_SELECTOR = f"{MANAGED_BY_LABEL}={FIELD_MANAGER},{COMPONENT_LABEL}=controller"
_PODS = Resource(api_version="v1", kind="Pod", plural="pods", namespaced=True, verbs=frozenset({"list"}))


def read_log(cluster: Cluster, *, namespace: str, since: float) -> list[tuple[float, str]]:
    """Times and lines of the log of the operator's pods in *namespace* since a time; raises ApiError."""
    start = dt.datetime.fromtimestamp(since - BEFORE, tz=dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    query = {"timestamps": "true", "sinceTime": start, "limitBytes": BYTES}
    found: list[tuple[float, str]] = []
    for pod in cluster.list_objects(_PODS, namespace=namespace, selector=_SELECTOR):
        path = url_path("v1", "pods", namespace=namespace, name=pod["metadata"]["name"]) + "/log"
        status, data = cluster.send("GET", path, query=query)
        if status >= 300:
            raise ApiError(method="GET", path=path, status=status, body=None, text=data.decode(errors="replace"))
        found += lines_with_times(data.decode(errors="replace"))
    return sorted(found)


def lines_with_times(text: str) -> t.Iterator[tuple[float, str]]:
    """The lines of a log with timestamps; what has none is left out. Pure."""
    for line in text.splitlines():
        stamp, _space, rest = line.partition(" ")
        try:
            yield dt.datetime.fromisoformat(stamp).timestamp(), rest
        except ValueError:
            continue


def beside(entry: JsonObject, log: t.Sequence[tuple[float, str]]) -> JsonObject:
    """An entry with the lines of the log that name one of its objects, from about its time. Pure."""
    keys = {f"{obj['namespace']}/{obj['name']}" for obj in entry["objects"] if obj.get("namespace")}
    lines = [
        line
        for time, line in log
        if entry["started"] - BEFORE <= time <= entry["ended"] + AFTER and any(key in line for key in keys)
    ]
    return {**entry, "operator_log": lines[:LINES]} if lines else entry
