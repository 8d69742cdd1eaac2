#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: awx
short_description: Keep the job templates of a fleet in AWX or Automation Controller
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Compares all that a fleet needs in AWX with what is there, field by field, and brings it to that state.
  - Deletes objects that an earlier run made and that are no longer wanted. Objects of others are never changed.
  - The playbook C(promfleet.monitoring.awx) calls it; its options are what that playbook knows of the inventory and the
    roles.
options:
  definition:
    description: The dictionary C(promfleet_awx), as the role C(promfleet.monitoring.promfleet) documents it.
    type: dict
    required: true
  variables:
    description: The argument specifications of all roles, by the names of their variables.
    type: dict
    required: true
  templates:
    description:
      - The table of job templates, with C(name), C(playbook), C(about), C(check), C(whole), C(survey) and C(confirm).
    type: list
    elements: dict
    required: true
  fleet:
    description: The name of the fleet. Objects in AWX are marked with it.
    type: str
    required: true
  workers:
    description: The number of workers in the inventory. Jobs that must see all of them are refused with another number.
    type: int
    required: true
  given:
    description: The variables that the inventory sets. No survey asks for them.
    type: list
    elements: str
    default: []
  teams:
    description: The teams that the inventory describes. Without it any name of a team is taken.
    type: list
    elements: str
  regions:
    description: The regions that the inventory has groups for.
    type: list
    elements: str
    default: []
  folder:
    description: The folder that relative paths in O(definition) start from.
    type: path
extends_documentation_fragment:
  - promfleet.monitoring.attributes.awx
"""

EXAMPLES = r"""
---
- name: Keep the job templates
  promfleet.monitoring.awx:
    definition: "{{ promfleet_awx }}"
    variables: "{{ variables_of_all_roles }}"
    templates: "{{ table_of_templates }}"
    fleet: default
    workers: "{{ groups['promfleet_workers'] | length }}"
"""

RETURN = r"""
---
counts:
  description: The number of objects for each action.
  returned: success
  type: dict
  sample: {created: 2, updated: 1, deleted: 0, unchanged: 20}
objects:
  description:
    - The objects that changed, with C(action), C(kind), C(name) and C(fields), each with C(field), C(before) and
      C(after). Secrets are never shown.
  returned: success
  type: list
  elements: dict
  sample:
    - action: updated
      kind: job template
      name: "Monitoring: site"
      fields: [{field: forks, before: 5, after: 10}]
truncated:
  description: How many objects RV(objects) leaves out to keep the result small.
  returned: when there are very many
  type: int
  sample: 0
files:
  description: Files that were missing in the checkout of the project, and were written there.
  returned: success
  type: list
  elements: str
  sample: [collections/requirements.yml, playbooks/site.yml]
not_asked:
  description: Variables of the table's surveys that people are not asked for, with the reason of each.
  returned: success
  type: dict
  sample: {promfleet_wait: is set in the inventory}
requests:
  description: How many requests were sent to AWX.
  returned: always
  type: int
  sample: 31
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.awx import DEFINITION
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
