#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: policy_render
short_description: Write policies as manifests
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Writes each policy into a file of its own, for review, for tools that apply files, and for clusters with Gatekeeper.
  - Asks no cluster. A file that is the same already is not written.
options:
  form:
    description:
      - V(gatekeeper) writes ConstraintTemplates with Rego, and their Constraints.
      - V(admission) writes ValidatingAdmissionPolicies and their bindings, as M(promfleet.monitoring.policy) applies
        them.
    type: str
    choices: [admission, gatekeeper]
    default: gatekeeper
  folder:
    description: Where the files are written, each called after the id of its row.
    type: path
    required: true
attributes:
  check_mode:
    details:
      - In check mode no file is written.
  diff_mode:
    details:
      - The files are for another tool, which shows what differs.
  idempotent:
    details:
      - The same policies give the same bytes.
extends_documentation_fragment:
  - promfleet.monitoring.attributes.info
  - promfleet.monitoring.policies
"""

EXAMPLES = r"""
---
- name: Write the policies for Gatekeeper
  promfleet.monitoring.policy_render:
    folder: gatekeeper
    shipped: "{{ lookup('ansible.builtin.file', 'policies.yml') | from_yaml }}"
    platform_accounts:
      - group: platform-engineers
"""

RETURN = r"""
---
files:
  description: The files that were written, in check mode those that would be.
  returned: success
  type: list
  elements: str
  sample: [gatekeeper/relabelings.yaml]
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.policing import RENDER_OPTIONS, render

DEFINITION = Definition(name="policy_render", options=RENDER_OPTIONS, work=render, needs_cluster=False)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
