#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: crds_info
short_description: Return which CRDs of the Prometheus Operator a cluster has, and what a change would break
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Compares the custom resource definitions in a cluster with those of an operator release and with the operators that
    run there, and returns which live objects would lose fields or be refused.
options:
  version:
    description: The operator release to compare with; by default the one that this collection pins.
    type: str
  source:
    description: Where its CRDs come from, as in M(promfleet.monitoring.crds).
    type: str
  checksum:
    description: The checksum of the one file that O(source) names, C(sha256:) and 64 digits.
    type: str
  records_namespace:
    description:
      - The namespace of snapshots and of the note about stopped operators, as for
        M(promfleet.monitoring.crds). Without it, the namespace with the label C(promfleet.monitoring/records=true),
        or C(kube-system).
    type: str
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes.info
"""

EXAMPLES = r"""
---
- name: See what an upgrade to the pinned release would do
  promfleet.monitoring.crds_info:
    kubeconfig: ~/.kube/config
    context: kind-hub
  register: crds
"""

RETURN = r"""
---
release:
  description:
    - The operator release that the CRDs in the cluster are from, C(mixed) with all of them where they differ,
      V(unknown) for releases up to 0.68 (they do not say), V(none) where there are none.
  returned: success
  type: str
  sample: 0.89.0
wanted:
  description: The release that they are compared with, in the same form.
  returned: success
  type: str
  sample: 0.93.1
installed:
  description:
    - Each CRD in the cluster. C(managed_by) names the platforms and tools that manage it, with the mark that says so;
      C(platform) is true for those whose CRDs M(promfleet.monitoring.crds) never changes.
  returned: success
  type: list
  elements: dict
  sample:
    - name: probes.monitoring.coreos.com
      release: 0.89.0
      served: [v1]
      storage: v1
      stored: [v1]
      established: true
      conversion: None
      managers: [helm]
      managed_by:
        - manager: the Helm release monitoring/crds
          mark: annotation meta.helm.sh/release-name
          platform: false
differs:
  description: The CRDs that would be created or changed.
  returned: success
  type: list
  elements: str
  sample: [probes.monitoring.coreos.com]
downgrades:
  description: The CRDs that would be replaced by those of an older release.
  returned: success
  type: list
  elements: str
  sample: ["probes.monitoring.coreos.com: 0.93.1 -> 0.89.0"]
dropped_versions:
  description: Versions of the API that would no longer be stored or served.
  returned: success
  type: list
  elements: str
  sample: ["alertmanagerconfigs.monitoring.coreos.com: served version v1beta1"]
terminating:
  description:
    - CRDs that are being deleted, since when, and what holds them. C(finalizers) are their own, without the API
      server's; C(holders) are objects of the kind that are left, at most 10 of their C(number). C(message) says it in
      words, with the commands that end it.
  returned: success
  type: list
  elements: dict
  sample:
    - name: prometheuses.monitoring.coreos.com
      since: "2026-11-25T09:12:44Z"
      finalizers: []
      holders:
        - kind: Prometheus
          namespace: monitoring
          name: k8s
          finalizers: [monitoring.coreos.com/status-cleanup]
      number: 1
      message: the CRD prometheuses.monitoring.coreos.com is being deleted since 2026-11-25T09:12:44Z, ...
leftovers:
  description: CRDs in the cluster that the wanted release does not have, and that are of a newer one.
  returned: success
  type: list
  elements: str
  sample: [scrapeconfigs.monitoring.coreos.com]
breaks:
  description: How many live objects would lose fields, and how many would be invalid.
  returned: success
  type: dict
  sample: {losing: 1, invalid: 0}
losing:
  description: The live objects that would lose fields, with these fields; at most 1000.
  returned: success
  type: list
  elements: dict
  sample:
    - {kind: ServiceMonitor, namespace: payments, name: web, fields: [spec.serviceDiscoveryRole]}
invalid:
  description:
    - Live objects that the wanted CRDs would refuse with the next write, with the reasons; at most 1000.
    - Rules in CEL are not evaluated.
  returned: success
  type: list
  elements: dict
  sample: []
operators:
  description: The operators that run in the cluster, including those that other tools installed.
  returned: success
  type: list
  elements: dict
  sample:
    - kind: Deployment
      namespace: prometheus-operator
      name: prometheus-operator
      version: 0.93.1
      replicas: 1
      owner: this collection's set default.operator
skew:
  description: A sentence for each operator whose release differs from that of the CRDs.
  returned: success
  type: list
  elements: str
  sample: ["Deployment monitoring/operator is of release 0.93.1, the CRDs are of 0.89.0"]
stopped:
  description:
    - Operators that an interrupted run left stopped (scaled to zero); the next run of M(promfleet.monitoring.crds)
      starts them again.
  returned: success
  type: list
  elements: str
  sample: []
snapshots:
  description: The snapshots of CRDs in the cluster, oldest first.
  returned: success
  type: list
  elements: dict
  sample:
    - {name: promfleet-crds-20261121-151200, taken: 20261121-151200, release: 0.89.0}
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._base import versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.report import report
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import open_source
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import RECORDS_OPTION, cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run, records_namespace

OPTIONS = {
    "version": {"type": "str"},
    "source": {"type": "str"},
    "checksum": {"type": "str"},
}


def work(run: Run) -> dict[str, object]:
    given = {name: run.params[name] for name in OPTIONS}
    source = open_source(**{**given, "version": given["version"] or versions.PROMETHEUS_OPERATOR})
    place = records_namespace(run.params["records_namespace"])
    return report(run.cluster, source.load(), source=source.digest, records_namespace=place)


DEFINITION = Definition(name="crds_info", options=cluster_options({**OPTIONS, **RECORDS_OPTION}), work=work)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
