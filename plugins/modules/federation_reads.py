#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: federation_reads
short_description: Tell from the input alone where the central side reads a cluster's instances
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Returns what M(promfleet.monitoring.federation_source) would return as C(sources), without a cluster. For
    M(promfleet.monitoring.render) of the central side.
  - What only the cluster knows must be given. A source with O(sources[].expose=LoadBalancer) needs O(sources[].address)
    and O(sources[].ip_family), one with O(sources[].expose=NodePort) O(sources[].address), and O(sources[].node_port)
    or O(sources[].port). All that is missing is reported at once.
extends_documentation_fragment:
  - promfleet.monitoring.attributes.info
  - promfleet.monitoring.teams
  - promfleet.monitoring.sources
"""

EXAMPLES = r"""
---
- name: Find where the edge is read
  promfleet.monitoring.federation_reads:
    cluster: edge
    clusters: [hub, edge]
    sources:
      - expose: NodePort
        node_port: 30990
        address: 10.0.0.7
  register: found
"""

RETURN = r"""
---
sources:
  description: For each source what O(promfleet.monitoring.federation_endpoints#module:sources) takes.
  returned: success
  type: list
  elements: dict
  sample:
    - cluster: edge
      team: platform
      targets: [{address: 10.0.0.7, port: 30990, replica: 0}]
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import model_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import (
    FEDERATION_SOURCE,
    handed_over_as_given,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

# The same input as that of what applies them.
OPTIONS = {name: option for name, option in FEDERATION_SOURCE.options.items() if name != "writes_to_come"}


def work(run: Run) -> dict[str, object]:
    """Do what the module is for."""
    exposed = model_of(FEDERATION_SOURCE, run.params)
    with Collecting(None) as errors:
        sources = handed_over_as_given(exposed, errors)
    return {"sources": sources}


DEFINITION = Definition(
    name="federation_reads",
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
