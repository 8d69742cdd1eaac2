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
  - One task handles all teams of a cluster. What a former run made and nobody wants any more is removed; a team
    that is no longer listed needs O(prune).
options:
  base_rules:
    description: Groups of rules that every instance gets, as in a C(PrometheusRule).
    type: list
    elements: dict
    default: []
  only:
    description:
      - The names of the teams that this run is about. The objects of all others stay as they are, and the run says so.
      - By default the run is about all teams.
    type: list
    elements: str
    default: []
  prune:
    description: Whether the objects of teams that are no longer listed may be removed. Without it such a run is
      refused before the first write.
    type: bool
    default: false
  prune_max_percent:
    description: The largest part of the set's objects that teams which are no longer listed may take with them.
    type: int
    default: 50
  remove_volume_claims:
    description: Whether the volume claims of removed instances are deleted too, with the data in them.
    type: bool
    default: false

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
  description: How many objects met each fate.
  returned: when the cluster was asked
  type: dict
  sample: {created: 12, updated: 0, replaced: 0, deleted: 0, released: 0, unchanged: 31}
objects:
  description:
    - The changed objects, in check mode those that would change; an entry has C(action), C(kind), C(namespace),
      C(name) and for updates C(fields).
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
