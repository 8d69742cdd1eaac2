#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: upgrade_plan
short_description: Say what an upgrade of a cluster would change and break
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Compares a cluster with what the input wants, as the modules that write do in check mode, and returns what would
    change. These are versions, CRDs, objects, new images, and pods that would be replaced.
  - Judges each risk of the table in C(docs/upgrades.md) that is about these versions, by the objects of the cluster.
    Where it is exposed, or where that is not known, the task fails.
  - It writes nothing, but checks the rights of the account as a run does that writes. What it cannot find out is a
    finding.
options:
  cluster:
    description: The name of the cluster.
    type: str
    required: true
  capabilities:
    description:
      - What the cluster is to have, as for O(promfleet.monitoring.render#module:capabilities).
    type: dict
    required: true
  crds:
    description: The operator's CRDs that it is to have. Without it the plan does not look at CRDs.
    type: dict
    suboptions:
      version:
        description: The operator release whose CRDs are meant; by default the one that this collection is made for.
        type: str
      source:
        description: A folder, file or address of the CRDs, as for O(promfleet.monitoring.crds#module:source).
        type: str
      checksum:
        description: The checksum of the source, as for O(promfleet.monitoring.crds#module:checksum).
        type: str
      allow_downgrade:
        description: As for O(promfleet.monitoring.crds#module:allow_downgrade).
        type: bool
        default: false
      allow_data_loss:
        description: As for O(promfleet.monitoring.crds#module:allow_data_loss).
        type: bool
        default: false
      take_managed:
        description: As for O(promfleet.monitoring.crds#module:take_managed).
        type: bool
        default: false
      snapshot_dir:
        description: As for O(promfleet.monitoring.crds#module:snapshot_dir).
        type: str
  allow_unknown:
    description:
      - Whether a risk blocks nothing if it is not known whether the cluster is exposed to it. A suppression allows a
        single one.
    type: bool
    default: false
  fleet:
    description: The name of the fleet, as for O(promfleet.monitoring.team_monitoring#module:fleet).
    type: str
    default: default
  force_conflicts:
    description: As for O(promfleet.monitoring.team_monitoring#module:force_conflicts).
    type: bool
    default: false
  adopt_managers:
    description: As for O(promfleet.monitoring.team_monitoring#module:adopt_managers).
    type: list
    elements: str
    default: []
  claim_managers:
    description: As for O(promfleet.monitoring.team_monitoring#module:claim_managers).
    type: list
    elements: str
    default: []
  shared_namespaces:
    description: As for O(promfleet.monitoring.team_monitoring#module:shared_namespaces).
    type: list
    elements: str
    default: []
  disposable_objects:
    description: As for O(promfleet.monitoring.team_monitoring#module:disposable_objects).
    type: list
    elements: str
    default: []
  records_namespace:
    description: As for O(promfleet.monitoring.team_monitoring#module:records_namespace).
    type: str
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes.info
  - promfleet.monitoring.findings
"""

EXAMPLES = r"""
---
- name: What would the upgrade change and break?
  promfleet.monitoring.upgrade_plan:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    capabilities:
      operator:
        version: 0.93.1
    crds:
      version: 0.93.1
    result_folder: results/hub
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
blocked:
  description: Whether a finding makes the task fail, so that the upgrade should not begin.
  returned: always
  type: bool
  sample: true
versions:
  description:
    - The components that get another version, each with its C(object). C(before) and C(after) are V(null) where they
      are not known.
  returned: always
  type: list
  elements: dict
  sample:
    - component: operator
      object: Deployment prometheus-operator/prometheus-operator
      before: 0.85.0
      after: 0.93.1
steps:
  description:
    - What each step would do, in the order of a run. C(objects) are those that change, C(unchanged) counts the others.
      C(refused) says why the run would end there, C(unknown) why that could not be found out. A step has at most 50
      objects, C(more) is the number of the others.
  returned: always
  type: list
  elements: dict
  sample:
    - step: operator
      objects:
        - action: updated
          kind: Deployment
          name: prometheus-operator
          namespace: prometheus-operator
          fields: ["spec.template.spec.containers[0].image"]
      unchanged: 8
      refused: ""
      unknown: ""
images:
  description: The images that the upgrade needs and no workload of the cluster has yet.
  returned: always
  type: list
  elements: str
  sample: ["quay.io/prometheus-operator/prometheus-operator:v0.93.1"]
restarts:
  description: The pods that would be replaced, each with the C(rule) that says so, and whether that is C(certain).
  returned: always
  type: list
  elements: dict
  sample:
    - object: Prometheus monitoring-payments/payments
      rule: images
      detail: "config-reloader: .../prometheus-config-reloader:v0.89.0 -> .../prometheus-config-reloader:v0.93.1"
      certain: true
risks:
  description:
    - The verdicts about each risk that these versions bring. C(exposure) is V(exposed), V(not exposed) or V(unknown).
      A risk has at most 50 places as C(evidence), C(more) is the number of the others.
  returned: always
  type: list
  elements: dict
  sample:
    - id: po-one-credential
      component: operator
      exposure: not exposed
      title: A ScrapeConfig has only one of basicAuth, authorization and oauth2
      breaks: ...
      fix: keep the one that the targets take
      reference: https://github.com/prometheus-operator/prometheus-operator/pull/8480
      evidence: []
      reasons: []
text:
  description: The plan for people, as Markdown. Of a long one it is the beginning; O(result_folder) gets it all.
  returned: always
  type: str
  sample: "# Upgrade of hub ..."
plan_truncated:
  description: How many entries of the plan are left out to keep the result small; O(result_folder) gets them all.
  returned: when some are
  type: int
  sample: 120
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.upgrade_plan import DEFINITION


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
