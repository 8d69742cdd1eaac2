#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: state_compare
short_description: Compare a cluster with its recorded state
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Compares the objects that this collection manages in a cluster with a file of
    M(promfleet.monitoring.state_record), object by object and field by field. It only reads.
  - A field that somebody else changed in the cluster differs too, also where that manager owns it now.
  - A file of another cluster, or of another fleet, is refused.
options:
  path:
    description: The file of M(promfleet.monitoring.state_record). Either this or O(secret) must be given.
    type: path
  secret:
    description: Whether the state is in the Secret of M(promfleet.monitoring.state_record).
    type: bool
    default: false
  cluster:
    description: The name of the cluster, for what is shown.
    type: str
    required: true
  fail_on:
    description: Whether to fail where anything differs, also a CRD's release.
    type: str
    choices: [never, any]
    default: never
  fleet:
    description: The name of the inventory that the objects belong to.
    type: str
    default: default
  records_namespace:
    description: As for O(promfleet.monitoring.team_monitoring#module:records_namespace).
    type: str
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes.info
"""

EXAMPLES = r"""
---
- name: What has changed in the hub since it was recorded?
  promfleet.monitoring.state_compare:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    path: before/hub.json
"""

RETURN = r"""
---
headline:
  description: The numbers in words.
  returned: success
  type: str
  sample: 1 created, 2 updated, 0 deleted, 51 unchanged
summary:
  description: The number of objects for each action, and of those that are as they were recorded.
  returned: success
  type: dict
  sample: {created: 1, updated: 2, deleted: 0, unchanged: 51}
differences:
  description:
    - The objects that differ, each with C(cluster), C(capability), C(team), C(action), C(group), C(kind), C(namespace)
      and C(name), and for updates C(fields) with C(before) (as recorded) and C(after) (as it is now).
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: hub
      capability: operator
      team: ""
      action: updated
      group: apps
      kind: Deployment
      namespace: prometheus-operator
      name: prometheus-operator
      fields: [{field: spec.replicas, before: 1, after: 0}]
truncated:
  description: How many objects RV(differences) leaves out to keep the result small.
  returned: when there are very many
  type: int
  sample: 0
crds:
  description: The CRDs of the operator that are of another release than recorded.
  returned: success
  type: list
  elements: str
  sample: []
text:
  description: All of it for people.
  returned: success
  type: str
  sample: |
    0 created, 0 updated, 0 deleted, 54 unchanged
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.state_compare import DEFINITION


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
