"""A pod that is not ready says why, in its own words or in those of its node."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import judge_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.grounds import PodFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.observation import (
    as_data,
    parse_observations,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.pod_states import (
    asks_its_node,
    why_not_running,
)

from tests.unit.doctor.healthy import HERE
from tests.unit.doctor.test_checks import AT_SOURCE, CLOSED, resource

JsonObject = dict[str, t.Any]


def container(name: str = "prometheus", *, ready: bool = False, restarts: int = 0, **states: t.Any) -> JsonObject:
    last = states.pop("last", None)
    return {
        "name": name,
        "ready": ready,
        "restartCount": restarts,
        "state": states or {"running": {}},
        "lastState": {"terminated": last} if last else {},
    }


def pod(*containers: JsonObject, ready: bool = False, scheduled: str = "", **status: t.Any) -> JsonObject:
    conditions = [{"type": "Ready", "status": str(ready)}]
    conditions.append({"type": "PodScheduled", "status": str(not scheduled), "message": scheduled})
    metadata = {"name": "prometheus-pay-0", **status.pop("metadata", {})}
    own = {"conditions": conditions, "containerStatuses": [*containers], **status}
    return {"metadata": metadata, "spec": {} if scheduled else {"nodeName": "n1"}, "status": own}


KILLED = {"reason": "OOMKilled", "exitCode": 137, "message": "password=secret"}
ENDED = {"reason": "Error", "exitCode": 1}
BACK_OFF = {"reason": "CrashLoopBackOff", "message": "back-off 1m20s restarting failed container"}
PULL = {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "x"'}
DONE = container("init", ready=True, terminated={"exitCode": 0})
NODE = {
    "metadata": {"name": "n1"},
    "status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "gone"}]},
}
WELL = {"metadata": {"name": "n1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]}}


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (pod(container(ready=True), ready=True), ""),
        # It was restarted once, and is well since.
        (pod(container(ready=True, restarts=1, last=KILLED), ready=True), ""),
        # It starts: only time is missing.
        (pod(container(), initContainerStatuses=[DONE]), ""),
        (
            pod(container(restarts=4, waiting=BACK_OFF, last=KILLED), container("reloader", ready=True)),
            "container prometheus waits: CrashLoopBackOff, ended with OOMKilled (exit code 137), 4 restarts",
        ),
        (pod(container(terminated=ENDED)), "container prometheus ended with Error (exit code 1), 0 restarts"),
        (
            pod(container(restarts=1, last=ENDED)),
            "container prometheus ended with Error (exit code 1), 1 restarts",
        ),
        (pod(container(waiting=PULL)), 'container prometheus waits: ImagePullBackOff (Back-off pulling image "x")'),
        (
            pod(initContainerStatuses=[container("init", restarts=2, waiting=BACK_OFF, last=ENDED)]),
            "container init waits: CrashLoopBackOff, ended with Error (exit code 1), 2 restarts",
        ),
        (pod(scheduled="0/1 nodes are available"), "no node takes it: 0/1 nodes are available"),
        (
            pod(container(ready=True), ready=True, metadata={"deletionTimestamp": "2026-12-01T03:00:00Z"}),
            "it is being deleted since 2026-12-01T03:00:00Z",
        ),
        (pod(phase="Failed", reason="Evicted", message="The node was low on memory"), "Evicted: The node was low on"),
    ],
)
def test_why_a_pod_is_not_ready(found: JsonObject, reason: str) -> None:
    said = why_not_running(found, WELL)
    assert said.startswith(reason)
    assert bool(said) == bool(reason)
    assert "secret" not in said


def test_a_pod_whose_containers_are_well_has_a_node_that_is_not() -> None:
    lost = pod(container(ready=True))
    assert asks_its_node(lost)
    assert why_not_running(lost, NODE) == "its node n1 is not ready: gone"
    assert why_not_running(lost, WELL) == ""
    assert not asks_its_node(pod(container(waiting=BACK_OFF)))
    assert not asks_its_node(pod(scheduled="no room"))


def test_the_central_side_knows_why_a_source_does_not_run() -> None:
    """What the pod says comes first, and not the instance, or the way to it."""
    reason = "container prometheus waits: CrashLoopBackOff"
    states = (("prometheus-pay-0", reason),)
    facts = PodFacts(
        cluster="edge", team="pay", namespace="monitoring-pay", kind="Prometheus", name="pay", refusal="", states=states
    )
    (peer,) = parse_observations([json.loads(json.dumps(as_data("edge", [facts])))], path="peers")
    instance = {**AT_SOURCE.__dict__, "prometheus": resource("Prometheus", generation=2)}
    found = judge_all([*peer.of_source("pay", place=HERE), type(AT_SOURCE)(**instance), CLOSED])[1]
    assert [(one.code, bool(one.caused_by)) for one in found] == [("PF215", False), ("PF202", True), ("PF360", True)]
    assert found[0].message == f"pod prometheus-pay-0: {reason}"
