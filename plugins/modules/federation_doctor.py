#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: federation_doctor
short_description: Find what is broken between the workers and the central cluster
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - >-
    Judges the whole chain of each federated source, from the instance on the worker to the series on the central
    cluster, and names the fault that explains the others first.
  - Call it for each worker first; each call returns an RV(observation). A call for the central cluster takes them as
    O(peers), and judges both sides. A worker without an observation is a finding, and never counts as healthy.
  - M(promfleet.monitoring.monitoring_verify) makes the same checks, of one cluster only.
  - It only reads. It starts no pods, runs nothing in pods, and reads no Secrets.
options:
  peers:
    description: The observations of the workers, as this module returned them.
    type: list
    elements: dict
    default: []
  workers:
    description: The names of the clusters of which O(peers) must have an observation, beside those of O(sources).
    type: list
    elements: str
    default: []
  wait:
    description: Whether to ask again until no finding makes the task fail, or O(wait_timeout) is over.
    type: bool
    default: false
  bundle:
    description:
      - Whether the facts that were judged (C(facts.json)) and the versions (C(versions.json)) are written to
        O(result_folder), too. M(promfleet.monitoring.support_bundle) packs them.
      - They hold no secrets, so they can be given to others.
    type: bool
    default: false
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes.info
  - promfleet.monitoring.findings
  - promfleet.monitoring.judging
  - promfleet.monitoring.modes
  - promfleet.monitoring.teams
"""

EXAMPLES = r"""
---
- name: Look at the worker
  promfleet.monitoring.federation_doctor:
    kubeconfig: ~/.kube/config
    context: kind-edge
    cluster: edge
    clusters: [hub, edge]
    exposed:
      - expose: NodePort
  register: edge

- name: Judge the whole chain
  promfleet.monitoring.federation_doctor:
    kubeconfig: ~/.kube/config
    context: kind-hub
    cluster: hub
    clusters: [hub, edge]
    sources: "{{ exposed.sources }}"
    workers: [edge]
    peers: ["{{ edge.observation }}"]

- name: Judge the worker as it will be, before anything is written
  promfleet.monitoring.federation_doctor:
    kubeconfig: ~/.kube/config
    context: kind-edge
    mode: candidate
    cluster: edge
    clusters: [hub, edge]
    exposed:
      - expose: NodePort

- name: Judge the manifests of the worker, without a cluster
  promfleet.monitoring.federation_doctor:
    mode: files
    files: [clusters/edge]
    cluster: edge
    clusters: [hub, edge]
    exposed:
      - expose: NodePort
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
sources:
  description:
    - What the central side will be given of the sources of this cluster, for its own O(sources). Places that only the
      cluster knows are C((known after apply)).
  returned: when O(mode) is not V(live)
  type: list
  elements: dict
  sample:
    - {cluster: edge, team: platform, targets: [{address: (known after apply), port: null, replica: 0}]}
observation:
  description:
    - What the checks of another cluster need to know of this one. O(peers) takes it; it can be kept to compare runs,
      and holds no Secret.
  returned: always
  type: dict
  sample: {schema_version: 1, cluster: edge, facts: []}
bundle_folder:
  description: The folder with what M(promfleet.monitoring.support_bundle) packs of this cluster.
  returned: when O(bundle) is true and all files were written
  type: str
  sample: /var/log/promfleet/edge
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.observation import parse_observations
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.bundling import bundle_files
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.judging import JUDGING_OPTIONS, judge
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.reporting import write_files
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.views import MODE_OPTIONS, sources_of, view_of

OPTIONS = {
    **MODE_OPTIONS,
    "wait": {"type": "bool", "default": False},
    "bundle": {"type": "bool", "default": False},
    "peers": {"type": "list", "elements": "dict", "default": []},
    "workers": {"type": "list", "elements": "str", "default": []},
}


def work(run: Run) -> dict[str, object]:
    """Do what the module is for."""
    peers = parse_observations(run.params["peers"], path="peers", mode=run.params["mode"])
    folder = run.params["result_folder"]
    if run.params["bundle"] and not folder:
        raise InputError("bundle", "writes to the folder that result_folder names, which is missing")
    judged = judge(run, peers=peers, workers=tuple(run.params["workers"]), look=view_of)
    result = {**judged.result, "observation": dict(judged.seen.observation)}
    if judged.view.later is not None:
        result["sources"] = sources_of(run.params, judged.view)
    if run.params["bundle"]:
        files = bundle_files(judged.view.cluster, judged.seen.facts, name=run.params["cluster"])
        problems = write_files(files, folder)
        result["warnings"] = [*judged.warnings, *problems]
        result |= {} if result["warnings"] else {"bundle_folder": folder}
    return result


DEFINITION = Definition(
    name="federation_doctor",
    options=cluster_options({**JUDGING_OPTIONS, **OPTIONS}),
    work=work,
    needs_promql=True,
)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
