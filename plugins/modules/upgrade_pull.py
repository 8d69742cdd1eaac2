#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: upgrade_pull
short_description: Let the nodes of a cluster pull the images of an upgrade before it begins
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Makes a DaemonSet C(promfleet-pull) whose pods pull the images, waits until each node has them, and deletes it
    again, also where that fails. Nothing that exists is changed.
  - No program of an image runs. The containers refer to a ConfigMap that does not exist, so a kubelet pulls their
    images and does not start them; it says so by the reason C(CreateContainerConfigError).
  - Each node gets the images of the pods that it can run, by their node selectors, node affinities and tolerations. A
    node whose kubelet does not answer is a warning, and is not waited for.
  - Images are pulled in the namespace of the operator if its pods have the same pull secrets, and else in that of the
    pods that need them. Where such a namespace does not exist yet that is a warning, and they are not pulled.
  - The pods keep the restricted Pod Security Standard.
  - A run that was killed leaves its DaemonSet in the cluster; the next run deletes it. Only one run at a time may pull
    for a fleet in a cluster.
options:
  cluster:
    description: The name of the cluster.
    type: str
    required: true
  capabilities:
    description: What the cluster is to have, as for O(promfleet.monitoring.images_info#module:capabilities).
    type: dict
    required: true
  fleet:
    description: The name of the fleet, as for O(promfleet.monitoring.team_monitoring#module:fleet).
    type: str
    default: default
  records_namespace:
    description: As for O(promfleet.monitoring.team_monitoring#module:records_namespace).
    type: str
  lock_timeout:
    description: As for O(promfleet.monitoring.team_monitoring#module:lock_timeout).
    type: int
    default: 60
  timeout:
    description: After how many seconds an image that a node does not have yet is an error.
    type: int
    default: 600
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - In check mode no DaemonSet is made. The images are returned.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), in diff mode.
    support: N/A
    details:
      - What is made is removed again.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no
        change.
    support: full
    details:
      - What is made is removed again.
"""

EXAMPLES = r"""
---
- name: Let the nodes pull the images of the operator
  promfleet.monitoring.upgrade_pull:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    capabilities:
      operator: {version: 0.93.1}
"""

RETURN = r"""
---
images:
  description: The images that are pulled; in check mode also those of namespaces that do not exist yet.
  returned: success
  type: list
  elements: str
  sample: ["quay.io/prometheus-operator/prometheus-operator:v0.93.1"]
nodes:
  description: The nodes that have the images now; empty in check mode.
  returned: success
  type: list
  elements: str
  sample: [hub-control-plane]
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.upgrade_pull import DEFINITION


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
