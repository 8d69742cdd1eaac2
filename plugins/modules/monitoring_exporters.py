#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: monitoring_exporters
short_description: Run node_exporter and kube-state-metrics as platform components
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - C(node_exporter) runs on each node, in a namespace of its own whose Pod Security level lets its pods use the node's
    network and read its files. They run without root, capabilities, a token, and files to write.
  - C(kube-state-metrics) runs once, in a restricted namespace. It may read the kinds of objects that it has metrics of.
  - The kubelets need no program, only a right of the platform's Prometheus.
  - The entries C(node-exporter), C(kube-state-metrics) and C(kubelet) of the catalogue find them without further input;
    see M(promfleet.monitoring.workload_monitors).
options:
  node_exporter:
    description: node_exporter, which has metrics of each node.
    type: dict
    default: {}
    suboptions:
      enabled:
        description: Whether each node of the cluster runs it.
        type: bool
        default: false
      resources:
        description: What a pod asks for.
        type: dict
        default: {}
        suboptions:
          cpu:
            description: The CPU request, as a Kubernetes quantity; by default V(20m).
            type: str
          cpu_limit:
            description: The CPU limit, at least the request; without it there is none.
            type: str
          memory:
            description: The memory request and limit, as a Kubernetes quantity; by default V(64Mi).
            type: str
      namespace:
        description: Its own namespace, with the Pod Security level V(privileged); nothing else should run there.
        type: str
        default: promfleet-node-exporter
      version:
        description: Its release.
        type: str
        default: 1.12.1
      port:
        description: The port of each node at which it listens.
        type: int
        default: 9100
      address:
        description:
          - V(node) listens at the address by which the cluster knows the node.
          - V(all) listens at all addresses of the node, also public ones.
        type: str
        choices: [node, all]
        default: node
      priority_class:
        description:
          - The priority class of its pods. With the default they find a place on full nodes, too.
          - Empty text for none.
        type: str
        default: system-node-critical
      collectors:
        description: Collectors beside its own choice; the guide about exporters lists them.
        type: dict
        default: {}
        suboptions:
          enabled:
            description: Names of collectors that are switched on.
            type: list
            elements: str
            default: []
          disabled:
            description: Names of collectors that are switched off.
            type: list
            elements: str
            default: []
      arguments:
        description:
          - Further flags by their names without dashes, with regular expressions as values, such as
            C(collector.netdev.device-exclude). What includes or excludes devices and the like is allowed.
        type: dict
        default: {}
  kube_state_metrics:
    description: kube-state-metrics, which has metrics of the cluster's objects.
    type: dict
    default: {}
    suboptions:
      enabled:
        description: Whether the cluster runs it.
        type: bool
        default: false
      resources:
        description: What a pod asks for.
        type: dict
        default: {}
        suboptions:
          cpu:
            description: The CPU request, as a Kubernetes quantity; by default V(20m).
            type: str
          cpu_limit:
            description: The CPU limit, at least the request; without it there is none.
            type: str
          memory:
            description: The memory request and limit, as a Kubernetes quantity; by default V(192Mi).
            type: str
      namespace:
        description: Its namespace, with the Pod Security level V(restricted).
        type: str
        default: promfleet-kube-state-metrics
      version:
        description: Its release.
        type: str
        default: 2.18.0
      priority_class:
        description: The priority class of its pod; empty text for none.
        type: str
        default: system-cluster-critical
      objects:
        description:
          - The kinds of objects that it has metrics of, as resources of the API, such as V(pods). It may read these
            and no others.
          - Who may list Secrets or ConfigMaps can read their contents, so these are not among the default.
        type: list
        elements: str
        default:
          - cronjobs
          - daemonsets
          - deployments
          - horizontalpodautoscalers
          - ingresses
          - jobs
          - limitranges
          - namespaces
          - nodes
          - persistentvolumeclaims
          - persistentvolumes
          - poddisruptionbudgets
          - pods
          - replicasets
          - resourcequotas
          - services
          - statefulsets
          - storageclasses
      metrics:
        description: Which metrics it has, by names or regular expressions for whole names.
        type: dict
        default: {}
        suboptions:
          allow:
            description: Only these metrics; cannot be given together with C(deny).
            type: list
            elements: str
            default: []
          deny:
            description: All metrics but these.
            type: list
            elements: str
            default: []
      labels:
        description: Labels of objects that C(kube_pod_labels) and the like have, as lists by kinds of objects.
        type: dict
        default: {}
      monitoring_conditions:
        description:
          - Whether it reads the operator's instances, for C(promfleet_monitoring_condition).
        type: bool
        default: true
      network_policy:
        description: Whether only the platform's Prometheus and the namespaces C(readers) may reach it.
        type: bool
        default: true
      readers:
        description: Namespaces of others whose pods may scrape it.
        type: list
        elements: str
        default: []
  kubelet:
    description: The kubelets of all nodes, which run already and have metrics of containers and volumes, too.
    type: dict
    default: {}
    suboptions:
      enabled:
        description: Whether the platform's Prometheus may find the nodes and read the metrics of their kubelets.
        type: bool
        default: false
  image_registry:
    description:
      - A registry that replaces those of the images' upstream names, C(quay.io) and C(registry.k8s.io). What is
        below it keeps its name. With C(quay.io) each image comes from where it is published.
    type: str
  image_pull_secrets:
    description: Names of Secrets with the registry's credentials, which both namespaces must have.
    type: list
    elements: str
    default: []
  platform_team:
    description: The name of the platform's own team, whose instance scrapes the exporters.
    type: str
    default: platform
  platform_namespace:
    description: The namespace of that instance; by default V(monitoring-) and the team's name.
    type: str
  state:
    description:
      - V(present) brings the exporters that are enabled to their wanted state, and removes the others.
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
"""

EXAMPLES = r"""
---
- name: Both exporters, with metrics of the label app of pods
  promfleet.monitoring.monitoring_exporters:
    kubeconfig: ~/.kube/config
    context: kind-hub
    node_exporter: {enabled: true}
    kube_state_metrics:
      enabled: true
      labels: {pods: [app]}
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

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.exporters.capability import EXPORTERS
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import definition_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module

DEFINITION = definition_of(EXPORTERS)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
