"""What an account may do: too little is refused before the first write, and what is shipped is exactly enough."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Forbidden
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import SILENT
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right, covers
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.contents import contents_of

from tests.integration.support.account import RIGHTS, documents
from tests.integration.support.audit import Event
from tests.integration.support.cluster import JsonObject
from tests.integration.support.inventory import single
from tests.integration.support.planes import started
from tests.integration.support.playbook import Run
from tests.integration.support.rights import (
    ABSENT,
    ACCOUNTS,
    AGENT,
    CRDS,
    ENDPOINTS,
    GROUPS,
    PRESENT,
    SHARED,
    SOURCES,
    TESTER,
    Bench,
    cases,
    names_exactly,
    prepared,
    refusal,
    without,
)

PROVABLE = ("crds", "operator", "exporters", "teams", "source", "endpoints")
# What crds_info lists where the wanted CRDs differ from the live ones (the sets list the others of the ten kinds), and
# what the set of policies and their judgement of live objects list.
NOT_ASKED_HERE = {
    f"list {kind}" for kind in ("endpoints", "validatingadmissionpolicies", "validatingadmissionpolicybindings")
}
# No policies are written here: molecule's scenario policy does that, with the shipped account.
OF_POLICIES = {
    f"{verb} {kind}"
    for verb in ("create", "delete", "get", "list", "patch")
    for kind in ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
}
# Nor is the admission webhook, whose pods would have to be ready: test_admission_webhook.py has the same account.
OF_THE_WEBHOOK = {
    f"{verb} {kind}"
    for verb in ("create", "delete", "get", "patch")
    for kind in ("poddisruptionbudgets", "validatingwebhookconfigurations")
}
# Nor is the audit trail, which modules write: tests/integration/test_audit.py.
OF_THE_TRAIL = {"create events", "update configmaps"}
# Without nodes no claim ever goes: tests/integration/test_teams.py removes one.
ON_NODES_ONLY = {"delete persistentvolumeclaims", "get persistentvolumeclaims"}
# As the operator was installed.
OPERATOR: JsonObject = {"cluster": "hub", "capabilities": {"operator": {"rules": GROUPS}}}
VERIFY: JsonObject = {**SHARED, "sources": ENDPOINTS, "exposed": SOURCES, "wait": False}
WRITERS = ("promfleet-operator", "promfleet-teams")
REMOVER = ACCOUNTS["promfleet-remover"]
CASES = {str(case): case for case in cases()}
# One of each kind of reason; tests/bench/rights.py takes every right.
WITHOUT_ANYTHING = [
    "operator-create-customresourcedefinitions.apiextensions.k8s.io/alertmanagerconfigs",
    "operator-kube-system:update-leases.coordination.k8s.io/promfleet-set-crds",
]
WITH_CRDS = [
    "operator-create-deployments.apps/prometheus-operator",
    "operator-list-clusterroles.rbac.authorization.k8s.io",
    "operator-deletecollection-secrets",
    "operator-patch-configmaps",
    "operator-list-validatingwebhookconfigurations",
    "teams-patch-prometheuses.monitoring.coreos.com",
    "teams-list-services",
    "teams-get-nodes",
    "teams-watch-endpoints",
    "teams-kube-system:get-configmaps/promfleet-set-default.teams",
    "teams-kube-system:create-configmaps",
]
INSTANCES = ["alertmanagers", "prometheusagents", "prometheuses", "thanosrulers"]
INSTALLED = ["operator-delete-deployments.apps/prometheus-operator", "teams-delete-endpointslices.discovery.k8s.io"]


def chosen(names: list[str]) -> list[str]:
    """The cases whose names begin so; each must be one."""
    return [next(case for case in CASES if case.startswith(name)) for name in names]


@pytest.fixture(scope="module")
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A control plane of its own: what a run takes depends on what it finds."""
    # Two blocks: pylint takes a name that a list of contexts unpacks for unassigned in the next context.
    with started(request, "test-rights", audit=True) as (plane,):  # noqa: SIM117
        with prepared(plane, tmp_path_factory.mktemp("rights")) as found:
            yield found


@pytest.fixture(scope="module")
def with_crds(bench: Bench) -> Bench:
    """The same, once the CRDs are there."""
    bench.call("crds", by_admin=True)
    return bench


@pytest.fixture(scope="module")
def installed(with_crds: Bench) -> Bench:
    """The same with everything in it, made by runs with exactly what is shipped."""
    give_shipped(with_crds)
    for name in (*PRESENT["promfleet-operator"], "teams"):
        with_crds.call(name)
    with_crds.run_platform()
    for name in ("source", "endpoints"):
        with_crds.call(name)
    return with_crds


