# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Judges the rules and monitors that the inventory has for teams by the policies, before anything is written.

An account of the platform writes them, and the policies let those accounts pass: without this a merge request could do
what the team itself may not.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import TEAM_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import (
    FleetTeams,
    written_by_teams,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.rules import Written
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import open_source
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, InputError, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.judge import Verdict, judge
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.policies import (
    POLICY_OPTIONS,
    Policy,
    parse_policies,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.requests import Request, all_about
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.stored import SCHEMA_OPTIONS, Schemas

JsonObject = dict[str, t.Any]

# What the check of the teams is given about policies: those, and where the schemas of the objects are.
TEAM_POLICY_OPTIONS: dict[str, dict[str, t.Any]] = {**POLICY_OPTIONS, **SCHEMA_OPTIONS}
DENY, WARN = "deny", "warn"
NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What is refused: with *errors* nothing may be written. *warnings*: what a stricter enforcement would refuse."""

    errors: tuple[InputError, ...] = ()
    warnings: tuple[InputError, ...] = ()


def judge_teams(model: FleetTeams, given: t.Mapping[str, t.Any]) -> Judgement:
    """Judge what teams wrote into the inventory by the policies *given* (TEAM_POLICY_OPTIONS).

    Each object is judged as if a person of the team created it. A policy that denies refuses what it cannot judge, too.
    Where the policies are wrong themselves, or name no account of the platform, nothing is judged: their own check
    reports it.
    """
    errors = Errors()
    params = validate_mapping(given, TEAM_POLICY_OPTIONS, path="", errors=errors)
    policies = errors.attempt(lambda: parse_policies(params, errors))
    written = [one for one in written_by_teams(model) if one.team != params["platform_team"]]
    objects = sorted(written, key=_in_order)
    if not objects or policies is None or errors.sorted() or not (policies.accounts.users or policies.accounts.groups):
        return Judgement()
    try:
        source = open_source(version=params["crds_version"], source=params["crds_source"])
        schemas, missing = Schemas(source.load()), ""
    except ClusterError as error:
        schemas, missing = Schemas(()), f": {error}"
    verdicts = [
        (one, verdict)
        for one in objects
        for verdict in _verdicts(one, policies.policies, schemas=schemas, missing=missing)
    ]
    return Judgement(errors=tuple(_refused(verdicts)), warnings=tuple(_milder(verdicts)))


def _in_order(one: Written) -> tuple[list[str | int], str]:
    """By this objects are sorted as the input has them: the tenth item of a list is after the second."""
    parts = re.split(r"(\d+)", one.path)
    return [int(part) if part.isdigit() else part for part in parts], one.file


def _verdicts(one: Written, policies: tuple[Policy, ...], *, schemas: Schemas, missing: str) -> list[Verdict]:
    """What the policies say if a person of the team creates the object."""
    # In Ansible's own process texts have types of its own, which CEL does not know.
    obj, labels = json.loads(json.dumps([one.obj, {TEAM_LABEL: one.team}]))
    stored = schemas.stored(obj)
    request = Request.of_person(obj if stored is None else stored, labels=labels)
    if stored is None:
        reason = f"the schema of {obj['kind']} is not known{missing}"
        return [Verdict(policy=policy, unknown=reason) for policy in all_about(policies, request)]
    return judge(policies, request)


Verdicts = t.Sequence[tuple[Written, Verdict]]


def _refused(verdicts: Verdicts) -> t.Iterator[InputError]:
    """One error for each object that a policy denies, and one for each reason why a policy cannot tell."""
    denied: dict[tuple[str, str], list[str]] = {}
    unknown: dict[str, dict[str, None]] = {}
    for one, verdict in verdicts:
        if verdict.policy.enforcement != DENY:
            continue
        if verdict.unknown:
            unknown.setdefault(verdict.unknown, {})[one.path] = None
        else:
            denied.setdefault((one.path, one.file), []).append(f"{verdict.policy.id}: {verdict.said}")
    for (path, file), texts in denied.items():
        place = f"{file}: " if file else ""
        yield InputError(path, f"{place}the policies of teams do not allow it ({'; '.join(texts)})")
    for reason, paths in unknown.items():
        yield _at(list(paths), f"the policies of teams cannot judge it: {reason}")


def _milder(verdicts: Verdicts) -> t.Iterator[InputError]:
    """One for each policy that only warns, or that audits and is made to deny."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for one, verdict in verdicts:
        policy = verdict.policy
        is_worth_it = policy.enforcement == WARN or policy.row.enforcement == DENY
        if is_worth_it and policy.enforcement != DENY and not verdict.unknown:
            found.setdefault((policy.id, policy.enforcement), {})[one.path] = None
    for (policy_id, enforcement), paths in sorted(found.items()):
        yield _at(list(paths), f"the policy {policy_id} ({enforcement}) does not allow it")


def _at(paths: t.Sequence[str], message: str) -> InputError:
    """The same *message* for several places of the input."""
    more = len(paths) - 1 - NAMED
    others = [part for path in paths[1 : NAMED + 1] for part in (", ", Place(path))]
    return InputError(
        paths[0], message, *(["; so it is at ", *others[1:]] if others else []), f" and {more} more" if more > 0 else ""
    )
