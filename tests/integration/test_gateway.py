"""What a team gets of the platform's Prometheus by its gateways, whatever a request says.

Real Prometheus, with series of two teams; one of them federates two others, whose clusters have a namespace of the same
name that belongs to different teams. Real prom-label-proxies with the arguments that our Deployments have, and one more
Prometheus with the jobs of our ScrapeConfigs, as the team's own has them.
"""

from __future__ import annotations

import http.client
import subprocess
import time
import typing as t
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.model import NODES_NAMESPACE
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.objects import (
    FEDERATED_JOB,
    JOB,
    NODES_SERIES_JOB,
    Route,
    chain,
    gateway_objects,
    routes_of,
)

from tests.integration.support.prometheus_process import (
    JsonObject,
    PrometheusProcess,
    application,
    free_port,
    jobs_of,
    lab_program,
)
from tests.unit.capabilities.builders import gateways, objects_of_endpoint

# On far, the namespaces of the same names are not the team's.
TEAM = {"name": "payments", "namespaces": ["payments", "billing"], "clusters": ["hub", "edge"]}
GRANT = {
    "team": "payments",
    "match": ['{__name__=~".+"}'],
    "federated": True,
    "federated_match": ['{__name__=~".+"}'],
    "all_nodes": True,
    "interval": "200ms",
    "scrape_timeout": "200ms",
    # What the gateway of this cluster's own series is in front of federates nothing here.
    "namespaces_everywhere": True,
}
MODEL = gateways(
    GRANT,
    teams=[TEAM, {"name": "search", "namespaces": ["search"]}],
    clusters=["hub", "edge", "far"],
    reads=["edge", "far"],
    platform={"overrides": [{"clusters": ["hub"], "labels": {"region": "of-hub"}}]},
)
ROUTES = {route.job: route for route in routes_of(MODEL.grants[0], MODEL)}
# In each series of the other team; no answer may have it.
SECRET = "secret-of-search"
# The value of one of them, which an aggregation could count up to.
NUMBER = 7
EXTERNAL = {"cluster": "hub", "team": "platform", "prometheus": "a/b", "prometheus_replica": "prometheus-platform-0"}
METRICS = f"""\
kube_pod_info{{namespace="payments",pod="pay-1"}} 1
kube_pod_info{{namespace="billing",pod="bill-1"}} 1
kube_pod_info{{namespace="search",pod="{SECRET}"}} {NUMBER}
kube_pod_info{{namespace="payments-2",pod="{SECRET}"}} 1
kube_pod_info{{namespace="",pod="{SECRET}"}} 1
kube_node_info{{node="{SECRET}"}} 1
node_load1{{job="node-exporter",namespace="{NODES_NAMESPACE}",pod="exporter-a"}} 1
node_load1{{job="node-exporter",namespace="search",pod="{SECRET}"}} 1
kube_pod_info{{namespace="{NODES_NAMESPACE}",pod="exporter-a",host_ip="{SECRET}"}} 1
own_series{{namespace="payments",number="1"}} 1
own_series{{namespace="payments",number="2"}} 1
own_series{{namespace="payments",number="3"}} 1
own_series{{namespace="payments",number="4"}} 1
own_series{{namespace="payments",number="5"}} 1
own_series{{namespace="payments",number="6"}} 1
own_series{{namespace="payments",number="7"}} 1
own_series{{namespace="payments",number="8"}} 1
own_series{{namespace="payments",number="9"}} 1
"""
# The central one's own cluster: what is there says of no series that it is of another, but an application may try.
LOCAL = f"""\
kube_pod_info{{namespace="payments",pod="pay-of-hub"}} 1
kube_pod_info{{namespace="search",pod="{SECRET}"}} {NUMBER}
kube_pod_info{{cluster="edge",team="platform",namespace="search",pod="{SECRET}"}} 1
kube_pod_info{{cluster="edge",team="platform",namespace="",pod="{SECRET}"}} 1
kube_node_info{{node="{SECRET}"}} 1
"""
# What other clusters have, by cluster and team of the instance that is read.
FEDERATED = {
    ("edge", "platform"): f"""\
kube_pod_info{{namespace="payments",pod="pay-of-edge"}} 1
kube_pod_info{{namespace="billing",pod="bill-of-edge"}} 1
kube_pod_info{{namespace="search",pod="{SECRET}"}} 1
namespace:nodes:count{{namespace="payments"}} 3
namespace:nodes:count{{namespace="search",pod="{SECRET}"}} 3
own_series{{namespace="payments",number="1"}} 1
""",
    # On this cluster another team has the namespace.
    ("far", "platform"): f"""\
kube_pod_info{{namespace="payments",pod="{SECRET}"}} 1
kube_pod_info{{cluster="edge",namespace="payments",pod="{SECRET}"}} 1
""",
    # The instance of a team shows what it likes.
    ("edge", "search"): f"""\
kube_pod_info{{namespace="search",pod="{SECRET}"}} 1
kube_pod_info{{cluster="edge",team="platform",namespace="payments",pod="{SECRET}"}} 1
""",
}
RULES = [
    {"alert": "OfSearch", "expr": f'kube_pod_info{{pod="{SECRET}"}}', "labels": {"severity": "info"}},
    {"record": "of:search:pods", "expr": 'kube_pod_info{namespace="search"}'},
]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
EVERY = '{__name__=~".+"}'
OTHER = 'kube_pod_info{namespace="search"}'


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """A running gateway: its *port*, and the Prometheus behind it."""

    port: int
    instance: PrometheusProcess
    route: Route


