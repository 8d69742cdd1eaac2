#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: state_record
short_description: Record what a fleet has in a cluster
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Reads the objects that this collection manages in a cluster, and keeps them as the runs applied them, in a file or
    in a Secret of the cluster. M(promfleet.monitoring.state_compare) compares the cluster with it later, and
    M(promfleet.monitoring.state_revert) takes the cluster back to it.
  - No inventory is needed. Of each object the fields are recorded that belong to this collection; fields of others,
    status and data of instances are not.
  - The same state gives the same file, which only its owner can read. It has no Secrets, because no set of a capability
    has any. Sets that users keep with M(promfleet.monitoring.objects) are not recorded.
options:
  path:
    description:
      - The file. One that this module did not write is never written over.
      - Either this or O(secret) must be given.
    type: path
  secret:
    description:
      - Whether to keep the state in the cluster, compressed, as C(state.json.gz) of the Secret C(promfleet-state-FLEET)
        in the namespace of the records. A later record replaces it, and uninstalling leaves it.
      - The account needs C(get) and C(patch) of this Secret, and C(create).
      - A state that is larger than a Secret can be is refused; that of some thousand teams fits.
    type: bool
    default: false
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
  - promfleet.monitoring.attributes.files
"""

EXAMPLES = r"""
---
- name: Record what the hub has before it is changed
  promfleet.monitoring.state_record:
    kubeconfig: ~/.kube/config
    context: kind-hub
    path: before/hub.json

- name: Record it in the cluster itself
  promfleet.monitoring.state_record:
    kubeconfig: ~/.kube/config
    context: kind-hub
    secret: true
"""

RETURN = r"""
---
path:
  description: The file.
  returned: when it is in a file
  type: str
  sample: before/hub.json
secret:
  description: The namespace and the name of the Secret.
  returned: when it is in the cluster
  type: str
  sample: kube-system/promfleet-state-default
sets:
  description: The number of objects of each capability.
  returned: success
  type: dict
  sample: {operator: 13, teams: 41}
crds:
  description: The releases of the operator that its CRDs are of. A record has only these, and not the CRDs.
  returned: success
  type: list
  elements: str
  sample: ["0.93.1"]
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.state_record import DEFINITION


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
