"""What a team gets of the platform's Prometheus by its gateway: its own namespaces, whatever a request says.

A real Prometheus with series of two teams, a real prom-label-proxy with the arguments that our Deployment has, and a
second Prometheus with the job of our ScrapeConfig, as the team's own has it.
"""

from __future__ import annotations

import http.client
import subprocess
import time
import typing as t
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.objects import arguments

from tests.integration.support.prometheus_process import (
    JsonObject,
    PrometheusProcess,
    application,
    free_port,
    jobs_of,
    lab_program,
)
from tests.unit.capabilities.builders import objects_of_gateways, only, teams

TEAM = {"name": "payments", "namespaces": ["payments", "billing"]}
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
RULES = [
    {"alert": "OfSearch", "expr": f'kube_pod_info{{pod="{SECRET}"}}', "labels": {"severity": "info"}},
    {"record": "of:search:pods", "expr": 'kube_pod_info{namespace="search"}'},
]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
EVERY = '{__name__=~".+"}'
OTHER = 'kube_pod_info{namespace="search"}'


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
        job = {"job_name": "kube-state-metrics", "honor_labels": True, "static_configs": [{"targets": [shown.address]}]}
        server.configure([job], groups=[{"name": "platform", "rules": RULES}])
        server.start()
        try:
            server.until(lambda: bool(server.query("of:search:pods")), "everything is scraped and recorded")
            server.until(lambda: bool(server.query('ALERTS{alertstate="firing"}')), "the alert fires")
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="module")
def gateway(request: pytest.FixtureRequest, platform: PrometheusProcess) -> Iterator[int]:
    """The port of the team's gateway."""
    port = free_port()
    team = next(one for one in teams(TEAM) if one.name == "payments")
    command = arguments(team, listen=f"127.0.0.1:{port}", upstream=f"http://{platform.address}")
    process = subprocess.Popen([str(lab_program(request, "prom-label-proxy")), *command], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                assert send(port, "GET", "/healthz")[0] == 200
                break
            except ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


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


def test_without_the_gateway_everything_is_there(platform: PrometheusProcess) -> None:
    """So the attacks below are stopped by it, and not by missing series."""
    status, text = send(platform.port, "GET", f"/federate?{encoded(match=EVERY)}")
    assert status == 200
    assert text.count(SECRET) >= 5


def test_the_gateway_gives_what_is_the_teams(gateway: int) -> None:
    status, text = send(gateway, "GET", f"/federate?{encoded(match='kube_pod_info')}")
    assert status == 200
    assert 'pod="pay-1"' in text
    assert 'pod="bill-1"' in text
    assert SECRET not in text


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
    "/federate?namespace=search&match[]={__name__=~%22.%2B%22}",
    "/federate?match[]={__name__=~%22.%2B%22}&namespace=search&namespace=",
    "http://other.example.com/federate?match[]={namespace=%22search%22}",
]
HEADERS = [
    {"X-Namespace": "search"},
    {"Namespace": "search"},
    {"X-HTTP-Method-Override": "POST"},
    {"X-Original-URL": "/api/v1/targets", "X-Rewrite-URL": "/api/v1/targets"},
    {"X-Forwarded-Prefix": "/api/v1/targets", "X-Forwarded-Host": "search"},
    {"Connection": "X-Namespace", "X-Namespace": "search"},
    {"Transfer-Encoding": "identity"},
]


@pytest.mark.parametrize("match", MATCHES)
@pytest.mark.parametrize("path", ENFORCED)
def test_no_selector_yields_a_series_of_others(gateway: int, path: str, match: str) -> None:
    _status, text = send(gateway, "GET", f"{path}?{encoded(match=match)}")
    assert SECRET not in text
    # Beside one that is allowed, before and after it.
    for both in (["own_series", match], [match, "own_series"]):
        assert SECRET not in send(gateway, "GET", f"{path}?{encoded(match=both)}")[1]


