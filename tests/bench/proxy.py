"""The real kube-rbac-proxy in front of a real Prometheus: who reads what, and certificates that change meanwhile.

The proxy starts as its Deployment says; only paths and ports are this machine's. Another Prometheus scrapes through it.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import ipaddress
import json
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from urllib.parse import quote

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.exposed import (
    receiver_objects,
    source_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.receivers import (
    parse_receivers,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import parse_sources
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import parse_teams
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from promlab import build
from promlab.controlplane import ControlPlane
from promlab.locking import locked
from promlab.progress import Progress
from promlab.settings import Lab, from_environment
from promlab.shell import wait_until

JsonObject = dict[str, t.Any]

PROGRAMS = ("kube-rbac-proxy", "prometheus")
CLIENT = "central"
SELECTOR = "edge:one:sum"
WRITE = "/api/v1/write"
FEDERATE = f"/federate?match[]={quote(SELECTOR)}"
SECONDS = 60.0
# kube-rbac-proxy looks at its certificate once a minute, and at the clients' authority when the file changes.
RELOAD_SECONDS = 180.0
INTERVAL_SECONDS = 1
SOURCE: JsonObject = {
    "scheme": "https",
    "tls_config": {"cert": {"secret": "central"}},
    "proxy": {"certificate": {"secret": "edge"}, "client_ca": {"secret": "authority"}, "clients": [CLIENT]},
}


# -- certificates -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate as a file has it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """The key as a file has it."""
        form = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


LOCAL = (x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1")))


def certificate(
    name: str, *, authority: Certificate | None = None, names: t.Sequence[x509.GeneralName] = LOCAL
) -> Certificate:
    """A certificate with this common name, for servers of these *names*; without *authority* it is one itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(tz=dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.certificate.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
    )
    if authority is not None:
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return Certificate(builder.sign(authority.key if authority else key, hashes.SHA256()), key)


def replace(path: Path, data: bytes) -> None:
    """Write a file as a kubelet does: the old one until the new one is whole."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_bytes(data)
    unfinished.replace(path)


# -- processes ----------------------------------------------------------------------------------------------------


def free_ports(number: int) -> list[int]:
    """Ports of loopback that no process listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _port in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


@contextlib.contextmanager
def running(folder: Path, *argv: str | Path) -> Iterator[None]:
    """A program for the time of a with block, with its output in *folder*."""
    log = folder / f"{Path(argv[0]).name}.log"
    with log.open("ab") as sink:
        process = subprocess.Popen([str(word) for word in argv], stdout=sink, stderr=subprocess.STDOUT, cwd=folder)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def prometheus(
    folder: Path, *, lab: Lab, port: int, config: JsonObject, more_flags: t.Sequence[str] = ()
) -> Iterator[None]:
    """A Prometheus with this configuration (JSON is YAML)."""
    folder.mkdir()
    (folder / "prometheus.yml").write_text(json.dumps(config))
    flags = [
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
        *more_flags,
    ]
    with running(folder, lab.bin / "prometheus", *flags):
        until(lambda: get(port, "/-/ready") == 200, "Prometheus is ready")
        yield


def until(condition: t.Callable[[], bool], what: str, *, seconds: float = SECONDS) -> None:
    """Wait for a condition."""

    def holds() -> bool:
        with contextlib.suppress(OSError):
            return condition()
        return False

    assert wait_until(holds, timeout=seconds, interval=0.2), f"not within {seconds:g} s: {what}"


def get(port: int, path: str) -> int:
    """The status of an answer without TLS."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().status


def ask(port: int, query: str) -> list[JsonObject]:
    """The result of an instant query."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", f"/api/v1/query?query={quote(query)}")
        found: list[JsonObject] = json.loads(connection.getresponse().read())["data"]["result"]
        return found


# -- the proxy ----------------------------------------------------------------------------------------------------


