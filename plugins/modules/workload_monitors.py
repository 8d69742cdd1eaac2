#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: workload_monitors
short_description: Watch well-known workloads by monitors, rules and alerts of a catalogue
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - For each workload a PodMonitor or ServiceMonitor, a PrometheusRule, and what the instance needs to find the targets.
  - What a workload is an entry of the catalogue says, which is data. The role of the same name brings the shipped
    entries and those of the user.
  - With the profile V(minimal) only those metrics are kept that the rules, alerts and panels of the entry read.
options:
  state:
    description:
      - V(present) brings all workloads to their wanted state.
      - V(absent) removes all that this module made.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes
  - promfleet.monitoring.apply
  - promfleet.monitoring.change
  - promfleet.monitoring.teams
  - promfleet.monitoring.workloads
"""

EXAMPLES = r"""
---
- name: The platform's Prometheus watches a program of which there is an entry
  promfleet.monitoring.workload_monitors:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    clusters: [hub, edge]
    entries:
      shop.yml: "{{ lookup('ansible.builtin.file', 'catalogue/shop.yml') }}"
    workloads:
      - id: shop
        namespaces: [shop]
        profile: minimal
"""

RETURN = r"""
---
counts:
  description: The number of objects for each action, and of those that are unchanged.
  returned: when the cluster was asked
  type: dict
  sample: {created: 12, updated: 0, replaced: 0, deleted: 0, released: 0, unchanged: 31}
objects:
  description:
    - The changed objects, in check mode those that would change; an entry has C(action), C(kind), C(namespace),
      C(name) and for updates C(fields), also for objects that are released and get back what they had.
    - C(local) marks a prediction for which the server could not be asked, because the run itself first makes
      the namespace or the CRD.
  returned: when the cluster was asked
  type: list
  elements: dict
  sample:
    - {action: created, kind: Prometheus, namespace: monitoring-payments, name: payments}
failures:
  description: The objects that could not be applied, each with its message; conflicts name fields and managers.
  returned: when there are any
  type: list
  elements: dict
  sample:
    - kind: ConfigMap
      namespace: monitoring-payments
      name: settings
      message: 'other managers own fields of it: .data.a (owned by "kubectl-edit")'
      conflicts: [{field: .data.a, manager: kubectl-edit}]
truncated:
  description: How many changed objects RV(objects) leaves out to keep the result small.
  returned: when there are very many
  type: int
  sample: 0
audit:
  description: The number and the digest of the entry in the audit trail.
  returned: when something was changed and O(audit.enabled) is V(true)
  type: dict
  sample: {number: 42, digest: 3b1f0c1d9a}
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.workloads.capability import WORKLOADS
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import definition_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module

DEFINITION = definition_of(WORKLOADS)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
