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
    Keeps the operator running, independent of the flags of teams: one replica with the C(Recreate) strategy (the
    operator has no leader election), fixed resources, restricted Pod Security, its own monitor and alert
    rules.
  - Install the CRDs first, with M(promfleet.monitoring.crds).
  - Where the run would change something, it is refused before anything is written if another Prometheus Operator in the
    cluster would reconcile the same instances. Operators are recognised by the permissions of their accounts and by
    their arguments.
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
  image_pull_secrets:
    description:
      - The names of Secrets with the credentials for that registry, in O(namespace). They count for the operator's own
        pods; those of instances have their own.
    type: list
    elements: str
    default: []
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
  replaces:
    description:
      - Operators that others installed and whose place this one takes, each as C(namespace/name) of its Deployment.
      - >-
        Each is scaled to zero, and this operator is applied when its pods are gone. A ConfigMap beside the records
        notes its replicas. O(state=absent) gives them back when this operator is gone.
      - >-
        The instances that it reconciled, their volume claims and their data stay; their pods may restart once. A
        warning names them, in check mode too.
      - A Deployment that does not exist is skipped with a warning. What is not an operator, or would be started again
        at once by its owner (OLM, OpenShift, a controller), is refused.
    type: list
    elements: str
    default: []
  operators:
    description:
      - How many operators share the instances, from 1 to 9. With V(0) there is a single one, which has all instances
        without a controller id.
      - >-
        Several are started with C(--controller-id), and each has the instances whose annotation
        C(operator.prometheus.io/controller-id) has the same value. M(promfleet.monitoring.team_monitoring) writes it
        with the same number of O(operators).
      - >-
        When this changes, the run moves the instances of this fleet: their old operators are scaled to zero, their
        annotations change when the pods of these are gone, and then the new ones start. A warning names all, in
        check mode too. Prometheus and Alertmanager go on.
      - Refused where an instance that others made would have no operator any more.
    type: int
    default: 0
  weights:
    description:
      - The teams of the cluster with their weights, by which O(operators) share them, as
        M(promfleet.monitoring.operator_shares) returns them.
      - The instances of a team that is not listed go to the first operator.
    type: dict
    default: {}
  allow_restarts:
    description:
      - Whether instances may move to operators of another release or with other flags. These make other pods, so the
        pods of all instances that move restart.
    type: bool
    default: false
  priority_class:
    description: The priority class of the operator's pods. The quota of its namespace is for pods of this class.
    type: str
    default: system-cluster-critical
  moved_after:
    description:
      - After how many seconds the pod leaves a node that is gone or not ready. No other operator does its work until
        then. The same for the pods of the admission webhook.
      - By default what the cluster gives to all pods, usually 300.
    type: int
  region:
    description:
      - The region of the cluster, one of O(regions). What that says counts instead of the options of the same names.
    type: str
  regions:
    description:
      - What is different in regions, by their names; each may have O(operators), O(image_registry), O(log_level) and
        O(resources). It counts only with O(region).
    type: dict
    default: {}
  admission_webhook:
    description:
      - >-
        The admission webhook, a program beside the operator. The API server asks it about each PrometheusRule and
        AlertmanagerConfig that is written in a team's own namespace, so that a mistake is refused where it is made.
      - >-
        An outage stops neither the operator nor runs nor other namespaces: it is not asked about what this collection
        makes, and not in namespaces of the platform, of instances, and without a team.
    type: dict
    default: {}
    suboptions:
      enabled:
        description: Whether it runs.
        type: bool
        default: false
      replicas:
        description: How many pods it has, from 1 to 10.
        type: int
        default: 2
      failure_policy:
        description:
          - What the API server does with such an object when the webhook cannot be called.
          - V(Ignore) accepts it unjudged; the operator judges it once more, and leaves out what is wrong.
          - V(Fail) refuses it.
        type: str
        choices: [Ignore, Fail]
        default: Ignore
      timeout_seconds:
        description: How many seconds the API server waits for an answer, from 1 to 30.
        type: int
        default: 5
      resources:
        description: What one pod of it asks for; the memory is its limit, too.
        type: dict
        default: {}
        suboptions:
          cpu:
            description: CPU, as a Kubernetes quantity.
            type: str
            default: 50m
          memory:
            description: Memory, as a Kubernetes quantity.
            type: str
            default: 200Mi
      renew_days:
        description:
          - How many days before its certificate expires a run makes a new one, from 15 to 300.
          - It is valid for 365 days. An alert fires 14 days before it expires.
        type: int
        default: 60
      secret:
        description:
          - The name of a Secret in O(namespace) with C(tls.crt), C(tls.key) and C(ca.crt), which somebody else
            keeps and renews, such as cert-manager. The certificate must be for the host
            C(prometheus-operator-admission-webhook.NAMESPACE.svc).
          - Without it runs make a certificate and its authority.
        type: str
      ca_bundle:
        description: The certificates of the authorities that sign O(admission_webhook.secret), in PEM.
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
  - promfleet.monitoring.change
"""

EXAMPLES = r"""
---
- name: Install the operator
  promfleet.monitoring.prometheus_operator:
    kubeconfig: ~/.kube/config
    context: kind-hub

- name: Take the place of the operator of kube-prometheus
  promfleet.monitoring.prometheus_operator:
    kubeconfig: ~/.kube/config
    context: kind-hub
    replaces: [monitoring/prometheus-operator]
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

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.capability import OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import definition_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module

DEFINITION = definition_of(OPERATOR)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
