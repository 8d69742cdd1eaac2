"""Thresholds, suppressions and renderings of findings."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import typing as t
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings import render
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import (
    Finding,
    Placed,
    Subject,
    attach,
    found,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import Link, Report, make_report
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.schema import report_schema
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.suppress import parse_suppressions
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

JsonObject = dict[str, t.Any]

TODAY = dt.date(2026, 11, 25)
OPERATOR = Subject(cluster="hub", kind="Deployment", namespace="op", name="prometheus-operator")
PAY = Subject(cluster="hub", kind="Prometheus", namespace="monitoring-pay", name="pay")
ROOT = found("PF102", OPERATOR)
UNSEEN = found("PF003", PAY, reason="Read timed out.", checks=("configuration_loaded",))
DOWN = found("PF202", PAY, reason="no pod is ready")
CHAIN = attach([Placed(scope=(), finding=ROOT), Placed(scope=("pay",), finding=DOWN)])
KNOWN = {"code": "PF102", "object": "hub/Deployment/*", "reason": "being moved", "owner": "ops"}


def report(*findings: Finding, suppressions: t.Sequence[JsonObject] = (), **options: t.Any) -> Report:
    links = [Link(check=f"check_{finding.code}", object=finding.object, finding=finding) for finding in findings]
    given_options = {"whole_fleet": True, "fail_on": "error", "show_from": "info", "today": TODAY, **options}
    return make_report(
        cluster="hub",
        links=[*links, Link(check="well", object=PAY)],
        findings=findings,
        suppressions=parse_suppressions(list(suppressions)),
        **given_options,
    )


def codes(findings: t.Iterable[Finding]) -> list[str]:
    return [finding.code for finding in findings]


# -- thresholds -------------------------------------------------------------------------------------------------------

WARNING = {"code": "PF304", "object": "hub/*"}
INFO = {"code": "PF304", "object": "hub/*", "reason": "known"}


@pytest.mark.parametrize(
    ("fail_on", "show_from", "failing", "shown"),
    [
        ("error", "info", ["PF102"], ["PF102", "PF901", "PF903"]),
        ("warning", "info", ["PF102", "PF901"], ["PF102", "PF901", "PF903"]),
        ("info", "info", ["PF102", "PF901", "PF903"], ["PF102", "PF901", "PF903"]),
        ("error", "error", ["PF102"], ["PF102"]),
        ("warning", "error", ["PF102", "PF901"], ["PF102", "PF901"]),
    ],
)
def test_failing_and_showing_are_thresholds_of_their_own(
    fail_on: str, show_from: str, failing: list[str], shown: list[str]
) -> None:
    """What fails is always shown, or nobody would know why."""
    done = report(ROOT, suppressions=[WARNING, INFO], fail_on=fail_on, show_from=show_from)
    assert codes(done.failing) == failing
    assert codes(done.shown) == shown
    assert codes(done.findings) == ["PF102", "PF901", "PF903"]


def test_what_was_not_observed_always_fails() -> None:
    assert codes(report(UNSEEN, fail_on="error", show_from="error").failing) == ["PF003"]
    assert report(UNSEEN).summary["not_observed"] == 1


# -- suppressions -----------------------------------------------------------------------------------------------------


def test_a_suppressed_finding_takes_with_it_what_follows_from_it_alone() -> None:
    done = report(*CHAIN, suppressions=[KNOWN])
    assert done.findings == ()
    assert sorted(codes(entry.finding for entry in done.suppressed)) == ["PF102", "PF202"]


def test_a_consequence_stays_while_another_cause_does() -> None:
    other = Placed(scope=(), finding=found("PF101", OPERATOR, kinds=("Prometheus",)))
    chain = attach([Placed(scope=(), finding=ROOT), other, Placed(scope=("pay",), finding=DOWN)])
    chain[-1] = dataclasses.replace(chain[-1], caused_by=tuple(one.fingerprint for one in chain[:2]))
    assert codes(report(*chain, suppressions=[KNOWN]).findings) == ["PF101", "PF202"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"reason": None}, "PF901"),
        ({"reason": "  "}, "PF901"),
        ({"until": "2026-11-24"}, "PF902"),
        ({"object": "hub/Deployment/other/*"}, "PF903"),
        ({"code": "PF103"}, "PF903"),
    ],
)
def test_an_entry_that_suppresses_nothing_is_a_finding(change: JsonObject, code: str) -> None:
    done = report(ROOT, suppressions=[{**KNOWN, **change}])
    assert codes(done.findings) == ["PF102", code]
    assert "suppressions[0]" in done.findings[1].message
    assert done.suppressed == ()


@pytest.mark.parametrize("until", [None, "", "2026-11-25", "2027-01-31"])
def test_an_entry_holds_through_its_last_day(until: str | None) -> None:
    assert report(ROOT, suppressions=[{**KNOWN, "until": until}]).findings == ()


@pytest.mark.parametrize(("glob", "judged"), [("*", False), ("hu?/x", False), ("hub/x", True), ("edge/x", False)])
def test_only_the_cluster_that_can_judge_says_that_an_entry_is_unused(glob: str, *, judged: bool) -> None:
    done = report(suppressions=[{**KNOWN, "object": glob}], whole_fleet=False)
    assert codes(done.findings) == (["PF903"] if judged else [])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"code": "PF9"}, r"suppressions\[0\]\.code: 'PF9' is not a code"),
        ({"object": " "}, r"suppressions\[0\]\.object: is empty"),
        ({"until": "soon"}, r"suppressions\[0\]\.until: 'soon' is not a day"),
        ({"untill": "x"}, r"suppressions\[0\]\.untill: unknown key; did you mean 'until'"),
    ],
)
def test_a_wrong_entry_is_refused_with_its_path(change: JsonObject, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_suppressions([{**KNOWN, **change}])


# -- fingerprints -----------------------------------------------------------------------------------------------------


def test_a_fingerprint_outlives_counters_and_words() -> None:
    def missing(number: int) -> str:
        finding = found("PF303", PAY, source="edge/pay", found=number, expected=3, job="j")
        return finding.fingerprint

    assert missing(1) == missing(2)
    assert found("PF202", PAY, reason="x").fingerprint == DOWN.fingerprint != ROOT.fingerprint
    # Written down: it must not change from release to release.
    assert ROOT.fingerprint == "581fb0dc7be8b0fd"


def test_two_addresses_of_one_source_are_two_faults() -> None:
    prints = {found("PF304", PAY, source="s", address=address, error="e").fingerprint for address in ("a", "b")}
    assert len(prints) == 2


# -- renderings -------------------------------------------------------------------------------------------------------


def test_the_table_has_one_line_for_each_root() -> None:
    done = report(*CHAIN)
    assert render.headline(done) == "2 findings in 3 checks: 2 error"
    assert render.table(done) == (
        "PF102 error: hub/Deployment/op/prometheus-operator: the Deployment does not exist -> run the playbook "
        "promfleet.monitoring.operator [causes 1 more: PF202]"
    )


def test_the_table_is_bounded() -> None:
    many = [found("PF202", dataclasses.replace(PAY, name=f"p{number}"), reason="a\nb") for number in range(30)]
    lines = render.table(report(*many)).splitlines()
    assert len(lines) == render.TABLE_ROOTS + 1
    assert lines[-1] == "and 20 more, see findings in the result"


def test_junit_says_what_failed_and_why_not() -> None:
    well_known = {**KNOWN, "code": "PF003", "object": "hub/Prometheus/*"}
    done = report(*CHAIN, UNSEEN, suppressions=[well_known, WARNING])
    suite = ET.fromstring(render.as_junit(done))  # noqa: S314
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5", "failures": "2", "errors": "0", "skipped": "1",
    }  # fmt: skip
    outcomes = {case.get("name"): [child.tag for child in case] for case in suite}
    assert outcomes == {
        "check_PF102": ["failure"],
        "check_PF202": ["failure"],
        "check_PF003": ["skipped"],
        "well": [],
        "suppression": ["system-out"],
    }
    assert ET.fromstring(render.as_junit(report(UNSEEN))).get("errors") == "1"  # noqa: S314


TEXT = st.text(max_size=40)


@given(text=TEXT, name=TEXT)
def test_every_rendering_can_be_read_whatever_the_server_said(text: str, name: str) -> None:
    obj = dataclasses.replace(PAY, name=name)
    done = report(*CHAIN, found("PF202", obj, reason=text), UNSEEN, suppressions=[WARNING])
    data = json.loads(render.as_json(done))
    jsonschema.validate(data, report_schema(), cls=jsonschema.Draft202012Validator)
    assert data["schema_version"] == render.SCHEMA_VERSION
    ET.fromstring(render.as_junit(done))  # noqa: S314
    families = {family.name: family for family in text_string_to_metric_families(render.as_exposition(done))}
    series = families["promfleet_finding"].samples
    assert sorted(sample.labels["code"] for sample in series) == sorted(codes(done.shown))
    checks = {sample.labels["result"]: sample.value for sample in families["promfleet_checks"].samples}
    assert checks == {"ok": 1.0, "not_ok": len(done.links) - 1}
    assert "\x1b" not in render.table(done)
    assert len(render.table(done).splitlines()) <= render.TABLE_ROOTS + 1


def test_the_schema_refuses_what_is_not_in_it() -> None:
    data = render.as_data(report(*CHAIN, suppressions=[KNOWN]))
    jsonschema.validate(data, report_schema())
    for change in ({"more": 1}, {"schema_version": 0}, {"findings": [{"code": "PF102"}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**data, **change}, report_schema())