def give_shipped(bench: Bench, *, more: t.Sequence[JsonObject] = ()) -> None:
    """Both accounts that write, as docs/rights/account.yml binds them."""
    bench.give(
        [rule for name in WRITERS for rule in ACCOUNTS[name].rules] + list(more),
        in_kube_system=[rule for name in WRITERS for rule in ACCOUNTS[name].record_rules],
    )


def writes(events: list[Event]) -> list[Event]:
    return [event for event in events if event.is_write]


# -- too little ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [False, True])
def test_an_account_with_nothing_is_told_everything_at_once(bench: Bench, *, check: bool) -> None:
    bench.give([])
    audit = bench.audit.now()
    with pytest.raises(Forbidden) as refused:
        bench.call("operator", check=check)
    message = str(refused.value)
    assert message.startswith(f"the account system:serviceaccount:promfleet:{TESTER} lacks permissions")
    for part in (
        "deployments.apps/prometheus-operator",
        "clusterrolebindings.rbac.authorization.k8s.io",
        "configmaps (namespace kube-system)",
        "namespace prometheus-operator",
        # To grant them.
        "secrets",
        "kubectl auth can-i ",
        "docs/rights.md",
    ):
        assert part in message
    assert writes(audit.events(TESTER)) == []


def refused_for_one_right(bench: Bench, name: str, runs: Mapping[str, tuple[str, ...]], *, more: t.Any = ()) -> None:
    case = CASES[name]
    rules, records = without(ACCOUNTS[case.account], case)
    bench.give([*rules, *more], in_kube_system=records)
    audit = bench.audit.now()
    error = refusal(bench, runs[case.account])
    assert error is not None, "the runs do not take this right"
    assert names_exactly(error, case), error
    assert writes(audit.events(TESTER)) == []


@pytest.mark.parametrize("name", chosen(WITHOUT_ANYTHING))
def test_one_right_less_for_the_crds_is_named(bench: Bench, name: str) -> None:
    refused_for_one_right(bench, name, CRDS)


@pytest.mark.parametrize("name", chosen(WITH_CRDS))
def test_one_right_less_is_named_before_the_first_write(with_crds: Bench, name: str) -> None:
    refused_for_one_right(with_crds, name, PRESENT)


def test_a_real_run_is_refused_as_check_mode_says(with_crds: Bench) -> None:
    case = CASES["teams-create-services"]
    rules, records = without(ACCOUNTS[case.account], case)
    with_crds.give(rules, in_kube_system=records)
    audit = with_crds.audit.now()
    messages = set()
    for check in (True, False):
        with pytest.raises(Forbidden) as refused:
            with_crds.call("teams", check=check)
        messages.add(str(refused.value))
    (message,) = messages
    assert "Missing: create services (namespaces monitoring-pay, monitoring-platform, monitoring-till)." in message
    assert writes(audit.events(TESTER)) == []


def test_who_may_escalate_and_bind_need_not_hold_what_they_grant(with_crds: Bench) -> None:
    operator = ACCOUNTS["promfleet-operator"]
    needed = [rule for reason, rules in operator.parts() for rule in rules if "granted" not in reason]
    own = {"resourceNames": ["promfleet-prometheus-operator"], "verbs": ["bind", "escalate"]}
    monitoring = {"resources": ["prometheusrules", "servicemonitors"], "verbs": ["create", "get", "patch"]}
    granted = [
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], **own},
        {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["bind", "escalate"]},
        {"apiGroups": ["monitoring.coreos.com"], **monitoring},
        {"apiGroups": [""], "resources": ["services"], "verbs": ["create", "get"]},
        # Before a quota or a Pod Security level is new in a namespace that exists, the pods there are looked at.
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
        # Other operators are looked for, and instances.
        {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["list"]},
        {"apiGroups": ["monitoring.coreos.com"], "resources": INSTANCES, "verbs": ["list"]},
    ]
    # Of the records' own Role what the ClusterRole gives everywhere is left out, and here it does not.
    record = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create", "get", "patch"]}]
    in_kube_system = [*record, *operator.record_rules]
    with_crds.give([*needed, *granted], in_kube_system=in_kube_system)
    refused = refusal(with_crds, PRESENT[operator.name])
    assert refused is None, str(refused)
    with_crds.give([*needed, *granted[2:]], in_kube_system=in_kube_system)
    error = refusal(with_crds, PRESENT[operator.name])
    assert error is not None
    assert "because an account cannot grant permissions that it does not have" in str(error)