def shown_by(address: str) -> JsonObject:
    """The job of what shows series about others."""
    return {"job_name": "kube-state-metrics", "honor_labels": True, "static_configs": [{"targets": [address]}]}


@pytest.fixture(scope="module")
def platform(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusProcess]:
    """The platform's Prometheus, with series of all namespaces, an alert and a recorded series."""
    server = PrometheusProcess(
        program=lab_program(request, "prometheus"),
        folder=tmp_path_factory.mktemp("platform"),
        external_labels=EXTERNAL,
        # All that could be asked for is switched on.
        flags=("--web.enable-admin-api", "--enable-feature=exemplar-storage"),
    )
    with application(METRICS) as shown:
        server.configure([shown_by(shown.address)], groups=[{"name": "platform", "rules": RULES}])
        server.start()
        try:
            server.until(lambda: bool(server.query("of:search:pods")), "everything is scraped and recorded")
            server.until(lambda: bool(server.query('ALERTS{alertstate="firing"}')), "the alert fires")
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="module")
def central(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrometheusProcess]:
    """The central cluster's Prometheus, with the jobs by which it federates the instances of others."""
    program = lab_program(request, "prometheus")
    with ExitStack() as stack:

        def started(name: str, metrics: str, jobs: Sequence[JsonObject], external: JsonObject) -> PrometheusProcess:
            server = PrometheusProcess(
                program=program,
                folder=tmp_path_factory.mktemp(name),
                external_labels=external,
                flags=("--web.enable-admin-api",),
            )
            shown = stack.enter_context(application(metrics))
            rules = RULES if name == "central" else ()
            server.configure([shown_by(shown.address), *jobs], groups=[{"name": "all", "rules": list(rules)}])
            server.start()
            stack.callback(server.stop)
            return server

        jobs: list[JsonObject] = []
        for (cluster, team), metrics in FEDERATED.items():
            own = {"cluster": cluster, "team": team, "prometheus": "c/d", "prometheus_replica": f"of-{cluster}"}
            source = started(f"{cluster}-{team}", metrics, (), own)
            endpoint = {
                "cluster": cluster,
                "team": team,
                "targets": [{"address": f"{cluster}-{team}.example.com", "port": 9090}],
                "match": [EVERY],
                "interval": "200ms",
                "timeout": "200ms",
            }
            jobs += jobs_of(objects_of_endpoint(endpoint), addresses=[source.address])
        server = started("central", LOCAL, jobs, {**EXTERNAL, "region": "of-hub"})
        everything = 'count(kube_pod_info{cluster=~"edge|far"}) == 9'
        server.until(lambda: bool(server.query(everything)), "everything is federated")
        server.until(lambda: bool(server.query('ALERTS{alertstate="firing"}')), "the alert fires")
        yield server


