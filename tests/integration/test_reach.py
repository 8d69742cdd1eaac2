"""Verify where the API server, or the way from it to the pods, is broken: it ends in time, and says why."""

from __future__ import annotations

import contextlib
import json
import time
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from promlab.controlplane import ControlPlane
from tests.integration.support.backends import (
    Backends,
    answers,
    backends,
    behind_service,
    dropping,
    own_address,
    prometheus,
    silent,
    tls,
    trickling,
    trickling_head,
)
from tests.integration.support.cluster import MERGE, Cluster
from tests.integration.support.direct import told
from tests.integration.support.inprocess import run_module
from tests.integration.support.proxy import Fault, faulty

JsonObject = dict[str, t.Any]

LIMIT = 20
# What this machine may add to a limit of seconds while it does other things too. All that hangs here hangs for ever.
SLACK = 25.0
DROPPED = 24
ALIKE = [f"dropped-{number}" for number in range(DROPPED)]
# How the Prometheus of each team behaves.
TEAMS = {
    **dict.fromkeys(ALIKE, "drops"),
    "refused": "refused",
    "trickles": "trickles",
    "trickles-head": "trickles-head",
    "silent": "silent",
    "starting": "starting",
    "denied": "denied",
    "html": "html",
    "tls": "tls",
    "well": "well",
    "also-well": "well",
    "no-pods": "",
}
TIMED_OUT = {*ALIKE, "trickles", "trickles-head", "silent"}
# The server that speaks TLS only closes the connection: the API server's proxy speaks HTTP.
UNREACHED = {*TIMED_OUT, "refused", "no-pods", "tls"}
USELESS = {
    "starting": "HTTP 503: Service Unavailable",
    "denied": "HTTP 401: Unauthorized",
    "html": "HTTP 200: <html>",
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backends]:
    serving = {
        "well": prometheus,
        "trickles": trickling,
        "trickles-head": trickling_head,
        "silent": silent,
        "starting": answers("503 Service Unavailable", "Service Unavailable"),
        "denied": answers("401 Unauthorized", "Unauthorized"),
        "html": answers("200 OK", "<html><body>Sign in</body></html>", content_type="text/html"),
        "tls": tls(tmp_path_factory.mktemp("tls")),
    }
    with backends(serving, address=own_address()) as running:
        yield running


