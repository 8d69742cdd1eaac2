"""Validation by an argument spec: conversion, defaults, and the exact place of what is wrong."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import (
    Errors,
    InputError,
    Place,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    nearest,
    require,
    require_each,
    text_mapping,
    validate_list,
    validate_mapping,
    validate_strings,
)

SPEC: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "on": {"type": "bool", "default": True},
    "count": {"type": "int"},
    "size": {"type": "str", "choices": ["small", "large"], "default": "small"},
    "tags": {"type": "list", "elements": "str", "default": []},
    "part": {
        "type": "dict",
        "default": {},
        "options": {
            "retention": {"type": "str", "default": "10d"},
            "storage": {"type": "dict", "options": {"size": {"type": "str", "required": True}}},
        },
    },
    "items": {"type": "list", "elements": "dict", "options": {"port": {"type": "int", "required": True}}},
}


def test_defaults_are_filled_in_at_every_level() -> None:
    assert validate_mapping({"name": "a"}, SPEC, path="x") == {
        "name": "a",
        "on": True,
        "count": None,
        "size": "small",
        "tags": [],
        "part": {"retention": "10d", "storage": None},
        "items": None,
    }


@pytest.mark.parametrize(
    ("given", "values"),
    [
        ({"on": "false"}, {"on": False}),
        ({"on": "yes"}, {"on": True}),
        ({"count": "3"}, {"count": 3}),
        ({"name": 7}, {"name": "7"}),
        ({"tags": "a,b"}, {"tags": ["a", "b"]}),
        ({"tags": [1, "b"]}, {"tags": ["1", "b"]}),
        ({"on": None, "part": None}, {"on": True, "part": {"retention": "10d", "storage": None}}),
        ({"items": [{"port": "80"}]}, {"items": [{"port": 80}]}),
    ],
)
def test_strings_of_surveys_are_converted(given: dict[str, t.Any], values: dict[str, t.Any]) -> None:
    found = validate_mapping({"name": "a", **given}, SPEC, path="x")
    assert {name: found[name] for name in values} == values


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"nam": "a"}, "x.nam: unknown key; did you mean 'name'?"),
        ({"name": "a", "zzz": "a"}, "x.zzz: unknown key; known: count, items, name, on, part, size, tags"),
        ({}, "x.name: is required"),
        ({"name": None}, "x.name: is required"),
        ({"name": "a", "on": "perhaps"}, "x.on: must be true or false, found 'perhaps'"),
        ({"name": "a", "count": "many"}, "x.count: must be a whole number, found 'many'"),
        ({"name": "a", "count": True}, "x.count: must be a whole number, found True"),
        ({"name": ["a"]}, "x.name: must be text, found a list"),
        ({"name": {"a": 1}}, "x.name: must be text, found a mapping"),
        ({"name": "a", "size": "huge"}, "x.size: must be one of small, large, found 'huge'"),
        ({"name": "a", "tags": ["b", None]}, "x.tags[1]: must be text, found nothing"),
        ({"name": "a", "tags": {"b": 1}}, "x.tags: must be a list, found a mapping"),
        ({"name": "a", "part": {"retenton": "1d"}}, "x.part.retenton: unknown key; did you mean 'retention'?"),
        ({"name": "a", "part": {"storage": {}}}, "x.part.storage.size: is required"),
        ({"name": "a", "part": 7}, "x.part: must be a mapping, found 7"),
        ({"name": "a", "items": [{"port": 1}, {"prt": 2}]}, "x.items[1].prt: unknown key; did you mean 'port'?"),
        ({"name": "a", "items": ["b"]}, "x.items[0]: must be a mapping, found 'b'"),
        ([], "x: must be a mapping, found a list"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(given: object, error: str) -> None:
    with pytest.raises(InputError) as caught:
        validate_mapping(given, SPEC, path="x")
    assert str(caught.value) == error


def test_without_a_path_the_name_stands_alone() -> None:
    with pytest.raises(InputError) as caught:
        validate_mapping({}, SPEC, path="")
    assert str(caught.value) == "name: is required"


def test_lists_of_mappings() -> None:
    assert validate_list(None, SPEC, path="x") == []
    with pytest.raises(InputError, match=r"^x\[1\]\.name: is required$"):
        validate_list([{"name": "a"}, {}], SPEC, path="x")
    with pytest.raises(InputError, match=r"^x: must be a list, found 'a'$"):
        validate_list("a", SPEC, path="x")


def test_lists_of_strings() -> None:
    assert validate_strings(None, path="x") == []
    assert validate_strings(["a", 1], path="x") == ["a", "1"]
    with pytest.raises(InputError, match=r"^x\[0\]: must be text"):
        validate_strings([["a"]], path="x")


def test_the_input_stays_as_it_was() -> None:
    raw = {"name": "a", "part": {}, "items": [{"port": "80"}]}
    validate_mapping(raw, SPEC, path="x")
    assert raw == {"name": "a", "part": {}, "items": [{"port": "80"}]}


def test_a_value_cannot_stand_in_a_list_twice() -> None:
    with pytest.raises(InputError, match=r"^x\[2\]: 'a' is in the list already, as x\[0\]$"):
        require_each(grammar.dns_label, ["a", "b", "a"], path="x")


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        ({"a": True}, "x.a: must be text, found True; put it in quotes"),
        ({"a": None}, "x.a: must be text, found nothing; put it in quotes"),
        ({"a": {}}, "x.a: must be text, found a mapping; put it in quotes"),
        ({"a-b": "c"}, "x.a-b: 'a-b' is not a label name"),
    ],
)
def test_mappings_of_text(raw: dict[str, t.Any], error: str) -> None:
    with pytest.raises(InputError) as caught:
        text_mapping(raw, path="x", check_name=grammar.prometheus_label, check_value=grammar.prometheus_label_value)
    assert str(caught.value).startswith(error)


def test_numbers_become_text() -> None:
    mapping = text_mapping(
        {"b": 1, "a": "x"}, path="x", check_name=grammar.prometheus_label, check_value=grammar.prometheus_label_value
    )
    assert list(mapping.items()) == [("a", "x"), ("b", "1")]


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("hob", ["hub", "edge"], "did you mean 'hub'?"),
        ("HUB", ["hub", "edge"], "did you mean 'hub'?"),
        ("mars", ["hub", "edge"], "known: edge, hub"),
        ("mars", [], "none is known"),
    ],
)
def test_hints(name: str, known: list[str], hint: str) -> None:
    assert nearest(name, known) == hint


def test_the_value_of_a_misspelt_key_is_not_missed_as_well() -> None:
    errors = Errors()
    values = validate_mapping({"nmae": "A"}, SPEC, path="x", errors=errors)
    require(grammar.dns_label, values["name"], path="x.name", errors=errors)
    assert not errors.is_good("x.name")
    assert [str(error) for error in errors.sorted()] == ["x.nmae: unknown key; did you mean 'name'?"]


def test_an_error_names_all_its_places_anew() -> None:
    error = InputError("a[1].name", "is ", Place("a[0].name"), " too")
    assert str(error) == "a[1].name: is a[0].name too"
    assert str(error.renamed(lambda path: f"b_{path}")) == "b_a[1].name: is b_a[0].name too"


def test_what_is_not_given_is_new_in_each_result() -> None:
    spec: dict[str, dict[str, t.Any]] = {
        "items": {"type": "list", "elements": "str", "default": ["a"]},
        "part": {"type": "dict", "default": {}, "options": {"names": {"type": "list", "default": []}}},
        "free": {"type": "dict", "default": {"a": {"b": [1]}}},
    }
    first = validate_mapping({}, spec, path="")
    first["items"].append("b")
    first["part"]["names"].append("c")
    first["free"]["a"]["b"].append(2)
    assert validate_mapping({}, spec, path="") == {"items": ["a"], "part": {"names": []}, "free": {"a": {"b": [1]}}}


def test_each_specification_has_defaults_of_its_own() -> None:
    for number in range(2000):
        assert validate_mapping({}, {"a": {"type": "int", "default": number}}, path="") == {"a": number}
