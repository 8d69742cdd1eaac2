#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: policy_audit
short_description: List what policies would deny in a cluster
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Judges the objects that live in the namespaces of teams, as if a person of the team wrote them again, and says which
    of them a policy would not let pass, by team and policy. Changes nothing, and needs no right to write.
  - What the collection itself wrote counts as written by the platform, and what Kubernetes' own controllers wrote as
    written by them.
  - Evaluates the expressions where the module runs, with cel-expr-python. What cannot be evaluated as the API server
    would is a finding of its own, C(PF404), and makes the task fail.
  - An exemption that is over is a finding, too.
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes.info
  - promfleet.monitoring.policies
  - promfleet.monitoring.findings
"""

EXAMPLES = r"""
---
- name: See what would be denied
  promfleet.monitoring.policy_audit:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    shipped: "{{ lookup('ansible.builtin.file', 'policies.yml') | from_yaml }}"
    platform_accounts:
      - user: kubernetes-admin
    fail_on: error
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
objects:
  description: How many objects were judged.
  returned: success
  type: int
  sample: 12
by_team:
  description: How many objects of each team do not pass, by the id of the policy.
  returned: success
  type: dict
  sample: {payments: {relabelings: 2, rule-for: 7}}
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.policing import AUDIT_OPTIONS, audit

DEFINITION = Definition(name="policy_audit", options=cluster_options(AUDIT_OPTIONS), work=audit, needs_cluster=True)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
