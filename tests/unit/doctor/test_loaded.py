"""The running configuration is read in parts, as Prometheus writes it, and compared with what is described."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.loaded import (
    external_labels,
    job_names,
    loaded_drift,
    loaded_jobs,
)

from tests.unit.doctor.healthy import ENDPOINT, JOB, MONITOR, POOL

TEXT = """\
global:
  scrape_interval: 30s
  external_labels:
    cluster: "007"
    prometheus_replica: prometheus-platform-0
runtime:
  gogc: 75
scrape_configs:
- job_name: serviceMonitor/monitoring-platform/federation-edge-pay/0
  honor_labels: true
  params:
    match[]:
    - '{__name__=~"[^:]+:.+"}'
  scrape_interval: 1m
  metric_relabel_configs:
  - regex: |-
      - job_name: inside
    action: drop
- job_name: other
  honor_labels: false
storage:
  tsdb: {}
"""


def test_only_wanted_jobs_are_read() -> None:
    jobs = loaded_jobs(TEXT, wanted=lambda name: name == POOL)
    assert list(jobs) == [POOL]
    assert jobs[POOL]["params"] == {"match[]": ['{__name__=~"[^:]+:.+"}']}
    assert jobs[POOL]["scrape_interval"] == "1m"
    assert list(loaded_jobs(TEXT, wanted=lambda _name: True)) == [POOL, "other"]
    assert loaded_jobs("global: {}\n", wanted=lambda _name: True) == {}


def test_external_labels_are_texts() -> None:
    assert external_labels(TEXT) == {"cluster": "007", "prometheus_replica": "prometheus-platform-0"}
    assert external_labels("scrape_configs: []\n") == {}


def test_jobs_are_called_as_the_operator_calls_them() -> None:
    assert [name for name, _endpoint in job_names(MONITOR)] == [POOL]
    config = {"kind": "ScrapeConfig", "metadata": {"namespace": "a", "name": "b"}, "spec": {"x": 1}}
    assert job_names(config) == [("scrapeConfig/a/b", {"x": 1})]


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("honor_labels", False, "honor_labels is False, not True"),
        ("metrics_path", "/metrics", "metrics_path is '/metrics', not '/federate'"),
        ("params", {}, "params is {}, not {"),
        ("scheme", "https", "scheme is 'https', not 'http'"),
        ("scrape_interval", "1h", "scrape_interval is '3600s', not '30s'"),
    ],
)
def test_what_differs_is_named(field: str, value: t.Any, text: str) -> None:
    assert loaded_drift(ENDPOINT, JOB) == ()
    (found,) = loaded_drift(ENDPOINT, {**JOB, field: value})
    assert found.startswith(text)


def test_the_same_length_may_be_written_otherwise() -> None:
    assert loaded_drift({**ENDPOINT, "interval": "60s"}, {**JOB, "scrape_interval": "1m"}) == ()
