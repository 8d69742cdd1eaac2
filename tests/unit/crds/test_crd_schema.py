"""Which fields a structural schema keeps, loses and refuses."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.schema import (
    dotted,
    dropped,
    lost_fields,
    problems,
    pruned,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

JsonObject = dict[str, t.Any]
STRING = {"type": "string"}
KEEP = {"x-kubernetes-preserve-unknown-fields": True}


def obj(**properties: JsonObject) -> JsonObject:
    return {"type": "object", "properties": properties}


def array(items: JsonObject) -> JsonObject:
    return {"type": "array", "items": items}


def many(values: JsonObject) -> JsonObject:
    return {"type": "object", "additionalProperties": values}


def root(spec: JsonObject) -> JsonObject:
    return obj(apiVersion=STRING, kind=STRING, metadata={"type": "object"}, spec=spec)


def resource(spec: t.Any, **more: t.Any) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "Thing",
        "metadata": {"name": "one", "labels": {"a": "b"}},
        "spec": spec,
        **more,
    }


POD = {**obj(), "x-kubernetes-embedded-resource": True}

# What is in the schema of spec, what an object has there, and which of it a server drops.
PRUNING: dict[str, tuple[JsonObject, t.Any, list[str]]] = {
    "a known field stays": (obj(a=STRING), {"a": "1"}, []),
    "an unknown field goes": (obj(a=STRING), {"a": "1", "b": "2"}, ["spec.b"]),
    "with all that is in it": (obj(a=STRING), {"b": {"c": [1]}}, ["spec.b"]),
    "in a known object": (obj(a=obj(b=STRING)), {"a": {"b": "1", "c": "2"}}, ["spec.a.c"]),
    "in items of a list": (obj(a=array(obj(b=STRING))), {"a": [{"b": "1"}, {"c": 1}]}, ["spec.a[1].c"]),
    "keys of a map are free": (obj(a=many(STRING)), {"a": {"x": "1", "y": "2"}}, []),
    "values of a map are not": (obj(a=many(obj(b=STRING))), {"a": {"x": {"c": 1}}}, ["spec.a.x.c"]),
    "kept where the schema says so": ({**obj(a=STRING), **KEEP}, {"a": "1", "b": {"c": 1}}, []),
    "but what it knows is looked into": ({**obj(a=obj()), **KEEP}, {"a": {"b": 1}}, ["spec.a.b"]),
    "kept below a list of anything": (obj(a=array(KEEP)), {"a": [{"b": 1}, 2]}, []),
    "an embedded object has an identity": (
        obj(pod=POD),
        {"pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {}}},
        ["spec.pod.spec"],
    ),
    "integers and strings alike": (obj(a={"x-kubernetes-int-or-string": True}), {"a": 1}, []),
    "a field named like an identity is none inside": (obj(a=obj()), {"a": {"kind": "x"}}, ["spec.a.kind"]),
}


@pytest.mark.parametrize("name", PRUNING)
def test_pruning(name: str) -> None:
    schema, spec, expected = PRUNING[name]
    live = resource(spec)
    assert [dotted(place) for place in dropped(live, root(schema))] == expected
    assert dropped(pruned(live, root(schema)), root(schema)) == []
    assert (pruned(live, root(schema)) == live) == (not expected)


def test_status_is_the_operators_and_no_loss() -> None:
    live = resource({}, status={"conditions": []})
    assert dropped(live, root(obj())) == []
    assert "status" not in pruned(live, root(obj()))


LOST: dict[str, tuple[JsonObject, JsonObject, list[str]]] = {
    "nothing": (obj(a=STRING), obj(a=STRING, b=STRING), []),
    "a field": (obj(a=STRING, b=STRING), obj(a=STRING), ["spec.b"]),
    "told at its highest place": (obj(a=obj(b=obj(c=STRING))), obj(), ["spec.a"]),
    "in items": (obj(a=array(obj(b=STRING, c=STRING))), obj(a=array(obj(b=STRING))), ["spec.a[].c"]),
    "in values of a map": (obj(a=many(obj(b=STRING))), obj(a=many(obj())), ["spec.a.*.b"]),
    "a map that becomes an object": (obj(a=many(STRING)), obj(a=obj()), ["spec.a.*"]),
    "freedom": ({**obj(), **KEEP}, obj(), ["spec.*"]),
    "nothing where all is kept": (obj(a=obj(b=STRING)), {**obj(), **KEEP}, []),
    "nothing where a map takes it": (obj(a=STRING), many(STRING), []),
    "a list that becomes a text": (obj(a=array(obj(b=STRING))), obj(a=STRING), ["spec.a[].b"]),
}


@pytest.mark.parametrize("name", LOST)
def test_lost_fields(name: str) -> None:
    old, new, expected = LOST[name]
    assert lost_fields(root(old), root(new)) == expected
    assert lost_fields(root(old), root(old)) == []


REFUSED: dict[str, tuple[JsonObject, t.Any, list[str]]] = {
    "fine": (obj(a=STRING), {"a": "x"}, []),
    "unknown": (obj(), {"a": 1}, ["spec.a: is not known to the CRD"]),
    "type": (obj(a=STRING), {"a": 1}, ["spec.a: must be of type string"]),
    "a boolean is not an integer": (obj(a={"type": "integer"}), {"a": True}, ["spec.a: must be of type integer"]),
    "either": (obj(a={"x-kubernetes-int-or-string": True}), {"a": "50%"}, []),
    "neither": (obj(a={"x-kubernetes-int-or-string": True}), {"a": []}, ["spec.a: must be of type string"]),
    "nullable": (obj(a={**STRING, "nullable": True}), {"a": None}, []),
    "enum": (obj(a={**STRING, "enum": ["x", "y"]}), {"a": "z"}, ["spec.a: must be one of x, y"]),
    "required": ({**obj(a=STRING), "required": ["a"]}, {}, ["spec.a: is required"]),
    "a default fills in": ({**obj(a={**STRING, "default": "x"}), "required": ["a"]}, {}, []),
    "bounds": (obj(a={"type": "integer", "minimum": 1}), {"a": 0}, ["spec.a: 0 is out of range"]),
    "items": (obj(a={**array(STRING), "minItems": 1}), {"a": []}, ["spec.a: has 0 items"]),
    "length": (obj(a={**STRING, "minLength": 1}), {"a": ""}, ["spec.a: has 0 characters"]),
    "pattern": (obj(a={**STRING, "pattern": "^[a-z]+$"}), {"a": "A"}, ["spec.a: 'A' does not match ^[a-z]+$"]),
    "a pattern with Go's flags": (obj(a={**STRING, "pattern": "^(?i)a$"}), {"a": "A"}, []),
    "a pattern that only Go can read": (obj(a={**STRING, "pattern": "\\pN("}), {"a": "A"}, []),
}


@pytest.mark.parametrize("name", REFUSED)
def test_problems(name: str) -> None:
    schema, spec, expected = REFUSED[name]
    assert problems(resource(spec), root(schema)) == expected


NAMES = st.sampled_from("abc")
VALUES = st.recursive(
    st.integers(0, 3) | st.sampled_from(["x", "", None, True]),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)


def schema_for(value: t.Any) -> JsonObject:
    """The narrowest schema that knows all of a value."""
    if isinstance(value, dict):
        return obj(**{name: schema_for(item) for name, item in value.items()})
    if isinstance(value, list):
        items: JsonObject = {}
        for item in value:
            items = united(items, schema_for(item) if isinstance(item, dict) else {})
        return array({**obj(**items.get("properties", {})), **KEEP})
    return {}


def united(one: JsonObject, two: JsonObject) -> JsonObject:
    """A schema that knows what either knows."""
    result = {**one, **two}
    if "properties" in result:
        mine, theirs = one.get("properties", {}), two.get("properties", {})
        result["properties"] = {name: united(mine.get(name, {}), theirs.get(name, {})) for name in {**mine, **theirs}}
    if "items" in result:
        result["items"] = united(one.get("items", {}), two.get("items", {}))
    return result


# Time is not a rule here: the machine may be busy with other tests.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(one={"a": [{"b": {"a": 0}}, {"b": 0}]}, two={})
@given(st.dictionaries(NAMES, VALUES, max_size=3), st.dictionaries(NAMES, VALUES, max_size=3))
def test_an_object_loses_nothing_where_its_schema_loses_nothing(one: JsonObject, two: JsonObject) -> None:
    old, new = root(schema_for(one)), root(schema_for(two))
    assert dropped(resource(one), old) == []
    if not lost_fields(old, new):
        assert dropped(resource(one), new) == []
    # What is left after pruning is what the schema knows, and pruning again changes nothing.
    kept = pruned(resource(one), new)
    assert pruned(kept, new) == kept
