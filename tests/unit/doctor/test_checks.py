"""Each broken link is named by itself, with what to do; what comes after it in the chain is not guessed at."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    InstanceFacts,
    OperatorFacts,
    SourceFacts,
    instance_checks,
    operator_checks,
    source_checks,
)

JsonObject = dict[str, t.Any]


def resource(kind: str, *, generation: int = 1) -> JsonObject:
    return {
        "kind": kind,
        "metadata": {"name": "pay", "generation": generation},
        "spec": {"replicas": 1},
        "status": {
            "conditions": [
                {"type": name, "status": "True", "observedGeneration": 1} for name in ("Available", "Reconciled")
            ],
            "observedGeneration": 1,
            "replicas": 1,
            "updatedReplicas": 1,
            "availableReplicas": 1,
        },
    }


OPERATOR = OperatorFacts(namespace="op", missing_kinds=(), deployment=resource("Deployment"))
INSTANCE = InstanceFacts(
    team="pay",
    namespace="monitoring-pay",
    prometheus=resource("Prometheus"),
    alertmanager=resource("Alertmanager"),
    wants_prometheus=True,
    wants_alertmanager=True,
    reload_ok=True,
    targets=({"labels": {"namespace": "monitoring-pay"}, "health": "up"},),
)
SOURCE = SourceFacts(
    cluster="edge",
    team="pay",
    job="federation/edge/pay",
    addresses=("192.0.2.1",),
    missing_objects=(),
    selector={"a": "b"},
    service_labels={"a": "b", "c": "d"},
    targets=({"health": "up", "scrapeUrl": "http://192.0.2.1/federate"},),
    series=5,
    samples_scraped=5,
)


def broken(checks: list[Check]) -> list[Check]:
    return [check for check in checks if not check.ok]


def test_nothing_is_found_where_all_is_well() -> None:
    checks = operator_checks(OPERATOR) + instance_checks(INSTANCE) + source_checks(SOURCE)
    assert not broken(checks)
    assert all(check.message for check in checks)


@pytest.mark.parametrize(
    ("change", "link", "words"),
    [
        ({"missing_kinds": ("Prometheus",)}, "crds", "does not serve Prometheus"),
        ({"deployment": None}, "operator", "does not exist"),
        ({"deployment": resource("Deployment", generation=2)}, "operator", "has not seen this generation"),
    ],
)
def test_a_broken_operator(change: dict[str, t.Any], link: str, words: str) -> None:
    expect_one(operator_checks(dataclasses.replace(OPERATOR, **change)), link=link, words=words)


@pytest.mark.parametrize(
    ("change", "link", "words"),
    [
        ({"prometheus": None}, "instance_available", "does not exist"),
        ({"alertmanager": resource("Alertmanager", generation=2)}, "instance_available", "generation 1, not 2"),
        ({"error": "HTTP 503: no endpoints available"}, "prometheus_answers", "no endpoints available"),
        ({"reload_ok": False}, "configuration_loaded", "reload of the configuration failed"),
        ({"targets": ()}, "own_target_up", "none of its 0 own targets"),
        (
            {"targets": ({"labels": {"namespace": "monitoring-pay"}, "health": "down"},)},
            "own_target_up",
            "none of its 1 own targets",
        ),
    ],
)
def test_a_broken_instance(change: dict[str, t.Any], link: str, words: str) -> None:
    expect_one(instance_checks(dataclasses.replace(INSTANCE, **change)), link=link, words=words)


@pytest.mark.parametrize(
    ("change", "link", "words"),
    [
        ({"missing_objects": ("EndpointSlice federation-edge-pay-0",)}, "objects", "missing: EndpointSlice"),
        ({"service_labels": {"a": "x"}}, "selection", "selects a=b"),
        ({"targets": ()}, "target", "0 of 1 targets"),
        (
            {"targets": ({"health": "down", "scrapeUrl": "http://x", "lastError": "connection refused"},)},
            "target_up",
            "http://x: connection refused",
        ),
        ({"series": 0, "samples_scraped": 0}, "data", "its answer is empty"),
        ({"series": 0}, "data", "5 samples, but no series carries cluster='edge'"),
    ],
)
def test_a_broken_federation(change: dict[str, t.Any], link: str, words: str) -> None:
    checks = source_checks(dataclasses.replace(SOURCE, **change))
    expect_one(checks, link=f"federation_{link}", words=words)
    assert checks[-1].check == f"federation_{link}"


def expect_one(checks: list[Check], *, link: str, words: str) -> None:
    (finding,) = broken(checks)
    assert finding.check == link
    assert words in finding.message
    assert finding.hint


def test_what_is_not_wanted_is_not_looked_for() -> None:
    facts = dataclasses.replace(
        INSTANCE, wants_prometheus=False, prometheus=None, wants_alertmanager=False, alertmanager=None
    )
    assert instance_checks(facts) == []
