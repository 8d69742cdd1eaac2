"""One line for each step: what is being done, and how long it took."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO


def took(seconds: float) -> str:
    """A duration for people: `0.4 s`, `12 s`, `12 min 49 s`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 300 else f"{whole // 60} min {whole % 60:02d} s"


class Progress:
    """Numbered steps; `step` for one after the other, `phase` for several at the same time."""

    def __init__(self, *, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._lock = threading.Lock()
        self._total = 0
        self._done = 0

    def expect(self, steps: int) -> None:
        """Start counting anew: `steps` steps follow."""
        self._total, self._done = steps, 0

    def say(self, text: str) -> None:
        """A line of its own."""
        with self._lock:
            print(text, file=self._out, flush=True)

    def _number(self) -> str:
        self._done += 1
        if not self._total:
            return ""
        width = len(str(self._total))
        return f"[{self._done:>{width}}/{self._total}] "

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Print the text, run the body, and end the line with the time that it took."""
        with self._lock:
            print(f"{self._number()}{text} ... ", end="", file=self._out, flush=True)
        start = time.monotonic()
        try:
            yield
        except BaseException:
            self.say("failed")
            raise
        self.say(took(time.monotonic() - start))

    @contextmanager
    def phase(self, subject: str, text: str, *, why: str = "") -> Iterator[None]:
        """Like step, for bodies that run at the same time: two whole lines."""
        self.say(f"{subject}: {text}{f' ({why})' if why else ''}")
        start = time.monotonic()
        yield
        self.say(f"{subject}: {text} ... {took(time.monotonic() - start)}")