@contextmanager
def running(request: pytest.FixtureRequest, route: Route, *, instance: PrometheusProcess) -> Iterator[Gateway]:
    """The programs of a route in front of *instance*."""
    program = str(lab_program(request, "prom-label-proxy"))
    ports = [free_port() for _guard in route.guards]
    places = [f"127.0.0.1:{port}" for port in ports]
    processes = [
        subprocess.Popen([program, *command], stderr=subprocess.DEVNULL)
        for command in chain(route, places, upstream=f"http://{instance.address}")
    ]
    try:
        deadline = time.monotonic() + 30
        for port in ports:
            while True:
                try:
                    assert send(port, "GET", "/healthz")[0] == 200
                    break
                except ConnectionError:
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
        yield Gateway(port=ports[0], instance=instance, route=route)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(10)


@pytest.fixture(scope="module")
def local(request: pytest.FixtureRequest, platform: PrometheusProcess) -> Iterator[Gateway]:
    """The gateway to the series of the team's namespaces on this cluster."""
    with running(request, ROUTES[JOB], instance=platform) as found:
        yield found


@pytest.fixture(scope="module")
def federated(request: pytest.FixtureRequest, central: PrometheusProcess) -> Iterator[Gateway]:
    """The gateway to those of the other clusters."""
    with running(request, ROUTES[FEDERATED_JOB], instance=central) as found:
        yield found


@pytest.fixture(scope="module")
def nodes(request: pytest.FixtureRequest, platform: PrometheusProcess) -> Iterator[Gateway]:
    """The gateway to the series of all nodes."""
    with running(request, ROUTES[NODES_SERIES_JOB], instance=platform) as found:
        yield found


@pytest.fixture(params=["local", "federated", "nodes"], scope="module")
def gateway(request: pytest.FixtureRequest) -> Gateway:
    """Each of them: what follows holds for all."""
    return t.cast(Gateway, request.getfixturevalue(request.param))


