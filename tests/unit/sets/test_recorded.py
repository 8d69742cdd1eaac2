"""The file of a recorded state: what was applied, the same bytes for the same state, and no marks of a run."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED,
    ADOPTED_ANNOTATION,
    FIELD_MANAGER,
    SET_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import (
    SetId,
    Unchanged,
    decide,
    with_marks,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.recorded import (
    State,
    as_applied,
    now_of,
    parse_state,
    state_text,
)
from hypothesis import given
from hypothesis import strategies as st

JsonObject = dict[str, t.Any]
OWNER = SetId(fleet="main", capability="teams")
NAMES = st.text("abc", min_size=1, max_size=3)
VALUES = st.recursive(
    st.one_of(st.integers(0, 3), st.booleans(), NAMES),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    max_leaves=8,
)


def tree_of(value: t.Any) -> JsonObject:
    return {f"f:{name}": tree_of(item) for name, item in value.items()} if isinstance(value, dict) else {}


def live_of(desired: JsonObject, *, adopted: str | None = None) -> JsonObject:
    """The object after our apply, with fields of others beside ours."""
    live = copy.deepcopy(with_marks(desired, owner=OWNER, adopted=adopted))
    owned = {name: value for name, value in live.items() if name not in ("apiVersion", "kind", "metadata")}
    owned["metadata"] = {n: v for n, v in live["metadata"].items() if n not in ("name", "namespace")}
    entry = {"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": desired["apiVersion"],
             "fieldsV1": tree_of(owned)}  # fmt: skip
    live["metadata"] |= {"uid": "any", "managedFields": [entry]}
    live["status"] = {"of": "others"}
    live.setdefault("spec", {})["ofOthers"] = True
    live["metadata"].setdefault("annotations", {})["others.example.com/any"] = "any"
    return live


def made(spec: JsonObject, labels: dict[str, str]) -> JsonObject:
    metadata: JsonObject = {"name": "any", "namespace": "any", **({"labels": labels} if labels else {})}
    return {"apiVersion": "v1", "kind": "Any", "metadata": metadata, "spec": spec}


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=3), st.dictionaries(NAMES, NAMES, max_size=2), st.booleans())
def test_what_is_recorded_is_what_was_applied(spec: JsonObject, labels: dict[str, str], adopted: bool) -> None:
    desired = made(spec, labels)
    live = live_of(desired, adopted=ADOPTED if adopted else None)
    recorded = as_applied(live)
    assert recorded == desired
    assert now_of(live, recorded) == recorded
    # To apply it again changes nothing.
    assert isinstance(decide(recorded, live, owner=OWNER), Unchanged)


def test_what_another_manager_took_is_seen_as_it_is_now() -> None:
    desired = made({"replicas": 1, "kept": 2}, {})
    live = live_of(desired)
    live["spec"]["replicas"] = 3
    del live["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:replicas"]
    assert now_of(live, desired)["spec"] == {"replicas": 3, "kept": 2}


def test_marks_of_runs_are_not_recorded() -> None:
    text = json.dumps(as_applied(live_of(made({"a": 1}, {}), adopted=ADOPTED)))
    assert SET_LABEL not in text
    assert ADOPTED_ANNOTATION not in text


def test_a_state_is_read_as_it_was_written() -> None:
    state = State(uid="u", fleet="f", sets={"teams": (made({"a": "ä"}, {}),), "operator": ()}, crds={"b": "", "a": "1"})
    text = state_text(state)
    assert parse_state(text.encode(), path="path") == state
    assert (
        state_text(State(uid="u", fleet="f", sets=dict(reversed(list(state.sets.items()))), crds={"a": "1", "b": ""}))
        == text
    )


GOOD: JsonObject = json.loads(state_text(State(uid="u", fleet="f", sets={"teams": (made({}, {}),)})))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "cannot be read as JSON"),
        (b"\xff", "cannot be read as JSON"),
        (b"[]", "is not the state of a cluster"),
        (b"{}", "is not the state of a cluster"),
        ({**GOOD, "format": "1"}, "has the format '1'"),
        ({**GOOD, "more": 1}, "must have crds, fleet"),
        ({**GOOD, "uid": ""}, "uid and fleet must be texts"),
        ({**GOOD, "crds": []}, "uid and fleet must be texts"),
        ({**GOOD, "crds": {"a": 1}}, "uid and fleet must be texts"),
        ({**GOOD, "sets": []}, "uid and fleet must be texts"),
        ({**GOOD, "sets": {"teams": {}}}, "must be a list"),
        ({**GOOD, "sets": {"teams": [1]}}, "must be a Kubernetes object"),
        ({**GOOD, "sets": {"teams": [{"apiVersion": "v1", "kind": "A", "metadata": {"name": 1}}]}}, "must be a Kube"),
        ({**GOOD, "sets": {"teams": GOOD["sets"]["teams"] * 2}}, "is in the list already"),
    ],
)
def test_a_file_that_is_no_state_is_refused_with_its_place(data: bytes | JsonObject, message: str) -> None:
    given = data if isinstance(data, bytes) else json.dumps(data).encode()
    with pytest.raises(InputError, match=message) as caught:
        parse_state(given, path="path: any.json")
    assert all(error.path.startswith("path: any.json") for error in caught.value.errors)
