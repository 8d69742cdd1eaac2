#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: render
short_description: Write the desired objects of a cluster as files for Git
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Makes the objects that the modules of this collection would apply to a cluster, and writes them as files, for review
    and for GitOps. Asks no cluster.
  - The same input gives the same bytes, in any order of the input. Each cluster has a folder, with a folder for each
    capability, and in that one for each team; each folder has a C(kustomization.yaml).
  - Every object has its wave as the annotation C(argocd.argoproj.io/sync-wave). Namespaces and CRDs have annotations
    that keep Argo CD and Flux from ever deleting them.
  - What only a live cluster knows must be given, such as
    O(promfleet.monitoring.federation_source#module:sources[].ip_family) of a load balancer. Otherwise nothing is
    written, and the message names the option.
  - Files hold references to Secrets, never their values. An object that would hold one is refused.
options:
  folder:
    description:
      - The folder with a folder for each cluster. It is made where it does not exist.
      - An index in the folder of the cluster says which files this module made. Of these it removes those that are no
        longer wanted. It never touches other files; where one is in its way nothing is written.
    type: path
    required: true
  cluster:
    description: The name of the cluster, and of its folder.
    type: str
    required: true
  clusters:
    description: The names of all clusters of the fleet. A warning names the folders of others.
    type: list
    elements: str
    default: []
  capabilities:
    description:
      - What the cluster is to have, by the name of the capability, each with the options of its module.
      - V(operator) is M(promfleet.monitoring.prometheus_operator), V(teams) is M(promfleet.monitoring.team_monitoring),
        V(federation-write) is M(promfleet.monitoring.federation_receiver), V(federation-source) is
        M(promfleet.monitoring.federation_source), and V(federation) is M(promfleet.monitoring.federation_endpoints).
      - The files of a capability that is not given are removed.
    type: dict
    required: true
  crds:
    description:
      - The CRDs that are written too, from the same sources as those of M(promfleet.monitoring.crds). An empty mapping
        means the pinned release.
      - By default none is written. They are 3.5 MB for each cluster, and no controller refuses what
        M(promfleet.monitoring.crds) refuses, such as a CRD that drops fields which are in use.
    type: dict
    suboptions:
      version:
        description: The operator release of the CRDs.
        type: str
      source:
        description: Where they come from.
        type: str
      checksum:
        description: The checksum of a single file.
        type: str
  flux:
    description:
      - Where Flux has the files. With it the folder of the cluster also gets a folder C(flux), with a Kustomization of
        Flux for each other folder. Each depends on the one before it, and has health checks for the operator's kinds.
    type: dict
    suboptions:
      source:
        description: The name of Flux's GitRepository.
        type: str
        required: true
      path:
        description: The path of O(folder) in the repository.
        type: str
        required: true
      namespace:
        description: The namespace of the GitRepository and of the Kustomizations.
        type: str
        default: flux-system
  overwrite_edited:
    description:
      - Whether files that were edited by hand since they were made are written again, or removed.
      - By default they are reported, and nothing is written.
    type: bool
    default: false
  fleet:
    description: The name of the inventory that the files belong to. The folder of another fleet is refused.
    type: str
    default: default
  shared_namespaces:
    description:
      - Namespaces in which pods of others run too. Such a namespace keeps its own Pod Security labels, and gets no
        C(ResourceQuota).
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - promfleet.monitoring.attributes.files
"""

EXAMPLES = r"""
---
- name: Write what the hub is to have
  promfleet.monitoring.render:
    folder: clusters
    cluster: hub
    capabilities:
      operator: {}
      teams:
        cluster: hub
        clusters: [hub, edge]
        teams:
          - name: payments
            namespaces: [payments]
"""

RETURN = r"""
---
counts:
  description: The number of files for each action, and of those that are unchanged.
  returned: success
  type: dict
  sample: {created: 4, updated: 1, deleted: 0, unchanged: 31}
files:
  description:
    - The files that changed, in check mode those that would change. C(edited) marks one that was edited by hand.
  returned: success
  type: list
  elements: dict
  sample:
    - {action: created, path: teams/payments/namespace-monitoring-payments.yaml}
folder:
  description: The folder of the cluster.
  returned: success
  type: str
  sample: clusters/hub
objects:
  description: How many objects are in all files.
  returned: success
  type: int
  sample: 28
truncated:
  description: How many files RV(files) leaves out to keep the result small.
  returned: when there are very many
  type: int
  sample: 0
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.rendering import DEFINITION


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
