# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of a task's arguments once its module has had them."""

from __future__ import annotations

import contextlib
import typing as t

from ansible.playbook.task import Task
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.arguments import without_long


@contextlib.contextmanager
def forgotten(task: Task) -> t.Iterator[None]:
    """After this block *task* has, in place of long lists among its arguments, the number of their items.

    Ansible sends the arguments back to its main process with each result, for callbacks. With a thousand teams that
    takes longer than checking them. A task that may run again (``until``, ``retries``) keeps them.
    """
    try:
        yield
    finally:
        if not task.until and not task.retries:
            task.args = without_long(task.args)
