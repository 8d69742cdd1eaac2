"""Instances that the inventory pauses or archives are reported, and not complained about."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ARCHIVED_LABEL,
    INSTANCE_LABEL,
    NAME_LABEL,
    STATE_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.instance import prometheus_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team, parse_teams
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Unobserved, judge_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.instances import InstanceFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.lifecycle import lifecycle_facts
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject

JsonObject = dict[str, t.Any]

SINCE = "2026-11-30T02-37-00Z"
CODES = frozenset({"PF237", "PF238", "PF239"})


def team(state: str) -> Team:
    options = {"name": "pay", "prometheus": {"replicas": 2, "storage": {"size": "1Gi"}}, "state": state}
    (found,) = parse_teams([{**options, "archive_may_lose": ["alertmanager"]}], clusters=["hub"])
    return found


def claim(number: int, *, namespace: str = "monitoring-pay", name: str = "pay") -> JsonObject:
    labels = {NAME_LABEL: "prometheus", INSTANCE_LABEL: name, ARCHIVED_LABEL: SINCE}
    return {"metadata": {"name": f"prometheus-{name}-{number}", "namespace": namespace, "labels": labels}}


def findings(state: str, *claims: JsonObject) -> list[Finding]:
    return judge_all([lifecycle_facts(team(state), cluster="hub", claims=claims)])[1]


def test_a_paused_instance_is_reported() -> None:
    (found,) = findings("paused")
    assert (found.code, found.severity) == ("PF237", "info")
    assert "state: paused for team pay" in found.message


def test_an_archived_instance_is_reported_with_its_claims() -> None:
    (found,) = findings("archived", claim(0), claim(1), claim(0, namespace="monitoring-other", name="other"))
    assert (found.code, found.severity) == ("PF238", "info")
    assert f"2 volume claims are kept (archived since: {SINCE})" in found.message


def test_a_claim_that_is_missing_is_named() -> None:
    assert [(one.code, one.severity) for one in findings("archived", claim(1))] == [
        ("PF238", "info"),
        ("PF239", "warning"),
    ]


def test_claims_that_are_not_seen_are_not_missing() -> None:
    obj = Subject(cluster="hub", kind="PersistentVolumeClaim", name="*")
    unseen = Unobserved(code="PF002", object=obj, evidence={"reason": "forbidden"})
    assert [one.code for one in judge_all([lifecycle_facts(team("archived"), cluster="hub", claims=unseen)])[1]] == [
        "PF002"
    ]


def instance(state: str, **status: t.Any) -> InstanceFacts:
    """What is seen of the Prometheus of a team in this state, as the operator shows it."""
    described = prometheus_object(team(state), cluster="hub")
    conditions = [
        {"type": name, "status": "True", "observedGeneration": 1, "reason": "", "message": ""}
        for name in ("Available", "Reconciled")
    ]
    live = {
        **described,
        "metadata": {**described["metadata"], "generation": 1},
        "status": {"conditions": conditions, "paused": False, "updatedReplicas": 0, "availableReplicas": 0, **status},
    }
    return InstanceFacts(
        cluster="hub",
        team="pay",
        namespace="monitoring-pay",
        wants_prometheus=True,
        wants_alertmanager=False,
        prometheus=live,
        alertmanager=None,
        desired=described,
        reload_ok=True,
        targets=({"labels": {"namespace": "monitoring-pay"}, "health": "up"},),
        is_paused=state == "paused",
        is_archived=state == "archived",
    )


@pytest.mark.parametrize(
    "facts", [instance("paused", paused=True, availableReplicas=1), instance("archived")], ids=["paused", "archived"]
)
def test_nothing_else_is_found(facts: InstanceFacts) -> None:
    links, found = judge_all([facts])
    assert found == []
    assert ("own_target_up" in {link.check for link in links}) is facts.is_paused


def test_a_pause_of_somebody_else_is_a_fault() -> None:
    facts = instance("active", updatedReplicas=2, availableReplicas=2)
    live = t.cast("JsonObject", facts.prometheus)
    paused = {**live, "spec": {**live["spec"], "paused": True}}
    assert STATE_LABEL not in live["metadata"]["labels"]
    found = judge_all([instance("active").__class__(**{**facts.__dict__, "prometheus": paused})])[1]
    assert [one.code for one in found] == ["PF231"]
