# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Many calls at the same time, until one of them fails."""

from __future__ import annotations

import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor, wait

Item = t.TypeVar("Item")
Result = t.TypeVar("Result")


class _NotBegun(Exception):
    """Another call had failed before."""


def side_by_side(function: t.Callable[[Item], Result], items: t.Iterable[Item], *, workers: int) -> list[Result]:
    """The results of *function* for each of *items*, in their order; up to *workers* calls run at the same time.

    Once a call has failed no other begins: a server that refuses one request is not asked the rest. Those under way are
    waited for, then the error of the first failed item is raised.
    """
    failed = threading.Event()

    def call(item: Item) -> Result:
        if failed.is_set():
            raise _NotBegun
        try:
            return function(item)
        except BaseException:
            # Set by the thread that failed, so that it does not take the next item itself.
            failed.set()
            raise

    with ThreadPoolExecutor(max_workers=workers) as pool:
        futures = [pool.submit(call, item) for item in items]
        try:
            wait(futures)
        except BaseException:
            # A signal: the pool ends when the calls under way have ended.
            failed.set()
            raise
    for future in futures:
        error = future.exception()
        if error is not None and not isinstance(error, _NotBegun):
            raise error
    return [future.result() for future in futures]