class Guarded:
    """A Prometheus behind the proxy, and the files that both sides have."""

    def __init__(self, folder: Path, objects: t.Sequence[JsonObject]) -> None:
        self.folder = folder
        self.objects = objects
        self.port, self.health, self.upstream, self.central = free_ports(4)
        self.authority, self.other = certificate("authority"), certificate("other")
        for name in ("certificate", "client-ca", "config", "central"):
            (folder / name).mkdir()
        self.serve(certificate("edge", authority=self.authority))
        self.trust_clients_of(self.authority)
        self.be(certificate(CLIENT, authority=self.authority))
        self.trust_servers_of(self.authority)

    def serve(self, shown: Certificate) -> None:
        """Give the proxy this certificate."""
        replace(self.folder / "certificate/tls.key", shown.key_pem)
        replace(self.folder / "certificate/tls.crt", shown.pem)

    def trust_clients_of(self, *authorities: Certificate) -> None:
        """Let the proxy take clients of these authorities."""
        replace(self.folder / "client-ca/ca.crt", b"".join(one.pem for one in authorities))

    def be(self, shown: Certificate) -> None:
        """Let the central side show this certificate."""
        replace(self.folder / "central/tls.key", shown.key_pem)
        replace(self.folder / "central/tls.crt", shown.pem)

    def trust_servers_of(self, *authorities: Certificate) -> None:
        """Let the central side take servers of these authorities."""
        replace(self.folder / "central/ca.crt", b"".join(one.pem for one in authorities))

    def arguments(self) -> list[str]:
        """The arguments of the Deployment's container, and its files, with the paths and ports of this machine."""
        (deployment,) = [obj for obj in self.objects if obj["kind"] == "Deployment"]
        template = deployment["spec"]["template"]
        volumes = {volume["name"]: volume for volume in template["spec"]["volumes"]}
        for item in volumes["config"]["downwardAPI"]["items"]:
            name = item["fieldRef"]["fieldPath"].split("'")[1]
            (self.folder / "config" / item["path"]).write_text(template["metadata"]["annotations"][name])
        (container,) = template["spec"]["containers"]
        changed = {
            "--secure-listen-address": f"127.0.0.1:{self.port}",
            "--proxy-endpoints-port": str(self.health),
            "--upstream": f"http://127.0.0.1:{self.upstream}/",
        }
        found = []
        for argument in container["args"]:
            name, _equals, value = argument.partition("=")
            found.append(f"{name}={changed.get(name, value.replace('/etc/kube-rbac-proxy', str(self.folder)))}")
        return found

    def status(self, path: str, shown: Certificate | None, *, method: str = "GET", port: int | None = None) -> int:
        """The status that a client with this certificate gets."""
        context = ssl.create_default_context(cafile=str(self.folder / "central/ca.crt"))
        if shown is not None:
            with tempfile.NamedTemporaryFile(dir=self.folder) as file:
                file.write(shown.pem + shown.key_pem)
                file.flush()
                context.load_cert_chain(file.name)
        connection = HTTPSConnection("127.0.0.1", port or self.port, timeout=10, context=context)
        with contextlib.closing(connection):
            connection.request(method, path)
            return connection.getresponse().status

    def served(self) -> int:
        """The serial number of the certificate that the proxy shows."""
        pem = ssl.get_server_certificate(("127.0.0.1", self.port))
        return x509.load_pem_x509_certificate(pem.encode()).serial_number

    def scrape_config(self) -> JsonObject:
        """How the central side scrapes."""
        files = {"ca_file": "ca.crt", "cert_file": "tls.crt", "key_file": "tls.key"}
        return {
            "job_name": "federation",
            "scrape_interval": f"{INTERVAL_SECONDS}s",
            "scrape_timeout": f"{INTERVAL_SECONDS}s",
            "honor_labels": True,
            "scheme": "https",
            "metrics_path": "/federate",
            "params": {"match[]": [SELECTOR]},
            "tls_config": {name: str(self.folder / "central" / file) for name, file in files.items()},
            "static_configs": [{"targets": [f"127.0.0.1:{self.port}"]}],
        }


