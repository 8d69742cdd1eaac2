#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: team_monitoring
short_description: Give each team its own isolated monitoring instance
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Each team that is switched on gets a namespace that the platform owns, with accounts, quota, network policy,
    Prometheus, Alertmanager, monitors and base rules, each part by a flag.
  - The team's own namespaces are selected by a label; there the team keeps its monitors and rules.
  - One task handles all teams of a cluster. Objects that a former run made and that are no longer desired are deleted;
    for a team that is no longer listed this requires O(prune).
  - A run that creates a Prometheus or an Alertmanager is refused, before anything is written, if an operator that this
    collection did not install would reconcile it.
options:
  base_rules:
    description: Groups of rules that every instance gets, as in a C(PrometheusRule).
    type: list
    elements: dict
    default: []
  writes:
    description: What M(promfleet.monitoring.federation_writes) returned, the ends to which instances send their series.
    type: list
    elements: dict
    default: []
    suboptions:
      team:
        description: The team whose Prometheus it is.
        type: str
        required: true
      remote_write:
        description: The list C(spec.remoteWrite) of that Prometheus.
        type: list
        elements: dict
        required: true
  receiving:
    description:
      - The teams whose Prometheus on this cluster takes what others write by remote_write. It is a flag of Prometheus,
        so a change restarts its pods one after the other.
    type: list
    elements: str
    default: []
  api_server_sources:
    description:
      - Where the API server's requests to pods come from on this cluster, so that the network policies of the instances
        let them in. M(promfleet.monitoring.monitoring_verify) reaches Prometheus through the API server.
      - Needed where network policies are enforced. By default they let in no API server that is on another node.
      - Each entry has O(api_server_sources[].cidr) or O(api_server_sources[].namespace).
    type: list
    elements: dict
    default: []
    suboptions:
      cidr:
        description: A range of addresses of the API server, such as C(10.0.0.5/32).
        type: str
      namespace:
        description: The namespace of pods through which the API server comes, such as those of konnectivity-agent.
        type: str
      pod_labels:
        description: The labels of these pods; by default all pods of the namespace are let in.
        type: dict
        default: {}
  only:
    description:
      - The names of the teams to which the run is limited. The objects of all others stay as they are, and the run says
        so.
      - By default a run handles all teams.
    type: list
    elements: str
    default: []
  prune:
    description: Whether the objects of teams that are no longer listed may be removed. Without it such a run is
      refused before the first write.
    type: bool
    default: false
  prune_max_percent:
    description: The largest percentage of the set's objects that may be deleted for teams that are no longer listed.
    type: int
    default: 50
  remove_volume_claims:
    description: Whether the volume claims of removed instances are deleted too, with the data in them.
    type: bool
    default: false
  replaced_operators:
    description:
      - >-
        Operators of others that M(promfleet.monitoring.prometheus_operator) replaces in the same run, each as
        C(namespace/name) of its Deployment. In check mode they count as stopped.
    type: list
    elements: str
    default: []

  state:
    description:
      - V(present) brings all teams to their wanted state.
      - V(absent) removes all that this module made; volume claims, and namespaces with objects of others, stay.
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
- name: Two teams
  promfleet.monitoring.team_monitoring:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    clusters: [hub, edge]
    teams:
      - name: payments
        namespaces: [payments]
        size: medium
      - name: search
        namespaces: [search, search-batch]
        alertmanager:
          enabled: false
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
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import TEAMS
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import definition_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module

DEFINITION = definition_of(TEAMS)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
