"""size_advice asks a real Prometheus through a real API server's proxy, and names what it does not observe."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.load import INPUTS

from tests.integration.support.backends import behind_service, own_address
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.prometheus_process import PrometheusProcess, application, lab_program

JsonObject = dict[str, t.Any]

NAMESPACE = "monitoring-sized"
SERIES = 3_000
METRICS = "".join(f'dear_total{{number="{number}"}} 1\n' for number in range(SERIES))
MIB = 2**20
USED = 150 * MIB
# What a metrics server serves, kept by the API server itself.
METRICS_API: JsonObject = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "pods.metrics.k8s.io", "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"}},
    "spec": {
        "group": "metrics.k8s.io",
        "names": {"kind": "PodMetrics", "plural": "pods", "singular": "pod", "listKind": "PodMetricsList"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                },
            }
        ],
    },
}
USAGE: JsonObject = {
    "apiVersion": "metrics.k8s.io/v1beta1",
    "kind": "PodMetrics",
    "metadata": {
        "name": "prometheus-sized-0",
        "namespace": NAMESPACE,
        "labels": {"app.kubernetes.io/name": "prometheus"},
    },
    "containers": [
        {"name": "config-reloader", "usage": {"cpu": "1m", "memory": "900Mi"}},
        {"name": "prometheus", "usage": {"cpu": "10m", "memory": "150Mi"}},
    ],
}


@pytest.fixture(scope="module")
def instance(
    request: pytest.FixtureRequest, api: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusProcess]:
    """A Prometheus that scrapes itself and an application, behind the Service of the team `sized`."""
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    api.apply(METRICS_API)
    api.wait_until(lambda: any(kind.kind == "PodMetrics" for kind in api.kinds()), "metrics.k8s.io is served")
    api.apply(USAGE)
    with application(METRICS) as shown:
        one = PrometheusProcess(
            program=lab_program(request, "prometheus"), folder=tmp_path_factory.mktemp("prometheus")
        )
        # The API server proxies to no address of loopback.
        address = f"{own_address()}:{one.port}"
        one.flags = [f"--web.listen-address={address}"]
        own = {"targets": [address], "labels": {"namespace": NAMESPACE}}
        one.configure(
            [
                {"job_name": "app", "static_configs": [{"targets": [shown.address]}]},
                {"job_name": "prometheus", "static_configs": [own]},
            ]
        )
        one.start()
        try:
            rated = 'rate(prometheus_tsdb_head_samples_appended_total{job="prometheus"}[5m])'
            one.until(lambda: bool(one.query(rated)), "a rate of its own")
            one.until(lambda: len(one.query("dear_total")) == SERIES, "the application is scraped")
            behind_service(api, "prometheus-sized", namespace=NAMESPACE, address=own_address(), port=one.port)
            yield one
        finally:
            one.stop()
            api.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", "pods.metrics.k8s.io")
            api.delete("v1", "Namespace", NAMESPACE)


def advice(api: Cluster, **options: t.Any) -> JsonObject:
    """What the module returns about the team, and about another one that cannot be reached."""
    prometheus = {"resources": {"memory": "64Mi", "cpu": "10m"}, "storage": {"size": "1Gi"}}
    return run_module(
        "size_advice",
        kubeconfig=api.kubeconfig,
        context=api.context,
        cluster="hub",
        clusters=["hub"],
        platform={"prometheus": {"enabled": False}, "alertmanager": {"enabled": False}},
        teams=[
            {"name": "sized", "prometheus": prometheus},
            {"name": "gone"},
            {"name": "kept", "state": "archived", "archive_may_lose": ["prometheus", "alertmanager"]},
        ],
        window="1h",
        **options,
    )


@pytest.mark.usefixtures("instance")
def test_a_running_instance_gets_a_proposal_with_reasons(api: Cluster) -> None:
    found = advice(api, only=["sized"])
    (entry,) = found["advice"]
    seen = entry["observed"]
    assert seen["series"] > SERIES
    assert seen["samples"] > 0
    assert 0 < seen["age"] < 3_600
    assert seen["resident"] > 20 * MIB
    assert seen["working_set_now"] == USED
    # No kubelet is scraped, and no block was compacted yet.
    assert {"working_set", "bytes_per_sample"} <= entry["not_observed"].keys()
    assert not entry["not_observed"].keys() & seen.keys()
    assert entry["proposal"]["memory"] > max(seen["resident"], 64 * MIB)
    snippet = yaml.safe_load(found["snippet"])
    (team,) = snippet["team_monitoring_teams"]
    assert team["name"] == "sized"
    assert team["prometheus"]["resources"]["memory"] == f"{entry['proposal']['memory'] // MIB}Mi"
    dearest = entry["largest_metrics"][0]
    assert (dearest["name"], dearest["series"]) == ("dear_total", SERIES)
    assert dearest["memory"] > 0
    assert any("series and" in reason for reason in entry["reasons"])
    assert any("dear_total: 3000 series, dropping it saves" in line for line in found["lines"])


@pytest.mark.usefixtures("instance")
def test_an_instance_that_does_not_answer_is_named_and_gets_no_proposal(api: Cluster) -> None:
    found = advice(api)
    assert [entry["team"] for entry in found["advice"]] == ["gone", "sized"], "an archived instance is not asked"
    gone = found["advice"][0]
    assert gone["observed"] == {}
    assert gone["not_observed"]["working_set_now"] == "metrics.k8s.io has nothing about its pods"
    assert gone["not_observed"].keys() >= INPUTS.keys()
    assert not {"memory", "cpu", "storage", "size"} & gone["proposal"].keys()
    assert any(line.startswith("  not observed: series, samples") for line in found["lines"])
