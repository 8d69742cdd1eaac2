# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of a module that runs in the process that Ansible made for the task.

Packing a module, starting Python and importing the Kubernetes client take about a second for each task and cluster,
several times what most of our modules then do. Ansible's main process imports this file before it makes the processes
for the tasks, so the imports happen once a playbook.

What runs here finds what a process of its own would find, and changes nothing of the process: not its environment, not
its output, not the defaults of libraries. Every other task, and every task whose arguments need a word of Ansible's own
(wrong ones, aliases), runs in a process of its own.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
import typing as t
import warnings

from ansible import constants
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.json import Direction, get_module_decoder, get_module_encoder
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.arguments import without_long
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.execute import Answer, execute

JsonObject = dict[str, t.Any]

MODULES = "ansible_collections.promfleet.monitoring.plugins.modules"
# The profile in which Ansible itself hands arguments to a module.
PROFILE = "legacy"
HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def is_possible(action: ActionBase, task_vars: t.Mapping[str, t.Any]) -> bool:
    """Whether the task's module may run here: on this machine, as this user, in this environment, by this very Python.

    Which Python modules run with is known where the inventory says it; else only Ansible's own way finds out. People
    who keep the files of modules (ANSIBLE_KEEP_REMOTE_FILES) want a module in a process of its own.
    """
    task = action._task
    if action._connection.transport != "local" or action._connection.become or task.async_val or task.delegate_to:
        return False
    if any(task.environment or ()) or constants.DEFAULT_KEEP_REMOTE_FILES:  # type: ignore[attr-defined]  # from configuration
        return False
    interpreter = task_vars.get("ansible_python_interpreter")
    return bool(action._templar.template(interpreter) == sys.executable)


def definition_of(action: str) -> Definition:
    """The definition of the module that a task names."""
    module = importlib.import_module(f"{MODULES}.{action.rpartition('.')[2]}")
    return t.cast("Definition", module.DEFINITION)


def run_here(definition: Definition, arguments: t.Mapping[str, t.Any], *, check: bool, diff: bool) -> JsonObject | None:
    """Run a module here and return its result as Ansible's main process would get it from a process of its own.

    None if the arguments are wrong or use an alias: Ansible has words for that, and hides secrets in them.
    """
    if not set(arguments) <= set(definition.options):
        return None
    validated = ArgumentSpecValidator(definition.options, **definition.rules).validate(_plain(arguments))
    if validated.error_messages:
        return None
    params = validated.validated_parameters
    secrets = secret_values(params, definition.options)
    try:
        with warnings.catch_warnings():
            # What libraries print (certificates are not checked) Ansible shows of no module.
            warnings.simplefilter("ignore")
            answer = execute(definition, params, check=check, diff=diff)
    except Exception as error:  # noqa: BLE001 - as Ansible does with a module of its own process
        failure = {"failed": True, "msg": f"{type(error).__name__}: {error}", "exception": traceback.format_exc()}
        return dict(remove_values(failure, secrets))
    return _told(answer, params=params, options=definition.options, secrets=secrets)


def _plain(arguments: t.Mapping[str, t.Any]) -> JsonObject:
    """*arguments* as a module would read them: without Ansible's tags, secrets of vault decrypted."""
    text = json.dumps(dict(arguments), cls=get_module_encoder(PROFILE, Direction.CONTROLLER_TO_MODULE))
    return dict(json.loads(text, cls=get_module_decoder(PROFILE, Direction.CONTROLLER_TO_MODULE)))


def _told(answer: Answer, *, params: JsonObject, options: JsonObject, secrets: set[str]) -> JsonObject:
    result = dict(answer.result)
    # Since ansible-core 2.20 a setting that is off by default; before, each result has its arguments.
    if getattr(constants, "INJECT_INVOCATION", True):
        shown = {name: HIDDEN if options[name].get("no_log") and value else value for name, value in params.items()}
        result["invocation"] = {"module_args": without_long(shown)}
    if answer.warnings:
        result["warnings"] = list(answer.warnings)
    return dict(remove_values(result, secrets))


def secret_values(params: t.Any, options: JsonObject) -> set[str]:
    """Every text in *params* that stands under an option with ``no_log``, as ansible-core collects them. Pure."""
    found: set[str] = set()
    for name, option in options.items():
        value = params.get(name) if isinstance(params, dict) else None
        if not value:
            continue
        if option.get("no_log"):
            found |= _texts(value)
        for part in (value if isinstance(value, list) else [value]) if option.get("options") else ():
            found |= secret_values(part, option["options"])
    return found


def _texts(value: t.Any) -> set[str]:
    if isinstance(value, dict):
        return {text for item in value.values() for text in _texts(item)}
    if isinstance(value, (list, tuple)):
        return {text for item in value for text in _texts(item)}
    return set() if isinstance(value, bool) or not str(value) else {str(value)}
