"""Every request reaches the cluster that its host names, and a cluster that cannot be used stops only itself."""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import json
import ssl
import subprocess
import threading
import typing as t
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from promlab.controlplane import ADMIN_TOKEN, ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import APART, LOCAL
from tests.integration.support.playbook import CHECKOUT, ENVIRONMENTS, Run
from tests.suite.in_full import representative

JsonObject = dict[str, t.Any]
Playbook = Callable[..., Run]
LOOKUPS = CHECKOUT / "tests/integration/lookups"
INFO = "promfleet.monitoring.cluster_info"
ANSWERS: JsonObject = {
    "/api/v1/namespaces/kube-system": {"metadata": {"uid": ""}},
    "/version": {"gitVersion": "v1.36.3"},
}


@dataclass(kw_only=True)
class StandIn:
    """As much of an API server as cluster_info asks, which remembers who asked what."""

    name: str
    url: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)
    redirect: str = ""

    def kubeconfig(self, path: Path, *, token: str) -> Path:
        content = {
            "current-context": self.name,
            "contexts": [{"name": self.name, "context": {"cluster": self.name, "user": self.name}}],
            "clusters": [{"name": self.name, "cluster": {"server": self.url}}],
            "users": [{"name": self.name, "user": {"token": token}}],
        }
        path.write_text(json.dumps(content))
        return path


@contextlib.contextmanager
def serving(name: str, *, tls: ssl.SSLContext | None = None) -> Iterator[StandIn]:
    """A stand-in on loopback, with TLS where there is a context for it."""
    stand_in = StandIn(name=name)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stand_in.seen.append((self.path, self.headers.get("Authorization") or ""))
            if stand_in.redirect:
                self.send_response(307)
                self.send_header("Location", stand_in.redirect + self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            found = json.loads(json.dumps(ANSWERS.get(self.path, {})))
            if "metadata" in found:
                found["metadata"]["uid"] = stand_in.name
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: t.Any) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    stand_in.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def servers() -> Iterator[tuple[StandIn, StandIn]]:
    with serving("edge") as edge, serving("other") as other:
        yield edge, other


@pytest.mark.parametrize("prefix", representative(ENVIRONMENTS), ids=lambda path: path.name)
@pytest.mark.parametrize("way", [LOCAL, APART], ids=["in the task's process", "in its own process"])
def test_no_poison_leads_a_connection_astray(
    playbook: Playbook, servers: tuple[StandIn, StandIn], tmp_path: Path, way: JsonObject, prefix: Path
) -> None:
    edge, other = servers
    mgmt = other.kubeconfig(tmp_path / "mgmt", token="other-token")
    own = edge.kubeconfig(tmp_path / "own", token="edge-file-token")
    looked_up = "{{ lookup('other_cluster', '" + str(mgmt) + "', 'edge-token') }}"
    tasks = [
        {"name": "By host and a token that a lookup gives", INFO: {"host": edge.url, "api_key": looked_up}},
        {"name": "By kubeconfig", INFO: {"kubeconfig": str(own), "context": "edge"}, "vars": {"poison": looked_up}},
    ]
    play = {"hosts": "all", "gather_facts": False, "tasks": [*tasks, *tasks]}
    env = {
        "ANSIBLE_LOOKUP_PLUGINS": str(LOOKUPS),
        # What a credential of an automation controller, and a shell, leave in the environment.
        "K8S_AUTH_HOST": other.url,
        "K8S_AUTH_API_KEY": "other-token",
        "KUBECONFIG": str(mgmt),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": other.url.rpartition(":")[2],
    }
    run = playbook([play], inventory={"all": {"hosts": {"one": way}}}, env=env, prefix=prefix).require_success()
    assert [result.data["uid"] for result in run.results] == ["edge"] * 4, run.output
    assert other.seen == []
    assert {token for _path, token in edge.seen} == {"Bearer edge-token", "Bearer edge-file-token"}
    assert "edge-token" not in run.output


@pytest.mark.parametrize("way", [LOCAL, APART], ids=["in the task's process", "in its own process"])
def test_the_environment_counts_where_a_host_says_so(
    playbook: Playbook, servers: tuple[StandIn, StandIn], tmp_path: Path, way: JsonObject
) -> None:
    edge, other = servers
    own = edge.kubeconfig(tmp_path / "own", token="edge-file-token")
    both = {"kubeconfig": str(own), "context": "edge", "use_environment": True}
    tasks = [
        {"name": "Environment", INFO: {"use_environment": True}},
        {"name": "Two", INFO: both, "ignore_errors": True},
    ]
    play = {"hosts": "all", "gather_facts": False, "tasks": tasks}
    env = {"K8S_AUTH_HOST": other.url, "K8S_AUTH_API_KEY": "other-token"}
    run = playbook([play], inventory={"all": {"hosts": {"one": way}}}, env=env).require_success()
    asked, refused = run.results
    assert asked.data["uid"] == "other"
    assert {token for _path, token in other.seen} == {"Bearer other-token"}
    assert edge.seen == []
    assert f"host {other.url}" in refused.message
    assert "context edge of kubeconfig" in refused.message
    assert "other-token" not in run.output


