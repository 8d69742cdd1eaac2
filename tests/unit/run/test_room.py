"""What a result has room for, so that no event of a job is too large for AWX."""

from __future__ import annotations

import json
import typing as t

import hypothesis.strategies as st
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.result import Room
from hypothesis import given

JsonObject = dict[str, t.Any]

SIZE = 2_000
LINES = st.lists(st.text(st.characters(codec="ascii"), max_size=60), max_size=30)
DIFFS = st.lists(st.fixed_dictionaries({"before": LINES.map("\n".join), "after": LINES.map("\n".join)}), max_size=12)


def event(diffs: list[JsonObject]) -> int:
    """The bytes of an event with *diffs*: as data, and as Ansible prints each line, with a sign and in a colour."""
    lines = [line for diff in diffs for value in diff.values() for line in value.splitlines(keepends=True)]
    return len(json.dumps(diffs)) + len(json.dumps("".join(f"\x1b[0;32m+{line}\x1b[0m" for line in lines)))


@given(DIFFS)
def test_an_event_with_all_diffs_that_were_taken_is_not_larger_than_the_room(diffs: list[JsonObject]) -> None:
    taken = Room(SIZE).take(diffs, printed=True)
    # The last line of a text may have no break, and the brackets and quotes are the event's.
    assert event(taken) <= SIZE + 30 * 2 * len(taken) + 4


def test_a_large_entry_keeps_out_no_small_one() -> None:
    small: JsonObject = {"name": "small"}
    assert Room(100).take([{"name": "x" * 200}, small]) == [small]
