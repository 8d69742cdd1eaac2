"""Each alert about the operator and about instances fires, resolves, and leads to its section of docs/alerts.md."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import objects_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.certificates import Serving
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.capability import OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.model import parse_operator
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.webhook import (
    with_certificate,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping

from tests.integration.support.alert_proofs import as_test, require_proofs
from tests.integration.support.prometheus_process import lab_program
from tests.unit.capabilities.builders import only

CHECKOUT = Path(__file__).resolve().parents[2]
PROOFS: Mapping[str, list[dict[str, Any]]] = yaml.safe_load(Path(__file__).with_name("alert_proofs.yml").read_text())
FILES = {
    "operator": CHECKOUT / "roles/prometheus_operator/files/alert_rules.yml",
    "instances": CHECKOUT / "roles/team_monitoring/files/base_rules.yml",
}
# Several operators have an alert each, which is in no file.
SEVERAL = "several-operators"
OF_FILES: Mapping[str, list[dict[str, Any]]] = {name: yaml.safe_load(path.read_text()) for name, path in FILES.items()}
# Nor are those about the admission webhook, whose certificate here expires 14 days and an hour after the tests begin.
WEBHOOK = "admission-webhook"
CERTIFICATE = Serving(
    data={}, authorities=b"", expires=dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(days=14, hours=1)
)


def made(given: dict[str, Any]) -> list[dict[str, Any]]:
    """The groups of rules about the operator that are in no file."""
    objects = objects_of(
        OPERATOR, validate_mapping({**given, "rules": OF_FILES["operator"]}, OPERATOR.options, path="")
    )
    if "admission_webhook" in given:
        objects = with_certificate(objects, parse_operator(given), CERTIFICATE)
    found: list[dict[str, Any]] = only(objects, "PrometheusRule")["spec"]["groups"][len(OF_FILES["operator"]) :]
    return found


GROUPS: Mapping[str, list[dict[str, Any]]] = {
    **OF_FILES,
    SEVERAL: made({"operators": 2}),
    WEBHOOK: made({"admission_webhook": {"enabled": True}}),
}
PAGE = "https://github.com/promfleet/ansible-collection-monitoring/blob/main/docs/alerts.md"
PARTS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]


def alerts_of(name: str) -> dict[str, dict[str, Any]]:
    """The rules of alerts in a file, or of several operators, in their order; of equal names the last."""
    return {rule["alert"]: rule for group in GROUPS[name] for rule in group["rules"] if "alert" in rule}


@pytest.mark.parametrize("name", GROUPS)
def test_each_alert_fires_and_resolves(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    alerts = alerts_of(name)
    assert [proof["alert"] for proof in PROOFS[name]] == list(alerts)
    tests = [as_test(alerts[proof["alert"]], proof) for proof in PROOFS[name]]
    require_proofs(tests, groups=GROUPS[name], promtool=lab_program(request, "promtool"), folder=tmp_path)


def test_each_alert_leads_to_its_section() -> None:
    text = (CHECKOUT / "docs/alerts.md").read_text()
    sections = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", text, flags=re.MULTILINE | re.DOTALL))
    rules = {**alerts_of("operator"), **alerts_of(SEVERAL), **alerts_of(WEBHOOK), **alerts_of("instances")}
    assert list(sections) == list(rules)
    for alert, rule in rules.items():
        assert rule["annotations"]["runbook_url"] == f"{PAGE}#{alert.lower()}"
        assert re.findall(r"^- \*\*(\w+)\.\*\* \S", sections[alert], flags=re.MULTILINE) == PARTS, alert
