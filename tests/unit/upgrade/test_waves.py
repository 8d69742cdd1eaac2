"""Which clusters are upgraded when."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.waves import (
    WAVE_OPTIONS,
    WINDOW_OPTIONS,
    Host,
    Wave,
    check_windows,
    is_open,
    run_order,
    waves_of,
)
from hypothesis import given
from hypothesis import strategies as st

JsonObject = dict[str, t.Any]

FLEET = (
    Host(name="hub", groups=frozenset({"promfleet_central"})),
    Host(name="test-1", groups=frozenset({"promfleet_workers", "canary"}), labels={"stage": "test"}),
    Host(name="edge-1", groups=frozenset({"promfleet_workers"}), labels={"stage": "live"}),
    Host(name="edge-2", groups=frozenset({"promfleet_workers"}), labels={"stage": "live"}),
    Host(name="edge-3", groups=frozenset({"promfleet_workers"}), labels={"stage": "live"}),
)


def divided(*waves: JsonObject, hosts: t.Sequence[Host] = FLEET) -> tuple[tuple[Wave, ...], list[str]]:
    """The waves, and the errors as text."""
    errors = Errors()
    checked = [
        validate_mapping(wave, WAVE_OPTIONS, path=f"waves[{number}]", errors=errors)
        for number, wave in enumerate(waves)
    ]
    found = waves_of(hosts, checked, path="waves", errors=errors)
    return found, [str(error) for error in errors.sorted()]


def names(*waves: JsonObject) -> list[list[str]]:
    found, errors = divided(*waves)
    assert errors == []
    return [list(wave.hosts) for wave in found]


@pytest.mark.parametrize(
    ("waves", "expected"),
    [
        ([], [["hub"], ["test-1"], ["edge-1"], ["edge-2"], ["edge-3"]]),
        ([{"groups": ["canary"]}, {"rest": True}], [["test-1"], ["hub", "edge-1", "edge-2", "edge-3"]]),
        (
            [{"labels": {"stage": "test"}}, {"size": 1}, {"percent": 25}, {"rest": True}],
            # A quarter of five is rounded up.
            [["test-1"], ["hub"], ["edge-1", "edge-2"], ["edge-3"]],
        ),
        # What a later wave names is not counted by an earlier one.
        ([{"size": 3}, {"hosts": ["edge-1"]}, {"rest": True}], [["hub", "test-1", "edge-2"], ["edge-1"], ["edge-3"]]),
        ([{"percent": 100}], [["hub", "test-1", "edge-1", "edge-2", "edge-3"]]),
    ],
)
def test_each_cluster_is_in_one_wave(waves: list[JsonObject], expected: list[list[str]]) -> None:
    assert names(*waves) == expected


@pytest.mark.parametrize(
    ("waves", "error"),
    [
        ([{"groups": ["canaries"]}, {"rest": True}], "waves[0].groups[0]: 'canaries': no cluster is in this group"),
        ([{"hosts": ["edge-9"]}, {"rest": True}], "waves[0].hosts[0]: 'edge-9': no cluster of the fleet has this name"),
        ([{"labels": {"stage": "none"}}, {"rest": True}], "waves[0].labels: no cluster has these labels"),
        ([{"hosts": []}, {"rest": True}], "waves[0].hosts: must not be empty"),
        (
            [{"groups": ["canary"]}, {"hosts": ["test-1"]}, {"rest": True}],
            "waves[1].hosts: test-1 is in waves[0] already; a cluster is in one wave only",
        ),
        ([{"rest": True}, {"size": 1}], "waves[1].size: no cluster is left for this wave"),
        ([{"size": 2}], "waves: no wave has edge-1, edge-2, edge-3; add a wave with rest: true"),
        ([{"size": 1, "rest": True}], "waves[0]: must have exactly one of hosts, groups, labels, size, percent, rest;"),
        ([{"name": "empty"}], "waves[0]: must have exactly one of"),
        ([{"size": 0}, {"rest": True}], "waves[0].size: must be at least 1, found 0"),
        ([{"percent": 101}, {"rest": True}], "waves[0].percent: must be from 1 to 100, found 101"),
        ([{"rest": False}], "waves[0].rest: must be true, or left out"),
        ([{"rest": True, "concurrency": 0}], "waves[0].concurrency: must be at least 1, found 0"),
        ([{"sise": 1}, {"rest": True}], "waves[0].sise: unknown"),
    ],
)
def test_wrong_waves_are_refused_with_their_place(waves: list[JsonObject], error: str) -> None:
    _found, errors = divided(*waves)
    assert errors[0].startswith(error)


WAVES = st.lists(
    st.one_of(
        st.builds(lambda value: {"size": value}, st.integers(-1, 8)),
        st.builds(lambda value: {"percent": value}, st.integers(-1, 120)),
        st.builds(lambda value: {"hosts": value}, st.lists(st.sampled_from([*(h.name for h in FLEET), "other"]))),
        st.builds(lambda value: {"groups": value}, st.lists(st.sampled_from(["canary", "promfleet_workers", "other"]))),
        st.builds(lambda value: {"labels": {"stage": value}}, st.sampled_from(["test", "live", "other"])),
        st.just({"rest": True}),
    ),
    max_size=5,
)


@given(waves=WAVES, concurrency=st.integers(1, 6))
def test_every_cluster_is_in_exactly_one_wave_or_there_is_an_error(waves: list[JsonObject], concurrency: int) -> None:
    found, errors = divided(*({**wave, "concurrency": concurrency} for wave in waves))
    placed = [name for wave in found for name in wave.hosts]
    assert len(placed) == len(set(placed))
    if not errors:
        assert sorted(placed) == sorted(host.name for host in FLEET)
        assert all(wave.hosts for wave in found)
        batches = [batch for wave in found for batch in wave.batches]
        assert [name for batch in batches for name in batch] == placed
        assert all(len(batch) <= (concurrency if waves else 1) for batch in batches)


def test_a_limited_run_keeps_the_waves() -> None:
    found, _errors = divided({"size": 2, "concurrency": 2}, {"rest": True, "concurrency": 2, "name": "all"})
    assert run_order(found, present={"test-1", "edge-3"}) == [
        {"wave": "wave 1", "hosts": ["test-1"]},
        {"wave": "all", "hosts": ["edge-3"]},
    ]


def test_no_wave_begins_after_one_with_a_cluster_that_is_lost() -> None:
    found, _errors = divided({"groups": ["canary"]}, {"size": 1}, {"rest": True, "concurrency": 3})
    everything = {host.name for host in FLEET}
    order = run_order(found, present=everything - {"hub"}, lost={"hub"}, unfinished={"edge-2"})
    assert [batch["hosts"] for batch in order] == [["test-1"], ["edge-2"]]
    order = run_order(found, present=everything - {"test-1"}, lost={"test-1"})
    assert order == []


# -- windows -------------------------------------------------------------------------------------------------------

NIGHT = {"days": ["sat"], "from": "22:00", "to": "04:00"}


def at(day: int, clock: str) -> dt.datetime:
    """A time of the week that begins on Monday, 2 November 2026."""
    hour, minute = map(int, clock.split(":"))
    return dt.datetime(2026, 11, 1 + day, hour, minute, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("window", "now", "expected"),
    [
        (NIGHT, at(6, "21:59"), False),
        (NIGHT, at(6, "22:00"), True),
        # It belongs to the day on which it began.
        (NIGHT, at(7, "03:59"), True),
        (NIGHT, at(7, "04:00"), False),
        (NIGHT, at(7, "22:00"), False),
        ({}, at(3, "12:00"), True),
        ({"days": ["mon"]}, at(1, "23:59"), True),
        ({"days": ["mon"]}, at(2, "00:00"), False),
        ({"from": "08:00", "to": "09:00"}, at(4, "08:59"), True),
        ({"from": "08:00", "to": "09:00"}, at(4, "09:00"), False),
    ],
)
def test_windows(window: JsonObject, now: dt.datetime, expected: bool) -> None:
    checked = validate_mapping(window, WINDOW_OPTIONS, path="windows[0]")
    assert is_open([checked], now) is expected


def test_without_windows_it_is_always_open() -> None:
    assert is_open([], at(1, "00:00"))


@pytest.mark.parametrize(
    ("window", "error"),
    [
        ({"from": "8:00"}, "windows[0].from: '8:00' is not a time such as 22:00"),
        ({"to": "24:01"}, "windows[0].to: '24:01' is not a time such as 22:00"),
        ({"from": "08:00", "to": "08:00"}, "windows[0].to: must differ from the beginning of the window"),
        ({"days": []}, "windows[0].days: must name at least one day"),
    ],
)
def test_wrong_windows_are_refused(window: JsonObject, error: str) -> None:
    errors = Errors()
    check_windows([validate_mapping(window, WINDOW_OPTIONS, path="windows[0]")], path="windows", errors=errors)
    assert [str(one) for one in errors.sorted()] == [error]
