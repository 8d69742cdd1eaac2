"""What another tool put back with our label: adopted by default, and ours again where the user names the tool."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    FIELD_MANAGER,
    MADE_BY_ANNOTATION,
    SET_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.claims import (
    as_ours,
    claimed_from,
    memory_of,
    notes_about_restored,
    put_back_by,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import (
    Plan,
    SetId,
    Write,
    decide,
    make_plan,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import own_fields
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import claimed

JsonObject = dict[str, t.Any]
OWNER = SetId(fleet="main", capability="teams")
VELERO = "velero-server"
DESIRED: JsonObject = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "c", "namespace": "a", "labels": {"team": "pay"}},
    "data": {"k": "v"},
}


def tree(value: t.Any) -> JsonObject:
    return {f"f:{name}": tree(item) for name, item in value.items()} if isinstance(value, dict) else {}


def restored(
    *, manager: str = VELERO, label: str = OWNER.label, operation: str = "Update", **marks: t.Any
) -> JsonObject:
    labels = {"team": "pay", SET_LABEL: label, "owner": "somebody", **marks.get("labels", {})}
    metadata: JsonObject = {"name": "c", "namespace": "a", "uid": "u", "labels": labels}
    if marks.get("annotations"):
        metadata["annotations"] = marks["annotations"]
    if marks.get("ownerReferences"):
        metadata["ownerReferences"] = marks["ownerReferences"]
    fields = tree(
        {"data": {"k": "v", "old": "x"}, "metadata": {n: metadata.get(n, {}) for n in ("labels", "annotations")}}
    )
    entry = {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {**metadata, "managedFields": [entry]},
        "data": {"k": "v", "old": "x"},
    }


@pytest.mark.parametrize(
    ("live", "managers"),
    [
        (restored(), {VELERO}),
        (restored(label="main.other"), set()),
        (restored(manager=FIELD_MANAGER, operation="Apply"), set()),
        # Controllers copy labels, and a restore drops the references to the owners.
        (restored(labels={"endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}), set()),
        (restored(labels={"endpointslice.kubernetes.io/managed-by": FIELD_MANAGER}), {VELERO}),
        (restored(labels={"app.kubernetes.io/managed-by": "prometheus-operator"}), set()),
        (restored(ownerReferences=[{"controller": True, "uid": "x"}]), set()),
    ],
)
def test_who_put_it_back(live: JsonObject, managers: set[str]) -> None:
    assert {name for name, _operation in put_back_by(live, label=OWNER.label)} == managers


def test_all_who_own_the_label_must_be_named() -> None:
    live = restored()
    live["metadata"]["managedFields"].append({**live["metadata"]["managedFields"][0], "manager": "kubectl-label"})
    assert not claimed_from(live, label=OWNER.label, managers={VELERO})
    assert claimed_from(live, label=OWNER.label, managers={VELERO, "kubectl-label"})


def write(live: JsonObject, *managers: str) -> Write:
    found = decide(DESIRED, live, owner=OWNER, claim_managers=managers)
    assert isinstance(found, Write)
    return found


def mark(found: Write) -> str | None:
    return (found.desired["metadata"].get("annotations") or {}).get(ADOPTED_ANNOTATION)


def test_by_default_it_is_adopted_with_a_mark_of_its_own() -> None:
    found = write(restored())
    assert (found.adopts, found.claims, mark(found), found.put_back_by) == (
        True,
        False,
        "restored",
        frozenset({VELERO}),
    )


def test_with_the_option_it_is_ours() -> None:
    found = write(restored(), VELERO)
    assert (found.adopts, found.claims, mark(found), found.put_back_by) == (False, True, None, frozenset())
    assert found.takes == {(VELERO, "Update")}


@pytest.mark.parametrize("managers", [(), (VELERO,)])
@pytest.mark.parametrize("former", ["true", "taken-over"])
def test_what_the_backup_had_as_adopted_stays_adopted(managers: tuple[str, ...], former: str) -> None:
    assert mark(write(restored(annotations={ADOPTED_ANNOTATION: former}), *managers)) == former


def test_a_claim_takes_the_content_and_of_the_marks_only_ours() -> None:
    live = restored()
    after = claimed(live, owners={(VELERO, "Update")}, desired=DESIRED)
    assert own_fields(after) == {
        "f:data": {"f:k": {}, "f:old": {}},
        "f:metadata": {"f:labels": {"f:team": {}, f"f:{SET_LABEL}": {}}},
    }
    (theirs,) = [entry for entry in after["metadata"]["managedFields"] if entry["manager"] == VELERO]
    assert theirs["fieldsV1"] == {"f:metadata": {"f:labels": {"f:owner": {}}}}


def plan(live: JsonObject) -> Plan:
    return make_plan(wanted={}, members={key_of(live): live}, decisions={}, keep=lambda _live: False)


def test_what_is_no_longer_desired_is_deleted_only_if_it_is_claimed() -> None:
    assert not plan(restored()).deletes
    assert plan(as_ours(restored(), owners={(VELERO, "Update")})).deletes
    again = as_ours(restored(annotations={ADOPTED_ANNOTATION: "restored"}), owners={(VELERO, "Update")})
    assert plan(again).deletes
    adopted = plan(as_ours(restored(annotations={ADOPTED_ANNOTATION: "true"}), owners={(VELERO, "Update")}))
    assert (len(adopted.deletes), len(adopted.releases)) == (0, 1)


def test_a_restore_is_told_by_its_tool() -> None:
    (note,) = notes_about_restored([restored()], label=OWNER.label)
    assert "velero-server put back 1 objects" in note
    assert "list velero-server in claim_managers" in note
    by_hand = restored(manager="kubectl-label")
    assert notes_about_restored([by_hand], label=OWNER.label) == []
    other = restored(manager="another-tool", labels={"velero.io/restore-name": "nightly-1"})
    assert len(notes_about_restored([other], label=OWNER.label)) == 1


def test_only_a_namespace_that_we_made_is_remembered() -> None:
    live = restored(manager=FIELD_MANAGER, operation="Apply")
    assert memory_of({**live, "kind": "Namespace"}) == {"annotations": {MADE_BY_ANNOTATION: OWNER.label}}
    assert memory_of(live) == {}
    adopted = restored(manager=FIELD_MANAGER, operation="Apply", annotations={ADOPTED_ANNOTATION: "true"})
    assert memory_of({**adopted, "kind": "Namespace"}) == {}
    assert memory_of({**restored(), "kind": "Namespace"}) == {}
