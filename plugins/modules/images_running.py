#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: images_running
short_description: Compare the images of a cluster's pods with those that its input makes it pull
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Lists the pods in the namespaces of the operator and of the instances, and fails where an expected image is in no
    pod, where a pod has an image that is not expected, or where it runs by another digest than the lock file has.
  - Call it when all pods are ready. It only reads.
options:
  cluster:
    description: The name of the cluster.
    type: str
    required: true
  capabilities:
    description:
      - What the cluster is to have, as for O(promfleet.monitoring.render#module:capabilities).
    type: dict
    required: true
  digests:
    description:
      - The digests of images by the names under which they are published, as the lock file of
        M(promfleet.monitoring.images) has them. An image without one is compared by its name only, and so is one that
        was put on a node by hand.
    type: dict
    default: {}
  shared_namespaces:
    description: Namespaces in which pods of others run too. In these only our own pods count.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes.info
"""

EXAMPLES = r"""
---
- name: Do the pods have the images that the input asks for?
  promfleet.monitoring.images_running:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    capabilities:
      operator: {}
    digests: "{{ (lookup('ansible.builtin.file', 'images.lock.yml') | from_yaml).images }}"
"""

RETURN = r"""
---
missing:
  description: The expected images that no pod has.
  returned: when the pods could be read
  type: list
  elements: str
  sample: []
unexpected:
  description: The images that are not expected, each with the containers of pods that have it, as C(pods).
  returned: when the pods could be read
  type: list
  elements: dict
  sample:
    - image: docker.io/istio/proxyv2:1.29.0
      pods: ["Pod monitoring-payments/prometheus-payments-0, container istio-proxy"]
different:
  description: The images that run by another digest than the C(expected) one, with the C(running) one and its C(pods).
  returned: when the pods could be read
  type: list
  elements: dict
  sample: []
pods:
  description: How many pods were looked at.
  returned: when the pods could be read
  type: int
  sample: 7
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images_running import DEFINITION
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
