"""Proves federation at the addresses of a load balancer, while certificates, authorities and passwords change.

On the worker MetalLB gives Services of type LoadBalancer their addresses, and announces them by ARP. The central side
reads one source that the collection exposes so, one behind the collection's own proxy with cert-manager's certificates,
and one that was there already: with TLS, certificates of clients and a password. While it does, cert-manager renews its
certificates, and of the other both certificates, both authorities and the password are replaced. No scrape is missed.
"""

from __future__ import annotations

import argparse
import base64
import functools
import itertools
import json
import subprocess
import sys
import tempfile
import time
import typing as t
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import source_service_name
from cryptography import x509

from promlab.engine import Engine, make_engine
from promlab.machine import inspect_machine
from promlab.settings import from_environment
from tests.bench.proxy import CLIENT, Certificate, certificate
from tests.integration.support import lab
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import fleet
from tests.integration.support.playbook import Run, run_playbook
from tests.integration.support.prometheus import Prometheus
from tests.prove.balanced import guarded, issued, metallb
from tests.prove.claims import Row, report
from tests.prove.kubelets import nudge
from tests.prove.workloads.programs import install_cert_manager

JsonObject = dict[str, t.Any]

# Clusters of their own: no others have a load balancer.
HUB, EDGE = "balanced-hub", "balanced-edge"
NAMESPACE, MONITORING = "monitoring-platform", "monitoring.coreos.com/v1"
POD = "prometheus-platform-0"
TEAM = "pay"
SECONDS = "5s"
INTERVAL = float(SECONDS.removesuffix("s"))
# What may lie between two scrapes: two intervals, and the moment that a scrape takes.
GAP = 2 * INTERVAL + 1.0
READY = 300.0
CHANGED = 240.0
# The last part of the addresses that MetalLB gives.
GIVEN = range(200, 210)
SERVICE = source_service_name("platform", 0)
# What each cluster needs beside what it always has.
MADE = {HUB: ("cert-manager",), EDGE: ("cert-manager", "kube-rbac-proxy", *metallb.IMAGES)}
# Secrets of the central side: whom it takes, what it shows, and how it logs in.
SERVERS, SHOWN, LOGIN = "edge-authority", "central-client", "edge-login"
OTHER_NAME = "other.edge.example.com"


def authority() -> Certificate:
    """A new authority."""
    return certificate("authority")


def of_server(by: Certificate) -> Certificate:
    """A certificate for the source that was there already."""
    return certificate("edge", authority=by, names=[x509.DNSName(guarded.NAME)])


def job_of(team: str) -> str:
    """The job of a source on the central side."""
    return f"federation/{EDGE}/{team}"


def _first(pem: bytes) -> str:
    """The first certificate of a file."""
    end = "-----END CERTIFICATE-----"
    return pem.decode().partition(end)[0].strip() + "\n" + end


