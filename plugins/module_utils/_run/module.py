# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door of a module that runs in a process of its own; the only file that ends a module."""

from __future__ import annotations

import gc

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.arguments import without_long
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.execute import execute


def run_module(definition: Definition) -> None:
    """Run a module and end the process with its result."""
    # Large inputs and lists are trees that reference counting frees; looking for cycles in them, again and again while
    # they grow, takes as long as all the rest of an unchanged run. The process ends with its one task.
    gc.disable()
    module = AnsibleModule(argument_spec=definition.options, supports_check_mode=True, **definition.rules)
    answer = execute(definition, module.params, check=module.check_mode, diff=module._diff)
    for warning in answer.warnings:
        module.warn(warning)
    # Ansible would put all arguments into each result, which a thousand teams make larger than AWX keeps.
    result = {**answer.result, "invocation": {"module_args": without_long(module.params)}}
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)
