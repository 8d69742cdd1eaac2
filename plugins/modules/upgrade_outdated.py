#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: upgrade_outdated
short_description: Compare what is pinned, what runs and what there is
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Compares three versions of each component of a cluster. What the input would install, what its pods have, and what
    an index offers. It only reads.
  - The components are the operator, its config reloader and its CRDs, Prometheus, Alertmanager, Thanos, the exporters,
    kube-rbac-proxy, and this collection.
  - A part that cannot be read or asked is a row that says so, and not an error.
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
  crds_version:
    description: The release of the CRDs, by default that of the operator.
    type: str
  index:
    description:
      - A file of YAML or JSON with the versions that there are, on the machine that runs the module. It has C(format)
        (C(1)) and C(components), which has a list of versions for each component, in quotes.
      - It counts before what registries say.
    type: path
  ask:
    description:
      - Which registries are asked for the tags of the images. V(source) where they are published, V(target) where the
        pods get them from.
    type: str
    choices: [nothing, source, target]
    default: nothing
  credentials_file:
    description:
      - Credentials for registries, in a file as C(docker login) and C(podman login) write it. They are only sent to the
        registry that they are for, and to the token service that it names.
    type: path
  plain_http:
    description: Registries that are asked without TLS.
    type: list
    elements: str
    default: []
  registry_ca_cert:
    description: A file with the authorities that registries' certificates come from, beside those of the system.
    type: path
  fail_on:
    description:
      - V(outdated) makes the task fail where something newer is offered, where other versions run than are pinned, or
        where that is not known.
    type: str
    choices: [never, outdated]
    default: never
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
- name: What is outdated?
  promfleet.monitoring.upgrade_outdated:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    capabilities:
      operator: {}
    index: versions.yml
  register: outdated

- name: Show it
  ansible.builtin.debug:
    msg: "{{ outdated.text.splitlines() }}"
"""

RETURN = r"""
---
outdated:
  description: Whether a row has something to do, or something that is not known.
  returned: success
  type: bool
  sample: true
rows:
  description:
    - A row for each component that is pinned or runs.
    - C(running) is V(null) where that could not be read, C(newer) where nothing is offered. C(applied) says whether the
      pinned versions run, C(newest) whether nothing newer is offered; both are V(yes), V(no) or V(unknown), and
      C(applied) is V(not used) for what runs and is not in the input. C(reason) says why something is unknown.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: hub
      component: prometheus
      pinned: [3.13.5]
      running: [3.13.1]
      newer: []
      applied: "no"
      newest: "yes"
      reason: ""
text:
  description: The same for people.
  returned: success
  type: str
  sample: |
    prometheus: pinned 3.13.5; running 3.13.1; offered nothing newer
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.upgrade_outdated import DEFINITION


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
