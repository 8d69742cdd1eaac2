"""Each alert about a workload fires when it should and resolves when the fault is gone: by Prometheus' promtool."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.reads import without_variables

from tests.integration.support.alert_proofs import as_test, require_proofs
from tests.integration.support.prometheus_process import lab_program
from tests.tools.dashboards import definitions
from tests.tools.workloads import catalogue, common_alerts
from tests.unit.capabilities.builders import JsonObject, objects_of_workloads, only

PROOFS: Mapping[str, list[dict[str, Any]]] = yaml.safe_load(Path(__file__).with_name("workload_proofs.yml").read_text())
CATALOGUE = catalogue()


def groups_of(entry: str) -> list[JsonObject]:
    """The groups of rules that the platform's instance gets for an entry."""
    everywhere = all(part.is_of_nodes for part in CATALOGUE[entry].parts)
    where = {} if everywhere else {"namespaces": ["any"]}
    groups: list[JsonObject] = only(objects_of_workloads({"id": entry, **where}), "PrometheusRule")["spec"]["groups"]
    return groups


@pytest.fixture(scope="module")
def promtool(request: pytest.FixtureRequest) -> Path:
    """The lab's promtool."""
    return lab_program(request, "promtool")


def rule_of(entry: str, alert: str) -> JsonObject:
    """The rule of an alert, the first one where each part has it."""
    return next(rule for group in groups_of(entry) for rule in group["rules"] if rule.get("alert") == alert)


def test_every_alert_has_a_proof() -> None:
    proved = {(entry, proof["alert"]) for entry, proofs in PROOFS.items() for proof in proofs}
    common = {alert["alert"] for alert in common_alerts()}
    own = {(entry.id, alert["alert"]) for entry in CATALOGUE.values() for alert in entry.alerts}
    assert {(entry, alert) for entry, alert in proved if alert not in common} == own
    assert common <= {alert for _entry, alert in proved}


@pytest.mark.parametrize("entry", sorted(PROOFS))
def test_each_alert_fires_and_resolves(entry: str, promtool: Path, tmp_path: Path) -> None:
    tests = [as_test(rule_of(entry, proof["alert"]), proof) for proof in PROOFS[entry]]
    require_proofs(tests, groups=groups_of(entry), promtool=promtool, folder=tmp_path)


def test_promtool_takes_all_rules_and_the_queries_of_all_panels(promtool: Path, tmp_path: Path) -> None:
    """Queries as recording rules: there is no other command that only parses."""
    files = []
    for entry in CATALOGUE.values():
        queries = [query["expr"] for panel in entry.panels for query in panel["queries"]]
        panels = [
            {"record": f"panel:{number}:query", "expr": without_variables(query)}
            for number, query in enumerate(queries)
        ]
        groups = [*groups_of(entry.id), {"name": "panels", "rules": panels}]
        files.append(tmp_path / f"{entry.id}.yml")
        files[-1].write_text(json.dumps({"groups": groups}))
    done = subprocess.run(
        [str(promtool), "check", "rules", "--lint-fatal", *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_panel_shows_anything_where_its_metrics_are_missing(promtool: Path, tmp_path: Path) -> None:
    """A zero that comes from nothing is believed."""
    queries = {
        re.sub(r"\$__rate_interval", "5m", query["expr"]).replace('"$', '".*').replace(".*ray_io_cluster", ".*")
        for definition in definitions().values()
        for panel in definition["panels"]
        for query in panel["queries"]
    }
    queries = {re.sub(r'"\.\*\w*"', '".*"', query) for query in queries}
    checks = [{"expr": query, "eval_time": "10m", "exp_samples": []} for query in sorted(queries)]
    (tmp_path / "tests.yml").write_text(
        json.dumps({"tests": [{"interval": "1m", "input_series": [], "promql_expr_test": checks}]})
    )
    done = subprocess.run(
        [str(promtool), "test", "rules", str(tmp_path / "tests.yml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(checks) > 40
