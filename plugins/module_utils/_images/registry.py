# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks registries for digests and tags, by the HTTP API of https://github.com/opencontainers/distribution-spec.

Only the head of a manifest, or the list of tags, is asked for; no image is read. Of several platforms the digest is
that of their common index, which is what nodes note as the image's digest.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import typing as t
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit

from ansible.module_utils.urls import open_url
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.reference import (
    DEFAULT_REGISTRY,
    Reference,
    digest_problem,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

TIMEOUT = 20
# An image is an index of those for each platform, or the only one; both in the forms of OCI and of Docker.
ACCEPT = (
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)
_DIGEST_HEADER = "docker-content-digest"
_GOOD = 200
_ABSENT = 404
_UNAUTHORIZED = 401
# Where docker.io answers, and how credentials files call it.
_HOSTS = {DEFAULT_REGISTRY: "registry-1.docker.io"}
_OTHER_KEYS = {DEFAULT_REGISTRY: ("index.docker.io", "registry-1.docker.io")}
# So many pages of tags are read, of a hundred or more each.
PAGES = 100
_NEXT_PAGE = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class RegistryError(Exception):
    """A registry gave no answer that can be used; the text says which and why."""


@dataclass(frozen=True, kw_only=True)
class Registries:
    """How registries are asked.

    *credentials* are headers of Basic authentication by registry. *plain_http* are registries without TLS. *ca_cert* is
    a file of authorities beside those of the system.
    """

    credentials: Mapping[str, str] = field(default_factory=dict)
    plain_http: frozenset[str] = frozenset()
    ca_cert: Path | None = None

    def digest(self, image: Reference) -> str | None:
        """The digest of *image*, None if its registry does not have it; raises RegistryError."""
        url = self._manifest_url(image)
        try:
            answer, authorization = self._permitted("HEAD", url, image=image)
            if answer.status == _ABSENT:
                return None
            if answer.status != _GOOD:
                raise RegistryError(f"{image}: {image.registry} answers HTTP {answer.status}{_hint(answer.status)}")
            found = answer.headers.get(_DIGEST_HEADER, "")
            if not found:
                body = self._ask("GET", url, authorization=authorization).body
                found = f"sha256:{hashlib.sha256(body).hexdigest()}"
        except (OSError, ValueError, HTTPException) as error:
            raise RegistryError(f"{image}: {image.registry} cannot be asked: {error}") from error
        problem = digest_problem(found)
        if problem is not None:
            raise RegistryError(f"{image}: {image.registry} answers with a digest that is not one: {problem}")
        return found

    def sizes(self, image: Reference, *, architecture: str) -> dict[str, int] | None:
        """The bytes of each part of *image* by its digest, None if its registry does not have it.

        Of an image for several platforms it is the one for Linux on *architecture*. Raises RegistryError.
        """
        manifest = self._manifest(image)
        if manifest is not None and isinstance(manifest.get("manifests"), list):
            fitting = [one for one in manifest["manifests"] if _is_for(one, architecture)]
            if not fitting:
                raise RegistryError(f"{image}: {image.registry} has no image for linux/{architecture}")
            manifest = self._manifest(replace(image, digest=str(fitting[0].get("digest"))))
        if manifest is None:
            return None
        try:
            parts = [manifest["config"], *manifest["layers"]]
            return {str(part["digest"]): int(part["size"]) for part in parts}
        except (KeyError, TypeError, ValueError) as error:
            raise RegistryError(
                f"{image}: {image.registry} answers with what is not the manifest of an image"
            ) from error

    def _manifest(self, image: Reference) -> dict[str, t.Any] | None:
        url = self._manifest_url(image)
        try:
            answer, _authorization = self._permitted("GET", url, image=image)
            if answer.status == _ABSENT:
                return None
            if answer.status != _GOOD:
                raise RegistryError(f"{image}: {image.registry} answers HTTP {answer.status}{_hint(answer.status)}")
            found = json.loads(answer.body)
        except (OSError, ValueError, HTTPException) as error:
            raise RegistryError(f"{image}: {image.registry} cannot be asked: {error}") from error
        if not isinstance(found, dict):
            raise RegistryError(f"{image}: {image.registry} answers with what is not a manifest")
        return found

    def _manifest_url(self, image: Reference) -> str:
        host = _HOSTS.get(image.registry, image.registry)
        return f"{self._scheme(image)}://{host}/v2/{image.repository}/manifests/{image.pulled}"

    def tags(self, image: Reference) -> tuple[str, ...]:
        """All tags of the repository of *image*, in the registry's order; raises RegistryError."""
        host = f"{self._scheme(image)}://{_HOSTS.get(image.registry, image.registry)}"
        path, found = f"/v2/{image.repository}/tags/list", list[str]()
        try:
            for _page in range(PAGES):
                answer, _authorization = self._permitted("GET", host + path, image=image)
                if answer.status != _GOOD:
                    raise RegistryError(
                        f"{image.name}: {image.registry} answers HTTP {answer.status}{_hint(answer.status)}"
                    )
                given = json.loads(answer.body)
                tags = given.get("tags") if isinstance(given, dict) else None
                found += [str(tag) for tag in (tags if isinstance(tags, list) else ())]
                following = _NEXT_PAGE.search(answer.headers.get("link", ""))
                if following is None:
                    return tuple(found)
                path = following[1].removeprefix(host)
                if not path.startswith("/v2/"):
                    # Another host would get the credentials.
                    raise RegistryError(f"{image.name}: {image.registry} says that more tags are elsewhere: {path}")
        except (OSError, ValueError, HTTPException) as error:
            raise RegistryError(f"{image.name}: {image.registry} cannot be asked: {error}") from error
        raise RegistryError(f"{image.name}: {image.registry} has more than {PAGES} pages of tags")

    def _scheme(self, image: Reference) -> str:
        return "http" if image.registry in self.plain_http else "https"

    def _permitted(self, method: str, url: str, *, image: Reference) -> tuple[_Answer, str]:
        """What a registry answers, and the header of authorization with which it does."""
        basic = self.credentials.get(image.registry, "")
        answer = self._ask(method, url, authorization=basic)
        challenge = answer.headers.get("www-authenticate", "")
        if answer.status != _UNAUTHORIZED or not challenge.lower().startswith("bearer "):
            return answer, basic
        bearer = f"Bearer {self._token(challenge, image=image, basic=basic)}"
        return self._ask(method, url, authorization=bearer), bearer

    def _ask(self, method: str, url: str, *, authorization: str) -> _Answer:
        """One request. No redirect is followed: it could carry credentials elsewhere."""
        headers = {"Accept": ACCEPT, **({"Authorization": authorization} if authorization else {})}
        try:
            with open_url(
                url,
                method=method,
                headers=headers,
                timeout=TIMEOUT,
                follow_redirects="none",
                ca_path=None if self.ca_cert is None else str(self.ca_cert),
            ) as answer:
                return _Answer(status=answer.status, headers=_lower(answer.headers), body=answer.read())
        except HTTPError as error:
            with error:
                return _Answer(status=error.code, headers=_lower(error.headers), body=b"")

    def _token(self, challenge: str, *, image: Reference, basic: str) -> str:
        """A token for reading *image*, from the service that the registry's *challenge* names."""
        given = dict(_PARAMETER.findall(challenge))
        realm = given.get("realm", "")
        if urlsplit(realm).scheme != "https" and image.registry not in self.plain_http:
            raise RegistryError(f"{image}: {image.registry} names a token service without TLS: {realm!r}")
        query = {"scope": f"repository:{image.repository}:pull"}
        if "service" in given:
            query["service"] = given["service"]
        sign = "&" if "?" in realm else "?"
        answer = self._ask("GET", f"{realm}{sign}{urlencode(query)}", authorization=basic)
        if answer.status != _GOOD:
            raise RegistryError(
                f"{image}: the token service of {image.registry} answers HTTP {answer.status}{_hint(_UNAUTHORIZED)}"
            )
        token = json.loads(answer.body)
        found = (token.get("token") or token.get("access_token")) if isinstance(token, dict) else None
        if not isinstance(found, str):
            raise RegistryError(f"{image}: the token service of {image.registry} gives no token")
        return found


@dataclass(frozen=True, kw_only=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def _is_for(entry: t.Any, architecture: str) -> bool:
    platform = entry.get("platform") if isinstance(entry, dict) else None
    return isinstance(platform, dict) and (platform.get("os"), platform.get("architecture")) == ("linux", architecture)


def _lower(headers: t.Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _hint(status: int) -> str:
    return "; give credentials_file, or other credentials in it" if status in (_UNAUTHORIZED, 403) else ""


def read_credentials(path: Path | None) -> dict[str, str]:
    """The headers of Basic authentication by registry, of a file as ``docker login`` and ``podman login`` write it.

    That is also what a Secret of the type kubernetes.io/dockerconfigjson holds. Raises InputError, without any value.
    """
    if path is None:
        return {}
    try:
        whole = json.loads(path.read_bytes())
        entries = whole["auths"].items()
        found = {_registry_of(name): _basic(entry) for name, entry in entries}
    except OSError as error:
        raise InputError("credentials_file", f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            "credentials_file",
            f'{path} must be JSON like {{"auths": {{"registry.example.com": {{"auth": "..."}}}}}}',
        ) from error
    for registry, others in _OTHER_KEYS.items():
        for other in others:
            if other in found:
                found.setdefault(registry, found[other])
    return found


def _registry_of(name: str) -> str:
    """The registry that a credentials file means: some programs write an address."""
    return name.partition("://")[2].partition("/")[0] if "://" in name else name.partition("/")[0]


def _basic(entry: Mapping[str, str]) -> str:
    encoded = entry.get("auth") or base64.b64encode(f"{entry['username']}:{entry['password']}".encode()).decode()
    base64.b64decode(encoded, validate=True)
    return f"Basic {encoded}"
