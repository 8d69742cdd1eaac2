"""What the lint says about selectors is what Prometheus does: its own promtool selects among made-up series.

promtool evaluates selectors as Prometheus does, with Go's regular expressions. One run of it judges many of them.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import typing as t
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus import languages, selectors
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import (
    Matcher,
    Selector,
    read_selector,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.support.prometheus_process import lab_program

JsonObject = dict[str, t.Any]

# The number of sets that hypothesis makes, each judged by one run of promtool; `make prove PART=selectors` makes more.
SETS = int(os.environ.get("PROMFLEET_SETS", "12"))
LABELS = ("job", "x")
# Texts that tell apart what Go's regular expressions tell apart.
TEXTS = (
    "a",
    "b",
    "ab",
    "a.b",
    "aXb",
    "a\nb",
    "A",
    "_",
    "9",
    " ",
    "\t",
    "ü",
    "a:b",
    "a|b",
    "x_bucket",
    "federation/a/b",
)
NAMES = ("up", "job:up:sum", "x_bucket", "ALERTS", "a")

PIECES = st.sampled_from(
    ["a", "b", "ab", ".", ".*", ".+", "[ab]", "[^a]", "[^:]+", r"\.", r"\d", r"\w+", r"\s", r"\W", "(a|b)", "(?:ab)?"]
)
RARE_PIECES = st.sampled_from(
    ["a{2}", "x_bucket", "_bucket", "federation/", "A", "ü", "[a-c]+", "[]a]", r"[\w:]+", "a??", ":", "a{0,2}", r"\n"]
)
REGEXES = st.lists(st.lists(PIECES | RARE_PIECES, min_size=1, max_size=3).map("".join), min_size=1, max_size=3).map(
    "|".join
)
MATCHERS = st.one_of(
    st.builds(
        Matcher,
        label=st.sampled_from(LABELS),
        operator=st.sampled_from(["=", "!="]),
        value=st.sampled_from(["", *TEXTS]),
    ),
    st.builds(
        Matcher,
        label=st.sampled_from(["__name__", *LABELS]),
        operator=st.sampled_from(["=~", "!~"]),
        value=st.one_of(REGEXES, REGEXES.map("^{}$".format)),
    ),
)


def written(matchers: Sequence[Matcher]) -> str:
    """A selector as users write it."""
    return "{" + ",".join(map(str, matchers)) + "}"


SELECTORS = st.lists(MATCHERS, min_size=1, max_size=3).map(written)


def series() -> list[str]:
    """Series of each name with each pair of texts, and without one or both of the labels; ``id`` tells them apart."""
    found: list[str] = []
    for name, job, x in itertools.product(NAMES, ("", *TEXTS), ("", "a", "ab", "a\nb")):
        labels = {"job": job, "x": x, "id": str(len(found))}
        pairs = [f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in labels.items() if value]
        found.append(f"{name}{{{','.join(pairs)}}}")
    return found


SERIES = series()


@pytest.fixture(scope="module")
def promtool(request: pytest.FixtureRequest) -> Path:
    """The lab's promtool."""
    return lab_program(request, "promtool")


