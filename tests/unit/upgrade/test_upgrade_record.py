"""The files of an upgrade: what was noted comes back, and what somebody broke is an error."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.upgrade_waves import records_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.gates import Seen
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.record import (
    BEFORE_FILE,
    ENDED,
    FAILED,
    FREEZE_FILE,
    OBJECTS_FILE,
    STARTED,
    STATE_FILE,
    UNFINISHED,
    Records,
    State,
    failed,
)

JsonObject = dict[str, t.Any]

BEFORE = Seen(slis={"scraped": 3.0})
OBJECTS: JsonObject = {"crds": [], "source": "abc", "sets": {"teams": [{"kind": "Secret"}]}}
FAULT = {"gate": "targets", "place": "a/b", "item": "x", "before": "1 of 1 up", "after": "gone"}


@pytest.fixture
def records(tmp_path: Path) -> Records:
    return records_of(str(tmp_path / "upgrades"))


def begun(records: Records) -> State:
    return records.begin("edge", began="20261130t070000z", before=BEFORE, objects=OBJECTS)


def test_a_record_comes_back(records: Records) -> None:
    assert (records.state("edge"), records.freeze()) == (None, None)
    state = begun(records)
    assert records.state("edge") == state == State(phase=STARTED, began="20261130t070000z")
    assert records.before("edge") == BEFORE
    assert records.objects("edge") == OBJECTS
    noted = records.enter("edge", failed(state, [FAULT]))
    assert noted.phase == FAILED
    assert records.state("edge") == noted


def test_only_their_owner_may_read_the_files(records: Records) -> None:
    begun(records)
    folder = records.folder / "edge"
    assert folder.stat().st_mode & 0o077 == 0
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == dict.fromkeys(
        (STATE_FILE, BEFORE_FILE, OBJECTS_FILE), 0o600
    )


def test_a_run_that_is_killed_before_the_state_leaves_none(records: Records) -> None:
    """The state is written last: without it nothing has begun."""
    written: list[str] = []

    def write(place: Path, data: bytes) -> None:
        if place.name == STATE_FILE:
            raise OSError("killed")
        written.append(place.name)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

    killed = Records(folder=records.folder, write=write)
    with pytest.raises(ClusterError, match="cannot be written"):
        begun(killed)
    assert sorted(written) == sorted([BEFORE_FILE, OBJECTS_FILE])
    assert records.state("edge") is None


def test_a_freeze_stays_until_it_is_lifted_by_its_id(records: Records) -> None:
    freeze = records.freeze_for("edge", since="20261130t070000z", faults=(FAULT,))
    assert records.freeze() == freeze
    # Another cluster that fails does not hide the first one.
    assert records.freeze_for("hub", since="later", faults=()) == freeze
    told = str(freeze)
    assert "edge: the gate targets failed: x: before 1 of 1 up, after gone" in told
    assert not records.lift("hub-later")
    assert records.freeze() == freeze
    assert records.lift(freeze.id)
    assert records.freeze() is None
    # The same command again, after a run that was killed.
    assert not records.lift(freeze.id)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": 9, "phase": "started"}'])
def test_a_broken_record_is_an_error(records: Records, text: str) -> None:
    begun(records)
    for name in (STATE_FILE, BEFORE_FILE, OBJECTS_FILE):
        (records.folder / "edge" / name).write_text(text, encoding="utf-8")
    for read in (records.state, records.before, records.objects):
        with pytest.raises(ClusterError, match="cannot be read"):
            read("edge")
    (records.folder / FREEZE_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(ClusterError, match="cannot be read"):
        records.freeze()


def test_a_missing_record_is_an_error(records: Records) -> None:
    begun(records)
    (records.folder / "edge" / OBJECTS_FILE).unlink()
    with pytest.raises(ClusterError, match="is missing"):
        records.objects("edge")


@pytest.mark.parametrize("phase", [*UNFINISHED, *ENDED])
def test_phases(records: Records, phase: str) -> None:
    state = records.enter("edge", State(phase=phase, began="any"))
    assert state.is_unfinished == (phase in UNFINISHED)
    assert json.loads((records.folder / "edge" / STATE_FILE).read_text(encoding="utf-8"))["phase"] == phase
