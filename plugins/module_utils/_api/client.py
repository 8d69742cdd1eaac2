# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One cluster as its API server shows it: what it serves, its objects, and what is done to them."""

from __future__ import annotations

import os
import threading
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.connection import (
    AUTH_ARG_SPEC,
    Connection,
    open_connection,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of, url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import Patience
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.transport import APPLY, Transport
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    FIELD_MANAGER,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.connection import CREDENTIALS, resolve

JsonObject = dict[str, t.Any]
Taken = t.TypeVar("Taken")

LIST_LIMIT = 5000
# So many seconds one thread waits for what another one asks already.
SHARED_SECONDS = 5.0
# Seconds that a login helper may take.
LOGIN_TIMEOUT = 60.0
# The options by which requests are made as somebody else.
_ACTING = ("impersonate_user", "impersonate_groups")
# A LIST in pages whose place expired (410 Gone) begins again this often.
LIST_ATTEMPTS = 3
# An aggregated API that cannot give metadata alone gives the objects.
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A served resource: where objects of one kind live."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    verbs: frozenset[str]

    @property
    def group(self) -> str:
        """Its API group, empty for the core one."""
        return self.api_version.rpartition("/")[0]

    def path(self, *, namespace: str | None = None, name: str | None = None) -> str:
        """The URL path of the collection (all namespaces where *namespace* is None) or of one object."""
        return url_path(self.api_version, self.plural, namespace=namespace if self.namespaced else None, name=name)


def connect(
    options: t.Mapping[str, t.Any], *, environ: t.Mapping[str, str] | None = None, login_timeout: float = LOGIN_TIMEOUT
) -> Cluster:
    """Connect by authentication options: name to value, None if not given (their names are kubernetes.core's).

    Nothing is sent yet, except by what gets credentials (a login helper, within *login_timeout* seconds): whether the
    server can be reached shows with the first request, within 15 s. *environ* counts where the options ask for it
    (``use_environment``), and for proxies. Raises InputError for options that name no cluster or two, Unreachable for
    what keeps this cluster from being used.
    """
    found = os.environ if environ is None else environ
    own = resolve(options, environ=found, spec=AUTH_ARG_SPEC)
    return Cluster(connection=open_connection(own, environ=found, login_timeout=login_timeout))


def connect_as(
    options: t.Mapping[str, t.Any],
    *,
    token: str,
    user: str = "",
    groups: t.Sequence[str] = (),
    environ: t.Mapping[str, str] | None = None,
) -> Cluster:
    """Connect to the cluster that *options* name as somebody else: the holder of *token*, and of nothing else.

    *user* and *groups*: as whom that account asks the server to act.
    """
    found = os.environ if environ is None else environ
    own = resolve(options, environ=found, spec=AUTH_ARG_SPEC)
    other = {name: value for name, value in own.items() if name not in (*CREDENTIALS, *_ACTING)}
    other |= {"api_key": token, **({"impersonate_user": user, "impersonate_groups": list(groups)} if user else {})}
    return Cluster(connection=open_connection(other, environ=found, login_timeout=LOGIN_TIMEOUT))


class Cluster(Transport):
    """One API server. Safe to use from several threads."""

    def __init__(self, *, connection: Connection) -> None:
        super().__init__(connection=connection)
        self._resources: dict[str, dict[str, Resource] | None] = {}
        self._discovering: dict[str, threading.Lock] = {}

    # -- what is served ---------------------------------------------------------------------------------------

    def resources(
        self, api_version: str, *, refresh: bool = False, patience: Patience | None = None
    ) -> dict[str, Resource] | None:
        """The kinds served under *api_version* by kind, or None if this group or version is not served."""
        lock = self._discovering.setdefault(api_version, threading.Lock())
        # Threads that want to know the same ask once; none waits for ever for one that hangs.
        held = lock.acquire(timeout=SHARED_SECONDS)
        try:
            if refresh or api_version not in self._resources:
                answer = self.find(url_path(api_version), patience=patience)
                self._resources[api_version] = (
                    None
                    if answer is None
                    else {
                        item["kind"]: Resource(
                            api_version=api_version,
                            kind=item["kind"],
                            plural=item["name"],
                            namespaced=item["namespaced"],
                            verbs=frozenset(item.get("verbs") or ()),
                        )
                        for item in answer.get("resources", [])
                        if "/" not in item["name"]
                    }
                )
        finally:
            if held:
                lock.release()
        return self._resources[api_version]

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """The served resource of a kind, or None if it is not served (its CRD is missing)."""
        return (self.resources(api_version) or {}).get(kind)

    def api_versions(self) -> list[str]:
        """Every group/version that the server has: the core group first, in each group the preferred version first.

        The preferred version alone is not enough: it need not have every kind of its group (ScrapeConfig is v1alpha1).
        """
        found = ["v1"]
        for group in self.request("GET", "/apis")[1].get("groups", []):
            preferred = group["preferredVersion"]["groupVersion"]
            found.append(preferred)
            found += [item["groupVersion"] for item in group["versions"] if item["groupVersion"] != preferred]
        return found

    # -- objects ----------------------------------------------------------------------------------------------

    def list_objects(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        selector: str | None = None,
        fields: str | None = None,
    ) -> list[JsonObject]:
        """All objects of a kind, by pages; a page that is missing or expired is an error, never a shorter list.

        *selector* is a label selector, *fields* a field selector.
        """
        return self.list_each(resource, lambda obj: obj, namespace=namespace, selector=selector, fields=fields)

    def list_each(
        self,
        resource: Resource,
        take: t.Callable[[JsonObject], Taken],
        *,
        namespace: str | None = None,
        selector: str | None = None,
        fields: str | None = None,
    ) -> list[Taken]:
        """What *take* makes of each object of a kind, which it gets as soon as that is read; else as `list_objects`.

        Where a page must be asked for again *take* gets its objects again, and what it made of them before is dropped.
        """
        for attempt in range(1, LIST_ATTEMPTS + 1):
            try:
                return self._all_pages(resource, take, namespace=namespace, selector=selector, fields=fields)
            except ApiError as error:
                # The place in the list expired between two pages: what was read so far no longer belongs together.
                if error.status != 410 or attempt == LIST_ATTEMPTS:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _all_pages(
        self,
        resource: Resource,
        take: t.Callable[[JsonObject], Taken],
        *,
        namespace: str | None,
        selector: str | None,
        fields: str | None,
    ) -> list[Taken]:
        def typed(item: JsonObject) -> Taken:
            return take({"apiVersion": resource.api_version, "kind": resource.kind, **item})

        found: list[Taken] = []
        query: dict[str, t.Any] = {"limit": LIST_LIMIT}
        if selector:
            query["labelSelector"] = selector
        if fields:
            query["fieldSelector"] = fields
        path = resource.path(namespace=namespace)
        while True:
            status, answer = self.request("GET", path, query=query, take=typed)
            if "items" not in answer:
                raise ApiError(
                    method="GET", path=path, status=status, body=None, text="the answer is not a list of objects"
                )
            found += answer["items"] or []
            following = (answer.get("metadata") or {}).get("continue")
            if not following:
                return found
            query["continue"] = following

    def list_metadata(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        selector: str = "",
        patience: Patience | None = None,
    ) -> list[JsonObject]:
        """All objects of a kind (of all namespaces where *namespace* is None), their metadata only.

        *selector*: a label selector that they fit.

        No value of a Secret leaves the server.
        """
        found: list[JsonObject] = []
        query: dict[str, t.Any] = {"limit": LIST_LIMIT, **({"labelSelector": selector} if selector else {})}
        path = resource.path(namespace=namespace)
        while True:
            answer = self.request("GET", path, query=query, accept=METADATA_LIST, patience=patience)[1]
            for item in answer.get("items") or []:
                found.append({"apiVersion": resource.api_version, "kind": resource.kind, "metadata": item["metadata"]})
            following = (answer.get("metadata") or {}).get("continue")
            if not following:
                return found
            query["continue"] = following

    def apply(
        self,
        obj: JsonObject,
        *,
        resource: Resource,
        dry_run: bool,
        force: bool,
        about: Key | None = None,
        manager: str = FIELD_MANAGER,
    ) -> tuple[int, JsonObject]:
        """Server-side apply of *obj*; returns the status (201 where it was created) and the resulting object.

        Warnings of the server count as being about *obj*, or about what *about* names.
        """
        query: dict[str, t.Any] = {
            "fieldManager": manager,
            "fieldValidation": "Strict",
            "force": "true" if force else "false",
        }
        if dry_run:
            query["dryRun"] = "All"
        meta = obj["metadata"]
        path = resource.path(namespace=meta.get("namespace"), name=meta["name"])
        return self.request("PATCH", path, query=query, body=obj, content_type=APPLY, about=str(about or key_of(obj)))

    def delete(self, obj: JsonObject, *, resource: Resource, dry_run: bool) -> None:
        """Delete the object that was seen (by its uid); if it no longer exists, that is fine."""
        meta = obj["metadata"]
        body: JsonObject = {"propagationPolicy": "Background", "preconditions": {"uid": meta["uid"]}}
        if dry_run:
            body["dryRun"] = ["All"]
        path = resource.path(namespace=meta.get("namespace"), name=meta["name"])
        try:
            self.request("DELETE", path, body=body, about=str(key_of(obj)))
        except ApiError as error:
            if error.status == 404:
                return
            if error.status == 409:
                live = self.find(path)
                if live is None or live["metadata"]["uid"] != meta["uid"]:
                    return  # ours was deleted, and somebody made a new one with its name
            raise


class Readable(t.Protocol):
    """What gives objects: a cluster, or what is known of one. *patience* is how long it may take to answer."""

    patience: Patience

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """The resource of a kind, None if there is none."""

    def find(self, path: str, *, patience: Patience | None = None) -> JsonObject | None:
        """The object at a URL path, None if there is none."""

    def list_objects(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        selector: str | None = None,
        fields: str | None = None,
    ) -> list[JsonObject]:
        """All objects of a kind."""

    def list_metadata(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        selector: str = "",
        patience: Patience | None = None,
    ) -> list[JsonObject]:
        """All objects of a kind, their metadata only."""

    def forget_loss(self) -> None:
        """Ask again after a request that got no answer."""


def find_object(cluster: Readable, obj: JsonObject) -> JsonObject | None:
    """The live state of *obj*; None if it, or its kind, is not there."""
    resource = cluster.resource(obj["apiVersion"], obj["kind"])
    if resource is None:
        return None
    metadata = obj["metadata"]
    return cluster.find(resource.path(namespace=metadata.get("namespace"), name=metadata["name"]))
