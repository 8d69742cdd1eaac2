#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: audit_info
short_description: Read the audit trail of a cluster
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Returns what runs of this collection changed in a cluster, by whom, when, and each object before and after.
  - Checks the chain of the entries, and finds those that were changed, deleted or moved. What it finds are findings, as
    those of M(promfleet.monitoring.monitoring_verify).
  - The account of an entry is the one that the API server authenticated. What the run claims (the job and the user of
    AWX) is listed apart from it.
options:
  cluster:
    description: The name of the cluster, for findings.
    type: str
    required: true
  fleet:
    description: The fleet whose trail is read.
    type: str
    default: default
  records_namespace:
    description: The namespace of records and Leases, where the trail is too; see M(promfleet.monitoring.objects).
    type: str
  object:
    description:
      - Which objects to look for, as C(KIND/NAMESPACE/NAME), or C(KIND/NAME) in any namespace. C(*) matches any
        characters.
      - Without it all entries are returned.
    type: str
  who:
    description: A part of the name of the account, or of the user that a run claims.
    type: str
  run:
    description: The run, or the job of AWX.
    type: str
  since:
    description: The earliest time, such as V(2026-11-29) or V(2026-11-29T10:00:00Z). Without a zone it is UTC.
    type: str
  until:
    description: The latest time, in the same forms.
    type: str
  copies:
    description:
      - The folder of copies that runs wrote (O(promfleet.monitoring.objects#module:audit.folder)). An entry that
        differs from its copy is a finding, and so is one that only the copies have, unless the cluster keeps no entry
        as old as it.
    type: path
  operator_log:
    description:
      - Whether to return beside each entry what the operator said in its log about the objects.
      - The account needs the permission to read logs of pods in O(operator_namespace).
    type: bool
    default: false
  operator_namespace:
    description: The namespace of the operator.
    type: str
    default: prometheus-operator
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.findings
  - promfleet.monitoring.attributes.info
"""

EXAMPLES = r"""
---
- name: Who changed this object since yesterday?
  promfleet.monitoring.audit_info:
    kubeconfig: ~/.kube/config
    context: edge
    cluster: edge
    object: Prometheus/monitoring-payments/payments
    since: "2026-11-28"
  register: trail

- name: Show it
  ansible.builtin.debug:
    var: trail.lines
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
entries:
  description: The entries that were asked for, the newest last, each with those of its objects that were asked for.
  returned: when the cluster was asked
  type: list
  elements: dict
  sample:
    - number: 42
      fleet: default
      cluster: edge
      module: team_monitoring
      started: 1764417600.2
      ended: 1764417603.9
      outcome: done
      account: system:serviceaccount:ci:promfleet
      claimed: {job: "17", user: alice}
      counts: {updated: 1}
      objects:
        - verb: update
          kind: Prometheus
          namespace: monitoring-payments
          name: payments
          uid: 0d4b1a5e-93a1-4a44-9a34-1f8e9a3f9a10
          before: {spec: {retention: 2d}}
          after: {spec: {retention: 3d}}
lines:
  description: The same as text for people.
  returned: when the cluster was asked
  type: list
  elements: str
  sample: ["2026-11-29 12:00:03Z #42 team_monitoring by system:serviceaccount:ci:promfleet: 1 updated"]
total:
  description: How many entries the trail has, and how many were asked for.
  returned: when the cluster was asked
  type: dict
  sample: {kept: 120, found: 1}
entries_truncated:
  description: How many of the oldest entries are left out to keep the result small.
  returned: when some are
  type: int
  sample: 40
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.audit_reading import AUDIT_INFO
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module

DEFINITION = AUDIT_INFO


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
