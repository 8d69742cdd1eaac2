#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: tenant_gateway
short_description: Give teams the series of the platform's Prometheus that are about their own namespaces
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - For each team a prom-label-proxy whose arguments are the team's namespaces, in front of the platform's Prometheus,
    and a ScrapeConfig by which the team's own Prometheus reads it.
  - So the team's people query the kube-state-metrics and cAdvisor series of their namespaces where they query their
    own, and write rules about them. Nothing in a request chooses the namespaces.
options:
  namespace:
    description: The namespace of the proxies. Nothing else should run there, because its pods may reach the platform's
      Prometheus.
    type: str
    default: promfleet-gateway
  nodes_namespace:
    description: The namespace of the pods that have the series of nodes, those of the job C(node-exporter).
    type: str
    default: promfleet-node-exporter
  central_team:
    description: The team whose Prometheus reads other clusters; by default that of the platform.
    type: str
  reads:
    description: The other clusters whose series may be in an instance of this cluster, also by way of a region.
    type: list
    elements: str
    default: []
  teams_elsewhere:
    description: The O(teams) of clusters in O(reads) that have others than this one, by the name of the cluster.
    type: dict
    default: {}
  grants:
    description: The teams that get series, each once.
    type: list
    elements: dict
    default: []
    suboptions:
      team:
        description: The name of the team. It needs namespaces of its own.
        type: str
        required: true
      match:
        description:
          - Selectors of the series, of which the team gets those of its own namespaces.
          - By default the series of the jobs C(kube-state-metrics), C(kubelet), C(cadvisor) and C(kubelet-probes), as
            the catalogue of workloads names them, and what its rules record about the nodes that run pods of the team,
            C(namespace:nodes).
        type: list
        elements: str
        default: []
      federated:
        description:
          - On a central cluster, or on that of a region, also give the team what the platform's instances of the
            other clusters let the central one read about the team's namespaces. Those series keep their C(cluster).
          - Only clusters count on which the team is, and has all of its namespaces.
        type: bool
        default: false
      federated_match:
        description:
          - Selectors of these series.
          - By default what sources are read for by default, recorded series and firing alerts.
        type: list
        elements: str
        default: []
      namespaces_everywhere:
        description:
          - Whether no one else has namespaces with the names of the team's own on those clusters which this one reads
            and the team is not on, or the platform's Prometheus reads none of these.
          - Without it such a grant is refused, because the gateway cannot tell series of this cluster from others.
        type: bool
        default: false
      all_nodes:
        description: Also give the team the series of node_exporter about every node of the cluster.
        type: bool
        default: false
      interval:
        description: How often the team's Prometheus reads them.
        type: str
        default: 30s
      scrape_timeout:
        description: After how long such a read fails.
        type: str
        default: 10s
      sample_limit:
        description: How many series the team may get. A read with more fails as a whole; without it there is no limit.
        type: int
  state:
    description:
      - V(present) brings the set to its wanted state.
      - V(absent) removes all that this module made.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes
  - promfleet.monitoring.apply
  - promfleet.monitoring.change
  - promfleet.monitoring.teams
"""

EXAMPLES = r"""
---
- name: The payments team gets the kube and cAdvisor series of its namespaces
  promfleet.monitoring.tenant_gateway:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    clusters: [hub, edge]
    teams:
      - {name: payments, namespaces: [payments]}
    grants:
      - team: payments
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
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.capability import GATEWAY
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import definition_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module

DEFINITION = definition_of(GATEWAY)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
