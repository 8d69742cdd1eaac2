"""A cluster as the tests see it: plain requests to its API server, made without any code of the collection."""

from __future__ import annotations

import hashlib
import json
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from kubernetes import config
from kubernetes.client.rest import RESTClientObject

JsonObject = dict[str, t.Any]
Key = tuple[str, str, str]

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
# What others write all the time, whatever we do.
RESTLESS = frozenset(
    {"Event", "Lease", "Node", "Endpoints", "EndpointSlice", "ReplicaSet", "ControllerRevision", "Pod"}
)
THREADS = 4


class ApiError(Exception):
    """The API server answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}: {text[:500]}")
        self.status = status


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A served kind and where its objects live."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool
    listable: bool

    def path(self, namespace: str = "", name: str = "") -> str:
        root = f"/apis/{self.api_version}" if "/" in self.api_version else f"/api/{self.api_version}"
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{inside}/{self.plural}" + (f"/{name}" if name else "")


class Cluster:
    """One cluster by kubeconfig and context."""

    def __init__(self, *, kubeconfig: Path, context: str) -> None:
        self.kubeconfig = kubeconfig
        self.context = context
        client = config.new_client_from_config(config_file=str(kubeconfig), context=context)
        self._host = client.configuration.host
        self._pool = client.rest_client.pool_manager
        # A token, where the context has one instead of a client certificate.
        settings = client.configuration.auth_settings().values()
        self._headers = {item["key"]: item["value"] for item in settings if item["in"] == "header" and item["value"]}

    def bear(self, token: str) -> None:
        """Ask with a token from now on, and with nothing else: a client certificate would count first."""
        client = config.new_client_from_config(config_file=str(self.kubeconfig), context=self.context)
        client.configuration.cert_file = client.configuration.key_file = None
        self._pool = RESTClientObject(client.configuration).pool_manager
        self._headers = {"authorization": f"Bearer {token}"}

    # -- requests -----------------------------------------------------------------------------------------------

    def send(
        self, method: str, path: str, *, query: t.Any = None, body: t.Any = None, content_type: str = "application/json"
    ) -> bytes:
        """Sends one request and returns the answer's body; raises ApiError for a status of 400 and above."""
        url = self._host + path + (f"?{urlencode(query, doseq=True)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers, **({"Content-Type": content_type} if data else {})}
        answer = self._pool.request(method, url, body=data, headers=headers, timeout=30.0)
        if answer.status >= 400:
            raise ApiError(answer.status, answer.data.decode(errors="replace"))
        return bytes(answer.data)

    def request(self, method: str, path: str, **arguments: t.Any) -> JsonObject:
        """The same, with a JSON object as the answer."""
        return dict(json.loads(self.send(method, path, **arguments)))

    # -- kinds --------------------------------------------------------------------------------------------------

    def kinds(self) -> list[Kind]:
        """Every kind that is served, each in the first version of its group that has it, the preferred one first."""
        groups = self.request("GET", "/apis")["groups"]
        versions = ["v1"]
        for group in groups:
            preferred = group["preferredVersion"]["groupVersion"]
            names = [item["groupVersion"] for item in group["versions"]]
            versions += [preferred, *(name for name in names if name != preferred)]
        with ThreadPoolExecutor(THREADS) as pool:
            found = [kind for kinds in pool.map(self._kinds_of, versions) for kind in kinds]
        first = {(kind.api_version.rpartition("/")[0], kind.kind): kind for kind in reversed(found)}
        return list(first.values())

    def _kinds_of(self, api_version: str) -> list[Kind]:
        root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        # A group can go while we look, with its last definition.
        served = self._find(root) or {"resources": []}
        return [
            Kind(
                api_version=api_version,
                kind=item["kind"],
                plural=item["name"],
                namespaced=item["namespaced"],
                listable={"list", "delete"} <= set(item["verbs"]),
            )
            for item in served["resources"]
            if "/" not in item["name"]
        ]

    def _find(self, path: str, *, query: t.Any = None) -> JsonObject | None:
        try:
            return self.request("GET", path, query=query)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def kind(self, api_version: str, kind: str) -> Kind:
        """The served kind; it must be there."""
        return next(found for found in self._kinds_of(api_version) if found.kind == kind)

    # -- objects ------------------------------------------------------------------------------------------------

    def find(self, api_version: str, kind: str, name: str, namespace: str = "") -> JsonObject | None:
        """The object, or None where there is none."""
        return self._find(self.kind(api_version, kind).path(namespace, name))

    def get(self, api_version: str, kind: str, name: str, namespace: str = "") -> JsonObject:
        """The object, which must be there."""
        found = self.find(api_version, kind, name, namespace)
        assert found is not None, f"{kind} {namespace}/{name} does not exist"
        return found

    def list_kind(self, kind: Kind, *, selector: str = "") -> list[JsonObject]:
        """All objects of a kind in all namespaces."""
        query = {"labelSelector": selector} if selector else None
        items = (self._find(kind.path(), query=query) or {}).get("items") or []
        return [{"apiVersion": kind.api_version, "kind": kind.kind, **item} for item in items]

    def list_all(self, *, selector: str = "", without: t.Container[str] = ()) -> list[JsonObject]:
        """All objects of all kinds."""
        kinds = [kind for kind in self.kinds() if kind.listable and kind.kind not in without]
        with ThreadPoolExecutor(THREADS) as pool:
            found = pool.map(lambda kind: self.list_kind(kind, selector=selector), kinds)
            return [obj for objects in found for obj in objects]

    def apply(self, obj: JsonObject, *, manager: str = "someone-else", force: bool = False) -> JsonObject:
        """Applies an object in another manager's name."""
        metadata = obj["metadata"]
        path = self.kind(obj["apiVersion"], obj["kind"]).path(metadata.get("namespace", ""), metadata["name"])
        query = {"fieldManager": manager, "force": str(force).lower()}
        return self.request("PATCH", path, query=query, body=obj, content_type=APPLY)

    def edit(self, api_version: str, kind: str, name: str, patch: JsonObject, *, namespace: str = "") -> JsonObject:
        """Changes an object the way `kubectl edit` does."""
        path = self.kind(api_version, kind).path(namespace, name)
        return self.request("PATCH", path, query={"fieldManager": "kubectl-edit"}, body=patch, content_type=MERGE)

    def delete(self, api_version: str, kind: str, name: str, namespace: str = "") -> None:
        """Deletes an object; one that is not there is fine."""
        try:
            self.send("DELETE", self.kind(api_version, kind).path(namespace, name))
        except ApiError as error:
            if error.status != 404:
                raise

    def delete_namespaces(self, *names: str) -> None:
        """Deletes namespaces and waits until they are gone."""
        there = [name for name in names if self.find("v1", "Namespace", name) is not None]
        for name in there:
            self.delete("v1", "Namespace", name)
        for name in there:
            self.wait_until(partial(self._is_gone, name), f"namespace {name} is gone")

    def _is_gone(self, namespace: str) -> bool:
        return self.find("v1", "Namespace", namespace) is None

    def wait_until(self, condition: t.Callable[[], bool], what: str, *, timeout: float = 90) -> None:
        """Waits on a condition; fails the test when it does not come true."""
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f"{self.context}: not within {timeout:.0f} s: {what}"
            time.sleep(0.5)

    # -- what is there ------------------------------------------------------------------------------------------

    def snapshot(self) -> dict[Key, str]:
        """A fingerprint of each object that nobody but a writer would change: two equal snapshots mean no write.

        What an earlier test deleted may be on its way out still: namespaces that end are left out, with all in them.
        """
        found = list(self.list_all(without=RESTLESS))
        ending = {obj["metadata"]["name"] for obj in found if _is_ending(obj) and obj["kind"] == "Namespace"}
        return {
            key_of(obj): _fingerprint(obj)
            for obj in found
            if not _is_ending(obj) and obj["metadata"].get("namespace") not in ending
        }


def key_of(obj: JsonObject) -> Key:
    """Kind, namespace and name."""
    return obj["kind"], obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def described(obj: JsonObject) -> str:
    """An object as messages name it."""
    kind, namespace, name = key_of(obj)
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def _is_ending(obj: JsonObject) -> bool:
    return "deletionTimestamp" in obj["metadata"]


def _fingerprint(obj: JsonObject) -> str:
    metadata = {
        name: value for name, value in obj["metadata"].items() if name not in ("resourceVersion", "managedFields")
    }
    rest = {name: value for name, value in obj.items() if name not in ("status", "metadata")}
    return hashlib.sha256(json.dumps([metadata, rest], sort_keys=True).encode()).hexdigest()
