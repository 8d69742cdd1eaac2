# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens on the control host around a module: its progress is shown, its ``src`` is found, its run is short.

The one action plugin of all modules that talk to a cluster; meta/runtime.yml leads them here. It bears the name of one
of them because every action plugin must be documented by a module of its name. The module itself is run by Ansible's
own action for modules, so check mode, become, async and whatever else there is are as they are for any other module;
where that would only pack the module and start the same Python on this machine, direct.py spares the time.
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
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.utils.display import Display
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.files import files_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import ENVIRONMENT, read_line
from ansible_collections.promfleet.monitoring.plugins.plugin_utils import arguments, direct

display = Display()

# How often progress is shown, in seconds; 0 shows none. For tests, and for people who want it more quiet.
INTERVAL_VARIABLE = "PROMFLEET_PROGRESS_SECONDS"
INTERVAL = 5.0


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
    # Whoever should read it is gone, or the file is: nothing that the work has to know.
    with contextlib.suppress(OSError):
        while not ended.wait(every):
            line = read_line(path)
            if line:
                display.display(f"{name}: {line}, {time.monotonic() - began:.0f} s", stderr=True)


class ActionModule(NormalAction):
    """Runs a module as Ansible does, with its progress shown and its ``src`` found."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """The module's result."""
        host = str((task_vars or {}).get("inventory_hostname", ""))
        with arguments.forgotten(self._task), self._progress_shown(host=host), self._src_found():
            result: dict[str, t.Any] = super().run(tmp, task_vars)  # type: ignore[no-untyped-call]  # Ansible does not type it
        return result

    def _execute_module(self, *given: t.Any, **named: t.Any) -> dict[str, t.Any]:
        """The module's result; the module runs in this process where it finds here what it would find in its own."""
        task_vars = named.get("task_vars") or {}
        if not given and not named.get("wrap_async") and direct.is_possible(self, task_vars):
            return direct.run_module(self, task_vars)
        result: dict[str, t.Any] = super()._execute_module(*given, **named)
        return result

    def _on_this_machine(self) -> bool:
        return bool(self._connection.transport == "local")

    # -- progress ---------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _progress_shown(self, *, host: str) -> t.Iterator[None]:
        """Shows how far the module is, where it runs on this machine, in this task, and is no secret."""
        every = interval()
        if every <= 0 or not self._on_this_machine() or self._task.async_val or self._task.no_log:
            yield
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
        # The way that Ansible itself hands something to a module beside its arguments (ANSIBLE_ASYNC_DIR).
        variables = {ENVIRONMENT: path}
        self._task.environment.append(variables)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()
            self._task.environment.remove(variables)
            Path(path).unlink(missing_ok=True)

    # -- src --------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _src_found(self) -> t.Iterator[None]:
        """Gives the module absolute paths that it can read; afterwards the task says again what the user wrote."""
        given = self._task.args.get("src")
        if not given or not self._on_this_machine():
            yield
            return
        decrypted: list[str] = []
        try:
            self._task.args["src"] = [
                path
                for index, source in enumerate(check_type_list(given))
                for path in self._readable(self._find(str(source), path=f"src[{index}]"), decrypted=decrypted)
            ]
            yield
        finally:
            self._task.args["src"] = given
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
