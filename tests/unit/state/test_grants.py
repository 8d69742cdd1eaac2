"""Roles and bindings of other tools: when they may become ours, and for which kinds a message offers to take fields."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    FIELD_MANAGER,
    SET_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.grants import (
    as_seen,
    left_behind,
    may_force,
    may_offer_force,
    origin,
    takes_rights,
    to_be_left,
)

JsonObject = dict[str, t.Any]

RBAC = "rbac.authorization.k8s.io"
ALICE = {"kind": "User", "apiGroup": RBAC, "name": "alice"}
ROBOT = {"kind": "ServiceAccount", "namespace": "a", "name": "robot"}
PODS = {"apiGroups": [""], "resources": ["pods", "services"], "verbs": ["get", "list"]}
NODES = {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}


def role(*rules: JsonObject, kind: str = "ClusterRole", labels: JsonObject | None = None, **more: t.Any) -> JsonObject:
    metadata: JsonObject = {"name": "r", "labels": labels or {}}
    return {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata, "rules": list(rules), **more}


def binding(*subjects: JsonObject, to: str = "r", kind: str = "ClusterRoleBinding") -> JsonObject:
    reference = {"apiGroup": RBAC, "kind": "ClusterRole", "name": to}
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": kind,
        "metadata": {"name": "b"},
        "roleRef": reference,
        "subjects": list(subjects),
    }


def owned(obj: JsonObject, **fields_of: tuple[str, ...]) -> JsonObject:
    """The live object, in which each manager owns these fields."""
    entries = []
    for manager, names in fields_of.items():
        ours = manager == "ours"
        fields: JsonObject = {f"f:{name}": {} for name in names if name not in ("label", "mark")}
        metadata: JsonObject = {}
        if "label" in names:
            metadata["f:labels"] = {f"f:{SET_LABEL}": {}}
        if "mark" in names:
            metadata["f:annotations"] = {f"f:{ADOPTED_ANNOTATION}": {}}
        entries.append(
            {
                "manager": FIELD_MANAGER if ours else manager,
                "operation": "Apply" if ours else "Update",
                "apiVersion": obj["apiVersion"],
                "fieldsV1": {**fields, **({"f:metadata": metadata} if metadata else {})},
            }
        )
    return {**obj, "metadata": {**obj["metadata"], "managedFields": entries}}


SAME: list[tuple[JsonObject, JsonObject]] = [
    (role(PODS), role(PODS)),
    # Order has no meaning, and neither has an empty list.
    (role(PODS, NODES), role(NODES, {**PODS, "verbs": ["list", "get"], "resourceNames": []})),
    (role(PODS, labels={"app": "x"}), role(PODS)),
    (binding(ALICE), binding(ALICE)),
    # The API server fills in the group of a subject.
    (binding({**ROBOT, "apiGroup": ""}), binding(ROBOT)),
    (binding(ALICE), binding({"kind": "User", "name": "alice"})),
    (binding(ALICE), binding(ROBOT, ALICE)),
    (binding(), binding(ROBOT)),
    # The rules of an aggregated role are its controller's.
    (role(PODS, aggregationRule={"clusterRoleSelectors": []}), role(aggregationRule={"clusterRoleSelectors": []})),
]
DIFFERENT: list[tuple[JsonObject, JsonObject]] = [
    (role(PODS), role()),
    (role(PODS), role(PODS, NODES)),
    (role(PODS, kind="Role"), role({**PODS, "verbs": ["get"]}, kind="Role")),
    (role({**PODS, "resourceNames": ["one"]}), role(PODS)),
    (role({"nonResourceURLs": ["/metrics"], "verbs": ["get"]}), role()),
    (role(aggregationRule={"clusterRoleSelectors": [{}]}), role()),
    (role(PODS), role(PODS, aggregationRule={"clusterRoleSelectors": [{}]})),
    (role(PODS, labels={"rbac.authorization.k8s.io/aggregate-to-view": "true"}), role(PODS)),
    (role(PODS), role(PODS, labels={"rbac.authorization.k8s.io/aggregate-to-view": "true"})),
    (binding(ALICE), binding(ROBOT)),
    (binding(ALICE, ROBOT), binding(ALICE)),
    (binding(ALICE), binding()),
    (binding(ROBOT), binding({**ROBOT, "namespace": "b"})),
    (binding(ALICE), binding({**ALICE, "kind": "Group"})),
    (binding(ALICE, to="other"), binding(ALICE)),
    (binding(to="other"), binding()),
    (binding(ALICE, kind="RoleBinding"), binding(ROBOT, kind="RoleBinding")),
]


@pytest.mark.parametrize(("live", "desired"), SAME)
def test_what_takes_no_rights_may_be_adopted(live: JsonObject, desired: JsonObject) -> None:
    assert takes_rights(desired, owned(live, helm=("rules", "subjects", "roleRef"))) is None


@pytest.mark.parametrize(("live", "desired"), DIFFERENT)
def test_what_takes_rights_is_refused(live: JsonObject, desired: JsonObject) -> None:
    reason = takes_rights(desired, owned(live, helm=("rules", "subjects", "roleRef")))
    assert reason is not None
    assert "the field manager helm" in reason
    assert "force_conflicts" not in reason


OURS = ("rules", "label")
WHOSE: dict[str, tuple[dict[str, tuple[str, ...]], bool]] = {
    "no manager at all": ({}, True),
    "made by us": ({"ours": OURS}, False),
    "made by us, and changed by another": ({"ours": ("label",), "edit": ("rules",)}, False),
    "made by us, and another removed our label": ({"ours": ("rules",)}, False),
    "labelled by hand": ({"edit": ("label", "rules")}, True),
    "adopted, with a manager of its own": ({"ours": (*OURS, "mark"), "helm": ("rules",)}, True),
    "adopted, then changed by another": ({"ours": ("label", "mark"), "edit": ("rules",)}, True),
    "taken over whole": ({"ours": (*OURS, "mark")}, False),
    "a takeover that was interrupted": ({"ours": ("rules", "mark")}, True),
}


@pytest.mark.parametrize("name", WHOSE)
def test_only_roles_of_others_are_guarded(name: str) -> None:
    fields_of, theirs = WHOSE[name]
    live = owned(role(PODS), **fields_of)
    assert (takes_rights(role(NODES), live) is not None) is theirs
    # A forced apply of what is of others counts only for the version that was judged.
    live["metadata"]["resourceVersion"] = "7"
    assert ("resourceVersion" in as_seen(role(NODES), live)["metadata"]) is theirs


def test_other_kinds_are_not_guarded() -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    assert takes_rights({**config, "data": {}}, owned(config, helm=("data",))) is None
    # A kind of another group with the same name.
    other = {**role(PODS), "apiVersion": "authorization.openshift.io/v1"}
    assert takes_rights({**other, "rules": []}, owned(other, helm=("rules",))) is None


def of_kind(api_version: str, kind: str, **body: t.Any) -> JsonObject:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}, **body}


HARMFUL = [
    role(PODS),
    binding(ALICE),
    of_kind("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    of_kind("apps/v1", "Deployment"),
    of_kind("apps/v1", "DaemonSet"),
    of_kind("apps/v1", "StatefulSet"),
    of_kind("batch/v1", "CronJob"),
    of_kind("v1", "Service"),
    of_kind("v1", "Secret"),
    of_kind("v1", "Namespace"),
    of_kind("networking.k8s.io/v1", "NetworkPolicy"),
    of_kind("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    of_kind("monitoring.coreos.com/v1", "Prometheus", spec={"replicas": 2}),
    of_kind("example.com/v1", "Database", status={"replicas": 1}),
]
HARMLESS = [
    of_kind("v1", "ConfigMap"),
    of_kind("monitoring.coreos.com/v1", "PrometheusRule", spec={"groups": []}),
    of_kind("monitoring.coreos.com/v1", "ServiceMonitor", spec={}),
]


@pytest.mark.parametrize(("obj", "offered"), [*((obj, False) for obj in HARMFUL), *((obj, True) for obj in HARMLESS)])
def test_force_is_offered_for_what_we_made_and_where_it_does_no_harm(obj: JsonObject, offered: bool) -> None:
    assert may_offer_force(obj, owned(obj, helm=("spec",))) is offered
    assert may_offer_force(obj, owned(obj, ours=("spec", "label", "mark"), helm=("spec",))) is offered
    assert may_offer_force(obj, owned(obj, ours=("spec", "label"), helm=("spec",)))


def test_force_never_counts_for_a_grant_that_was_not_there() -> None:
    assert not may_force(binding(ALICE), None)
    assert may_force(of_kind("v1", "ConfigMap"), None)
    assert may_force(binding(ALICE), owned(binding(ALICE), helm=("subjects",)))
    assert as_seen(binding(ALICE), None) == binding(ALICE)


ORIGINS: list[tuple[JsonObject, JsonObject, str]] = [
    ({}, {"meta.helm.sh/release-name": "kps", "meta.helm.sh/release-namespace": "mon"}, "the Helm release mon/kps"),
    ({"app.kubernetes.io/managed-by": "Helm"}, {}, "a Helm chart"),
    ({}, {"argocd.argoproj.io/tracking-id": "apps:x/ClusterRole:/r"}, "the Argo CD application apps"),
    ({"argocd.argoproj.io/instance": "apps"}, {}, "the Argo CD application apps"),
    ({"olm.owner": "csv.v1"}, {}, "the Operator Lifecycle Manager (OLM) csv.v1"),
    ({"app.kubernetes.io/part-of": "kube-prometheus"}, {}, "part of kube-prometheus"),
]


@pytest.mark.parametrize(("labels", "annotations", "expected"), ORIGINS)
def test_whose_it_is(labels: JsonObject, annotations: JsonObject, expected: str) -> None:
    live = role(PODS, labels=labels)
    live["metadata"]["annotations"] = annotations
    assert origin(owned(live, helm=("rules",), edit=("rules",))) == f"{expected}; the field managers edit, helm"
    assert origin(live) == f"{expected}; no field manager"


CLAIMS: dict[str, tuple[JsonObject, dict[str, tuple[str, ...]], bool]] = {
    "ours alone": (role(PODS), {"ours": OURS}, False),
    "labels of another": (role(PODS), {"ours": OURS, "kubectl": ("metadata",)}, False),
    "rules of another": (role(PODS), {"ours": ("label",), "kubectl": ("rules",)}, True),
    "the same rules of another": (role(PODS), {"ours": OURS, "kubectl": ("rules",)}, True),
    "subjects of another": (binding(ALICE), {"ours": ("roleRef", "label"), "kubectl": ("subjects",)}, True),
    "rules of the controller": (role(PODS, aggregationRule={}), {"ours": OURS, "other": ("rules",)}, True),
    "aggregated rules": (
        role(PODS, aggregationRule={"clusterRoleSelectors": [{}]}),
        {"ours": ("aggregationRule", "label"), "clusterrole-aggregation-controller": ("rules",)},
        False,
    ),
    "another kind": (of_kind("v1", "Service"), {"ours": ("spec",), "kubectl": ("rules",)}, False),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_grant_that_others_changed_is_known(name: str) -> None:
    obj, fields_of, claimed = CLAIMS[name]
    live = owned(obj, **fields_of)
    assert to_be_left([live], released=()) == ({key_of(live)} if claimed else set())
    if claimed:
        assert "this set made it, but another manager changed" in str(left_behind(live, accounts=()))


def test_the_role_of_a_binding_that_stays_stays_too() -> None:
    ours = owned(role(PODS), ours=OURS)
    claimed = owned(binding(ALICE), ours=("roleRef", "label"), kubectl=("subjects",))
    plain = owned(binding(ALICE), ours=("roleRef", "subjects", "label"))
    assert to_be_left([ours, claimed], released=()) == {key_of(ours), key_of(claimed)}
    assert to_be_left([ours, plain], released={key_of(plain)}) == {key_of(ours)}
    assert to_be_left([ours, plain], released=()) == set()
    assert "a binding that stays gives its rights" in str(left_behind(ours, accounts=()))


def test_what_is_left_behind_with_our_content_is_named() -> None:
    ours = {Key("", "ServiceAccount", "a", "robot")}
    marked = ("subjects", "rules", "label", "mark")
    assert "ServiceAccount a/robot, which this set makes" in str(
        left_behind(owned(binding(ROBOT), ours=marked), accounts=ours)
    )
    assert left_behind(owned(binding(ALICE), ours=marked), accounts=ours) is None
    assert "the rules that this set gave it" in str(left_behind(owned(role(PODS), ours=marked), accounts=()))
    # Another manager has the same rules: they are its own.
    assert left_behind(owned(role(PODS), ours=marked, helm=("rules",)), accounts=()) is None
    assert left_behind(of_kind("v1", "ConfigMap"), accounts=ours) is None
