"""The limits of a team: who its people are, what they may write, how much, and which namespaces are the team's."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import in_shared
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.objects import own_objects
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.quotas import (
    DEFAULT_LIMITS,
    OBJECTS_QUOTA,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.selected import select
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

from tests.unit.capabilities.builders import JsonObject, keys, objects_of_team, only, teams

NS = "monitoring-payments"
SUBJECTS: JsonObject = {"groups": ["pay"], "users": ["jane@example.com"], "service_accounts": ["payments/deployer"]}


# -- people -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "name"), [("team-payments-view", NS), ("team-payments-edit", "payments")])
def test_groups_users_and_accounts_have_the_same_rights(kind: str, name: str) -> None:
    objects = objects_of_team({"namespaces": ["payments"], **SUBJECTS})
    (binding,) = [obj for obj in objects if obj["kind"] == "RoleBinding" and obj["metadata"]["name"] == kind]
    assert binding["metadata"]["namespace"] == name
    assert binding["subjects"] == [
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "pay"},
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "jane@example.com"},
        {"kind": "ServiceAccount", "name": "deployer", "namespace": "payments"},
    ]


@pytest.mark.parametrize("only_one", list(SUBJECTS))
def test_one_kind_of_people_is_enough(only_one: str) -> None:
    objects = objects_of_team({"namespaces": ["payments"], only_one: SUBJECTS[only_one]})
    assert len(only(objects, "RoleBinding", name="team-payments-edit")["subjects"]) == 1


def test_scrape_configs_are_an_option() -> None:
    for wanted in (False, True):
        objects = objects_of_team({"namespaces": ["payments"], **SUBJECTS, "scrape_configs": wanted})
        (edit,) = only(objects, "Role", name="team-payments-edit")["rules"]
        assert ("scrapeconfigs" in edit["resources"]) is wanted
        spec = only(objects, "Prometheus")["spec"]
        assert ("scrapeConfigNamespaceSelector" in spec) is wanted
        # Those of the platform are selected in any case.
        assert spec["scrapeConfigSelector"] == {}


REFUSED: list[tuple[JsonObject, str, str]] = [
    ({"groups": ["system:authenticated"]}, "groups[0]", "is a group of Kubernetes itself"),
    ({"groups": ["system:serviceaccounts"]}, "groups[0]", "is a group of Kubernetes itself"),
    ({"groups": ["system:serviceaccounts:"]}, "groups[0]", "is a group of Kubernetes itself"),
    ({"groups": [" "]}, "groups[0]", "found nothing"),
    ({"users": [""]}, "users[0]", "found nothing"),
    ({"users": ["system:anonymous"]}, "users[0]", "is a user of Kubernetes itself"),
    ({"users": ["system:serviceaccount:payments:deployer"]}, "users[0]", "give it in service_accounts"),
    ({"users": ["a", "a"]}, "users[1]", "is in the list already"),
    ({"service_accounts": ["deployer"]}, "service_accounts[0]", "write it as namespace/name"),
    ({"service_accounts": ["Payments/deployer"]}, "service_accounts[0]", "write it as namespace/name"),
    ({"service_accounts": ["payments/a/b"]}, "service_accounts[0]", "write it as namespace/name"),
    (
        {"service_accounts": [f"{NS}/prometheus-payments"]},
        "service_accounts[0]",
        "is in the namespace of the instance",
    ),
    ({"object_limits": {"probes": -1}}, "object_limits.probes", "must not be negative"),
    ({"object_limits": {"secrets": 1}}, "object_limits.secrets", "unknown key"),
    ({"namespace_selector": {"a b": "c"}}, "namespace_selector.a b", "is not a name for a label"),
    ({"namespace_selector": {"a": "b c"}}, "namespace_selector.a", "must consist of"),
]


@pytest.mark.parametrize(("given", "path", "reason"), REFUSED)
def test_what_is_refused_has_its_path(given: JsonObject, path: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        teams({"name": "payments", **given})
    assert f"teams[0].{path}: " in str(caught.value)
    assert reason in str(caught.value)


def test_accounts_of_one_namespace_are_a_group() -> None:
    (team,) = teams({"name": "payments", "groups": ["system:serviceaccounts:payments-ci"]})[1:]
    assert team.groups == ("system:serviceaccounts:payments-ci",)


# -- quotas -------------------------------------------------------------------------------------------------------


def test_each_namespace_of_a_team_has_a_limit_for_its_objects() -> None:
    objects = objects_of_team(
        {"namespaces": ["payments", "batch"], "object_limits": {"probes": 0, "podmonitors": 3000}}
    )
    quotas = {
        obj["metadata"]["namespace"]: obj["spec"]["hard"]
        for obj in objects
        if obj["kind"] == "ResourceQuota" and obj["metadata"]["name"] == OBJECTS_QUOTA
    }
    # In the form that the API server keeps: kubectl apply of a rendered file would meet a conflict otherwise.
    wanted = {**{name: str(number) for name, number in DEFAULT_LIMITS.items()}, "probes": "0", "podmonitors": "3k"}
    expected = {f"count/{name}.monitoring.coreos.com": number for name, number in wanted.items()}
    assert quotas == {"payments": expected, "batch": expected}


def test_containers_that_say_nothing_get_something() -> None:
    (limits,) = only(objects_of_team({}), "LimitRange")["spec"]["limits"]
    assert limits["type"] == "Container"
    # A limit of CPU would be given to Prometheus, too.
    assert set(limits["default"]) == {"memory"}
    assert not {"max", "min", "maxLimitRequestRatio"} & set(limits)


def test_a_shared_namespace_has_no_limits_for_others() -> None:
    objects = in_shared(objects_of_team({}), [NS])
    assert not [obj for obj in objects if obj["kind"] in ("LimitRange", "ResourceQuota")]


# -- namespaces by label ------------------------------------------------------------------------------------------


def namespace(name: str, **labels: str) -> JsonObject:
    return {"metadata": {"name": name, "labels": labels}}


def chosen(*live: JsonObject, given: t.Sequence[JsonObject] = ()) -> dict[str, tuple[str, ...]]:
    """Which of the *live* namespaces are selected for which team."""
    found = teams({"name": "payments", "namespaces": ["listed"], "namespace_selector": {"of": "pay"}}, *given)
    return select([team for team in found if team.tenancy.selector], live, teams=found)


def test_a_selector_finds_namespaces_with_all_of_its_labels() -> None:
    assert chosen(
        namespace("b", of="pay"),
        namespace("a", of="pay", more="x"),
        namespace("c", of="search"),
        namespace("listed", of="pay"),
        {"metadata": {"name": "d", "labels": {"of": "pay"}, "deletionTimestamp": "2026-11-29T00:00:00Z"}},
        {"metadata": {"name": "e"}},
    ) == {"payments": ("a", "b")}


def test_what_was_selected_has_what_a_listed_namespace_has() -> None:
    (team,) = teams({"name": "payments", "namespaces": ["listed"], **SUBJECTS})[1:]
    selected = {(kind, name) for kind, _namespace, name in keys(own_objects(team, ("found",)))}
    listed = {(kind, name) for kind, _namespace, name in keys(own_objects(team, ("listed",)))}
    assert selected == {(kind, "found" if kind == "Namespace" else name) for kind, name in listed}
    head = only(own_objects(team, ("found",)), "Namespace")["metadata"]
    # Our key, and nothing else.
    assert head == {"name": "found", "labels": {"promfleet.monitoring/team": "payments"}}


@pytest.mark.parametrize(
    ("live", "given", "reason"),
    [
        (namespace("kube-system", of="pay"), [], "which is Kubernetes' own"),
        (namespace("monitoring-search", of="pay"), [{"name": "search"}], "which is that of an instance"),
        (
            namespace("elsewhere", of="pay", **{"promfleet.monitoring/instance-namespace": "true"}),
            [],
            "which is that of an instance",
        ),
        (
            namespace(
                "op",
                of="pay",
                **{
                    "app.kubernetes.io/managed-by": "promfleet.monitoring",
                    "app.kubernetes.io/component": "controller",
                },
            ),
            [],
            "which is an operator's",
        ),
        (
            namespace("search", of="pay"),
            [{"name": "search", "namespaces": ["search"]}],
            "which belongs to team 'search'",
        ),
        (
            namespace("both", of="pay", kind="x"),
            [{"name": "search", "namespace_selector": {"kind": "x"}}],
            "which belongs to team 'payments'",
        ),
    ],
)
def test_a_selector_that_finds_too_much_is_refused(live: JsonObject, given: list[JsonObject], reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        chosen(live, given=given)
