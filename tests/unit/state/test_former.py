"""What an adopted object had before us is noted, and given back: values, order, and owners."""

from __future__ import annotations

import copy
import json
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    ADOPTION_MANAGER,
    BEFORE_ANNOTATION,
    FIELD_MANAGER,
    SET_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state import former
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.compare import for_display
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.secrecy import hidden
from hypothesis import given
from hypothesis import strategies as st

JsonObject = dict[str, t.Any]


def entry(manager: str, fields: JsonObject, *, operation: str = "Update", **more: str) -> JsonObject:
    return {"manager": manager, "operation": operation, "apiVersion": "v1", "fieldsV1": fields, **more}


def ours(fields: JsonObject) -> JsonObject:
    return entry(FIELD_MANAGER, fields, operation="Apply")


def obj(
    *entries: JsonObject, kind: str = "ConfigMap", annotations: JsonObject | None = None, **body: t.Any
) -> JsonObject:
    metadata: JsonObject = {"name": "c", "namespace": "a", "managedFields": list(entries)}
    if annotations is not None:
        metadata["annotations"] = annotations
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **body}


def noted(live: JsonObject, layers: former.Layers) -> JsonObject:
    """*live* with its note, as our manager writes it."""
    owned: JsonObject = {"f:metadata": {"f:annotations": {f"f:{BEFORE_ANNOTATION}": {}}}}
    metadata = live["metadata"]
    annotations = {**metadata.get("annotations", {}), BEFORE_ANNOTATION: former.text_of(layers, live=live)}
    entries = [*metadata["managedFields"], entry(ADOPTION_MANAGER, owned, operation="Apply")]
    return {**live, "metadata": {**metadata, "annotations": annotations, "managedFields": entries}}


def data(*names: str) -> JsonObject:
    return {"f:data": {f"f:{name}": {} for name in names}}


# -- the note -----------------------------------------------------------------------------------------------------


def test_a_note_is_read_as_it_was_written() -> None:
    live = obj(entry("helm", data("a", "b")), data={"a": "1", "b": "2"})
    layers = former.with_fields((), live, fields=data("a", "new"))
    (layer,) = layers
    assert layer.values == {"data": {"a": "1"}}
    assert layer.owners == (entry("helm", data("a")),)
    assert former.layers_of(noted(live, layers)) == layers


def test_a_field_is_noted_once() -> None:
    live = obj(data={"a": "1", "b": "2"})
    first = former.with_fields((), live, fields=data("a"))
    changed = obj(data={"a": "ours", "b": "2"})
    second = former.with_fields(first, changed, fields=data("a", "b"))
    assert [layer.values for layer in second] == [{"data": {"a": "1"}}, {"data": {"b": "2"}}]
    assert former.with_fields(second, changed, fields=data("b")) is second


def test_status_identity_owner_references_and_our_marks_are_not_noted() -> None:
    marks: JsonObject = {"f:labels": {f"f:{SET_LABEL}": {}}, "f:annotations": {f"f:{ADOPTED_ANNOTATION}": {}}}
    fields = {"f:metadata": {**marks, "f:ownerReferences": {}}, "f:status": {"f:replicas": {}}}
    assert former.with_fields((), obj(), fields=fields) == ()


