#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: monitoring_verify
short_description: Verify that a cluster's monitoring works, link by link
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Asks the cluster and its Prometheus instances whether all that the input describes is there and works, and
    fails with every broken link.
  - Prometheus is reached through the API server's service proxy, with the same credentials.
options:
  operator_namespace:
    description: The operator's namespace.
    type: str
    default: prometheus-operator
  sources:
    description: The federation sources that are expected on this cluster, as
      M(promfleet.monitoring.federation_source) returned them.
    type: list
    elements: dict
    default: []
  central_team:
    description: The team whose Prometheus federates.
    type: str
    default: platform
  wait:
    description: Whether to ask again until all is well or O(wait_timeout) is over.
    type: bool
    default: true
  wait_timeout:
    description: How long to ask again, in seconds.
    type: int
    default: 300
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes.info
  - promfleet.monitoring.teams
"""

EXAMPLES = r"""
---
- name: Verify the hub
  promfleet.monitoring.monitoring_verify:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    clusters: [hub, edge]
    teams:
      - name: payments
"""

RETURN = r"""
---
checks:
  description: Every link that was looked at, with C(check), C(subject), C(ok), C(message) and C(hint).
  returned: when the cluster was asked
  type: list
  elements: dict
  sample:
    - check: operator
      subject: operator in namespace prometheus-operator
      ok: true
      message: the Deployment is available in its current generation
      hint: ""
federated_series:
  description: How many series of each cluster the federating Prometheus has.
  returned: when sources are expected
  type: dict
  sample: {edge: 25}
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    parse_endpoints,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    parse_team_set,
    team_named,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.observe import verify
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import check_selector
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

OPTIONS = {
    "operator_namespace": {"type": "str", "default": "prometheus-operator"},
    "sources": {"type": "list", "elements": "dict", "default": []},
    "central_team": {"type": "str", "default": "platform"},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 300},
}


def work(run: Run) -> dict[str, object]:
    """Do what the module is for."""
    params = run.params
    teams = parse_team_set(params)
    checks, series = verify(
        run.cluster,
        operator_namespace=params["operator_namespace"],
        teams=[team for team in teams if team.enabled and team.active_on(params["cluster"])],
        central=team_named(params["central_team"], teams=teams, path="central_team"),
        sources=parse_endpoints(params["sources"], check_match=check_selector),
        timeout=float(params["wait_timeout"]) if params["wait"] else 0.0,
        progress=run.progress,
    )
    broken = [f"{check.subject}: {check.message}. {check.hint}" for check in checks if not check.ok]
    failure = f"{len(broken)} of {len(checks)} checks failed: " + " | ".join(broken) if broken else None
    return {"checks": [check.result() for check in checks], "federated_series": series, "failure": failure}


DEFINITION = Definition(
    name="monitoring_verify",
    options=cluster_options({**TEAM_SET_OPTIONS, **OPTIONS}),
    work=work,
    needs_promql=True,
)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
