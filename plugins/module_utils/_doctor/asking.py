# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking many servers at a time within a time limit that no server can exceed.

A request has time limits of its own, but they do not cover everything: an answer that arrives byte by byte, a TLS
handshake that never ends, a resolver without an answer, a login helper that waits for a person. So each question runs
in a thread of its own, which is left behind when its time is over. Such a thread ends with the process.
"""

from __future__ import annotations

import contextlib
import math
import queue
import threading
import time
import typing as t
from dataclasses import dataclass, field

Value = t.TypeVar("Value")
Clock = t.Callable[[], float]

# A question that is asked late still gets so many seconds.
LEAST_SECONDS = 1.0
# Requests have the same limit as their question: what they say about it comes first where it comes in this time.
GRACE = 1.0


@dataclass(frozen=True, kw_only=True)
class Late:
    """What there is instead of an answer: none came within *seconds*; 0 for a question that was not asked."""

    seconds: float = 0.0


class Limit:
    """A time limit of *seconds*, from now."""

    def __init__(self, seconds: float, *, clock: Clock = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    @property
    def left(self) -> float:
        """Seconds that are left, negative where it is over."""
        return self._end - self._clock()

    def part(self, share: float, *, most: float = math.inf) -> Limit:
        """A limit for one part of the work: *share* (0 to 1) of what is left, from LEAST_SECONDS to *most* seconds.

        Where nothing is left, the part has nothing either.
        """
        seconds = min(max(self.left * share, LEAST_SECONDS), most) if self.left > 0 else 0.0
        return Limit(seconds, clock=self._clock)


Question: t.TypeAlias = "t.Callable[[Limit], Value]"


@dataclass(kw_only=True)
class _Call(t.Generic[Value]):
    """One question under way in a thread; *limit* is how long its answer is waited for."""

    limit: Limit
    done: threading.Event = field(default_factory=threading.Event)
    answer: Value | None = None
    error: BaseException | None = None


class Asking:
    """Asks questions, each known by a key. A question that hangs is not asked again until it has ended."""

    def __init__(self) -> None:
        self._hanging: dict[t.Hashable, _Call[t.Any]] = {}
        # An item for each question that has ended.
        self._ended: queue.SimpleQueue[None] = queue.SimpleQueue()

    def all(
        self,
        questions: t.Mapping[t.Hashable, Question[Value]],
        *,
        limit: Limit,
        at_once: int,
        most: float = math.inf,
        counted: t.Callable[[], None] = lambda: None,
    ) -> dict[t.Hashable, Value | Late]:
        """The answer to each question, or why there is none, not much later than *limit*.

        *at_once* questions are under way at a time. Each gets its fair share of the time as the limit to answer within,
        at most *most* seconds; so the last one is asked too where all others take all the time that they get. An
        exception of a question is raised. *counted* is called for each question that is settled.
        """
        waiting = list(questions)
        answers: dict[t.Hashable, Value | Late] = {}
        running: dict[t.Hashable, _Call[Value]] = {}
        while waiting or running:
            while waiting and len(running) < at_once and limit.left > 0:
                rounds = -(-len(waiting) // at_once)
                key = waiting.pop(0)
                running[key] = self._begin(key, questions[key], limit=limit.part(1 / rounds, most=most))
            if limit.left <= 0:
                answers.update(dict.fromkeys(waiting, Late()))
                waiting.clear()
            for key, call in list(running.items()):
                if call.done.is_set():
                    answers[key] = self._settled(key, call)
                elif call.limit.left + GRACE <= 0:
                    answers[key] = Late(seconds=call.limit.seconds)
                else:
                    continue
                del running[key]
                counted()
            if running and not (waiting and len(running) < at_once):
                self._wait(min(call.limit.left for call in running.values()) + GRACE)
        return answers

    def _begin(self, key: t.Hashable, question: Question[Value], *, limit: Limit) -> _Call[Value]:
        hanging = self._hanging.get(key)
        if hanging is not None and not hanging.done.is_set():
            hanging.limit = limit
            return hanging
        call: _Call[Value] = _Call(limit=limit)
        self._hanging[key] = call

        def ask() -> None:
            try:
                call.answer = question(limit)
            except BaseException as error:  # noqa: BLE001 - it is raised where the answer is wanted
                call.error = error
            call.done.set()
            self._ended.put(None)

        threading.Thread(target=ask, name=f"asking {key}", daemon=True).start()
        return call

    def _settled(self, key: t.Hashable, call: _Call[Value]) -> Value:
        self._hanging.pop(key, None)
        if call.error is not None:
            raise call.error
        return t.cast("Value", call.answer)

    def _wait(self, seconds: float) -> None:
        """Until a question ends, at most *seconds*."""
        with contextlib.suppress(queue.Empty):
            self._ended.get(timeout=max(seconds, 0.0))
