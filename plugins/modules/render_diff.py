#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: render_diff
short_description: Compare the rendered objects of two inventories or commits
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Says which objects two folders of M(promfleet.monitoring.render) do not have alike, by cluster, capability, team,
    object and field. Asks no cluster.
  - Items of lists that have names are compared by these. Values of secrets are hidden.
options:
  before:
    description:
      - The folder that counts as the earlier one. That of one cluster, or one with a folder for each. An empty folder
        has no objects.
    type: path
    required: true
  after:
    description: The later one, in either form. Clusters are compared with those of the same name.
    type: path
    required: true
  fail_on:
    description:
      - V(any) fails for each difference, V(deleted) for each object that the later folder does not have any more.
    type: str
    choices: [never, deleted, any]
    default: never
  result_folder:
    description:
      - A folder for the whole result, as C(differences.txt), as C(differences.md) for a comment of a merge request, and
        as C(differences.json).
    type: path
extends_documentation_fragment:
  - promfleet.monitoring.attributes.info
"""

EXAMPLES = r"""
---
- name: What would this branch change?
  promfleet.monitoring.render_diff:
    before: /tmp/main/clusters
    after: clusters
    fail_on: deleted
  register: compared

- name: Show it
  ansible.builtin.debug:
    msg: "{{ compared.text.splitlines() }}"
"""

RETURN = r"""
---
headline:
  description: The counts in words.
  returned: always
  type: str
  sample: 1 created, 1 updated, 0 deleted, 58 unchanged
summary:
  description: The number of objects for each action, complete even if the list is cut off.
  returned: always
  type: dict
  sample: {created: 1, updated: 1, deleted: 0, unchanged: 58}
differences:
  description:
    - The objects that differ, with C(cluster), C(capability), C(team), C(action), C(group), C(kind), C(namespace) and
      C(name). Updated ones have C(fields), each with C(field), C(before) and C(after).
  returned: always
  type: list
  elements: dict
  sample:
    - cluster: hub
      capability: teams
      team: payments
      action: updated
      group: monitoring.coreos.com
      kind: Prometheus
      namespace: monitoring-payments
      name: payments
      fields: [{field: spec.retention, before: 24h, after: 48h}]
truncated:
  description: How many objects RV(differences) leaves out to keep the result small.
  returned: when there are very many
  type: int
  sample: 0
text:
  description: The same for people, cut where it is very long.
  returned: always
  type: str
  sample: |
    1 created, 1 updated, 0 deleted, 58 unchanged
markdown:
  description: The same for a comment of a merge request, at most 60,000 characters.
  returned: always
  type: str
  sample: "**Objects: 0 created, 0 updated, 0 deleted, 60 unchanged**"
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.render_diff import DEFINITION


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
