#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: upgrade_waves
short_description: Divide the clusters of a fleet into waves of an upgrade
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Says in which order clusters are upgraded, and which of them at the same time. Each is in exactly one wave.
  - Reads the records of earlier runs, and says whether the fleet is frozen. Asks no cluster.
options:
  hosts:
    description: The clusters of the fleet, in the order of the inventory.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The name of its host.
        type: str
        required: true
      cluster:
        description: The name of the cluster, by default that of its host.
        type: str
      groups:
        description: The groups of the host.
        type: list
        elements: str
        default: []
      labels:
        description: The labels of the cluster.
        type: dict
        default: {}
  present:
    description: The hosts of this run; by default all of them.
    type: list
    elements: str
  lost:
    description: Hosts of this run whose clusters cannot be used. No wave after theirs begins.
    type: list
    elements: str
    default: []
  waves:
    description:
      - The waves in their order. Each has exactly one of O(waves[].hosts), O(waves[].groups), O(waves[].labels),
        O(waves[].size), O(waves[].percent) and O(waves[].rest). Without any, each cluster is a wave of its own.
      - Names count first. The last three only get clusters that no wave names.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the wave is called.
        type: str
      hosts:
        description: Its hosts.
        type: list
        elements: str
      groups:
        description: All hosts of these groups.
        type: list
        elements: str
      labels:
        description: All clusters with these labels.
        type: dict
      size:
        description: So many of the clusters that are left.
        type: int
      percent:
        description: So many of the clusters that are left, as a part of all clusters of the fleet, rounded up.
        type: int
      rest:
        description: All clusters that are left.
        type: bool
      concurrency:
        description: How many of its clusters are upgraded at the same time.
        type: int
        default: 1
  windows:
    description: When upgrades may begin, in UTC; without any at all times. A rollback never waits for a window.
    type: list
    elements: dict
    default: []
    suboptions:
      days:
        description: The days on which the window begins.
        type: list
        elements: str
        choices: [mon, tue, wed, thu, fri, sat, sun]
        default: [mon, tue, wed, thu, fri, sat, sun]
      from:
        description: When it begins.
        type: str
        default: "00:00"
      to:
        description: When it ends; before O(windows[].from) that is on the next day.
        type: str
        default: "24:00"
  folder:
    description: The folder of the records.
    type: path
    required: true
  lift:
    description: The id of a freeze that is lifted, as a run shows it. The id of another one lifts nothing.
    type: str
extends_documentation_fragment:
  - promfleet.monitoring.attributes.records
"""

EXAMPLES = r"""
---
- name: Divide the fleet
  promfleet.monitoring.upgrade_waves:
    hosts:
      - {name: test-1, groups: [canary]}
      - {name: edge-1}
      - {name: edge-2}
    waves:
      - {name: canary, groups: [canary]}
      - {rest: true, concurrency: 2}
    folder: /var/lib/promfleet/upgrades
"""

RETURN = r"""
---
order:
  description: The batches in their order, each with its C(wave) and the C(hosts) of this run.
  returned: success
  type: list
  elements: dict
  sample:
    - wave: canary
      hosts: [test-1]
unfinished:
  description: The hosts whose upgrade or rollback an earlier run did not finish.
  returned: success
  type: list
  elements: str
  sample: []
frozen:
  description: Why no cluster begins; empty where the fleet is not frozen.
  returned: success
  type: str
  sample: ""
freeze:
  description: The id of the freeze, empty where there is none.
  returned: success
  type: str
  sample: edge-1-20261130t071428z
open:
  description: Whether now is within one of the windows.
  returned: success
  type: bool
  sample: true
lines:
  description: The same as text for people.
  returned: success
  type: list
  elements: str
  sample: ["canary: test-1"]
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.upgrade_waves import DEFINITION


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
