"""What a worker's run saw reaches the central side as plain data, and is judged there by the same checks."""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Unobserved, judge_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.observation import (
    as_data,
    parse_observations,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Subject
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

from tests.unit.doctor.healthy import ACCESS, HERE, OBSERVED, REPLICA
from tests.unit.doctor.test_checks import INSTANCE, with_managers
from tests.unit.doctor.test_checks import live as live_prometheus

GONE = Unobserved(code="PF002", object=Subject(cluster="edge", kind="Pod", name="*"), evidence={"reason": "forbidden"})
FACTS = [
    dataclasses.replace(REPLICA, service=None, pod=GONE, place=("instance monitoring-pay/pay",)),
    dataclasses.replace(ACCESS, policies=()),
]


def test_facts_survive_the_way() -> None:
    data = json.loads(json.dumps(as_data("edge", [*FACTS, OBSERVED])))
    (peer,) = parse_observations([data], path="peers")
    found = peer.of_source("pay", place=HERE)
    assert peer.cluster == "edge"
    assert [one.scope for one in found] == [HERE, HERE]
    assert peer.of_source("other", place=HERE) == []

    def told(facts: t.Iterable[t.Any]) -> set[tuple[str, Subject, str]]:
        return {(one.code, one.object, one.message) for one in judge_all(facts)[1]}

    assert told(found) == told(FACTS)
    assert {code for code, _object, _message in told(found)} >= {"PF320", "PF002"}


def test_the_other_side_knows_what_others_set_beside_our_fields() -> None:
    """Such a field differs from nothing that is described: only managedFields say who set it."""
    for facts, code in ((INSTANCE, "PF240"), (INSTANCE, None)):
        live = with_managers(live_prometheus(listenLocal=True), "listenLocal") if code else live_prometheus()
        data = as_data("edge", [dataclasses.replace(facts, prometheus=live)])
        (peer,) = parse_observations([json.loads(json.dumps(data))], path="peers")
        found = judge_all(peer.of_source("pay", place=HERE))[1]
        assert [one.code for one in found] == ([code] if code else [])


def test_an_object_that_is_all_ours_comes_without_its_managers() -> None:
    ours = {"manager": "promfleet.monitoring", "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}
    live = live_prometheus()
    live["metadata"] = {**live["metadata"], "managedFields": [ours]}
    data = as_data("edge", [dataclasses.replace(INSTANCE, prometheus=live)])
    assert "managedFields" not in json.dumps(data)


GOOD: t.Any = as_data("edge", FACTS)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({**GOOD, "schema_version": 2}, r"peers\[0\].schema_version: is 2, and this release reads 1"),
        ({"cluster": "edge"}, r"peers\[0\]: is not what federation_doctor returned"),
        (7, r"peers\[0\]: is not what federation_doctor returned"),
        ({**GOOD, "facts": [{"kind": "Strange", "values": {}}]}, r"peers\[0\]: is not what"),
        ({**GOOD, "facts": [{"kind": "ReplicaFacts", "values": {"team": "pay"}}]}, r"peers\[0\]: is not what"),
    ],
)
def test_what_is_no_observation_is_refused(raw: t.Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_observations([raw], path="peers")
