"""Facts hold what is on the allow-list; nothing of that changes what the checks say."""

from __future__ import annotations

import copy
import dataclasses
import json
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.instance import prometheus_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.chain import shown_instance
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import judge_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.drift import drift
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.shown import (
    NOT_SHOWN,
    selector_labels,
    shown,
    shown_job,
    shown_labels,
    shown_target,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.integration.support.fleets import KINDS, objects
from tests.unit.capabilities.builders import teams
from tests.unit.doctor.healthy import EXPOSING, JOB, MONITOR, POLICY, REPLICA, SERVICE, SLICE, target

JsonObject = dict[str, t.Any]
# The kinds that the doctor compares with what a run applies.
COMPARED = {"EndpointSlice", "NetworkPolicy", "Prometheus", "ScrapeConfig", "Service", "ServiceMonitor"}
CANARY = "canary-8c1f0d7e"
DESIRED = [SERVICE, SLICE, MONITOR, EXPOSING, POLICY]
PATHS: list[tuple[JsonObject, tuple[str | int, ...]]] = [
    (SERVICE, ("metadata", "annotations", "note")),
    (SERVICE, ("spec", "externalName")),
    (SERVICE, ("spec", "unknown", "deeper", "still")),
    (SLICE, ("endpoints", 0, "hostname")),
    (SLICE, ("metadata", "labels", "password")),
    (MONITOR, ("spec", "endpoints", 0, "proxyUrl")),
    (MONITOR, ("spec", "endpoints", 0, "params", "token")),
    (MONITOR, ("spec", "endpoints", 0, "relabelings", 0, "replacement")),
    (MONITOR, ("spec", "endpoints", 0, "basicAuth", "password")),
    (POLICY, ("metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")),
]


def planted(obj: JsonObject, path: tuple[str | int, ...]) -> JsonObject:
    result = copy.deepcopy(obj)
    holder: t.Any = result
    for part in path[:-1]:
        holder = holder.setdefault(part, {}) if isinstance(part, str) else holder[part]
    holder[path[-1]] = CANARY
    return result


@pytest.mark.parametrize(
    ("obj", "path"), PATHS, ids=lambda value: ".".join(map(str, value)) if isinstance(value, tuple) else ""
)
def test_what_nobody_described_is_not_shown(obj: JsonObject, path: tuple[str | int, ...]) -> None:
    kept = shown(planted(obj, path), desired=DESIRED)
    assert CANARY not in json.dumps(kept)
    if path[0] == "spec":
        # That there is something is shown.
        assert NOT_SHOWN in json.dumps(kept)


@pytest.mark.parametrize("obj", DESIRED, ids=lambda obj: obj["kind"])
def test_an_object_as_described_is_shown_whole(obj: JsonObject) -> None:
    without = {**obj, "metadata": {k: v for k, v in obj["metadata"].items() if k != "annotations"}}
    assert shown(obj, desired=[obj]) == without


@pytest.mark.parametrize("mode", ["server", "agent"])
def test_nothing_differs_in_what_is_shown_of_an_instance_as_described(mode: str) -> None:
    sends = [{"name": "archive", "url": "https://archive.example.com/write"}]
    raw: JsonObject = {"name": "till", "prometheus": {"mode": mode, "remote_write": sends}}
    (team,) = (one for one in teams({**raw, "alertmanager": {"enabled": False}}) if one.name == "till")
    desired = prometheus_object(team, cluster="hub")
    seen = shown_instance(desired, team=team, cluster="hub")
    assert seen is not None
    assert list(drift(desired, seen)) == []


@pytest.mark.parametrize(("obj", "path"), PATHS[1:3] + PATHS[5:9], ids=str)
def test_a_difference_is_found_in_what_is_shown(obj: JsonObject, path: tuple[str | int, ...]) -> None:
    whole = {**planted(obj, path)}
    before, after = ([one.path for one in drift(obj, live)] for live in (whole, shown(whole, desired=[obj])))
    assert before == after


@given(st.data())
def test_any_object_is_shown_the_same_again_and_keeps_its_fields(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(KINDS)))
    live = data.draw(objects(kind, namespace="one", name="any"))
    once = shown(live)
    assert shown(once) == once
    assert once.keys() == live.keys()
    assert shown(live, desired=[live])["metadata"]["name"] == "any"
    kept = {**live, "metadata": {k: v for k, v in live["metadata"].items() if k != "annotations"}}
    assert shown(live, desired=[live]) == kept


