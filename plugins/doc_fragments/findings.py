# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations


class ModuleDocFragment:
    """Options of modules that look at a cluster and return findings."""

    DOCUMENTATION = r"""
options:
  operator_namespace:
    description: The operator's namespace.
    type: str
    default: prometheus-operator
  sources:
    description: The federation sources that are expected on this cluster, as
      M(promfleet.monitoring.federation_source) returned them.
    type: list
    elements: dict
    default: []
  exposed:
    description: The sources that this cluster exposes, with the suboptions that
      O(promfleet.monitoring.federation_source#module:sources) has.
    type: list
    elements: dict
    default: []
  central_team:
    description: The team whose Prometheus federates the sources that name no team in C(into).
    type: str
    default: platform
  wait_timeout:
    description:
      - How long the task may take, in seconds, at least 1. What was not asked by then counts as not observed.
    type: int
    default: 300
  fail_on:
    description:
      - The severity from which a finding makes the task fail.
      - What could not be observed makes it fail at any severity, unless it is suppressed.
    type: str
    default: error
    choices: [info, warning, error]
  show_from:
    description:
      - The severity from which findings are returned and written. Findings that make the task fail are always included.
    type: str
    default: info
    choices: [info, warning, error]
  suppressions:
    description:
      - Findings that are known. They do not make the task fail, and neither does what follows from them alone.
      - An entry that is expired, has no reason, or has nothing to suppress is a finding itself.
    type: list
    elements: dict
    default: []
    suboptions:
      code:
        description: The code of the finding.
        type: str
        required: true
      object:
        description:
          - The object as C(cluster/kind/namespace/name), where C(*) matches any text, with slashes too; objects
            without a namespace are C(cluster/kind/name).
        type: str
        required: true
      reason:
        description: Why it is known. Without a reason the entry suppresses nothing.
        type: str
      owner:
        description: Who takes care of it.
        type: str
      until:
        description: The last day (UTC) on which the entry holds, as C(2027-01-31); without it, it holds for ever.
        type: str
  result_folder:
    description:
      - A folder on the machine that runs the module, for the whole report as C(findings.json),
        C(findings.junit.xml) and C(findings.prom) (Prometheus' text format). Only their owner can read the files.
    type: path
"""
