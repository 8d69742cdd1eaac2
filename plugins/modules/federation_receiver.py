#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: federation_receiver
short_description: Let other clusters write series into instances of a central cluster
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - >-
    Central side of sources that write by remote_write: one Service for each replica of each receiving Prometheus, a
    network policy, and a proxy where O(receivers[].proxy) asks for one.
  - That the Prometheus takes what is written is an option of M(promfleet.monitoring.team_monitoring), C(receiving).
options:
  receivers:
    description: The instances of this cluster that receive, one for each team.
    type: list
    elements: dict
    default: []
    suboptions:
      team:
        description: The team whose Prometheus it is; by default that of O(central_team).
        type: str
      urls:
        description:
          - Where others write to, one URL for each replica in their order. Each replica has all series only if all are
            written to it.
          - Ends with C(/api/v1/write) for a Prometheus. A load balancer answers at port 9090, a node port at
            O(receivers[].node_port).
        type: list
        elements: str
        required: true
      expose:
        description:
          - V(LoadBalancer) and V(NodePort) make a Service of this type for each replica.
          - V(Existing) makes nothing; O(receivers[].urls) are there already.
        type: str
        choices: [LoadBalancer, NodePort, Existing]
        default: LoadBalancer
      node_port:
        description: The node port, for V(NodePort) and one replica.
        type: int
      load_balancer:
        description:
          - The kind of load balancer. The Services get the annotations that make it an internal one, and
            O(receivers[].health_check_sources) its ranges.
          - V(eks) needs the AWS Load Balancer Controller. The addresses of V(metallb) are those of its pools.
        type: str
        choices: [aks, eks, gke, metallb]
      ip_family:
        description: The family of addresses of the Services; by default the first one of the cluster.
        type: str
        choices: [IPv4, IPv6]
      annotations:
        description:
          - Annotations of the Services. What contradicts O(receivers[].load_balancer) is refused.
        type: dict
        default: {}
      health_check_sources:
        description:
          - The networks from which a load balancer checks the health of the pods. The network policy lets them in; they
            are no clients of the load balancer. By default those of O(receivers[].load_balancer).
        type: list
        elements: str
      allowed_sources:
        description: The networks from which may be written.
        type: list
        elements: str
        default: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, "fc00::/7"]
      proxy:
        description:
          - A proxy (kube-rbac-proxy) in front of each replica, which serves TLS and lets in clients by their
            certificate. Through it can be written, and C(/-/healthy) and C(/-/ready) be read. The exposed Services and
            the network policy lead to the proxies.
          - Needs O(receivers[].urls) to begin with C(https).
        type: dict
        suboptions:
          certificate:
            description:
              - The server's certificate and key, in a Secret of the instance's namespace on this cluster. A new one is
                read without a restart.
            type: dict
            required: true
            suboptions:
              secret:
                description: Name of the Secret.
                type: str
                required: true
              cert_key:
                description: The key of the certificate there.
                type: str
                default: tls.crt
              key_key:
                description: The key of the certificate's private key there.
                type: str
                default: tls.key
          client_ca:
            description:
              - The authority of the clients' certificates, in the instance's namespace on this cluster. With several
                certificates in it each of them counts, as in a rotation.
            type: dict
            required: true
            suboptions:
              secret:
                description: Name of the Secret that holds it.
                type: str
              config_map:
                description: Name of the ConfigMap that holds it, in place of a Secret.
                type: str
              key:
                description: Its key there.
                type: str
                default: ca.crt
          clients:
            description: The common names in the certificates of the clients that may write.
            type: list
            elements: str
            required: true
          image_registry:
            description:
              - The registry of the proxy's image; by default that of the team's instance, and where it names none,
                C(quay.io).
              - Its pods have the pull secrets of the team's instance.
            type: str
  central_team:
    description: The team whose instance receives where O(receivers) name none; by default the platform's own.
    type: str
    default: platform

  state:
    description:
      - V(present) exposes the receivers.
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
- name: Let clients with a certificate write to the platform's instance
  promfleet.monitoring.federation_receiver:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    clusters: [hub, edge]
    receivers:
      - urls: [https://write.hub.example.com:9090/api/v1/write]
        load_balancer: metallb
        proxy:
          certificate: {secret: hub-server}
          client_ca: {secret: edge-ca}
          clients: [edge]
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

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.receiving import (
    FEDERATION_RECEIVER,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import definition_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module

DEFINITION = definition_of(FEDERATION_RECEIVER)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
