# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of modules that need to know the fleet's teams."""

    DOCUMENTATION = r"""
options:
  teams:
    description: The teams.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The team's name, a DNS label.
        type: str
        required: true
      enabled:
        description: The feature flag. A team that is switched off keeps its namespaces and its volume claims,
          nothing else.
        type: bool
        default: true
      clusters:
        description: The clusters in which the team has its instance; by default all.
        type: list
        elements: str
        default: []
      namespace:
        description: The namespace of the instance, owned by the platform; by default O(namespace_prefix) and
          the team's name.
        type: str
      namespaces:
        description: The team's own namespaces, whose workloads, monitors and rules the instance sees. They get
          the team's label, and are made where they do not exist.
        type: list
        elements: str
        default: []
      groups:
        description: Groups of people, as Kubernetes' authentication names them, who may edit monitors and rules
          in the team's namespaces and look at the instance.
        type: list
        elements: str
        default: []
      size:
        description: How large the instance is.
        type: str
        choices: [small, medium, large]
        default: small
      labels:
        description: Further external labels of the team's Prometheus.
        type: dict
        default: {}
      rbac:
        description: Whether the accounts and rights of people and instances are made.
        type: bool
        default: true
      quota:
        description: Whether the instance's namespace gets a quota.
        type: bool
        default: true
      network_policy:
        description: Whether the instance's namespace gets a network policy.
        type: bool
        default: true
      base_rules:
        description: Whether the platform's base rules are installed.
        type: bool
        default: true
      prometheus:
        description: The team's Prometheus.
        type: dict
        default: {}
        suboptions:
          enabled:
            description: Whether Prometheus is wanted.
            type: bool
            default: true
          name:
            description:
              - The name of the custom resource, by default the team's. With that of a Prometheus which exists in
                the instance's namespace that one becomes the team's, with its StatefulSet and its volume claims.
              - Another name is another instance. The former one is removed, and its volume claims stay.
            type: str
          replicas:
            description: How many replicas; by default what the size says.
            type: int
          retention:
            description: How long samples are kept, as a Prometheus duration.
            type: str
            default: 10d
          scrape_interval:
            description: How often targets are scraped.
            type: str
            default: 30s
          evaluation_interval:
            description: How often rules are evaluated.
            type: str
            default: 30s
          version:
            description: The release of Prometheus.
            type: str
            default: 3.13.5
          enforce_tenancy:
            description: Whether monitors reach only their own namespace, every series and rule gets that
              namespace as its label, and monitors may name no files.
            type: bool
            default: true
          storage:
            description: A volume claim for each replica; without it the data lives as long as the pod.
            type: dict
            suboptions:
              size:
                description: The size, as a Kubernetes quantity.
                type: str
                required: true
              class:
                description: The storage class; by default the cluster's own.
                type: str
          resources:
            description: Resources that replace those of the size.
            type: dict
            suboptions:
              cpu:
                description: The CPU request, as a Kubernetes quantity.
                type: str
              cpu_limit:
                description:
                  - The CPU limit, at least the request; without it there is none.
                  - For namespaces whose quota demands a limit of CPU of every container. The operator's sidecars
                    have one of their own.
                type: str
              memory:
                description: The memory request and limit, as a Kubernetes quantity.
                type: str
      alertmanager:
        description: The team's Alertmanager.
        type: dict
        default: {}
        suboptions:
          enabled:
            description: Whether Alertmanager is wanted.
            type: bool
            default: true
          name:
            description: The name of the custom resource, by default the team's; as for a Prometheus.
            type: str
          replicas:
            description: How many replicas; by default what the size says.
            type: int
          retention:
            description: How long Alertmanager keeps its data, as a Go duration.
            type: str
            default: 120h
          storage:
            description: A volume claim for each replica; without it the data lives as long as the pod.
            type: dict
            suboptions:
              size:
                description: The size, as a Kubernetes quantity.
                type: str
                required: true
              class:
                description: The storage class; by default the cluster's own.
                type: str
          resources:
            description: Resources that replace those of the size.
            type: dict
            suboptions:
              cpu:
                description: The CPU request, as a Kubernetes quantity.
                type: str
              cpu_limit:
                description:
                  - The CPU limit, at least the request; without it there is none.
                  - For namespaces whose quota demands a limit of CPU of every container. The operator's sidecars
                    have one of their own.
                type: str
              memory:
                description: The memory request and limit, as a Kubernetes quantity.
                type: str
  platform:
    description: What differs from the defaults in the platform's own instance.
    type: dict
    default: {}
    suboptions:
      enabled:
        description: The feature flag. A team that is switched off keeps its namespaces and its volume claims,
          nothing else.
        type: bool
        default: true
      clusters:
        description: The clusters in which the team has its instance; by default all.
        type: list
        elements: str
        default: []
      namespace:
        description: The namespace of the instance, owned by the platform; by default O(namespace_prefix) and
          the team's name.
        type: str
      namespaces:
        description: The team's own namespaces, whose workloads, monitors and rules the instance sees. They get
          the team's label, and are made where they do not exist.
        type: list
        elements: str
        default: []
      groups:
        description: Groups of people, as Kubernetes' authentication names them, who may edit monitors and rules
          in the team's namespaces and look at the instance.
        type: list
        elements: str
        default: []
      size:
        description: How large the instance is.
        type: str
        choices: [small, medium, large]
        default: small
      labels:
        description: Further external labels of the team's Prometheus.
        type: dict
        default: {}
      rbac:
        description: Whether the accounts and rights of people and instances are made.
        type: bool
        default: true
      quota:
        description: Whether the instance's namespace gets a quota.
        type: bool
        default: true
      network_policy:
        description: Whether the instance's namespace gets a network policy.
        type: bool
        default: true
      base_rules:
        description: Whether the platform's base rules are installed.
        type: bool
        default: true
      prometheus:
        description: The team's Prometheus.
        type: dict
        default: {}
        suboptions:
          enabled:
            description: Whether Prometheus is wanted.
            type: bool
            default: true
          name:
            description:
              - The name of the custom resource, by default the team's. With that of a Prometheus which exists in
                the instance's namespace that one becomes the team's, with its StatefulSet and its volume claims.
              - Another name is another instance. The former one is removed, and its volume claims stay.
            type: str
          replicas:
            description: How many replicas; by default what the size says.
            type: int
          retention:
            description: How long samples are kept, as a Prometheus duration.
            type: str
            default: 10d
          scrape_interval:
            description: How often targets are scraped.
            type: str
            default: 30s
          evaluation_interval:
            description: How often rules are evaluated.
            type: str
            default: 30s
          version:
            description: The release of Prometheus.
            type: str
            default: 3.13.5
          enforce_tenancy:
            description: Whether monitors reach only their own namespace, every series and rule gets that
              namespace as its label, and monitors may name no files.
            type: bool
            default: false
          storage:
            description: A volume claim for each replica; without it the data lives as long as the pod.
            type: dict
            suboptions:
              size:
                description: The size, as a Kubernetes quantity.
                type: str
                required: true
              class:
                description: The storage class; by default the cluster's own.
                type: str
          resources:
            description: Resources that replace those of the size.
            type: dict
            suboptions:
              cpu:
                description: The CPU request, as a Kubernetes quantity.
                type: str
              cpu_limit:
                description:
                  - The CPU limit, at least the request; without it there is none.
                  - For namespaces whose quota demands a limit of CPU of every container. The operator's sidecars
                    have one of their own.
                type: str
              memory:
                description: The memory request and limit, as a Kubernetes quantity.
                type: str
      alertmanager:
        description: The team's Alertmanager.
        type: dict
        default: {}
        suboptions:
          enabled:
            description: Whether Alertmanager is wanted.
            type: bool
            default: true
          name:
            description: The name of the custom resource, by default the team's; as for a Prometheus.
            type: str
          replicas:
            description: How many replicas; by default what the size says.
            type: int
          retention:
            description: How long Alertmanager keeps its data, as a Go duration.
            type: str
            default: 120h
          storage:
            description: A volume claim for each replica; without it the data lives as long as the pod.
            type: dict
            suboptions:
              size:
                description: The size, as a Kubernetes quantity.
                type: str
                required: true
              class:
                description: The storage class; by default the cluster's own.
                type: str
          resources:
            description: Resources that replace those of the size.
            type: dict
            suboptions:
              cpu:
                description: The CPU request, as a Kubernetes quantity.
                type: str
              cpu_limit:
                description:
                  - The CPU limit, at least the request; without it there is none.
                  - For namespaces whose quota demands a limit of CPU of every container. The operator's sidecars
                    have one of their own.
                type: str
              memory:
                description: The memory request and limit, as a Kubernetes quantity.
                type: str
  platform_team:
    description: The name of the platform's own team.
    type: str
    default: platform
  namespace_prefix:
    description: What the name of an instance's namespace begins with.
    type: str
    default: monitoring-
  cluster:
    description: The name of this cluster, the value of the external label C(cluster).
    type: str
    required: true
  clusters:
    description: The names of all clusters of the fleet.
    type: list
    elements: str
    required: true
"""
