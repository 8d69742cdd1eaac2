#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: prometheus_operator
short_description: Install the Prometheus Operator as a platform component
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - >-
    Keeps the operator running whatever teams switch on or off: one replica with the C(Recreate) strategy (the
    operator has no leader election), fixed resources, restricted Pod Security, its own monitor and alert
    rules.
  - The CRDs come first, by M(promfleet.monitoring.crds).
options:
  namespace:
    description: The operator's namespace.
    type: str
    default: prometheus-operator
  version:
    description: The operator's release.
    type: str
    default: 0.93.1
  image_registry:
    description: The registry of the operator's image and of the images that it uses by default.
    type: str
    default: quay.io
  resources:
    description: What the operator may use; request and limit are the same.
    type: dict
    default: {}
    suboptions:
      cpu:
        description: CPU, as a Kubernetes quantity.
        type: str
        default: 200m
      memory:
        description: Memory, as a Kubernetes quantity.
        type: str
        default: 200Mi
  log_level:
    description: How much the operator logs.
    type: str
    choices: [debug, info, warn, error]
    default: info
  monitor:
    description: Whether the platform's own instance monitors the operator.
    type: bool
    default: true
  alert_rules:
    description: Whether O(rules) are installed.
    type: bool
    default: true
  rules:
    description: Groups of alerting and recording rules about the operator, as in a C(PrometheusRule).
    type: list
    elements: dict
    default: []
  platform_team:
    description: The name of the platform's own team, whose instance monitors the operator.
    type: str
    default: platform
  platform_namespace:
    description: The namespace of that instance; by default V(monitoring-) and the team's name.
    type: str

  state:
    description:
      - V(present) installs it.
      - V(absent) removes all that this module made, and nothing else.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes
  - promfleet.monitoring.apply
"""

EXAMPLES = r"""
---
- name: Install the operator
  promfleet.monitoring.prometheus_operator:
    kubeconfig: ~/.kube/config
    context: kind-hub
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

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.capability import OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import definition_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module

DEFINITION = definition_of(OPERATOR)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
