# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running a module in the process that Ansible made for the task, where a process of its own would find the same.

Packing a module, starting Python and importing the Kubernetes client take longer than most of what our modules then do,
for each task and cluster. Ansible's main process imports this file before it makes the processes for the tasks, so that
it is done once a playbook. ansible.netcommon runs the modules for network devices in the same way.

The module does not notice: it gets its arguments as Ansible encodes them, and what it prints is read as Ansible does.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import json
import os
import sys
import tempfile
import traceback
import typing as t

from ansible import constants
from ansible.module_utils.common.json import Direction, get_module_decoder
from ansible.module_utils.testing import patch_module_args
from ansible.plugins.action import ActionBase

JsonObject = dict[str, t.Any]

PLUGINS = "ansible_collections.promfleet.monitoring.plugins"


@contextlib.contextmanager
def without_collection() -> t.Iterator[None]:
    """For this block nobody looks for cycles: with the variables of a large fleet in memory each look takes long."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


# What all modules need: whoever imports this file has it for every process that is made after.
with without_collection():
    importlib.import_module(f"{PLUGINS}.module_utils._run.module")
# Else each of those processes looks through all that the main process holds, a large fleet's variables among it, for
# cycles to free, and thereby copies the memory that it shares with it. What is here now stays for the whole run anyway.
gc.freeze()
# What is used of Ansible here beside its documented interfaces; a release without one of them runs modules its own way.
NEEDED = ("_compute_environment_string", "_update_module_args")


def is_possible(action: ActionBase, task_vars: t.Mapping[str, t.Any]) -> bool:
    """Whether the task's module may run here: on this machine, as this user, and with this very Python.

    Which Python modules run with is known where the inventory says it; else only Ansible's own way finds out. Whoever
    keeps the files of modules (ANSIBLE_KEEP_REMOTE_FILES) wants to see a module of its own process.
    """
    if action._connection.transport != "local" or action._connection.become or action._task.async_val:
        return False
    if constants.DEFAULT_KEEP_REMOTE_FILES:  # type: ignore[attr-defined]  # made from Ansible's configuration
        return False
    if not all(hasattr(action, name) for name in NEEDED):
        return False
    said = None if action._task.delegate_to else task_vars.get("ansible_python_interpreter")
    return bool(action._templar.template(said) == sys.executable)


def run_module(action: ActionBase, task_vars: dict[str, t.Any]) -> JsonObject:
    """Run the task's module and return its result, as `ActionBase._execute_module` does."""
    arguments = dict(action._task.args)
    action._update_module_args(action._task.action, arguments, task_vars)
    environment: JsonObject = {}
    action._compute_environment_string(environment)
    name = action._task.action.rpartition(".")[2]
    output = io.StringIO()
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(without_collection())
            module = importlib.import_module(f"{PLUGINS}.modules.{name}")
            stack.enter_context(_environment(environment))
            stack.enter_context(_temporary_files())
            stack.enter_context(patch_module_args(arguments))
            stack.enter_context(contextlib.redirect_stdout(output))
            # What libraries say there (certificates are not checked) Ansible shows of no module.
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
            module.main()
    except SystemExit:
        decoder = get_module_decoder("legacy", Direction.MODULE_TO_CONTROLLER)
        return dict(json.loads(output.getvalue(), cls=decoder))
    except Exception as error:  # noqa: BLE001 - as Ansible does with a module of its own process
        return {"failed": True, "msg": f"{type(error).__name__}: {error}", "exception": traceback.format_exc()}
    raise AssertionError(f"the module {name} did not end by itself")


@contextlib.contextmanager
def _temporary_files() -> t.Iterator[None]:
    """For this block temporary files go where Ansible has its own, for this user only and removed at the run's end.

    The kubernetes library writes keys and certificates into files and removes them at the end of a process, but the
    processes of tasks end in another way.
    """
    before = tempfile.tempdir
    tempfile.tempdir = constants.DEFAULT_LOCAL_TMP  # type: ignore[attr-defined]  # made from Ansible's configuration
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextlib.contextmanager
def _environment(variables: t.Mapping[str, t.Any]) -> t.Iterator[None]:
    """For this block the environment has these variables, too."""
    before = dict(os.environ)
    os.environ.update({name: str(value) for name, value in variables.items()})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
