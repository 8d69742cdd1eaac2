#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: federation_writes
short_description: Tell what a cluster's Prometheus instances must write to the central side
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - >-
    Makes the C(remoteWrite) of the Prometheus of each source with O(sources[].transport=remote_write): who is written
    to, how it is reached, and relabelings that select and label series as the central side would if it read them.
  - For each source with O(sources[].transport=thanos) it says how the sidecar of its Prometheus serves the central
    side.
  - Reads no cluster and changes nothing. M(promfleet.monitoring.team_monitoring) takes the result as C(writes). A
    C(PrometheusAgent) of your own can have the same list as its C(spec.remoteWrite).
extends_documentation_fragment:
  - promfleet.monitoring.attributes.info
  - promfleet.monitoring.teams
  - promfleet.monitoring.sources
"""

EXAMPLES = r"""
---
- name: Find what the edge must write
  promfleet.monitoring.federation_writes:
    cluster: edge
    clusters: [hub, edge]
    centrals: [hub]
    sources:
      - transport: remote_write
    central_receivers:
      hub:
        - urls: [http://10.0.0.7:9090/api/v1/write]
  register: found

- name: Let it write
  promfleet.monitoring.team_monitoring:
    kubeconfig: ~/.kube/config
    context: kind-edge
    cluster: edge
    clusters: [hub, edge]
    writes: "{{ found.writes }}"
"""

RETURN = r"""
---
writes:
  description:
    - For each source that writes its C(team), and C(remote_write), the list for its Prometheus.
    - For each source that is queried its C(team), and C(sidecar), how the sidecar of its Prometheus serves.
  returned: success
  type: list
  elements: dict
  sample:
    - team: platform
      remote_write:
        - name: hub/platform/0
          url: http://10.0.0.7:9090/api/v1/write
          sendNativeHistograms: true
          writeRelabelConfigs: []
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import model_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import (
    FEDERATION_SOURCE,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

# What it returns is what the other module looks for.
OPTIONS = {name: option for name, option in FEDERATION_SOURCE.options.items() if name != "writes_to_come"}


def work(run: Run) -> dict[str, object]:
    """Do what the module is for."""
    model = model_of(FEDERATION_SOURCE, run.params)
    writes = [{"team": team, "remote_write": list(model.writes[team])} for team in sorted(model.writes)]
    sidecars = [{"team": team, "remote_write": [], "sidecar": given} for team, given in sorted(model.sidecars.items())]
    return {"writes": [*writes, *sidecars]}


DEFINITION = Definition(
    name="federation_writes",
    options=OPTIONS,
    work=work,
    needs_cluster=False,
    needs_promql=True,
)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
