# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A module's result: what an outcome looks like to Ansible, bounded, and whole in a file on request."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.files import write_private
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change, Outcome

JsonObject = dict[str, t.Any]

# AWX cuts an event at 700,000 bytes; counts are always whole, the lists stop here.
RESULT_BYTES = 400_000
WARNINGS = 50
# Bytes of JSON that a printed line of a diff has more than the line: a sign, and a colour that begins and ends.
_COLOURS = 30


def write_whole(path: Path, outcome: Outcome) -> None:
    """Write all of an outcome as JSON, readable by its owner only, in one step. Raises OSError."""
    changes = outcome.sorted_changes()
    whole = {
        "changed": bool(changes),
        "counts": outcome.counts(),
        "objects": [change.result() for change in changes],
        "diff": [_shown(change) for change in changes],
        "failures": [failure.result() for failure in outcome.failures],
        "warnings": outcome.warnings,
    }
    write_private(path, json.dumps(whole, indent=2))


def shortened(warnings: t.Sequence[str]) -> list[str]:
    """The first warnings, and how many more there are. Pure."""
    more = len(warnings) - WARNINGS
    return [*warnings[:WARNINGS], *([f"and {more} more warnings"] if more > 0 else [])]


def refusal(objects: t.Sequence[str]) -> JsonObject:
    """The result of a refused run: how many objects it was about, and their names up to a size. Pure."""
    shown: list[str] = []
    size = 0
    for name in objects:
        size += len(json.dumps(name)) + 2
        if size > RESULT_BYTES:
            break
        shown.append(name)
    left = len(objects) - len(shown)
    return {"refused": shown, "refused_count": len(objects), **({"truncated": left} if left else {})}


def report(outcome: Outcome, *, diff: bool) -> JsonObject:
    """The result of an outcome: counts whole; what failed, what changed, then diffs, each while there is room. Pure."""
    changes = outcome.sorted_changes()
    room = Room(RESULT_BYTES)
    failures = room.take(failure.result() for failure in outcome.failures)
    objects = room.take(change.result() for change in changes)
    result: JsonObject = {"changed": bool(changes), "counts": outcome.counts(), "objects": objects}
    if outcome.failures:
        result["failures"] = failures
    missing = len(changes) - len(objects)
    if missing:
        result["truncated"] = missing
    if diff:
        diffs = room.take((_shown(change) for change in changes), printed=True)
        if len(diffs) < len(changes):
            left_out = len(changes) - len(diffs)
            diffs.append(
                {"prepared": f"{left_out} more diffs are left out to keep the result small, see result_file\n"}
            )
        result["diff"] = diffs
    return result


class Room:
    """Bytes that a result may still have."""

    def __init__(self, size: int) -> None:
        self._left = size

    def take(self, entries: t.Iterable[JsonObject], *, printed: bool = False) -> list[JsonObject]:
        """Those of *entries* that there is room for; a large one does not keep out the small ones after it.

        *printed*: they are diffs. The event of a diff has it twice, as data and as Ansible prints it, line by line in
        colours.
        """
        taken = []
        for entry in entries:
            size = len(json.dumps(entry)) + len(", ")
            if printed:
                size += size + _COLOURS * sum(str(value).count("\n") for value in entry.values())
            if size <= self._left:
                self._left -= size
                taken.append(entry)
        return taken


def _shown(change: Change) -> JsonObject:
    """The diff of one object as Ansible shows it."""
    header = f"{change.key} ({change.action})"
    return {
        "before_header": header,
        "after_header": header,
        "before": _text(change.before),
        "after": _text(change.after),
    }


def _text(value: JsonObject) -> str:
    return json.dumps(value, indent=2, sort_keys=True) + "\n" if value else ""
