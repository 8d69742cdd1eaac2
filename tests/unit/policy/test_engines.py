"""The offline engine on the corpus, seeded differences, and what it cannot evaluate."""

from __future__ import annotations

import dataclasses
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import TEAM_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import load_crds
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy import offline
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.cel import (
    Call,
    Literal,
    Node,
    Operation,
    rebuilt,
    walk,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.judge import judge
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.policies import Policy
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.rego import gatekeeper_objects, rego_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.requests import Request
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.stored import Schemas

from tests.integration.support import policy_corpus as corpus
from tests.unit.policy.test_rows import SHIPPED, policies

JsonObject = dict[str, t.Any]
POLICIES = {policy.id: policy for policy in policies().policies}
TESTS = ("contains", "endsWith", "has", "matches", "startsWith")
OPPOSITE = {"&&": "||", "||": "&&", "==": "!=", "!=": "==", "<=": ">", "<": ">=", ">": "<=", ">=": "<"}


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    return Schemas(load_crds(version=PROMETHEUS_OPERATOR))


def request_of(case: corpus.Case, *, schemas: Schemas) -> Request:
    place = (case.new or case.old or {})["metadata"].get("namespace", "")
    return Request(
        operation=case.operation,
        obj=None if case.new is None else schemas.stored(case.new),
        old=None if case.old is None else schemas.stored(case.old),
        subresource=case.subresource,
        username=case.account,
        groups=("system:authenticated",),
        labels=corpus.NAMESPACES.get(place, {}),
    )


@pytest.fixture(scope="module")
def requests(schemas: Schemas) -> list[tuple[corpus.Case, Request]]:
    return [(case, request_of(case, schemas=schemas)) for case in corpus.cases()]


def failing(found: t.Sequence[Policy], request: Request) -> frozenset[str]:
    return frozenset(verdict.policy.id for verdict in judge(tuple(found), request) if verdict.failed)


def test_the_corpus_has_requests_of_every_sort(requests: list[tuple[corpus.Case, Request]]) -> None:
    assert len(requests) >= 1000
    assert {case.row for case, _request in requests} == {*POLICIES, ""}
    assert {case.operation for case, _request in requests} == {"CREATE", "UPDATE", "DELETE"}
    assert {case.account for case, _request in requests} == set(corpus.ACCOUNTS)
    assert {case.subresource for case, _request in requests} == {"", "status"}


@pytest.mark.parametrize("row", POLICIES)
def test_a_policy_denies_what_it_is_for_and_nothing_good(row: str, schemas: Schemas) -> None:
    account = corpus.PLATFORM if POLICIES[row].row.platform == "judged" else corpus.PERSON
    verdicts = [
        failing([POLICIES[row]], request_of(corpus.created(row, each, account=account), schemas=schemas))
        for each in corpus.BAD[row]
    ]
    assert sum(map(bool, verdicts)) >= (len(verdicts) + 1) // 2
    if POLICIES[row].row.enforcement == "deny":
        for each in corpus.GOOD:
            assert failing([POLICIES[row]], request_of(corpus.created(row, each), schemas=schemas)) == frozenset()


def mutants(policy: Policy) -> t.Iterator[Policy]:
    """The same policy with one operator changed in one check, for each operator."""
    for number, check in enumerate(policy.whole_checks):
        for place, node in enumerate(walk(check)):
            other = _opposite(node)
            if other is not None:
                counter = iter(range(10_000))
                changed = _replaced(check, place, other, counter)
                checks = (*policy.whole_checks[:number], changed, *policy.whole_checks[number + 1 :])
                yield dataclasses.replace(policy, checks=checks, variables=())


def _opposite(node: Node) -> Node | None:
    if isinstance(node, Operation) and node.sign in OPPOSITE:
        return Operation(OPPOSITE[node.sign], node.operands)
    if isinstance(node, Operation) and node.sign == "!":
        return node.operands[0]
    if (isinstance(node, Operation) and node.sign == "in") or (isinstance(node, Call) and node.name in TESTS):
        return Operation("!", (node,))
    if isinstance(node, Call) and node.name in ("all", "exists"):
        return Call("exists" if node.name == "all" else "all", node.target, node.arguments)
    if isinstance(node, Literal) and isinstance(node.value, bool):
        return Literal(value=not node.value)
    return None


def _replaced(node: Node, place: int, other: Node, counter: t.Iterator[int]) -> Node:
    if next(counter) == place:
        return other
    return rebuilt(node, lambda part: _replaced(part, place, other, counter))


@pytest.mark.parametrize("row", POLICIES)
def test_one_changed_operator_is_found_by_the_corpus(row: str, requests: list[tuple[corpus.Case, Request]]) -> None:
    """At least one mutant of each row; those that the corpus cannot tell apart are few."""
    policy = POLICIES[row]
    about = [request for case, request in requests if case.row in (row, "") and case.account != corpus.CONTROLLER]
    expected = [said(policy, request) for request in about]
    found = [[said(mutant, request) for request in about] != expected for mutant in mutants(policy)]
    assert any(found)
    assert sum(found) >= 0.5 * len(found), f"{sum(found)} of {len(found)}"


def said(policy: Policy, request: Request) -> tuple[str, ...]:
    return tuple(text for verdict in judge((policy,), request) for text in verdict.failed)


def monitor(**metadata: t.Any) -> Request:
    obj = corpus.changed(corpus.monitor(), **metadata)
    return Request(operation="CREATE", obj=obj, username="x", labels={TEAM_LABEL: "pay"})


@pytest.mark.parametrize(
    ("labels", "said"),
    [({"a": "b\0c"}, "NUL"), ({"a\0": "b"}, "NUL"), ({"a": 2**60}, "too large")],
)
def test_what_the_library_reads_differently_is_not_judged(labels: JsonObject, said: str) -> None:
    verdicts = judge((POLICIES["relabelings"],), monitor(labels=labels))
    assert [said in verdict.unknown for verdict in verdicts] == [True]


def test_without_the_library_nothing_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline, "IMPORT_ERROR", "No module named 'cel_expr_python'")
    verdicts = judge((POLICIES["relabelings"],), monitor())
    assert [verdict.unknown for verdict in verdicts] == ["the Python library cel-expr-python is missing"]
    assert not any(verdict.passes for verdict in verdicts)


def test_a_team_that_is_not_known_cannot_be_compared() -> None:
    rule = Request(operation="CREATE", obj=corpus.rules(corpus.RULE), username="x", labels=None)
    (verdict,) = judge((POLICIES["rule-labels"],), rule)
    assert verdict.unknown == "namespaceObject is not known here"


def test_an_error_of_an_expression_denies_as_on_the_server() -> None:
    obj = corpus.obj("PrometheusRule", {"groups": "no list"})
    (verdict, *_others) = judge(
        (POLICIES["rule-for"],), Request(operation="CREATE", obj=obj, username="x", labels={TEAM_LABEL: "a"})
    )
    assert "ended in an error" in verdict.failed[0]


@pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda policy: policy.id)
def test_a_policy_is_also_a_constraint_template(policy: Policy) -> None:
    template, constraint = gatekeeper_objects(policy)
    assert template["metadata"]["name"] == constraint["kind"].lower()
    (target,) = template["spec"]["targets"]
    assert target["code"][0]["source"]["rego"] == rego_module(policy)
    assert constraint["spec"]["enforcementAction"] in ("deny", "warn", "dryrun")
    assert len(SHIPPED) == len(POLICIES)