def test_what_no_manager_owns_and_an_apply_takes_away_is_noted() -> None:
    ports: JsonObject = {'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}}}
    live = obj(
        entry("kubectl", {"f:spec": {"f:type": {}, "f:ports": ports}}),
        spec={"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30080}]},
    )
    answer = obj(
        ours({"f:spec": {"f:type": {}}}), spec={"type": "ClusterIP", "ports": [{"port": 80, "protocol": "TCP"}]}
    )
    layers = former.with_fields((), live, fields={"f:spec": {"f:type": {}}})
    *_first, last = former.with_consequences(layers, live, answer=answer)
    assert last.values == {"spec": {"ports": [{"port": 80, "protocol": "TCP", "nodePort": 30080}]}}


def test_only_a_note_of_ours_is_trusted() -> None:
    live = obj(data={"a": "1"})
    note = noted(live, former.with_fields((), live, fields=data("a")))
    assert former.is_noted(note)
    note["metadata"]["managedFields"] = [{**item, "manager": "mallory"} for item in note["metadata"]["managedFields"]]
    assert not former.is_noted(note)
    assert former.layers_of(note) == ()


@pytest.mark.parametrize("api_version", ["rbac.authorization.k8s.io/v1", "apiextensions.k8s.io/v1"])
def test_rights_and_definitions_are_never_given_back(api_version: str) -> None:
    assert not former.is_kept({**obj(), "apiVersion": api_version}, adopts=True)
    assert former.is_kept(obj(), adopts=True)
    assert not former.is_kept(obj(), adopts=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("nonsense!", "neither JSON nor base64"),
        ("AAAA", "cannot be read"),
        ('{"version":1}', "cannot be read"),
        ('{"version":1,"apiVersion":"v1","layers":[{}]}', "cannot be read"),
        ('{"version":2,"apiVersion":"v1","layers":[]}', "newer release"),
        ('{"version":1,"apiVersion":"v2","layers":[]}', "about v2"),
    ],
)
def test_a_note_that_cannot_be_used_says_why(text: str, said: str) -> None:
    live = noted(obj(), ())
    live["metadata"]["annotations"][BEFORE_ANNOTATION] = text
    with pytest.raises(former.Unusable, match=said):
        former.layers_of(live)


def test_a_long_note_is_packed_and_a_secret_is_never_in_plain_text() -> None:
    long = obj(data={"a": "long " * 10_000})
    layers = former.with_fields((), long, fields=data("a"))
    text = former.text_of(layers, live=long)
    assert len(text) < former.PLAIN_MAX
    assert former.layers_of(noted(long, layers)) == layers
    secret = obj(kind="Secret", data={"a": "Y2FuYXJ5"})
    packed = noted(secret, former.with_fields((), secret, fields=data("a")))
    assert "Y2FuYXJ5" not in packed["metadata"]["annotations"][BEFORE_ANNOTATION]


def test_what_does_not_fit_is_refused_with_the_numbers() -> None:
    random = "".join(str(number * number) for number in range(80_000))
    live = obj(data={"a": random})
    with pytest.raises(former.Unusable, match=r"Kubernetes allows 262,144"):
        former.text_of(former.with_fields((), live, fields=data("a")), live=live)
    crowded = obj(data={"a": "1"}, annotations={"other": "x" * (former.ANNOTATIONS_MAX - 1024)})
    with pytest.raises(former.Unusable, match="annotations"):
        former.text_of(former.with_fields((), crowded, fields=data("a")), live=crowded)


def test_a_note_is_not_shown() -> None:
    live = noted(obj(data={"a": "1"}), ())
    shown, _after = for_display("ConfigMap", live, {})
    assert shown["metadata"]["annotations"] == {}
    assert json.dumps(hidden("ConfigMap", live, {})).count("VALUE HIDDEN") == 1


# -- giving back --------------------------------------------------------------------------------------------------

A = data("a")
X: JsonObject = {"f:data": {'v:"x"': {}}}
WHOLE: JsonObject = {"f:data": {}}
ITEM: JsonObject = {".": {}, "f:name": {}, "f:value": {}}
ENV: JsonObject = {"f:data": {'k:{"name":"A"}': ITEM, 'k:{"name":"B"}': ITEM}}


def items(names: str) -> list[JsonObject]:
    return [{"name": name, "value": "old"} for name in names]


@pytest.mark.parametrize(
    ("touched", "before", "owners", "now", "after"),
    [
        # Changed, added, removed; and what another manager made of it since.
        (A, {"a": "1"}, (A, {}), {"a": "2"}, {"a": "1"}),
        (A, {}, (A, {}), {"a": "2", "b": "3"}, {"b": "3"}),
        (A, {"a": "1"}, ({}, {}), {"b": "3"}, {"b": "3", "a": "1"}),
        (A, {"a": "1"}, ({}, A), {"a": "9"}, {"a": "9"}),
        (A, {}, ({}, A), {"a": "9"}, {"a": "9"}),
        # The server gave it a default, after we had dropped it.
        (A, {"a": "1"}, ({}, {}), {"a": "default"}, {"a": "1"}),
        (A, {}, ({}, {}), {"a": "default"}, {"a": "default"}),
        # Lists by key: the order is the former one, and items of others stay where they are.
        (ENV, items("BA"), (ENV, {}), items("AB"), items("BA")),
        (ENV, items("BA"), ({}, {}), items("C"), items("BAC")),
        (ENV, [], (ENV, {}), items("ACB"), items("C")),
        # Sets.
        (X, ["x"], ({}, {}), ["y"], ["x", "y"]),
        (X, [], (X, {}), ["y", "x"], ["y"]),
        # Whole values.
        (WHOLE, {"k": "1"}, (WHOLE, {}), {"l": "2"}, {"k": "1"}),
        (WHOLE, [1, 2], (WHOLE, {}), [3], [1, 2]),
        (WHOLE, [1, 2], ({}, WHOLE), [3], [3]),
    ],
)
def test_what_comes_back(
    touched: JsonObject, before: t.Any, owners: tuple[JsonObject, JsonObject], now: t.Any, after: t.Any
) -> None:
    owned, theirs = owners
    live = obj(ours(owned), entry("other", theirs), data=now)
    layer = former.Layer(fields=touched, values={"data": before})
    assert former.given_back(live, (layer,))["data"] == after


def test_a_map_that_came_with_us_goes_with_us() -> None:
    live = obj(ours(data("a")), data={"a": "1"})
    layer = former.Layer(fields=data("a"), values={})
    assert "data" not in former.given_back(live, (layer,))
    theirs = obj(ours(data("a")), entry("other", {"f:data": {".": {}}}), data={"a": "1"})
    assert former.given_back(theirs, (layer,))["data"] == {}


def test_owners_get_back_what_has_its_former_value() -> None:
    helm = entry("helm", {"f:data": {".": {}, "f:a": {}, "f:b": {}}}, time="2026-01-01T00:00:00Z")
    before = obj(helm, data={"a": "1", "b": "2"})
    layers = former.with_fields((), before, fields=data("a", "b"))
    now = noted(obj(ours(data("a")), entry("other", data("b")), data={"a": "1", "b": "3"}), layers)
    entries = former.released(now, layers)["metadata"]["managedFields"]
    assert entries == [entry("other", data("b")), {**helm, "fieldsV1": {"f:data": {".": {}, "f:a": {}}}}]


NAMES = "abcde"
VALUES = st.sampled_from(["1", "2", "3"])
STATES = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4)


