"""Objects of client-side tools become ours without orphaned fields; what others do later stays theirs."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    FIELD_MANAGER,
    SET_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state import ownership
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import own_fields

JsonObject = dict[str, t.Any]
ANNOTATED: JsonObject = {"f:metadata": {"f:annotations": {".": {}, f"f:{ownership.LAST_APPLIED}": {}}}}


def entry(manager: str, fields: JsonObject, *, operation: str = "Update", **more: str) -> JsonObject:
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields, **more}


def ours(fields: JsonObject) -> JsonObject:
    return entry(FIELD_MANAGER, fields, operation="Apply")


def live(*entries: JsonObject, **body: t.Any) -> JsonObject:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "managedFields": list(entries)}, **body}


KUBECTL = entry("kubectl-client-side-apply", {**ANNOTATED, "f:data": {".": {}, "f:a": {}}})


@pytest.mark.parametrize(
    ("entries", "named", "found"),
    [
        ([KUBECTL], (), {("kubectl-client-side-apply", "Update")}),
        # Ours already: a later client-side apply is somebody's edit.
        ([KUBECTL, ours({"f:data": {"f:b": {}}})], (), set()),
        ([entry("helm", {"f:data": {"f:a": {}}})], (), set()),
        ([entry("helm", {"f:data": {"f:a": {}}})], ("helm",), {("helm", "Update")}),
        ([entry("helm", {}, operation="Apply"), ours({})], ("helm",), {("helm", "Apply")}),
        ([entry("helm", {}, subresource="status")], ("helm",), set()),
        ([ours({"f:data": {}})], (FIELD_MANAGER,), set()),
        ([], ("helm",), set()),
    ],
)
def test_who_gives_way(entries: list[JsonObject], named: tuple[str, ...], found: set[tuple[str, str]]) -> None:
    assert ownership.former_owners(live(*entries), named=named) == found


def test_a_takeover_moves_all_fields_and_leaves_other_managers_alone() -> None:
    other = entry("kubectl-edit", {"f:data": {"f:x": {}}})
    owners = ownership.former_owners(live(KUBECTL, other))
    taken = ownership.taken_over(live(KUBECTL, other), owners=owners)
    assert own_fields(taken)["f:data"] == {".": {}, "f:a": {}}
    assert ownership.LAST_APPLIED in str(own_fields(taken))
    assert [item["manager"] for item in taken["metadata"]["managedFields"]] == [FIELD_MANAGER, "kubectl-edit"]


def test_a_takeover_that_was_interrupted_is_recognised() -> None:
    taken = ownership.taken_over(live(KUBECTL), owners={("kubectl-client-side-apply", "Update")})
    assert ADOPTED_ANNOTATION not in taken["metadata"].get("annotations", {})
    assert ownership.is_marked(taken)
    assert not ownership.is_marked(live(ours({"f:data": {}})))


def test_nothing_to_take_changes_nothing() -> None:
    state = live(entry("helm", {"f:data": {}}))
    assert ownership.taken_over(state, owners={("gone", "Update")}) == state


def test_a_dry_run_is_read_as_if_the_takeover_had_been_before_it() -> None:
    before = ownership.taken_over(live(KUBECTL), owners={("kubectl-client-side-apply", "Update")})
    answer = live(KUBECTL, ours({"f:data": {"f:b": {}}}), entry("other", {"f:data": {"f:x": {}}}))
    answer["data"] = {"a": "theirs, not wanted", "b": "ours", "x": "another's"}
    answer["metadata"]["annotations"] = {ownership.LAST_APPLIED: "{}"}
    seen = ownership.foreseen(answer, before=before, owners={("kubectl-client-side-apply", "Update")})
    assert seen["data"] == {"b": "ours", "x": "another's"}
    assert "annotations" not in seen["metadata"]
    assert [item["manager"] for item in seen["metadata"]["managedFields"]] == [FIELD_MANAGER, "other"]


def test_letting_go_takes_our_marks_and_no_content() -> None:
    state = live(ours({"f:data": {"f:a": {}}}), data={"a": "1"})
    state["metadata"] |= {"labels": {SET_LABEL: "s", "x": "y"}, "annotations": {ADOPTED_ANNOTATION: "taken-over"}}
    freed = ownership.without_us(state)
    assert freed["data"] == {"a": "1"}
    assert (freed["metadata"]["labels"], freed["metadata"]["annotations"]) == ({"x": "y"}, {})
    assert own_fields(freed) == {}
