# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one adapter to kubernetes.core and the kubernetes library: who we are, and plain requests to one API server.

Authentication is kubernetes.core's own (its options, its environment variables, its rules). Everything else speaks JSON
over the connection pool that it made, so that the engine decides what is sent, and how often.
"""

from __future__ import annotations

import json
import socket
import time
import traceback
import typing as t
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from ansible_collections.kubernetes.core.plugins.module_utils.args_common import AUTH_ARG_SPEC as _CORE_AUTH_ARG_SPEC
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.client import get_api_client
from ansible_collections.kubernetes.core.plugins.module_utils.k8s.exceptions import CoreException
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.errors import (
    ApiError,
    ClusterError,
    Unreachable,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._model.names import FIELD_MANAGER

try:
    import urllib3
    from kubernetes.client.exceptions import ApiException
    from kubernetes.config.config_exception import ConfigException

    IMPORT_ERROR: str | None = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

__all__ = ["AUTH_ARG_SPEC", "IMPORT_ERROR", "Cluster", "Resource", "connect"]

JsonObject = dict[str, t.Any]

# kubernetes.core 6.6 no longer hides kubeconfig, which can be the whole content of a file, tokens and all.
AUTH_ARG_SPEC: JsonObject = {**_CORE_AUTH_ARG_SPEC, "kubeconfig": {"type": "raw", "no_log": True}}

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 60.0
# Answers that say "not now": the server did nothing, so the request may be repeated (Kubernetes API conventions).
BUSY = (429, 503)
ATTEMPTS = 6
LIST_LIMIT = 5000
# An aggregated API that cannot give metadata alone gives the objects.
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
MONITORING_VERSIONS = ("monitoring.coreos.com/v1", "monitoring.coreos.com/v1alpha1")


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
        root = f"/api/{self.api_version}" if "/" not in self.api_version else f"/apis/{self.api_version}"
        inside = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{inside}/{self.plural}" + (f"/{name}" if name else "")


def connect(auth: t.Mapping[str, t.Any]) -> Cluster:
    """Connect with kubernetes.core's authentication options (*auth*: option name to value, None where not given).

    Raises Unreachable where the server cannot be reached or refuses the credentials, ClusterError for wrong options.
    """
    # kubernetes.core asks the server for its version while it makes the client and sets no time limit of its own.
    socket.setdefaulttimeout(CONNECT_TIMEOUT)
    try:
        client = get_api_client(**{name: value for name, value in auth.items() if value is not None})
    except ApiException as error:
        raise Unreachable(
            f"the API server refused the request for its version: HTTP {error.status} {error.reason}"
        ) from error
    except urllib3.exceptions.HTTPError as error:
        raise Unreachable(_connection_reason(error)) from error
    except (CoreException, ConfigException, OSError, ValueError) as error:
        raise ClusterError(f"the connection options do not work: {error}") from error
    return Cluster(api_client=client.client.client)


def _connection_reason(error: BaseException) -> str:
    """The innermost reason of urllib3's nested errors, in one line."""
    reason = getattr(error, "reason", None)
    text = str(reason if reason is not None else error)
    return "the API server cannot be reached: " + text.split(">: ", 1)[-1].strip("()'\" ")


