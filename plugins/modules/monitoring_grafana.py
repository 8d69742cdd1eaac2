#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: monitoring_grafana
short_description: Provision data sources and dashboards for Grafana, and make Grafanas
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Makes a ConfigMap for each dashboard, and one for the data sources, with the labels that the sidecar of Grafana
    reads (k8s-sidecar, as the Helm charts of Grafana have it). Or it makes the objects of grafana-operator.
  - Where that is switched on, it makes a Grafana for the platform, and one for each team that is named.
  - A dashboard that is no longer shipped is deleted; one that has not changed is not touched.
options:
  namespace:
    description:
      - >-
        The namespace of the Grafana: that which its sidecar reads, that of the objects of grafana-operator, or that of
        a Grafana which is made.
      - It must exist, unless O(install=true), which makes it. Without it nothing is made but O(team_grafanas).
    type: str
  form:
    description:
      - How a Grafana that exists gets dashboards and data sources.
      - V(configmaps) makes ConfigMaps with the labels that a sidecar reads.
      - V(grafana_operator) makes the objects C(GrafanaDashboard) and C(GrafanaDatasource), whose CRDs must be there. It
        needs O(instance_labels).
    type: str
    choices: [configmaps, grafana_operator]
    default: configmaps
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
  shared_sources:
    description:
      - That people of several teams may see each other's series, where O(source_teams) names several.
      - Folders do not keep teams apart. Without it there is a warning, and with O(install=true) an error.
    type: bool
    default: false
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
  instance_labels:
    description: The labels of the Grafanas of grafana-operator that get dashboards and data sources.
    type: dict
    default: {}
  cross_namespace:
    description: Whether these Grafanas may be in any namespace; otherwise those in O(namespace) alone are meant.
    type: bool
    default: false
  install:
    description: Whether a Grafana is made in O(namespace), with O(server).
    type: bool
    default: false
  server:
    description: The Grafana that is made with O(install=true).
    type: dict
    default: {}
    suboptions:
      version:
        description: Its release.
        type: str
        default: 13.2.2
      admin:
        description:
          - The name and the password of its administrator, in a Secret beside it, which must exist.
          - >-
            Required for a Grafana that is made: by default the password of Grafana's administrator is known.
        type: dict
        suboptions:
          secret:
            description: The name of the Secret.
            type: str
            required: true
          user_key:
            description: The key with the name.
            type: str
            default: admin-user
          password_key:
            description: The key with the password.
            type: str
            default: admin-password
      root_url:
        description: The URL at which people open it; links, and the ways back from a login, are made of it.
        type: str
      settings:
        description:
          - Sections of C(grafana.ini), each a mapping of keys to values, such as those of a login by OpenID Connect.
          - >-
            A value that is a secret is refused: write V($__env{NAME}), and name the variable in C(env_secrets).
            V($__file{PATH}) is allowed too.
          - >-
            What is refused otherwise: visitors without a name, accounts that visitors make themselves, and reports and
            looks for updates at grafana.com.
        type: dict
        default: {}
      env_secrets:
        description: Environment variables with values from Secrets beside it, for C(settings).
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The name of the variable; not one that begins with C(GF_), which would be a setting.
            type: str
            required: true
          secret:
            description: The name of the Secret.
            type: str
            required: true
          key:
            description: The key with the value.
            type: str
            required: true
      resources:
        description: What the pod asks for.
        type: dict
        default: {}
        suboptions:
          cpu:
            description: The CPU request, as a Kubernetes quantity; by default V(50m).
            type: str
          cpu_limit:
            description: The CPU limit, at least the request; without it there is none.
            type: str
          memory:
            description: The memory request and limit, as a Kubernetes quantity; by default V(512Mi).
            type: str
      scheduling:
        description: On which nodes the pod runs. Lists and mappings are as in the spec of a pod.
        type: dict
        suboptions:
          affinity:
            description: C(nodeAffinity), C(podAffinity) and C(podAntiAffinity).
            type: dict
            default: {}
          node_selector:
            description: Labels that a node must have, beside that of Linux.
            type: dict
            default: {}
          priority_class:
            description: The PriorityClass of the pod.
            type: str
          termination_grace_seconds:
            description: How many seconds a pod has to end; by default Kubernetes' own (30).
            type: int
          tolerations:
            description: Taints that the pod tolerates.
            type: list
            elements: dict
            default: []
      network_policy:
        description:
          - >-
            Whether a NetworkPolicy closes it: it is reached by C(gateway) and C(readers), and reaches the instances
            that it queries, DNS, and C(egress).
        type: bool
        default: true
      gateway:
        description: The pods through which people reach it.
        type: dict
        suboptions:
          namespace:
            description: Their namespace.
            type: str
            required: true
          pod_labels:
            description: Their labels; by default all pods of the namespace.
            type: dict
            default: {}
      readers:
        description: Namespaces whose pods may reach it too.
        type: list
        elements: str
        default: []
      egress:
        description:
          - What it may connect to beside what it queries, such as the provider of logins, a mail server, or a database.
        type: list
        elements: dict
        default: []
        suboptions:
          cidr:
            description: A range of addresses.
            type: str
          namespace:
            description: The namespace of pods.
            type: str
          pod_labels:
            description: The labels of these pods; by default all pods of the namespace.
            type: dict
            default: {}
          ports:
            description: TCP ports; by default all.
            type: list
            elements: int
            default: []
  team_grafanas:
    description:
      - A Grafana for a team, beside its instance. It shows the team's Prometheus and Alertmanager, and no other.
      - A team that has no instance in the cluster has no Grafana there either.
    type: list
    elements: dict
    default: []
    suboptions:
      team:
        description: The name of the team.
        type: str
        required: true
      dashboards:
        description: The ids of its dashboards; by default all that are not about the cluster or the federation.
        type: list
        elements: str
        default: []
      version:
        description: Its release.
        type: str
        default: 13.2.2
      admin:
        description:
          - The name and the password of its administrator, in a Secret beside it, which must exist.
          - >-
            Required for a Grafana that is made: by default the password of Grafana's administrator is known.
        type: dict
        suboptions:
          secret:
            description: The name of the Secret.
            type: str
            required: true
          user_key:
            description: The key with the name.
            type: str
            default: admin-user
          password_key:
            description: The key with the password.
            type: str
            default: admin-password
      root_url:
        description: The URL at which people open it; links, and the ways back from a login, are made of it.
        type: str
      settings:
        description:
          - Sections of C(grafana.ini), each a mapping of keys to values, such as those of a login by OpenID Connect.
          - >-
            A value that is a secret is refused: write V($__env{NAME}), and name the variable in C(env_secrets).
            V($__file{PATH}) is allowed too.
          - >-
            What is refused otherwise: visitors without a name, accounts that visitors make themselves, and reports and
            looks for updates at grafana.com.
        type: dict
        default: {}
      env_secrets:
        description: Environment variables with values from Secrets beside it, for C(settings).
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: The name of the variable; not one that begins with C(GF_), which would be a setting.
            type: str
            required: true
          secret:
            description: The name of the Secret.
            type: str
            required: true
          key:
            description: The key with the value.
            type: str
            required: true
      resources:
        description: What the pod asks for.
        type: dict
        default: {}
        suboptions:
          cpu:
            description: The CPU request, as a Kubernetes quantity; by default V(50m).
            type: str
          cpu_limit:
            description: The CPU limit, at least the request; without it there is none.
            type: str
          memory:
            description: The memory request and limit, as a Kubernetes quantity; by default V(512Mi).
            type: str
      scheduling:
        description: On which nodes the pod runs. Lists and mappings are as in the spec of a pod.
        type: dict
        suboptions:
          affinity:
            description: C(nodeAffinity), C(podAffinity) and C(podAntiAffinity).
            type: dict
            default: {}
          node_selector:
            description: Labels that a node must have, beside that of Linux.
            type: dict
            default: {}
          priority_class:
            description: The PriorityClass of the pod.
            type: str
          termination_grace_seconds:
            description: How many seconds a pod has to end; by default Kubernetes' own (30).
            type: int
          tolerations:
            description: Taints that the pod tolerates.
            type: list
            elements: dict
            default: []
      network_policy:
        description:
          - >-
            Whether a NetworkPolicy closes it: it is reached by C(gateway) and C(readers), and reaches the instances
            that it queries, DNS, and C(egress).
        type: bool
        default: true
      gateway:
        description: The pods through which people reach it.
        type: dict
        suboptions:
          namespace:
            description: Their namespace.
            type: str
            required: true
          pod_labels:
            description: Their labels; by default all pods of the namespace.
            type: dict
            default: {}
      readers:
        description: Namespaces whose pods may reach it too.
        type: list
        elements: str
        default: []
      egress:
        description:
          - What it may connect to beside what it queries, such as the provider of logins, a mail server, or a database.
        type: list
        elements: dict
        default: []
        suboptions:
          cidr:
            description: A range of addresses.
            type: str
          namespace:
            description: The namespace of pods.
            type: str
          pod_labels:
            description: The labels of these pods; by default all pods of the namespace.
            type: dict
            default: {}
          ports:
            description: TCP ports; by default all.
            type: list
            elements: int
            default: []
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

- name: A Grafana for the platform, and one for a team
  promfleet.monitoring.monitoring_grafana:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    clusters: [hub, edge]
    teams:
      - name: payments
    namespace: grafana
    install: true
    server:
      admin: {secret: grafana-admin}
    team_grafanas:
      - team: payments
        admin: {secret: grafana-admin}
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
