#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: federation_endpoints
short_description: Let a central Prometheus federate the instances of other clusters
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - >-
    Central side of the federation: for each source a headless Service, an EndpointSlice and a ServiceMonitor
    that fit by construction; for a DNS name, and in large fleets for an IP address too, a ScrapeConfig.
  - For sources with C(transport=thanos) a Thanos Query, which asks their sidecars, for each team that would read them.
    The quota of the team's namespace has room for it where M(promfleet.monitoring.team_monitoring) has
    O(promfleet.monitoring.team_monitoring#module:querying).
  - If this run does not know a source, its objects are removed, unless O(stale) names its cluster.
options:
  sources:
    description: What M(promfleet.monitoring.federation_source) returned on the workers, all of them in one list.
    type: list
    elements: dict
    default: []
  stale:
    description: Clusters of the inventory that gave no sources in this run; their live objects stay as they are.
    type: list
    elements: str
    default: []
  central_team:
    description:
      - The team whose Prometheus federates the sources that name no team in C(into); by default the platform's own.
    type: str
    default: platform
  target_form:
    description:
      - The form in which an instance has the targets of its sources that have IP addresses. Both give the same targets,
        labels and series.
      - V(discovered) makes a Service, EndpointSlices and a ServiceMonitor for each source, V(static) a ScrapeConfig for
        each of its jobs.
      - With V(auto) an instance with more than O(static_above) such sources has static targets, and keeps them until it
        has no more than half as many.
    type: str
    choices: [auto, discovered, static]
    default: auto
  static_above:
    description: The number of sources with IP addresses above which an instance has static targets.
    type: int
    default: 100
  alert_rules:
    description: Whether O(rules) are installed, and for each source a rule that records how many targets it must have.
    type: bool
    default: true
  rules:
    description: Groups of alerting and recording rules about the federation, as in a C(PrometheusRule).
    type: list
    elements: dict
    default: []

  state:
    description:
      - V(present) configures the sources.
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
- name: Federate the edge
  promfleet.monitoring.federation_endpoints:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    clusters: [hub, edge]
    sources: "{{ exposed.sources }}"
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
stale:
  description: The clusters that gave no sources in this run; their objects were left as they are.
  returned: success
  type: list
  elements: str
  sample: [edge]
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import (
    FEDERATION,
    Federated,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import definition_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run


def left_alone(run: Run, federated: Federated | None) -> dict[str, object]:
    """Whose objects stayed as they are."""
    return {"stale": [] if federated is None else list(run.params["stale"])}


DEFINITION = definition_of(FEDERATION, after=left_alone)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