def provide(api: Cluster, team: str, *, address: str, port: int | None) -> None:
    """What a running instance has: namespace, Service, the pods' addresses, and a Prometheus that is available."""
    namespace, name = f"monitoring-{team}", f"prometheus-{team}"
    place = {"namespace": namespace}
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    behind_service(api, name, namespace=namespace, address=address, port=port)
    kind = api.kind("monitoring.coreos.com/v1", "Prometheus")
    live = api.apply(
        {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": team, **place}, "spec": {}}
    )
    generation = live["metadata"]["generation"]
    since = {"lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": generation}
    status = {
        "paused": False,
        "replicas": 1,
        "updatedReplicas": 1,
        "availableReplicas": 1,
        "unavailableReplicas": 0,
        "conditions": [{"type": name, "status": "True", **since} for name in ("Available", "Reconciled")],
    }
    path = f"{kind.path(namespace, team)}/status"
    api.request("PATCH", path, body={"status": status}, content_type=MERGE)


@pytest.fixture(scope="module")
def fleet(api: Cluster, servers: Backends) -> Iterator[Cluster]:
    for team, behaviour in TEAMS.items():
        provide(api, team, address=servers.address, port=servers.ports[behaviour] if behaviour else None)
    yield api
    for team in TEAMS:
        api.delete("v1", "Namespace", f"monitoring-{team}")


@dataclass(frozen=True, kw_only=True)
class Looked:
    """The result of a verification, and the seconds that it took."""

    result: JsonObject
    seconds: float

    def about(self, code: str) -> dict[str, JsonObject]:
        """The findings of a code by the names of their objects."""
        return {one["object"]["name"]: one for one in self.result["findings"] if one["code"] == code}


def verify(*, kubeconfig: Path, context: str, teams: t.Iterable[str], **options: t.Any) -> Looked:
    started = time.monotonic()
    result = run_module(
        "monitoring_verify",
        kubeconfig=kubeconfig,
        context=context,
        cluster="hub",
        clusters=["hub"],
        platform={"enabled": False},
        teams=[{"name": name, "alertmanager": {"enabled": False}} for name in teams],
        **{"wait": False, "wait_timeout": LIMIT, **options},
    )
    return Looked(result=result, seconds=time.monotonic() - started)


@pytest.fixture(scope="module")
def looked(fleet: Cluster) -> Looked:
    """What verify says of all of them, with more teams than are asked at a time."""
    return verify(kubeconfig=fleet.kubeconfig, context=fleet.context, teams=TEAMS)


def test_the_limit_holds(looked: Looked) -> None:
    assert looked.seconds < LIMIT + SLACK
    assert not looked.about("PF004"), "each of them was asked in time"


def test_what_is_closed_for_all_is_one_finding_with_its_fix(looked: Looked) -> None:
    (cause,) = looked.about("PF007").values()
    assert cause["object"]["kind"] == "Cluster"
    words = "Prometheus instances cannot be reached through the API server (network policy?)"
    assert cause["message"].startswith(f"{len(TIMED_OUT)} of {len(TEAMS)} {words}")
    assert "api_server_sources of team_monitoring" in cause["fix"]
    assert not cause["caused_by"]
    unreached = looked.about("PF003")
    assert set(unreached) == UNREACHED
    # The operator is missing here too, which could also be why.
    assert all(cause["fingerprint"] in finding["caused_by"] for finding in unreached.values())
    # A person reads one line about it.
    lines = str(looked.result["failure"]).splitlines()
    assert len([line for line in lines if line.startswith("PF007 ")]) == 1
    assert not [line for line in lines if line.startswith("PF003 ")]


def test_reasons_are_those_of_the_connection(looked: Looked) -> None:
    unreached = looked.about("PF003")
    assert "connection refused" in unreached["refused"]["message"]
    assert "no endpoints available" in unreached["no-pods"]["message"]
    for team in TIMED_OUT:
        assert "the API server cannot be reached" not in unreached[team]["message"]


def test_an_answer_that_came_all_the_way_is_told_as_it_is(looked: Looked) -> None:
    useless = looked.about("PF006")
    assert set(useless) == set(USELESS)
    for team, words in USELESS.items():
        assert words in useless[team]["message"]


def test_all_other_checks_are_made(looked: Looked) -> None:
    checks = {(check["object"], check["check"]): check["ok"] for check in looked.result["checks"]}
    for team in TEAMS:
        assert checks[f"hub/Prometheus/monitoring-{team}/{team}", "prometheus_available"]
    for team in ("well", "also-well"):
        assert checks[f"hub/Prometheus/monitoring-{team}/{team}", "configuration_loaded"]
    assert checks["hub/Cluster/hub", "prometheus_reached"] is False
    assert set(looked.about("PF102")) == {"prometheus-operator"}
    assert looked.about("PF201") == looked.about("PF202") == {}


def test_one_that_cannot_be_reached_is_not_the_clusters_fault(fleet: Cluster) -> None:
    found = verify(kubeconfig=fleet.kubeconfig, context=fleet.context, teams=["refused", "well", "no-pods"])
    assert set(found.about("PF003")) == {"refused", "no-pods"}
    assert found.about("PF007") == {}


def test_all_that_are_refused_have_one_cause(fleet: Cluster, servers: Backends) -> None:
    provide(fleet, "refused-too", address=servers.address, port=servers.ports["refused"])
    try:
        found = verify(kubeconfig=fleet.kubeconfig, context=fleet.context, teams=["refused", "refused-too"])
    finally:
        fleet.delete("v1", "Namespace", "monitoring-refused-too")
    (cause,) = found.about("PF007").values()
    assert "2 of 2" in cause["message"]
    assert "connection refused" in cause["message"]


def test_instances_without_pods_have_no_common_cause(fleet: Cluster, servers: Backends) -> None:
    provide(fleet, "no-pods-too", address=servers.address, port=None)
    try:
        found = verify(kubeconfig=fleet.kubeconfig, context=fleet.context, teams=["no-pods", "no-pods-too"])
    finally:
        fleet.delete("v1", "Namespace", "monitoring-no-pods-too")
    assert set(found.about("PF003")) == {"no-pods", "no-pods-too"}
    assert found.about("PF007") == {}


# -- letting the API server in ----------------------------------------------------------------------------------------

AGENTS = {"namespace": "kube-system", "pod_labels": {"k8s-app": "konnectivity-agent"}}


def apply_team(cluster: Cluster, *sources: JsonObject) -> list[str]:
    """A run of the module that makes the team's objects; what it changed."""
    result = run_module(
        "team_monitoring",
        kubeconfig=cluster.kubeconfig,
        context=cluster.context,
        fleet="reach",
        cluster="hub",
        clusters=["hub"],
        platform={"enabled": False},
        teams=[{"name": "guarded"}],
        namespace_prefix="reach-",
        api_server_sources=list(sources),
        wait=False,
    )
    return told(result["outcome"])


def test_the_policy_lets_in_what_the_option_says_and_a_second_run_changes_nothing(api: Cluster) -> None:
    """The API server takes each form as it is; how policies are enforced is not part of it."""
    policy = "NetworkPolicy reach-guarded/guarded"
    sources = ({"cidr": "10.0.0.5/32"}, {"cidr": "FD00:0::5/128"}, AGENTS, {"namespace": "tunnel"})
    try:
        assert f"created {policy}" in apply_team(api)
        assert apply_team(api, *sources) == [f"updated {policy}"]
        assert apply_team(api, *reversed(sources)) == []
        spec = api.get("networking.k8s.io/v1", "NetworkPolicy", "guarded", "reach-guarded")["spec"]
        (let_in,) = [rule for rule in spec["ingress"] if any("ipBlock" in peer for peer in rule["from"])]
        assert [peer["ipBlock"]["cidr"] for peer in let_in["from"] if "ipBlock" in peer] == [
            "10.0.0.5/32",
            "fd00::5/128",
        ]
        assert [port["port"] for port in let_in["ports"]] == [9090, 9093]
        # Leaving the option out closes it again.
        assert apply_team(api) == [f"updated {policy}"]
    finally:
        for name in ("reach-guarded", "reach-platform"):
            api.delete("v1", "Namespace", name)


# -- the API server itself --------------------------------------------------------------------------------------------


def kubeconfig_for(server: str, folder: Path) -> Path:
    path = folder / "kubeconfig"
    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "any", "cluster": {"server": server}}],
        "users": [{"name": "any", "user": {"token": "any"}}],
        "contexts": [{"name": "any", "context": {"cluster": "any", "user": "any"}}],
    }
    path.write_text(json.dumps(text))
    return path


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("behaviour", ["silent", "trickles", "trickles-head", "drops"])
@pytest.mark.parametrize("wait", [False, True], ids=["once", "again"])
def test_an_api_server_that_hangs_is_told_in_time(
    servers: Backends, tmp_path: Path, scheme: str, behaviour: str, wait: bool
) -> None:
    kubeconfig = kubeconfig_for(f"{scheme}://{servers.address}:{servers.ports[behaviour]}", tmp_path)
    found = verify(kubeconfig=kubeconfig, context="any", teams=["a", "b"], wait=wait, wait_timeout=2)
    assert found.seconds < 2 + SLACK
    roots = {finding["code"] for finding in found.result["findings"] if not finding["caused_by"]}
    assert roots == {"PF001"}
    assert found.result["summary"]["ok"] == 0


