"""One form of YAML: every reader reads it, and our own reads it quickly."""

from __future__ import annotations

import json
import typing as t

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.block_yaml import (
    Foreign,
    documents,
    dump,
    read,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import parse
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.api.test_yaml_text import JSON, STRINGS, same

LINES = st.lists(
    st.sampled_from(
        ["", " ", "a", " a", "a ", "---", "...", "- a", "a: b", "# a", "'", '"', "{{ $x }}", "é", "\t", "%a"]
    ),
    max_size=6,
).map("\n".join)
ODD = st.text(st.sampled_from("ab:#-?|>{}[]&*!%@`'\"\\ ,=<~.\n\t\r\x7f\x85\u2028\ufeff\U0001f600é"), max_size=8)
KEYS = STRINGS | LINES | ODD | st.just("k" * 700)
VALUES = st.recursive(
    JSON | LINES | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)


@given(st.lists(st.dictionaries(KEYS, VALUES, max_size=4), max_size=3))
@settings(deadline=None)
def test_what_is_written_is_read_again_by_every_reader(objects: list[dict[str, t.Any]]) -> None:
    text = dump(objects)
    assert all(same(one, other) for one, other in zip(objects, parse(text), strict=True))
    own = [read(document) for document in documents(text)]
    assert all(same(one, other) for one, other in zip(objects, own, strict=True))
    assert dump(own) == text


def test_the_form_is_readable() -> None:
    rule = {"expr": 'sum by (job) (\n  up{job="a"}\n)\n', "for": "10m", "labels": {"on": "yes", "n": 1, "x": []}}
    assert dump([{"kind": "A", "spec": {"rules": [rule, {}], "size": "10", "list": [["a"], []]}}]) == (
        "---\nkind: A\nspec:\n  list:\n  -\n    - a\n  - []\n  rules:\n"
        '  - expr: |\n      sum by (job) (\n        up{job="a"}\n'
        '      )\n    for: 10m\n    labels:\n      "n": 1\n      "on": "yes"\n      x: []\n  - {}\n  size: "10"\n'
    )


@pytest.mark.parametrize(
    "text",
    ["a: 1\n", "---\na: {b: 1}\n", "---\na\n", "---\na: 1\n   b: 2\n", "---\na: 'b'\n", "---\na:\n", "---\n- a\n"],
)
def test_another_form_is_not_taken_for_this_one(text: str) -> None:
    """What is refused or read wrongly does not write the same text again."""
    try:
        found = [read(document) for document in documents(text)]
    except Foreign:
        return
    assert dump(found) != text


@given(st.dictionaries(STRINGS, JSON, max_size=4))
@settings(deadline=None, max_examples=50)
def test_ansible_reads_the_same_texts(value: dict[str, t.Any]) -> None:
    """PyYAML's own reader knows fewer numbers than kubectl: of these it makes texts."""
    texts = json.dumps({name: item for name, item in value.items() if isinstance(item, str)}, sort_keys=True)
    found = yaml.safe_load(dump([{name: item for name, item in value.items() if isinstance(item, str)}])) or {}
    assert json.dumps(found, sort_keys=True, default=str) == texts
