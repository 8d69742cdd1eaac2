"""What network policies let a Prometheus connect to: rules of Kubernetes, and what was seen of the target."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Facts, Unobserved, judge_all
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.ways import answered, failed

from tests.unit.doctor.healthy import FEDERATED, TARGETS, WAY, WAY_POLICY, target, target_set
from tests.unit.doctor.healthy import changed as with_field

JsonObject = dict[str, t.Any]

DOWN = (target("down", lastError="context deadline exceeded"),)
EVERYWHERE = {"ipBlock": {"cidr": "0.0.0.0/0"}}
PODS: JsonObject = {"namespaceSelector": {}}
HERE = {"ipBlock": {"cidr": "192.0.2.0/24"}}


def policy(*rules: JsonObject, **spec: t.Any) -> JsonObject:
    return with_field(WAY_POLICY, "spec", {**t.cast("JsonObject", WAY_POLICY["spec"]), "egress": list(rules), **spec})


def codes(*facts: Facts) -> set[str]:
    return {finding.code for finding in judge_all(facts)[1]}


def judged(*policies: JsonObject, targets: t.Any = (), **change: t.Any) -> set[str]:
    way = dataclasses.replace(WAY, policies=policies, answered=answered(targets), failed=failed(targets), **change)
    return codes(way)


@pytest.mark.parametrize(
    ("rule", "is_open"),
    [
        ({}, True),
        ({"to": [HERE]}, True),
        ({"to": [EVERYWHERE]}, True),
        ({"to": [{"ipBlock": {"cidr": "198.51.100.0/24"}}, HERE]}, True),
        ({"to": [{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.0/30"]}}]}, False),
        ({"to": [{"ipBlock": {"cidr": "192.0.2.0/24", "except": ["192.0.2.128/25"]}}]}, True),
        ({"to": [{"ipBlock": {"cidr": "::/0"}}]}, False),
        ({"to": [HERE], "ports": [{"protocol": "TCP", "port": 31090}]}, True),
        ({"to": [HERE], "ports": [{"port": 31090}]}, True),
        ({"to": [HERE], "ports": [{"protocol": "UDP", "port": 31090}]}, False),
        ({"to": [HERE], "ports": [{"port": 53}, {"port": 9090}]}, False),
        ({"to": [HERE], "ports": [{"port": 30000, "endPort": 32767}]}, True),
        ({"to": [HERE], "ports": [{"port": 30000, "endPort": 31089}]}, False),
        ({"ports": [{"protocol": "TCP"}]}, True),
        # A name is a port of pods, which another cluster's address does not have.
        ({"to": [HERE], "ports": [{"port": "web"}]}, False),
    ],
    ids=str,
)
def test_one_rule_lets_out_or_not(rule: JsonObject, is_open: bool) -> None:
    assert judged(policy(rule)) == (set() if is_open else {"PF307"})


def test_policies_add_up() -> None:
    closed = policy()
    assert judged() == set()
    assert judged(closed) == {"PF307"}
    assert judged(closed, policy({"to": [HERE]})) == set()


@pytest.mark.parametrize(
    "spec",
    [
        {"podSelector": {"matchLabels": {"app.kubernetes.io/instance": "pay"}}},
        {"podSelector": {"matchExpressions": [{"key": "app.kubernetes.io/instance", "operator": "DoesNotExist"}]}},
        {"policyTypes": ["Ingress"]},
    ],
    ids=str,
)
def test_a_policy_that_is_not_about_the_pods_closes_nothing(spec: JsonObject) -> None:
    assert judged(policy(**spec)) == set()


def test_a_policy_without_types_is_about_egress_where_it_has_such_rules() -> None:
    assert judged(policy({"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}, policyTypes=[])) == {"PF307"}
    assert judged(policy(policyTypes=[])) == set()


def test_what_prometheus_sees_counts_more_than_what_policies_say() -> None:
    # Where nothing enforces policies, and where an answer is an error.
    assert judged(policy(), targets=(target(),)) == set()
    assert (
        judged(policy(), targets=(target("down", lastError="server returned HTTP status 401 Unauthorized"),)) == set()
    )
    assert judged(policy(), targets=DOWN) == {"PF307"}
    assert judged(policy(), targets=(target("unknown"),)) == {"PF307"}
    unseen = Unobserved(code="PF003", object=WAY.object, evidence={"reason": "Read timed out."})
    assert judged(policy(), targets=unseen) == {"PF307"}


def test_rules_for_pods_close_the_way_to_another_cluster_where_it_is_closed() -> None:
    # Something in the cluster may forward to it, and then it is reached.
    assert judged(policy({"to": [PODS]})) == set()
    assert judged(policy({"to": [PODS]}), targets=(target(),)) == set()
    assert judged(policy({"to": [PODS]}), targets=DOWN) == {"PF307"}
    assert judged(policy({"to": [PODS, HERE]}), targets=DOWN) == set()
    assert judged(policy({"to": [PODS], "ports": [{"port": 53}]})) == {"PF307"}


def test_in_the_own_cluster_a_policy_sees_the_pod_behind_an_address() -> None:
    near = target_set(cluster="hub")
    for rule in ({"to": [PODS]}, {"to": [{"podSelector": {}}], "ports": [{"port": 9090}]}):
        assert judged(policy(rule), wanted=near, targets=DOWN) == set()
    assert judged(policy(), wanted=near) == {"PF307"}


def test_a_name_may_be_any_address() -> None:
    named = target_set(address="edge.example.com")
    assert judged(policy({"to": [EVERYWHERE]}), wanted=named) == set()
    assert judged(policy({"to": [PODS], "ports": [{"port": 53}]}), wanted=named) == {"PF307"}


def test_a_place_that_is_not_known_yet_is_not_judged() -> None:
    pending = target_set(address="(known after apply)")
    assert all(one.pending for one in pending.targets)
    assert judged(policy(), wanted=pending) == set()


def test_it_is_the_root_of_a_target_that_is_down() -> None:
    facts = (
        FEDERATED,
        dataclasses.replace(WAY, policies=(with_field(WAY_POLICY, "spec|egress", []),), failed=failed(DOWN)),
        dataclasses.replace(TARGETS, targets=DOWN),
    )
    findings = judge_all(facts)[1]
    assert {finding.code for finding in findings} == {"PF307", "PF361"}
    assert {finding.code for finding in findings if not finding.caused_by} == {"PF307"}
