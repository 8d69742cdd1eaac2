"""The rules that the roles bring along."""

from __future__ import annotations

import promql_parser
import pytest

from tests.unit.capabilities.builders import ALERT_RULES, BASE_RULES, JsonObject

RULES = [
    (f"{group['name']}/{rule.get('alert') or rule.get('record')}", rule)
    for group in [*BASE_RULES, *ALERT_RULES]
    for rule in group["rules"]
]
ALERTS = [(name, rule) for name, rule in RULES if "alert" in rule]
RECORDS = [(name, rule) for name, rule in RULES if "record" in rule]


@pytest.mark.parametrize("rule", [rule for _name, rule in RULES], ids=[name for name, _rule in RULES])
def test_expressions_parse(rule: JsonObject) -> None:
    assert promql_parser.parse(rule["expr"]) is not None


@pytest.mark.parametrize("rule", [rule for _name, rule in ALERTS], ids=[name for name, _rule in ALERTS])
def test_alerts_say_what_is_wrong(rule: JsonObject) -> None:
    assert set(rule["annotations"]) == {"summary", "description"}
    assert rule["labels"]["severity"] in {"none", "warning", "critical"}


def test_recorded_names_have_a_colon() -> None:
    assert all(":" in rule["record"] for _name, rule in RECORDS)


def test_some_recorded_series_have_neither_job_nor_instance() -> None:
    names = {rule["record"] for _name, rule in RECORDS if " by " not in rule["expr"]}
    assert {"team:up:ratio", "team:scrape_samples_scraped:sum"} <= names


def test_braces_are_left_for_prometheus() -> None:
    assert any("{{ $labels.instance }}" in rule["annotations"]["description"] for _name, rule in ALERTS)


@pytest.mark.parametrize("groups", [BASE_RULES, ALERT_RULES])
def test_groups_and_rules_have_names_of_their_own(groups: list[JsonObject]) -> None:
    names = [group["name"] for group in groups]
    assert len(set(names)) == len(names)
    rules = [rule.get("alert") or rule["record"] for group in groups for rule in group["rules"]]
    assert len(set(rules)) == len(rules)
