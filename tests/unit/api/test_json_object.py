"""A list that is read item by item is what json.loads makes of it, and what is not JSON is found out."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.json_object import json_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

OBJECTS: tuple[t.Any, ...] = (
    {"kind": "RoleList", "metadata": {"continue": "x"}, "items": [{"a": [1, {"b": None}]}, {}, {"ä": "\ud800 \n"}]},
    {"items": [], "metadata": {}},
    {"metadata": {}, "items": [{"items": [1]}], "kind": "items"},
    {"items": None},
    {"items": {"items": [1]}},
    {},
    {"message": 'items": [', "code": 404},
)


def keep(item: t.Any) -> t.Any:
    return item


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("whole", OBJECTS)
def test_item_by_item_is_the_same(whole: t.Any, *, ascii_only: bool, indent: int | None) -> None:
    data = json.dumps(whole, indent=indent, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    for text in (data, b" \r\n\t" + data + b"\n "):
        assert json_object(text, take=keep) == json_object(text) == json.loads(text)


def test_each_item_is_replaced_before_the_next_is_read() -> None:
    seen: list[t.Any] = []

    def take(item: t.Any) -> int:
        seen.append(item)
        return len(seen)

    assert json_object(b'{"items": [{"a": 1}, {"b": 2}], "kind": "L"}', take=take) == {"items": [1, 2], "kind": "L"}
    assert seen == [{"a": 1}, {"b": 2}]


def test_an_answer_that_is_cut_off_anywhere_is_no_object() -> None:
    data = json.dumps({"kind": "L", "items": [{"a": [1]}, {"b": {}}], "metadata": {"continue": "c"}}, indent=1).encode()
    for length in range(1, len(data)):
        assert json_object(data[:length]) is None
        assert json_object(data[:length], take=keep) is None


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "1",
        "{} {}",
        '{"a" 1}',
        '{"a": 1,}',
        '{"items": [{},]}',
        '{"items": [{} {}]}',
        "{1: 2}",
        '{"a": 1]',
        "{,}",
        "\xff",
    ],
)
def test_what_is_no_object_is_none_in_both_ways(text: str) -> None:
    data = text.encode("latin-1")
    assert json_object(data) is None
    assert json_object(data, take=keep) is None


def test_no_data_is_an_empty_object() -> None:
    assert json_object(b"") == json_object(b"", take=keep) == {}


def test_an_error_of_whoever_takes_items_is_not_an_answer_that_was_cut_off() -> None:
    def refuse(item: t.Any) -> t.Any:
        raise InputError("x", f"wrong: {item}")

    with pytest.raises(InputError, match="wrong"):
        json_object(b'{"items": [{}]}', take=refuse)
