"""How registries are asked for digests: what is sent where, and what each answer means."""

from __future__ import annotations

import hashlib
import json
import threading
import typing as t
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._images import registry
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.reference import parse_reference
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.registry import Registries, RegistryError

BODY = b'{"schemaVersion":2}'
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
BASIC, TOKEN = "Basic dTpw", "Bearer geheim"

# What registries answer for images: one, an index of two, and what is neither.
ONE = {"config": {"digest": "sha256:c", "size": 10}, "layers": [{"digest": "sha256:a", "size": 20}]}
OTHER = f"sha256:{'1' * 64}"
MANIFESTS: dict[str, t.Any] = {
    "one": ONE,
    OTHER: {**ONE, "layers": [{"digest": "sha256:b", "size": 5}, {"digest": "sha256:a", "size": 20}]},
    "several": {
        "manifests": [
            {"digest": "sha256:0", "platform": {"os": "windows", "architecture": "arm64"}},
            {"digest": OTHER, "platform": {"os": "linux", "architecture": "arm64"}},
        ]
    },
    "strange": {"layers": 1},
}


class Handler(BaseHTTPRequestHandler):
    """A registry with a repository for each kind of answer."""

    def do_HEAD(self) -> None:
        self._manifest()

    def do_GET(self) -> None:
        server = t.cast("Server", self.server)
        url = urlsplit(self.path)
        if url.path != "/token":
            self._manifest()
            return
        server.asked.append((self.path, self.headers.get("Authorization", "")))
        query = parse_qs(url.query)
        good = query == {"scope": ["repository:token/a:pull"], "service": ["s"]} and self._has(BASIC)
        self._answer(200 if good else 401, body=json.dumps({"token": "geheim"}).encode() if good else b"")

    def _has(self, authorization: str) -> bool:
        return self.headers.get("Authorization") == authorization

    def _manifest(self) -> None:
        server = t.cast("Server", self.server)
        server.asked.append((self.path, self.headers.get("Authorization", "")))
        kind = self.path.split("/")[2]
        assert "application/vnd.oci.image.index.v1+json" in self.headers["Accept"]
        assert "application/vnd.docker.distribution.manifest.list.v2+json" in self.headers["Accept"]
        realm = f"{server.realm}/token"
        if kind == "absent":
            self._answer(404)
        elif kind == "broken":
            self._answer(500)
        elif kind == "moved":
            self._answer(307, {"Location": "http://127.0.0.1:1/elsewhere"})
        elif kind == "basic" and not self._has(BASIC):
            self._answer(401, {"WWW-Authenticate": 'Basic realm="r"'})
        elif kind == "token" and not self._has(TOKEN):
            self._answer(401, {"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'})
        elif kind == "odd":
            self._answer(200, {"Docker-Content-Digest": "md5:1"})
        elif kind in MANIFESTS:
            self._answer(
                200, body=json.dumps(MANIFESTS[self.path.split("/")[-1] if "sha" in self.path else kind]).encode()
            )
        elif kind == "plain":
            self._answer(200, body=BODY)
        elif self.path.startswith("/v2/tags/"):
            self._tags(self.path.split("/")[3])
        else:
            self._answer(200, {"Docker-Content-Digest": DIGEST}, body=BODY)

    def _tags(self, sort: str) -> None:
        """Two pages of tags, with the address of the second one in each form that registries write."""
        server = t.cast("Server", self.server)
        query = parse_qs(urlsplit(self.path).query)
        second = f"/v2/tags/{sort}/tags/list?last=b"
        links = {"path": second, "whole": server.realm + second, "elsewhere": f"http://127.0.0.1:1{second}"}
        if sort == "none":
            self._answer(200, body=b'{"name": "none", "tags": null}')
        elif sort == "broken":
            self._answer(200, body=b"[")
        elif sort == "endless":
            self._answer(200, {"Link": f'<{self.path}>; rel="next"'}, body=b'{"tags": ["a"]}')
        elif "last" in query:
            self._answer(200, body=b'{"tags": ["c"]}')
        elif sort in links:
            self._answer(200, {"Link": f'<{links[sort]}>; rel="next"'}, body=b'{"tags": ["a", "b"]}')
        else:
            self._answer(404)

    def _answer(self, status: int, headers: dict[str, str] | None = None, *, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Notes what is asked, with which authorization."""

    asked: list[tuple[str, str]]
    realm: str


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as one:
        one.asked = []
        one.realm = f"http://127.0.0.1:{one.server_port}"
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield one
        one.shutdown()
        thread.join()


def ask(server: Server, repository: str, **options: t.Any) -> str | None:
    host = f"127.0.0.1:{server.server_port}"
    registries = Registries(
        plain_http=frozenset({host}),
        credentials={host: BASIC} if options.get("credentials") else {},
    )
    return registries.digest(parse_reference(f"{host}/{repository}:v1"))


def tags(server: Server, repository: str, **options: t.Any) -> tuple[str, ...]:
    host = f"127.0.0.1:{server.server_port}"
    credentials = {host: BASIC} if options.get("credentials") else {}
    registries = Registries(plain_http=frozenset({host}), credentials=credentials)
    return registries.tags(parse_reference(f"{host}/{repository}:v1"))


@pytest.mark.parametrize("sort", ["path", "whole"])
def test_all_pages_of_tags_are_read(server: Server, sort: str) -> None:
    assert tags(server, f"tags/{sort}", credentials=True) == ("a", "b", "c")
    assert {authorization for _path, authorization in server.asked} == {BASIC}


def test_an_image_without_tags(server: Server) -> None:
    assert tags(server, "tags/none") == ()


@pytest.mark.parametrize(
    ("sort", "message"),
    {
        "absent": "answers HTTP 404",
        "broken": "cannot be asked",
        "endless": "has more than 3 pages of tags",
        # Another registry would get the credentials.
        "elsewhere": "says that more tags are elsewhere",
    }.items(),
)
def test_tags_that_cannot_be_had_are_errors(
    server: Server, sort: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "PAGES", 3)
    with pytest.raises(RegistryError, match=rf"^127\.0\.0\.1:\d+/tags/{sort}: .*{message}"):
        tags(server, f"tags/{sort}")


def test_the_registrys_own_digest_counts(server: Server) -> None:
    assert ask(server, "good/a") == DIGEST
    assert server.asked == [("/v2/good/a/manifests/v1", "")]


def test_without_one_it_is_that_of_the_manifest(server: Server) -> None:
    assert ask(server, "plain/a") == DIGEST


def test_an_image_that_is_not_there(server: Server) -> None:
    assert ask(server, "absent/a") is None


def test_basic_authentication(server: Server) -> None:
    assert ask(server, "basic/a", credentials=True) == DIGEST


def test_a_token_is_fetched_with_the_credentials_and_used(server: Server) -> None:
    assert ask(server, "token/a", credentials=True) == DIGEST
    paths = [(urlsplit(path).path, authorization) for path, authorization in server.asked]
    assert paths == [("/v2/token/a/manifests/v1", BASIC), ("/token", BASIC), ("/v2/token/a/manifests/v1", TOKEN)]


@pytest.mark.parametrize(
    ("repository", "message"),
    {
        "broken/a": "answers HTTP 500",
        "basic/a": "answers HTTP 401; give credentials_file",
        "token/a": "the token service of 127.0.0.1:.* answers HTTP 401; give credentials_file",
        # A redirect is not followed: it could carry credentials elsewhere.
        "moved/a": "answers HTTP 307",
        "odd/a": "a digest that is not one: 'md5:1'",
    }.items(),
)
def test_other_answers_are_errors_with_the_image(server: Server, repository: str, message: str) -> None:
    with pytest.raises(RegistryError, match=rf"^127\.0\.0\.1:\d+/{repository}:v1: .*{message}"):
        ask(server, repository)


def test_a_registry_that_does_not_answer() -> None:
    with pytest.raises(RegistryError, match=r"127\.0\.0\.1:1 cannot be asked"):
        Registries(plain_http=frozenset({"127.0.0.1:1"})).digest(parse_reference("127.0.0.1:1/a:1"))


def test_without_tls_only_what_is_named_is_asked(server: Server) -> None:
    image = parse_reference(f"127.0.0.1:{server.server_port}/good/a:v1")
    with pytest.raises(RegistryError, match="cannot be asked"):
        Registries().digest(image)
    assert server.asked == []


def test_credentials_are_never_sent_to_a_token_service_without_tls() -> None:
    registries = Registries(credentials={"r.example": BASIC})
    with pytest.raises(RegistryError, match="names a token service without TLS: 'http://t'"):
        registries._token('Bearer realm="http://t"', image=parse_reference("r.example/a:1"), basic=BASIC)


def test_a_file_of_authorities_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="cannot be asked"):
        Registries(ca_cert=tmp_path / "none").digest(parse_reference("127.0.0.1:1/a:1"))


def sizes(server: Server, repository: str, architecture: str = "arm64") -> dict[str, int] | None:
    host = f"127.0.0.1:{server.server_port}"
    registries = Registries(plain_http=frozenset({host}))
    return registries.sizes(parse_reference(f"{host}/{repository}:v1"), architecture=architecture)


def test_an_image_is_as_large_as_its_parts(server: Server) -> None:
    assert sizes(server, "one/a") == {"sha256:c": 10, "sha256:a": 20}
    assert sizes(server, "absent/a") is None


def test_of_an_image_for_several_platforms_the_one_for_the_nodes_counts(server: Server) -> None:
    assert sizes(server, "several/a") == {"sha256:c": 10, "sha256:b": 5, "sha256:a": 20}
    with pytest.raises(RegistryError, match="has no image for linux/amd64"):
        sizes(server, "several/a", "amd64")


@pytest.mark.parametrize("repository", ["strange/a", "broken/a", "plain/a"])
def test_what_is_no_manifest_of_an_image_has_no_size(server: Server, repository: str) -> None:
    with pytest.raises(RegistryError):
        sizes(server, repository)
