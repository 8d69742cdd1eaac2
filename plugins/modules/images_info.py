#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: images_info
short_description: List every image that a cluster pulls for its input
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Makes the objects that the modules of this collection would apply to a cluster, and returns the images of all pods
    that follow from them, each with the objects, fields and flags that say so. Asks no cluster.
  - This includes what no object names. The operator adds the config reloader, and the images of instances, by its
    flags, or by the defaults of its release.
  - Addresses and ports that only a live cluster knows need not be given.
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
  manifests:
    description:
      - Files and folders with manifests of other programs that run in the cluster, such as what C(helm template)
        writes. Their images are listed too.
      - Of the Logging operator's own resources the images are listed that its release pulls for them. The release is
        that of the operator's Deployment among the manifests.
    type: list
    elements: path
    default: []
extends_documentation_fragment:
  - promfleet.monitoring.attributes.info
"""

EXAMPLES = r"""
---
- name: Which images does the hub pull?
  promfleet.monitoring.images_info:
    cluster: hub
    capabilities:
      operator: {}
      teams:
        cluster: hub
        clusters: [hub, edge]
        teams:
          - name: payments
            namespaces: [payments]
  register: inventory

- name: Show them, and why
  ansible.builtin.debug:
    msg: "{{ inventory.text.splitlines() }}"
"""

RETURN = r"""
---
images:
  description:
    - A row for each image, sorted. RV(images[].image) is as the pods have it, with all defaults of its name filled in,
      and C(source) is where it is published.
    - C(why) has at most 20 reasons, C(more) is the number of the others. A reason has the C(object) and its
      C(containers), the C(field) of the object, and the C(flag) of the operator, as far as these name a part of the
      image. C(operator) is the release whose own C(default) counts.
  returned: success
  type: list
  elements: dict
  contains:
    image:
      description: The name of the image.
      returned: always
      type: str
  sample:
    - image: quay.io/prometheus/prometheus:v3.13.5
      source: quay.io/prometheus/prometheus:v3.13.5
      why:
        - object: Prometheus monitoring-payments/payments
          containers: [prometheus]
          field: spec.version
          flag: --prometheus-default-base-image of Deployment prometheus-operator/prometheus-operator
text:
  description: The same for people.
  returned: success
  type: str
  sample: |
    quay.io/prometheus/prometheus:v3.13.5
      Prometheus monitoring-payments/payments (prometheus): spec.version, --prometheus-default-base-image of ...
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images_info import DEFINITION
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
