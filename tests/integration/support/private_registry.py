"""A registry as companies have it: a certificate of their own authority, accounts, and a log of who read what.

Behind it is `crane registry serve`, on loopback, which is written to without any of that.
"""

from __future__ import annotations

import base64
import datetime as dt
import http.client
import ipaddress
import json
import re
import shutil
import ssl
import subprocess
import threading
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

JsonObject = dict[str, t.Any]

USER, PASSWORD = "puller", "not-a-secret"
_MANIFEST = re.compile(r"/v2/(.+)/manifests/(.+)")


@dataclass(frozen=True, kw_only=True)
class Read:
    """One manifest that a *client*, by its address, got: the *repository* and the *digest* of the content."""

    client: str
    repository: str
    digest: str


@dataclass(kw_only=True)
class PrivateRegistry:
    """A registry that is up. *inside* is its address for pushing, without TLS; *reads* grows as it is read."""

    address: str
    inside: str
    ca: Path
    credentials: Path
    reads: list[Read] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @property
    def pull_secret(self) -> JsonObject:
        """The data of a Secret with which pods may read it."""
        encoded = base64.b64encode(self.credentials.read_bytes()).decode()
        return {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": encoded}}


@contextmanager
def loopback_registry(crane: Path, folder: Path) -> Iterator[str]:
    """A registry on loopback that keeps its images in *folder*, and ends with the block; its address."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [str(crane), "registry", "serve", "--address=127.0.0.1:0", f"--disk={folder}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            # It says where it listens before it answers.
            for line in process.stderr:
                found = re.search(r"serving on port (\d+)|127\.0\.0\.1:(\d+)", line)
                if found:
                    # Else it would stop at a full pipe.
                    threading.Thread(target=process.stderr.read, daemon=True).start()
                    yield f"127.0.0.1:{found[1] or found[2]}"
                    break
            else:
                pytest.fail("the registry did not say where it listens")
        finally:
            process.terminate()


@contextmanager
def private_registry(crane: Path, folder: Path, *, host: str, port: int) -> Iterator[PrivateRegistry]:
    """A registry at *host*, an address of this machine, until the block ends; *folder* keeps its images."""
    folder.mkdir(parents=True, exist_ok=True)
    with loopback_registry(crane, folder / "images") as inside:
        chain, key = _certificate(folder, host)
        address = f"{host}:{port}"
        credentials = folder / "credentials.json"
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        credentials.write_text(json.dumps({"auths": {address: {"auth": basic}}}), encoding="utf-8")
        registry = PrivateRegistry(address=address, inside=inside, ca=folder / "ca.pem", credentials=credentials)
        server = ThreadingHTTPServer(("0.0.0.0", port), _handler(registry, f"Basic {basic}"))  # noqa: S104 - for nodes
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield registry
        finally:
            server.shutdown()
            server.server_close()


def _handler(registry: PrivateRegistry, authorization: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_HEAD(self) -> None:
            self._answer()

        def _answer(self) -> None:
            if self.headers.get("Authorization") != authorization:
                registry.refused.append(self.path)
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="registry"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            behind = http.client.HTTPConnection(registry.inside, timeout=60)
            accept = {"Accept": accepted} if (accepted := self.headers.get("Accept")) else {}
            behind.request(self.command, self.path, headers=accept)
            answer = behind.getresponse()
            found = _MANIFEST.fullmatch(self.path)
            digest = answer.headers.get("Docker-Content-Digest", "")
            if found and self.command == "GET" and answer.status == 200:
                registry.reads.append(Read(client=self.client_address[0], repository=found[1], digest=digest))
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                    self.send_header(name, value)
            if "Content-Length" not in answer.headers:
                self.send_header("Connection", "close")
            self.end_headers()
            shutil.copyfileobj(answer, self.wfile)
            behind.close()

        def log_message(self, *_arguments: object) -> None:
            """Reads are noted, not printed."""

    return Handler


def _certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A certificate for an address and its key; the authority that signed it is beside them, the same every time."""
    paths = {name: folder / f"{name}.pem" for name in ("ca", "server", "key")}
    if not all(path.exists() for path in paths.values()):
        own, key = (ec.generate_private_key(ec.SECP256R1()) for _each in range(2))
        name = _name("Registry authority of the tests")
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        authority = (
            _builder(name, name, own.public_key())
            .add_extension(constraints, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
            .add_extension(_usage(signs=True), critical=True)
            .sign(own, hashes.SHA256())
        )
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))])
        server = (
            _builder(_name("registry"), name, key.public_key())
            .add_extension(names, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own.public_key()), critical=False)
            .add_extension(_usage(signs=False), critical=True)
            .sign(own, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        form = serialization.PrivateFormat.PKCS8
        paths["ca"].write_bytes(authority.public_bytes(pem))
        paths["server"].write_bytes(server.public_bytes(pem))
        paths["key"].write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    return paths["server"], paths["key"]


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(tz=dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=30))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
