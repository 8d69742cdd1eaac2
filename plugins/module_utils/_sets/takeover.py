# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rewriting who owns the fields of an object: one request, before the first apply of it or when we let it go."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import TAKEN_OVER
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import adoption
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import (
    Owner,
    taken_over,
    without_us,
)

JsonObject = dict[str, t.Any]

# A controller that writes status all the time moves the resourceVersion under us.
ATTEMPTS = 10


def take_over(cluster: Cluster, live: JsonObject, *, owners: t.Collection[Owner], resource: Resource) -> JsonObject:
    """Make the fields of *owners* ours on the server; returns the object as it was, with these fields as ours.

    Raises ApiError: a 409 after many attempts, a 404 where the object is gone.
    """
    return rewrite(cluster, live, change=lambda state: taken_over(state, owners=owners), resource=resource)


def give_up(cluster: Cluster, live: JsonObject, *, resource: Resource) -> None:
    """Give up what we own: our fields go and those of others stay; where that cannot be, only our marks go.

    What was taken over from another tool is what the object consists of, and an object may need a field that is ours.
    Raises ApiError as take_over does.
    """
    if adoption(live) != TAKEN_OVER:
        # With the uid of what was seen: without it an object that went meanwhile would be made again, empty.
        metadata = {name: live["metadata"][name] for name in ("name", "namespace", "uid") if name in live["metadata"]}
        bare = {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata}
        try:
            cluster.apply(bare, resource=resource, dry_run=False, force=False)
        except ApiError as error:
            if error.status != 422:
                raise
        else:
            return
    rewrite(cluster, live, change=without_us, resource=resource)


def rewrite(
    cluster: Cluster, live: JsonObject, *, change: t.Callable[[JsonObject], JsonObject], resource: Resource
) -> JsonObject:
    """Give an object the metadata that *change* makes of it, and return that, unless somebody writes in between."""
    metadata = live["metadata"]
    path = resource.path(namespace=metadata.get("namespace"), name=metadata["name"])
    for attempt in range(1, ATTEMPTS + 1):
        wanted = change(live)
        patch = [
            {"op": "replace", "path": f"/metadata/{name}", "value": wanted["metadata"][name]}
            for name in ("managedFields", "labels", "annotations")
            if wanted["metadata"].get(name) != live["metadata"].get(name)
        ]
        # Not a test operation: this one is answered with 409, a failed test with 422.
        version = {"op": "replace", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]}
        try:
            cluster.request("PATCH", path, body=[*patch, version], content_type="application/json-patch+json")
        except ApiError as error:
            if error.status != 409 or attempt == ATTEMPTS:
                raise
            live = cluster.request("GET", path)[1]
            continue
        return wanted
    raise AssertionError("the last attempt returns or raises")
