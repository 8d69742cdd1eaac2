"""What teams wrote into the inventory is judged by the policies before anything is written."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.check import OPTIONS
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.input_check import Checked, check_input

JsonObject = dict[str, t.Any]

CHECKOUT = Path(__file__).resolve().parents[3]
ROWS: list[JsonObject] = yaml.safe_load((CHECKOUT / "roles/policy/files/policies.yml").read_text(encoding="utf-8"))
ELSEWHERE = {"targetLabel": "__address__", "replacement": "prometheus-search.monitoring-search:9090"}
FIXED = {"groups": [{"name": "any", "rules": [{"record": "a:b", "expr": "up", "labels": {"team": "search"}}]}]}
LIMITS = {"sampleLimit": 10, "targetLimit": 10}


def monitor(*relabelings: JsonObject, name: str = "shop", **more: t.Any) -> JsonObject:
    spec = {"selector": {}, "endpoints": [{"port": "web", "relabelings": list(relabelings)}], **LIMITS}
    return {"name": name, "spec": spec, **more}


def checked(*monitors: JsonObject, team: JsonObject | None = None, **policies: t.Any) -> Checked:
    """The check of a fleet with one team that has these monitors, by the shipped policies and what is different."""
    payments = {"name": "payments", "namespaces": ["payments"], "monitors": list(monitors), **(team or {})}
    given = {"shipped": ROWS, "platform_accounts": [{"user": "admin"}], "enforcement": "deny", "cluster": "hub"}
    teams = {"cluster": "hub", "clusters": ["hub"], "teams": [payments, {"name": "search"}]}
    defaults = {name: option.get("default") for name, option in OPTIONS.items()}
    params = {"role": "team_monitoring", "capabilities": {"teams": teams}, "policies": {**given, **policies}}
    return check_input({**defaults, **params}, environ={})


def test_what_the_policies_allow_passes() -> None:
    assert checked(monitor()) == Checked(errors=(), failure=None)
    assert checked() == Checked(errors=(), failure=None)


def test_what_a_policy_denies_is_an_error_with_its_place() -> None:
    found = checked(monitor(name="good"), monitor(ELSEWHERE), team={"rules": [{"name": "mine", **FIXED}]})
    relabeling, rule = sorted(found.errors)
    assert relabeling.startswith(
        "team_monitoring_teams[0].monitors[1]: the policies of teams do not allow it (relabelings: relabelings[]."
    )
    assert rule.startswith("team_monitoring_teams[0].rules[0]: the policies of teams do not allow it (rule-labels: ")
    assert "error" not in rule
    assert found.failure is not None
    assert found.failure.startswith("team_monitoring: ")


def test_a_file_of_rules_is_named() -> None:
    team = {"rules_files": [{"path": "rules/*.yml"}]}
    files = [{"file": "rules/mine.yml", "text": yaml.safe_dump(FIXED)}]
    teams = {"rules_contents": {"rules/*.yml": {"files": files, "searched": []}}}
    defaults = {name: option.get("default") for name, option in OPTIONS.items()}
    payments = {"name": "payments", "namespaces": ["payments"], **team}
    given = {"shipped": ROWS, "platform_accounts": [{"user": "admin"}], "enforcement": "deny"}
    capabilities = {"teams": {"cluster": "hub", "clusters": ["hub"], "teams": [payments], **teams}}
    params = {"role": "team_monitoring", "capabilities": capabilities, "policies": given}
    (error,) = check_input({**defaults, **params}, environ={}).errors
    assert error.startswith("team_monitoring_teams[0].rules_files[0]: rules/mine.yml: the policies of teams do not ")


@pytest.mark.parametrize("enforcement", ["audit", "warn"])
def test_what_would_be_denied_one_day_is_a_warning(enforcement: str) -> None:
    found = checked(
        *(monitor(ELSEWHERE, name=f"m{number}") for number in range(8)), monitor(name="good"), enforcement=enforcement
    )
    assert found.errors == ()
    (warning,) = found.warnings
    places = ", ".join(f"team_monitoring_teams[0].monitors[{number}]" for number in range(1, 6))
    assert warning == (
        f"team_monitoring_teams[0].monitors[0]: the policy relabelings ({enforcement}) does not allow it; so it is at "
        f"{places} and 2 more"
    )


@pytest.mark.parametrize(("enforcement", "warned"), [("audit", False), ("warn", True), ("deny", True)])
def test_a_row_about_quality_warns_where_policies_warn(enforcement: str, warned: bool) -> None:
    without = {"name": "shop", "spec": {"selector": {}, "endpoints": [{"port": "web"}]}}
    found = checked(without, enforcement=enforcement)
    assert found.errors == ()
    assert [warning for warning in found.warnings if "monitor-limits-set (warn)" in warning] == list(found.warnings)
    assert bool(found.warnings) == warned


def test_an_exemption_lets_one_object_pass() -> None:
    exemption = {
        "object": "hub/ServiceMonitor/payments/shop", "policy": "relabelings", "reason": "moves", "owner": "payments",
    }  # fmt: skip
    for until, errors in (("2999-01-01", 1), ("2020-01-01", 2)):
        found = checked(
            monitor(ELSEWHERE), monitor(ELSEWHERE, name="other"), exemptions=[{**exemption, "until": until}]
        )
        assert len(found.errors) == errors
        assert "monitors[1]" in found.errors[-1]


def test_the_platforms_own_team_and_a_fleet_without_accounts_are_not_judged() -> None:
    assert checked(monitor(ELSEWHERE), platform_team="payments").errors == ()
    assert checked(monitor(ELSEWHERE), platform_accounts=[]).errors == ()
    assert checked(monitor(ELSEWHERE), team={"enabled": False}).errors == ()


@pytest.mark.parametrize("wrong", [{"enforcement": "perhaps"}, {"rows": [{"id": "x"}]}, {"exemptions": [{}]}])
def test_wrong_policies_are_the_business_of_their_own_check(wrong: JsonObject) -> None:
    assert checked(monitor(ELSEWHERE), **wrong) == Checked(errors=(), failure=None)


def test_wrong_teams_are_reported_first() -> None:
    (error,) = checked(monitor(ELSEWHERE), team={"nmae": "x"}).errors
    assert "unknown key" in error


def test_what_cannot_be_judged_does_not_pass(tmp_path: Path) -> None:
    found = checked(monitor(), monitor(name="other"), crds_source=str(tmp_path / "nowhere"))
    (error,) = found.errors
    assert error.startswith(
        "team_monitoring_teams[0].monitors[0]: the policies of teams cannot judge it: the schema of ServiceMonitor is "
        "not known: "
    )
    assert error.endswith("; so it is at team_monitoring_teams[0].monitors[1]")
    assert checked(monitor(), crds_source=str(tmp_path / "nowhere"), enforcement="audit").errors == ()
