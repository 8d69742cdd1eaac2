# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Taking an object over from client-side tools: one request more, before the first apply of that object."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.ownership import Owner, taken_over

JsonObject = dict[str, t.Any]

# A controller that writes status all the time moves the resourceVersion under us.
ATTEMPTS = 10


def take_over(cluster: Cluster, live: JsonObject, *, owners: t.Collection[Owner], resource: Resource) -> JsonObject:
    """Make the fields of *owners* ours on the server; returns the object as it was, with these fields as ours.

    Raises ApiError: a 409 after many attempts, a 404 where the object is gone.
    """
    metadata = live["metadata"]
    path = resource.path(namespace=metadata.get("namespace"), name=metadata["name"])
    for attempt in range(1, ATTEMPTS + 1):
        wanted = taken_over(live, owners=owners)
        patch = [
            {"op": "replace", "path": "/metadata/managedFields", "value": wanted["metadata"]["managedFields"]},
            # Not a test operation: this one is answered with 409, a failed test with 422.
            {"op": "replace", "path": "/metadata/resourceVersion", "value": live["metadata"]["resourceVersion"]},
        ]
        try:
            cluster.request("PATCH", path, body=patch, content_type="application/json-patch+json")
        except ApiError as error:
            if error.status != 409 or attempt == ATTEMPTS:
                raise
            live = cluster.request("GET", path)[1]
            continue
        return wanted
    raise AssertionError("the last attempt returns or raises")