def judge(promtool: Path, folder: Path, expected: dict[str, list[JsonObject]]) -> None:
    """Let promtool compare each expression with the samples that are *expected* of it."""
    test = {
        "interval": "1m",
        "input_series": [{"series": one, "values": "1"} for one in SERIES],
        "promql_expr_test": [
            {"expr": expression, "eval_time": "0m", "exp_samples": samples} for expression, samples in expected.items()
        ],
    }
    path = folder / "selectors.yml"
    # JSON is YAML.
    path.write_text(json.dumps({"tests": [test]}, ensure_ascii=False))
    done = subprocess.run([str(promtool), "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[:5000]


def nothing(expression: str) -> dict[str, list[JsonObject]]:
    """The expectation that an expression has no result."""
    return {expression: []}


def number(selector: str, count: int) -> dict[str, list[JsonObject]]:
    """The expectation of how many series a selector selects."""
    return {f"count({selector})": [{"labels": "{}", "value": count}] if count else []}


def understood(texts: Sequence[str]) -> list[Selector]:
    """Those of *texts* that are selectors."""
    return [one for one in map(read_selector, texts) if isinstance(one, Selector)]


def in_one_run(count: int) -> t.Callable[[t.Any], t.Any]:
    """Settings of hypothesis for examples that each start a program."""
    return settings(
        max_examples=count,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )


@in_one_run(SETS)
@given(regexes=st.lists(REGEXES, min_size=20, max_size=20, unique=True))
def test_values_are_those_that_prometheus_matches(promtool: Path, tmp_path: Path, regexes: list[str]) -> None:
    """A value is in the set of a regular expression if Prometheus matches it."""
    expected: dict[str, list[JsonObject]] = {}
    alike = len(SERIES) // (len(TEXTS) + 1)
    for regex in regexes:
        pattern = languages.read(regex)
        selector = written(
            [Matcher(label="id", operator="!=", value=""), Matcher(label="job", operator="=~", value=regex)]
        )
        if pattern is None or not understood([selector]):
            continue
        matched = [text for text in ("", *TEXTS) if languages.has(pattern.values, text)]
        expected |= number(selector, alike * len(matched))
    assert expected
    judge(promtool, tmp_path, expected)


@in_one_run(SETS)
@given(texts=st.lists(SELECTORS, min_size=25, max_size=25, unique=True))
def test_what_the_lint_says_holds(promtool: Path, tmp_path: Path, texts: list[str]) -> None:
    """Nothing that never matches is found, and nothing is outside of what it is said to be contained in."""
    expected: dict[str, list[JsonObject]] = {}
    for remark in selectors.lint(texts):
        text = texts[remark.index]
        match remark.code:
            case "PF336":
                expected |= nothing(text)
            case "PF335":
                expected |= nothing(f'{{job!="",id!=""}} unless on (id) {text}')
            case "PF339" | "PF340":
                expected |= nothing(f"{text} unless on (id) {remark.evidence['other']}")
            case "PF344":
                read = understood([text])[0]
                rest = [one for one in read.matchers if str(one) != remark.evidence["matcher"]]
                # The label that all series have makes it a selector also without the matcher.
                without = written([Matcher(label="id", operator="!=", value=""), *rest])
                if len(rest) == len(read.matchers) - 1:
                    expected |= nothing(f"{without} unless on (id) {text}")
            case "PF346":
                instead, matcher = (
                    f'{{{remark.evidence["instead"]},id!=""}}',
                    f'{{{remark.evidence["matcher"]},id!=""}}',
                )
                expected |= nothing(f"{instead} unless on (id) {matcher}")
                expected |= nothing(f"{matcher} unless on (id) {instead}")
            case _:
                pass
    judge(promtool, tmp_path, expected or nothing('{id="none"}'))


@in_one_run(SETS)
@given(texts=st.lists(SELECTORS, min_size=12, max_size=12, unique=True))
def test_what_is_contained_is_contained(promtool: Path, tmp_path: Path, texts: list[str]) -> None:
    """Each pair, and each selector that never matches."""
    read = understood(texts)
    expected: dict[str, list[JsonObject]] = {}
    for outer, inner in itertools.permutations(read, 2):
        if selectors.contains(outer, inner):
            expected |= nothing(f"{inner.text} unless on (id) {outer.text}")
    for one in read:
        if selectors.never_matches(one):
            expected |= nothing(one.text)
    judge(promtool, tmp_path, expected or nothing('{id="none"}'))


def test_a_wrong_claim_is_found(promtool: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        judge(promtool, tmp_path, nothing("up unless on (id) job:up:sum"))
    with pytest.raises(AssertionError):
        judge(promtool, tmp_path, number('{job="a"}', 1))
