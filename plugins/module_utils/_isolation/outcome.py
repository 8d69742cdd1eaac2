# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What came of an attack or a control: refused by which guard, or taken, and whether it had its effect. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import (
    AIMED,
    ALERTED,
    DELIVERED,
    NETWORK,
    OPERATOR,
    POLICY,
    QUOTA,
    REACHED,
    RIGHTS,
    SERIES,
    TEAM_PEOPLE,
    Attack,
    Control,
)

JsonObject = dict[str, t.Any]

# What the API server says in a refusal: k8s.io/apiserver/pkg/admission/plugin/policy/validating, RBAC's authorizer, and
# the admission plugin ResourceQuota.
_BY_POLICY = re.compile(r"ValidatingAdmissionPolicy '([^']+)'")
_BY_QUOTA = re.compile(r"exceeded quota: ([^,\s]+)")
_BY_RIGHTS = re.compile(r"cannot \S+ (?:resource|path)|is not allowed|attempting to grant RBAC permissions")
POLICY_PREFIX = "promfleet-"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """How the API server took an action. *guard* is the guard that refused it, empty where it was taken.

    *problem*: it was refused for a reason that is not a guard, so that nothing is known about isolation.
    """

    guard: str = ""
    said: str = ""
    problem: bool = False

    @property
    def is_taken(self) -> bool:
        """Whether the API server did what it was asked to do."""
        return not self.guard and not self.problem


TAKEN = Sent()


def sent_by_answer(status: int, message: str) -> Sent:
    """What an error of the API server says about who refused a request. Pure."""
    by_policy = _BY_POLICY.search(message)
    if by_policy:
        return Sent(guard=f"{POLICY}:{by_policy[1].removeprefix(POLICY_PREFIX)}", said=message)
    by_quota = _BY_QUOTA.search(message)
    if by_quota:
        return Sent(guard=f"{QUOTA}:{by_quota[1]}", said=message)
    if status == 403 and _BY_RIGHTS.search(message):
        return Sent(guard=TEAM_PEOPLE, said=message)
    return Sent(problem=True, said=f"HTTP {status}: {message}")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one row. *effect* is None where it could not be observed.

    *stopped_by*: the guards that may have stopped it; the first of them did where there is one only. *seen*: what was
    seen, for people.
    """

    row: Attack | Control
    sent: Sent
    effect: bool | None = None
    stopped_by: tuple[str, ...] = ()
    seen: str = ""

    def result(self) -> JsonObject:
        """The outcome as plain data."""
        return {
            "id": self.row.id,
            "attack": isinstance(self.row, Attack),
            "title": self.row.title,
            "effect": self.effect,
            "stopped_by": list(self.stopped_by),
            "seen": self.seen,
        }


def at_once(row: Attack | Control, sent: Sent) -> Outcome:
    """The outcome of a row whose action alone tells it: it was refused, or taken where that is the effect itself."""
    outcome = Outcome(row=row, sent=sent, seen=sent.said)
    if sent.problem:
        return outcome
    if sent.guard:
        return replace(outcome, effect=False, stopped_by=(_named(row, sent.guard),))
    return replace(outcome, effect=True, seen=sent.said or "the API server took it")


def _named(row: Attack | Control, guard: str) -> str:
    """A refusal for lack of rights names the guard that the row has for that."""
    kind = guard.partition(":")[0]
    if kind == RIGHTS and isinstance(row, Attack):
        return next((one for one in row.guards if one.partition(":")[0] == RIGHTS), guard)
    return guard


MEASURED = frozenset({AIMED, ALERTED, DELIVERED, REACHED, SERIES})


def later(row: Attack | Control, sent: Sent, *, effect: bool | None, target: JsonObject | None, seen: str) -> Outcome:
    """The outcome of a row whose effect was looked for.

    *target*: that of Prometheus for the row's monitor, None where there is none. It tells what stopped an attack.
    """
    outcome = Outcome(row=row, sent=sent, effect=effect, seen=seen)
    if effect is not False or isinstance(row, Control):
        return outcome
    return replace(outcome, stopped_by=_stopped(row, target=target))


# How Go's HTTP client says that nothing let it through, and that nothing was there.
_CLOSED = re.compile(r"context deadline exceeded|i/o timeout|connection refused|no route to host|Client\.Timeout")
_REFUSED = re.compile(r"server returned HTTP status 40[13]")


def _stopped(attack: Attack, *, target: JsonObject | None) -> tuple[str, ...]:
    """The guards of *attack* that fit what was seen; policies are none of them, because its objects were stored."""

    def of(*kinds: str) -> tuple[str, ...]:
        return tuple(guard for guard in attack.guards if guard.partition(":")[0] in kinds)

    error = str((target or {}).get("lastError") or "")
    if _REFUSED.search(error):
        return of(RIGHTS)
    if _CLOSED.search(error):
        return of(NETWORK)
    if target is None and attack.effect.kind in (SERIES, AIMED, REACHED) and of(OPERATOR):
        return of(OPERATOR)
    return of(NETWORK) or of(OPERATOR, RIGHTS)


def failing(outcomes: t.Iterable[Outcome]) -> list[Outcome]:
    """The attacks that had their effect, and the controls that did not."""
    return [one for one in outcomes if one.effect is isinstance(one.row, Attack)]
