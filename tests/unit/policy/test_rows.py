"""The table of policies: what is shipped is right, and what users write is refused with all that is wrong."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.schema import stored
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.admission import admission_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.cel import unparse
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.policies import PolicySet, parse_policies

from tests.tools.policies import PAGE, page
from tests.unit.contracts.test_code import CHECKOUT

JsonObject = dict[str, t.Any]
SHIPPED: list[JsonObject] = yaml.safe_load((CHECKOUT / "roles/policy/files/policies.yml").read_text())
TODAY = dt.date(2026, 12, 1)
ROW: JsonObject = {
    "id": "names",
    "title": "Names begin with the team's",
    "kinds": [{"group": "", "versions": ["v1"], "resources": ["configmaps"]}],
    "checks": [{"expression": "object.metadata.name.startsWith(params.start)", "message": "metadata.name is wrong"}],
    "parameters": {"start": "team-"},
    "fix": "Choose another name",
    "reference": "https://example.com",
}
EXEMPTION: JsonObject = {
    "object": "hub/Probe/pay/shop-*",
    "policy": "probe-targets",
    "reason": "moves in January",
    "owner": "pay",
    "until": "2026-12-31",
}


def policies(**params: t.Any) -> PolicySet:
    given: JsonObject = {
        "shipped": SHIPPED,
        "rows": [],
        "changes": {},
        "enforcement": "deny",
        "exemptions": [],
        "platform_accounts": [{"user": "admin"}],
        "platform_team": "platform",
        "cluster": "hub",
    }
    return parse_policies({**given, **params}, today=TODAY)


def wrong(**params: t.Any) -> list[str]:
    with pytest.raises(InputError) as error:
        policies(**params)
    return [str(each) for each in error.value.errors]


def test_every_shipped_row_is_right_and_says_what_to_do() -> None:
    found = policies().policies
    assert len(found) == len(SHIPPED) >= 30
    for policy in found:
        assert len(policy.id) <= 40
        assert policy.row.reference.startswith("https://")
        # The message names a field, the kind, or the list that is too long.
        assert all(len(text) <= 400 for text in policy.said), policy.id
        assert policy.row.enforcement in ("deny", "warn")
        assert (policy.row.enforcement == "deny") == (policy.row.severity == "error"), policy.id


def test_the_page_lists_the_shipped_rows() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run make findings"


def test_a_row_of_a_user_is_made_like_a_shipped_one() -> None:
    policy = policies(rows=[ROW]).policies[-1]
    admission, binding = admission_objects(policy)
    assert admission["metadata"]["name"] == binding["spec"]["policyName"] == "promfleet-names"
    (check,) = admission["spec"]["validations"]
    assert check == {
        "expression": 'object.metadata.name.startsWith("team-")',
        "message": "metadata.name is wrong. Choose another name",
    }
    assert binding["spec"]["validationActions"] == ["Deny"]
    assert admission["spec"]["failurePolicy"] == "Fail"


def test_all_that_is_wrong_is_said_at_once_with_its_path() -> None:
    rows = [
        {
            **ROW,
            "id": "Names",
            "kinds": [{"group": "", "versions": ["*"], "resources": ["pods/*"]}],
            "operations": ["CREATE", "CONNECT"],
            "checks": [{"expression": "object.metadata.nme.startswith(params.stat)", "message": ""}],
            "variables": {"Big": "true"},
            "parameters": {"start": 1.5},
        },
        {**ROW, "id": "relabelings"},
        {**ROW, "id": "other", "checks": [], "fix": "two\nlines"},
    ]
    said = "\n".join(wrong(rows=rows))
    for text in (
        "rows[0].operations[1]: must be one of CREATE, UPDATE, DELETE, found 'CONNECT'",
        "rows[1].id: 'relabelings' is the id of a shipped row",
        "rows[2].checks: is empty",
        "rows[2].fix: must be one line",
    ):
        assert text in said
    said = "\n".join(wrong(rows=[{**rows[0], "operations": ["CREATE"]}]))
    for text in (
        "rows[0].id: 'Names' must consist of",
        "rows[0].kinds[0].versions[0]: '*' must be a name such as v1; a policy with * is not checked",
        "rows[0].kinds[0].resources[0]: 'pods/*' must be a name",
        "rows[0].parameters.start: 1.5 cannot be written in CEL",
        "rows[0].variables.Big: 'Big' must consist of",
        "rows[0].checks[0].expression: the method startswith() is not in the subset; did you mean 'startsWith'?",
        "; params.stat is not known",
        "rows[0].checks[0].message: is empty",
    ):
        assert text in said


def test_a_parameter_that_no_expression_uses_is_a_mistake() -> None:
    assert wrong(rows=[{**ROW, "parameters": {"start": "a", "strat": "b"}}]) == [
        "rows[0].parameters.strat: is used by no expression; write params.strat, or remove it"
    ]


def test_changes_are_by_id_and_of_the_same_type() -> None:
    changes = {"scrape-configs": {"parameters": {"allowed": True}, "enforcement": "warn"}}
    found = {policy.id: policy for policy in policies(changes=changes, enforcement="audit").policies}
    assert found["scrape-configs"].enforcement == "warn"
    assert unparse(found["scrape-configs"].checks[0]) == "true"
    assert {policy.enforcement for name, policy in found.items() if name != "scrape-configs"} == {"audit"}
    assert wrong(changes={"scrape-config": {}, "relabelings": {"parameters": {"most": "50", "mots": 1}}}) == [
        "changes.scrape-config: no row has this id; did you mean 'scrape-configs'?",
        "changes.relabelings.parameters.most: must be a whole number, as in the row, found text",
        "changes.relabelings.parameters.mots: is not a parameter of the row relabelings; did you mean 'most'?",
    ]


@pytest.mark.parametrize(
    ("strictest", "expected"), [("audit", {"audit"}), ("warn", {"warn"}), ("deny", {"warn", "deny"})]
)
def test_the_milder_of_the_rows_and_the_general_enforcement_counts(strictest: str, expected: set[str]) -> None:
    assert {policy.enforcement for policy in policies(enforcement=strictest).policies} == expected


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"user": "a", "group": "b"}, "needs exactly one of user, group, service_account; found user and group"),
        ({}, "found none"),
        ({"service_account": "a"}, "must be namespace/name"),
        ({"group": "system:authenticated"}, "every account is in"),
    ],
)
def test_an_account_is_exactly_one_thing(entry: JsonObject, said: str) -> None:
    (message,) = wrong(platform_accounts=[entry])
    assert message.startswith("platform_accounts[0]")
    assert said in message


def test_an_exemption_is_a_condition_until_its_last_day() -> None:
    found = policies(
        exemptions=[EXEMPTION, {**EXEMPTION, "until": "2026-11-30"}, {**EXEMPTION, "object": "edge/a/b/c"}]
    )
    (over,) = found.over
    assert over.path == "exemptions[1]"
    policy = next(policy for policy in found.policies if policy.id == "probe-targets")
    (condition,) = [unparse(one.expression) for one in policy.conditions if one.name == "not-exempt"]
    assert condition == (
        '!(request.kind.kind == "Probe" && request.?namespace.orValue("") == "pay" '
        '&& request.?name.orValue("").matches("^shop\\\\-.*$"))'
    )
    others = [policy for policy in found.policies if policy.id != "probe-targets"]
    assert not any(one.name == "not-exempt" for policy in others for one in policy.conditions)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"object": "Probe/pay"}, "must be cluster/kind/namespace/name"),
        ({"object": "hub/*/*/*"}, "is every object"),
        ({"object": "hub/Probe/pay/a'b"}, "must be cluster/kind/namespace/name"),
        ({"policy": "probe-target"}, "no row has the id 'probe-target'; did you mean 'probe-targets'?"),
        ({"until": "soon"}, "is not a day"),
        ({"reason": " "}, "is empty"),
        ({"owner": None}, "is required"),
    ],
)
def test_an_exemption_has_a_reason_an_owner_and_an_end(change: JsonObject, said: str) -> None:
    (message,) = wrong(exemptions=[{**EXEMPTION, **change}])
    assert message.startswith("exemptions[0].")
    assert said in message


def test_an_object_is_brought_to_the_form_that_the_server_stores() -> None:
    schema = {
        "properties": {
            "spec": {
                "properties": {
                    "path": {"default": "/probe"},
                    "items": {"items": {"properties": {"a": {}, "b": {"nullable": True}, "c": {"default": 1}}}},
                    "free": {"x-kubernetes-preserve-unknown-fields": True},
                    "map": {"additionalProperties": {"properties": {"d": {"default": {}}}}},
                }
            }
        }
    }
    given: JsonObject = {
        "apiVersion": "a/v1",
        "kind": "A",
        "metadata": {"name": "n", "labels": None},
        "spec": {
            "path": None,
            "unknown": 1,
            "items": [{"a": None, "b": None, "z": 1}],
            "free": {"x": None},
            "map": {"k": {}},
        },
    }
    assert stored(given, schema) == {
        "apiVersion": "a/v1",
        "kind": "A",
        "metadata": {"name": "n"},
        "spec": {
            "path": "/probe",
            "items": [{"b": None, "c": 1}],
            "free": {"x": None},
            "map": {"k": {"d": {}}},
        },
    }
    assert given["spec"]["unknown"] == 1
