"""What the lint says about selectors: a table, and properties that hold for all selectors and series."""

from __future__ import annotations

import itertools
import re
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scrape import DEFAULT_MATCH
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.catalogue import CODES
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus import selectors
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import (
    Matcher,
    Selector,
    read_selector,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.selectors import lint
from hypothesis import assume, given
from hypothesis import strategies as st

# Each selector with the codes of what is wrong with it; a dot is for nothing.
ALONE = r"""
.      up
.      up{job="node"}
.      {__name__=~"job:.+"}
.      {__name__="up", job=~"node|app"}
.      {namespace="shop", __name__=~"kube_.+"}
.      up{job=~"(?i)node"}
.      up{cluster!="edge"}
.      up{instance=~"a.*"}
PF330  up{
PF330  {job=~"("}
PF331  up%7Bjob%3D%22node%22%7D
PF332  sum(up)
PF332  up offset 5m
PF333  {job=~".*"}
PF333  {}
PF334  up{job="$(JOB)"}
PF335  {__name__=~".+"}
PF335  {__name__!=""}
PF335  {job=~".+"}
PF335  {job!="", instance=~".+"}
PF335  {__name__=~"[a-zA-Z_:].*"}
PF336  up{job="a", job="b"}
PF336  up{job=~"a.*", job=~"b.*"}
PF336  up{job="a", job!="a"}
PF336  {__name__="", job="a"}
PF337  up{cluster="edge"}
PF337  {prometheus_replica=~".+", __name__="up"}
PF338  {__name__!~"go_.*", job!=""}
PF338  {namespace!="kube-system", job=~".+"}
PF341  logins_total{user!=""}
PF341  logins_total{Email=~"a.*"}
PF342  http_request_duration_seconds_bucket
PF342  {__name__=~"up|http_.+_bucket"}
PF343  up{job="federation/edge/platform"}
PF343  up{job=~"federation/.*"}
PF344  up{job=~".*"}
PF344  up{job="a", job!="b"}
PF345  {__name__=~"^job:.+"}
PF346  {__name__=~"up"}
PF346  up{path!~"a\\.b"}
PF347  {__name__=~"up|down|up"}
PF347  {__name__=~"kube_.+|kube_pod_info"}
PF348  up{team="payments"}
"""

TOGETHER: tuple[tuple[tuple[str, ...], list[tuple[int, str]]], ...] = (
    (("up", "down"), []),
    (("up", "up"), [(1, "PF339")]),
    (("up", '{__name__="up"}'), [(1, "PF339")]),
    (('up{a="1", b="2"}', 'up{b="2", a="1"}'), [(1, "PF339")]),
    (('{__name__=~"(?i)up"}', '{__name__=~"(?i)up"}'), [(1, "PF339")]),
    (('{__name__=~"(?i)up"}', "up"), []),
    (("up", 'up{job="node"}'), [(1, "PF340")]),
    (("job:up:sum", '{__name__=~"job:.+"}'), [(0, "PF340")]),
    (('{__name__=~"job:.+"}', '{__name__=~"[^:]+:.+"}'), [(0, "PF340")]),
    (('{__name__=~"a.+"}', '{__name__=~".+b"}'), []),
    (('up{job=~"a|b"}', 'up{job!="c"}'), [(0, "PF340")]),
    # Without a job the first selects what the second does not.
    (('up{job!="c"}', 'up{job=~"a|b|c"}'), []),
    # What is wrong by itself is reported once.
    (('{__name__=~".+"}', "up"), [(0, "PF335")]),
)

TABLE = [tuple(line.split(None, 1)) for line in ALONE.strip().splitlines()]


def codes(*texts: str) -> list[tuple[int, str]]:
    return [(remark.index, remark.code) for remark in lint(texts, external_labels=["team"])]


@pytest.mark.parametrize(("code", "selector"), TABLE, ids=[selector for _code, selector in TABLE])
def test_one_selector(code: str, selector: str) -> None:
    assert codes(selector) == ([] if code == "." else [(0, code)])


@pytest.mark.parametrize(
    "selector", ['up{cluster="edge"}', '{prometheus_replica=~".+", __name__="up"}', 'up{team="payments"}']
)
def test_a_source_that_federates_others_has_series_with_their_labels(selector: str) -> None:
    assert codes(selector) != []
    assert lint([selector], external_labels=["team"], federates=True) == []


@pytest.mark.parametrize(("texts", "expected"), TOGETHER)
def test_several_selectors(texts: tuple[str, ...], expected: list[tuple[int, str]]) -> None:
    assert codes(*texts) == expected


def test_every_code_of_the_lint_is_in_the_table() -> None:
    made = {code for code, _selector in TABLE} | {code for _texts, found in TOGETHER for _index, code in found}
    assert made - {"."} == {code for code in CODES if "PF330" <= code <= "PF348"}


def test_what_is_federated_by_default_is_clean() -> None:
    assert codes(*DEFAULT_MATCH) == []


@pytest.mark.parametrize(("code", "selector"), TABLE, ids=[selector for _code, selector in TABLE])
def test_a_remark_is_what_its_finding_needs(code: str, selector: str) -> None:
    subject = Subject(cluster="edge", kind="Selector", name=selector)
    for remark in lint([selector], external_labels=["team"]):
        assert found(remark.code, subject, **remark.evidence).message
    assert code


# -- properties ---------------------------------------------------------------------------------------------------

LABELS = ("__name__", "job", "x")
VALUES = ("", "a", "b", "ab", "ba")
# Every series with these labels and values; the name is never empty.
SERIES = [dict(zip(LABELS, values, strict=True)) for values in itertools.product(VALUES, repeat=3) if values[0]]
MATCHERS = st.builds(
    Matcher,
    label=st.sampled_from(LABELS),
    operator=st.sampled_from(["=", "!=", "=~", "!~"]),
    value=st.sampled_from(["", "a", "b", "a|b", "a.*", ".*a", ".+", ".*", "[ab]", "[^a]+", "(?i)a", "a?b"]),
)
SELECTORS = st.lists(MATCHERS, min_size=1, max_size=4).map(
    lambda matchers: Selector(text="{" + ",".join(map(str, matchers)) + "}", matchers=tuple(matchers))
)


def passes(matcher: Matcher, series: t.Mapping[str, str]) -> bool:
    value = series[matcher.label]
    if matcher.operator in ("=", "!="):
        return (value == matcher.value) == (matcher.operator == "=")
    return (re.fullmatch(matcher.value, value, re.DOTALL) is not None) == (matcher.operator == "=~")


def selected(selector: Selector) -> list[dict[str, str]]:
    return [series for series in SERIES if all(passes(matcher, series) for matcher in selector.matchers)]


@given(SELECTORS)
def test_what_can_never_match_matches_nothing(selector: Selector) -> None:
    if selectors.never_matches(selector):
        assert selected(selector) == []


@given(SELECTORS, SELECTORS)
def test_what_is_contained_is_contained(outer: Selector, inner: Selector) -> None:
    if selectors.contains(outer, inner):
        larger = selected(outer)
        assert all(series in larger for series in selected(inner))


@given(st.lists(SELECTORS, min_size=1, max_size=4))
def test_what_the_lint_wants_removed_changes_nothing(given_selectors: list[Selector]) -> None:
    texts = [selector.text for selector in given_selectors]
    read = [read_selector(text) for text in texts]
    assume(all(isinstance(one, Selector) for one in read))
    parsed = t.cast("list[Selector]", read)
    for remark in lint(texts):
        before = selected(parsed[remark.index])
        match remark.code:
            case "PF336":
                assert before == []
            case "PF335":
                assert all(series in before for series in SERIES if series["job"])
            case "PF339" | "PF340":
                other = read_selector(str(remark.evidence["other"]))
                assert isinstance(other, Selector)
                assert all(series in selected(other) for series in before)
            case "PF344":
                rest = [each for each in parsed[remark.index].matchers if str(each) != remark.evidence["matcher"]]
                kept = Selector(text="", matchers=tuple(rest))
                # A matcher that is there twice is without effect as long as one of the two stays.
                assert selected(kept) == before or len(rest) < len(parsed[remark.index].matchers) - 1
            case "PF346":
                instead = read_selector("{" + str(remark.evidence["instead"]) + "}")
                if isinstance(instead, Selector):
                    assert [one for one in before if passes(instead.matchers[0], one)] == before
            case _:
                pass
