#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: size_advice
short_description: Propose sizes for the running instances of teams
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Asks each Prometheus of the teams through the API server's proxy how much it takes in, and how much memory and CPU
    it took, and proposes memory, CPU, storage and a weight, with the reasons. Changes nothing.
  - What is not observed is named, and what depends on it is not proposed.
  - Nothing is proposed that is smaller than what the last start needed. Where the last start is not within O(window),
    or the memory was near its limit, memory stays as large as it is.
  - A Prometheus that is switched off or archived is not asked, and neither is an agent, which answers no queries.
options:
  only:
    description: The names of teams that are looked at; by default all.
    type: list
    elements: str
    default: []
  window:
    description: How far back is looked, as a duration of Prometheus.
    type: str
    default: 1d
  top:
    description: How many of the metrics with the most series are listed.
    type: int
    default: 10
  timeout:
    description: How many seconds all instances together are asked.
    type: int
    default: 60
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes.info
  - promfleet.monitoring.teams
"""

EXAMPLES = r"""
---
- name: See which sizes the teams need
  promfleet.monitoring.size_advice:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    clusters: [hub]
    teams: "{{ team_monitoring_teams }}"
    window: 7d
  register: sizes

- name: Show what to paste into the inventory
  ansible.builtin.debug:
    msg: "{{ sizes.snippet }}"
"""

RETURN = r"""
---
advice:
  description:
    - What was seen of each instance, and what it should have.
    - C(observed) has C(series), the most in the head; C(samples) a second; C(cpu); C(resident) memory, C(working_set),
      C(wal) and C(bytes_per_sample) in bytes; C(replay) of the WAL and C(age) in seconds. C(not_observed) says of each
      other input why.
    - C(proposal) has C(memory) and C(storage) in bytes, C(cpu), C(weight), and as C(size) the smallest named size that
      has room for both; what cannot be said is not there. C(changes) is what differs now, in the form of a team's
      options.
    - C(largest_metrics) has the C(memory) that dropping each metric would save, by the model, and its C(share) of all
      series.
  returned: success
  type: list
  elements: dict
  sample:
    - team: payments
      namespace: monitoring-payments
      observed: {series: 61000, samples: 2050.4, cpu: 0.21, resident: 512000000, replay: 3.1, age: 5400, wal: 90000000}
      not_observed: {working_set: its Prometheus has no such series in this time}
      proposal: {memory: 671088640, cpu: 0.26, size: medium, weight: 2}
      changes: {prometheus: {resources: {cpu: 260m, memory: 640Mi}}, weight: 2}
      reasons: ["cpu: it took 0.21 CPUs at most over 5 minutes; it asks for 0.1"]
      largest_metrics:
        - {name: http_request_duration_seconds_bucket, series: 21000, memory: 120000000, share: 0.3443}
      samples_per_series: 0.0336
snippet:
  description: What to paste into the inventory, as YAML; only options that differ. Empty where nothing does.
  returned: success
  type: str
  sample: |
    team_monitoring_teams:
      - name: payments
        prometheus:
          resources:
            cpu: 260m
            memory: 640Mi
        weight: 2
lines:
  description: The same as text for people.
  returned: success
  type: list
  elements: str
  sample: ["payments: to change: cpu 260m, memory 640Mi, weight 2"]
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.size_advice import SIZE_ADVICE

DEFINITION = SIZE_ADVICE


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
