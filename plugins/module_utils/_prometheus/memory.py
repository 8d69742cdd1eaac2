# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How much memory a Prometheus takes for a load. Pure.

The constants are fitted to the loads of tests/bench/sizing.py, which measures the highest working set over two
compactions of the head and a restart; `make bench BENCH_ARGS=sizing` measures them again and judges three other loads.
They are for the pinned release of Prometheus without queries and rules, which take memory of their own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

STEP = 16 * 2**20


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a Prometheus takes in: the largest number of series in its head, and samples a second."""

    series: float
    samples_per_second: float


@dataclass(frozen=True, kw_only=True)
class Model:
    """The highest working set in bytes: *base*, and for each series of the head and each sample a second.

    *headroom* is the factor from there to a limit: what the model can be wrong by, and room for queries and rules.
    *program* are the bytes of the program's own pages: the working set leaves out most of them, but where a limit has
    no room for them they are read again and again, and Prometheus all but stops.
    """

    base: float
    per_series: float
    per_sample: float
    headroom: float
    program: float

    def peak(self, load: Load) -> int:
        """The highest working set for *load*, in bytes."""
        return round(self.base + self.per_series * load.series + self.per_sample * load.samples_per_second)

    def limit(self, load: Load) -> int:
        """The limit that has room for it, in bytes."""
        return self.limit_for(self.peak(load))

    def limit_for(self, working_set: float) -> int:
        """The limit that has room for a *working_set* as the highest one, in bytes: whole steps of 16 MiB."""
        return stepped(self.headroom * working_set + self.program)


def stepped(number: float) -> int:
    """The next larger whole number of steps of 16 MiB, in bytes."""
    return math.ceil(number / STEP) * STEP


MODEL = Model(base=47 * 2**20, per_series=2_190.0, per_sample=1_380.0, headroom=1.25, program=60 * 2**20)
