#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: operator_shares
short_description: Tell which of several operators has which team of a cluster
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Shares out the teams of a cluster among O(operators), by their weights. The result follows from the input alone.
  - >-
    An operator more takes teams only for itself, and none moves between the others; an operator less gives back
    exactly these. With enough teams no operator has more than 1.10 times the mean weight.
  - Reads no cluster and changes nothing. M(promfleet.monitoring.prometheus_operator) takes RV(weights).
options:
  operators:
    description: How many operators share the teams, from 1 to 9. With V(0) there is one, which has all teams.
    type: int
    default: 0
extends_documentation_fragment:
  - promfleet.monitoring.attributes.info
  - promfleet.monitoring.teams
"""

EXAMPLES = r"""
---
- name: See what three operators would have
  promfleet.monitoring.operator_shares:
    cluster: hub
    clusters: [hub]
    operators: 3
    teams:
      - {name: payments, weight: 4}
      - {name: search}
  register: found

- name: Let them run
  promfleet.monitoring.prometheus_operator:
    kubeconfig: ~/.kube/config
    context: kind-hub
    operators: 3
    weights: "{{ found.weights }}"
"""

RETURN = r"""
---
weights:
  description: The weight of each team of the cluster, those that are switched off too.
  returned: success
  type: dict
  sample: {payments: 4, platform: 1, search: 1}
shares:
  description: For each operator its C(controller_id), the C(weight) of its teams together, and the C(teams).
  returned: success
  type: list
  elements: dict
  sample:
    - {controller_id: prometheus-operator-1, weight: 4, teams: [payments]}
    - {controller_id: prometheus-operator-2, weight: 2, teams: [platform, search]}
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    TEAM_SET_OPTIONS,
    parse_team_set,
    weights_on,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import (
    OPERATORS_OPTION,
    checked_operators,
    controller_ids,
    shared_out,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run


def work(run: Run) -> dict[str, object]:
    """Do what the module is for."""
    params = run.params
    with Collecting(None) as errors:
        operators = checked_operators(params["operators"], errors=errors)
        weights = weights_on(parse_team_set(params, errors=errors), params["cluster"])
    assigned = shared_out(weights, operators=operators)
    shares = []
    for number, one in enumerate(controller_ids(operators) or ("",), start=1):
        teams = sorted(name for name in assigned if assigned[name] == number)
        shares.append({"controller_id": one, "weight": sum(weights[name] for name in teams), "teams": teams})
    return {"weights": dict(sorted(weights.items())), "shares": shares}


DEFINITION = Definition(
    name="operator_shares",
    options={**TEAM_SET_OPTIONS, **OPERATORS_OPTION},
    work=work,
    needs_cluster=False,
)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
