"""A source that is queried is judged by what Thanos Query says of its sidecars."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import parse_fleet_teams
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.answers import Answers
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.chain import (
    CentralSide,
    federated_facts,
    pools_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Unobserved, judge_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject

from tests.unit.doctor.healthy import target_set

JsonObject = dict[str, t.Any]

PLACES = ("192.0.2.1:10901", "[2001:db8::1]:10901")
QUERIED = target_set(
    targets=[
        {"address": "192.0.2.1", "port": 10901, "replica": 0},
        {"address": "2001:db8::1", "port": 10901, "replica": 1},
    ],
    transport="thanos",
)
LABELS = {"cluster": "edge", "team": "pay", "prometheus": "monitoring-pay/pay"}
UNSEEN = Unobserved(
    code="PF003",
    object=Subject(cluster="hub", kind="Deployment", namespace="monitoring-platform", name="thanos-query-platform"),
    evidence={"reason": "no answer"},
)


def store(number: int, **changes: t.Any) -> JsonObject:
    """What Query says of the sidecar of one replica."""
    own = {**LABELS, "prometheus_replica": f"prometheus-pay-{number}"}
    return {"name": PLACES[number], "lastError": None, "labelSets": [own], **changes}


# What Query says of the sidecars, the code, and words of the message.
CASES: tuple[tuple[list[JsonObject], str, str], ...] = (
    ([store(0)], "PF394", "the sidecar at [2001:db8::1]:10901: it is not in the list of what Query asks"),
    (
        [store(0, lastError="remote error: tls: unknown certificate authority", labelSets=[]), store(1)],
        "PF394",
        "the sidecar at 192.0.2.1:10901: remote error: tls: unknown certificate authority",
    ),
    ([store(0, lastError={}), store(1)], "PF394", "it gives no reason (see its log)"),
    ([store(0, labelSets=[{**LABELS, "cluster": "far"}]), store(1)], "PF395", "has cluster=far, team=pay"),
    ([store(0), store(1, labelSets=store(0)["labelSets"])], "PF379", "0"),
)


def judged(stores: t.Any) -> tuple[list[str], list[Finding]]:
    """The checks that are well, and the findings."""
    team = parse_fleet_teams([], None, clusters=["hub"])[0]
    objects = dict.fromkeys(("Service", "EndpointSlice", "ServiceMonitor", "ScrapeConfig"), ())
    side = CentralSide(
        cluster="hub",
        team=team,
        clusters=("hub", "edge"),
        sources=(QUERIED,),
        objects=t.cast("t.Any", objects),
        prometheus=None,
        answers=Answers(reload_ok=True, targets=(), jobs={}, scrapes=(), series=(), offset=0.0),
        stores=stores,
    )
    links, findings = judge_all(federated_facts(side, QUERIED))
    return [link.check for link in links if link.finding is None], list(findings)


def test_a_source_whose_sidecars_answer_is_well() -> None:
    other = {"name": "192.0.2.9:10901", "lastError": "connection refused", "labelSets": []}
    assert judged([store(0), store(1), other]) == (
        ["federation_queried", "federation_queried_identity", "federation_queried_replicas"],
        [],
    )


@pytest.mark.parametrize(("stores", "code", "words"), CASES)
def test_one_fault_is_one_finding(stores: list[JsonObject], code: str, words: str) -> None:
    _well, (finding,) = judged(stores)
    assert finding.code == code
    assert words in finding.message
    assert finding.fix


def test_without_an_answer_nothing_is_well() -> None:
    well, found = judged(UNSEEN)
    assert well == []
    assert {finding.observed for finding in found} == {False}


def test_what_is_queried_has_no_job() -> None:
    team = parse_fleet_teams([], None, clusters=["hub"])[0]
    assert pools_of([QUERIED], team=team, cluster="hub") == frozenset()