def measure(_plane: ControlPlane, *, rounds: int) -> JsonObject:
    """Facts about *rounds* rotations of all certificates; AssertionError where a rule is violated."""
    lab, progress = from_environment(), Progress()
    lab.make()
    with locked(lab.locks, "build", purpose="building", say=progress.say):
        build.build_programs(PROGRAMS, lab=lab, progress=progress)
    folder = Path(tempfile.mkdtemp(prefix="proxy-", dir=lab.work))
    try:
        (folder / "written").mkdir()
        written = _written(Guarded(folder / "written", receiving()), lab=lab)
        return {**_measure(Guarded(folder, reading()), lab=lab, rounds=rounds), **written}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def reading() -> list[JsonObject]:
    """The objects of a source that is read."""
    (source,) = parse_sources([SOURCE], check_match=lambda _text: None)
    return source_objects(source, cluster="edge", namespace="any", replicas=1)


def receiving() -> list[JsonObject]:
    """The objects of an instance that others write to."""
    (team,) = parse_teams([{"name": "any"}], clusters=["hub"])
    given = {"team": "any", "urls": ["https://any.example:9090/api/v1/write"], "proxy": SOURCE["proxy"]}
    ((receiver, _team),) = parse_receivers([given], teams=[team], central_team="any", cluster="hub")
    return receiver_objects(receiver, team="any", namespace="any", replicas=1, prometheus="any")


def _written(guarded: Guarded, *, lab: Lab) -> JsonObject:
    """A Prometheus writes through the proxy with its certificate; no other client does, and nothing else is reached."""
    folder = guarded.folder
    files = {"ca_file": "ca.crt", "cert_file": "tls.crt", "key_file": "tls.key"}
    end = {
        "url": f"https://127.0.0.1:{guarded.port}{WRITE}",
        "tls_config": {name: str(folder / "central" / file) for name, file in files.items()},
    }
    (folder / "rules.yml").write_text(
        json.dumps({"groups": [{"name": "any", "rules": [{"record": SELECTOR, "expr": "vector(1)"}]}]})
    )
    writer = {
        "global": {"evaluation_interval": "1s"},
        "rule_files": [str(folder / "rules.yml")],
        "remote_write": [end],
    }
    receives = ["--web.enable-remote-write-receiver"]
    stranger = certificate("stranger", authority=guarded.authority)
    foreign = certificate(CLIENT, authority=guarded.other)
    client = certificate(CLIENT, authority=guarded.authority)
    with contextlib.ExitStack() as stack:
        stack.enter_context(
            prometheus(folder / "receiver", lab=lab, port=guarded.upstream, config={}, more_flags=receives)
        )
        stack.enter_context(running(folder, lab.bin / "kube-rbac-proxy", *guarded.arguments()))
        until(lambda: guarded.status("/healthz", None, port=guarded.health) == 200, "the proxy is healthy")
        stack.enter_context(prometheus(folder / "writer", lab=lab, port=guarded.central, config=writer))
        until(lambda: bool(ask(guarded.upstream, SELECTOR)), "the series is written")
        expected: dict[tuple[str, str, Certificate | None], range] = {
            # An empty request is none that Prometheus takes; the proxy has let it through.
            ("POST", WRITE, client): range(400, 401),
            # Who is not in the list is asked about, where nothing answers.
            ("POST", WRITE, stranger): range(400, 600),
            ("POST", WRITE, foreign): range(401, 402),
            ("POST", WRITE, None): range(401, 402),
            ("GET", WRITE, client): range(400, 600),
            ("GET", "/-/ready", client): range(200, 201),
            **{
                (method, path, client): range(400, 600)
                for method, path in (("GET", FEDERATE), ("POST", "/api/v1/query"), ("POST", "/-/reload"), ("GET", "/"))
            },
        }
        for (method, path, shown), wanted in expected.items():
            status = guarded.status(path, shown, method=method)
            who = "nobody" if shown is None else shown.certificate.subject.rfc4514_string()
            assert status in wanted, f"{method} {path} by {who}: {status}"
    return {"written": True, "requests_to_write": len(expected)}