class Server:
    """A ConfigMap's data as the API server merges it: who applies owns what it sends, by force."""

    def __init__(self, values: dict[str, str], owners: dict[str, set[str]]) -> None:
        self.values = dict(values)
        self.owners = copy.deepcopy(owners)

    def live(self) -> JsonObject:
        entries = [
            (ours if manager == FIELD_MANAGER else lambda fields, m=manager: entry(m, fields))(data(*sorted(names)))
            for manager, names in self.owners.items()
            if names
        ]
        return obj(*entries, data=dict(self.values))

    def apply(self, manager: str, desired: dict[str, str]) -> None:
        mine = self.owners.setdefault(manager, set())
        for name in mine - set(desired):
            if not any(name in names for other, names in self.owners.items() if other != manager):
                self.values.pop(name, None)
        for name, value in desired.items():
            if self.values.get(name) != value:
                for other in self.owners.values():
                    other.discard(name)
            self.values[name] = value
        self.owners[manager] = set(desired)


@given(
    before=STATES,
    owner=st.sampled_from(["helm", "kubectl"]),
    takes=st.booleans(),
    ours_states=st.lists(STATES, min_size=1, max_size=4),
    others=st.dictionaries(st.sampled_from("xyz"), VALUES),
)
def test_after_any_applies_of_ours_all_is_as_before_and_edits_of_others_stay(
    before: dict[str, str], owner: str, takes: bool, ours_states: list[dict[str, str]], others: dict[str, str]
) -> None:
    server = Server(before, {owner: set(before)})
    layers: former.Layers = ()
    if takes:
        layers = former.with_fields(layers, server.live(), fields=former.owned_by(server.live(), {(owner, "Update")}))
        server.owners[FIELD_MANAGER] = server.owners.pop(owner)
    for number, state in enumerate(ours_states):
        live = server.live()
        layers = former.with_fields(layers, live, fields=data(*state))
        server.apply(FIELD_MANAGER, state)
        layers = former.with_consequences(layers, live, answer=server.live())
        if number == 0:
            server.apply("other", others)
    back = former.given_back(server.live(), layers)
    assert (back.get("data") or {}) == {**before, **others}
    entries = former.released(back, layers)["metadata"]["managedFields"]
    owned = {item["manager"]: {name[2:] for name in item["fieldsV1"].get("f:data", {})} for item in entries if item}
    assert owned == {manager: set(names) for manager, names in ((owner, before), ("other", others)) if names}


def test_an_item_that_came_apart_over_several_writes_comes_back_whole() -> None:
    item = {"port": 81, "protocol": "TCP", "name": "more", "nodePort": 30081}
    key = 'k:{"port":81,"protocol":"TCP"}'
    before = obj(spec={"ports": [item]})
    layers = former.with_fields(
        (), before, fields={"f:spec": {"f:ports": {key: {".": {}, "f:name": {}, "f:port": {}}}}}
    )
    layers = former.with_fields(layers, before, fields={"f:spec": {"f:ports": {key: {"f:nodePort": {}}}}})
    other = 'k:{"port":90,"protocol":"TCP"}'
    owned: JsonObject = {"f:spec": {"f:ports": {other: {".": {}, "f:port": {}}}}}
    layers = former.with_fields(layers, before, fields=owned)
    now = obj(ours(owned), spec={"ports": [{"port": 90, "protocol": "TCP"}]})
    assert former.given_back(now, layers)["spec"]["ports"] == [item]
