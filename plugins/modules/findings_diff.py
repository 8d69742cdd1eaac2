#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: findings_diff
short_description: Compare the findings of two runs
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Says which findings are new, gone or still there between two results that modules of this collection wrote. A
    finding is known by its fingerprint.
  - A finding is gone only if the later run made a check that had found it. What the later run could not observe, or did
    not look at, is not known.
  - Asks no cluster. With O(promfleet.monitoring.federation_doctor#module:compare_with) a run compares itself with an
    earlier one.
options:
  before:
    description:
      - The earlier result. A file C(findings.json), the folder that it is in, or a folder with such a folder for each
        host, which is what the playbooks make of C(promfleet_result_folder).
    type: path
    required: true
  after:
    description: The later result, in any of these forms. Clusters are compared with those of the same name.
    type: path
    required: true
extends_documentation_fragment:
  - promfleet.monitoring.attributes.info
"""

EXAMPLES = r"""
---
- name: Compare two runs of the playbook doctor
  promfleet.monitoring.findings_diff:
    before: /var/log/promfleet/monday
    after: /var/log/promfleet/tuesday
  register: compared

- name: Fail for findings that are new
  ansible.builtin.assert:
    that: not compared.new
    fail_msg: "{{ compared.headline }}: {{ compared.new | map(attribute='message') | join('; ') }}"
"""

RETURN = r"""
---
headline:
  description: The counts in words.
  returned: success
  type: str
  sample: 1 new, 0 gone, 3 still there
summary:
  description: How many findings there are of each sort, complete even if the lists are cut off.
  returned: success
  type: dict
  sample: {new: 1, gone: 0, still: 3, changed: 0, unknown: 0}
new:
  description:
    - The findings that the earlier result does not have, with C(code), C(severity), C(observed), C(object), C(message),
      C(fingerprint) and C(suppressed).
    - C(checked_before) says whether their check was made then, too.
  returned: success
  type: list
  elements: dict
  sample:
    - code: PF304
      severity: error
      observed: true
      object: {cluster: hub, kind: ServiceMonitor, namespace: monitoring-platform, name: federation-edge-platform}
      message: "federation of edge/platform: http://192.0.2.7:31090/federate: connection refused"
      fingerprint: 0b8a3c1f5d2e7a94
      suppressed: false
      checked_before: true
gone:
  description: The findings of the earlier result that a check of the later run no longer found.
  returned: success
  type: list
  elements: dict
  sample: []
still:
  description: The findings of both. C(changed) has what differs in them, each with C(before) and C(after).
  returned: success
  type: list
  elements: dict
  sample: []
unknown:
  description: The findings of the earlier result whose checks the later run did not make.
  returned: success
  type: list
  elements: dict
  sample: []
truncated:
  description: How many entries of all lists are left out to keep the result small.
  returned: when some are
  type: int
  sample: 120
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.comparing import as_result, compare_folders
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

OPTIONS = {name: {"type": "path", "required": True} for name in ("before", "after")}


def work(run: Run) -> dict[str, object]:
    """Do what the module is for."""
    return as_result(compare_folders(run.params["before"], run.params["after"]))


DEFINITION = Definition(name="findings_diff", options=OPTIONS, work=work, needs_cluster=False)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
