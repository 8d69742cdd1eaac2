"""When is an apply provably a no-op? The tree of owned fields and the values decide, and nothing else."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER
from ansible_collections.promfleet.monitoring.plugins.module_utils._state import fields, proof
from hypothesis import given
from hypothesis import strategies as st

JsonObject = dict[str, t.Any]


def live_of(desired: JsonObject, tree: JsonObject, *, api_version: str | None = None, **changes: t.Any) -> JsonObject:
    """The live object after our apply of *desired*, where the server owns it for us by *tree*."""
    live = copy.deepcopy(desired)
    live.update(changes)
    live["metadata"] = {
        **live["metadata"],
        "uid": "u",
        "managedFields": [
            {
                "manager": FIELD_MANAGER,
                "operation": "Apply",
                "apiVersion": api_version or desired["apiVersion"],
                "fieldsV1": tree,
            }
        ],
    }
    return live


SERVICE: JsonObject = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "a", "labels": {"x": "1"}},
    "spec": {"ports": [{"name": "web", "port": 80}], "selector": {"app": "a"}},
}
SERVICE_TREE: JsonObject = {
    "f:metadata": {"f:labels": {"f:x": {}}},
    "f:spec": {
        "f:ports": {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:name": {}, "f:port": {}}},
        "f:selector": {},
    },
}
SERVED_SPEC: JsonObject = {
    "ports": [{"name": "web", "port": 80, "protocol": "TCP", "targetPort": 80}],
    "selector": {"app": "a"},
    "clusterIP": "10.0.0.1",
}


def test_defaults_of_the_server_do_not_count_as_a_difference() -> None:
    assert proof.is_unchanged(SERVICE, live_of(SERVICE, SERVICE_TREE, spec=SERVED_SPEC))


DIFFERENCES: dict[str, t.Callable[[JsonObject], None]] = {
    "a value of ours was changed by another": lambda live: live["spec"]["ports"][0].update(name="http"),
    "an atomic map got another entry": lambda live: live["spec"]["selector"].update(b="c"),
    "the label is gone from the object": lambda live: live["metadata"]["labels"].clear(),
    "we no longer own the label": lambda live: entry(live)["f:metadata"]["f:labels"].pop("f:x"),
    "we own a field that is no longer desired": lambda live: entry(live)["f:spec"].update({"f:type": {}}),
    "we own an item that is no longer desired": lambda live: entry(live)["f:spec"]["f:ports"].update(
        {'k:{"port":81,"protocol":"TCP"}': {".": {}, "f:port": {}}}
    ),
    "our entry is of another version": lambda live: live["metadata"]["managedFields"][0].update(apiVersion="v2"),
    "we wrote it by another operation": lambda live: live["metadata"]["managedFields"][0].update(operation="Update"),
    "we wrote another part": lambda live: live["metadata"]["managedFields"][0].update(subresource="status"),
    "somebody gave us a second entry": lambda live: live["metadata"]["managedFields"].append(
        dict(live["metadata"]["managedFields"][0])
    ),
    "another's entry is of a version that may be gone": lambda live: live["metadata"]["managedFields"].append(
        {"manager": "x", "operation": "Update", "apiVersion": "v1beta1", "fieldsV1": {}}
    ),
    "it was read in another version": lambda live: live.update(apiVersion="v2"),
    "we own the map itself too, after a takeover": lambda live: entry(live)["f:metadata"]["f:labels"].update({".": {}}),
    "we own no longer the item itself": lambda live: next(iter(entry(live)["f:spec"]["f:ports"].values())).pop("."),
    "another manager wrote it": lambda live: live["metadata"]["managedFields"][0].update(manager="kubectl"),
}


def entry(live: JsonObject) -> JsonObject:
    tree: JsonObject = live["metadata"]["managedFields"][0]["fieldsV1"]
    return tree


@pytest.mark.parametrize("damage", DIFFERENCES.values(), ids=DIFFERENCES.keys())
def test_whatever_is_not_provably_equal_is_sent(damage: t.Callable[[JsonObject], None]) -> None:
    live = live_of(SERVICE, copy.deepcopy(SERVICE_TREE), spec=copy.deepcopy(SERVED_SPEC))
    damage(live)
    assert not proof.is_unchanged(SERVICE, live)


def prometheus(features: list[str]) -> JsonObject:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "Prometheus",
        "metadata": {"name": "p", "namespace": "a"},
        "spec": {"enableFeatures": features},
    }


def with_map(value: JsonObject, *, kind: str, name: str) -> JsonObject:
    group = {"Prometheus": "monitoring.coreos.com/v1", "Service": "v1", "Other": "example.com/v1"}[kind]
    return {"apiVersion": group, "kind": kind, "metadata": {"name": "m", "namespace": "a"}, "spec": {name: value}}


@pytest.mark.parametrize(
    ("kind", "name", "wanted", "present", "unchanged"),
    [
        ("Prometheus", "ruleSelector", {"a": "1"}, {"a": "1"}, True),
        # Granular: what was applied empty and filled by others looks like this.
        ("Prometheus", "nodeSelector", {"a": "1"}, {"a": "1"}, False),
        ("Other", "ruleSelector", {"a": "1"}, {"a": "1"}, False),
        ("Service", "selector", {"a": "1"}, {"a": "1"}, True),
        ("Service", "selector", {"a": "1"}, {"a": "2"}, False),
        # Atomic, and filled by ourselves.
        ("Prometheus", "ruleSelector", {}, {"a": "1"}, False),
        ("Prometheus", "ruleSelector", {}, {}, True),
    ],
)
def test_a_map_that_is_owned_as_a_whole_is_trusted_only_where_its_name_says_so(
    kind: str, name: str, wanted: JsonObject, present: JsonObject, unchanged: bool
) -> None:
    live = live_of(with_map(present, kind=kind, name=name), {"f:spec": {f"f:{name}": {}}})
    assert proof.is_unchanged(with_map(wanted, kind=kind, name=name), live) is unchanged


SET_TREE: JsonObject = {"f:spec": {"f:enableFeatures": {'v:"a"': {}, 'v:"b"': {}}}}


@pytest.mark.parametrize(
    ("desired", "unchanged"),
    [(["a", "b"], True), (["b", "a"], False), (["a"], False), (["a", "b", "c"], False), (["a", "a"], False)],
)
def test_the_order_of_a_set_counts(desired: list[str], unchanged: bool) -> None:
    live = live_of(prometheus(["a", "b"]), SET_TREE)
    assert proof.is_unchanged(prometheus(desired), live) is unchanged


def rules(names: list[str]) -> JsonObject:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "r", "namespace": "a"},
        "spec": {"groups": [{"name": name, "rules": [{"record": name, "expr": "1"}]} for name in names]},
    }


def rules_tree(names: list[str]) -> JsonObject:
    return {
        "f:spec": {
            "f:groups": {"k:" + json.dumps({"name": name}): {".": {}, "f:name": {}, "f:rules": {}} for name in names}
        }
    }


@given(
    before=st.lists(st.sampled_from("abcde"), unique=True, min_size=1),
    after=st.lists(st.sampled_from("abcde"), unique=True, min_size=1),
)
def test_a_keyed_list_is_unchanged_only_with_the_same_items_in_the_same_order(
    before: list[str], after: list[str]
) -> None:
    live = live_of(rules(before), rules_tree(before))
    assert proof.is_unchanged(rules(after), live) is (before == after)


def test_a_foreign_item_of_a_keyed_list_is_no_difference() -> None:
    live = live_of(rules(["a", "b"]), rules_tree(["a"]))
    assert proof.is_unchanged(rules(["a"]), live)


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (True, 1, False),
        (1, 1.0, False),
        ("1", 1, False),
        ({"a": [1]}, {"a": [1]}, True),
        ({"a": None}, {}, False),
        ([1, 2], [2, 1], False),
    ],
)
def test_json_equality_is_stricter_than_pythons(one: object, other: object, equal: bool) -> None:
    assert fields.same(one, other) is equal


def test_extract_takes_what_the_tree_covers() -> None:
    live = live_of(SERVICE, SERVICE_TREE, spec=SERVED_SPEC)
    assert fields.extract(live, fields.own_fields(live)) == {
        "metadata": {"labels": {"x": "1"}},
        "spec": {"ports": [{"name": "web", "port": 80}], "selector": {"app": "a"}},
    }


TREES = st.recursive(
    st.just(t.cast(JsonObject, {})),
    lambda inner: st.dictionaries(st.sampled_from(["f:a", "f:b", "f:c"]), inner, max_size=3),
    max_leaves=8,
)


@given(TREES, TREES)
def test_a_cover_shows_both_trees(one: JsonObject, other: JsonObject) -> None:
    whole = fields.cover(one, other)
    for tree in (one, other):
        assert covers(whole, tree)
    swapped = fields.cover(one=other, other=one)
    assert whole == swapped


def covers(wide: JsonObject, narrow: JsonObject) -> bool:
    """A node without children stands for the whole."""
    return not wide or (bool(narrow) and all(name in wide and covers(wide[name], sub) for name, sub in narrow.items()))


def test_a_label_that_a_controller_copied_is_not_ours() -> None:
    live = live_of(SERVICE, SERVICE_TREE)
    assert fields.owns_label(live, "x")
    live["metadata"]["managedFields"][0]["manager"] = "kube-controller-manager"
    assert not fields.owns_label(live, "x")


@pytest.mark.parametrize(
    ("one", "other", "union"),
    [
        ({}, {}, {}),
        ({}, {"f:a": {}}, {"f:a": {}}),
        ({"f:a": {}}, {"f:b": {}}, {"f:a": {}, "f:b": {}}),
        # A member without children stays a member beside the other's children.
        ({"f:a": {}}, {"f:a": {"f:b": {}}}, {"f:a": {".": {}, "f:b": {}}}),
        ({"f:a": {".": {}, "f:b": {}}}, {"f:a": {"f:c": {}}}, {"f:a": {".": {}, "f:b": {}, "f:c": {}}}),
    ],
)
def test_the_union_of_fields_keeps_every_member(one: JsonObject, other: JsonObject, union: JsonObject) -> None:
    found = [fields.union(*pair) for pair in ((one, other), (other, one))]
    assert found == [union, union]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ({"f:a": {}}, {"f:a": {}}, {"f:a": {}}),
        ({"f:a": {}}, {"f:b": {}}, {}),
        ({"f:a": {"f:b": {}, "f:c": {}}}, {"f:a": {"f:c": {}}}, {"f:a": {"f:c": {}}}),
        ({"f:a": {}}, {"f:a": {"f:c": {}}}, {"f:a": {"f:c": {}}}),
        ({"f:a": {"f:b": {}}}, {"f:a": {"f:c": {}}}, {}),
    ],
)
def test_common_fields(one: JsonObject, other: JsonObject, both: JsonObject) -> None:
    found = [fields.common(*pair) for pair in ((one, other), (other, one))]
    assert found == [both, both]


@given(st.lists(TREES.filter(bool), min_size=1, max_size=3), TREES, st.sets(st.sampled_from(["f:a", "f:b", "f:c"])))
def test_what_moves_to_us_is_lost_to_nobody(others: list[JsonObject], own: JsonObject, taken: set[str]) -> None:
    def entry_of(manager: str, tree: JsonObject, operation: str) -> JsonObject:
        return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": tree}

    def share(entry: JsonObject) -> tuple[JsonObject, JsonObject]:
        tree = entry["fieldsV1"]
        return {name: tree[name] for name in tree if name in taken}, {
            name: tree[name] for name in tree if name not in taken
        }

    before = [entry_of(f"m{index}", tree, "Update") for index, tree in enumerate(others)]
    before += [entry_of(FIELD_MANAGER, own, "Apply")] if own else []
    after = fields.moved({"metadata": {"managedFields": before}}, share=share, version="v1")
    if after is None:
        assert not any(taken & set(tree) for tree in others)
        return
    assert whole(after) == whole(before)
    for entry in after:
        if entry["manager"] != FIELD_MANAGER:
            assert not taken & set(entry["fieldsV1"])


def whole(entries: list[JsonObject]) -> JsonObject:
    result: JsonObject = {}
    for entry in entries:
        result = fields.union(result, entry["fieldsV1"])
    return result
