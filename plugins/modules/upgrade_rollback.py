#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: upgrade_rollback
short_description: Bring a cluster back to what it was before its upgrade
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Applies the objects that M(promfleet.monitoring.upgrade_gate) noted before the upgrade, first the CRDs, then each
    set. What the upgrade made is deleted, but no namespace. Fields that others took since are taken back.
  - CRDs that live objects need stay as they are; RV(crds) says why.
  - A second run changes nothing.
options:
  cluster:
    description: The name of the cluster.
    type: str
    required: true
  folder:
    description: The folder of the records.
    type: path
    required: true
  fleet:
    description: The name of the fleet, as for O(promfleet.monitoring.team_monitoring#module:fleet).
    type: str
    default: default
  shared_namespaces:
    description: As for O(promfleet.monitoring.team_monitoring#module:shared_namespaces).
    type: list
    elements: str
    default: []
  disposable_objects:
    description: As for O(promfleet.monitoring.team_monitoring#module:disposable_objects).
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes
  - promfleet.monitoring.change
"""

EXAMPLES = r"""
---
- name: Roll the cluster back
  promfleet.monitoring.upgrade_rollback:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    folder: /var/lib/promfleet/upgrades
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
crds:
  description: Why the newer CRDs stay; empty where the former ones are back.
  returned: success
  type: str
  sample: ""
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.upgrade_rollback import DEFINITION


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
