# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations


class ModuleDocFragment:
    """Options of modules that return findings: thresholds, suppressions, and files."""

    DOCUMENTATION = r"""
options:
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
        C(findings.junit.xml) and C(findings.prom) (Prometheus' text format), with O(compare_with) also as
        C(comparison.json). Only their owner can read the files.
    type: path
  compare_with:
    description:
      - The C(findings.json) of an earlier run for the same cluster, or the folder that it is in, to compare with. It
        may be the one that O(result_folder) writes, because it is read first.
      - A finding is gone only if this run made a check that had found it. What could not be observed this time is not
        known, and never gone.
    type: path
"""
