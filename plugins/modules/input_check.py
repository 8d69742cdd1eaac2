#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: input_check
short_description: Check a role's input before anything is written
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Finds every error in the input of one role, without a connection to any cluster, and names the path of each.
  - With the connection C(local) it runs in Ansible's own process, so a large list of teams is not packed for a module.
  - The roles call it first; you rarely need to call it yourself.
options:
  role:
    description: The role whose input it is, for messages.
    type: str
    required: true
  options:
    description: The variables that the role documents, each with its type, as in an argument specification.
    type: raw
  variables:
    description: The variables that are to be checked against these types, as a mapping from their name to their value.
    type: raw
  found:
    description: The names of the variables that are set with the role's prefix.
    type: list
    elements: str
    default: []
  libraries:
    description: Whether the Python libraries that all modules need together must be there.
    type: bool
    default: false
  fleet:
    description: The fleet as this host sees it.
    type: dict
    suboptions:
      host:
        description: The name of this host.
        type: str
        required: true
      hosts:
        description: The hosts that are clusters.
        type: list
        elements: str
        required: true
      clusters:
        description: The names of these clusters, in the order of the hosts.
        type: list
        elements: str
        required: true
      workers:
        description: How many of them are workers.
        type: int
        required: true
      expected_workers:
        description: How many there should be, if that is configured.
        type: str
      fleet:
        description: The name of the fleet.
        type: str
        default: ""
      confirmed_fleet:
        description: The name of the fleet that the run was confirmed for, if it had to be.
        type: str
      centrals:
        description: The hosts of the group promfleet_central.
        type: list
        elements: str
        default: []
      regions:
        description: The groups of the inventory whose names begin with promfleet_region_, each with its hosts.
        type: dict
        default: {}
      region_hosts:
        description: The hosts that may be in such a group, which are those of promfleet_workers.
        type: list
        elements: str
        default: []
      kubeconfig_is_path:
        description: Whether the kubeconfig, if there is one, is given as a path; its content is not wanted here.
        type: bool
        default: true
  connection:
    description: Which connection options are set, as a mapping from their name to whether they are; values are
      not wanted here.
    type: dict
  capabilities:
    description:
      - The capabilities whose input is to be checked, as a mapping from their names, such as V(teams), to the options
        of their modules.
      - Errors name the variables of the roles that give these options.
    type: dict
    default: {}
  policies:
    description:
      - The policies by which the rules and monitors of the capability V(teams) are judged, as if a person of the team
        wrote them. The keys are options of M(promfleet.monitoring.policy_lint).
      - What a policy that denies does not allow, or cannot judge, is an error. What others do not allow is a warning.
    type: dict
  capacity:
    description:
      - What the capability V(teams) must leave room for. Where the limits of objects allow more than an operator has
        memory for, that is an error.
      - C(memory) is that of each operator, and C(setting) the variable that says it. C(counted), C(rule_size) and
        C(monitor_size) are as the variables C(team_monitoring_capacity), C(team_monitoring_capacity_rule_size) and
        C(team_monitoring_capacity_monitor_size).
    type: dict
extends_documentation_fragment:
  - promfleet.monitoring.attributes.info
"""

EXAMPLES = r"""
---
- name: Check the teams
  promfleet.monitoring.input_check:
    role: team_monitoring
    capabilities:
      teams:
        cluster: hub
        clusters: [hub, edge]
        teams:
          - name: payments
"""

RETURN = r"""
---
errors:
  description: What is wrong, each with the path of the input.
  returned: always
  type: list
  elements: str
  sample: ["team_monitoring_teams[1].name: 'payments' is the name of team_monitoring_teams[0] too"]
"""

import os

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.check import OPTIONS
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.input_check import check_input
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run


def work(run: Run) -> dict[str, object]:
    checked = check_input(run.params, environ=os.environ)
    return {"errors": list(checked.errors), "failure": checked.failure, "warnings": list(checked.warnings)}


DEFINITION = Definition(name="input_check", options=OPTIONS, work=work, needs_cluster=False)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
