# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The record of an upgrade: what is known of each cluster, and whether the fleet is frozen, in a folder of files.

A file is written in one step, and the state is written last: a run that was killed finds either the whole record of a
phase, or that of the one before.
"""

from __future__ import annotations

import gzip
import json
import typing as t
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.gates import Seen, seen_of

JsonObject = dict[str, t.Any]
# How a file is written in one step.
Write = Callable[[Path, bytes], None]

FORMAT = 1
STARTED, FAILED, RESTORED = UNFINISHED = ("started", "failed", "restored")
PASSED, ROLLED_BACK = ENDED = ("passed", "rolled back")
STATE_FILE, BEFORE_FILE, OBJECTS_FILE, FREEZE_FILE = "state.json", "before.json", "objects.json.gz", "freeze.json"


@dataclass(frozen=True, kw_only=True)
class State:
    """Where the upgrade of one cluster is: its *phase*, when it began, and the faults that made it roll back.

    *crds*: why a rollback kept the newer CRDs, empty where it did not.
    """

    phase: str
    began: str
    faults: tuple[JsonObject, ...] = ()
    left: tuple[JsonObject, ...] = ()
    crds: str = ""

    @property
    def is_unfinished(self) -> bool:
        """Whether a run must finish what another one began."""
        return self.phase in UNFINISHED


@dataclass(frozen=True, kw_only=True)
class Freeze:
    """Why no cluster of the fleet is upgraded until somebody lifts it by its *id*."""

    id: str
    cluster: str
    since: str
    faults: tuple[JsonObject, ...] = ()

    def __str__(self) -> str:
        first = self.faults[0] if self.faults else {}
        told = "the gate {gate} failed: {item}: before {before}, after {after}".format_map(first) if first else "failed"
        return f"frozen since {self.since}: {self.cluster}: {told}"


@dataclass(frozen=True, kw_only=True)
class Records:
    """The folder of one fleet's upgrades."""

    folder: Path
    write: Write = field(repr=False)

    # -- one cluster ---------------------------------------------------------------------------------------------

    def state(self, cluster: str) -> State | None:
        """Where a cluster's upgrade is, None if there was none yet."""
        data = self._read(self._place(cluster, STATE_FILE))
        if data is None:
            return None
        try:
            return _state_of(json.loads(data))
        except (ValueError, KeyError, TypeError) as error:
            raise self._broken(self._place(cluster, STATE_FILE), error) from error

    def begin(self, cluster: str, *, began: str, before: Seen, objects: JsonObject) -> State:
        """Note what there is before the first write, then that the upgrade began."""
        packed = gzip.compress(json.dumps(objects, separators=(",", ":")).encode(), mtime=0)
        self._write(self._place(cluster, OBJECTS_FILE), packed)
        self._write(self._place(cluster, BEFORE_FILE), _text(before.result()))
        return self.enter(cluster, State(phase=STARTED, began=began))

    def enter(self, cluster: str, state: State) -> State:
        """Note the phase that a cluster is in now."""
        self._write(self._place(cluster, STATE_FILE), _text({"format": FORMAT, **asdict(state)}))
        return state

    def before(self, cluster: str) -> Seen:
        """What was seen of a cluster before its upgrade."""
        place = self._place(cluster, BEFORE_FILE)
        data = self._required(place)
        try:
            return seen_of(json.loads(data))
        except (ValueError, KeyError, TypeError) as error:
            raise self._broken(place, error) from error

    def objects(self, cluster: str) -> JsonObject:
        """The objects that a cluster had before its upgrade."""
        place = self._place(cluster, OBJECTS_FILE)
        data = self._required(place)
        try:
            found = json.loads(gzip.decompress(data))
            return {"crds": found["crds"], "source": found["source"], "sets": found["sets"]}
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise self._broken(place, error) from error

    # -- the fleet -----------------------------------------------------------------------------------------------

    def freeze(self) -> Freeze | None:
        """What freezes the fleet, None if nothing does. A file that cannot be read freezes too: it is an error."""
        place = self.folder / FREEZE_FILE
        data = self._read(place)
        if data is None:
            return None
        try:
            found = json.loads(data)
            return Freeze(
                id=str(found["id"]),
                cluster=str(found["cluster"]),
                since=str(found["since"]),
                faults=tuple(found["faults"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise self._broken(place, error) from error

    def freeze_for(self, cluster: str, *, since: str, faults: tuple[JsonObject, ...]) -> Freeze:
        """Freeze the fleet because of *cluster*; a freeze that is there already stays."""
        there = self.freeze()
        if there is not None:
            return there
        made = Freeze(id=f"{cluster}-{since}", cluster=cluster, since=since, faults=faults[:1])
        self._write(self.folder / FREEZE_FILE, _text(asdict(made)))
        return made

    def lift(self, freeze_id: str) -> bool:
        """Lift the freeze with this id; returns whether there was one. Another one stays."""
        there = self.freeze()
        if there is None or there.id != freeze_id:
            return False
        try:
            (self.folder / FREEZE_FILE).unlink(missing_ok=True)
        except OSError as error:
            raise ClusterError(f"{self.folder / FREEZE_FILE} cannot be removed: {error.strerror or error}") from error
        return True

    # -- files ---------------------------------------------------------------------------------------------------

    def _place(self, cluster: str, name: str) -> Path:
        return self.folder / cluster / name

    def _write(self, place: Path, data: bytes) -> None:
        try:
            self.write(place, data)
        except OSError as error:
            raise ClusterError(f"the record {place} cannot be written: {error.strerror or error}") from error

    @staticmethod
    def _read(place: Path) -> bytes | None:
        try:
            return place.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ClusterError(f"the record {place} cannot be read: {error.strerror or error}") from error

    def _required(self, place: Path) -> bytes:
        data = self._read(place)
        if data is None:
            raise ClusterError(f"the record {place} is missing: what the cluster had before its upgrade is not known")
        return data

    @staticmethod
    def _broken(place: Path, error: Exception) -> ClusterError:
        return ClusterError(
            f"the record {place} cannot be read ({error}). Somebody changed it. Bring it back, or move the folder "
            "away: then no run knows of this upgrade, and none rolls it back"
        )


def _state_of(data: JsonObject) -> State:
    if data["format"] != FORMAT or data["phase"] not in (*UNFINISHED, *ENDED):
        raise ValueError("written by another release of the collection")
    return State(
        phase=data["phase"],
        began=data["began"],
        faults=tuple(data["faults"]),
        left=tuple(data["left"]),
        crds=data["crds"],
    )


def failed(state: State, faults: t.Iterable[JsonObject]) -> State:
    """The state of a cluster whose gates failed."""
    return replace(state, phase=FAILED, faults=tuple(faults))


def _text(data: JsonObject) -> bytes:
    return json.dumps(data, indent=1).encode() + b"\n"
