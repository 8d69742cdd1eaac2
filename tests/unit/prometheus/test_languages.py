"""Sets of values: what they say about regular expressions is what matching says."""

from __future__ import annotations

import itertools
import re

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus import languages
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.languages import Values
from hypothesis import given
from hypothesis import strategies as st

ALPHABET = "ab:"
# Every short text: sets that tell them apart in no way are equal for all practical purposes of these tests.
TEXTS = ["".join(chars) for size in range(5) for chars in itertools.product(ALPHABET, repeat=size)]
REGEXES = st.recursive(
    st.sampled_from(["a", "b", ":", ".", "[ab]", "[^:]", "[a-b]", r"\:", r"\w", ""]),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map("|".join).map("({})".format),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,}", "{0,2}", "*?"])).map(
            lambda parts: f"(?:{parts[0]}){parts[1]}"
        ),
    ),
    max_leaves=6,
)


def values(regex: str) -> Values:
    """The values of a regular expression that can be read."""
    pattern = languages.read(regex)
    assert pattern is not None, regex
    return pattern.values


def matched(regex: str) -> set[str]:
    """The short texts that Python's own machinery matches."""
    compiled = re.compile(regex, re.DOTALL)
    return {text for text in TEXTS if compiled.fullmatch(text)}


@given(REGEXES)
def test_a_regular_expression_has_the_texts_that_it_matches(regex: str) -> None:
    found = values(regex)
    assert {text for text in TEXTS if languages.has(found, text)} == matched(regex)


@given(REGEXES, REGEXES)
def test_sets_are_combined_as_sets(one: str, other: str) -> None:
    both = languages.intersection([values(one), values(other)])
    either = languages.union([values(one), values(other)])
    without = languages.intersection([values(one), languages.complement(values(other))])
    for combined, expected in (
        (both, matched(one) & matched(other)),
        (either, matched(one) | matched(other)),
        (without, matched(one) - matched(other)),
    ):
        assert {text for text in TEXTS if languages.has(combined, text)} == expected


@given(REGEXES, REGEXES)
def test_what_is_within_is_within(inner: str, outer: str) -> None:
    within = languages.is_within(values(inner), values(outer))
    assert within is not None
    if within:
        assert matched(inner) <= matched(outer)
    elif matched(inner) <= matched(outer):
        # They differ in a text that is longer, or has other characters.
        assert (
            languages.is_nothing(languages.intersection([values(inner), languages.complement(values(outer))])) is False
        )


@given(REGEXES)
def test_what_is_nothing_or_everything(regex: str) -> None:
    found = values(regex)
    assert languages.is_nothing(found) is False
    assert languages.is_nothing(languages.intersection([found, languages.complement(found)]))
    assert languages.is_everything(languages.union([found, languages.complement(found)]))


@pytest.mark.parametrize(
    ("regex", "text"),
    [
        ("up", "up"),
        (r"a\.b", "a.b"),
        ("^up$", "up"),
        ("(?:up)", "up"),
        ("[u]p", "up"),
        ("up|up", "up"),
        ("", ""),
        ("ups?", None),
        ("a.b", None),
        (".*", None),
    ],
)
def test_the_only_text_of_a_set(regex: str, text: str | None) -> None:
    assert languages.only_text(values(regex)) == text


def test_the_dot_matches_a_line_break_as_in_prometheus() -> None:
    assert languages.has(values("a.b"), "a\nb")
    assert languages.has(values("[^a]"), "\n")


@pytest.mark.parametrize(
    "regex",
    [
        "(?i)a",
        "(?P<x>a)",
        r"\pL",
        r"a\b",
        "[[:alpha:]]",
        "[a&&b]",
        "a^b",
        "a$b",
        "a**",
        "x{1000}",
        "x{,3}",
        "x{3,1}",
        "(a",
        "a)",
        "[a",
        "[z-a]",
        "*",
        "\\",
        r"\Qa\E",
        "(" * 9 + "a" + ")" * 9,
        "[\u0100-\u0900]",
    ],
)
def test_other_syntax_is_not_read(regex: str) -> None:
    assert languages.read(regex) is None


def test_alternatives_are_as_they_are_written() -> None:
    pattern = languages.read("^a|b(c|d)|e$")
    assert pattern is not None
    assert pattern.anchored
    assert pattern.texts == ("^a", "b(c|d)", "e$")


def test_a_question_that_is_too_hard_is_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "STATES", 3)
    assert languages.is_within(values("[qr]{7}"), values("[qr]{7}s?")) is None


def test_long_texts_are_no_problem() -> None:
    assert languages.is_within(languages.exactly("y" * 5000), values("y" * 3000 + ".*"))
