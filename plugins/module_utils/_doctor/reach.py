# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of the way from the API server to all instances of a cluster. Facts in, findings out. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    ClusterFacts,
    Fact,
    known,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, found

# How a connection ends whose packets are dropped: in the words of the API server and of ours.
_TIMED_OUT = re.compile(r"time[d -]*out|deadline exceeded|no complete answer", re.IGNORECASE)
# Where there is no pod to connect to, nothing is known about the way.
_NO_POD = "no endpoints available"
# What differs from instance to instance in words that are the same: addresses, ports, and names of Services.
_OF_ONE = re.compile(r"\[[0-9a-f:.]+\]|[0-9a-f]*:[0-9a-f:]+|[0-9]+|/api/\S+|\"[^\"]*\"", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class ReachFacts(ClusterFacts):
    """How the instances of a *cluster* are reached: *reached* of *asked*, and for the others the *reasons* if known."""

    asked: int
    reached: int
    reasons: Fact[tuple[str, ...]]

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return REACH_CHECKS


def _reached(facts: ReachFacts) -> list[Finding] | None:
    """One finding where instances share one reason that is not their own: several time out, or all fail alike."""
    reasons = known(facts.reasons)
    timed_out = [reason for reason in reasons if _TIMED_OUT.search(reason)]
    alike = {_OF_ONE.sub("", reason) for reason in reasons}
    if len(timed_out) > 1:
        shared = timed_out
    elif len(reasons) == facts.asked > 1 and len(alike) == 1 and _NO_POD not in reasons[0]:
        shared = list(reasons)
    else:
        return [] if facts.reached == facts.asked else None
    return [found("PF007", facts.object, unreached=len(shared), asked=facts.asked, reason=min(shared))]


REACH_CHECKS: tuple[Check[ReachFacts], ...] = (Check(name="prometheus_reached", reads=("reasons",), judge=_reached),)
