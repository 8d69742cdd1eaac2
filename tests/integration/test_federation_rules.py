"""Each alert about the federation fires when it should and resolves when the fault is gone: by Prometheus' promtool.

Series are as the central Prometheus has them: a target for each instance and job, with the source's cluster and team.
"""

from __future__ import annotations

import json
import re
import subprocess
import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.integration.support.prometheus_process import lab_program

JsonObject = dict[str, t.Any]

CHECKOUT = Path(__file__).resolve().parents[2]
RULES = CHECKOUT / "roles/prometheus_federation/files/federation_rules.yml"
GROUPS: list[JsonObject] = yaml.safe_load(RULES.read_text())
ALERTS: dict[str, JsonObject] = {rule["alert"]: rule for group in GROUPS for rule in group["rules"] if "alert" in rule}

EDGE = 'cluster="edge",team="platform"'
TARGET = f'{EDGE},instance="192.0.2.7:31090",job="federation/edge/platform"'
SECOND = f'{EDGE},instance="192.0.2.8:31090",job="federation/edge/platform"'
OF_ALERTS = f'{EDGE},instance="192.0.2.7:31090",job="federation/edge/platform/alerts"'
# What a region has recorded about its workers arrives here, too.
OF_A_REGION = {
    f'cluster_team:federation_{name}{{cluster="eu-1",team="platform",prometheus="monitoring-platform/platform"}}': value
    for name, value in {
        "targets:expected": "3x150",
        "writers:expected": "3x150",
        "scrape_timeout_seconds:expected": "1x150",
        "samples:sum": "2000x299 9000x300",
        "age_seconds:min": "9000x150",
    }.items()
}
EXPECTED = f"cluster_team:federation_targets:expected{{{EDGE}}}"
TIMEOUT = f"cluster_team:federation_scrape_timeout_seconds:expected{{{EDGE}}}"
OWN = 'job="prometheus",namespace="monitoring-platform",pod="prometheus-platform-0"'
# What a worker federated from itself must not be taken for our own.
OF_THE_SOURCE = 'job="prometheus",cluster="edge",team="platform",namespace="monitoring-platform",pod="other"'


@dataclass(frozen=True, kw_only=True)
class Case:
    """Series over time (in steps of a minute), when an alert fires with which labels and words, and when it is gone."""

    alert: str
    series: Mapping[str, str]
    fires: str
    labels: Mapping[str, str]
    says: str
    # Before this the fault is there, and not long enough.
    quiet: str
    resolved: str


SOURCE_LABELS = {"cluster": "edge", "team": "platform"}
POD_LABELS = {"namespace": "monitoring-platform", "pod": "prometheus-platform-0"}

WRITTEN = "prometheus_build_info{" + EDGE + ',prometheus_replica="prometheus-platform-%d"}'
WRITERS = f"cluster_team:federation_writers:expected{{{EDGE}}}"

