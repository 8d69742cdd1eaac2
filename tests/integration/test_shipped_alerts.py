"""Each alert about the operator and about instances fires, resolves, and leads to its section of docs/alerts.md."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.support.alert_proofs import as_test, require_proofs
from tests.integration.support.prometheus_process import lab_program

CHECKOUT = Path(__file__).resolve().parents[2]
PROOFS: Mapping[str, list[dict[str, Any]]] = yaml.safe_load(Path(__file__).with_name("alert_proofs.yml").read_text())
FILES = {
    "operator": CHECKOUT / "roles/prometheus_operator/files/alert_rules.yml",
    "instances": CHECKOUT / "roles/team_monitoring/files/base_rules.yml",
}
GROUPS: Mapping[str, list[dict[str, Any]]] = {name: yaml.safe_load(path.read_text()) for name, path in FILES.items()}
PAGE = "https://github.com/promfleet/ansible-collection-monitoring/blob/main/docs/alerts.md"
PARTS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]


def alerts_of(name: str) -> dict[str, dict[str, Any]]:
    """The rules of alerts of a file, in its order."""
    return {rule["alert"]: rule for group in GROUPS[name] for rule in group["rules"] if "alert" in rule}


@pytest.mark.parametrize("name", FILES)
def test_each_alert_fires_and_resolves(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    alerts = alerts_of(name)
    assert [proof["alert"] for proof in PROOFS[name]] == list(alerts)
    tests = [as_test(alerts[proof["alert"]], proof) for proof in PROOFS[name]]
    require_proofs(tests, groups=GROUPS[name], promtool=lab_program(request, "promtool"), folder=tmp_path)


def test_each_alert_leads_to_its_section() -> None:
    text = (CHECKOUT / "docs/alerts.md").read_text()
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", text, flags=re.MULTILINE | re.DOTALL))
    rules = {**alerts_of("operator"), **alerts_of("instances")}
    assert list(sections) == list(rules)
    for alert, rule in rules.items():
        assert rule["annotations"]["runbook_url"] == f"{PAGE}#{alert.lower()}"
        assert re.findall(r"^- \*\*(\w+)\.\*\* \S", sections[alert], flags=re.MULTILINE) == PARTS, alert