def test_a_right_that_is_held_in_one_namespace_is_enough_there(with_crds: Bench) -> None:
    """The server itself is asked about a namespace that exists; one that is to come has no rights of its own."""
    case = CASES["teams-watch-endpoints"]
    rules, records = without(ACCOUNTS[case.account], case)
    held = [{"apiGroups": [""], "resources": ["endpoints"], "verbs": ["watch"]}]
    with_crds.admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "pay"}})
    with_crds.give(rules, in_kube_system=records, namespace="pay", in_namespace=held)
    error = refusal(with_crds, ("teams",))
    assert error is not None
    (line,) = error.objects
    assert line.startswith("watch endpoints (namespaces monitoring-pay, monitoring-platform, monitoring-till; ")
    with_crds.admin.delete_namespaces("pay")


# -- exactly enough -----------------------------------------------------------------------------------------------


def test_nothing_is_asked_about_rights_where_there_is_nothing_to_write(installed: Bench) -> None:
    audit = installed.audit.now()
    for name in PROVABLE:
        assert not installed.call(name)["outcome"].changes
    events = audit.events(TESTER)
    assert events
    assert not [event for event in events if event.verb not in ("get", "list")]
    assert not [event for event in events if event.resource == "secrets"]


def test_the_reader_sees_that_nothing_differs_and_may_do_nothing(installed: Bench, tmp_path: Path) -> None:
    reader = ACCOUNTS["promfleet-reader"]
    installed.give(reader.rules, in_kube_system=reader.record_rules)
    audit = installed.audit.now()
    for name in PROVABLE:
        assert not installed.call(name, check=True)["outcome"].changes
    for name, options in (("cluster_info", {}), ("crds_info", {}), ("monitoring_verify", VERIFY)):
        installed.module(name, **options)
    assert all(row["running"] is not None for row in installed.module("upgrade_outdated", **OPERATOR)["rows"])
    plan = installed.module("upgrade_plan", **OPERATOR, crds={"version": PROMETHEUS_OPERATOR})
    assert (plan["versions"], [step["unknown"] for step in plan["steps"]]) == ([], ["", ""])
    state: JsonObject = {"path": str(tmp_path / "hub.json")}
    assert {"operator", "teams"} <= installed.module("state_record", **state)["sets"].keys()
    assert installed.module("state_compare", **state, cluster="hub")["differences"] == []
    # No pod runs here, so not all is well; but nobody says that it is forbidden to ask.
    assert not [event for event in audit.events(TESTER) if event.status == 403]
    with pytest.raises(Forbidden):
        installed.call("no endpoints", check=True)
    assert {*unused(reader.rules, audit.events(TESTER))} == NOT_ASKED_HERE
    assert writes(audit.events(TESTER)) == []


@pytest.mark.parametrize("name", chosen(INSTALLED))
def test_one_right_less_is_named_before_anything_is_removed(installed: Bench, name: str) -> None:
    refused_for_one_right(installed, name, ABSENT, more=REMOVER.rules)


def test_a_namespace_that_cannot_be_looked_through_is_not_removed(installed: Bench) -> None:
    give_shipped(installed)
    installed.stop_platform("monitoring-pay")
    audit = installed.audit.now()
    with pytest.raises(Forbidden) as refused:
        installed.call("no teams")
    message = str(refused.value)
    # The platform's stays in any case: of the pod in it nobody knows whose it is.
    assert "delete namespaces (namespaces monitoring-pay, monitoring-till, pay)" in message
    assert "podtemplates" in message, "one of the kinds that others may have there"
    assert writes(audit.events(TESTER)) == []
    installed.run_platform()


def test_looking_through_a_namespace_reads_no_values(installed: Bench) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "theirs", "namespace": "pay"}}
    installed.admin.apply({**secret, "stringData": {"password": "canary"}})
    give_shipped(installed, more=REMOVER.rules)
    (contents,) = contents_of(installed.connect(), ["pay"], progress=SILENT)
    objects = contents.objects
    assert (contents.lacking, contents.unseen) == ([], [])
    (found,) = [obj for obj in objects if obj["kind"] == "Secret"]
    assert found["metadata"]["name"] == "theirs"
    assert found.keys() == {"apiVersion", "kind", "metadata"}
    assert "canary" not in repr(objects)
    installed.admin.delete("v1", "Secret", "theirs", "pay")


