#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: upgrade_gate
short_description: Measure a cluster before and after its upgrade, and compare
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - In the stage V(begin) it measures what the gates compare, reads the objects that a rollback would bring back, and
    notes both in a record. Where an earlier run did not finish, it says how to go on, and measures nothing.
  - In the stage V(judge) it measures again, and compares. A difference freezes the fleet. V(close) does so after a
    rollback, and notes that it ended.
  - It writes to no cluster. A gate that cannot be measured fails.
options:
  stage:
    description: What is done.
    type: str
    choices: [begin, judge, close]
    required: true
  cluster:
    description: The name of the cluster.
    type: str
    required: true
  folder:
    description: The folder of the records, readable by their owner only. Objects may hold what is secret.
    type: path
    required: true
  fleet:
    description: The name of the fleet, as for O(promfleet.monitoring.team_monitoring#module:fleet).
    type: str
    default: default
  records_namespace:
    description: As for O(promfleet.monitoring.team_monitoring#module:records_namespace).
    type: str
  changes:
    description: How many objects the upgrade would change, by its plan. With V(0) nothing begins.
    type: int
  windows:
    description: When upgrades may begin, in UTC; without any at all times. A rollback never waits for a window.
    type: list
    elements: dict
    default: []
    suboptions:
      days:
        description: The days on which the window begins.
        type: list
        elements: str
        choices: [mon, tue, wed, thu, fri, sat, sun]
        default: [mon, tue, wed, thu, fri, sat, sun]
      from:
        description: When it begins.
        type: str
        default: "00:00"
      to:
        description: When it ends; before O(windows[].from) that is on the next day.
        type: str
        default: "24:00"
  slis:
    description: Values that must be the same before and after. Each query must give one series.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the value is called.
        type: str
        required: true
      query:
        description: An expression of PromQL.
        type: str
        required: true
      team:
        description: The team whose Prometheus is asked, by default that of O(sli_team).
        type: str
      window:
        description: The value is the average over this time.
        type: str
      tolerance:
        description: By which part of the value before the one after may differ.
        type: float
        default: 0.01
      absolute:
        description: By how much it may differ in any case.
        type: float
        default: 0.0
  sli_team:
    description: The team whose Prometheus is asked for SLIs that name none.
    type: str
    default: platform
  known_changes:
    description: Differences that are expected, and fail no gate.
    type: list
    elements: dict
    default: []
    suboptions:
      gate:
        description: The gate.
        type: str
        choices: [targets, rules, series, alerts, slis, continuity, ready, findings, run]
        required: true
      match:
        description: A regular expression that is searched for in what differs, such as the name of a series.
        type: str
        required: true
      place:
        description: A regular expression that is searched for in the instance, which is C(namespace/name).
        type: str
        default: ""
  volatile_labels:
    description: Labels that a new pod changes. Targets and alerts that differ by these only count as the same.
    type: list
    elements: str
    default: [instance, pod, node, uid, container_id]
  findings:
    description: What M(promfleet.monitoring.monitoring_verify) found, as it returns it.
    type: list
    elements: dict
    default: []
  error:
    description: Why the run of the upgrade failed. With it the gate fails at once.
    type: str
  soak:
    description: How long is waited before measuring again.
    type: str
    default: "0"
  timeout:
    description: For how many seconds a difference may last after that, before it fails the gate.
    type: int
    default: 300
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes.records
"""

EXAMPLES = r"""
---
- name: Measure before the upgrade
  promfleet.monitoring.upgrade_gate:
    kubeconfig: ~/.kube/config
    context: kind-hub
    stage: begin
    cluster: hub
    folder: /var/lib/promfleet/upgrades
    slis:
      - {name: scraped, query: sum(up)}
  register: begin

- name: Compare after it
  promfleet.monitoring.upgrade_gate:
    kubeconfig: ~/.kube/config
    context: kind-hub
    stage: judge
    cluster: hub
    folder: /var/lib/promfleet/upgrades
    soak: 10m
"""

RETURN = r"""
---
step:
  description:
    - What is to be done next, V(upgrade), V(roll back) or V(nothing). V(frozen) and V(closed) say that no upgrade may
      begin, because of a freeze, or outside of the windows.
  returned: success
  type: str
  sample: upgrade
reason:
  description: Why; after a rollback, why the newer CRDs stay.
  returned: success
  type: str
  sample: ""
resumed:
  description: Whether an earlier run began it.
  returned: success
  type: bool
  sample: false
passed:
  description: Whether all gates passed, in the stages V(judge) and V(close).
  returned: success
  type: bool
  sample: true
faults:
  description: The gates that failed, each with C(gate), C(place), C(item), C(before) and C(after).
  returned: success
  type: list
  elements: dict
  sample:
    - gate: targets
      place: monitoring-pay/pay
      item: 'serviceMonitor/pay/app/0{job="app"}'
      before: 2 of 2 up
      after: gone
findings:
  description: The same as findings, in the form of C(docs/findings.schema.json).
  returned: success
  type: list
  elements: dict
  sample: []
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.upgrade_gate import DEFINITION


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
