"""Selectors for match[]."""

from __future__ import annotations

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scrape import DEFAULT_MATCH
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus import promql


@pytest.mark.parametrize(
    "selector",
    [
        *DEFAULT_MATCH,
        "up",
        'up{job="node"}',
        "{__name__=~'job:.*'}",
        '{job!=""}',
        '{job=~".+", instance!~"a"}',
        'percent{kind="100%25"}',
    ],
)
def test_selectors_pass(selector: str) -> None:
    assert promql.check_selector(selector) is None


@pytest.mark.parametrize(
    ("selector", "reason"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("{}", "would select every series"),
        ('{job=~".*"}', "would select every series"),
        ('{job!="a"}', "would select every series"),
        ("sum(up)", "is an expression, not a selector"),
        ("up == 1", "is an expression, not a selector"),
        ("up[5m]", "is an expression, not a selector"),
        ("(up)", "is an expression, not a selector"),
        ("1", "is an expression, not a selector"),
        ("up offset 5m", "has an offset"),
        ("up @ 5", "has an offset or @ modifier"),
        ('up{a="b" or c="d"}', "joins matchers with 'or'"),
        ("up{", "is not understood as PromQL"),
        ('{job=~"("}', "is not understood as PromQL"),
        ("%7B__name__%3D~%22job%3A.%2A%22%7D", 'is URL-encoded; write it plainly: {__name__=~"job:.*"}'),
        ("up%7Bjob%3D%22node%22%7D", 'is URL-encoded; write it plainly: up{job="node"}'),
        ('up{job="$(JOB)"}', "environment variable"),
    ],
)
def test_what_prometheus_would_refuse_is_refused_with_a_reason(selector: str, reason: str) -> None:
    assert reason in (promql.check_selector(selector) or "")


def test_without_the_library_nothing_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(promql, "IMPORT_ERROR", "Traceback")
    with pytest.raises(RuntimeError, match="promql-parser is missing"):
        promql.check_selector("up")