def _address(cluster: Cluster) -> str:
    (node,) = cluster.list_kind(cluster.kind("v1", "Node"))
    return next(str(one["address"]) for one in node["status"]["addresses"] if one["type"] == "InternalIP")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a server answers, and the name that its certificate is to have."""

    name: str
    address: str
    port: int

    @property
    def options(self) -> list[str]:
        """What lets curl find it by its name."""
        return ["--resolve", f"{self.name}:{self.port}:{self.address}"]

    def url(self, path: str) -> str:
        """A path of it."""
        return f"https://{self.name}:{self.port}{path}"


class Sides:
    """Both clusters."""

    def __init__(self) -> None:
        self.hub, self.edge = lab.cluster(HUB), lab.cluster(EDGE)
        self.central = Prometheus(self.hub, team="platform")
        self.server = issued.Issued(self.edge, issued.SERVER, issued.OF_SOURCE)
        self.reader = issued.Issued(self.hub, issued.READER, issued.OF_READER)

    @functools.cached_property
    def engine(self) -> Engine:
        """What runs the nodes."""
        return make_engine("podman", lab=from_environment(), machine=inspect_machine())

    def on_node(self, cluster: str, *command: str) -> str | None:
        """What a command on a cluster's node says, None where it fails."""
        return self.engine.ask("exec", f"{cluster}-control-plane", *command)

    def balanced(self, service: str, namespace: str) -> str:
        """The address that MetalLB gave a Service, "" without one."""
        status = self.edge.get("v1", "Service", service, namespace).get("status") or {}
        ingress = status.get("loadBalancer", {}).get("ingress") or [{}]
        return str(ingress[0].get("ip", ""))

    def existing(self) -> str:
        """The address of the source that was there already."""
        return self.balanced(guarded.GUARDED, guarded.NAMESPACE)

    def at_existing(self) -> Place:
        """The source that was there already."""
        return Place(name=guarded.NAME, address=self.existing(), port=443)

    def at_proxy(self) -> Place:
        """The source behind the collection's proxy."""
        service = source_service_name(issued.TEAM, 0)
        spec = self.edge.get("v1", "Service", service, issued.OF_SOURCE)["spec"]
        address = self.balanced(service, issued.OF_SOURCE)
        return Place(name=issued.SERVER_NAME, address=address, port=spec["ports"][0]["port"])

    # -- runs of the collection ---------------------------------------------------------------------------------------

    def play(self, playbook: str) -> Run:
        """A run of a playbook on both clusters."""
        quick = {"interval": SECONDS, "timeout": "4s"}
        allowed = [f"{_address(self.hub)}/32"]
        exposed = {**quick, "expose": "LoadBalancer", "load_balancer": "metallb", "allowed_sources": allowed}
        existing = {
            **quick,
            "team": TEAM,
            "expose": "Existing",
            "address": self.existing(),
            "port": 443,
            "scheme": "https",
            "basic_auth": {"secret": LOGIN},
            "tls_config": {"ca": {"secret": SERVERS}, "cert": {"secret": SHOWN}, "server_name": guarded.NAME},
        }
        small = {"scrape_interval": SECONDS, "evaluation_interval": SECONDS}
        off = {"enabled": False}
        teams = [
            {"name": name, "namespaces": [name], "clusters": [EDGE], "alertmanager": off, "prometheus": small}
            for name in (TEAM, issued.TEAM)
        ]
        inventory = fleet(
            central=HUB,
            workers=[EDGE],
            promfleet_kubeconfig=str(lab.kubeconfig()),
            # What a stopped proof changed by hand is taken back.
            promfleet_force_conflicts=True,
            team_monitoring_platform={"alertmanager": off, "prometheus": small},
            team_monitoring_teams=teams,
            prometheus_federation_sources=[
                exposed,
                existing,
                {**issued.DESCRIBED, **quick, "allowed_sources": allowed},
            ],
        )
        with tempfile.TemporaryDirectory(prefix="promfleet-balanced-") as folder:
            return run_playbook(playbook, inventory=inventory, folder=Path(folder))

    # -- Secrets ------------------------------------------------------------------------------------------------------

    def write(self, cluster: Cluster, name: str, namespace: str, values: t.Mapping[str, bytes]) -> None:
        """Write a Secret, and let kubelets see it now, instead of within a minute or two."""
        data = {key: base64.b64encode(value).decode() for key, value in values.items()}
        metadata = {"name": name, "namespace": namespace}
        cluster.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}, force=True)
        self.nudge()

    def nudge(self) -> None:
        """Let kubelets look at the files of both ends."""
        ends = ((self.hub, "app.kubernetes.io/name=prometheus"), (self.edge, guarded.LABEL), (self.edge, issued.LABEL))
        for cluster, label in ends:
            for pod in cluster.list_kind(cluster.kind("v1", "Pod"), selector=label):
                nudge(cluster, pod["metadata"]["namespace"], pod["metadata"]["name"])

    def serve(self, shown: Certificate) -> None:
        """Let the worker's source show a certificate."""
        values = {"tls.crt": shown.pem, "tls.key": shown.key_pem}
        self.write(self.edge, guarded.SERVER, guarded.NAMESPACE, values)

    def show(self, shown: Certificate) -> None:
        """Let the central side show a certificate."""
        self.write(self.hub, SHOWN, NAMESPACE, {"tls.crt": shown.pem, "tls.key": shown.key_pem})

    def trust(self, *, servers: Sequence[Certificate], clients: Sequence[Certificate]) -> None:
        """Let the central side take servers, and the source clients, of these authorities."""
        self.write(self.hub, SERVERS, NAMESPACE, {"ca.crt": b"".join(one.pem for one in servers)})
        values = {"ca.crt": b"".join(one.pem for one in clients)}
        self.write(self.edge, guarded.CLIENTS, guarded.NAMESPACE, values)

    def log_in(self, login: guarded.Secret) -> None:
        """Let the central side log in so."""
        self.write(self.hub, LOGIN, NAMESPACE, {name: value.encode() for name, value in login.items()})

    # -- what is seen -------------------------------------------------------------------------------------------------

    def answer(self, client: Certificate, login: guarded.Secret, *, trusted: Certificate) -> str:
        """The status that a client of the source that was there already gets on the central node, "" without TLS."""
        user = f"{login['username']}:{login['password']}"
        return self.ask(self.at_existing(), trusted.pem, client.pem + client.key_pem, "--user", user)

    def ask(self, place: Place, trusted: bytes, client: bytes, *more: str, path: str = "/-/ready") -> str:
        """The status that a client on the central cluster's node gets, "" without TLS; *client* may be empty."""
        for file, data in (("ca", trusted), ("client", client)):
            text = base64.b64encode(data).decode()
            self.on_node(HUB, "sh", "-c", f"echo {text} | base64 --decode > /tmp/balanced-{file}")
        options = {"--cacert": "/tmp/balanced-ca", "--max-time": "5", "--output": "/dev/null"}
        if client:
            options["--cert"] = "/tmp/balanced-client"
        words = [word for option in options.items() for word in option]
        command = ["curl", "--silent", *words, *place.options, *more, "--write-out", "%{http_code}", place.url(path)]
        return self.on_node(HUB, *command) or ""

    def shows(self, pem: bytes, *, at: Place) -> bool:
        """Whether a server shows a certificate."""
        options = ["--silent", "--insecure", "--max-time", "5", "--output", "/dev/null", "--write-out", "%{certs}"]
        # It may end with an error for want of a certificate, after the source has shown its own.
        command = " ".join(["curl", *options, *at.options, at.url("/")]) + " || true"
        return _first(pem) in (self.on_node(HUB, "sh", "-c", command) or "")

    def has(self, pem: bytes) -> bool:
        """Whether the central Prometheus has a certificate in its files."""
        uid = self.hub.get("v1", "Pod", POD, NAMESPACE)["metadata"]["uid"]
        command = f"cat /var/lib/kubelet/pods/{uid}/volumes/*/tls-assets/*"
        return _first(pem) in (self.on_node(HUB, "sh", "-c", command) or "")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for what a change brings."""
        self.hub.wait_until(condition, what, timeout=CHANGED)

    def target(self, team: str) -> JsonObject:
        """What the central Prometheus says of a source, {} where it has no such target."""
        return next(iter(self.central.targets(job_of(team))), {})

    def is_read(self, team: str) -> bool:
        """Whether the last scrape of a source went well."""
        return self.target(team).get("health") == "up"

    def samples(self, metric: str, *, team: str, since: float) -> list[tuple[float, str]]:
        """The samples of a metric about the scrapes of a source since a time."""
        query = f'{metric}{{job="{job_of(team)}"}}[{max(1, int(time.time() - since))}s]'
        return [(float(at), str(value)) for one in self.central.query(query) for at, value in one["values"]]


# -- preparing ----------------------------------------------------------------------------------------------------


@dataclass
class Trust:
    """Both authorities, and the certificate that the central side shows."""

    of_servers: Certificate
    of_clients: Certificate
    client: Certificate


def install() -> tuple[Sides, Trust]:
    """Bring both clusters up: MetalLB, the source that was there already, the operator, and all instances."""
    lab.up(HUB, EDGE)
    for name, images in MADE.items():
        made = [f"--made={image}" for image in images]
        subprocess.run([lab.LAB, "load", name, *made], stdin=subprocess.DEVNULL, check=True)
    sides = Sides()
    network = _address(sides.edge).rpartition(".")[0]
    metallb.install(sides.edge, addresses=f"{network}.{GIVEN[0]}-{network}.{GIVEN[-1]}")
    for obj in guarded.objects():
        sides.edge.apply(obj, force=True)
    sides.edge.wait_until(lambda: bool(sides.existing()), "the Service has an address", timeout=READY)
    for playbook in ("operator", "teams"):
        sides.play(playbook).require_success()
    of_servers, of_clients = authority(), authority()
    trust = Trust(of_servers, of_clients, client=certificate(CLIENT, authority=of_clients))
    sides.trust(servers=[of_servers], clients=[of_clients])
    sides.serve(of_server(of_servers))
    sides.show(trust.client)
    sides.log_in(guarded.LOGINS[0])
    for cluster in (sides.hub, sides.edge):
        install_cert_manager(cluster)
    sides.server.order(usage="server auth", dnsNames=[issued.SERVER_NAME])
    sides.reader.order(usage="client auth", commonName=issued.READER_NAME)
    sides.write(sides.hub, issued.SERVERS, issued.OF_READER, {"ca.crt": sides.server.file("ca.crt")})
    sides.write(sides.edge, issued.READERS, issued.OF_SOURCE, {"ca.crt": sides.reader.file("ca.crt")})
    sides.play("federation").require_success()
    for team in ("platform", TEAM, issued.TEAM):
        sides.hub.wait_until(functools.partial(sides.is_read, team), f"{team} is read", timeout=READY)
    return sides, trust


# -- what is proved -----------------------------------------------------------------------------------------------


def prove(sides: Sides, trust: Trust) -> Iterator[Row]:
    """All claims, in an order in which each needs what was before it."""
    yield _announced(sides)
    yield _kept_out(sides)
    yield _named(sides)
    yield _proxied(sides)
    yield _during(sides, "cert-manager renews the certificates of both ends", _renewed, team=issued.TEAM)
    yield _during(sides, "both certificates are replaced", functools.partial(_certificates_change, trust=trust))
    former = Trust(trust.of_servers, trust.of_clients, trust.client)
    yield _during(sides, "both authorities are replaced", functools.partial(_authorities_change, trust=trust))
    login = guarded.LOGINS[0]
    answers = [
        sides.answer(trust.client, login, trusted=trust.of_servers),
        sides.answer(former.client, login, trusted=trust.of_servers),
        sides.answer(trust.client, login, trusted=former.of_servers),
    ]
    yield Row(
        claim="clients and servers of the former authorities are refused", held=answers == ["200", "", ""],
        seen=json.dumps(answers),
    )  # fmt: skip
    yield _during(sides, "the password is replaced", functools.partial(_password_changes, trust=trust))
    answers = [sides.answer(trust.client, one, trusted=trust.of_servers) for one in guarded.LOGINS]
    yield Row(claim="the former password is refused", held=answers == ["401", "200"], seen=json.dumps(answers))


def _announced(sides: Sides) -> Row:
    """The central side reads at the balancer's address, for which the worker's node answers by ARP."""
    address = sides.balanced(SERVICE, NAMESPACE)
    place = str(sides.target("platform").get("scrapeUrl"))
    neighbour = (sides.on_node(HUB, "ip", "neigh", "show", address) or "").strip()
    hardware = (sides.on_node(EDGE, "cat", "/sys/class/net/eth0/address") or "unknown").strip()
    series = len(sides.central.query(f'{{cluster="{EDGE}", team="platform", __name__=~".+:.+"}}'))
    return Row(
        claim="the central side reads at an address that MetalLB gives and announces",
        held=place.startswith(f"http://{address}:")
        and int(address.rpartition(".")[2]) in GIVEN
        and hardware in neighbour
        and series > 0,
        seen=json.dumps({"target": place.partition("?")[0], "neighbour": neighbour, "series": series}),
    )


def _kept_out(sides: Sides) -> Row:
    """The Service lets in the central cluster's node and no other address, without a policy engine."""
    place = str(sides.target("platform")["scrapeUrl"]).partition("/federate")[0] + "/-/healthy"
    command = ["curl", "--silent", "--max-time", "5", place]
    inside = sides.on_node(HUB, *command) or ""
    outside = subprocess.run(command, capture_output=True, text=True, check=False)
    return Row(
        claim="only allowed_sources get in at the balancer's address, by loadBalancerSourceRanges alone",
        held="Healthy" in inside and outside.returncode != 0,
        seen=json.dumps({"the central node": inside.strip(), "the machine": f"curl ends with {outside.returncode}"}),
    )


