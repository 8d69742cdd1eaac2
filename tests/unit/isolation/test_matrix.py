"""The isolation matrix is whole: its rows are well-formed, their places exist, and the documentation has them."""

from __future__ import annotations

import dataclasses
import re
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.controls import CONTROLS
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.matrix import (
    ATTACKS,
    ROWS,
    guards,
    mechanisms,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import (
    ACCOUNTS,
    CREDENTIALS,
    DELIVERED,
    DOORS,
    EFFECTS,
    GUARD_KINDS,
    OWNER,
    POD,
    Ask,
    Attack,
    Configured,
    Control,
    Put,
    Review,
    places_in,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.stage import (
    LATER_PLACES,
    known_places,
    make_stage,
)

from tests.tools import matrix

STAGE = make_stage(name="isolation", prefix="monitoring-", operator_namespace="prometheus-operator")
ALL: list[Attack | Control] = [*ATTACKS, *CONTROLS]


def test_the_matrix_is_large_enough() -> None:
    assert len(ATTACKS) >= 60
    assert len(mechanisms()) >= 25
    assert len(CONTROLS) >= 20
    assert sum(attack.credential == ACCOUNTS for attack in ATTACKS) >= 12


def test_ids_are_unique_names_of_objects() -> None:
    assert len(ROWS) == len(ALL)
    assert [row.id for row in ALL if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?", row.id)] == []


@pytest.mark.parametrize("row", ALL, ids=lambda row: row.id)
def test_a_row_is_whole(row: Attack | Control) -> None:
    assert row.title
    assert row.credential in CREDENTIALS
    assert row.effect.kind in EFFECTS
    places = places_in(as_data(row.action)) | places_in(row.effect.what)
    assert places <= known_places(STAGE).keys() | LATER_PLACES
    assert (row.credential == POD) == isinstance(row.action, Configured)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.id)
def test_an_attack_is_whole(attack: Attack) -> None:
    assert attack.door in DOORS
    assert attack.source
    assert attack.guards
    assert len(set(attack.guards)) == len(attack.guards)
    for guard in attack.guards:
        kind, _colon, name = guard.partition(":")
        assert kind in GUARD_KINDS
        assert re.fullmatch(r"[a-zA-Z0-9-]+", name)
    assert (attack.credential == ACCOUNTS) == isinstance(attack.action, Review)


def test_every_door_has_attacks() -> None:
    assert {attack.door for attack in ATTACKS} == DOORS.keys()


def test_what_is_done_on_a_live_fleet_does_no_harm() -> None:
    """Other namespaces are only asked by dry runs; objects are stored in the throwaway team's own namespace."""
    for attack in (attack for attack in ATTACKS if attack.live):
        action = attack.action
        if isinstance(action, Put) and action.keeps:
            assert all("namespace" not in obj["metadata"] for obj in action.objects), attack.id
        if isinstance(action, Ask) and action.method != "GET":
            assert action.dry or "/proxy" in action.path, attack.id
        # What only the role edit allows is not given to anybody on a live fleet.
        assert attack.credential != OWNER


def test_delivered_requests_are_counted_apart() -> None:
    """Attacks that send to the same path could not be told from each other."""
    paths = [attack.effect.what for attack in ATTACKS if attack.effect.kind == DELIVERED and attack.live]
    assert len(set(paths)) == len(paths)
    # What measures asks these paths itself.
    assert set(paths).isdisjoint({"/api/v1/query", "/api/v1/targets", "/metrics"})


def test_the_documentation_has_the_matrix() -> None:
    page = matrix.PAGE.read_text(encoding="utf-8")
    assert page == matrix.page(page), "make matrix writes it again"
    assert [guard for guard in guards() if f"`{guard}`" not in page] == []


def as_data(action: t.Any) -> t.Any:
    """The fields of an action."""
    return [getattr(action, field.name) for field in dataclasses.fields(action)]
