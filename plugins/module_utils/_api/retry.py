# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which requests are sent again, how often and after how long. Pure.

Every request of ours may be repeated: reads and server-side apply are idempotent, a DELETE names the uid that it means,
and a write to a Lease names the resourceVersion or the name that must not exist yet. So a lost answer costs a second
request and nothing else. An answer that says why is never repeated: only "not now" and "something broke" are.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

JsonObject = dict[str, t.Any]

# 429 and 503 say "not now"; 500, 502 and 504 that something behind the API server, or before it, broke or timed out
# (a webhook, etcd without a leader, a load balancer).
TRANSIENT = frozenset({429, 500, 502, 503, 504})
MAX_PAUSE = 5.0
MAX_RETRY_AFTER = 30.0


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How much one request may take: attempts in all, and seconds to connect, to read, for a first pause, in total."""

    attempts: int = 8
    connect: float = 10.0
    # The API server ends any request but a watch after 60 s by itself.
    read: float = 65.0
    pause: float = 0.25
    total: float = 150.0


PATIENT = Patience()
# A server that never answered may be off for good: its cluster is left out soon, and the others need not wait.
FIRST_CONTACT = Patience(attempts=4, connect=7.0, read=15.0, total=15.0)
# For what asks again by itself: renewing a Lease, polling.
ONCE = Patience(attempts=1, connect=5.0, read=5.0, total=5.0)
# For what lies behind the API server (a Prometheus through its proxy): it may be down while the API server is well.
BRIEF = Patience(attempts=3, read=30.0, pause=0.5, total=40.0)


def within(patience: Patience, seconds: float) -> Patience:
    """*patience* for a request that has only *seconds* left, at least one."""
    left = max(seconds, 1.0)
    return replace(
        patience, connect=min(patience.connect, left), read=min(patience.read, left), total=min(patience.total, left)
    )


def is_transient(verb: str, status: int, body: JsonObject | None) -> bool:
    """Whether an answer asks for the same request again.

    *verb* is ``apply`` or an HTTP method. *body* is None if it is not a JSON object: with a status of success such an
    answer was cut off on its way.
    """
    if status == 409 and verb == "apply":
        # Two writers met at one resourceVersion. A conflict of field managers stays one, however often it is asked.
        causes = ((body or {}).get("details") or {}).get("causes") or ()
        return not any(cause.get("reason") == "FieldManagerConflict" for cause in causes)
    return status in TRANSIENT or (status < 300 and body is None)


def pause_before(attempt: int, *, patience: Patience, retry_after: str | None = None, spread: float = 1.0) -> float:
    """Seconds to wait after the failed *attempt* (from 1): what the server says, bounded, else growing steps.

    *spread* (0.5 to 1) keeps many threads from coming back in one moment; it never shortens what the server said.
    """
    if retry_after and retry_after.strip().isdigit():
        return min(float(retry_after), MAX_RETRY_AFTER)
    return float(min(patience.pause * 2 ** (attempt - 1), MAX_PAUSE) * spread)
