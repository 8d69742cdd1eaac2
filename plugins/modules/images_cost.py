#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: images_cost
short_description: Compare what two states of the input cost clusters
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Compares two folders of M(promfleet.monitoring.render), such as one before and one after a flag was changed. It says
    for each cluster which images it pulls, how large they are, how many pods and containers run, and how much CPU and
    memory these request and may use.
  - The pods of instances are counted as the operator makes them, with its config reloader and sidecars. Init containers
    that end, and what users run themselves, are not counted.
  - Asks no cluster. It asks registries for the sizes of images only with O(ask).
options:
  before:
    description: The folder of one cluster, or one with a folder for each cluster. An empty folder counts as nothing.
    type: path
    required: true
  after:
    description: The same after the change.
    type: path
    required: true
  nodes:
    description: On how many nodes of each cluster runs what every node runs, such as node_exporter.
    type: int
    default: 1
  architecture:
    description: Of an image for several platforms the one for Linux on this architecture counts.
    type: str
    default: amd64
  mirrors:
    description: As for O(promfleet.monitoring.images#module:mirrors).
    type: dict
    default: {}
  ask:
    description:
      - Which registries are asked for the sizes of images. V(source) asks those where the images are published,
        V(target) those that they are copied to. An image that the registry does not have is an error.
    type: str
    choices: [nothing, source, target]
    default: nothing
  credentials_file:
    description: As for O(promfleet.monitoring.images#module:credentials_file).
    type: path
  plain_http:
    description: Registries without TLS, each as C(host:port).
    type: list
    elements: str
    default: []
  ca_cert:
    description:
      - A file with the authorities that registries' certificates are checked by, instead of those of the system.
    type: path
extends_documentation_fragment:
  - promfleet.monitoring.attributes.info
"""

EXAMPLES = r"""
---
- name: What do the exporters cost?
  promfleet.monitoring.images_cost:
    before: clusters
    after: clusters-with-exporters
    nodes: 12
    ask: source
"""

RETURN = r"""
---
clusters:
  description:
    - For each cluster what it costs C(before) and C(after), and the images that are C(added) and C(removed). CPUs are
      numbers, memory is in MiB, and C(image_megabytes), which is there with O(ask), is what a node pulls, in MiB.
    - C(without_memory_limit) counts the containers whose use of memory nothing limits.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: hub
      before: {images: 4, pods: 7, containers: 13, cpu_requests: 0.9, memory_requests: 1850.0, memory_limits: 1850.0,
        without_memory_limit: 0}
      after: {images: 5, pods: 8, containers: 14, cpu_requests: 1.0, memory_requests: 1880.0, memory_limits: 1880.0,
        without_memory_limit: 0}
      added: ["quay.io/prometheus/node-exporter:v1.12.1"]
      removed: []
text:
  description: All of it for people.
  returned: success
  type: str
  sample: |
    hub:
      images: 4 -> 5 (+1)
      containers: 13 -> 14 (+1)
      + quay.io/prometheus/node-exporter:v1.12.1
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images_cost import DEFINITION
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
