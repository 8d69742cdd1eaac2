"""Rules and monitors that the inventory has of a team: inline and from files, and who judges what PromQL says."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import model_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import TEAMS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.rules import LARGEST
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.rules import RuleText, promtool_faults
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.check import parsed
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.rule_check import judge

from tests.unit.capabilities.builders import JsonObject

FLEET: JsonObject = {"cluster": "hub", "clusters": ["hub", "edge"]}
DOWN: JsonObject = {"alert": "Down", "expr": "up == 0", "annotations": {"summary": "{{ $labels.instance }} is down"}}
GROUPS: list[JsonObject] = [{"name": "pay", "rules": [DOWN, {"record": "pay:up:sum", "expr": "sum(up)"}]}]
FILE = """\
groups:
  - name: pay
    interval: 1m
    rules:
      - alert: Down
        expr: up == 0
        for: 5m
        annotations:
          summary: '{{ $labels.instance }} is down'
"""
# As promtool 3.13 said it, of files with groups under numbers.
SAID = """\
Checking 0.json
  FAILED:
0.json: 1:56: group "0", rule 1, "x:y": could not parse expression: 1:7: parse error: unclosed left parenthesis
0.json: group "0", rule 2, "B \\"x\\"": annotation "summary": template: __alert_B "x":1: unclosed action
Checking 1.json
  FAILED:
