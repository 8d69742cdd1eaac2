"""federation_selectors measures on a real Prometheus, through a real API server's proxy."""

from __future__ import annotations

import typing as t
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest

from tests.integration.support.backends import behind_service, own_address
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.prometheus_process import PrometheusProcess, application, lab_program

JsonObject = dict[str, t.Any]

REQUESTS = 40
METRICS = "".join(f'http_requests_total{{code="{code}"}} {code}\n' for code in range(REQUESTS))
METRICS += 'logins_total{email="a@example.com"} 1\n'
RULES = [{"name": "any", "rules": [{"record": "job:http_requests:sum", "expr": "sum by (job) (http_requests_total)"}]}]


@pytest.fixture(scope="module")
def source(
    request: pytest.FixtureRequest, api: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusProcess]:
    """A Prometheus that scrapes an application and records a rule, behind the Service of the team `pay`."""
    namespace = "monitoring-measured"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    with application(METRICS) as shown:
        one = PrometheusProcess(
            program=lab_program(request, "prometheus"),
            folder=tmp_path_factory.mktemp("prometheus"),
            external_labels={"cluster": "edge"},
        )
        # The API server proxies to no address of loopback.
        one.flags = [f"--web.listen-address={own_address()}:{one.port}"]
        one.configure([{"job_name": "app", "static_configs": [{"targets": [shown.address]}]}], groups=RULES)
        one.start()
        try:
            one.until(lambda: bool(one.query("job:http_requests:sum")), "the rule is recorded")
            behind_service(api, "prometheus-pay", namespace=namespace, address=own_address(), port=one.port)
            yield one
        finally:
            one.stop()
            api.delete("v1", "Namespace", namespace)


def measure(api: Cluster, *match: str, **options: t.Any) -> JsonObject:
    """What the module returns about the source."""
    return run_module(
        "federation_selectors",
        kubeconfig=api.kubeconfig,
        context=api.context,
        measure=True,
        cluster="edge",
        team="pay",
        namespace="monitoring-measured",
        match=list(match),
        **options,
    )


def codes(result: JsonObject) -> list[str]:
    return [finding["code"] for finding in result["findings"]]


def answer(source: PrometheusProcess, *match: str) -> bytes:
    """The body of /federate, fetched without the module."""
    query = urllib.parse.urlencode({"match[]": match}, doseq=True)
    with urllib.request.urlopen(f"http://{source.address}/federate?{query}", timeout=10) as found:
        return bytes(found.read())


def test_the_cost_is_what_prometheus_returns(api: Cluster, source: PrometheusProcess) -> None:
    selectors = ("http_requests_total", '{__name__=~"[^:]+:.+"}')
    result = measure(api, *selectors)
    assert codes(result) == []
    assert [entry["series"] for entry in result["selectors"]] == [REQUESTS, 1]
    # Only times and values change between two requests, and they may be written with fewer digits.
    for entry in result["selectors"]:
        assert entry["bytes"] == pytest.approx(len(answer(source, entry["selector"])), rel=0.05)
    total = result["total"]
    assert total["bytes"] == pytest.approx(len(answer(source, *selectors)), rel=0.05)
    assert total["series"] == REQUESTS + 1
    assert total["largest"][0] == {"name": "http_requests_total", "series": REQUESTS}
    assert 0 < total["compressed_bytes"] < total["bytes"]
    assert total["central_memory_bytes"] == total["bytes_per_series"] * (REQUESTS + 1)
    memory = source.counter("process_resident_memory_bytes") / source.counter("prometheus_tsdb_head_series")
    assert total["bytes_per_series"] == pytest.approx(memory, rel=0.5)


@pytest.mark.usefixtures("source")
def test_what_overlaps_is_returned_once_and_counted_once_together(api: Cluster) -> None:
    result = measure(api, "http_requests_total", 'http_requests_total{code="1"}')
    assert codes(result) == ["PF340"]
    assert [entry["series"] for entry in result["selectors"]] == [REQUESTS, 1]
    assert result["total"]["series"] == REQUESTS


@pytest.mark.usefixtures("source")
def test_what_the_source_does_not_have_is_named(api: Cluster) -> None:
    result = measure(api, 'up{job="none"}', '{__name__=~"http_requests_total|http_latency|http_errors"}')
    assert sorted(codes(result)) == ["PF350", "PF351"]
    assert result["selectors"][1]["missing"] == ["http_latency", "http_errors"]


@pytest.mark.usefixtures("source")
def test_labels_with_personal_data_are_seen_in_the_series(api: Cluster) -> None:
    (finding,) = measure(api, "logins_total")["findings"]
    assert (finding["code"], finding["evidence"]["labels"]) == ("PF355", ["email"])


@pytest.mark.usefixtures("source")
def test_prometheus_judges_what_our_parser_does_not_understand(api: Cluster) -> None:
    # Go's regular expressions have this, and those of the parser do not.
    result = measure(api, r'up{job=~"\\Qapp\\E"}', "up{")
    assert codes(result) == ["PF330", "PF349"]
    assert {finding["object"]["name"] for finding in result["findings"]} == {"up{"}
    assert result["selectors"][0]["series"] == 1


def test_above_the_budget_nothing_is_fetched(api: Cluster, source: PrometheusProcess) -> None:
    fetched = r'prometheus_http_requests_total\{[^}]*handler="/federate"[^}]*\}'
    answer(source, "up")
    before = source.counter(fetched)
    assert before > 0
    result = measure(api, "http_requests_total", max_series=REQUESTS - 1)
    assert codes(result) == ["PF352"]
    assert "most series have http_requests_total (40)" in str(result["failure"])
    assert "bytes" not in result["total"]
    assert source.counter(fetched) == before


@pytest.mark.usefixtures("source")
def test_bytes_and_seconds_have_budgets(api: Cluster) -> None:
    result = measure(api, "http_requests_total", max_bytes=100, max_seconds=0.000001)
    assert codes(result) == ["PF353", "PF354"]


@pytest.mark.usefixtures("source")
def test_a_source_that_does_not_answer_is_not_healthy(api: Cluster) -> None:
    behind_service(api, "prometheus-none", namespace="monitoring-measured", address=own_address(), port=None)
    result = run_module(
        "federation_selectors",
        kubeconfig=api.kubeconfig,
        context=api.context,
        measure=True,
        team="none",
        namespace="monitoring-measured",
    )
    assert codes(result) == ["PF003"]
    assert (result["summary"]["not_observed"], "total" in result) == (1, False)
    assert "PF003 not observed" in str(result["failure"])
