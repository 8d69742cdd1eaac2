"""YAML is read as kubectl reads it, with the parser in C and without it; what cannot be read is told by its line."""

from __future__ import annotations

import contextlib
import json
import math
import typing as t

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.block_yaml import dump
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import Unreadable, decode, parse
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.api.scalars import KEYS, REFUSED_VALUES, TEXTS, VALUES, VALUES_IN_C

OBJECT = "apiVersion: v1\nkind: ConfigMap\n"


@pytest.fixture(params=["c", "python"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers of PyYAML: the one in C is not everywhere."""
    assert yaml.__with_libyaml__
    if request.param == "python":
        monkeypatch.delattr(yaml, "CSafeLoader")
        monkeypatch.delattr(yaml, "CSafeDumper")


def exact(value: t.Any) -> str:
    """JSON tells 1 from 1.0 and from true."""
    return json.dumps(value, sort_keys=True)


@pytest.mark.parametrize(("text", "meant"), [*VALUES.items(), *TEXTS.items()])
def test_a_value(text: str, meant: t.Any) -> None:
    assert exact(parse(f"v: {text}\n")) == exact([{"v": meant}])


@pytest.mark.parametrize(("text", "meant"), VALUES_IN_C.items())
@pytest.mark.parametrize("parser", ["c"], indirect=True)
def test_a_value_with_the_parser_in_c(text: str, meant: t.Any) -> None:
    assert parse(f"v: {text}\n") == [{"v": meant}]


@pytest.mark.parametrize(("text", "meant"), KEYS.items())
def test_a_key(text: str, meant: str) -> None:
    assert parse(f"? {text}\n: 1\n") == [{meant: 1}]


@pytest.mark.parametrize("text", REFUSED_VALUES)
def test_what_kubectl_refuses_is_refused_by_its_line(text: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(f"{OBJECT}v: {text}\n")
    assert caught.value.line is not None
    assert caught.value.line >= 3
    assert caught.value.reason


@pytest.mark.parametrize(
    "text",
    ["v: !vault x\n", "v: !vault {a: 1}\n", "v: !foo [a]\n", "v: !!str [a]\n", "!foo v: 1\n", "v: !!binary /w==\n"],
)
def test_tags_that_kubectl_drops_are_refused(text: str) -> None:
    """It forgets the tag, or writes a replacement character: something that was given would be lost."""
    with pytest.raises(Unreadable, match=r"^line 1: .*(tag|binary)"):
        parse(text)


def test_no_value_is_quoted_that_may_be_a_secret() -> None:
    with pytest.raises(Unreadable) as caught:
        parse("kind: Secret\ndata: {password: !!binary hunter2hunter2!}\n")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("# nothing\n", 0),
        ("---\n---\n\n---\n# c\n---\nnull\n---\n~\n", 0),
        ("---\na: 1\n---\nb: 1\n", 2),
        ("a: 1\n--- # comment\nb: 1\n...\n---\nc: 1\n", 3),
        ("\ufeffa: 1\n", 1),
        ("a: 1\n---\n\ufeffb: 1\n", 2),
        ("a: 1\r\n---\r\nb: 1\r\n", 2),
        ('{"a": 1}', 1),
        ('{"a": 1}{"b": 2}\n{"c": 3}', 3),
        ('{"a": 1}\n---\n{"b": 1}\n', 2),
        ('{"a": 1}\n---\nb: 1\n', 2),
        ("{a: 1}\n", 1),
    ],
)
def test_how_many_documents(text: str, count: int) -> None:
    assert len(parse(text)) == count


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('{"a": 1.0, "b": 1e3, "c": -0, "d": 1e21, "e": 0.5}', {"a": 1, "b": 1000, "c": 0, "d": 1e21, "e": 0.5}),
        ('{"a": 1, "a": 2}', {"a": 2}),
        ('{"a": "yes", "b": "2024-05-01"}', {"a": "yes", "b": "2024-05-01"}),
        ('{"a": "\\ud83d\\ude00"}', {"a": "\U0001f600"}),
        # No JSON, so it is YAML.
        ('{"a": yes, "b": NaN,}', {"a": True, "b": "NaN"}),
        ('# comment\n{"a": 017}', {"a": 15}),
    ],
)
def test_json(text: str, meant: t.Any) -> None:
    assert exact(parse(text)) == exact([meant])


@pytest.mark.parametrize(
    "text", ['{"a": 1e400}', '{"a": "\\ud83d"}', '{"a": 1', '{"a": 1} x', "[" * 100_000, '{"a":' * 9999]
)
def test_broken_json(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text)


def test_aliases_cannot_make_a_small_text_large() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(Unreadable, match="aliases expand to more than"):
        parse("\n".join(lines))


def test_no_two_places_of_an_object_are_one() -> None:
    (found,) = parse("a: &a {x: [1]}\nb: *a\nc: {<<: *a}\n")
    found["a"]["x"].append(2)
    assert (found["b"], found["c"]) == ({"x": [1]}, {"x": [1]})


CHART = "render it first with helm template"
JINJA = "render it first with ansible.builtin.template"


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("{{- if .Values.crds.enabled }}\nkind: X\n{{- end }}\n", 1, CHART),
        (
            "kind: X\nmetadata:\n  annotations:\n{{- with .Values.annotations }}\n{{- toYaml . | nindent 4 }}\n",
            4,
            CHART,
        ),
        ("kind: X\nmetadata:\n  name: {{ .Release.Name }}-x\n", 3, CHART),
        ('kind: X\nmetadata:\n  name: {{ include "x.name" . }}\n', 3, CHART),
        ("kind: X\nname: {{ template `x` }}\n", 2, CHART),
        ("kind: X\n{% if x %}\na: b\n{% endif %}\n", 2, JINJA),
        ("kind: X\nname: {{ $labels.instance }} is down\n", 2, "put text with {{ in quotes"),
        ("kind: X\nspec:\n\tx: 1\n", 3, "indent with spaces, not with tabs"),
    ],
)
def test_what_people_did_is_told(text: str, line: int, hint: str) -> None:
    with pytest.raises(Unreadable) as caught:
        parse(text)
    assert hint in caught.value.reason
    assert caught.value.line in (line, line + 1)


def test_a_template_in_quotes_is_text() -> None:
    assert parse("v: '{{ $labels.instance }} {{ .Values.x }}'\n") == [{"v": "{{ $labels.instance }} {{ .Values.x }}"}]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("a: é".encode(), "a: é"),
        ("\ufeffa: é".encode("utf-16-le"), "a: é"),
        ("\ufeffa: é".encode("utf-16-be"), "a: é"),
    ],
)
def test_how_a_file_is_encoded(data: bytes, text: str) -> None:
    assert decode(data) == text


def test_a_file_in_another_encoding_is_told_by_its_line() -> None:
    with pytest.raises(Unreadable, match=r"^line 2: is not UTF-8 text"):
        decode("a: 1\nb: é\n".encode("latin-1"))


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
WORDS = st.sampled_from(
    [*VALUES, *KEYS, "<<", "---", "...", "- a", "{{ x }}", "a: b", " x", "x ", "\t", "a\nb", "#", "é"]
)
STRINGS = TEXT | WORDS | st.from_regex(r"[-+]?[0-9_.]{0,3}[xXoObBeE:]?[-+0-9_.a-fZT ]{0,6}", fullmatch=True)
NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | STRINGS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(STRINGS, inner, max_size=4),
    max_leaves=12,
)


def same(value: t.Any, other: t.Any) -> bool:
    """Whether two values are one JSON; a whole float is its integer."""
    if isinstance(value, dict):
        return isinstance(other, dict) and value.keys() == other.keys() and all(same(value[n], other[n]) for n in value)
    if isinstance(value, list):
        return isinstance(other, list) and len(value) == len(other) and all(map(same, value, other))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return isinstance(other, (int, float)) and not isinstance(other, bool) and math.isclose(value, other, rel_tol=0)
    return type(value) is type(other) and bool(value == other)


@given(st.dictionaries(STRINGS, JSON, max_size=4))
def test_what_is_written_is_read_again(value: dict[str, t.Any]) -> None:
    (found,) = parse(dump([value]))
    assert same(value, found)


@given(st.dictionaries(STRINGS, JSON, min_size=1, max_size=4))
def test_json_is_read_as_json(value: dict[str, t.Any]) -> None:
    (found,) = parse(json.dumps(value))
    assert same(value, found)


@given(
    st.text() | st.lists(st.sampled_from([*"{}[],:-?&*!|>'\"%@`#\n\t\r ", "a", "1", "<<", "---", "yes"])).map("".join)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    """And what is read is JSON."""
    found: list[t.Any] = []
    with contextlib.suppress(Unreadable):
        found = parse(text)
    assert json.loads(json.dumps(found, allow_nan=False).encode()) == found
