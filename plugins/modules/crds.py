#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: crds
short_description: Install the Prometheus Operator's CRDs
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - Applies the custom resource definitions of an operator release, server-side, and waits until each is
    established and served.
  - A release older than the one in the cluster is refused, because fields of live objects would be lost.
  - Fields that another installer owns (Helm, kubectl) are taken over; the CRDs are the platform's alone.
options:
  version:
    description: The operator release whose CRDs are wanted; by default the one that this collection pins.
    type: str
  source:
    description:
      - A folder or file with the CRDs, or a URL with C({version}) and C({file}) in it.
      - By default the files come from the Go module cache of the machine that runs the task, else from the
        project's own address, checked by their SHA-256 and kept in the user's cache folder.
    type: str
  allow_downgrade:
    description: Whether a newer release in the cluster may be replaced by an older one.
    type: bool
    default: false

  state:
    description:
      - V(present) installs or upgrades them.
      - V(absent) deletes them; refused while any of their custom resources exists.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes
  - promfleet.monitoring.apply
"""

EXAMPLES = r"""
---
- name: Install the CRDs of the pinned release
  promfleet.monitoring.crds:
    kubeconfig: ~/.kube/config
    context: kind-hub

- name: Install them from a folder
  promfleet.monitoring.crds:
    kubeconfig: ~/.kube/config
    context: kind-hub
    source: /srv/mirror/prometheus-operator-crd
"""

RETURN = r"""
---
counts:
  description: How many objects met each fate.
  returned: when the cluster was asked
  type: dict
  sample: {created: 12, updated: 0, replaced: 0, deleted: 0, released: 0, unchanged: 31}
objects:
  description:
    - The changed objects, in check mode those that would change; an entry has C(action), C(kind), C(namespace),
      C(name) and for updates C(fields).
    - C(local) marks a prediction for which the server could not be asked, because the run itself first makes
      the namespace or the CRD.
  returned: when the cluster was asked
  type: list
  elements: dict
  sample:
    - {action: created, kind: Prometheus, namespace: monitoring-payments, name: payments}
truncated:
  description: How many changed objects RV(objects) leaves out to keep the result small.
  returned: when there are very many
  type: int
  sample: 0

version:
  description: The operator release that was asked for.
  returned: success
  type: str
  sample: 0.93.1
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils import _versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.crd_source import load_crds
from ansible_collections.promfleet.monitoring.plugins.module_utils._cluster.crds import apply_crds, remove_crds
from ansible_collections.promfleet.monitoring.plugins.module_utils._module import Run, cluster_spec, run_module

OPTIONS = {
    "version": {"type": "str"},
    "source": {"type": "str"},
    "allow_downgrade": {"type": "bool", "default": False},
}


def work(run: Run) -> dict[str, object]:
    version = run.params["version"] or _versions.PROMETHEUS_OPERATOR
    run.progress.step(f"reading the CRDs of operator {version}")
    crds = load_crds(version=version, source=run.params["source"])
    if run.params["state"] == "absent":
        outcome = remove_crds(run.cluster, [crd["metadata"]["name"] for crd in crds], options=run.options())
    else:
        outcome = apply_crds(run.cluster, crds, allow_downgrade=run.params["allow_downgrade"], options=run.options())
    return {"outcome": outcome, "version": version}


def main() -> None:
    """Run the module."""
    run_module(cluster_spec(OPTIONS, writes=True), work)


if __name__ == "__main__":
    main()
