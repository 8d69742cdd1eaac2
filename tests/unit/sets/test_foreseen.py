"""What becomes of each object in a run, foreseen from what it wants and what is there."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SET_LABEL, TEAM_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.foreseen import Foreseen
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId

JsonObject = dict[str, t.Any]

OWNER = SetId(fleet="default", capability="teams")
WANTED: JsonObject = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "pay", "labels": {"a": "1", TEAM_LABEL: "pay"}},
    "spec": {"type": "NodePort", "ports": [{"name": "web", "port": 80, "protocol": "TCP"}]},
}


def foreseen(*wanted: JsonObject, **options: t.Any) -> Foreseen:
    return Foreseen(
        wanted={key_of(obj): (obj, OWNER) for obj in wanted},
        labels=frozenset({OWNER.label}),
        teams=frozenset({"pay"}),
        **options,
    )


def made(**options: t.Any) -> JsonObject:
    """The object as our own run leaves it, with what the server adds."""
    found = foreseen(WANTED, **options).after(key_of(WANTED), None)
    assert found is not None
    obj = copy.deepcopy(found)
    obj["metadata"] |= {"uid": "1"}
    obj["spec"] |= {"clusterIP": "10.0.0.1"}
    obj["status"] = {"loadBalancer": {}}
    return obj


def edited(obj: JsonObject, manager: str, **spec: t.Any) -> JsonObject:
    """The object after another manager set fields of its spec, as the server notes it."""
    result = copy.deepcopy(obj)
    result["spec"] |= spec
    fields: JsonObject = {f"f:{name}": {} for name in spec}
    ours = result["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]
    for name in fields:
        ours.pop(name, None)
    entry = {"manager": manager, "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:spec": fields}}
    result["metadata"]["managedFields"].append(entry)
    return result


def after(live: JsonObject | None, *wanted: JsonObject, **options: t.Any) -> JsonObject | None:
    return foreseen(*wanted, **options).after(key_of(WANTED), live)


def test_what_is_missing_is_made_as_wanted_and_is_of_the_set() -> None:
    found = after(None, WANTED)
    assert found is not None
    assert found["spec"] == WANTED["spec"]
    assert found["metadata"]["labels"] == {**WANTED["metadata"]["labels"], SET_LABEL: OWNER.label}


def test_what_is_as_wanted_is_the_very_same_object_with_its_status() -> None:
    live = made()
    assert after(live, WANTED) is live


def test_what_others_set_beside_it_stays() -> None:
    live = edited(made(), "kubectl-edit", sessionAffinity="ClientIP")
    found = after(live, WANTED)
    assert found is not None
    assert found["spec"]["sessionAffinity"] == "ClientIP"


def test_a_field_that_is_no_longer_wanted_goes_and_the_status_is_of_the_past() -> None:
    wanted = copy.deepcopy(WANTED)
    wanted["spec"]["publishNotReadyAddresses"] = True
    live = foreseen(wanted).after(key_of(WANTED), None)
    assert live is not None
    assert "publishNotReadyAddresses" in live["spec"]
    live["status"] = {}
    found = after(live, WANTED)
    assert found is not None
    assert "publishNotReadyAddresses" not in found["spec"]
    assert "status" not in found


def test_where_another_manager_owns_a_wanted_field_the_object_stays_unless_it_is_forced() -> None:
    live = edited(made(), "kubectl-edit", type="ClusterIP")
    assert after(live, WANTED) is live
    forced = after(live, WANTED, force_conflicts=True)
    assert forced is not None
    assert forced["spec"]["type"] == "NodePort"
    taken = after(live, WANTED, adopt_managers=("kubectl-edit",))
    assert taken is not None
    assert taken["spec"]["type"] == "NodePort"


def test_an_object_of_another_fleet_stays_as_it_is() -> None:
    other = SetId(fleet="other", capability="teams")
    live = Foreseen(wanted={key_of(WANTED): (WANTED, other)}, labels=frozenset({other.label}), teams=frozenset()).after(
        key_of(WANTED), None
    )
    assert after(live, WANTED) is live


def _labelled(obj: JsonObject, **labels: str) -> JsonObject:
    return {**obj, "metadata": {**obj["metadata"], "labels": {**obj["metadata"]["labels"], **labels}}}


@pytest.mark.parametrize(
    ("live", "goes"),
    [
        (made(), True),
        # Removing the objects of a team that left the list takes an opt-in.
        (_labelled(made(), **{TEAM_LABEL: "gone"}), False),
        (_labelled(made(), **{SET_LABEL: "other.teams"}), False),
        # Labelled by others: controllers copy labels.
        ({**WANTED, "metadata": {**WANTED["metadata"], "labels": {SET_LABEL: OWNER.label}}}, False),
        ({**made(), "kind": "Namespace"}, False),
    ],
    ids=["ours", "of another team", "of another set", "copied label", "namespace"],
)
def test_what_is_no_longer_wanted_goes_if_a_run_would_delete_it(live: JsonObject, goes: bool) -> None:
    assert (foreseen().after(key_of(live), live) is None) is goes
