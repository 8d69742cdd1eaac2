#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: images
short_description: Lock the images of a fleet, and list what to copy into a private registry
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Takes the images of all clusters, as M(promfleet.monitoring.images_info) lists them. It compares them with a lock
    file, which has the digest of each image's content, and writes lists for programs that copy images.
  - An image that the lock file does not have, and one in it that no cluster uses, are errors.
  - Asks no cluster. It asks registries only with O(ask). Where anything is wrong nothing is written.
options:
  inventories:
    description: The images of each cluster.
    type: list
    elements: dict
    required: true
    suboptions:
      cluster:
        description: The name of the cluster.
        type: str
        required: true
      images:
        description: The names of the images that it pulls.
        type: list
        elements: str
        required: true
  whole_fleet:
    description:
      - Whether O(inventories) has all clusters of the fleet. If not, an image in the lock file that none of them uses
        is not an error, and stays in the file.
    type: bool
    default: true
  mirrors:
    description:
      - Where images are copied to, by the registry or the path that their names begin with, such as C(quay.io) and
        C(registry.example.com/quay.io). The longest one that fits counts.
      - An image that the inventory already takes from another registry needs none; its name is where it is copied to.
      - Two images that would be copied to one name are refused.
    type: dict
    default: {}
  lock:
    description:
      - The lock file. It maps each image, by the name under which it is published, to a digest, or to an empty text
        where that is not known.
    type: path
  update_lock:
    description:
      - Whether to write O(lock) again, with the images that are used. Digests that it has are kept; for other images
        those of O(ask) are written.
    type: bool
    default: false
  former_lock:
    description:
      - The lock file of an earlier commit. Its images that no cluster uses any more are listed as what may be deleted
        from the mirror. By default O(lock) counts, as it was before this run.
    type: path
  require_digests:
    description: Whether an image without a digest is an error.
    type: bool
    default: false
  ask:
    description:
      - Which registries are asked for digests. V(source) asks those where the images are published, V(target) those
        that they are copied to.
      - An image that the registry does not have is an error, and so is one whose digest there differs from that in
        O(lock). To accept a new digest, remove the old one from the file.
    type: str
    choices: [nothing, source, target]
    default: nothing
  credentials_file:
    description:
      - A file with credentials of registries, as C(docker login) and C(podman login) write it. A Secret of the type
        C(kubernetes.io/dockerconfigjson) holds the same.
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
  formats:
    description:
      - Which lists are written into O(folder). V(plain) has a line C(source=target) for each image, V(skopeo) is for
        C(skopeo sync), V(oc_mirror) is an ImageSetConfiguration of oc-mirror v2, V(oras) and V(crane) are scripts.
      - The file C(delete.txt) is written beside them, with the images that may be deleted from the mirror.
    type: list
    elements: str
    choices: [plain, skopeo, oc_mirror, oras, crane]
    default: []
  folder:
    description:
      - Where the lists are written. A file there that this module did not make is never written over.
    type: path
extends_documentation_fragment:
  - promfleet.monitoring.attributes.files
"""

EXAMPLES = r"""
---
- name: Which images does the hub pull?
  promfleet.monitoring.images_info:
    cluster: hub
    capabilities:
      operator: {}
  register: inventory

- name: Write what is to be copied into the private registry
  promfleet.monitoring.images:
    inventories:
      - cluster: hub
        images: "{{ inventory.images | map(attribute='image') }}"
    mirrors:
      quay.io: registry.example.com/quay.io
    lock: images.lock.yml
    update_lock: true
    ask: source
    formats: [plain, skopeo]
    folder: mirror
"""

RETURN = r"""
---
images:
  description:
    - A row for each image and each name that it is copied to, with the C(clusters) that pull it. C(digest) is empty
      where it is not known. Where C(source) and C(target) are the same, nothing needs to be copied.
  returned: success
  type: list
  elements: dict
  sample:
    - source: quay.io/prometheus/prometheus:v3.13.5
      target: registry.example.com/quay.io/prometheus/prometheus:v3.13.5
      digest: sha256:4a61322ac1103a0e3aea2a61ef1718422a48fa046441f299d71e660a3bc71ae9
      clusters: [hub, edge]
delete:
  description: The names in the mirror that no cluster uses any more.
  returned: success
  type: list
  elements: str
  sample: ["registry.example.com/quay.io/prometheus/prometheus:v3.12.0"]
files:
  description: The files that changed, in check mode those that would change.
  returned: success
  type: list
  elements: dict
  sample:
    - {action: created, path: images.lock.yml}
text:
  description: The images for people.
  returned: success
  type: str
  sample: |
    quay.io/prometheus/prometheus:v3.13.5
      copied to registry.example.com/quay.io/prometheus/prometheus:v3.13.5
      no digest is known
      pulled by hub, edge
    images: 1, without a digest: 1, no longer used in the mirror: 0
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images import DEFINITION
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
