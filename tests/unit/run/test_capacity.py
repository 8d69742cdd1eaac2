"""Limits of objects that an operator has no memory for are refused before anything is written."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.check import OPTIONS
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.input_check import check_input

JsonObject = dict[str, t.Any]
MEMORY = "200Mi"


def errors_of(*teams: JsonObject, **capacity: t.Any) -> tuple[str, ...]:
    """The errors of a fleet with these teams, payments first; *capacity* is what differs from the roles' defaults."""
    named = [{"name": name, **team} for name, team in zip(("payments", "search", "shop"), teams, strict=False)]
    defaults = {name: option.get("default") for name, option in OPTIONS.items()}
    capabilities = {"teams": {"cluster": "hub", "clusters": ["hub", "edge"], "teams": named}}
    params = {"role": "team_monitoring", "capabilities": capabilities, "capacity": {"memory": MEMORY, **capacity}}
    return check_input({**defaults, **params}, environ={}).errors


def limited(*namespaces: str, **limits: int) -> JsonObject:
    return {"namespaces": list(namespaces) or ["payments"], "object_limits": limits}


def test_defaults_pass_however_many_teams_and_namespaces_there_are() -> None:
    many = [f"payments-{number}" for number in range(50)]
    assert errors_of({"namespaces": many}, {"namespaces": ["search"]}) == ()


def test_what_fits_passes() -> None:
    assert errors_of(limited(prometheusrules=400)) == ()
    assert errors_of(limited(servicemonitors=800)) == ()


def test_a_limit_that_was_given_and_does_not_fit_is_refused_with_the_settings_to_change() -> None:
    (error,) = errors_of({}, limited("a", "b", prometheusrules=1000))
    assert error == (
        "team_monitoring_teams[1].object_limits: 2000 PrometheusRules of 16Ki in 2 namespaces need an operator with "
        "528Mi of memory, and it has 200Mi. Raise prometheus_operator_resources.memory, or lower prometheusrules to at "
        "most 253; more operators do not help, because each keeps the objects of all (docs/tiers.md)"
    )
    assert errors_of({}, limited("a", "b", prometheusrules=253)) == ()
    assert errors_of({}, limited("a", "b", prometheusrules=1000), memory="528Mi") == ()
    assert errors_of({}, limited("a", "b", prometheusrules=1000), memory="527Mi") != ()


def test_monitors_need_memory_too() -> None:
    (error,) = errors_of(limited(servicemonitors=600, podmonitors=600, prometheusrules=10), setting="there")
    assert (
        "object_limits: 10 PrometheusRules of 16Ki and 1200 monitors and other objects of 1Ki in 1 namespace need"
        in error
    )
    assert "Raise there, or lower the limits of its monitors;" in error


def test_a_team_counts_where_it_is() -> None:
    large = limited(prometheusrules=5000)
    assert len(errors_of({**large, "clusters": ["hub"]})) == 1
    assert errors_of({**large, "clusters": ["edge"]}) == ()
    assert errors_of({**large, "enabled": False}) == ()


def test_namespaces_that_labels_select_count_as_one_at_least() -> None:
    large = {"object_limits": {"prometheusrules": 5000}}
    assert errors_of(large) == ()
    assert len(errors_of({**large, "namespace_selector": {"team": "payments"}})) == 1


def test_without_a_quota_nothing_is_refused_unless_limits_have_to_hold() -> None:
    team = {**limited(prometheusrules=5000), "quota": False}
    assert errors_of(team) == ()
    (error,) = errors_of(team, counted="one")
    assert error == (
        "team_monitoring_teams[0].quota: must be true: without a quota the team may store more than any operator has "
        "memory for. With team_monitoring_capacity: given it is allowed"
    )


def test_default_limits_count_where_one_team_may_fill_its_quotas() -> None:
    assert errors_of({"namespaces": ["payments"]}, counted="one") == ()
    (error,) = errors_of({"namespaces": ["a", "b", "c"]}, counted="one")
    assert error.startswith("team_monitoring_teams[0].object_limits: 300 PrometheusRules of 16Ki and 960 monitors and ")


def test_the_largest_objects_that_are_stored_can_be_counted() -> None:
    kinds = ("alertmanagerconfigs", "podmonitors", "probes", "servicemonitors")
    few = limited(prometheusrules=30, **dict.fromkeys(kinds, 3))
    largest = {"counted": "one", "rule_size": "1536Ki", "monitor_size": "1536Ki", "memory": "1Gi"}
    (error,) = errors_of(limited(), **largest)
    assert "100 PrometheusRules of 1536Ki and 320 monitors and other objects of 1536Ki" in error
    assert "or lower the limits of its monitors;" in error
    assert errors_of(few, **largest) == ()
    (error,) = errors_of({**few, "namespaces": ["a", "b"]}, **largest)
    assert "lower prometheusrules to at most 9;" in error


def test_all_teams_together_count_where_all_may_fill_their_quotas() -> None:
    teams = [{"namespaces": [name], "object_limits": {"prometheusrules": 200}} for name in ("a", "b", "c")]
    assert errors_of(*teams, counted="one") == ()
    (error,) = errors_of(*teams, counted="all")
    assert error.startswith(
        "team_monitoring_capacity: 600 PrometheusRules of 16Ki and 960 monitors and other objects of 1Ki, which 3 "
        "teams may store together, need an operator with "
    )
    assert "and it has 200Mi. Raise prometheus_operator_resources.memory, or lower object_limits of teams, of" in error


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"rule_size": "16m"}, "team_monitoring_capacity_rule_size: '16m' is"),
        ({"monitor_size": "much"}, "team_monitoring_capacity_monitor_size: 'much' is"),
    ],
)
def test_a_wrong_setting_is_named(given: JsonObject, place: str) -> None:
    (error,) = errors_of({}, **given)
    assert error.startswith(place)


def test_a_wrong_memory_is_the_business_of_the_operators_own_check() -> None:
    assert errors_of(limited(prometheusrules=5000), memory="much") == ()
