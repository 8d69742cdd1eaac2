"""A source that writes is judged by what has arrived, and never healthy where that is not known."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import parse_fleet_teams
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.answers import Answers, nothing
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.chain import CentralSide, federated_facts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Unobserved, judge_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.fleet import facts_of_peers
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.peers import PeerFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject

from tests.unit.doctor.healthy import target_set

JsonObject = dict[str, t.Any]

WRITES = target_set(targets=[], transport="remote_write", writers=2)
RECEIVES = {"kind": "Prometheus", "metadata": {"name": "platform"}, "spec": {"enableRemoteWriteReceiver": True}}
UNSEEN = Unobserved(
    code="PF003",
    object=Subject(cluster="hub", kind="Prometheus", namespace="monitoring-platform", name="platform"),
    evidence={"reason": "no answer"},
)
# By the code: the live receiver, of how many replicas of which team series have arrived, and words of the message.
CASES: tuple[tuple[str, JsonObject, dict[str, float], str], ...] = (
    ("PF392", {**RECEIVES, "spec": {}}, {"pay": 2}, "does not take what others write"),
    ("PF393", RECEIVES, {"pay": 1}, "series of 1 of 2 replicas have arrived in the last 90 s"),
    # Another source of the same cluster says nothing about this one.
    ("PF393", RECEIVES, {"other": 2}, "series of 0 of 2 replicas"),
)


def rows(seen: t.Mapping[str, float]) -> list[JsonObject]:
    """What the central Prometheus answers."""
    return [
        {"metric": {"promfleet_asked": "written", "cluster": "edge", "team": team}, "value": [0, str(number)]}
        for team, number in seen.items()
    ]


def side(prometheus: t.Any, answers: Answers) -> CentralSide:
    team = parse_fleet_teams([], None, clusters=["hub"])[0]
    objects = dict.fromkeys(("Service", "EndpointSlice", "ServiceMonitor", "ScrapeConfig"), ())
    return CentralSide(
        cluster="hub",
        team=team,
        clusters=("hub", "edge"),
        sources=(WRITES,),
        objects=t.cast("t.Any", objects),
        prometheus=prometheus,
        answers=answers,
    )


def answers(seen: t.Mapping[str, float]) -> Answers:
    return Answers(reload_ok=True, targets=(), jobs={}, scrapes=(), series=rows(seen), offset=0.0)


def judged(prometheus: t.Any, said: Answers) -> tuple[list[str], list[Finding]]:
    """The checks that are well, and the findings."""
    links, findings = judge_all(federated_facts(side(prometheus, said), WRITES))
    return [link.check for link in links if link.finding is None], list(findings)


def test_a_source_whose_series_arrive_is_well() -> None:
    assert judged(RECEIVES, answers({"pay": 2})) == (["federation_receives", "federation_written"], [])


@pytest.mark.parametrize(("code", "prometheus", "seen", "words"), CASES)
def test_one_fault_is_one_finding(code: str, prometheus: JsonObject, seen: dict[str, float], words: str) -> None:
    _well, (finding,) = judged(prometheus, answers(seen))
    assert finding.code == code
    assert words in finding.message
    assert finding.fix


def test_what_does_not_receive_explains_what_does_not_arrive() -> None:
    _well, found = judged({**RECEIVES, "spec": {}}, answers({}))
    root, follows = found
    assert (root.code, root.caused_by) == ("PF392", ())
    assert (follows.code, follows.caused_by) == ("PF393", (root.fingerprint,))


def test_without_an_answer_nothing_is_well() -> None:
    well, found = judged(UNSEEN, nothing(UNSEEN))
    assert well == []
    assert {finding.observed for finding in found} == {False}


def test_there_is_no_address_to_compare_with() -> None:
    facts = facts_of_peers(side(RECEIVES, answers({"pay": 2})), [], workers=["edge"])
    assert not [one for one in facts if isinstance(one, PeerFacts)]
