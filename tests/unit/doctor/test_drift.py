"""Differences from the inventory are found field by field, with who made them; what the server adds is none."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.drift import drift, in_short

from tests.unit.doctor.healthy import EXPOSING, MONITOR, SERVICE, SLICE, changed

JsonObject = dict[str, t.Any]


def owned(obj: JsonObject, *fields: JsonObject, manager: str = "kubectl-edit") -> JsonObject:
    """The object as the server has it: our fields, and those of another manager."""
    ours = {"manager": "promfleet.monitoring", "operation": "Apply", "fieldsV1": {"f:spec": {"f:selector": {}}}}
    others = [{"manager": manager, "operation": "Update", "fieldsV1": one} for one in fields]
    return {**obj, "metadata": {**obj["metadata"], "managedFields": [ours, *others]}}


def texts(desired: JsonObject, live: JsonObject) -> list[str]:
    return [one.text for one in drift(desired, live)]


@pytest.mark.parametrize("obj", [SERVICE, SLICE, MONITOR, EXPOSING], ids=lambda obj: obj["kind"])
def test_what_is_as_described_has_no_difference(obj: JsonObject) -> None:
    assert drift(obj, obj) == ()


def test_what_the_server_adds_is_no_difference() -> None:
    live = changed(EXPOSING, "spec|clusterIPs", ["10.96.0.9"])
    live = changed(live, "spec|ports|0|nodePort", 31090)
    live = changed(live, "metadata|annotations", {"cloud.example.com/id": "7"})
    assert drift(EXPOSING, live) == ()


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("spec|endpoints|0|path", "/x", 'spec.endpoints[0].path is "/x", not "/federate"'),
        ("spec|endpoints|0|honorLabels", None, "spec.endpoints[0].honorLabels is missing, not true"),
        ("spec|endpoints", [], "spec.endpoints is [], not [{"),
        ("metadata|labels", {}, "metadata.labels.app.kubernetes.io/name is missing, not"),
    ],
)
def test_a_field_is_named_with_both_values(path: str, value: t.Any, text: str) -> None:
    assert texts(MONITOR, changed(MONITOR, path, value))[0].startswith(text)


def test_who_changed_a_field_is_named() -> None:
    live = owned(changed(MONITOR, "spec|endpoints|0|path", "/x"), {"f:spec": {"f:endpoints": {}}})
    assert texts(MONITOR, live) == ['spec.endpoints[0].path is "/x", not "/federate" (set by kubectl-edit)']


def test_what_others_set_beside_ours_is_named() -> None:
    live = owned(changed(SERVICE, "spec|selector", {"a": "b"}), {"f:spec": {"f:sessionAffinity": {}}})
    assert texts(SERVICE, live) == ["spec.sessionAffinity is set by kubectl-edit"]


@pytest.mark.parametrize(
    ("field", "value", "is_named"),
    [
        ("sessionAffinity", "ClientIP", True),
        ("sessionAffinity", "None", False),
        ("shards", 2, True),
        ("shards", 1, False),
        ("publishNotReadyAddresses", False, False),
        ("listenLocal", True, True),
        ("externalIPs", [], False),
        # It is no default, and 0 is not false.
        ("replicas", 0, True),
        # As a selector it selects everything.
        ("probeSelector", {}, True),
    ],
)
def test_a_field_that_somebody_changed_back_is_no_difference(field: str, value: t.Any, *, is_named: bool) -> None:
    """Who changed it still owns it, and no run can take that away: the finding would stay for ever."""
    live = owned(changed(SERVICE, f"spec|{field}", value), {"f:spec": {f"f:{field}": {}}})
    assert texts(SERVICE, live) == ([f"spec.{field} is set by kubectl-edit"] if is_named else [])


def test_what_others_put_into_an_item_of_ours_is_named() -> None:
    live = owned(changed(MONITOR, "spec|endpoints|0|proxyUrl", "http://x"), {"f:spec": {"f:endpoints": {}}})
    live = changed(live, "spec|endpoints|0|relabelings|0|action", "labeldrop")
    assert texts(MONITOR, live) == ['spec.endpoints[0].proxyUrl is "http://x", not described (set by kubectl-edit)']


@pytest.mark.parametrize("fields", [{"f:status": {}}, {"f:metadata": {"f:annotations": {"f:x": {}}}}])
def test_what_controllers_write_is_no_difference(fields: JsonObject) -> None:
    assert drift(SERVICE, owned(SERVICE, fields)) == ()


def test_an_empty_selector_of_ours_is_not_a_narrower_one() -> None:
    desired = {**MONITOR, "spec": {"selector": {}}}
    live = {**MONITOR, "spec": {"selector": {"matchLabels": {"a": "b"}}}}
    assert texts(desired, live) == ['spec.selector.matchLabels is {"a": "b"}, not described']


def test_a_value_that_only_a_run_knows_is_no_difference() -> None:
    assert drift(changed(SLICE, "ports|0|port", "(known after apply)"), SLICE) == ()


def test_long_lists_and_values_are_cut() -> None:
    live = changed(MONITOR, "spec|endpoints|0|params", {"match[]": ["x" * 500]})
    live = changed(live, "metadata|labels", {})
    text = in_short(drift(MONITOR, live))
    assert "more" in text
    assert len(text) < 900