1.json: 1:177: group "0", rule 1, "bad name{": braces present in the recording rule name: bad name{
1.json: something is wrong with all of it
"""


def params(*teams: JsonObject, files: dict[str, str] | None = None, **options: t.Any) -> JsonObject:
    contents = {
        pattern: {"files": [{"file": pattern, "text": text}], "searched": ["/fleet"]}
        for pattern, text in (files or {}).items()
    }
    named = [{"name": f"team{number}", **team} for number, team in enumerate(teams)]
    return {**FLEET, "teams": named, "rules_contents": contents, **options}


def objects(*teams: JsonObject, **options: t.Any) -> dict[tuple[str, str, str], JsonObject]:
    """The rules and monitors in the teams' own namespaces, by kind, namespace and name."""
    raw = validate_mapping(params(*teams, **options), TEAMS.options, path="")
    found = TEAMS.desired(model_of(TEAMS, raw))
    return {
        (obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"]): obj["spec"]
        for obj in found
        if not obj["metadata"].get("namespace", "monitoring-").startswith("monitoring-")
        and "spec" in obj
        and obj["kind"] != "ResourceQuota"
    }


def errors_of(*teams: JsonObject, **options: t.Any) -> list[str]:
    found, _model = parsed(TEAMS, params(*teams, **options))
    return [str(error).replace("team_monitoring_", "") for error in found]


PAY: JsonObject = {"namespaces": ["pay"]}


def test_inline_rules_and_monitors_are_in_the_teams_namespace() -> None:
    monitor = {"kind": "Probe", "name": "page", "spec": {"targets": {"staticConfig": {"static": ["https://pay"]}}}}
    found = objects({**PAY, "rules": [{"name": "own", "groups": GROUPS}], "monitors": [monitor]})
    assert found == {
        ("PrometheusRule", "pay", "own"): {"groups": GROUPS},
        ("Probe", "pay", "page"): monitor["spec"],
    }


def test_a_file_is_read_literally_and_called_after_itself() -> None:
    path = "rules/pay.yml"
    found = objects({**PAY, "rules_files": [{"path": path}]}, files={path: FILE})
    (group,) = found["PrometheusRule", "pay", "pay"]["groups"]
    assert group["rules"][0]["annotations"] == {"summary": "{{ $labels.instance }} is down"}
    assert (group["interval"], group["rules"][0]["for"]) == ("1m", "5m")


def test_a_team_with_several_namespaces_says_which() -> None:
    two = {"namespaces": ["pay", "pay-batch"]}
    rules = [{"name": "own", "groups": GROUPS, "namespace": "pay-batch"}]
    assert set(objects({**two, "rules": rules})) == {("PrometheusRule", "pay-batch", "own")}
    (error,) = errors_of({**two, "rules": [{"name": "own", "groups": GROUPS}]})
    assert error == "teams[0].rules[0].namespace: is required, because the team has 2 namespaces of its own"


@pytest.mark.parametrize("options", [{"enabled": False}, {"clusters": ["edge"]}])
def test_without_an_instance_here_there_are_none(options: JsonObject) -> None:
    assert objects({**PAY, "rules": [{"name": "own", "groups": GROUPS}], **options}) == {}


def test_what_only_looks_at_a_fleet_needs_no_files() -> None:
    raw = validate_mapping(
        {**FLEET, "teams": [{"name": "a", **PAY, "rules_files": [{"path": "x"}]}]}, TEAMS.options, path=""
    )
    assert model_of(TEAMS, raw).files == {}
    (error,) = errors_of({**PAY, "rules_files": [{"path": "x"}]}, rules_contents=None)
    assert error.startswith("rules_contents: is missing")


def group(**changes: t.Any) -> list[JsonObject]:
    return [{"name": "g", "rules": [{"record": "a:b", "expr": "up", **changes}]}]


R = "teams[0].rules[0]"


@pytest.mark.parametrize(
    ("rules", "error"),
    [
        ({"name": "A", "groups": GROUPS}, f"{R}.name: 'A' must consist of"),
        ({"name": "a"}, f"{R}.groups: is required"),
        ({"name": "a", "groups": [{"rules": []}]}, f"{R}.groups[0].name: is required"),
        ({"name": "a", "groups": [*GROUPS, *GROUPS]}, f"{R}.groups[1].name: 'pay' is the name of {R}.groups[0] too"),
        ({"name": "a", "groups": group(interval="1m")}, f"{R}.groups[0].rules[0].interval: unknown key"),
        ({"name": "a", "groups": group(alert="A")}, f"{R}.groups[0].rules[0]: needs either record or alert"),
        ({"name": "a", "groups": group(expr=None)}, f"{R}.groups[0].rules[0].expr: is required"),
        ({"name": "a", "groups": group(**{"for": "5m"})}, f"{R}.groups[0].rules[0].for: is only for alerts"),
        (
            {"name": "a", "groups": group(record=None, alert="A", **{"for": "5"})},
            f"{R}.groups[0].rules[0].for: '5' is not a duration",
        ),
        ({"name": "a", "groups": group(labels={"a": True})}, f"{R}.groups[0].rules[0].labels.a: must be text"),
        ({"name": "a", "groups": group(expr="x" * LARGEST)}, f"{R}.groups: is larger than {LARGEST} characters"),
        ({"name": "a", "groups": GROUPS, "namespace": "other"}, f"{R}.namespace: 'other' is not one of the team's own"),
    ],
)
def test_a_rule_has_the_right_form(rules: JsonObject, error: str) -> None:
    assert errors_of({**PAY, "rules": [rules]})[0].startswith(error)


F = "teams[0].rules_files[0]"


@pytest.mark.parametrize(
    ("path", "text", "error"),
    [
        ("a.yml", "groups: [", f"{F}: a.yml: line 1: "),
        ("a.yml", "- name: a", f"{F}: a.yml: must have one key, groups"),
        ("a.yml", "kind: PrometheusRule", f"{F}: a.yml: must have one key, groups"),
        ("a.yml", "groups: [{name: a}]", f"{F}: a.yml: groups[0].rules: is required"),
        ("A.yml", FILE, f"{F}: A.yml: the object is called after the file, and 'A' must consist of"),
        ("own.yml", FILE, f"{F}: own.yml: a PrometheusRule 'own' in namespace 'pay' is made by teams[0].rules[0] too"),
    ],
)
def test_a_file_that_cannot_be_is_named(path: str, text: str, error: str) -> None:
    team = {**PAY, "rules": [{"name": "own", "groups": GROUPS}], "rules_files": [{"path": path}]}
    assert errors_of(team, files={path: text})[0].startswith(error)


def test_a_pattern_without_a_file_says_where_it_looked() -> None:
    raw = params({**PAY, "rules_files": [{"path": "none/*.yml"}]})
    raw["rules_contents"] = {"none/*.yml": {"files": [], "searched": ["/fleet", "/play/files"]}}
    ((error,), _model) = parsed(TEAMS, raw)
    assert str(error).endswith("rules_files[0].path: 'none/*.yml' matches no file; searched: /fleet, /play/files")


# -- who judges ---------------------------------------------------------------------------------------------------


@pytest.fixture
def no_promtool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("no_promtool")
def test_the_parser_judges_where_there_is_no_promtool_and_says_so() -> None:
    rules = [{"name": "own", "groups": group(expr="sum(up")}]
    (error,) = errors_of({**PAY, "rules": rules})
    assert error.startswith(f"{R}.groups[0].rules[0]: group 'g', record 'a:b': 'sum(up' is not understood as PromQL")
    assert error.endswith("(judged by promql-parser, because there is no promtool; set promtool for Prometheus' own)")
    (error,) = errors_of({**PAY, "rules_files": [{"path": "a.yml"}]}, files={"a.yml": FILE.replace("up == 0", "up ==")})
    assert error.startswith(f"{F}: a.yml, group 'pay', alert 'Down': 'up ==' is not understood as PromQL")


def test_a_path_that_is_not_a_program_is_refused(tmp_path: Path) -> None:
    (error,) = errors_of({**PAY, "rules": [{"name": "own", "groups": GROUPS}]}, promtool=str(tmp_path / "none"))
    assert error == f"promtool: '{tmp_path}/none' is not a program that can be run"


def test_without_rules_nothing_judges(tmp_path: Path) -> None:
    assert errors_of(PAY, promtool=str(tmp_path / "none")) == []


def text_of(path: str, file: str = "", *names: str) -> RuleText:
    rules = tuple({"record": name, "expr": "up"} for name in names)
    return RuleText(groups=({"name": "g", "rules": rules},), path=path, file=file, owner="any")


def test_what_promtool_says_is_found_again_in_the_input() -> None:
    texts = {"0.json": text_of("teams[0].rules[0]", "", "x:y", "b"), "1.json": text_of("teams[1]", "b.yml", "c")}
    assert promtool_faults(SAID, texts) == [
        (
            "teams[0].rules[0].groups[0].rules[0]",
            "group 'g', record 'x:y': could not parse expression: 1:7: parse error: unclosed left parenthesis",
        ),
        (
            "teams[0].rules[0].groups[0].rules[1]",
            "group 'g', record 'b': annotation \"summary\": template: __alert_B \"x\":1: unclosed action",
        ),
        ("teams[1]", "b.yml, group 'g', record 'c': braces present in the recording rule name: bad name{"),
        ("teams[1]", "b.yml: something is wrong with all of it"),
    ]


def test_a_promtool_that_breaks_is_not_silence(tmp_path: Path) -> None:
    program = tmp_path / "promtool"
    program.write_text("#!/bin/sh\necho promtool, version 9.9.9\nexit 7\n", encoding="utf-8")
    program.chmod(0o755)
    errors = Errors()
    assert judge([text_of("teams[0].rules[0]", "", "a")], promtool=str(program), errors=errors) == "promtool 9.9.9"
    (error,) = errors.sorted()
    assert str(error).startswith("teams[0].rules[0]: promtool failed with status 7: promtool, version 9.9.9")
