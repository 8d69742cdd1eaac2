"""A change that is going on explains for a while what does not work yet, and then no more."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.headers import seconds_ahead
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.changing import (
    InstanceChangeFacts,
    SourceChangeFacts,
    named_times,
    pods_limit,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Facts, Unobserved, judge_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.observation import (
    as_data,
    parse_observations,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.operators import OperatorFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import make_report

from tests.unit.doctor.healthy import FEDERATED, TARGETS, target

JsonObject = dict[str, t.Any]

NOW = dt.datetime(2026, 11, 29, 5, 30, tzinfo=dt.UTC)
# Each of them is reported in this file.
CODES = {"PF106", "PF206", "PF207", "PF208"}


def ago(seconds: float) -> str:
    """A time as the API server writes it."""
    return (NOW - dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(*, created: float, ending: float | None = None, grace: int = 600) -> JsonObject:
    """A pod that was created so many seconds ago, and was told to end *ending* seconds ago."""
    metadata: JsonObject = {"name": "prometheus-pay-0", "creationTimestamp": ago(created), "labels": {"a": "b"}}
    if ending is not None:
        metadata |= {"deletionTimestamp": ago(ending - grace), "deletionGracePeriodSeconds": grace}
    return {"metadata": metadata}


def instance(*pods: JsonObject, limit: float = 300.0) -> InstanceChangeFacts:
    return InstanceChangeFacts(
        cluster="edge",
        team="pay",
        namespace="monitoring-pay",
        name="pay",
        pods=named_times(pods),
        now=NOW.timestamp(),
        limit=limit,
    )


def excuses(facts: Facts) -> list[Finding]:
    """What its checks say by themselves; where they explain nothing, that is left out."""
    findings = [finding for check in facts.checks for finding in check.judge(facts) or ()]
    assert judge_all([facts])[1] == []
    assert [link.finding for link in judge_all([facts])[0]] == [None] * len(facts.checks)
    return findings


@pytest.mark.parametrize(
    ("pods", "words"),
    [
        ([pod(created=12)], "its pod prometheus-pay-0 was created 12 s ago: for up to 300 s"),
        ([pod(created=300)], "created 300 s ago"),
        # A clock that is behind: it was created just now.
        ([pod(created=-5)], "created 0 s ago"),
        ([pod(created=9000, ending=20)], "the deletion of its pod prometheus-pay-0 began 20 s ago"),
        ([pod(created=9000), pod(created=40)], "created 40 s ago"),
        # The newest change counts.
        ([pod(created=40), pod(created=9000, ending=3)], "deletion of its pod prometheus-pay-0 began 3 s ago"),
    ],
)
def test_new_and_ending_pods_are_a_change(pods: list[JsonObject], words: str) -> None:
    (finding,) = excuses(instance(*pods))
    assert (finding.code, finding.severity) == ("PF206", "info")
    assert words in finding.message


@pytest.mark.parametrize("pods", [[], [pod(created=301)], [pod(created=9000)], [pod(created=9000, ending=301)]])
def test_old_pods_are_not(pods: list[JsonObject]) -> None:
    assert excuses(instance(*pods)) == []


@pytest.mark.parametrize(("interval", "limit"), [(30.0, 300.0), (5.0, 60.0), (60.0, 600.0)])
def test_the_limit_follows_the_interval(interval: float, limit: float) -> None:
    assert pods_limit(interval) == limit


def written(kind: str, seconds: float, *, status: float = 1.0) -> JsonObject:
    """An object that was written so many seconds ago, and its status after that."""
    entries = [
        {"manager": "promfleet.monitoring", "time": ago(seconds + 5000)},
        {"manager": "kubectl-edit", "time": ago(seconds)},
        {"manager": "operator", "subresource": "status", "time": ago(status)},
        {"manager": "old"},
    ]
    return {"kind": kind, "metadata": {"name": "x", "managedFields": entries}}


def source(*objects: JsonObject, prometheus: JsonObject | None = None) -> SourceChangeFacts:
    monitor = Subject(cluster="hub", kind="ServiceMonitor", namespace="monitoring-platform", name="m")
    return SourceChangeFacts(
        scope_of=("instance monitoring-platform/platform", "source edge/pay"),
        monitor=monitor,
        objects=objects,
        prometheus=prometheus,
        now=NOW.timestamp(),
        limit=180.0,
    )


def test_objects_that_were_written_a_moment_ago_may_not_be_loaded() -> None:
    facts = source(written("Service", 9000), written("ServiceMonitor", 30), prometheus=written("Prometheus", 100))
    (finding,) = excuses(facts)
    assert (finding.code, finding.severity) == ("PF207", "info")
    assert "Prometheus x, ServiceMonitor x changed 30 s ago: Prometheus has the change after up to 180 s" in (
        finding.message
    )


@pytest.mark.parametrize("facts", [source(), source(written("Service", 181)), source(prometheus=written("P", 181))])
def test_a_written_status_is_not_a_change(facts: SourceChangeFacts) -> None:
    assert excuses(facts) == []


# -- the operator ---------------------------------------------------------------------------------------------------


def operator_of(deployment: JsonObject | None, *, changes: bool = True) -> OperatorFacts:
    return OperatorFacts(
        cluster="edge",
        namespace="prometheus-operator",
        name="prometheus-operator",
        missing_kinds=(),
        deployment=deployment,
        quarrels=(),
        changes=changes,
    )


def operator(*, changes: bool = True, **status: t.Any) -> OperatorFacts:
    deployment = {
        "kind": "Deployment",
        "metadata": {"name": "prometheus-operator", "generation": 2},
        "spec": {"replicas": 1},
        "status": {"observedGeneration": 2, "updatedReplicas": 1, "replicas": 1, **status},
    }
    return operator_of(deployment, changes=changes)


def progressing(reason: str, status: str = "True") -> JsonObject:
    return {"conditions": [{"type": "Progressing", "status": status, "reason": reason}]}


@pytest.mark.parametrize(
    "status",
    [progressing("ReplicaSetUpdated"), progressing("NewReplicaSetCreated"), {"observedGeneration": 1}],
)
def test_a_rollout_of_the_operator_explains_that_it_is_not_ready(status: JsonObject) -> None:
    _links, findings = judge_all([operator(**status)])
    assert [(one.code, one.severity) for one in findings] == [("PF103", "info"), ("PF106", "info")]
    assert findings[0].caused_by == (findings[1].fingerprint,)


@pytest.mark.parametrize(
    "status",
    [
        progressing("NewReplicaSetAvailable"),
        progressing("ProgressDeadlineExceeded", "False"),
        {},
    ],
)
def test_an_operator_that_does_not_get_ready_is_a_fault(status: JsonObject) -> None:
    _links, findings = judge_all([operator(**status)])
    assert [(one.code, one.severity) for one in findings] == [("PF103", "error")]


def test_a_ready_operator_is_not_being_changed() -> None:
    assert judge_all([operator(availableReplicas=1, **progressing("NewReplicaSetAvailable"))])[1] == []


def test_who_waits_for_the_end_of_changes_hears_of_what_is_not_ready() -> None:
    _links, (finding,) = judge_all([operator(changes=False, **progressing("ReplicaSetUpdated"))])
    assert (finding.code, finding.severity) == ("PF103", "error")


# -- what follows ---------------------------------------------------------------------------------------------------


class Symptom(Facts):
    """A source that cannot be read, for which there may be several reasons."""

    scope = ("instance monitoring-pay/pay", "source edge/pay")
    object = Subject(cluster="edge", kind="Prometheus", namespace="monitoring-pay", name="pay")
    checks = ()


def failing(findings: t.Sequence[Finding]) -> list[str]:
    report = make_report(
        cluster="edge",
        links=(),
        findings=findings,
        suppressions=(),
        today=NOW.date(),
        whole_fleet=False,
        fail_on="warning",
        show_from="info",
    )
    return [one.code for one in report.failing]


def unobserved() -> Unobserved:
    return Unobserved(code="PF003", object=Symptom.object, evidence={"reason": "connection refused"})


def test_what_could_not_be_observed_because_of_a_change_does_not_fail() -> None:
    new = instance(pod(created=10))
    silent = InstanceChangeFacts(**{**vars(instance()), "pods": unobserved()})
    assert failing(judge_all([silent])[1]) == ["PF003"]
    findings = judge_all([new, silent])[1]
    assert [(one.code, one.passing) for one in findings] == [("PF003", True), ("PF206", False)]
    assert failing(findings) == []


def test_a_fault_beside_a_change_fails() -> None:
    """Being replaced excuses nothing that has another cause, too."""
    broken = operator_of(None)
    silent = InstanceChangeFacts(**{**vars(instance()), "pods": unobserved()})
    findings = judge_all([broken, instance(pod(created=10)), silent])[1]
    assert failing(findings) == ["PF102", "PF003"]


def down(*more: Facts) -> list[tuple[str, str]]:
    """What is found of a source that refuses connections, beside other facts."""
    refused = target("down")
    findings = judge_all([*more, dataclasses.replace(TARGETS, targets=(refused,))])[1]
    return [(one.code, one.severity) for one in findings if one.code in {"PF360", *CODES}]


def test_a_source_whose_pod_is_new_may_be_down() -> None:
    assert down() == [("PF360", "error")]
    new = dataclasses.replace(instance(pod(created=10)), place=TARGETS.scope)
    assert down(new) == [("PF208", "info"), ("PF360", "info")]


def test_a_new_pod_of_the_central_instance_takes_no_source_down() -> None:
    new = dataclasses.replace(instance(pod(created=10)), namespace="monitoring-platform", team="platform")
    assert new.scope == TARGETS.scope[:1]
    assert down(new) == [("PF360", "error")]


# -- between clusters -----------------------------------------------------------------------------------------------


def test_the_other_side_hears_of_it() -> None:
    data = as_data("edge", [instance(pod(created=12))])
    (peer,) = parse_observations([data], path="peers")
    place = ("instance monitoring-platform/platform", "source edge/pay")
    (facts,) = peer.of_source("pay", place=place)
    (finding,) = excuses(facts)
    assert finding.code == "PF208"
    assert finding.object.cluster == "edge"


@pytest.mark.parametrize(
    ("date", "ahead"),
    [
        ("Sun, 29 Nov 2026 05:30:00 GMT", 0.0),
        ("Sun, 29 Nov 2026 05:31:00 GMT", 60.0),
        ("", None),
        (None, None),
        ("soon", None),
    ],
)
def test_the_servers_clock(date: str | None, ahead: float | None) -> None:
    assert seconds_ahead(date, now=NOW.timestamp()) == ahead


def test_what_a_fault_explains_needs_no_excuse() -> None:
    """The finding hangs on the fault alone, and what excuses nothing is left out."""
    moved = dataclasses.replace(FEDERATED, slices=(), prometheus=FEDERATED.prometheus)
    new = dataclasses.replace(instance(pod(created=10)), place=TARGETS.scope)
    findings = judge_all([new, moved, dataclasses.replace(TARGETS, targets=())])[1]
    by_code = {one.code: one for one in findings}
    assert by_code["PF303"].caused_by == (by_code["PF301"].fingerprint,)
    assert "PF208" not in by_code
