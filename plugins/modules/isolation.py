#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: isolation
short_description: Prove on a live cluster that teams are isolated from each other
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Makes two throwaway teams in the same way as all teams are made, attacks one of them with the credentials of the
    other, and removes both. What a team must be able to do is tried with the same credentials.
  - Each attack is judged by its effect, such as a scraped target, a delivered request or a stored object. What could
    not be observed is a finding and never counts as denied.
  - Only attacks that do no harm on a live fleet are tried. C(docs/isolation.md) lists all of them with their guards.
  - A run that was killed leaves its teams in the cluster; the next run uses and removes them. Only one run at a time
    may use O(name) in a cluster.
options:
  name:
    description:
      - How the names of the throwaway teams and of their namespaces begin. No team of the fleet may have such a name.
    type: str
    default: isolation
  attacks:
    description: The ids of attacks, or the names of doors, to which the run is limited. By default all are tried.
    type: list
    elements: str
    default: []
  operators:
    description: How many operators share the instances, as for
      O(promfleet.monitoring.prometheus_operator#module:operators). One of them has the throwaway teams.
    type: int
    default: 0
  operator_namespace:
    description: The operator's namespace.
    type: str
    default: prometheus-operator
  fleet:
    description: The fleet in whose name the throwaway teams are made.
    type: str
    default: default
  api_server_sources:
    description:
      - Where the API server's requests to pods come from, as
        O(promfleet.monitoring.team_monitoring#module:api_server_sources) has it. The effects of attacks are measured
        through the API server.
    type: list
    elements: dict
    default: []
    suboptions:
      cidr:
        description: A range of addresses of the API server, such as C(10.0.0.5/32).
        type: str
      namespace:
        description: The namespace of pods through which the API server comes, such as those of konnectivity-agent.
        type: str
      pod_labels:
        description: The labels of these pods; by default all pods of the namespace are let in.
        type: dict
        default: {}
  egress:
    description: What the pods of all instances may connect to, as
      O(promfleet.monitoring.team_monitoring#module:egress) has it.
    type: dict
    default: {}
  wait_timeout:
    description:
      - How many seconds the throwaway teams may take to come up, and after that how many seconds the effects of attacks
        and controls are waited for.
    type: int
    default: 300
  lock_timeout:
    description: How many seconds to wait for another run that makes or removes the throwaway teams.
    type: int
    default: 60
  records_namespace:
    description: The namespace of records and Leases, as
      O(promfleet.monitoring.team_monitoring#module:records_namespace) has it.
    type: str
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.findings
  - promfleet.monitoring.teams
attributes:
  check_mode:
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
    support: full
    details:
      - In check mode no team is made and nothing is tried. The attacks and controls of a run are returned.
  diff_mode:
    description: Will return details on what has changed (or possibly needs changing in C(check_mode)), in diff mode.
    support: N/A
    details:
      - What is made is removed again.
  idempotent:
    description:
      - When run twice in a row outside check mode, with the same arguments, the second invocation indicates no
        change.
    support: full
    details:
      - What is made is removed again.
"""

EXAMPLES = r"""
---
- name: Prove the isolation of teams on the hub
  promfleet.monitoring.isolation:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    clusters: [hub, edge]

- name: Try only what relabelings and probes can do
  promfleet.monitoring.isolation:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    clusters: [hub, edge]
    attacks: [relabeling, probes]
"""

RETURN = r"""
---
findings:
  description:
    - The faults, root causes first and the worst of them first, each followed by what it causes.
    - The form is that of C(docs/findings.schema.json).
  returned: always
  type: list
  elements: dict
  contains:
    code:
      description: The code, which M(promfleet.monitoring.findings_info) explains.
      type: str
      sample: PF304
    severity:
      description: V(info), V(warning) or V(error).
      type: str
      sample: error
    observed:
      description: Whether a fault was seen; V(false) where something could not be observed.
      type: bool
      sample: true
    title:
      description: What the code means.
      type: str
      sample: A federated target is down
    object:
      description: The object, with C(cluster), C(kind), C(namespace) and C(name).
      type: dict
      sample: {cluster: hub, kind: ServiceMonitor, namespace: monitoring-platform, name: federation-edge-platform}
    message:
      description: What was found, as one sentence.
      type: str
      sample: "federation of edge/platform: http://192.0.2.7:31090/federate: connection refused"
    evidence:
      description: What was seen, as data.
      type: dict
      sample: {source: edge/platform, address: "http://192.0.2.7:31090/federate", error: connection refused}
    cause:
      description: Why this happens.
      type: str
      sample: The central Prometheus knows the source's address, and scraping it fails.
    fix:
      description: What to do.
      type: str
      sample: is the worker's exposed address reachable from this cluster, and its network policy open for it?
    fingerprint:
      description: The same in each run for the same fault of the same object.
      type: str
      sample: 0b8a3c1f5d2e7a94
    caused_by:
      description: The fingerprints of the findings that this one follows from.
      type: list
      elements: str
      sample: []
    documentation:
      description: Where the code is explained.
      type: str
      sample: https://github.com/promfleet/ansible-collection-monitoring/blob/main/docs/findings.md#pf304
suppressed:
  description:
    - The findings that are suppressed, of the same form, and in C(suppression) the C(reason), C(owner) and C(until).
  returned: always
  type: list
  elements: dict
  sample: []
checks:
  description: All that was checked, with C(check), C(object), C(ok), and its finding's C(code) and C(fingerprint).
  returned: always
  type: list
  elements: dict
  sample:
    - check: operator
      object: hub/Deployment/prometheus-operator/prometheus-operator
      ok: true
      code: ""
      fingerprint: ""
summary:
  description: The numbers of checks and findings, complete even if the lists are cut off.
  returned: always
  type: dict
  sample: {checks: 12, ok: 11, error: 1, warning: 0, info: 0, not_observed: 0, suppressed: 0}
truncated:
  description: How many entries of all lists are left out to keep the result small; O(result_folder) gets them all.
  returned: when some are
  type: int
  sample: 120
comparison:
  description:
    - How the findings compare with those of O(compare_with). A finding is known by its fingerprint.
    - C(summary) counts, C(headline) says the same in words. C(new), C(gone), C(still) and C(unknown) list findings with
      C(code), C(severity), C(observed), C(object), C(message), C(fingerprint) and C(suppressed).
    - C(checked_before) of a new finding says whether its check was made then, too. C(changed) of one that is still
      there has what differs, each with C(before) and C(after). Those in C(unknown) were found then, and this run did
      not make their checks.
  returned: when O(compare_with) is given
  type: dict
  sample:
    headline: 1 new, 0 gone, 3 still there
    summary: {new: 1, gone: 0, still: 3, changed: 0, unknown: 0}
    new:
      - code: PF304
        severity: error
        observed: true
        object: {cluster: hub, kind: ServiceMonitor, namespace: monitoring-platform, name: federation-edge-platform}
        message: "federation of edge/platform: http://192.0.2.7:31090/federate: connection refused"
        fingerprint: 0b8a3c1f5d2e7a94
        suppressed: false
        checked_before: true
    gone: []
    still: []
    unknown: []
outcomes:
  description:
    - What came of each attack and control. C(effect) says whether its effect was measured, and is null where it was not
      observed. C(stopped_by) names the guard that stopped it, or several where what was seen fits all of them.
  returned: always
  type: list
  elements: dict
  sample:
    - id: relabel-replace
      attack: true
      title: A relabeling sets __address__ to another team's Prometheus
      effect: false
      stopped_by: [policy:monitor-relabelings]
      seen: "ValidatingAdmissionPolicy 'promfleet-monitor-relabelings' denied request: ..."
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.isolating import OPTIONS, isolate
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import cluster_options

DEFINITION = Definition(name="isolation", options=cluster_options(OPTIONS), work=isolate)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