@pytest.mark.parametrize("match", MATCHES)
def test_neither_body_nor_query_string_yields_one(gateway: int, match: str) -> None:
    body = encoded(match=match)
    for path in ENFORCED:
        for query in ("", f"?{encoded(match='own_series')}", f"?{body}"):
            assert SECRET not in send(gateway, "POST", path + query, body=body, headers=FORM)[1]
            assert SECRET not in send(gateway, "GET", path + query, body=body, headers=FORM)[1]
            assert SECRET not in send(gateway, "POST", path + query, body=body)[1]


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_yields_a_series_of_others(gateway: int, query: str) -> None:
    times = {"start": "1", "end": "2", "step": "1"}
    for path in ("/api/v1/query", "/api/v1/query_range", "/api/v1/query_exemplars"):
        given = encoded(query=query, **times)
        allowed = encoded(query="own_series", **times)
        assert SECRET not in send(gateway, "GET", f"{path}?{given}")[1]
        assert SECRET not in send(gateway, "POST", path, body=given, headers=FORM)[1]
        assert SECRET not in send(gateway, "POST", f"{path}?{allowed}", body=given, headers=FORM)[1]
        assert SECRET not in send(gateway, "POST", f"{path}?{given}", body=allowed, headers=FORM)[1]
        assert SECRET not in send(gateway, "GET", f"{path}?{allowed}&{given}")[1]


@pytest.mark.parametrize("path", [*PATHS, *TRICKS])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT"])
def test_no_path_and_no_method_yields_one(gateway: int, method: str, path: str) -> None:
    status, text = send(gateway, method, path)
    assert SECRET not in text
    assert not (status == 200 and "activeTargets" in text)
    assert "scrape_configs" not in text


@pytest.mark.parametrize("headers", HEADERS)
def test_no_header_yields_one(gateway: int, headers: dict[str, str]) -> None:
    path = f"/federate?{encoded(match=EVERY)}"
    assert SECRET not in send(gateway, "GET", path, headers=headers)[1]


@pytest.mark.parametrize("path", ["/api/v1/admin/tsdb/delete_series", "/-/quit", "/-/reload", "/api/v1/write"])
def test_nothing_can_be_changed(gateway: int, platform: PrometheusProcess, path: str) -> None:
    for method in ("POST", "PUT", "DELETE"):
        status, _text = send(gateway, method, f"{path}?{encoded(match=OTHER)}")
        assert status >= 400
    assert platform.query(OTHER)


def test_the_program_does_not_enforce_the_parameter_of_an_aggregation(gateway: int) -> None:
    """Why people do not get its PromQL: this reads a value of others. Where this test fails, it has been repaired."""
    query = f"topk(scalar(sum({OTHER})), own_series)"
    _status, text = send(gateway, "GET", f"/api/v1/query?{encoded(query=query)}")
    assert text.count('"__name__":"own_series"') == NUMBER


def test_the_teams_prometheus_has_its_series_and_no_others(
    request: pytest.FixtureRequest, gateway: int, tmp_path: Path
) -> None:
    objects = objects_of_gateways(
        {"team": "payments", "match": ['{__name__=~".+"}'], "interval": "200ms", "scrape_timeout": "200ms"},
        teams=[TEAM],
    )
    (job,) = jobs_of([only(objects, "ScrapeConfig")], addresses=[f"127.0.0.1:{gateway}"])
    own = PrometheusProcess(program=lab_program(request, "prometheus"), folder=tmp_path / "payments")
    own.configure([job])
    own.start()
    try:
        own.until(lambda: len(own.query("kube_pod_info")) == 2, "the series of both namespaces are there")
        found = own.label_sets('{__name__=~".+",job!="platform-series"}')
        assert {one["namespace"] for one in found} == {"payments", "billing"}
        assert SECRET not in str(found)
        added: list[JsonObject] = [one for one in found if one.keys() & EXTERNAL.keys()]
        assert not added
    finally:
        own.stop()
