# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The findings of the isolation matrix. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import Link
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import POLICY, Attack, Control, Put
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.outcome import Outcome

ATTACK_CHECK, CONTROL_CHECK = "attack", "control"


def subject_of(row: Attack | Control, *, cluster: str) -> Subject:
    """What a finding about a row is about."""
    return Subject(cluster=cluster, kind="Attack" if isinstance(row, Attack) else "Control", name=row.id)


def finding_of(outcome: Outcome, *, cluster: str) -> Finding | None:
    """What an outcome says; None where an attack was stopped as it should be, or a control worked."""
    row = outcome.row
    about = subject_of(row, cluster=cluster)
    if outcome.effect is None:
        return found("PF604", about, title=row.title, reason=outcome.seen or outcome.sent.said, checks=row.id)
    if isinstance(row, Attack):
        return _of_attack(outcome, row, about)
    if outcome.effect:
        return None
    by = ", ".join(outcome.stopped_by) or "its effect did not show"
    return found("PF603", about, title=row.title, reason=by, seen=outcome.seen)


def _of_attack(outcome: Outcome, attack: Attack, about: Subject) -> Finding | None:
    if outcome.effect and attack.door == "accounts":
        return found("PF605", about, title=attack.title, accounts=outcome.seen)
    if outcome.effect:
        return found("PF601", about, title=attack.title, seen=outcome.seen, guards=attack.guards)
    passed = tuple(guard for guard in attack.guards if guard.partition(":")[0] == POLICY)
    if outcome.sent.is_taken and passed and isinstance(attack.action, Put):
        return found("PF602", about, title=attack.title, stopped_by=outcome.stopped_by, guards=passed)
    return None


def links_of(outcomes: t.Iterable[Outcome], *, cluster: str) -> list[Link]:
    """A check for each row, with its finding where there is one."""
    return [
        Link(
            check=ATTACK_CHECK if isinstance(outcome.row, Attack) else CONTROL_CHECK,
            object=subject_of(outcome.row, cluster=cluster),
            finding=finding_of(outcome, cluster=cluster),
        )
        for outcome in outcomes
    ]
