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
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.addresses import (
    needed_rights,
    source_targets,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import endpoint
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.objects import (
    source_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import (
    SOURCE_OPTIONS,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import (
    FEDERATION_SOURCE,
    KINDS,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    exposed_sources,
    parse_team_set,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import check_selector
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import Run, cluster_spec, run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.engine import converge
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

OPTIONS = {"sources": {"type": "list", "elements": "dict", "default": [], "options": SOURCE_OPTIONS}}


def work(run: Run) -> dict[str, object]:
    """Expose the sources and tell where they are."""
    params = run.params
    exposed = exposed_sources(params, teams=parse_team_set(params), check_match=check_selector)
    if params["state"] == "absent":
        exposed = []
    desired = [
        obj
        for source, team in exposed
        for obj in source_objects(
            source, cluster=params["cluster"], namespace=team.namespace, replicas=team.prometheus.replicas
        )
    ]
    request = Request(
        owner=SetId(fleet=params["fleet"], capability=FEDERATION_SOURCE),
        desired=tuple(desired),
        kinds=KINDS[FEDERATION_SOURCE],
        needs=needed_rights(exposed),
    )
    outcome = converge(run.cluster, request, options=run.options())
    endpoints = [
        endpoint(
            source,
            cluster=params["cluster"],
            targets=source_targets(run.cluster, source, team=team, check=run.check),
        )
        for source, team in exposed
    ]
    return {"outcome": outcome, "sources": endpoints}


def main() -> None:
    """Run the module."""
    run_module(cluster_spec({**TEAM_SET_OPTIONS, **OPTIONS}, writes=True), work, needs_promql=True)


if __name__ == "__main__":
    main()
