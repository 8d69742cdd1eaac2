# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which Python a host's modules run with, asked before anything of ours is imported by it.

For a host with a local connection Ansible takes a Python that it finds on the machine, not the one that it runs with
itself; that of Ubuntu 22.04 (3.10) or RHEL 9 (3.9) cannot import our modules.
"""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

# What our modules are written for; ansible-core's own modules need less.
OLDEST = (3, 11)


def problem(answer: t.Mapping[str, t.Any], *, local: bool) -> str | None:
    """Why modules cannot run with the Python that *answer* comes from, the result of ``setup``; None if they can.

    *local*: whether that is on the machine that Ansible itself runs on. Pure.
    """
    needed = ".".join(map(str, OLDEST))
    better = '"{{ ansible_playbook_python }}"' if local else f"the path of Python {needed} or later on that machine"
    fix = f"set ansible_python_interpreter to {better}"
    if answer.get("failed"):
        lines = str(answer.get("module_stderr") or answer.get("msg") or "no reason").strip().splitlines()
        return f"this host's Python cannot run Ansible's modules ({lines[-1]}): {fix}"
    facts = (answer.get("ansible_facts") or {}).get("ansible_python") or {}
    version = facts.get("version") or {}
    if "major" not in version or (version["major"], version["minor"]) >= OLDEST:
        return None
    found = ".".join(str(version[part]) for part in ("major", "minor", "micro") if part in version)
    return (
        f"promfleet.monitoring's modules need Python {needed} or later, this host's run with "
        f"{facts.get('executable') or 'a Python'} ({found}): {fix}"
    )


def too_old(action: ActionBase, task_vars: t.Mapping[str, t.Any]) -> str | None:
    """Why the modules of the task's host cannot run with its Python; None if they can."""
    answer: dict[str, t.Any] = action._execute_module(
        module_name="ansible.legacy.setup",
        module_args={"gather_subset": ["!all", "!min", "python"], "filter": ["ansible_python"]},
        task_vars=dict(task_vars),
        wrap_async=False,
    )
    return problem(answer, local=action._connection.transport == "local")
