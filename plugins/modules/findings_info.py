#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: findings_info
short_description: Explain the codes of findings
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Returns the meaning and the fix of the codes that M(promfleet.monitoring.monitoring_verify) finds.
  - Asks no cluster.
options:
  code:
    description: The code to explain; without it all of them are returned.
    type: str
extends_documentation_fragment:
  - promfleet.monitoring.attributes.info
"""

EXAMPLES = r"""
---
- name: Explain a code
  promfleet.monitoring.findings_info:
    code: PF304
"""

RETURN = r"""
---
codes:
  description: The entries of the catalogue, in the order of their codes.
  returned: success
  type: list
  elements: dict
  contains:
    code:
      description: The code.
      type: str
      sample: PF304
    severity:
      description: V(info), V(warning) or V(error).
      type: str
      sample: error
    title:
      description: What the code means.
      type: str
      sample: A federated target is down
    meaning:
      description: Why it happens.
      type: str
      sample: The central Prometheus knows the source's address, and scraping it fails.
    fix:
      description: How to fix it; names in braces are replaced by parts of the object.
      type: str
      sample: is the worker's exposed address reachable from this cluster, and its network policy open for it?
    reference:
      description: Where upstream explains what lies behind it.
      type: str
      sample: https://prometheus.io/docs/prometheus/latest/federation/
    documentation:
      description: Its section in the guide.
      type: str
      sample: https://github.com/promfleet/ansible-collection-monitoring/blob/main/docs/findings.md#pf304
    when:
      description: Whether it can be seen V(before) something is applied, V(after) that, or both.
      type: list
      elements: str
      sample: [after]
    explained_by:
      description: The codes whose faults make this one happen.
      type: list
      elements: str
      sample: []
    observed:
      description: Whether the code says that a fault was seen; V(false) where something could not be observed.
      type: bool
      sample: true
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.catalogue import CODES, code_named
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

OPTIONS = {"code": {"type": "str"}}


def work(run: Run) -> dict[str, object]:
    """Do what the module is for."""
    name = run.params["code"]
    entries = CODES.values() if name is None or not name.strip() else [code_named(name, path="code")]
    return {"codes": [entry.result() for entry in entries]}


DEFINITION = Definition(name="findings_info", options=OPTIONS, work=work, needs_cluster=False)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
