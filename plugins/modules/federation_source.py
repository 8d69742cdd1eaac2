#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: federation_source
short_description: Expose a cluster's Prometheus instances to the central cluster
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - >-
    Worker side of the federation: one Service for each replica of each named team's Prometheus, with
    C(externalTrafficPolicy: Local), so that the network policy that comes with it sees the client's address.
  - Returns where each instance can be reached; M(promfleet.monitoring.federation_endpoints) takes this on the
    central cluster.
options:
  writes_to_come:
    description:
      - In check mode, whether the same run lets the sources with O(sources[].transport=remote_write) write first. A
        source whose Prometheus does not write is refused otherwise, because the central side would stop to read it.
    type: bool
    default: false
  state:
    description:
      - V(present) exposes the sources.
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
  - promfleet.monitoring.sources
"""

EXAMPLES = r"""
---
- name: Expose the platform's instance
  promfleet.monitoring.federation_source:
    kubeconfig: ~/.kube/config
    context: kind-edge
    cluster: edge
    clusters: [hub, edge]
    sources:
      - team: platform
        expose: NodePort
  register: exposed
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
sources:
  description: What the central side needs to know of each source.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: edge
      team: platform
      targets: [{address: 10.89.0.4, port: 31090, replica: 0}]
      scheme: http
      match: ['{__name__=~"[^:]+:.+"}']
      interval: 30s
      timeout: 25s
      labels: {}
certificates:
  description:
    - Whether the certificate of a proxy is for the name by which the central side reads it. One that is not is refused
      before anything is written. C(checked) is false where it could not be seen, with the C(reason).
    - Needs the right to get the Secret, which the shipped accounts do not have.
  returned: for sources with a proxy, and a server name or an address
  type: list
  elements: dict
  sample:
    - team: platform
      name: prometheus.edge.example.com
      checked: false
      reason: the account may not read Secret monitoring-platform/edge-server
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import (
    FEDERATION_SOURCE,
    Exposed,
    certificates,
    handed_over,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import definition_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run


def endpoints(run: Run, exposed: Exposed | None) -> dict[str, object]:
    """Where each exposed instance can be reached, and what is known of the certificates there."""
    if exposed is None:
        return {"sources": []}
    found = handed_over(exposed, run.cluster, check=run.check)
    checked = [one.result() for one in certificates(run.cluster, exposed.read)]
    return {"sources": found, **({"certificates": checked} if checked else {})}


DEFINITION = definition_of(FEDERATION_SOURCE, after=endpoints)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
