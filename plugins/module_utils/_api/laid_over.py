# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster as it will be: what is read from it, with the changes that a run would make laid over it. Never written."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import (
    Key,
    guess_plural,
    key_of,
    url_path,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import Patience
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.selecting import chosen

JsonObject = dict[str, t.Any]
# The object of a key after the run, None for none; *live* is what is there now, None for nothing.
After: t.TypeAlias = "t.Callable[[Key, JsonObject | None], JsonObject | None]"

_READS = frozenset({"GET", "HEAD"})


class LaidOver(Cluster):
    """The cluster after a run that wants the objects *wanted*, and of which *after* says what becomes of each object.

    Objects are read only when they are asked for, with the rights that this takes anyway.
    """

    def __init__(self, cluster: Cluster, *, wanted: t.Iterable[JsonObject], after: After) -> None:
        super().__init__(connection=cluster.connection)
        self._after = after
        self._wanted = {key_of(obj): obj for obj in wanted}
        self._paths = {_path_of(obj): key for key, obj in self._wanted.items()}
        # Of what was read the objects that the run would make or change.
        self.changed: set[Key] = set()

    def request(self, method: str, path: str, *, fenced: bool = True, **sent: t.Any) -> tuple[int, JsonObject]:
        """Send a read; a write is a fault of the caller."""
        if method not in _READS:
            raise ClusterError(f"{method} {path}: a cluster that is only looked at is not written to")
        return super().request(method, path, fenced=fenced, **sent)

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """The served resource of a kind; one that the run needs is there after it."""
        served = super().resource(api_version, kind)
        if served is not None:
            return served
        wanted = next(
            (obj for obj in self._wanted.values() if (obj["apiVersion"], obj["kind"]) == (api_version, kind)), None
        )
        if wanted is None:
            return None
        return Resource(
            api_version=api_version,
            kind=kind,
            plural=guess_plural(kind),
            namespaced=bool(wanted["metadata"].get("namespace")),
            verbs=frozenset({"create", "get", "list"}),
        )

    def find(self, path: str, *, patience: Patience | None = None) -> JsonObject | None:
        """The object at *path* after the run; None if there is none."""
        live = super().find(path, patience=patience)
        if live is not None and not (live.get("metadata") or {}).get("name"):
            # Not an object: a list, or what discovery says.
            return live
        key = self._paths.get(path) or (None if live is None else key_of(live))
        return live if key is None else self._changed(key, live)

    def list_objects(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        selector: str | None = None,
        fields: str | None = None,
    ) -> list[JsonObject]:
        """All objects of a kind after the run."""
        wanted = self._keys(resource, namespace)
        live: list[JsonObject] = []
        if super().resource(resource.api_version, resource.kind) is not None:
            # A change may make the selector fit, or no longer fit.
            live = super().list_objects(
                resource, namespace=namespace, selector=None if wanted else selector, fields=fields
            )
        found = {key_of(obj): obj for obj in live}
        after = [self._changed(key, found.get(key)) for key in dict.fromkeys((*found, *wanted))]
        objects = [obj for obj in after if obj is not None]
        return chosen(objects, selector=selector, fields=fields) if wanted else objects

    def list_metadata(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        selector: str = "",
        patience: Patience | None = None,
    ) -> list[JsonObject]:
        """All objects of a kind after the run, their metadata only."""
        wanted = self._keys(resource, namespace)
        live: list[JsonObject] = []
        if super().resource(resource.api_version, resource.kind) is not None:
            live = super().list_metadata(
                resource, namespace=namespace, selector="" if wanted else selector, patience=patience
            )
        found = {key_of(obj): obj for obj in live}
        after = [self._after(key, found.get(key)) for key in dict.fromkeys((*found, *wanted))]
        objects = [metadata_of(obj) for obj in after if obj is not None]
        return chosen(objects, selector=selector, fields=None) if wanted else objects

    def _keys(self, resource: Resource, namespace: str | None) -> list[Key]:
        kind = (resource.group, resource.kind)
        return [
            key
            for key in self._wanted
            if (key.group, key.kind) == kind and (namespace is None or key.namespace == namespace)
        ]

    def _changed(self, key: Key, live: JsonObject | None) -> JsonObject | None:
        after = self._after(key, live)
        if after is not live:
            self.changed.add(key)
        return after


def metadata_of(obj: JsonObject) -> JsonObject:
    """What names an object, and its metadata."""
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": obj["metadata"]}


def _path_of(obj: JsonObject) -> str:
    metadata = obj["metadata"]
    plural = guess_plural(obj["kind"])
    return url_path(obj["apiVersion"], plural, namespace=metadata.get("namespace"), name=metadata["name"])