CASES = (
    Case(
        alert="FederationWriterSilent",
        # One of two replicas stops; what the central side scrapes of itself has no replica label.
        series={
            WRITERS: "2x120",
            WRITTEN % 0: "1x120",
            WRITTEN % 1: "1x10 _x30 1x60",
            "prometheus_build_info{" + OWN + "}": "1x120",
        },
        quiet="18m",
        fires="22m",
        labels=SOURCE_LABELS,
        says="1 replicas of team platform on cluster edge have written nothing for 10 minutes. Alerts of this source "
        "are not seen here until it writes again.",
        resolved="43m",
    ),
    Case(
        alert="FederationWriterSilent",
        # It has never written. A source of the same cluster that is read does not count.
        series={
            WRITERS: "1x120",
            'team:up:count{cluster="edge",team="search",prometheus_replica="prometheus-search-0"}': "3x120",
            "team:up:count{" + EDGE + ',prometheus_replica="prometheus-platform-0"}': "_x29 3x60",
        },
        quiet="4m",
        fires="6m",
        labels=SOURCE_LABELS,
        says="1 replicas of team platform on cluster edge have written nothing for 10 minutes. Alerts of this source "
        "are not seen here until it writes again.",
        resolved="31m",
    ),
    Case(
        alert="FederationTargetDown",
        # One job of the target is up until minute 10.
        series={f"up{{{TARGET}}}": "1x4 0x40 1x60", f"up{{{OF_ALERTS}}}": "1x9 0x35 1x60", f"up{{{SECOND}}}": "1x120"},
        quiet="13m",
        fires="17m",
        labels={**SOURCE_LABELS, "instance": "192.0.2.7:31090"},
        says="The instance of team platform on cluster edge has not answered at 192.0.2.7:31090 for 5 minutes.",
        resolved="50m",
    ),
    Case(
        alert="FederationClusterSilent",
        series={EXPECTED: "2x120", f"up{{{TARGET}}}": "1x9 0x40 1x60", f"up{{{SECOND}}}": "1x4 0x100"},
        quiet="13m",
        fires="17m",
        labels={"cluster": "edge"},
        says="None of the 2 targets of cluster edge has answered for 5 minutes. Alerts of this cluster are not seen "
        "here until it answers.",
        resolved="55m",
    ),
    Case(
        alert="FederationClusterSilent",
        # Without any target, as after a monitor that was not selected.
        series={EXPECTED: "1x120", f"up{{{TARGET}}}": "_x29 1x60"},
        quiet="4m",
        fires="6m",
        labels={"cluster": "edge"},
        says="None of the 1 targets of cluster edge has answered for 5 minutes. Alerts of this cluster are not seen "
        "here until it answers.",
        resolved="31m",
    ),
    Case(
        alert="FederationTargetMissing",
        # Two jobs of one target are not two targets.
        series={
            EXPECTED: "2x120",
            f"up{{{TARGET}}}": "1x120",
            f"up{{{OF_ALERTS}}}": "1x120",
            f"up{{{SECOND}}}": "_x29 1x60",
        },
        quiet="9m",
        fires="11m",
        labels=SOURCE_LABELS,
        says="The source of team platform on cluster edge has 1 targets less than the inventory says, for 10 minutes.",
        resolved="31m",
    ),
    Case(
        alert="FederationTargetMissing",
        series={EXPECTED: "2x120", f"up{{{TARGET}}}": "_x29 1x90", f"up{{{SECOND}}}": "_x29 1x90"},
        quiet="9m",
        fires="11m",
        labels=SOURCE_LABELS,
        says="The source of team platform on cluster edge has 2 targets less than the inventory says, for 10 minutes.",
        resolved="31m",
    ),
    Case(
        alert="FederationSourceEmpty",
        # No alert fires at the source all the time, which is well.
        series={
            f"up{{{TARGET}}}": "1x120",
            f"up{{{OF_ALERTS}}}": "1x120",
            f"scrape_samples_scraped{{{TARGET}}}": "10x4 0x40 10x60",
            f"scrape_samples_scraped{{{OF_ALERTS}}}": "0x120",
        },
        quiet="14m",
        fires="16m",
        labels=SOURCE_LABELS,
        says="The source of team platform on cluster edge has returned no series for 10 minutes.",
        resolved="46m",
    ),
    Case(
        alert="FederationSourceStale",
        series={f"team:up:count{{{EDGE}}}": "5x10 _x30 5x60"},
        quiet="14m",
        fires="20m",
        labels=SOURCE_LABELS,
        says="The newest sample of team platform on cluster edge is 10m 0s old.",
        resolved="42m",
    ),
    Case(
        alert="FederationPayloadGrowth",
        series={f"scrape_samples_scraped{{{TARGET}}}": "900x299 2000x90 900x120"},
        quiet="358m",
        fires="361m",
        labels=SOURCE_LABELS,
        says="The source of team platform on cluster edge returns 2000 samples in each scrape, more than twice as many "
        "as on average of the day before.",
        resolved="392m",
    ),
    Case(
        alert="FederationScrapeSlow",
        series={
            f"up{{{TARGET}}}": "1x120",
            f"scrape_duration_seconds{{{TARGET}}}": "2x4 21x30 2x60",
            TIMEOUT: "25x120",
        },
        quiet="14m",
        fires="16m",
        labels=SOURCE_LABELS,
        says="The source of team platform on cluster edge takes 21s to answer, more than 80 % of the time-out of its "
        "scrapes.",
        resolved="36m",
    ),
    Case(
        alert="FederationScrapeSlow",
        # By the time-out of the source, not by that of others.
        series={
            f"up{{{TARGET}}}": "1x120",
            f"scrape_duration_seconds{{{TARGET}}}": "7x4 9x30 7x60",
            TIMEOUT: "10x120",
        },
        quiet="14m",
        fires="16m",
        labels=SOURCE_LABELS,
        says="The source of team platform on cluster edge takes 9s to answer, more than 80 % of the time-out of its "
        "scrapes.",
        resolved="36m",
    ),
    Case(
        alert="FederationSamplesOutOfOrder",
        series={
            f"prometheus_target_scrapes_sample_out_of_order_total{{{OWN}}}": "0x10 0+3x60 180x60",
            f"prometheus_target_scrapes_sample_out_of_bounds_total{{{OWN}}}": "0x150",
            f"prometheus_target_scrapes_sample_out_of_order_total{{{OF_THE_SOURCE}}}": "0+3x150",
            f"prometheus_target_scrapes_sample_out_of_bounds_total{{{OF_THE_SOURCE}}}": "0+3x150",
        },
        quiet="40m",
        fires="45m",
        labels=POD_LABELS,
        says="monitoring-platform/prometheus-platform-0 has dropped 30 samples in 10 minutes, because they are older "
        "than others of the same series, or too old at all.",
        resolved="85m",
    ),
    Case(
        alert="FederationSamplesDuplicate",
        series={f"prometheus_target_scrapes_sample_duplicate_timestamp_total{{{OWN}}}": "0x10 0+2x60 120x60"},
        quiet="40m",
        fires="45m",
        labels=POD_LABELS,
        says="monitoring-platform/prometheus-platform-0 has dropped 20 samples in 10 minutes, because it has another "
        "value of the same series and moment.",
        resolved="85m",
    ),
    Case(
        alert="FederationLimitHit",
        series={
            f"prometheus_target_scrapes_exceeded_sample_limit_total{{{OWN}}}": "0x10 0+2x30 60x60",
            f"prometheus_target_scrapes_exceeded_body_size_limit_total{{{OWN}}}": "0x120",
        },
        quiet="15m",
        fires="30m",
        labels=POD_LABELS,
        says="20 scrapes of monitoring-platform/prometheus-platform-0 have failed in 10 minutes, because the target "
        "returned more samples or bytes than its limit. All of such a scrape is lost.",
        resolved="55m",
    ),
)


