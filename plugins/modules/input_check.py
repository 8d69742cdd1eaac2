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
  - With the connection C(local) this happens in Ansible's own process, which spares a large fleet the packing of its
    teams for a module.
  - The roles call it first; there is hardly a reason to call it by hand.
options:
  role:
    description: The role whose input it is, for messages.
    type: str
    required: true
  known:
    description: The names of all variables that the role knows.
    type: list
    elements: str
    default: []
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
        description: How many there should be, if the run was told; empty where it was not.
        type: str
      kubeconfig_is_path:
        description: Whether the kubeconfig, if there is one, is given as a path; its content is not wanted here.
        type: bool
        default: true
  connection:
    description: Which connection options are set, as a mapping from their name to whether they are; values are
      not wanted here.
    type: dict
  operator:
    description: Options of M(promfleet.monitoring.prometheus_operator).
    type: dict
  teams:
    description: The teams as given.
    type: raw
  only:
    description: The names of the teams that the run is restricted to, none for all.
    type: list
    elements: str
    default: []
  platform:
    description: The overrides for the platform's own team as given.
    type: raw
  platform_team:
    description: The name of the platform's own team.
    type: str
    default: platform
  namespace_prefix:
    description: What the name of an instance's namespace begins with.
    type: str
    default: monitoring-
  sources:
    description: The federation sources as given.
    type: raw
  central_team:
    description: The team whose instance federates.
    type: str
  cluster:
    description: The name of this cluster.
    type: str
  clusters:
    description: The names of all clusters of the fleet.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - promfleet.monitoring.attributes.info
"""

EXAMPLES = r"""
---
- name: Check the teams
  promfleet.monitoring.input_check:
    role: team_monitoring
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
  sample: ["teams[1].retention: must be a duration such as 30s, 15d or 1h30m, found '10'"]
"""

import os

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.check import OPTIONS
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.input_check import check_input
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run


def work(run: Run) -> dict[str, object]:
    errors, failure = check_input(run.params, environ=os.environ)
    return {"errors": errors, "failure": failure}


DEFINITION = Definition(name="input_check", options=OPTIONS, work=work, needs_cluster=False)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
