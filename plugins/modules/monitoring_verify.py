#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: monitoring_verify
short_description: Verify that a cluster's monitoring works, link by link
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Asks the cluster and its Prometheus instances whether all that the input describes exists and works. Each fault is
    returned as a finding with a code of the catalogue, what was seen, and how to fix it.
  - Of each workload of O(workloads) it is asked whether its monitor exists, whether Prometheus has it, whether its
    targets are found and up, have the expected metrics and stay within their budget, and whether its rules are healthy.
  - A finding that follows from others names them in RV(findings[].caused_by).
  - What could not be observed is a finding, too, and never counts as healthy.
  - Prometheus is reached through the API server's service proxy, with the same credentials.
  - M(promfleet.monitoring.findings_info) explains the codes.
options:
  wait:
    description: Whether to ask again until no finding makes the task fail, or O(wait_timeout) is over.
    type: bool
    default: true
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes.info
  - promfleet.monitoring.findings
  - promfleet.monitoring.judging
  - promfleet.monitoring.teams
  - promfleet.monitoring.workloads
"""

EXAMPLES = r"""
---
- name: Verify the hub
  promfleet.monitoring.monitoring_verify:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    clusters: [hub, edge]
    teams:
      - name: payments
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
federated_series:
  description: How many series of each source's cluster the federating Prometheus has.
  returned: always
  type: dict
  sample: {edge: 25}
"""

import dataclasses
import functools

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.workloads.model import (
    CATALOGUE_OPTIONS,
    parse_workloads,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.view import View, live_view
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.wanted import Wanted
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.watching import watched_facts
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.judging import JUDGING_OPTIONS, judge
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run


def work(run: Run) -> dict[str, object]:
    """Do what the module is for."""
    with Collecting(None) as errors:
        workloads = parse_workloads(run.params, errors)

    def look(run: Run, _wanted: Wanted) -> View:
        view = live_view(run.cluster)
        return dataclasses.replace(view, more=functools.partial(watched_facts, run.cluster, workloads))

    return judge(run, look=look).result


DEFINITION = Definition(
    name="monitoring_verify",
    options=cluster_options({**JUDGING_OPTIONS, **CATALOGUE_OPTIONS, "wait": {"type": "bool", "default": True}}),
    work=work,
    needs_promql=True,
)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