class Cluster:
    """Requests to one API server. Safe to use from several threads."""

    def __init__(self, *, api_client: t.Any) -> None:
        self._pool = api_client.rest_client.pool_manager
        self._configuration = api_client.configuration
        self._default_headers = dict(api_client.default_headers)
        self._resources: dict[str, dict[str, Resource] | None] = {}

    @property
    def host(self) -> str:
        """host:port of the API server, for messages."""
        return urlsplit(self._configuration.host).netloc or str(self._configuration.host)

    # -- requests ---------------------------------------------------------------------------------------------

    def _headers(self) -> dict[str, str]:
        headers = {**self._default_headers, "User-Agent": FIELD_MANAGER}
        for setting in self._configuration.auth_settings().values():
            if setting.get("in") == "header" and setting.get("value"):
                headers[setting["key"]] = setting["value"]
        return headers

    def send(
        self,
        method: str,
        path: str,
        *,
        query: t.Mapping[str, t.Any] | None = None,
        body: t.Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> tuple[int, bytes]:
        """Send one request and return status and body. Busy answers and lost connections are retried with a bound."""
        url = self._configuration.host.rstrip("/") + path + (f"?{urlencode(query, doseq=True)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        headers = {**self._headers(), "Accept": accept}
        if data is not None:
            headers["Content-Type"] = content_type
        timeout = urllib3.Timeout(connect=CONNECT_TIMEOUT, read=READ_TIMEOUT)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._pool.request(method, url, body=data, headers=headers, timeout=timeout, retries=False)
            except urllib3.exceptions.HTTPError as error:
                # Apply, delete by uid and reads may all be repeated: a second answer tells the same state.
                if attempt == ATTEMPTS or isinstance(error, urllib3.exceptions.NewConnectionError):
                    raise Unreachable(_connection_reason(error)) from error
                time.sleep(min(0.2 * 2**attempt, 5.0))
                continue
            if answer.status in BUSY and attempt < ATTEMPTS:
                time.sleep(_retry_after(answer.headers.get("Retry-After"), attempt=attempt))
                continue
            return answer.status, answer.data
        raise AssertionError("the last attempt returns or raises")

    def request(
        self,
        method: str,
        path: str,
        *,
        query: t.Mapping[str, t.Any] | None = None,
        body: t.Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> tuple[int, JsonObject]:
        """Send one request, return status and JSON object; raise ApiError for a status of 400 and above."""
        status, data = self.send(method, path, query=query, body=body, content_type=content_type, accept=accept)
        try:
            parsed = json.loads(data) if data else {}
        except ValueError:
            parsed = None
        if status == 401:
            raise Unreachable("the API server refused the credentials (401 Unauthorized): are they expired?")
        if status >= 400 or not isinstance(parsed, dict):
            text = data.decode(errors="replace").strip()
            raise ApiError(
                method=method, path=path, status=status, body=parsed if isinstance(parsed, dict) else None, text=text
            )
        return status, parsed

    def find(self, path: str) -> JsonObject | None:
        """GET *path*; None where there is nothing (404)."""
        try:
            return self.request("GET", path)[1]
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    # -- what is served ---------------------------------------------------------------------------------------

    def resources(self, api_version: str, *, refresh: bool = False) -> dict[str, Resource] | None:
        """The kinds served under *api_version* by kind, or None where this group or version is not served."""
        if refresh or api_version not in self._resources:
            root = f"/api/{api_version}" if "/" not in api_version else f"/apis/{api_version}"
            answer = self.find(root)
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
        return self._resources[api_version]

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """The served resource of a kind, or None where it is not served (its CRD is missing)."""
        return (self.resources(api_version) or {}).get(kind)

    def monitoring_kinds(self) -> list[str]:
        """The operator's custom resources that are served, sorted."""
        return sorted(kind for version in MONITORING_VERSIONS for kind in self.resources(version) or {})

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
        self, resource: Resource, *, namespace: str | None = None, selector: str | None = None
    ) -> list[JsonObject]:
        """All objects of a kind, by pages; a page that is missing or expired is an error, never a shorter list."""
        found: list[JsonObject] = []
        query: dict[str, t.Any] = {"limit": LIST_LIMIT}
        if selector:
            query["labelSelector"] = selector
        while True:
            answer = self.request("GET", resource.path(namespace=namespace), query=query)[1]
            for item in answer.get("items") or []:
                found.append({"apiVersion": resource.api_version, "kind": resource.kind, **item})
            following = (answer.get("metadata") or {}).get("continue")
            if not following:
                return found
            query["continue"] = following

    def list_metadata(self, resource: Resource, *, namespace: str) -> list[JsonObject]:
        """All objects of a kind in a namespace, their metadata only: no value of a Secret leaves the server."""
        found: list[JsonObject] = []
        query: dict[str, t.Any] = {"limit": LIST_LIMIT}
        while True:
            answer = self.request("GET", resource.path(namespace=namespace), query=query, accept=METADATA_LIST)[1]
            for item in answer.get("items") or []:
                found.append({"apiVersion": resource.api_version, "kind": resource.kind, "metadata": item["metadata"]})
            following = (answer.get("metadata") or {}).get("continue")
            if not following:
                return found
            query["continue"] = following

    def apply(self, obj: JsonObject, *, resource: Resource, dry_run: bool, force: bool) -> tuple[int, JsonObject]:
        """Server-side apply of *obj*; returns the status (201 where it was created) and the resulting object."""
        query: dict[str, t.Any] = {
            "fieldManager": FIELD_MANAGER,
            "fieldValidation": "Strict",
            "force": "true" if force else "false",
        }
        if dry_run:
            query["dryRun"] = "All"
        meta = obj["metadata"]
        path = resource.path(namespace=meta.get("namespace"), name=meta["name"])
        return self.request("PATCH", path, query=query, body=obj, content_type="application/apply-patch+yaml")

    def delete(self, obj: JsonObject, *, resource: Resource, dry_run: bool) -> None:
        """Delete the object that was seen (by its uid); one that is gone already is fine."""
        meta = obj["metadata"]
        body: JsonObject = {"propagationPolicy": "Background", "preconditions": {"uid": meta["uid"]}}
        if dry_run:
            body["dryRun"] = ["All"]
        path = resource.path(namespace=meta.get("namespace"), name=meta["name"])
        try:
            self.request("DELETE", path, body=body)
        except ApiError as error:
            if error.status != 404:
                raise


def _retry_after(header: str | None, *, attempt: int) -> float:
    """Seconds to wait: what the server says (bounded), else growing steps."""
    if header and header.isdigit():
        return min(float(header), 30.0)
    return float(min(0.2 * 2**attempt, 5.0))
