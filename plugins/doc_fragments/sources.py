# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of federation sources."""

    DOCUMENTATION = r"""
options:
  sources:
    description: The instances that other clusters may federate.
    type: list
    elements: dict
    default: []
    suboptions:
      team:
        description: The team whose Prometheus it is; by default the platform's own.
        type: str
      expose:
        description:
          - V(LoadBalancer) and V(NodePort) make a Service of this type for each replica.
          - V(Existing) makes nothing; O(sources[].address) and O(sources[].port) say where the instance can be
            reached.
        type: str
        choices: [LoadBalancer, NodePort, Existing]
        default: LoadBalancer
      address:
        description: The address or DNS name that other clusters use, in place of what the cluster gave.
        type: str
      port:
        description: The port that belongs to O(sources[].address).
        type: int
      node_port:
        description: A fixed node port.
        type: int
      annotations:
        description: Annotations of the Services, such as a cloud's for internal load balancers.
        type: dict
        default: {}
      allowed_sources:
        description: The networks from which the instance may be read.
        type: list
        elements: str
        default: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, "fc00::/7"]
      scheme:
        description: The scheme of the exposed address.
        type: str
        choices: [http, https]
        default: http
      match:
        description: The series selectors (C(match[])) of what is federated.
        type: list
        elements: str
        default:
          - '{__name__=~"[^:]+:.+"}'
          - 'ALERTS{alertstate="firing"}'
      interval:
        description: How often the central side scrapes.
        type: str
        default: 30s
      timeout:
        description: How long a scrape may take; not longer than O(sources[].interval).
        type: str
        default: 25s
      labels:
        description: Further labels that identify the source, added where its series lack them.
        type: dict
        default: {}
"""
