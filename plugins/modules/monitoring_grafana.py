#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: monitoring_grafana
short_description: Provision data sources and dashboards for a Grafana that exists
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Makes a ConfigMap for each dashboard, and one for the data sources, with the labels that the sidecar of Grafana
    reads (k8s-sidecar, as the Helm charts of Grafana have it).
  - Grafana itself is not installed.
  - A dashboard that is no longer shipped is deleted; one that has not changed is not touched.
options:
  namespace:
    description: The namespace that the sidecar of the Grafana reads. It must exist; without it nothing is made.
    type: str
  dashboards:
    description: The ids of the dashboards that are provisioned; by default all of them.
    type: list
    elements: str
    default: []
  shipped:
    description: The dashboards of the collection, the text of each file by its name.
    type: dict
    default: {}
  source_teams:
    description:
      - The teams whose Prometheus becomes a data source; by default the platform's own alone.
      - Any viewer of an organisation of Grafana can query every data source of it, also outside of dashboards and
        folders.
    type: list
    elements: str
    default: []
  dashboard_label:
    description: The label by which the sidecar finds dashboards.
    type: str
    default: grafana_dashboard
  source_label:
    description: The label by which the sidecar finds data sources.
    type: str
    default: grafana_datasource
  folder:
    description: The folder of the dashboards.
    type: str
    default: Monitoring
  folder_annotation:
    description: The annotation in which the sidecar reads the folder.
    type: str
    default: grafana_folder
  state:
    description:
      - V(present) brings data sources and dashboards to their wanted state.
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
- name: The platform's Prometheus as a data source, without dashboards
  promfleet.monitoring.monitoring_grafana:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    clusters: [hub, edge]
    namespace: grafana
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

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.grafana.capability import GRAFANA
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import definition_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module

DEFINITION = definition_of(GRAFANA)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
