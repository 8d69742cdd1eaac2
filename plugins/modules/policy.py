#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: policy
short_description: Keep policies about what teams may write, enforced by the API server itself
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - >-
    Makes a ValidatingAdmissionPolicy and its binding of each row of a table. The API server enforces them itself: no
    webhook is called, and nothing has to run for them.
  - All of them hold in namespaces with the label C(promfleet.monitoring/team) only, but for rows with the scope
    C(cluster), and leave alone what the platform's accounts write, but for rows that say so.
  - An object that violated a policy before and is not changed there stays as it is, so that a finalizer can be removed.
  - With V(audit), the default, nothing is denied. M(promfleet.monitoring.policy_audit) lists what would be.
  - Refused before anything is written if the account of this connection is not one of O(platform_accounts).
  - Needs Kubernetes 1.30.
options:
  state:
    description:
      - V(present) brings the policies to their wanted state.
      - V(absent) removes all that this module made, the bindings first.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes
  - promfleet.monitoring.policies
  - promfleet.monitoring.apply
  - promfleet.monitoring.change
"""

EXAMPLES = r"""
---
- name: Teams name no scrape class, and ConfigMaps have a name that begins with theirs
  promfleet.monitoring.policy:
    kubeconfig: ~/.kube/config
    context: kind-hub
    platform_accounts:
      - user: kubernetes-admin
    enforcement: deny
    rows:
      - id: config-map-names
        title: ConfigMaps are called after the team
        kinds:
          - group: ''
            versions: [v1]
            resources: [configmaps]
        checks:
          - expression: object.metadata.name.startsWith('team-')
            message: metadata.name must begin with team-
        ratchet: [data]
        fix: Choose another name
        reference: https://wiki.example.com/names
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

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.policy.capability import POLICY
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import definition_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module

DEFINITION = definition_of(POLICY)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