def send(
    port: int, method: str, path: str, *, body: str = "", headers: t.Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Status and text of an answer; the path goes out as it is, without any tidying."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest(method, path)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            connection.putheader(name, value)
        connection.endheaders(body.encode() or None)
        answer = connection.getresponse()
        # A redirect is not followed: what it leads to is an attack of its own.
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def encoded(**query: str | list[str]) -> str:
    """A query string."""
    names = {name.replace("match", "match[]"): value for name, value in query.items()}
    return urllib.parse.urlencode(names, doseq=True)


def series(text: str) -> list[str]:
    """The series of an answer of /federate."""
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_without_the_gateway_everything_is_there(gateway: Gateway) -> None:
    """So the attacks below are stopped by it, and not by missing series."""
    status, text = send(gateway.instance.port, "GET", f"/federate?{encoded(match=EVERY)}")
    assert status == 200
    assert text.count(SECRET) >= 5


# For each gateway what it gives of everything, and all that it gives.
GIVEN = {
    "local": [*(f'pod="{pod}"' for pod in ("pay-1", "bill-1")), *(f'number="{number}"' for number in range(1, 10))],
    "federated": ['pod="pay-of-edge"', 'pod="bill-of-edge"', "namespace:nodes:count", 'number="1"'],
    "nodes": ["node_load1"],
}


@pytest.mark.parametrize("name", GIVEN)
def test_the_gateway_gives_what_is_the_teams(request: pytest.FixtureRequest, name: str) -> None:
    gateway = request.getfixturevalue(name)
    status, text = send(gateway.port, "GET", f"/federate?{encoded(match=EVERY)}")
    assert status == 200
    found = series(text)
    assert len(found) == len(GIVEN[name]), found
    for part in GIVEN[name]:
        assert len([one for one in found if part in one]) == 1, part
    assert SECRET not in text


@pytest.mark.parametrize(
    ("job", "instance", "left_out"),
    [
        *((FEDERATED_JOB, "central", label) for label in ("cluster", "team", "namespace")),
        *((NODES_SERIES_JOB, "platform", label) for label in ("job", "namespace")),
    ],
)
def test_each_guard_of_a_chain_is_needed(
    request: pytest.FixtureRequest, job: str, instance: str, left_out: str
) -> None:
    """Without one of them the others let a series through that is not the team's."""
    route = ROUTES[job]
    guards = tuple(guard for guard in route.guards if guard[0] != left_out)
    with running(request, replace(route, guards=guards), instance=request.getfixturevalue(instance)) as weaker:
        assert SECRET in send(weaker.port, "GET", f"/federate?{encoded(match=EVERY)}")[1]


MATCHES = [
    OTHER,
    '{__name__=~".+"}',
    '{namespace=~".*"}',
    '{namespace!="payments"}',
    '{namespace=""}',
    '{namespace=~"search|payments"}',
    '{"namespace"="search"}',
    '{"kube_pod_info", namespace="search"}',
    'ALERTS{alertname="OfSearch"}',
    "of:search:pods",
    "kube_node_info",
    'kube_pod_info{namespace=~"payments.*"}',
    '{pod="' + SECRET + '"}',
    '{cluster="far"}',
    '{cluster=~"edge|far"}',
    '{cluster!="edge"}',
    '{cluster=""}',
    '{"cluster"="far", namespace="payments"}',
    'kube_pod_info{team="search"}',
    'kube_pod_info{team!="platform", cluster="edge"}',
    '{claimed_team=~".+"}',
    '{job="node-exporter"}',
    '{job=~"kube-state-metrics|node-exporter"}',
]
ENFORCED = ["/federate", "/api/v1/series"]
QUERIES = [
    OTHER,
    f"{OTHER} or vector(1)",
    f"sum by (pod) ({OTHER})",
    f"label_replace({OTHER}, 'namespace', 'payments', '', '')",
    f"max_over_time({OTHER}[5m:1s])",
    f"{OTHER} offset 0s",
    f"{OTHER} @ end()",
    f"({OTHER})",
    f"-{OTHER}",
    f"own_series * on () group_left (pod) {OTHER}",
    f"count_values('pod', {OTHER})",
    'info(own_series, {pod=~".+"})',
    "{__name__=~'.+'}",
    "ALERTS",
    "of:search:pods",
]
PATHS = [
    "/api/v1/status/config",
    "/api/v1/status/tsdb",
    "/api/v1/targets",
    "/api/v1/targets/metadata",
    "/api/v1/metadata",
    "/api/v1/labels",
    "/api/v1/label/pod/values",
    "/api/v1/rules",
    "/api/v1/rules/",
    "/api/v1/rules?type=record",
    "/api/v1/rules?match[]={severity=%22info%22}",
    "/api/v1/alerts",
    "/api/v1/alerts/",
    "/api/v1/alertmanagers",
    "/api/v1/query_exemplars?query=kube_pod_info&start=0&end=9999999999",
    "/api/v1/read",
    "/api/v1/format_query?query=up",
    "/api/v2/silences",
    "/api/v2/alerts",
    "/metrics",
    "/config",
    "/graph",
    "/",
    "/-/healthy",
    "/debug/pprof/cmdline",
    "/consoles/index.html",
]
TRICKS = [
    "//federate?match[]={__name__=~%22.%2B%22}",
    "/federate/?match[]={__name__=~%22.%2B%22}",
    "/federate/../federate?match[]={__name__=~%22.%2B%22}",
    "/%66ederate?match[]={__name__=~%22.%2B%22}",
    "/healthz/../api/v1/targets",
    "/healthz/%2e%2e/api/v1/targets",
    "/healthz%2f..%2fapi/v1/targets",
    "/federate%2f..%2fapi%2fv1%2ftargets",
    "/api/v1/series/..%2ftargets",
    "/api/v1/alerts/..%2f..%2fv1%2ftargets",
    "/api/v1/rules/%2e%2e/targets",
    "/api/v1/query/..;/targets",
    "/api/v1//targets",
    "/./api/v1/targets",
    "/API/V1/TARGETS",
    "/federate?match%5B%5D={namespace=%22search%22}",
    "/federate?match[]=own_series;match[]={namespace=%22search%22}",
    "/federate?match[]=own_series&match%5B%5D=%7Bnamespace%3D%22search%22%7D",
    "/federate?match=%7Bnamespace%3D%22search%22%7D",
    "/federate?cluster=far&team=search&job=kube-state-metrics&match[]={__name__=~%22.%2B%22}",
    "/federate?namespace=search&match[]={__name__=~%22.%2B%22}",
    "/federate?match[]={__name__=~%22.%2B%22}&namespace=search&namespace=",
    "http://other.example.com/federate?match[]={namespace=%22search%22}",
]
HEADERS = [
    {"X-Namespace": "search"},
    {"Namespace": "search"},
    {"X-Cluster": "far", "Cluster": "far", "X-Team": "search", "Team": "search", "Job": "kube-state-metrics"},
    {"X-HTTP-Method-Override": "POST"},
    {"X-Original-URL": "/api/v1/targets", "X-Rewrite-URL": "/api/v1/targets"},
    {"X-Forwarded-Prefix": "/api/v1/targets", "X-Forwarded-Host": "search"},
    {"Connection": "X-Namespace", "X-Namespace": "search"},
    {"Transfer-Encoding": "identity"},
]


@pytest.mark.parametrize("match", MATCHES)
@pytest.mark.parametrize("path", ENFORCED)
def test_no_selector_yields_a_series_of_others(gateway: Gateway, path: str, match: str) -> None:
    _status, text = send(gateway.port, "GET", f"{path}?{encoded(match=match)}")
    assert SECRET not in text
    # Beside one that is allowed, before and after it.
    for both in (["own_series", match], [match, "own_series"]):
        assert SECRET not in send(gateway.port, "GET", f"{path}?{encoded(match=both)}")[1]


@pytest.mark.parametrize("match", MATCHES)
def test_neither_body_nor_query_string_yields_one(gateway: Gateway, match: str) -> None:
    body = encoded(match=match)
    for path in ENFORCED:
        for query in ("", f"?{encoded(match='own_series')}", f"?{body}"):
            assert SECRET not in send(gateway.port, "POST", path + query, body=body, headers=FORM)[1]
            assert SECRET not in send(gateway.port, "GET", path + query, body=body, headers=FORM)[1]
            assert SECRET not in send(gateway.port, "POST", path + query, body=body)[1]


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_yields_a_series_of_others(gateway: Gateway, query: str) -> None:
    times = {"start": "1", "end": "2", "step": "1"}
    for path in ("/api/v1/query", "/api/v1/query_range", "/api/v1/query_exemplars"):
        given = encoded(query=query, **times)
        allowed = encoded(query="own_series", **times)
        assert SECRET not in send(gateway.port, "GET", f"{path}?{given}")[1]
        assert SECRET not in send(gateway.port, "POST", path, body=given, headers=FORM)[1]
        assert SECRET not in send(gateway.port, "POST", f"{path}?{allowed}", body=given, headers=FORM)[1]
        assert SECRET not in send(gateway.port, "POST", f"{path}?{given}", body=allowed, headers=FORM)[1]
        assert SECRET not in send(gateway.port, "GET", f"{path}?{allowed}&{given}")[1]


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT"])
def test_no_path_and_no_method_yields_one(gateway: Gateway, method: str) -> None:
    for path in [*PATHS, *TRICKS]:
        status, text = send(gateway.port, method, path)
        assert SECRET not in text, path
        assert not (status == 200 and "activeTargets" in text), path
        assert "scrape_configs" not in text, path


@pytest.mark.parametrize("headers", HEADERS)
def test_no_header_yields_one(gateway: Gateway, headers: dict[str, str]) -> None:
    path = f"/federate?{encoded(match=EVERY)}"
    assert SECRET not in send(gateway.port, "GET", path, headers=headers)[1]


@pytest.mark.parametrize("path", ["/api/v1/admin/tsdb/delete_series", "/-/quit", "/-/reload", "/api/v1/write"])
def test_nothing_can_be_changed(gateway: Gateway, path: str) -> None:
    for method in ("POST", "PUT", "DELETE"):
        status, _text = send(gateway.port, method, f"{path}?{encoded(match=OTHER)}")
        assert status >= 400
    assert gateway.instance.query(OTHER)


def test_the_program_does_not_enforce_the_parameter_of_an_aggregation(local: Gateway) -> None:
    """Why people do not get its PromQL: this reads a value of others. Where this test fails, it has been repaired."""
    query = f"topk(scalar(sum({OTHER})), own_series)"
    _status, text = send(local.port, "GET", f"/api/v1/query?{encoded(query=query)}")
    assert text.count('"__name__":"own_series"') == NUMBER


@contextmanager
def reading(request: pytest.FixtureRequest, *found: Gateway, folder: Path) -> Iterator[PrometheusProcess]:
    """The team's own Prometheus with the jobs of our ScrapeConfigs for these gateways."""
    configs = {obj["metadata"]["name"]: obj for obj in gateway_objects(MODEL) if obj["kind"] == "ScrapeConfig"}
    jobs = [job for one in found for job in jobs_of([configs[one.route.job]], addresses=[f"127.0.0.1:{one.port}"])]
    own = PrometheusProcess(program=lab_program(request, "prometheus"), folder=folder)
    own.configure(jobs)
    own.start()
    try:
        yield own
    finally:
        own.stop()


OF_OTHERS = '{__name__=~".+",job!~"platform-series|federated-series|node-series"}'


def test_the_teams_prometheus_has_its_series_and_no_others(
    request: pytest.FixtureRequest, local: Gateway, tmp_path: Path
) -> None:
    with reading(request, local, folder=tmp_path / "payments") as own:
        own.until(lambda: len(own.query("kube_pod_info")) == 2, "the series of both namespaces are there")
        found = own.label_sets(OF_OTHERS)
    assert {one["namespace"] for one in found} == {"payments", "billing"}
    assert SECRET not in str(found)
    added: list[JsonObject] = [one for one in found if one.keys() & {*EXTERNAL, "region"}]
    assert not added


def test_series_of_other_clusters_keep_their_cluster_and_replica(
    request: pytest.FixtureRequest, federated: Gateway, tmp_path: Path
) -> None:
    with reading(request, federated, folder=tmp_path / "payments") as own:
        own.until(lambda: len(own.query("kube_pod_info")) == 2, "the series of both namespaces are there")
        found = own.label_sets("kube_pod_info")
    common = {
        "__name__": "kube_pod_info",
        "cluster": "edge",
        "job": "kube-state-metrics",
        "prometheus": "c/d",
        "prometheus_replica": "of-edge",
    }
    # Neither the team, which is the platform on all of them, nor a region that only the central cluster has.
    assert {one.pop("instance") for one in found}
    assert sorted(found, key=lambda one: one["pod"]) == [
        {**common, "namespace": "billing", "pod": "bill-of-edge"},
        {**common, "namespace": "payments", "pod": "pay-of-edge"},
    ]


def test_series_of_this_cluster_and_of_others_stay_apart(
    request: pytest.FixtureRequest, local: Gateway, federated: Gateway, nodes: Gateway, tmp_path: Path
) -> None:
    with reading(request, local, federated, nodes, folder=tmp_path / "payments") as own:
        own.until(lambda: len(own.query("kube_pod_info")) == 4, "the series of both clusters are there")
        own.until(lambda: bool(own.query("node_load1")), "the series of nodes are there")
        found = own.label_sets(OF_OTHERS)
    assert SECRET not in str(found)
    pods = {one["pod"]: one.get("cluster") for one in found if one["__name__"] == "kube_pod_info"}
    assert pods == {"pay-1": None, "bill-1": None, "pay-of-edge": "edge", "bill-of-edge": "edge"}
    assert [one["pod"] for one in found if one["__name__"] == "node_load1"] == ["exporter-a"]


def test_the_scrape_of_this_clusters_series_leaves_those_of_others_out(
    request: pytest.FixtureRequest, central: PrometheusProcess, tmp_path: Path
) -> None:
    """The gateway itself cannot: so a grant is refused where the namespaces are not the team's on every cluster."""
    with running(request, ROUTES[JOB], instance=central) as both:
        assert 'pod="pay-of-edge"' in send(both.port, "GET", f"/federate?{encoded(match=EVERY)}")[1]
        with reading(request, both, folder=tmp_path / "payments") as own:
            own.until(lambda: bool(own.query("kube_pod_info")), "the series of this cluster are there")
            assert [one["pod"] for one in own.label_sets("kube_pod_info")] == ["pay-of-hub"]
