# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much memory an operator needs for the monitors and rules of a cluster, as measured. Pure.

The figures are those of ``make bench BENCH_ARGS=capacity``, release 0.93.1 with the settings of this collection: peaks
after a start, without a limit, beside one instance. docs/tiers.md shows them.
"""

from __future__ import annotations

import bisect
import math
import typing as t

MIB = 1 << 20
# MiB that the operator needs, by the number of monitors, and by the MiB of rules in all.
MONITORS = ((0, 60), (500, 128), (1000, 195), (2000, 317))
RULES = ((0, 60), (4, 147), (8, 201), (16, 306), (32, 538), (64, 1031))
Table = t.Sequence[tuple[int, int]]


def needed_mib(*, monitors: float, rules_mib: float) -> int:
    """The MiB of memory that an operator needs at its peak, for so many *monitors* and MiB of rules at once.

    Both were measured alone, so the sum is what both need without what an empty operator needs. Between two measured
    sizes it grows evenly; above the largest it grows as between the last two.
    """
    empty = MONITORS[0][1]
    return math.ceil(_between(MONITORS, monitors) + _between(RULES, rules_mib) - empty)


def room_for_rules_mib(memory_mib: float, *, monitors: float) -> float:
    """The MiB of rules that fit beside *monitors* into *memory_mib*; 0 where nothing fits."""
    empty = MONITORS[0][1]
    left = memory_mib - _between(MONITORS, monitors) + empty
    return max(0.0, _between([(needed, size) for size, needed in RULES], left))


def _between(table: Table, size: float) -> float:
    """The value of a straight line through the two points of *table* around *size*, or through its last two."""
    sizes = [point[0] for point in table]
    at = min(max(bisect.bisect_left(sizes, size), 1), len(table) - 1)
    (low, first), (high, second) = table[at - 1], table[at]
    return first + (second - first) * (size - low) / (high - low)
