"""How much memory an operator needs: the measured figures, and what lies between and above them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.capacity import (
    MONITORS,
    RULES,
    needed_mib,
    room_for_rules_mib,
)
from hypothesis import given
from hypothesis import strategies as st

PAGE = Path(__file__).resolve().parents[3] / "docs" / "tiers.md"


@pytest.mark.parametrize(("monitors", "needed"), MONITORS)
def test_measured_numbers_of_monitors_need_what_was_measured(monitors: int, needed: int) -> None:
    assert needed_mib(monitors=monitors, rules_mib=0) == needed


@pytest.mark.parametrize(("rules", "needed"), RULES)
def test_measured_sizes_of_rules_need_what_was_measured(rules: int, needed: int) -> None:
    assert needed_mib(monitors=0, rules_mib=rules) == needed


def test_the_page_shows_the_figures_that_count() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    monitors: list[tuple[int, int]] = []
    rules: list[tuple[int, int]] = []
    for row in rows:
        if len(row) == 5 and not row[2]:
            left, right = row[:2], row[3:]
            for cells, into in ((left, monitors), (right, rules)):
                if cells[1].endswith(" MiB"):
                    size, needed = (int(re.sub(r"[^0-9]", "", cell)) for cell in cells)
                    into.append((size, needed))
    assert (tuple(monitors), tuple(rules)) == (MONITORS, RULES)


@given(
    st.floats(min_value=0, max_value=1e5),
    st.floats(min_value=0, max_value=1e4),
    st.floats(min_value=0, max_value=1e3),
)
def test_more_objects_never_need_less(monitors: float, rules: float, more: float) -> None:
    needed = needed_mib(monitors=monitors, rules_mib=rules)
    assert needed <= needed_mib(monitors=monitors + more, rules_mib=rules)
    assert needed <= needed_mib(monitors=monitors, rules_mib=rules + more)


@given(st.floats(min_value=60, max_value=1e5), st.floats(min_value=0, max_value=1e4))
def test_what_there_is_room_for_fits(memory: float, monitors: float) -> None:
    room = room_for_rules_mib(memory, monitors=monitors)
    assert room >= 0
    if room:
        # What is needed is rounded up to a whole MiB.
        assert needed_mib(monitors=monitors, rules_mib=room * 0.999) <= memory + 1
