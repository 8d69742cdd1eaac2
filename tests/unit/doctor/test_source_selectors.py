"""Selectors as a module judges them: by their text, and by what a source answers."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.selectors import (
    Budget,
    as_result,
    cost_findings,
    judged,
    lint_findings,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Subject
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.api import Prometheus
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.cost import (
    Body,
    Cost,
    Costs,
    body_of,
    measure,
    names_in,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import Selector, read_selector
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run
from ansible_collections.promfleet.monitoring.plugins.modules.federation_selectors import DEFINITION

JsonObject = dict[str, t.Any]

SOURCE = Subject(cluster="edge", kind="Prometheus", namespace="monitoring-platform", name="platform")
BUDGET = Budget(series=100, size=1000, seconds=2.0)
SMALL = Body(samples=2, size=100, compressed=50, seconds=0.1, labels=frozenset({"job"}))


def run(**options: t.Any) -> JsonObject:
    """What the module returns without a cluster."""
    validated = ArgumentSpecValidator(DEFINITION.options).validate(options)
    assert not validated.error_messages
    return DEFINITION.work(Run(params=validated.validated_parameters, check=False))


def codes(result: JsonObject) -> list[str]:
    return [finding["code"] for finding in result["findings"]]


def test_the_default_is_clean_and_asks_no_cluster() -> None:
    result = run()
    assert (codes(result), result["failure"], result["warnings"]) == ([], None, [])
    assert [entry["selector"] for entry in result["selectors"]] == [
        '{__name__=~"[^:]+:.+"}',
        'ALERTS{alertstate="firing"}',
    ]
    assert result["summary"]["checks"] == result["summary"]["ok"] == 2
    assert "total" not in result


def test_everything_wrong_is_returned_and_errors_make_it_fail() -> None:
    result = run(match=["up", 'up{job="a"}', "up{", 'x{region="eu"}'], external_labels=["region"], cluster="edge")
    assert codes(result) == ["PF330", "PF340", "PF348"]
    assert result["findings"][0]["object"] == {"cluster": "edge", "kind": "Selector", "namespace": "", "name": "up{"}
    assert str(result["failure"]).startswith("3 findings in 4 checks: 1 error, 2 warning")
    assert run(match=['up{job=~"^a"}'])["failure"] is None
    assert run(match=['up{job=~"^a"}'], fail_on="info")["failure"]


def test_an_opt_in_and_a_suppression() -> None:
    everything = {"match": ['{__name__=~".+"}']}
    assert codes(run(**everything)) == ["PF335"]
    assert codes(run(**everything, match_everything=True)) == []
    entry = {"code": "PF335", "object": "source/Selector/{__name__=~*", "reason": "a test"}
    result = run(**everything, suppressions=[entry])
    assert (codes(result), result["failure"], len(result["suppressed"])) == ([], None, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"scrape_timeout": "31s"},
            "scrape_timeout: '31s' must be more than 0 and not longer than the interval, '30s'",
        ),
        ({"scrape_interval": "x"}, "scrape_interval: 'x' is not a duration"),
        ({"max_series": 0}, "max_series: must be more than 0, found 0"),
        ({"max_seconds": -1}, "max_seconds: must be more than 0, found -1"),
        ({"external_labels": ["a-b"]}, "external_labels[0]"),
        ({"team": "A"}, "team: 'A' must consist of"),
        ({"namespace": "A"}, "namespace: 'A' must consist of"),
        ({"suppressions": [{"code": "PF000", "object": "*"}]}, "suppressions[0].code"),
    ],
)
def test_bad_options(options: JsonObject, message: str) -> None:
    with pytest.raises(InputError) as error:
        run(**options)
    assert str(error.value).startswith(message)


def costs(*entries: Cost, together: Body | None = SMALL, bytes_per_series: int | None = None) -> Costs:
    return Costs(selectors=entries, together=together, bytes_per_series=bytes_per_series)


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        (costs(Cost(selector="up", names={"up": 3}, body=SMALL)), []),
        (costs(Cost(selector="up", names={"up": 100})), []),
        (costs(Cost(selector="up", names={})), ["PF350"]),
        (costs(Cost(selector="x", names={}, refusal="unexpected character")), ["PF349"]),
        (costs(Cost(selector='{__name__=~"a|b"}', names={"a": 1}, missing=("b",))), ["PF351"]),
        (costs(Cost(selector="a", names={"a": 60}), Cost(selector="b", names={"b": 41}), together=None), ["PF352"]),
        (costs(Cost(selector="a", names={"a": 1}), together=Body(**{**vars(SMALL), "size": 1001})), ["PF353"]),
        (costs(Cost(selector="a", names={"a": 1}), together=Body(**{**vars(SMALL), "seconds": 2.1})), ["PF354"]),
        (
            costs(Cost(selector="a", names={"a": 1}, body=Body(**{**vars(SMALL), "labels": frozenset({"Email"})}))),
            ["PF355"],
        ),
    ],
)
def test_what_was_measured_is_compared_with_the_budget(measured: Costs, expected: list[str]) -> None:
    assert [finding.code for finding in cost_findings(measured, budget=BUDGET, source=SOURCE)] == expected


def test_a_budget_that_is_exceeded_names_what_to_change() -> None:
    measured = costs(Cost(selector="a", names={"a": 60, "c": 1}), Cost(selector="b", names={"b": 41}), together=None)
    (finding,) = cost_findings(measured, budget=BUDGET, source=SOURCE)
    assert "102 series, the budget is 100; bodies were not fetched; most series have a (60), b (41), c (1)" in (
        finding.message
    )
    assert "a (60), b (41), c (1)" in finding.fix


def test_the_source_judges_what_our_parser_does_not_understand() -> None:
    lints = lint_findings(["up{new}", "up{"], external_labels=(), everything=False, source=SOURCE)
    assert [finding.code for finding in lints] == ["PF330", "PF330"]
    answered = costs(Cost(selector="up{new}", names={"up": 1}), Cost(selector="up{", names={}, refusal="parse error"))
    assert [finding.object.name for finding in judged(lints, answered)] == ["up{"]
    assert judged(lints, None) == lints


def test_the_result_is_in_numbers() -> None:
    measured = costs(Cost(selector="up", names={"up": 2}, body=SMALL), bytes_per_series=1000)
    result = as_result(["up"], measured, top=1, interval=25.0, bytes_per_series=None)
    assert result["selectors"] == [
        {"selector": "up", "series": 2, "bytes": 100, "compressed_bytes": 50, "seconds": 0.1, "missing": []}
    ]
    assert result["total"] == {
        "series": 2,
        "bytes": 100,
        "compressed_bytes": 50,
        "seconds": 0.1,
        "bytes_per_second": 2,
        "largest": [{"name": "up", "series": 2}],
        "bytes_per_series": 1000,
        "central_memory_bytes": 2000,
    }
    given = as_result(["up"], measured, top=1, interval=25.0, bytes_per_series=3000)
    assert given["total"]["central_memory_bytes"] == 6000


def test_a_body_is_read_as_it_is_written() -> None:
    data = b'# TYPE up untyped\nup{job="a",path="x,user=\\"b\\""} 1 1700000000000\nup 0 1700000000000\n'
    body = body_of(data, seconds=0.5)
    assert (body.samples, body.size, body.labels) == (2, len(data), frozenset({"job", "path"}))
    assert body_of(b"", seconds=0.0).samples == 0


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ('{__name__=~"a|b|a"}', ("a", "b")),
        ('{__name__=~"a|b.*"}', ("a",)),
        ('{__name__=~"(?i)a|b"}', ()),
        ("up", ()),
    ],
)
def test_the_names_that_a_selector_lists(selector: str, names: tuple[str, ...]) -> None:
    read = read_selector(selector)
    assert isinstance(read, Selector)
    assert names_in(read) == names


class Counting:
    """A source with many series, which notes what it is asked."""

    def __init__(self, series: int) -> None:
        self.paths: list[str] = []
        self._series = str(series)

    def send(self, _method: str, path: str, **_more: t.Any) -> tuple[int, bytes]:
        path = path.partition("/proxy")[2]
        self.paths.append(path)
        match path:
            case "/federate":
                return 200, b"up 1\n"
            case "/metrics":
                return 200, b"process_resident_memory_bytes 3e+06\nprometheus_tsdb_head_series 1000\n"
            case _:
                result = [{"metric": {"__name__": "up"}, "value": [0, self._series]}]
                return 200, json.dumps({"status": "success", "data": {"result": result}}).encode()


@pytest.mark.parametrize(("series", "fetched"), [(5, 3), (6, 0)])
def test_bodies_are_fetched_only_where_they_are_small(series: int, fetched: int) -> None:
    source = Counting(series)
    prometheus = Prometheus(t.cast("t.Any", source), namespace="n", service="s")
    found = measure(prometheus, ["up", 'up{job="a"}'], most=10, seconds=1.0, step=lambda _text: None)
    assert source.paths.count("/federate") == fetched
    assert (found.series, found.bytes_per_series) == (2 * series, 3000)
    assert (found.together is None) == (fetched == 0)