def _measure(guarded: Guarded, *, lab: Lab, rounds: int) -> JsonObject:
    folder = guarded.folder
    (folder / "rules.yml").write_text(
        json.dumps({"groups": [{"name": "any", "rules": [{"record": SELECTOR, "expr": "vector(1)"}]}]})
    )
    worker = {"global": {"evaluation_interval": "1s"}, "rule_files": [str(folder / "rules.yml")]}
    central = {"scrape_configs": [guarded.scrape_config()]}
    with contextlib.ExitStack() as stack:
        stack.enter_context(prometheus(folder / "worker", lab=lab, port=guarded.upstream, config=worker))
        stack.enter_context(running(folder, lab.bin / "kube-rbac-proxy", *guarded.arguments()))
        until(lambda: guarded.status("/healthz", None, port=guarded.health) == 200, "the proxy is healthy")
        refused = refusals(guarded)
        started = time.time()
        stack.enter_context(prometheus(folder / "scraper", lab=lab, port=guarded.central, config=central))
        until(lambda: bool(ask(guarded.central, SELECTOR)), "the central side has the series")
        for _number in range(rounds):
            rotate(guarded)
        (missed,) = ask(guarded.central, "count_over_time(up[1h]) - sum_over_time(up[1h])")
        (scrapes,) = ask(guarded.central, "count_over_time(up[1h])")
        seconds = round(time.time() - started)
        assert float(missed["value"][1]) == 0, f"{missed['value'][1]} of {scrapes['value'][1]} scrapes failed"
    return {"requests": refused, "rotations": rounds, "scrapes": int(scrapes["value"][1]), "missed": 0, "s": seconds}


def refusals(guarded: Guarded) -> int:
    """Who reads what; the number of requests."""
    client = certificate(CLIENT, authority=guarded.authority)
    stranger = certificate("stranger", authority=guarded.authority)
    foreign = certificate(CLIENT, authority=guarded.other)
    expected: dict[tuple[str, str, Certificate | None], range] = {
        ("GET", FEDERATE, client): range(200, 201),
        ("GET", "/-/healthy", client): range(200, 201),
        ("GET", "/-/ready", client): range(200, 201),
        # Another client, another authority, no certificate.
        ("GET", FEDERATE, stranger): range(400, 600),
        ("GET", FEDERATE, foreign): range(401, 402),
        ("GET", FEDERATE, None): range(401, 402),
        # Another method, another path, in each spelling.
        ("POST", FEDERATE, client): range(400, 600),
        ("DELETE", "/-/ready", client): range(400, 600),
        **{
            ("GET", path, one): range(300, 600)
            for one in (client, stranger, foreign, None)
            for path in (
                "/",
                "/api/v1/query?query=up",
                "/api/v1/status/config",
                "/metrics",
                "/graph",
                "/federate/",
                "/federate/../api/v1/query?query=up",
                "/federate/..%2fapi/v1/query?query=up",
                "//api/v1/query?query=up",
                "/%2e/api/v1/query?query=up",
                "/-/healthy/../reload",
                "/-/quit",
                "/healthz",
            )
        },
    }
    for (method, path, shown), wanted in expected.items():
        status = guarded.status(path, shown, method=method)
        who = "nobody" if shown is None else shown.certificate.subject.rfc4514_string()
        assert status in wanted, f"{method} {path} by {who}: {status}"
    # The other port has the proxy's own health and nothing of Prometheus.
    for path in (FEDERATE, "/metrics", "/api/v1/query?query=up"):
        assert guarded.status(path, client, port=guarded.health) == 404, path
    return len(expected)


def rotate(guarded: Guarded) -> None:
    """Change authority and certificates of both sides, with an overlap: each side trusts the new ones first."""
    old, new = guarded.authority, certificate("authority")
    guarded.trust_clients_of(old, new)
    guarded.trust_servers_of(old, new)
    client = certificate(CLIENT, authority=new)
    until(lambda: guarded.status(FEDERATE, client) == 200, "clients of both authorities read", seconds=RELOAD_SECONDS)
    guarded.be(client)
    server = certificate("edge", authority=new)
    guarded.serve(server)
    number = server.certificate.serial_number
    until(lambda: guarded.served() == number, "the proxy shows its new certificate", seconds=RELOAD_SECONDS)
    # Connections that are open were made with the old certificates: the proxy takes those until it forgets their
    # authority.
    former = certificate(CLIENT, authority=old)
    guarded.trust_clients_of(new)
    guarded.trust_servers_of(new)
    until(lambda: guarded.status(FEDERATE, former) == 401, "clients of the old one do not", seconds=RELOAD_SECONDS)
    guarded.authority = new
