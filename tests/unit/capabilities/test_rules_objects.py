"""The rules that the roles bring along."""

from __future__ import annotations

import re

import promql_parser
import pytest

from tests.unit.capabilities.builders import ALERT_RULES, BASE_RULES, FEDERATION_RULES, ROLES, JsonObject

RULES = [
    (f"{group['name']}/{rule.get('alert') or rule.get('record')}", rule)
    for group in [*BASE_RULES, *ALERT_RULES, *FEDERATION_RULES]
    for rule in group["rules"]
]
ALERTS = [(name, rule) for name, rule in RULES if "alert" in rule]
RECORDS = [(name, rule) for name, rule in RULES if "record" in rule]


@pytest.mark.parametrize("rule", [rule for _name, rule in RULES], ids=[name for name, _rule in RULES])
def test_expressions_parse(rule: JsonObject) -> None:
    assert promql_parser.parse(rule["expr"]) is not None


@pytest.mark.parametrize("rule", [rule for _name, rule in ALERTS], ids=[name for name, _rule in ALERTS])
def test_alerts_say_what_is_wrong(rule: JsonObject) -> None:
    assert set(rule["annotations"]) - {"runbook_url"} == {"summary", "description"}
    assert rule["labels"]["severity"] in {"none", "warning", "critical"}


def test_which_base_alerts_have_no_namespace() -> None:
    """No AlertmanagerConfig of a team receives them, and the guide about teams names each of them."""
    # Each of the others keeps the labels of the series that it looks at, which have the namespace of their target.
    aggregated = re.compile(r"\bby \((?P<labels>[^)]*)\)|vector\(")
    without = set()
    for rule in (rule for group in BASE_RULES for rule in group["rules"] if "alert" in rule):
        found = aggregated.search(rule["expr"])
        if found is not None and "namespace" not in (found["labels"] or ""):
            without.add(rule["alert"])
    guide = (ROLES.parent / "docs/teams.md").read_text(encoding="utf-8")
    (sentence,) = re.findall(r"have no label `namespace`\s+at all: (.*?)\.", guide, flags=re.DOTALL)
    assert set(re.findall(r"`(\w+)`", sentence)) == without


def test_recorded_names_have_a_colon() -> None:
    assert all(":" in rule["record"] for _name, rule in RECORDS)


def test_some_recorded_series_have_neither_job_nor_instance() -> None:
    names = {rule["record"] for _name, rule in RECORDS if " by " not in rule["expr"]}
    assert {"team:up:ratio", "team:scrape_samples_scraped:sum"} <= names


def test_braces_are_left_for_prometheus() -> None:
    assert any("{{ $labels.instance }}" in rule["annotations"]["description"] for _name, rule in ALERTS)


@pytest.mark.parametrize("groups", [BASE_RULES, ALERT_RULES, FEDERATION_RULES])
def test_groups_and_rules_have_names_of_their_own(groups: list[JsonObject]) -> None:
    names = [group["name"] for group in groups]
    assert len(set(names)) == len(names)
    rules = [rule.get("alert") or rule["record"] for group in groups for rule in group["rules"]]
    assert len(set(rules)) == len(rules)
