# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What input_check does, in a module's process or in Ansible's own."""

from __future__ import annotations

import importlib.util
import sys
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import (
    TEAMS,
    FleetTeams,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capacity import check_capacity
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, listed
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.check import look_at, needs_promql
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.team_policies import judge_teams

# The packages that modules import, and the distributions that bring them.
LIBRARIES = {"kubernetes": "kubernetes", "yaml": "PyYAML", "promql_parser": "promql-parser"}


def missing_libraries(params: t.Mapping[str, t.Any]) -> list[str]:
    """The distributions that this Python lacks, of those that *params* ask for or the check itself needs."""
    needed = set(LIBRARIES) if params["libraries"] else {"promql_parser"} if needs_promql(params) else set()
    return [LIBRARIES[name] for name in LIBRARIES if name in needed and importlib.util.find_spec(name) is None]


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Every error, and all of them as one message (None if all is well); and what is worth a warning."""

    errors: tuple[str, ...]
    failure: str | None
    warnings: tuple[str, ...] = ()


def check_input(params: t.Mapping[str, t.Any], *, environ: t.Mapping[str, str]) -> Checked:
    """What is wrong with *params*, the parameters of input_check.

    *environ* is the environment that modules run with: connection options may come from it.
    """
    warnings: tuple[str, ...] = ()
    missing = " ".join(missing_libraries(params))
    if missing:
        install = f"{sys.executable} -m pip install {missing}"
        errors = [f"Python libraries are missing where modules run: {missing}. Install them with: {install}"]
    else:
        found = look_at(params, environ=environ)
        errors = found.errors
        if not errors and params["capacity"] and TEAMS.name in found.models:
            errors = _above_capacity(found.models[TEAMS.name], params["capacity"])
        if not errors and params["policies"] and TEAMS.name in found.models:
            errors, warnings = _judged(found.models[TEAMS.name], params["policies"])
    failure = f"{params['role']}: {listed(errors)}" if errors else None
    return Checked(errors=tuple(errors), failure=failure, warnings=warnings)


def _above_capacity(model: FleetTeams, capacity: t.Mapping[str, t.Any]) -> list[str]:
    """Where the limits of the teams, whose input is good, allow more than an operator has memory for."""
    errors = Errors()
    check_capacity(model.teams, capacity, cluster=model.cluster, errors=errors)
    return [str(one.renamed(TEAMS.variable)) for one in errors.sorted()]


def _judged(model: FleetTeams, policies: t.Mapping[str, t.Any]) -> tuple[list[str], tuple[str, ...]]:
    """What *policies* say of what the teams wrote, whose input is good."""
    judgement = judge_teams(model, policies)
    errors, warnings = (
        [str(one.renamed(TEAMS.variable)) for one in found] for found in (judgement.errors, judgement.warnings)
    )
    return errors, tuple(warnings)
