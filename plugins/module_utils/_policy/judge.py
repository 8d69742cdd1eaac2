# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges a request by a policy without a cluster, as the API server would (failurePolicy Fail)."""

from __future__ import annotations

import functools
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.offline import (
    CannotEvaluate,
    Data,
    Failed,
    Outcome,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.policies import Policy
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.requests import Request, all_about

NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a policy says of one request.

    *failed*: a sentence for each check that is not true. *unknown*: why that could not be found out offline. Without
    both the request passes.
    """

    policy: Policy
    failed: tuple[str, ...] = ()
    unknown: str = ""

    @property
    def said(self) -> str:
        """The first of the sentences as one, without a full stop at its end."""
        return "; ".join(text.rstrip(".") for text in self.failed[:NAMED])

    @property
    def passes(self) -> bool:
        """Whether the policy is known to let the request pass."""
        return not self.failed and not self.unknown


def judge(policies: tuple[Policy, ...], request: Request) -> list[Verdict]:
    """The verdicts of all policies that do not let a request pass."""
    about = all_about(policies, request)
    if not about:
        return []
    try:
        data = Data(request.variables())
    except CannotEvaluate as error:
        return [Verdict(policy=policy, unknown=str(error)) for policy in about]
    verdicts = (verdict_of(policy, data) for policy in _to_look_at(about, data))
    return [verdict for verdict in verdicts if not verdict.passes]


def _to_look_at(policies: tuple[Policy, ...], data: Data) -> t.Sequence[Policy]:
    """The policies that may not let a request pass, by one evaluation of all their checks: most requests pass all.

    Where a check ends in an error, or cannot be evaluated, it is not known whose it is: then these are all of them.
    """
    try:
        outcomes = _outcomes(_conditions(policies), data)
        applying = tuple(
            policy for policy in policies if all(outcomes[text] is not False for text in policy.condition_texts)
        )
        passing = data.evaluate_each(_checks(applying)) if applying else []
    except CannotEvaluate:
        return policies
    if passing is None:
        return applying
    return [policy for policy, passes in zip(applying, passing, strict=True) if passes is not True]


def _outcomes(conditions: tuple[str, ...], data: Data) -> dict[str, t.Any]:
    """What each of the *conditions* is, by one evaluation, or by one for each where one of them ends in an error."""
    found = data.evaluate_each(f"[{', '.join(f'({text})' for text in conditions)}]") if conditions else []
    if found is None:
        return {text: data.evaluate(text) for text in conditions}
    return dict(zip(conditions, found, strict=True))


@functools.lru_cache(maxsize=256)
def _conditions(policies: tuple[Policy, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for policy in policies for text in policy.condition_texts))


@functools.lru_cache(maxsize=1024)
def _checks(policies: tuple[Policy, ...]) -> str:
    """A list with whether each policy lets a request pass that its conditions select."""
    return f"[{', '.join(' && '.join(f'({text})' for text in policy.check_texts) for policy in policies)}]"


def verdict_of(policy: Policy, data: Data) -> Verdict:
    """What one policy says of a request that it is about."""
    try:
        conditions = [data.evaluate(text) for text in policy.condition_texts]
        if any(outcome is False for outcome in conditions):
            return Verdict(policy=policy)
        wrong = next((outcome for outcome in conditions if isinstance(outcome, Failed)), None)
        if wrong is not None:
            return Verdict(policy=policy, failed=(f"a condition could not be evaluated: {wrong.reason}",))
        checks = zip(policy.check_texts, policy.said, strict=True)
        said = tuple(_said(data.evaluate(check), message) for check, message in checks)
    except CannotEvaluate as error:
        return Verdict(policy=policy, unknown=str(error))
    return Verdict(policy=policy, failed=tuple(text for text in said if text))


def _said(outcome: Outcome, message: str) -> str:
    if isinstance(outcome, Failed):
        return f"{message} (the expression ended in an error: {outcome.reason})"
    return "" if outcome else message
