"""Who owns what after a CRD was taken over, and after a custom resource was restored."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.owners import (
    handed_back,
    of_release,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import VERSION_ANNOTATION
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import LAST_APPLIED

JsonObject = dict[str, t.Any]
DESIRED = {"metadata": {"annotations": {VERSION_ANNOTATION: "0.93.1"}}}


def entry(manager: str, fields: JsonObject, *, operation: str = "Update", **more: str) -> JsonObject:
    return {
        "manager": manager,
        "operation": operation,
        "apiVersion": "apiextensions.k8s.io/v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
        "time": "2026-01-01T00:00:00Z",
        **more,
    }


def noted(*names: str) -> JsonObject:
    return {"f:metadata": {"f:annotations": {".": {}, **{f"f:{name}": {} for name in names}}}}


def live(*entries: JsonObject) -> JsonObject:
    return {"apiVersion": "apiextensions.k8s.io/v1", "metadata": {"managedFields": list(entries)}}


SPEC: JsonObject = {"f:spec": {"f:group": {}, "f:versions": {}, "f:names": {"f:kind": {}}}}
HOOK: JsonObject = {"f:spec": {"f:conversion": {"f:strategy": {}, "f:webhook": {}}}}
STATUS = entry("kube-apiserver", {"f:status": {}}, subresource="status")

# What others own, what of it becomes ours, and what they keep.
TAKEN: dict[str, tuple[list[JsonObject], JsonObject, list[JsonObject]]] = {
    "kubectl create": (
        [entry("kubectl-create", {**SPEC, **noted(VERSION_ANNOTATION)}), STATUS],
        {**SPEC, "f:metadata": {"f:annotations": {f"f:{VERSION_ANNOTATION}": {}}}},
        [STATUS],
    ),
    "kubectl apply from the client": (
        [entry("kubectl-client-side-apply", {**SPEC, **noted(LAST_APPLIED)})],
        {**SPEC, "f:metadata": {"f:annotations": {f"f:{LAST_APPLIED}": {}}}},
        [],
    ),
    "Helm with its own labels": (
        [entry("helm", {**SPEC, "f:metadata": {"f:labels": {".": {}, "f:helm.sh/chart": {}}}})],
        SPEC,
        [entry("helm", {"f:metadata": {"f:labels": {".": {}, "f:helm.sh/chart": {}}}})],
    ),
    "server-side apply": ([entry("argocd", SPEC, operation="Apply")], SPEC, []),
    "a certificate in a webhook": ([entry("cainjector", HOOK), entry("old", SPEC)], SPEC, [entry("cainjector", HOOK)]),
    "an annotation for that": (
        [entry("someone", {**SPEC, **noted("cert-manager.io/inject-ca-from")})],
        SPEC,
        [entry("someone", {"f:metadata": {"f:annotations": {"f:cert-manager.io/inject-ca-from": {}}}})],
    ),
    "beside our own": (
        [entry(FIELD_MANAGER, {"f:spec": {"f:scope": {}}}, operation="Apply"), entry("old", SPEC)],
        {"f:spec": {**SPEC["f:spec"], "f:scope": {}}},
        [],
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_taking_over(name: str) -> None:
    entries, ours, kept = TAKEN[name]
    result = of_release(live(*entries), desired=DESIRED)
    assert result is not None
    assert [item for item in result if item["manager"] != FIELD_MANAGER] == kept
    [own] = [item for item in result if item["manager"] == FIELD_MANAGER]
    assert (own["operation"], own["fieldsV1"]) == ("Apply", ours)


@pytest.mark.parametrize(
    "entries",
    [
        [entry(FIELD_MANAGER, SPEC, operation="Apply"), STATUS],
        [entry(FIELD_MANAGER, SPEC, operation="Apply"), entry("cainjector", HOOK)],
        [],
    ],
    ids=["ours", "a webhook of others", "nobody's"],
)
def test_where_nothing_is_others_nothing_is_written(entries: list[JsonObject]) -> None:
    assert of_release(live(*entries), desired=DESIRED) is None


def spec(*names: str) -> JsonObject:
    return {"f:spec": {f"f:{name}": {} for name in names}}


def test_what_was_restored_belongs_again_to_those_who_had_it() -> None:
    before = live(entry("gitops", spec("a", "b"), operation="Apply"), entry("kubectl-edit", spec("c")), STATUS)
    # The write in between took b and c away; we gave both back, and d that nobody owned.
    now = live(entry("gitops", spec("a"), operation="Apply"), entry(FIELD_MANAGER, spec("b", "c", "d")), STATUS)
    result = {item["manager"]: item for item in handed_back(now, snapshot=before) or []}
    assert result["gitops"]["fieldsV1"] == spec("a", "b")
    assert result["kubectl-edit"]["fieldsV1"] == spec("c")
    assert result["kube-apiserver"] == STATUS
    assert FIELD_MANAGER not in result


def test_our_own_applied_fields_are_not_mistaken_for_restored_ones() -> None:
    before = live(entry(FIELD_MANAGER, spec("a", "b"), operation="Apply"))
    now = live(entry(FIELD_MANAGER, spec("a"), operation="Apply"), entry(FIELD_MANAGER, spec("b")))
    [own] = handed_back(now, snapshot=before) or []
    assert (own["operation"], own["fieldsV1"]) == ("Apply", spec("a", "b"))


def test_what_nobody_had_is_left_as_it_is() -> None:
    assert handed_back(live(entry(FIELD_MANAGER, spec("a"))), snapshot=live(entry("x", spec("b")))) is None