def _named(sides: Sides) -> Row:
    """The central Prometheus refuses the certificate where the source is to have another name."""
    kind = "ServiceMonitor"
    (monitor,) = [
        one
        for one in sides.hub.list_kind(sides.hub.kind(MONITORING, kind))
        if one["metadata"]["name"].startswith(f"federation-{EDGE}-{TEAM}")
    ]
    name, endpoints = monitor["metadata"]["name"], monitor["spec"]["endpoints"]
    wrong = [{**one, "tlsConfig": {**one["tlsConfig"], "serverName": OTHER_NAME}} for one in endpoints]
    found = [""]

    def is_refused() -> bool:
        found[0] = str(sides.target(TEAM).get("lastError"))
        return "certificate is valid for" in found[0]

    sides.hub.edit(MONITORING, kind, name, {"spec": {"endpoints": wrong}}, namespace=NAMESPACE)
    sides.nudge()
    sides.until(is_refused, "the certificate is refused")
    sides.hub.edit(MONITORING, kind, name, {"spec": {"endpoints": endpoints}}, namespace=NAMESPACE)
    sides.nudge()
    sides.until(lambda: sides.is_read(TEAM), "the source is read again")
    return Row(claim="the central side checks the certificate's name", held=OTHER_NAME in found[0], seen=found[0])


