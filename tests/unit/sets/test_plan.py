"""What becomes of each object: written, left, deleted, released, or a reason to stop."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of, phase_of, replaceable
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED,
    ADOPTED_ANNOTATION,
    FIELD_MANAGER,
    SET_LABEL,
    TAKEN_OVER,
    TEAM_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.free_form.names import capability_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import CAPABILITIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.policy import team_guard
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import (
    Plan,
    SetId,
    decide,
    make_plan,
    with_marks,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import LAST_APPLIED
from hypothesis import example, given
from hypothesis import strategies as st

JsonObject = dict[str, t.Any]
OWNER = SetId(fleet="main", capability="teams")


def config(name: str, *, namespace: str = "a", **labels: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "labels": labels}
        if labels
        else {"name": name, "namespace": namespace},
        "data": {"k": "v"},
    }


def tree_of(value: t.Any) -> JsonObject:
    return {f"f:{name}": tree_of(item) for name, item in value.items()} if isinstance(value, dict) else {}


def applied(obj: JsonObject, *, owner: SetId = OWNER, adopted: str | None = None) -> JsonObject:
    """The live object after our apply."""
    live = with_marks(obj, owner=owner, adopted=adopted)
    owned = {name: value for name, value in live.items() if name not in ("apiVersion", "kind", "metadata")}
    owned["metadata"] = {n: v for n, v in live["metadata"].items() if n not in ("name", "namespace")}
    live["metadata"]["uid"] = f"uid-{obj['metadata']['name']}"
    live["metadata"]["managedFields"] = [
        {"manager": FIELD_MANAGER, "operation": "Apply", "apiVersion": obj["apiVersion"], "fieldsV1": tree_of(owned)}
    ]
    return live


def plan_of(
    desired: list[JsonObject],
    members: list[JsonObject],
    strangers: list[JsonObject] | None = None,
    keep: t.Callable[[JsonObject], bool] = lambda live: False,
    adopt_managers: t.Collection[str] = (),
) -> Plan:
    live = {key_of(obj): obj for obj in [*members, *(strangers or [])]}
    decisions = {
        key_of(obj): decide(obj, live.get(key_of(obj)), owner=OWNER, adopt_managers=adopt_managers) for obj in desired
    }
    return make_plan(
        wanted={key_of(obj): obj for obj in desired},
        members={key_of(obj): obj for obj in members},
        decisions=decisions,
        keep=keep,
    )


def names(objects: t.Iterable[JsonObject]) -> list[str]:
    return [obj["metadata"]["name"] for obj in objects]


def test_what_was_applied_before_is_unchanged() -> None:
    plan = plan_of([config("one")], [applied(config("one"))])
    assert (plan.writes, [key.name for key in plan.unchanged], plan.deletes) == ((), ["one"], ())


def test_what_is_not_there_is_written_with_the_label_of_the_set() -> None:
    (write,) = plan_of([config("one")], []).writes
    assert write.live is None
    assert write.desired["metadata"]["labels"] == {SET_LABEL: "main.teams"}


def test_what_nobody_wants_any_more_is_deleted() -> None:
    assert names(plan_of([], [applied(config("old"))]).deletes) == ["old"]


def test_what_existed_before_us_is_marked_and_only_released() -> None:
    stranger = config("theirs")
    (write,) = plan_of([config("theirs")], [], [stranger]).writes
    assert write.adopts
    assert write.desired["metadata"]["annotations"] == {ADOPTED_ANNOTATION: "true"}
    later = applied(config("theirs"), adopted=ADOPTED)
    assert plan_of([config("theirs")], [later]).writes == ()
    gone = plan_of([], [later])
    assert (gone.deletes, names(gone.releases)) == ((), ["theirs"])


def copied_by_controller(live: JsonObject) -> None:
    live["metadata"]["ownerReferences"] = [{"controller": True, "uid": "x"}]


def labelled_by_hand(live: JsonObject) -> None:
    live["metadata"]["managedFields"][0]["manager"] = "kubectl-label"


def mirrored(live: JsonObject) -> None:
    labelled_by_hand(live)
    live["metadata"]["labels"]["endpoints.kubernetes.io/managed-by"] = "endpoint-controller"


@pytest.mark.parametrize(
    ("change", "warns"), [(copied_by_controller, False), (labelled_by_hand, True), (mirrored, False)]
)
def test_the_label_alone_is_no_reason_to_delete(change: t.Callable[[JsonObject], None], warns: bool) -> None:
    live = applied(config("theirs"))
    change(live)
    plan = plan_of([], [live])
    assert plan.deletes == plan.releases == ()
    assert bool(plan.warnings) is warns


def test_objects_of_another_fleet_are_a_conflict_that_names_both() -> None:
    other = applied(config("one"), owner=SetId(fleet="other", capability="teams"))
    plan = plan_of([config("one")], [], [other])
    assert plan.writes == ()
    assert "'other.teams'" in plan.conflicts[0]
    assert "'main.teams'" in plan.conflicts[0]


def test_what_is_going_already_is_not_deleted_again() -> None:
    live = applied(config("old"))
    live["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert plan_of([], [live]).deletes == ()


def test_a_namespace_does_not_take_with_it_what_is_wanted_in_it() -> None:
    space = applied({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}})
    plan = plan_of([config("one", namespace="a")], [space, applied(config("one", namespace="a"))])
    assert (plan.deletes, names(plan.releases)) == ((), ["a"])
    assert plan.warnings == ("Namespace a stays: it contains objects that are still desired",)
    assert names(plan_of([], [space]).deletes) == ["a"]


def test_what_client_side_apply_made_is_taken_over() -> None:
    stranger = config("theirs")
    annotated: JsonObject = {"f:metadata": {"f:annotations": {f"f:{LAST_APPLIED}": {}}}}
    stranger["metadata"]["managedFields"] = [
        {"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "fieldsV1": annotated}
    ]
    (write,) = plan_of([config("theirs")], [], [stranger]).writes
    assert write.takes == {("kubectl", "Update")}
    assert write.desired["metadata"]["annotations"] == {ADOPTED_ANNOTATION: TAKEN_OVER}


def test_a_named_manager_gives_way_even_where_all_is_as_wanted() -> None:
    live = applied(config("one"))
    live["metadata"]["managedFields"].append(
        {"manager": "helm", "operation": "Update", "apiVersion": "v1", "fieldsV1": {"f:data": {"f:k": {}}}}
    )
    assert plan_of([config("one")], [live]).writes == ()
    (write,) = plan_of([config("one")], [live], adopt_managers=["helm"]).writes
    assert write.takes == {("helm", "Update")}
    assert ADOPTED_ANNOTATION not in write.desired["metadata"].get("annotations", {})


def test_what_is_kept_stays_though_nobody_wants_it() -> None:
    plan = plan_of([], [applied(config("stale"))], keep=lambda live: live["metadata"]["name"] == "stale")
    assert (plan.deletes, plan.kept) == ((), 1)


def test_the_input_is_not_changed() -> None:
    desired = [config("one")]
    before = copy.deepcopy(desired)
    plan_of(desired, [])
    assert desired == before


@pytest.mark.parametrize(
    ("going", "known", "prune", "percent", "refusal"),
    [
        (["pay"], {"pay"}, False, 0, None),
        (["pay"], set[str](), False, 100, "Set prune: true"),
        (["pay"], set[str](), True, 100, None),
        (["pay"], set[str](), True, 49, "more than"),
        (["pay"], set[str](), True, 50, None),
        ([], set[str](), False, 0, None),
    ],
)
def test_a_team_that_left_the_list_needs_a_word(
    going: list[str], known: set[str], prune: bool, percent: int, refusal: str | None
) -> None:
    members = [applied(config(name, **{TEAM_LABEL: name})) for name in ("pay", "stay")]
    plan = plan_of([config(name, **{TEAM_LABEL: name}) for name in ("pay", "stay") if name not in going], members)
    guard = team_guard(known_teams=known | {"stay"}, prune=prune, max_percent=percent)
    if refusal is None:
        guard(plan)
    else:
        with pytest.raises(Refused, match=refusal) as caught:
            guard(plan)
        assert caught.value.objects == ("ConfigMap a/pay",)


def test_phases_put_needs_before_what_needs_them() -> None:
    order = [
        "Namespace",
        "CustomResourceDefinition",
        "ServiceAccount",
        "RoleBinding",
        "Service",
        "Deployment",
        "Prometheus",
    ]
    phases = [phase_of(kind) for kind in order]
    assert phases == sorted(set(phases))


@pytest.mark.parametrize(
    ("kind", "fields", "spec", "allowed"),
    [
        ("EndpointSlice", ["addressType"], {}, True),
        ("RoleBinding", ["roleRef"], {}, True),
        ("Service", ["spec.clusterIPs[0]"], {}, True),
        ("Service", ["spec.clusterIPs[0]"], {"type": "LoadBalancer"}, False),
        ("Service", ["spec.clusterIPs[0]", "spec.ports[0].port"], {}, False),
        ("StatefulSet", ["spec"], {}, False),
        ("EndpointSlice", [], {}, False),
    ],
)
def test_only_named_immutable_fields_allow_a_replacement(
    kind: str, fields: list[str], spec: JsonObject, allowed: bool
) -> None:
    causes = [{"field": field} for field in fields]
    assert replaceable(kind, causes, {"spec": spec}) is allowed


FLEETS = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,8}[a-z0-9])?", fullmatch=True)
DNS_LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
NAMES = [capability.name for capability in CAPABILITIES]
PARTS = st.builds(SetId, fleet=FLEETS, capability=st.sampled_from(NAMES), part=st.just("") | DNS_LABELS)
OF_USERS = st.builds(SetId, fleet=FLEETS, capability=DNS_LABELS.map(capability_of))


@given(PARTS | OF_USERS, PARTS | OF_USERS)
@example(SetId(fleet="a.operator", capability="teams"), SetId(fleet="a", capability="operator", part="teams"))
@example(SetId(fleet="a", capability="federation-source"), SetId(fleet="a", capability="federation", part="source"))
@example(SetId(fleet="a", capability="objects-operator--b"), SetId(fleet="a", capability="operator", part="b"))
def test_two_sets_never_share_a_label(one: SetId, other: SetId) -> None:
    assert (one.label == other.label) is (one == other)


@pytest.mark.parametrize("name", NAMES)
def test_a_part_can_follow_the_name_of_a_capability(name: str) -> None:
    assert grammar.dns_label(name) is None
    assert "--" not in name
    assert not name.startswith(capability_of("x").removesuffix("x"))


def test_the_first_set_is_called_as_ever() -> None:
    assert SetId(fleet="default", capability="operator").label == "default.operator"
    blue = SetId(fleet="default", capability="operator", part="blue")
    assert blue.label == "default.operator--blue"
    assert with_marks(config("a"), owner=blue, adopted=None)["metadata"]["labels"] == {SET_LABEL: blue.label}
