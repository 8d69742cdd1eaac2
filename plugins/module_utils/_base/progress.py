# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far the work of a module is, told while it runs.

Nothing that a module prints reaches the terminal. So the action plugin (plugins/action/objects.py) makes a file, names
it in the module's option ``progress_file``, and shows every few seconds the one line that is in it; the module
overwrites that line. Without such a file (another machine, no_log, async) telling does nothing.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import typing as t

Item = t.TypeVar("Item")
Answer = t.TypeVar("Answer")

# The line has a fixed width in bytes, so that one write replaces all of it.
WIDTH = 512
# Counting thousands of objects must not cause thousands of writes; one write a second is enough for readers.
SECONDS_BETWEEN_COUNTS = 0.5


def read_line(path: str) -> str:
    """The line that a module wrote last into the file *path*; empty if there is none. Raises OSError."""
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib reads no part of a file
        return file.read(WIDTH).decode(errors="replace").strip()


def _open(path: str | None) -> int | None:
    """The file that somebody watches, or None: the action plugin's user and the module's need not be the same."""
    try:
        return os.open(path, os.O_WRONLY | os.O_NOFOLLOW) if path else None
    except OSError:
        return None


class Progress:
    """Reports how far the work is. Safe to use from several threads; costs almost nothing without a progress file.

    *path* is the file to write the line to, None if there is none.
    """

    def __init__(self, *, path: str | None, clock: t.Callable[[], float] = time.monotonic) -> None:
        self._file = _open(path)
        self._clock = clock
        self._lock = threading.Lock()
        self._told = clock()
        self._text = self._unit = ""
        self._done = self._total = 0

    def step(self, text: str, *, total: int | None = None, unit: str = "objects") -> None:
        """Begin the next step of the work: ``applying``; *total* is how many *unit* there are to count, if any.

        Of nothing there is nothing to tell.
        """
        if total == 0:
            return
        with self._lock:
            self._text, self._done, self._total, self._unit = text, 0, total or 0, unit
            self._tell()

    def advance(self) -> None:
        """One more of the step's total is done."""
        if self._file is None:
            return
        with self._lock:
            self._done += 1
            if self._clock() - self._told >= SECONDS_BETWEEN_COUNTS:
                self._tell()

    def counting(self, work: t.Callable[[Item], Answer]) -> t.Callable[[Item], Answer]:
        """*work* on one item, that also counts it as done, however it ends."""

        def counted(item: Item) -> Answer:
            try:
                return work(item)
            finally:
                self.advance()

        return counted

    def _tell(self) -> None:
        if self._file is None:
            return
        self._told = self._clock()
        line = describe(self._text, done=self._done, total=self._total, unit=self._unit)
        # A full disk is no reason to stop the work.
        with contextlib.suppress(OSError):
            os.pwrite(self._file, line.encode()[: WIDTH - 1].ljust(WIDTH), 0)


def describe(text: str, *, done: int, total: int, unit: str) -> str:
    """The line for people: ``applying 3,400 of 12,000 objects (28 %)``. Pure."""
    line = f"{text} {done:,} of {total:,} {unit} ({100 * done // total} %)" if total else text
    return " ".join(line.split())


# A progress that is not shown anywhere.
SILENT = Progress(path=None)