@pytest.fixture(scope="module")
def promtool(request: pytest.FixtureRequest) -> Path:
    """The lab's promtool."""
    return lab_program(request, "promtool")


def run(promtool: Path, folder: Path, tests: Sequence[JsonObject]) -> subprocess.CompletedProcess[str]:
    """Let promtool evaluate the shipped rules over the series of *tests*."""
    # JSON is YAML.
    (folder / "rules.yml").write_text(json.dumps({"groups": GROUPS}))
    # Without an order promtool evaluates groups in any: an alert could see what was recorded an interval ago.
    order = [group["name"] for group in GROUPS]
    given = {"rule_files": ["rules.yml"], "group_eval_order": order, "tests": list(tests)}
    (folder / "tests.yml").write_text(json.dumps(given))
    command = [str(promtool), "test", "rules", str(folder / "tests.yml")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def as_test(case: Case) -> JsonObject:
    """What promtool is to check: silent at first, then one alert with these words, then silent again."""
    rule = ALERTS[case.alert]
    annotations = {
        "summary": rule["annotations"]["summary"].strip(),
        "description": case.says,
        "runbook_url": rule["annotations"]["runbook_url"].strip(),
    }
    alert = {"exp_labels": {**rule["labels"], **case.labels}, "exp_annotations": annotations}
    moments: tuple[tuple[str, list[JsonObject]], ...] = ((case.quiet, []), (case.fires, [alert]), (case.resolved, []))
    return {
        "name": f"{case.alert} at {case.fires}",
        "interval": "1m",
        "input_series": [
            {"series": series, "values": values} for series, values in {**OF_A_REGION, **case.series}.items()
        ],
        "alert_rule_test": [
            {"eval_time": moment, "alertname": case.alert, "exp_alerts": alerts} for moment, alerts in moments
        ],
    }


def test_every_alert_has_a_case() -> None:
    assert {case.alert for case in CASES} == ALERTS.keys()


def test_each_alert_fires_and_resolves(promtool: Path, tmp_path: Path) -> None:
    done = run(promtool, tmp_path, [as_test(case) for case in CASES])
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_healthy_federation_is_silent(promtool: Path, tmp_path: Path) -> None:
    """Two replicas with two jobs each, no alert at the source, and a region that has sources of its own."""
    claimed = 'cluster="edge",team="platform",claimed_cluster="branch"'
    series = {
        **OF_A_REGION,
        EXPECTED: "2x2000",
        **{f"up{{{labels}}}": "1x2000" for labels in (TARGET, SECOND, OF_ALERTS)},
        **{f"scrape_samples_scraped{{{labels}}}": "2000x2000" for labels in (TARGET, SECOND)},
        f"scrape_samples_scraped{{{OF_ALERTS}}}": "0x2000",
        **{f"scrape_duration_seconds{{{labels}}}": "0.5x2000" for labels in (TARGET, SECOND, OF_ALERTS)},
        f"team:up:count{{{EDGE}}}": "5x2000",
        f"cluster_team:federation_targets:expected{{{claimed}}}": "9x2000",
        f"cluster_team:federation_samples:sum{{{claimed}}}": "1+5000x2000",
        f"cluster_team:federation_age_seconds:min{{{claimed}}}": "4000x2000",
        f"prometheus_target_scrapes_sample_out_of_order_total{{{OWN}}}": "7x2000",
        f"prometheus_target_scrapes_sample_out_of_bounds_total{{{OWN}}}": "0x2000",
        f"prometheus_target_scrapes_sample_duplicate_timestamp_total{{{OWN}}}": "0x2000",
    }
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": "ALERTS", "eval_time": "1990m", "exp_samples": []}],
    }
    done = run(promtool, tmp_path, [test])
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_expectation_is_found(promtool: Path, tmp_path: Path) -> None:
    test = as_test(CASES[0])
    test["alert_rule_test"][0]["eval_time"] = CASES[0].fires
    assert run(promtool, tmp_path, [test]).returncode != 0


def test_the_page_explains_every_alert_where_its_runbook_leads() -> None:
    page = (CHECKOUT / "docs/federation-alerts.md").read_text()
    sections = re.findall(r"^## (\w+)$", page, flags=re.MULTILINE)
    assert [name for name in sections if name in ALERTS] == list(ALERTS)
    address = "https://github.com/promfleet/ansible-collection-monitoring/blob/main/docs/federation-alerts.md"
    for name, rule in ALERTS.items():
        assert rule["annotations"]["runbook_url"].strip() == f"{address}#{name.lower()}"