def test_a_login_helper_that_hangs_does_not_exceed_the_limit(tmp_path: Path) -> None:
    path = kubeconfig_for("https://192.0.2.1", tmp_path)
    text = json.loads(path.read_text())
    helper = {"apiVersion": "client.authentication.k8s.io/v1", "command": "sleep", "args": ["600"]}
    text["users"][0]["user"] = {"exec": {**helper, "interactiveMode": "Never"}}
    path.write_text(json.dumps(text))
    started = time.monotonic()
    with pytest.raises(Exception, match="login helper"):
        verify(kubeconfig=path, context="any", teams=["a"], wait_timeout=2)
    assert time.monotonic() - started < 2 + SLACK


@pytest.mark.usefixtures("fleet")
def test_reads_that_hang_leave_time_for_the_rest(plane: ControlPlane, tmp_path: Path) -> None:
    """One kind that the API server never gives, as behind a dead conversion webhook."""
    hang = Fault(delay=120.0, forward=False, lose=True)
    with faulty(plane, tmp_path) as proxy:
        proxy.rule = lambda request: hang if "/prometheuses/" in request.path else None
        found = verify(kubeconfig=proxy.kubeconfig, context=proxy.context, teams=["well", "also-well"], wait_timeout=20)
    assert found.seconds < 20 + SLACK
    checks = {(check["object"], check["check"]): check["ok"] for check in found.result["checks"]}
    assert checks["hub/Prometheus/monitoring-well/well", "configuration_loaded"]
    assert not checks["hub/Prometheus/monitoring-well/well", "prometheus_available"]


def test_a_port_that_drops_is_what_it_says() -> None:
    """The test's own tool: a connection neither comes about nor is refused."""
    import socket  # noqa: PLC0415 - only here

    with dropping(own_address()) as port, socket.socket() as one, contextlib.suppress(TimeoutError):
        one.settimeout(0.5)
        one.connect((own_address(), port))
        pytest.fail("a connection came about")
