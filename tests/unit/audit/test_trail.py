"""The audit trail: what was tampered with is named, entries survive the way into ConfigMaps, and queries find them."""

from __future__ import annotations

import base64
import json
import typing as t
import zlib
from dataclasses import replace

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.entry import (
    BEGINNING,
    LARGEST,
    Author,
    Work,
    canonical,
    differences,
    digest_of,
    entry_of,
    packed,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.operator_log import beside, lines_with_times
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.ring import Ring, Trail, trail_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.shown import lines_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.trail import (
    Query,
    found_entries,
    judged,
    unlike_copies,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change
from hypothesis import given
from hypothesis import strategies as st

JsonObject = dict[str, t.Any]

RING = Ring(fleet="default", namespace="kube-system", slots=3)
AUTHOR = Author(account="system:serviceaccount:ci:promfleet", run="r1", job="17", user="alice")
PROMETHEUS = Change(
    action="updated",
    key=Key("monitoring.coreos.com", "Prometheus", "monitoring-pay", "pay"),
    before={"spec": {"retention": "2d", "replicas": 1}},
    after={"spec": {"retention": "3d", "replicas": 1}},
    uid="u-1",
)
NAMESPACE = Change(action="created", key=Key("", "Namespace", "", "pay"), after={"metadata": {"labels": {"a": "b"}}})
WORK = Work(
    fleet="default",
    cluster="edge",
    module="team_monitoring",
    started=1_764_417_600.0,
    ended=1_764_417_603.0,
    changes=(PROMETHEUS,),
    counts={"updated": 1},
)


def chain(length: int) -> list[bytes]:
    """The compressed entries 1 to *length*."""
    previous, made = BEGINNING, []
    for number in range(1, length + 1):
        data, small = packed(
            entry_of(replace(WORK, ended=WORK.ended + number), AUTHOR, number=number, previous=previous)
        )
        previous = digest_of(data)
        made.append(small)
    return made


def config_maps(entries: t.Sequence[bytes], *, first: int = 1, in_slot: int = 4) -> dict[str, JsonObject]:
    """The ConfigMaps that hold entries with these numbers, *in_slot* each."""
    maps: dict[str, JsonObject] = {}
    for offset, small in enumerate(entries):
        number = first + offset
        name = RING.slot((number - 1) // in_slot % RING.slots)
        slot = maps.setdefault(name, {"data": {}, "binaryData": {}})
        slot["binaryData"][f"{number:012d}"] = base64.b64encode(small).decode()
        slot["data"]["digest"] = digest_of(zlib.decompress(small))
    last = digest_of(zlib.decompress(entries[-1]))
    end = {"slot": "0", "number": str(first + len(entries) - 1), "digest": last, "first": str(first)}
    maps[RING.head] = {"data": end}
    return maps


def codes(maps: t.Mapping[str, JsonObject]) -> list[tuple[str, str]]:
    _entries, broken = judged(trail_of(maps, ring=RING))
    return [(one.code, one.entries) for one in broken]


def place_of(maps: t.Mapping[str, JsonObject], number: int) -> tuple[JsonObject, str]:
    """The data that holds an entry, and its name there."""
    name = f"{number:012d}"
    return next((one["binaryData"], name) for one in maps.values() if name in one.get("binaryData", {}))


def edited(small: bytes) -> bytes:
    entry = json.loads(zlib.decompress(small))
    entry["account"] = "system:admin"
    return zlib.compress(canonical(entry))


def test_a_trail_that_was_left_alone_is_whole() -> None:
    entries, broken = judged(trail_of(config_maps(chain(10)), ring=RING))
    assert broken == []
    assert [entry["number"] for entry in entries] == list(range(1, 11))


def test_a_ring_that_has_given_up_its_oldest_entries_is_whole() -> None:
    every = chain(14)
    assert codes(config_maps(every[4:], first=5)) == []


@pytest.mark.parametrize("number", range(1, 11))
def test_an_entry_that_was_changed_is_named(number: int) -> None:
    maps = config_maps(chain(10))
    data, name = place_of(maps, number)
    data[name] = base64.b64encode(edited(base64.b64decode(data[name]))).decode()
    assert codes(maps) == [("PF801", str(number))]


@pytest.mark.parametrize("number", range(1, 11))
def test_an_entry_that_was_deleted_is_named(number: int) -> None:
    maps = config_maps(chain(10))
    data, name = place_of(maps, number)
    del data[name]
    assert codes(maps) == [("PF802", str(number))]


def test_deleted_entries_in_a_row_are_one_finding() -> None:
    maps = config_maps(chain(10))
    del maps[RING.slot(1)]
    assert codes(maps) == [("PF802", "5 to 8")]


def test_entries_that_changed_places_are_both_named() -> None:
    maps = config_maps(chain(10))
    (one, first), (other, second) = place_of(maps, 3), place_of(maps, 6)
    one[first], other[second] = other[second], one[first]
    assert {("PF803", "6"), ("PF803", "3")} <= set(codes(maps))
    assert {code for code, _entries in codes(maps)} <= {"PF801", "PF803"}


@pytest.mark.parametrize("text", [b"no entry", zlib.compress(b"[1]"), zlib.compress(b"{}")])
def test_an_entry_that_cannot_be_read_is_named(text: bytes) -> None:
    maps = config_maps(chain(10))
    data, name = place_of(maps, 4)
    data[name] = base64.b64encode(text).decode()
    assert codes(maps) == [("PF804", "4")]


def test_without_the_head_the_end_is_not_known() -> None:
    maps = config_maps(chain(3))
    del maps[RING.head]
    assert [code for code, _entries in codes(maps)] == ["PF802"]


def test_an_empty_cluster_has_a_whole_trail() -> None:
    assert judged(Trail(entries=(), end=None, marks={})) == ([], [])


def test_a_forged_trail_is_found_by_its_copies() -> None:
    every = [json.loads(zlib.decompress(small)) for small in chain(5)]
    copies = {entry["number"]: digest_of(canonical(entry)) for entry in every}
    previous, forged = BEGINNING, []
    for entry in every[:4]:
        one = {**entry, "previous": previous, "account": "system:admin" if entry["number"] == 2 else entry["account"]}
        previous = digest_of(canonical(one))
        forged.append(one)
    maps = config_maps([zlib.compress(canonical(one)) for one in forged])
    assert codes(maps) == []
    entries, _broken = judged(trail_of(maps, ring=RING))
    found = [(one.code, one.entries) for one in unlike_copies(entries, copies)]
    assert found == [("PF805", "2"), ("PF805", "3"), ("PF805", "4"), ("PF802", "5")]
    assert unlike_copies(every, copies) == []


# What the ring gave up is in the copies only, and says nothing.
def test_copies_of_entries_that_the_ring_gave_up_are_no_finding() -> None:
    every = [json.loads(zlib.decompress(small)) for small in chain(5)]
    copies = {entry["number"]: digest_of(canonical(entry)) for entry in every}
    assert unlike_copies(every[2:], copies) == []


# -- what an entry has ------------------------------------------------------------------------------------------------

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), JSON_VALUES, max_size=4)


@given(OBJECTS, OBJECTS)
def test_differences_are_exactly_what_differs(before: JsonObject, after: JsonObject) -> None:
    old, new = differences(before, after)
    for name in before.keys() | after.keys():
        is_same = name in before and name in after and canonical({"v": before[name]}) == canonical({"v": after[name]})
        assert (name in old or name in new) == (not is_same)


def test_an_entry_shows_what_was_before_and_after() -> None:
    entry = entry_of(WORK, AUTHOR, number=7, previous=BEGINNING)
    (obj,) = entry["objects"]
    assert (obj["before"], obj["after"]) == ({"spec": {"retention": "2d"}}, {"spec": {"retention": "3d"}})
    assert (obj["verb"], obj["uid"]) == ("update", "u-1")
    head, line = lines_of(entry)
    assert head.startswith("2025-11-29 12:00:03Z #7 team_monitoring by system:serviceaccount:ci:promfleet")
    assert "user alice, job 17" in head
    assert line == "  update Prometheus monitoring-pay/pay: spec.retention: 2d -> 3d"


def test_an_entry_that_is_too_large_loses_values_first() -> None:
    noise = [digest_of(str(number).encode()) for number in range(25_000)]
    large = replace(PROMETHEUS, before={}, after={"spec": {str(n): text for n, text in enumerate(noise)}})
    work = replace(WORK, changes=(large, NAMESPACE))
    data, small = packed(entry_of(work, AUTHOR, number=1, previous=BEGINNING))
    entry = json.loads(data)
    assert len(small) <= LARGEST
    assert entry["shortened"] == "values"
    assert [(obj["kind"], "after" in obj) for obj in entry["objects"]] == [("Prometheus", False), ("Namespace", False)]


QUERIES: list[tuple[Query, list[int]]] = [
    (Query(), [1, 2, 3]),
    (Query(obj="Prometheus/monitoring-pay/pay"), [1, 3]),
    (Query(obj="Prometheus/pay"), [1, 3]),
    (Query(obj="*/monitoring-*/*"), [1, 3]),
    (Query(obj="Namespace/pay"), [2]),
    (Query(obj="Namespace//pay"), [2]),
    (Query(obj="Prometheus/other/pay"), []),
    (Query(who="ci:promfleet"), [1, 2]),
    (Query(who="alice"), [1, 2]),
    (Query(who="bob"), [3]),
    (Query(run="r1"), [1, 2]),
    (Query(run="18"), [3]),
    (Query(since=200.0), [2, 3]),
    (Query(until=250.0), [1, 2]),
    (Query(since=200.0, obj="Prometheus/*"), [3]),
]


@pytest.mark.parametrize(("query", "numbers"), QUERIES, ids=str)
def test_a_query_finds_entries(query: Query, numbers: list[int]) -> None:
    bob = Author(account="bob", run="r2", job="18")
    entries = [
        entry_of(replace(WORK, started=100, ended=110), AUTHOR, number=1, previous=""),
        entry_of(replace(WORK, started=200, ended=210, changes=(NAMESPACE,)), AUTHOR, number=2, previous=""),
        entry_of(replace(WORK, started=300, ended=310), bob, number=3, previous=""),
    ]
    assert [entry["number"] for entry in found_entries(entries, query)] == numbers


LOG = """\
2025-11-29T12:00:02.123456789Z level=info msg="sync prometheus" key=monitoring-pay/pay
2025-11-29T12:00:02.5Z level=info msg="sync prometheus" key=monitoring-other/other
not a line of the log
2025-11-29T13:00:02Z level=info msg="sync prometheus" key=monitoring-pay/pay
"""


def test_the_operators_lines_about_an_object_are_beside_it() -> None:
    entry = entry_of(WORK, AUTHOR, number=1, previous=BEGINNING)
    log = list(lines_with_times(LOG))
    assert len(log) == 3
    assert beside(entry, log)["operator_log"] == ['level=info msg="sync prometheus" key=monitoring-pay/pay']