def test_a_redirect_never_carries_the_token_along(playbook: Playbook, servers: tuple[StandIn, StandIn]) -> None:
    edge, other = servers
    edge.redirect = other.url
    task = {"name": "Ask", INFO: {"host": edge.url, "api_key": "edge-token"}}
    play = {"hosts": "all", "gather_facts": False, "tasks": [task]}
    run = playbook([play], inventory={"all": {"hosts": {"one": LOCAL}}}).require_success()
    assert run.results[0].data["reachable"] is False
    assert "redirects to another address" in run.results[0].data["reason"]
    assert other.seen == []


# -- certificates that Python 3.13 refuses --------------------------------------------------------------------------

CA = x509.BasicConstraints(ca=True, path_length=None)
SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    extensions: t.Sequence[tuple[x509.ExtensionType, bool]],
    *,
    issuer: str,
    by: ec.EllipticCurvePrivateKey,
) -> bytes:
    """A certificate of *name* with these extensions, each with whether it is critical, signed with the key *by*."""
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in (name, issuer)]
    start = dt.datetime.now(tz=dt.UTC) - dt.timedelta(days=1)
    builder = x509.CertificateBuilder(names[1], names[0], key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(start).not_valid_after(start + dt.timedelta(days=30))
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(by, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@contextlib.contextmanager
def serving_tls(
    folder: Path, *, usage: bool = True, critical: bool = True, authority: bool = True
) -> Iterator[tuple[StandIn, Path]]:
    """A stand-in whose CA has a key *usage* and *critical* constraints, and whose certificate names its *authority*.

    Also gives the file with the CA. Each of these is missing in certificates that Python up to 3.12 accepts.
    """
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _number in range(2))
    own: list[tuple[x509.ExtensionType, bool]] = [
        (CA, critical),
        (x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), False),
        *([(SIGNS, True)] if usage else []),
    ]
    (folder / "ca.crt").write_bytes(certificate("any-ca", ca_key, own, issuer="any-ca", by=ca_key))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (address, False),
        *([(identifier, False)] if authority else []),
    ]
    (folder / "server.crt").write_bytes(certificate("any-server", key, extensions, issuer="any-ca", by=ca_key))
    plain = serialization.NoEncryption()
    (folder / "server.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    with serving("edge", tls=context) as edge:
        yield edge, folder / "ca.crt"


def is_strict(prefix: Path) -> bool:
    """Whether the Python of an environment checks certificates in strict mode."""
    question = "import ssl; print(bool(ssl.create_default_context().verify_flags & ssl.VERIFY_X509_STRICT))"
    return subprocess.check_output([str(prefix / "bin/python"), "-c", question], text=True).strip() == "True"


@pytest.mark.parametrize("prefix", representative(ENVIRONMENTS), ids=lambda path: path.name)
@pytest.mark.parametrize(
    ("lacking", "reason"),
    [
        ({"usage": False}, "CA cert does not include key usage extension"),
        ({"critical": False}, "Basic Constraints of CA cert not marked critical"),
        ({"authority": False}, "Missing Authority Key Identifier"),
        ({}, ""),
    ],
    ids=["no key usage", "constraints not critical", "no key identifier", "right"],
)
def test_a_certificate_that_only_newer_pythons_refuse_is_explained(
    playbook: Playbook, tmp_path: Path, prefix: Path, lacking: dict[str, bool], reason: str
) -> None:
    with serving_tls(tmp_path, **lacking) as (edge, authority):
        task = {"name": "Ask", INFO: {"host": edge.url, "api_key": "edge-token", "ca_cert": str(authority)}}
        play = {"hosts": "all", "gather_facts": False, "tasks": [task]}
        run = playbook([play], inventory={"all": {"hosts": {"one": LOCAL}}}, prefix=prefix).require_success()
    answer = run.results[0].data
    if not reason or not is_strict(prefix):
        assert answer["reachable"] is True, answer["reason"]
        return
    assert answer["reachable"] is False
    assert reason in answer["reason"]
    assert "Since Python 3.13 certificates are checked more strictly" in answer["reason"]
    assert "set ansible_python_interpreter of this host" in answer["reason"]


def test_other_faults_of_certificates_are_not_explained_by_the_python(playbook: Playbook, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with serving_tls(tmp_path) as (edge, _authority), serving_tls(tmp_path / "other") as (_other, foreign):
        task = {"name": "Ask", INFO: {"host": edge.url, "api_key": "edge-token", "ca_cert": str(foreign)}}
        play = {"hosts": "all", "gather_facts": False, "tasks": [task]}
        inventory = {"all": {"hosts": {"one": LOCAL}}}
        run = playbook([play], inventory=inventory, prefix=ENVIRONMENTS[-1]).require_success()
    reason = run.results[0].data["reason"]
    assert "cannot be reached" in reason
    assert "Python" not in reason


# -- one host never stops the others --------------------------------------------------------------------------------


def kubeconfig_of(plane: ControlPlane, path: Path, *, cluster: JsonObject | None = None, user: JsonObject) -> Path:
    """The control plane's kubeconfig with another user, and more about its cluster."""
    content = json.loads(plane.kubeconfig.read_text())
    content["clusters"][0]["cluster"] |= cluster or {}
    content["users"][0]["user"] = user
    path.write_text(json.dumps(content))
    return path


def test_five_broken_hosts_stop_only_themselves(
    playbook: Playbook, plane: ControlPlane, api: Cluster, tmp_path: Path
) -> None:
    helper = tmp_path / "helper"
    helper.write_text('#!/bin/sh\necho \'open https://login.example.com\' >&2\nmkfifo "$0.fifo" && cat "$0.fifo"\n')
    helper.chmod(0o755)
    exec_ = {"apiVersion": "client.authentication.k8s.io/v1", "command": str(helper)}
    context = {"promfleet_context": plane.context}
    files = {
        "waits": kubeconfig_of(plane, tmp_path / "waits", user={"exec": exec_}),
        "tunnel": kubeconfig_of(
            plane, tmp_path / "tunnel", cluster={"proxy-url": "socks5://localhost:1080"}, user={"token": "x"}
        ),
        "expired": kubeconfig_of(plane, tmp_path / "expired", user={"token": "long-gone"}),
    }
    hosts: JsonObject = {
        "good": {**context, "promfleet_kubeconfig": str(plane.kubeconfig)},
        "missing": {**context, "promfleet_kubeconfig": "~/no/such/kubeconfig"},
        "misspelt": {"promfleet_kubeconfig": str(plane.kubeconfig), "promfleet_context": "kind-tset"},
        **{name: {**context, "promfleet_kubeconfig": str(path)} for name, path in files.items()},
    }
    reasons = {
        "missing": "the kubeconfig ~/no/such/kubeconfig does not exist",
        "misspelt": f"has no context 'kind-tset'; its contexts: {plane.context}",
        "waits": f"the login helper '{helper}' of the kubeconfig did not answer within 2 s, and said: open https://login",
        "tunnel": "its proxy socks5://localhost:1080 needs the Python library PySocks",
        "expired": "refused the credentials (401 Unauthorized)",
    }
    inventory = {
        "all": {
            "vars": {
                **LOCAL,
                "promfleet_fleet": "six-hosts",
                "promfleet_wait": False,
                "promfleet_login_timeout": 2,
                "team_monitoring_teams": [{"name": "pay"}],
            },
            "children": {
                "promfleet_central": {"hosts": {"good": hosts["good"]}},
                "promfleet_workers": {"hosts": {name: own for name, own in hosts.items() if name != "good"}},
            },
        }
    }
    try:
        run = playbook("teams", inventory=inventory).require_failure()
        assert api.find("v1", "Namespace", "monitoring-pay") is not None, run.output
        (recap,) = (result.data["msg"] for result in run.results if "Recap" in result.task and "msg" in result.data)
        told = {line.partition(": ")[0]: line.partition(": ")[2] for line in recap}
        assert set(told) == {"good", *reasons}
        assert told["good"].startswith("ok, ")
        for name, reason in reasons.items():
            assert told[name].startswith("LEFT OUT: ")
            assert reason in told[name]
        assert "MODULE FAILURE" not in run.output
        assert "Traceback" not in run.output
        assert ADMIN_TOKEN not in run.output
    finally:
        inventory["all"]["vars"]["team_monitoring_prune"] = True
        playbook("uninstall", inventory=inventory, arguments=["--limit=good"])