@given(st.data())
def test_any_difference_is_found_in_what_is_shown(data: st.DataObject) -> None:
    # Of what no check compares even another spelling of the same quantity is hidden.
    kind = data.draw(st.sampled_from(sorted(KINDS.keys() & COMPARED)))
    desired, live = (data.draw(objects(kind, namespace="one", name="any")) for _state in range(2))
    kept = shown(live, desired=[desired], labels=selector_labels([live, desired]))
    # Annotations are never compared; only a desired object without labels, which we have none of, would do so.
    before, after = (
        [one.path for one in drift(desired, state) if not one.path.startswith("metadata.annotations")]
        for state in (live, kept)
    )
    assert before == after


def test_of_labels_those_that_say_what_it_is_or_that_selectors_look_at() -> None:
    labels = {"app.kubernetes.io/name": "a", "team": "b", "tier": "c", "secret": CANARY}
    pod = {"kind": "Pod", "metadata": {"name": "p", "labels": labels}, "spec": {}}
    policy = {
        "kind": "NetworkPolicy",
        "spec": {"podSelector": {"matchExpressions": [{"key": "tier", "operator": "Exists"}]}},
    }
    names = selector_labels([policy, {"kind": "Service", "spec": {"selector": {"x": "y"}}}])
    assert names == {"tier", "x"}
    assert shown(pod, labels=names)["metadata"]["labels"] == {"app.kubernetes.io/name": "a", "team": "b", "tier": "c"}


def test_of_targets_and_jobs_what_checks_read() -> None:
    one = target(
        discoveredLabels={"__meta": CANARY},
        labels={"job": "j", "cluster": "edge", "password": CANARY},
        scrapeUrl=f"http://u:{CANARY}@192.0.2.1/federate?token={CANARY}&match%5B%5D=x",
        lastError=f'Get "http://u:{CANARY}@192.0.2.1": refused',
        globalUrl=CANARY,
    )
    kept = shown_target(one)
    assert CANARY not in json.dumps(kept)
    assert kept["labels"] == {"job": "j", "cluster": "edge"}
    assert kept["scrapeUrl"].endswith("&match%5B%5D=x")
    job = {**JOB, "basic_auth": {"password": CANARY}, "params": {**JOB["params"], "token": [CANARY]}}
    kept = shown_job(job, described=JOB["params"])
    assert kept == {**JOB, "params": {**JOB["params"], "token": [NOT_SHOWN]}}


def test_of_external_labels_the_names() -> None:
    labels = {"cluster": "edge", "team": "pay", "dc": "north", "password": CANARY}
    assert shown_labels(labels, described={"dc"}) == {**labels, "password": NOT_SHOWN}


def test_an_endpoint_is_ready_or_not_as_kubernetes_says() -> None:
    """A slice in the form that the endpointslice controller writes."""
    conditions = {"ready": False, "serving": True, "terminating": True}
    target_of = {"kind": "Pod", "name": "prometheus-pay-0", "namespace": "monitoring-pay", "uid": "1"}
    endpoint = {"addresses": ["10.0.0.1"], "conditions": conditions, "nodeName": "n", "targetRef": target_of}
    slices = tuple(
        shown({**SLICE, "endpoints": [{**endpoint, "conditions": {**conditions, "ready": ready}}]})
        for ready in (False, True)
    )
    assert [one["endpoints"][0]["conditions"]["ready"] for one in slices] == [False, True]
    for one, codes in zip(slices, (["PF323"], []), strict=True):
        _links, findings = judge_all([dataclasses.replace(REPLICA, slices=(one,))])
        assert [finding.code for finding in findings] == codes


def test_truth_values_and_numbers_are_shown_at_any_place() -> None:
    endpoint = {"addresses": ["192.0.2.1"], "conditions": {"ready": False, "serving": True}}
    live = {"kind": "EndpointSlice", "metadata": {"name": "s"}, "endpoints": [endpoint], "other": {"a": {"b": [1]}}}
    assert shown(live) == live
    assert shown({**live, "other": {"a": {"b": [1, CANARY]}}})["other"] == NOT_SHOWN
