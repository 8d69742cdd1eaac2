# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens on the control host around a module: its progress is shown, its ``src`` is found, its run is short.

The one action plugin of all modules but input_check; meta/runtime.yml leads them here. It bears the name of one of
them because every action plugin must be documented by a module of its name. Where direct.py may run the module in this
process it does; otherwise Ansible runs it, so check mode, become, async and all else are as for any other module.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
import typing as t
from pathlib import Path

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleFileNotFound
from ansible.module_utils.common.validation import check_type_list
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.files import files_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import read_line
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.plugin_utils import direct, rules_files

display = Display()
JsonObject = dict[str, t.Any]

# How often progress is shown, in seconds; 0 shows none. For tests, and for people who want it more quiet.
INTERVAL_VARIABLE = "PROMFLEET_PROGRESS_SECONDS"
INTERVAL = 5.0
# The option of modules that tell how far they are.
PROGRESS = "progress_file"
# The module whose teams name files of rules that are applied.
_READS_RULES = "team_monitoring"


def interval() -> float:
    """Seconds between two lines."""
    try:
        return float(os.environ.get(INTERVAL_VARIABLE, INTERVAL))
    except ValueError:
        return INTERVAL


def show(path: str, *, name: str, every: float, ended: threading.Event) -> None:
    """Show the line in the file *path* every few seconds until the work has *ended*.

    On stderr, so that what a callback prints for programs (JSON) stays whole, and so that nothing buffers it.
    """
    began = time.monotonic()
    # The reader or the file no longer exists: the work continues without progress.
    with contextlib.suppress(OSError):
        while not ended.wait(every):
            line = read_line(path)
            if line:
                display.display(f"{name}: {line}, {time.monotonic() - began:.0f} s", stderr=True)


class ActionModule(ActionBase):
    """Runs a module with its progress shown and its ``src`` found."""

    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: JsonObject | None = None) -> JsonObject:
        """The module's result."""
        variables = task_vars or {}
        result: JsonObject = super().run(tmp, variables)
        kubeconfig = self._task.args.get("kubeconfig")
        if isinstance(kubeconfig, dict) or "\n" in str(kubeconfig or ""):
            # Before a module gets it: module arguments reach syslog and -vvv.
            raise AnsibleActionFail("kubeconfig: must be the path of a file, found its content")
        definition = direct.definition_of(self._task.action)
        host = str(variables.get("inventory_hostname", ""))
        with self._src_found() as found, self._progress_shown(definition, host=host) as shown:
            arguments = {**self._task.args, **found, **shown, **self._rules_read(variables)}
            answer = self._here(definition, arguments, task_vars=variables)
            answer = answer or self._apart(arguments, task_vars=variables)
        return {**result, **answer}

    def _here(self, definition: Definition, arguments: JsonObject, *, task_vars: JsonObject) -> JsonObject | None:
        """The result of a run in this process, None if it takes another."""
        if not direct.is_possible(self, task_vars):
            return None
        return direct.run_here(definition, arguments, check=self._task.check_mode, diff=self._task.diff)

    def _apart(self, arguments: JsonObject, *, task_vars: JsonObject) -> JsonObject:
        """The result of a run in a process that Ansible makes for it."""
        wrap_async = bool(self._task.async_val) and not self._connection.has_native_async
        result: JsonObject = self._execute_module(module_args=arguments, task_vars=task_vars, wrap_async=wrap_async)
        return result

    def _on_this_machine(self) -> bool:
        return bool(self._connection.transport == "local")

    # -- progress ---------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _progress_shown(self, definition: Definition, *, host: str) -> t.Iterator[JsonObject]:
        """Shows how far the module is, where it tells it, runs on this machine, in this task, and is not a secret.

        Gives the argument that tells the module where to write it. A file that the user named is the user's.
        """
        every = interval()
        watched = every > 0 and self._on_this_machine() and not self._task.async_val and not self._task.no_log
        if not watched or self._task.args.get(PROGRESS) or PROGRESS not in definition.options:
            yield {}
            return
        # Ansible makes this folder for itself alone, and removes it at its end, however that comes.
        folder = constants.DEFAULT_LOCAL_TMP  # type: ignore[attr-defined]  # made from Ansible's configuration
        number, path = tempfile.mkstemp(prefix="promfleet-progress-", dir=folder)
        os.close(number)
        name = f"{host}: {self._task.action.rpartition('.')[2]}"
        ended = threading.Event()
        watcher = threading.Thread(
            target=show, args=(path,), kwargs={"name": name, "every": every, "ended": ended}, daemon=True
        )
        watcher.start()
        try:
            yield {PROGRESS: path}
        finally:
            ended.set()
            watcher.join()
            Path(path).unlink(missing_ok=True)

    # -- rules ------------------------------------------------------------------------------------------------

    def _rules_read(self, variables: JsonObject) -> JsonObject:
        """Gives team_monitoring the contents of the files that its teams name; it may run on another machine."""
        if self._task.action.rpartition(".")[2] != _READS_RULES:
            return {}
        return {"rules_contents": rules_files.contents(self._task.args, loader=self._loader, variables=variables)}

    # -- src --------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _src_found(self) -> t.Iterator[JsonObject]:
        """Gives the argument ``src`` with absolute paths that the module can read; the task keeps the user's."""
        given = self._task.args.get("src")
        if not given or not self._on_this_machine():
            yield {}
            return
        decrypted: list[str] = []
        try:
            yield {
                "src": [
                    path
                    for index, source in enumerate(check_type_list(given))
                    for path in self._readable(self._find(str(source), path=f"src[{index}]"), decrypted=decrypted)
                ]
            }
        finally:
            for path in decrypted:
                self._loader.cleanup_tmp_file(path)

    def _find(self, source: str, *, path: str) -> str:
        """Where *source* is: in files/ of the role, beside the playbook, in its files/, as for ansible.builtin.copy."""
        if "://" in source:
            raise AnsibleActionFail(
                f"{path}: {source} is a URL; fetch it with ansible.builtin.get_url, which checks what comes, "
                "and name the file"
            )
        try:
            return str(Path(self._find_needle("files", source)).absolute())
        except AnsibleFileNotFound as error:
            places = ", ".join(map(str, error.paths or ())) or "no other place, because it is absolute"
            raise AnsibleActionFail(f"{path}: {source} does not exist; looked in {places}") from error

    def _readable(self, found: str, *, decrypted: list[str]) -> list[str]:
        """*found* itself, or where vault has encrypted any of it all of its files, those as decrypted copies."""
        copies = {file: self._loader.get_real_file(str(file)) for file in files_of(Path(found))}
        decrypted += [copy for file, copy in copies.items() if copy != str(file)]
        return list(copies.values()) if any(copy != str(file) for file, copy in copies.items()) else [found]
