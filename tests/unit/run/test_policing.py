"""The lint of files: what is found, where, and what could not be judged."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import parse
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy import offline
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.policing import (
    LINT_OPTIONS,
    RENDER_OPTIONS,
    lint,
    render,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

from tests.unit.policy.test_rows import SHIPPED

JsonObject = dict[str, t.Any]
MONITOR = """\
---
# A comment before the first object.
apiVersion: v1
kind: ConfigMap
metadata: {name: other}
---
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata:
  name: shop
  namespace: pay
spec:
  sampleLimit: 100
  targetLimit: 10
  selector: {}
  endpoints:
    - port: web
      relabelings:
        - {targetLabel: __address__, replacement: "other:9090"}
"""
RULES = """\
{"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": {"name": "r", "namespace": "pay"},
 "spec": {"groups": [{"name": "g", "rules": [{"alert": "A", "expr": "up", "labels": {"team": "other"}}]}]}}
"""


def run(folder: Path, **params: t.Any) -> JsonObject:
    given = {name: option.get("default") for name, option in LINT_OPTIONS.items()}
    given |= {"shipped": SHIPPED, "files": [str(folder)], "namespaces": {"pay": "pay"}, "suppressions": []}
    return lint(Run(params={**given, **params}, check=False))


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Files as a merge request has them."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "monitor.yaml").write_text(MONITOR)
    (folder / "rules.json").write_text(RULES)
    (folder / "values.yaml").write_text("replicas: 3\n")
    (folder / "notes.txt").write_text("none of ours")
    return folder


def codes(result: JsonObject) -> list[tuple[str, str, str]]:
    return [
        (one["code"], one["evidence"].get("policy", ""), one["evidence"].get("place", "")) for one in result["findings"]
    ]


def test_each_object_is_judged_with_its_file_and_line(repository: Path) -> None:
    result = run(repository)
    assert sorted(codes(result)) == [
        ("PF401", "relabelings", f"{repository}/monitor.yaml:7"),
        ("PF401", "rule-labels", f"{repository}/rules.json:1"),
        ("PF402", "rule-for", f"{repository}/rules.json:1"),
        ("PF402", "rule-runbook", f"{repository}/rules.json:1"),
        ("PF402", "rule-severity", f"{repository}/rules.json:1"),
    ]
    assert result["objects"] == 3
    assert result["by_team"] == {
        "pay": {"relabelings": 1, "rule-for": 1, "rule-labels": 1, "rule-runbook": 1, "rule-severity": 1}
    }
    assert "relabelings[].targetLabel" in result["failure"]


def test_other_namespaces_are_not_judged(repository: Path) -> None:
    result = run(repository, namespaces={"search": "search"})
    assert codes(result) == []
    assert result["failure"] is None


def test_without_teams_what_compares_with_them_is_not_observed(repository: Path) -> None:
    result = run(repository, namespaces={})
    assert ("PF404", "", f"{repository}/rules.json:1") in codes(result)
    assert ("PF401", "relabelings", f"{repository}/monitor.yaml:7") in codes(result)


def test_what_cannot_be_read_fails_and_the_rest_is_judged(repository: Path) -> None:
    (repository / "chart.yaml").write_text("kind: {{ .Values.kind }}\n")
    result = run(repository)
    (unread,) = [one for one in result["findings"] if one["code"] == "PF405"]
    assert "render it first with helm template" in unread["message"]
    assert len(result["findings"]) == 6
    with pytest.raises(InputError, match=r"files\[0\]: .*/nowhere does not exist"):
        run(repository / "nowhere")


def test_a_kind_without_a_schema_is_not_observed_if_a_policy_is_about_it(tmp_path: Path) -> None:
    crds = tmp_path / "crds"
    crds.mkdir()
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "monitor.yaml").write_text(MONITOR)
    (folder / "foreign.yaml").write_text(
        "{apiVersion: example.com/v1, kind: Thing, metadata: {name: a, namespace: pay}}"
    )
    result = run(folder, crds_source=str(crds))
    (finding,) = result["findings"]
    assert finding["code"] == "PF404"
    assert "the schema of monitoring.coreos.com/v1 ServiceMonitor is not known" in finding["message"]


def test_without_the_library_nothing_passes(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "IMPORT_ERROR", "No module named 'cel_expr_python'")
    result = run(repository)
    assert {code for code, _policy, _place in codes(result)} == {"PF404"}
    assert "cel-expr-python is missing" in result["failure"]


def test_an_exemption_lets_pass_until_its_end(repository: Path) -> None:
    entry = {"object": "files/*/pay/*", "policy": "relabelings", "reason": "r", "owner": "o", "until": "2099-01-01"}
    result = run(repository, exemptions=[entry])
    assert "relabelings" not in result["by_team"]["pay"]
    over = run(repository, exemptions=[{**entry, "until": "2020-01-01"}])
    assert over["by_team"]["pay"]["relabelings"] == 1
    assert "PF406" in {code for code, _policy, _place in codes(over)}


def test_reports_are_written_for_pipelines(repository: Path, tmp_path: Path) -> None:
    run(repository, result_folder=str(tmp_path / "reports"))
    text = (tmp_path / "reports/findings.junit.xml").read_text()
    assert 'failures="2"' in text
    assert "monitor.yaml:7" in text


@pytest.mark.parametrize("form", ["gatekeeper", "admission"])
def test_policies_are_written_as_manifests_once(tmp_path: Path, form: str) -> None:
    given = {name: option.get("default") for name, option in RENDER_OPTIONS.items()}
    params = {**given, "shipped": SHIPPED, "form": form, "folder": str(tmp_path / "made")}
    predicted = render(Run(params=params, check=True))
    assert not (tmp_path / "made").exists()
    assert render(Run(params=params, check=False)) == predicted
    assert len(predicted["files"]) == len(SHIPPED)
    assert render(Run(params=params, check=False)) == {"changed": False, "files": []}
    kinds = [obj["kind"] for path in (tmp_path / "made").iterdir() for obj in parse(path.read_text())]
    assert len(kinds) == 2 * len(SHIPPED)