def test_secrets_are_read_only_where_the_set_has_some(installed: Bench) -> None:
    """And the right to read them is taken only there."""
    place = "with-secrets"
    installed.admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}})
    every = ["create", "delete", "get", "list", "patch"]
    own = [{"apiGroups": [""], "resources": ["secrets"], "verbs": every}]
    name = "promfleet-set-default.objects-references"
    records = [
        {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [name], "verbs": every},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "delete", "get", "update"]},
    ]
    teams = ACCOUNTS["promfleet-teams"].rules
    installed.give(teams, in_kube_system=records, namespace=place, in_namespace=own)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "empty", "namespace": place}, "type": "Opaque"}
    asked = []
    for manifests, changes in (([secret], 2), ([secret], 0), ([], 2), ([], 0)):
        audit = installed.audit.now()
        options: JsonObject = {"name": "references", "state": "present" if manifests else "absent"}
        options["audit"] = {"enabled": False}
        done = installed.module("objects", **options, manifests=manifests, wait_timeout=300)
        assert len(done["outcome"].changes) == changes
        events = audit.events(TESTER)
        asked.append({event.namespace for event in events if (event.resource, event.verb) == ("secrets", "list")})
    assert asked == [{place}, {place}, {place}, set()], "the last run knows of no Secret any more"
    installed.admin.delete_namespaces(place)


def test_bindings_are_predicted_where_the_role_is_still_to_come(installed: Bench) -> None:
    """Without an administrator's privilege the server has no answer about a binding before its role is there."""
    give_shipped(installed)
    for kind in ("Role", "RoleBinding"):
        installed.admin.delete("rbac.authorization.k8s.io/v1", kind, "prometheus-pay", "pay")
    predicted = installed.call("teams", check=True)["outcome"]
    done = installed.call("teams")["outcome"]
    expected = [("created", "Role", False), ("created", "RoleBinding", True)]
    assert [(change.action, change.key.kind, change.local) for change in predicted.sorted_changes()] == expected
    assert [(change.action, change.key.kind) for change in done.sorted_changes()] == [item[:2] for item in expected]


def test_a_playbook_runs_with_the_shipped_rights(installed: Bench, playbook: Callable[..., Run]) -> None:
    """As a user runs it: what was made in this process is what the roles want, or they make it so."""
    give_shipped(installed)
    name = installed.plane.name
    inventory = single(
        name=name,
        kubeconfig=installed.kubeconfig,
        promfleet_wait=False,
        promfleet_cluster="hub",
        team_monitoring_teams=[{"name": "pay", "namespaces": ["pay"], "groups": ["pay-people"]}, AGENT],
        prometheus_federation_state="absent",
    )
    run = playbook("site", inventory=inventory).require_success()
    assert run.warnings == []
    again = playbook("site", inventory=inventory).require_success()
    assert again.changed() == {name: 0}


def test_every_shipped_right_is_used_and_all_goes_at_last(installed: Bench) -> None:
    give_shipped(installed, more=REMOVER.rules)
    # The playbook's inventory has no receivers, and takes what belongs to these away without waiting for it.
    installed.call("teams")
    installed.module("monitoring_verify", **VERIFY)
    installed.stop_platform()
    for name in ("no endpoints", "no source", "no teams", "no operator", "no crds", "crds"):
        installed.call(name)
    events = installed.audit.events(TESTER)
    for name in WRITERS:
        account = ACCOUNTS[name]
        asked = [rule for reason, rules in account.parts() for rule in rules if "granted" not in reason]
        assert {*unused(asked, events)} - OF_POLICIES - OF_THE_WEBHOOK == set(), name
        assert {*unused(account.record_rules, events)} - OF_THE_TRAIL == set(), name
    assert {*unused(REMOVER.rules, events)} == ON_NODES_ONLY
    for name in ("monitoring-pay", "monitoring-platform", "pay", "prometheus-operator"):
        assert installed.admin.find("v1", "Namespace", name) is None


def unused(rules: t.Sequence[JsonObject], events: t.Sequence[Event]) -> list[str]:
    """The rights of *rules* for which no request was answered; an apply that made something used two."""
    # What is not there any more, or has no pod behind it, was asked for with the right to do so.
    used = {(event.group, event.resource, event.verb) for event in events if event.status != 403}
    made = [event for event in events if (event.verb, event.status) == ("patch", 201)]
    used |= {(event.group, event.resource, "create") for event in made}
    return [
        f"{verb} {resource}"
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if "*" not in resource and (group, resource, verb) not in used
    ]


def test_the_shipped_account_is_bound_to_all_that_is_shipped_for_writing() -> None:
    bound, shipped = set(), set()
    for path in sorted(RIGHTS.glob("*.yml")):
        for obj in documents(path):
            name = obj["metadata"]["name"]
            if obj["kind"].endswith("Binding"):
                bound.add((obj["roleRef"]["kind"], obj["roleRef"]["name"]))
            elif "rules" in obj and name in WRITERS:
                shipped.add((obj["kind"], name))
    assert bound == shipped


def test_only_the_operators_account_and_the_remover_may_see_secrets() -> None:
    right = Right(group="", resource="secrets", verb="list")
    may = {name for name, account in ACCOUNTS.items() if any(covers(rule, right) for rule in account.rules)}
    assert may == {"promfleet-operator", "promfleet-remover"}
