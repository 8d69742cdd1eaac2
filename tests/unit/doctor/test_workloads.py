"""The chain of a workload, link by link: each broken link has its code, and the first one explains the others."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Facts, Unobserved, judge_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.workloads import (
    PartFacts,
    RuleFacts,
    pool_name,
    scraped_too,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject

MONITOR = ("monitoring-platform", "workload-coredns")
TARGET = {"labels": {"job": "coredns"}, "health": "up", "lastError": ""}
DOWN = {**TARGET, "health": "down", "lastError": "connection refused"}
PROMETHEUS = Subject(cluster="hub", kind="Prometheus", namespace="monitoring-platform", name="platform")

WELL = PartFacts(
    cluster="hub",
    team="platform",
    namespace="monitoring-platform",
    workload="coredns",
    job="coredns",
    kind="PodMonitor",
    required=True,
    budget=1500,
    monitors={MONITOR: True},
    pools={"podMonitor/monitoring-platform/workload-coredns/0"},
    targets=(TARGET, TARGET),
    metrics={"coredns_build_info": 2},
    series=300,
)
RULES = RuleFacts(
    cluster="hub",
    team="platform",
    namespace="monitoring-platform",
    workload="coredns",
    name="workload-coredns",
    wanted=("coredns.alerts", "coredns.targets"),
    groups=(
        {"name": "coredns.alerts", "rules": [{"name": "CoreDNSPanics", "health": "ok"}]},
        {"name": "coredns.targets", "rules": [{"name": "WorkloadTargetsAbsent", "health": "unknown"}]},
    ),
)


def findings(*facts: Facts) -> list[Finding]:
    """What is wrong, causes first."""
    return judge_all(facts)[1]


def part(**changes: t.Any) -> PartFacts:
    """A part that is well but for *changes*."""
    return dataclasses.replace(WELL, **changes)


def test_a_workload_that_works_has_no_findings() -> None:
    links, found = judge_all((WELL, RULES))
    assert found == []
    assert [link.check for link in links] == [
        "workload_monitor",
        "workload_loaded",
        "workload_targets",
        "workload_up",
        "workload_metrics",
        "workload_budget",
        "workload_once",
        "workload_rules",
    ]


NOTHING: dict[str, t.Any] = {"targets": (), "metrics": {"coredns_build_info": 0}, "series": 0}


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"monitors": {MONITOR: False}, "pools": set(), **NOTHING}, ["PF501", "PF503"]),
        ({"pools": set(), **NOTHING}, ["PF502", "PF503"]),
        (NOTHING, ["PF503"]),
        ({"targets": (TARGET, DOWN), "metrics": {"coredns_build_info": 1}}, ["PF504"]),
        ({"targets": (DOWN,), "metrics": {"coredns_build_info": 0}, "series": 0}, ["PF504"]),
        ({"metrics": {"coredns_build_info": 1}}, ["PF505"]),
        ({"series": 1501}, ["PF507"]),
        ({"others": ("serviceMonitor/monitoring/kubelet/0",)}, ["PF508"]),
    ],
)
def test_each_broken_link_has_its_code_first(changes: dict[str, t.Any], codes: list[str]) -> None:
    found = findings(part(**changes))
    assert [one.code for one in found] == codes
    assert all(one.caused_by == (found[0].fingerprint,) for one in found[1:])


def test_what_may_be_absent_needs_no_target() -> None:
    assert findings(part(required=False, **NOTHING)) == []


def test_what_another_role_watches_needs_no_monitor() -> None:
    assert findings(part(monitors={}, pools=set())) == []


def test_a_job_of_another_roles_monitor_may_have_targets_of_other_programs() -> None:
    """A config reloader beside each pod."""
    assert findings(part(monitors={}, metrics={"coredns_build_info": 1})) == []
    (found,) = findings(part(monitors={}, metrics={"coredns_build_info": 0}))
    assert found.code == "PF505"


def test_what_another_job_scrapes_too_is_found_by_its_address() -> None:
    def target(pool: str, url: str) -> dict[str, str]:
        return {"scrapePool": pool, "scrapeUrl": url}

    own = "scrapeConfig/monitoring-platform/workload-kubelet-kubelet"
    other = "serviceMonitor/monitoring-platform/kubelet/0"
    targets = [
        target(own, "https://10.0.0.1:10250/metrics"),
        target(other, "https://10.0.0.1:10250/metrics/cadvisor"),
    ]
    assert scraped_too(targets, own={own}) == ()
    assert scraped_too([*targets, target(other, "https://10.0.0.1:10250/metrics")], own={own}) == (other,)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("PodMonitor", "podMonitor/a/b/0"),
        ("ServiceMonitor", "serviceMonitor/a/b/0"),
        ("ScrapeConfig", "scrapeConfig/a/b"),
    ],
)
def test_the_operator_calls_jobs_after_their_monitors(kind: str, name: str) -> None:
    assert pool_name(kind, "a", "b") == name


def test_missing_metrics_are_named_and_bounded() -> None:
    (found,) = findings(part(metrics={f"metric_{number}": 0 for number in range(8)}))
    assert found.message.endswith("do not have metric_0, metric_1, metric_2, metric_3, metric_4, 3 more")


def test_a_group_that_is_not_loaded_and_a_rule_that_fails_are_one_finding() -> None:
    groups = ({"name": "coredns.alerts", "rules": [{"name": "CoreDNSSlow", "health": "err", "lastError": "many"}]},)
    (found,) = findings(dataclasses.replace(RULES, groups=groups))
    assert found.code == "PF506"
    assert found.message.endswith("group coredns.targets is not loaded, CoreDNSSlow: many")


def test_a_prometheus_that_does_not_answer_is_one_finding() -> None:
    silent = Unobserved(code="PF003", object=PROMETHEUS, evidence={"reason": "no answer"})
    facts = part(pools=silent, targets=silent, metrics=silent, series=silent)
    assert [one.code for one in findings(facts, dataclasses.replace(RULES, groups=silent))] == ["PF003"]
