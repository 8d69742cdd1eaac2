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

from ansible_collections.promfleet.monitoring.plugins.module_utils._model.check import OPTIONS, find_errors, summary
from ansible_collections.promfleet.monitoring.plugins.module_utils._module import Run, run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import check_selector


def work(run: Run) -> dict[str, object]:
    errors = find_errors(run.params, from_environment=run.environment_auth(), check_match=check_selector)
    return {"errors": errors, "failure": summary(errors, role=run.params["role"])}


def main() -> None:
    """Run the module."""
    run_module(OPTIONS, work, needs_cluster=False, needs_promql=True)


if __name__ == "__main__":
    main()
