#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: state_revert
short_description: Take a cluster back to its recorded state
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Applies the objects of a file of M(promfleet.monitoring.state_record) again, set by set, as the modules of the
    capabilities apply them. Objects that were made since then are deleted, adopted ones are released.
  - It takes back objects, and so the versions and flags in them. It does not take back data, Secrets and CRDs.
  - Everything is looked at before anything is written. Refused are a file of another cluster or fleet, other numbers of
    operators than the cluster has, and what is refused to the modules of the capabilities as well.
  - The next run of the playbook C(site) makes the cluster what the inventory says. Change the inventory too.
options:
  path:
    description: The file of M(promfleet.monitoring.state_record). Either this or O(secret) must be given.
    type: path
  secret:
    description: Whether the state is in the Secret of M(promfleet.monitoring.state_record).
    type: bool
    default: false
  prune:
    description:
      - Whether namespaces, instances, and whole sets of a capability that were not recorded may be deleted. A run that
        would delete any of them is refused without it, and lists them. Other objects are deleted in any case.
      - Volume claims are never deleted.
    type: bool
    default: false
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes
  - promfleet.monitoring.apply
  - promfleet.monitoring.change
"""

EXAMPLES = r"""
---
- name: Take the hub back to what it was
  promfleet.monitoring.state_revert:
    kubeconfig: ~/.kube/config
    context: kind-hub
    path: before/hub.json
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
sets:
  description: The number of recorded objects of each capability; 0 for a set that was removed.
  returned: success
  type: dict
  sample: {operator: 13, teams: 41, exporters: 0}
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.state_revert import DEFINITION


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
