# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module input_check without a module run: what it does needs no cluster and no process of its own.

Packing the teams of a large fleet for a module, starting Python and unpacking them costs more than checking them. Where
the control host cannot do it, or the task is for another machine, the module does.
"""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import TEAMS
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.check import OPTIONS
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.input_check import (
    check_input,
    missing_libraries,
)
from ansible_collections.promfleet.monitoring.plugins.plugin_utils import direct, python, rules_files


class ActionModule(NormalAction):
    """Finds every error in the input of one role."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """The errors, and a failure that tells them all."""
        params = self._parameters(task_vars or {})
        if not self._possible_here(params, task_vars=task_vars or {}):
            refusal = python.too_old(self, task_vars or {})
            if refusal is not None:
                told: dict[str, t.Any] = ActionBase.run(self, tmp, task_vars)
                return {**told, "changed": False, "failed": True, "errors": [refusal], "msg": refusal}
            by_module: dict[str, t.Any] = super().run(tmp, task_vars)  # type: ignore[no-untyped-call]  # Ansible's own
            return by_module
        result: dict[str, t.Any] = ActionBase.run(self, tmp, task_vars)
        environment: dict[str, str] = {}
        self._compute_environment_string(environment)
        checked = check_input(params, environ={**os.environ, **environment})
        result.update(changed=False, errors=list(checked.errors))
        if checked.warnings:
            result["warnings"] = list(checked.warnings)
        if checked.failure:
            result.update(failed=True, msg=checked.failure)
        return result

    def _possible_here(self, params: t.Mapping[str, t.Any], *, task_vars: t.Mapping[str, t.Any]) -> bool:
        """Whether this process finds what a module would find: on this machine, and with the same libraries."""
        if direct.is_possible(self, task_vars):
            return True
        if self._connection.transport != "local" or self._task.async_val:
            return False
        return not params["libraries"] and not missing_libraries(params)

    def _parameters(self, variables: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """The task's arguments as the module would get them; the large ones stay as they are, without a copy."""
        given = dict(self._task.args)
        # A module takes any value for these.
        as_they_are = {name: given.pop(name) for name in ("options", "variables") if name in given}
        capabilities = self._with_rules(given.pop("capabilities", None), variables)
        if capabilities:
            # A module of its own process reads these.
            self._task.args["capabilities"] = capabilities
        checked = ArgumentSpecValidator(OPTIONS).validate(given)
        if checked.error_messages:
            raise AnsibleActionFail("; ".join(checked.error_messages))
        return {**checked.validated_parameters, **as_they_are, "capabilities": capabilities or {}}

    def _with_rules(self, capabilities: t.Any, variables: t.Mapping[str, t.Any]) -> t.Any:
        """The same with the contents of the files that teams name, where their rules are checked."""
        teams = capabilities.get(TEAMS.name) if isinstance(capabilities, t.Mapping) else None
        if not isinstance(teams, t.Mapping):
            return capabilities
        read = rules_files.contents(teams, loader=self._loader, variables=variables)
        return {**capabilities, TEAMS.name: {**teams, "rules_contents": read}}