def _proxied(sides: Sides) -> Row:
    """The collection's proxy shows what cert-manager issued, and answers the one client, and that /federate alone."""
    place, trusted = sides.at_proxy(), sides.server.file("ca.crt")
    client = sides.reader.file("tls.crt") + sides.reader.file("tls.key")
    of_another = sides.server.file("tls.crt") + sides.server.file("tls.key")
    read = sides.ask(place, trusted, client, path="/federate")
    others = {
        "/api/v1/query": sides.ask(place, trusted, client, path="/api/v1/query?query=up"),
        "without a certificate": sides.ask(place, trusted, b"", path="/federate"),
        "with a certificate of another authority": sides.ask(place, trusted, of_another, path="/federate"),
    }
    scraped = str(sides.target(issued.TEAM).get("scrapeUrl")).partition("?")[0]
    shown = sides.shows(sides.server.file("tls.crt"), at=place)
    return Row(
        claim="our proxy shows cert-manager's certificate at the balancer's address, to one client, for /federate",
        held=shown
        and scraped == f"https://{place.address}:{place.port}/federate"
        and read == "200"
        and "200" not in others.values(),
        seen=json.dumps({"/federate": read, **others, "scraped": scraped, "cert-manager's certificate": shown}),
    )


def _during(sides: Sides, what: str, change: Callable[[Sides], None], *, team: str = TEAM) -> Row:
    """Let something change, and look at all scrapes of the source from then until some more came after it."""
    began = time.time()
    change(sides)
    changed = time.time()
    samples: list[tuple[float, str]] = []

    def has_more() -> bool:
        samples[:] = sides.samples("up", team=team, since=began)
        return sum(at > changed for at, _value in samples) > 2

    sides.until(has_more, "more scrapes")
    series = [float(value) for _at, value in sides.samples("scrape_samples_scraped", team=team, since=began)]
    times = [began, *(at for at, _value in samples)]
    missed = sum(value != "1" for _at, value in samples)
    gap = round(max(after - before for before, after in itertools.pairwise(times)), 1)
    figures = {
        "seconds": round(changed - began),
        "scrapes": len(samples),
        "missed": missed,
        "longest gap": gap,
        "fewest series": min(series),
    }
    return Row(
        claim=f"no scrape is missed while {what}",
        held=not missed and gap <= GAP and min(series) > 0,
        seen=json.dumps(figures),
    )


