"""Notes about replaced operators, and who owns the replicas that they get back."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.noted import (
    NOTE,
    Noted,
    as_before,
    note_change,
    returned,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.replace import key_of_name
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.served import kubelets

JsonObject = dict[str, t.Any]

OURS = {
    "manager": "promfleet.monitoring",
    "operation": "Update",
    "apiVersion": "apps/v1",
    "time": "2026-11-28T12:00:00Z",
    "fieldsType": "FieldsV1",
    "fieldsV1": {"f:spec": {"f:replicas": {}}},
}


def entry(manager: str, operation: str = "Update", *, subresource: str = "", **fields: JsonObject) -> JsonObject:
    spec = {f"f:{name}": value for name, value in fields.items()}
    found = {"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1"}
    more = {"subresource": subresource} if subresource else {}
    return {**found, **more, "fieldsV1": {"f:spec": spec}}


def deployment(*entries: JsonObject, replicas: int = 2, args: t.Sequence[str] = ()) -> JsonObject:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": "monitoring", "name": "op", "uid": "1", "managedFields": list(entries)},
        "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"args": list(args)}]}}},
    }


KUBECTL = entry("kubectl-client-side-apply", replicas={}, strategy={})
HELM = entry("helm", "Apply", replicas={}, strategy={})
SCALE = entry("kubectl", subresource="scale", replicas={})
NO_ONE = entry("kubectl-client-side-apply", strategy={})


def stopped(live: JsonObject) -> JsonObject:
    """What the server makes of *live* when another manager changes the replicas."""
    after = copy.deepcopy(live)
    for one in after["metadata"]["managedFields"]:
        one["fieldsV1"]["f:spec"].pop("f:replicas", None)
    left = [one for one in after["metadata"]["managedFields"] if one["fieldsV1"]["f:spec"]]
    after["metadata"]["managedFields"] = [*left, dict(OURS)]
    return after


@pytest.mark.parametrize("owners", [[KUBECTL], [HELM], [NO_ONE, SCALE], [NO_ONE], [HELM, SCALE]])
def test_the_replicas_go_back_to_the_managers_that_owned_them(owners: list[JsonObject]) -> None:
    before = deployment(*owners)
    noted = as_before(before, None)
    after = returned(stopped(before), owners=noted.owners)
    plain = [{k: v for k, v in one.items() if k != "time"} for one in after["metadata"]["managedFields"]]
    assert sorted(plain, key=str) == sorted(owners, key=str)
    assert Noted(**{**noted.data(), "owners": tuple(noted.data().get("owners", ()))}) == noted


def test_our_other_fields_stay_ours() -> None:
    ours = {**OURS, "fieldsV1": {"f:spec": {"f:replicas": {}, "f:paused": {}}}}
    (left,) = returned(deployment(ours), owners=())["metadata"]["managedFields"]
    assert left["fieldsV1"] == {"f:spec": {"f:paused": {}}}


def test_a_deployment_that_is_still_the_same_is_noted_as_it_was_first() -> None:
    first = as_before(deployment(KUBECTL, replicas=3), None)
    assert as_before(deployment(SCALE, replicas=1), first) == first
    other = deployment(SCALE, replicas=1)
    other["metadata"]["uid"] = "2"
    assert as_before(other, first).replicas == 1


def test_the_note_is_a_change_like_any_other() -> None:
    one = as_before(deployment(KUBECTL), None)
    full = {one.key: one}
    assert [change.action for change in note_change({}, full, place="x")] == ["created"]
    assert [change.action for change in note_change(full, {}, place="x")] == ["deleted"]
    assert note_change(full, dict(full), place="x") == ()
    (change,) = note_change({}, full, place="x")
    assert change.key == Key("", "ConfigMap", "x", NOTE)


@pytest.mark.parametrize(
    ("args", "service"),
    [
        (["--kubelet-service=kube-system/kubelet"], "kube-system/kubelet"),
        (["-kubelet-service", "kube-system/kps-kubelet"], "kube-system/kps-kubelet"),
        (["--kubelet-object=kube-system/kubelet"], "kube-system/kubelet"),
        (["--kubelet-endpoints=true"], None),
        ([], None),
    ],
)
def test_who_keeps_the_kubelets_is_read_from_the_arguments(args: list[str], service: str | None) -> None:
    found = kubelets(deployment(args=args))
    assert [f"Service {service};" in text for text in found] == ([True] if service else [])


def test_names_are_those_of_deployments() -> None:
    assert str(key_of_name("monitoring/prometheus-operator")) == "Deployment monitoring/prometheus-operator"