# -- what changes -------------------------------------------------------------------------------------------------


def _renewed(sides: Sides) -> None:
    """cert-manager issues both certificates once more."""
    server = sides.server.renew()
    sides.nudge()
    sides.until(lambda: sides.shows(server, at=sides.at_proxy()), "the proxy shows its new certificate")
    reader = sides.reader.renew()
    sides.nudge()
    sides.until(lambda: sides.has(reader), "the central side has its new certificate")


def _certificates_change(sides: Sides, *, trust: Trust) -> None:
    """Each side shows a new certificate of the same authority."""
    server = of_server(trust.of_servers)
    sides.serve(server)
    sides.until(lambda: sides.shows(server.pem, at=sides.at_existing()), "the source shows its new certificate")
    trust.client = certificate(CLIENT, authority=trust.of_clients)
    sides.show(trust.client)
    sides.until(lambda: sides.has(trust.client.pem), "the central side has its new certificate")


def _authorities_change(sides: Sides, *, trust: Trust) -> None:
    """Both sides take the new authorities beside the old ones; then new certificates come; then the old ones go."""
    of_servers, of_clients = authority(), authority()
    sides.trust(servers=[trust.of_servers, of_servers], clients=[trust.of_clients, of_clients])
    client, server = certificate(CLIENT, authority=of_clients), of_server(of_servers)
    login = guarded.LOGINS[0]
    sides.until(lambda: sides.has(of_servers.pem), "the central side takes both authorities")
    sides.until(
        lambda: sides.answer(client, login, trusted=trust.of_servers) == "200", "the source takes both authorities"
    )
    sides.show(client)
    sides.serve(server)
    sides.until(lambda: sides.has(client.pem), "the central side has its new certificate")
    sides.until(lambda: sides.shows(server.pem, at=sides.at_existing()), "the source shows its new certificate")
    sides.trust(servers=[of_servers], clients=[of_clients])
    sides.until(
        lambda: not sides.answer(trust.client, login, trusted=of_servers), "the source refuses the old authority"
    )
    sides.until(lambda: not sides.has(trust.of_servers.pem), "the central side refuses the old authority")
    trust.of_servers, trust.of_clients, trust.client = of_servers, of_clients, client


def _password_changes(sides: Sides, *, trust: Trust) -> None:
    """The source takes both logins; then the central side gives the new one; then the source takes that alone."""
    old, new = guarded.LOGINS

    def take(*logins: guarded.Secret) -> None:
        sides.edge.apply(guarded.configuration(*logins), force=True)
        sides.nudge()
        wanted = ["200" if one in logins else "401" for one in guarded.LOGINS]
        sides.until(
            lambda: [sides.answer(trust.client, one, trusted=trust.of_servers) for one in guarded.LOGINS] == wanted,
            f"the source takes {len(logins)} logins",
        )

    take(old, new)
    sides.log_in(new)
    sides.until(lambda: f"username: {new['username']}" in sides.central.config(), "the central side has the new login")
    take(new)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof; 1 where a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="where the rows are kept")
    options = parser.parse_args(arguments)
    if not report(prove(*install()), options.output):
        return 1
    lab.down(HUB, EDGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
