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
    established and served. What another installer left (Helm, kubectl) is taken over, so that afterwards the
    definitions are exactly those of the release; C(spec.conversion) stays with whoever runs the conversion webhook.
  - >-
    Refused, before anything is written and with the whole list: an older release, a version that objects are stored in
    or that is served, and fields that live custom resources use, because these would be lost.
  - Before a change the definitions are saved in the cluster (the last three times). Where objects lose fields, these
    objects are saved to a file first, while the operators are scaled to zero.
  - An operator that was not installed by M(promfleet.monitoring.prometheus_operator) is restarted where a kind is new,
    because it looks for kinds only when it starts.
options:
  version:
    description: The operator release whose CRDs are wanted; by default the one that this collection pins.
    type: str
  source:
    description:
      - A folder or file with the CRDs, or a URL with C({version}) and C({file}) in it, for the pinned release.
      - The URL of one file of any release, such as C(stripped-down-crds.yaml), with O(checksum).
      - By default the files come from the Go module cache of the machine that runs the task, else from the
        project's own address, checked by their SHA-256 and kept in the user's cache folder.
      - Nothing is fetched or read where the cluster has these CRDs already.
    type: str
  checksum:
    description: The checksum of the one file that O(source) names, C(sha256:) and 64 digits.
    type: str
  allow_downgrade:
    description:
      - Whether a newer release in the cluster may be replaced by an older one.
      - CRDs that the older release does not have go too, where no object uses them.
    type: bool
    default: false
  allow_data_loss:
    description:
      - Whether versions that are served may go, and fields that live custom resources use.
      - A version in which objects may be stored never goes.
    type: bool
    default: false
  snapshot_dir:
    description:
      - A folder on the machine that runs the task, for the custom resources as they were before they lose fields.
      - Required where any would. The file can be read by its owner only.
    type: str
  snapshot:
    description:
      - >-
        What to restore with O(state=restored): the path of a file in O(snapshot_dir), or the name of a snapshot in the
        cluster, which has the CRDs only.
    type: str
  create_missing:
    description: Whether a restore makes objects of the snapshot again that are gone now.
    type: bool
    default: false

  state:
    description:
      - V(present) installs or upgrades them.
      - V(absent) deletes them and their snapshots in the cluster; refused while any of their custom resources exists.
      - >-
        V(restored) brings back the CRDs of a snapshot, under the same rules, and gives the objects of its file the
        fields back that they lost; whatever else was changed meanwhile stays.
    type: str
    choices: [present, absent, restored]
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

- name: Go back to an older release, although live objects use fields that it does not know
  promfleet.monitoring.crds:
    kubeconfig: ~/.kube/config
    context: kind-hub
    source: https://github.com/prometheus-operator/prometheus-operator/releases/download/v0.89.0/stripped-down-crds.yaml
    checksum: sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    allow_downgrade: true
    allow_data_loss: true
    snapshot_dir: /srv/backup/crds

- name: Undo that
  promfleet.monitoring.crds:
    kubeconfig: ~/.kube/config
    context: kind-hub
    state: restored
    snapshot: /srv/backup/crds/crds-5f0e3c56-6fd5-4a44-8ae1-2a2c4b8d7a01-20261121-151200.json.gz
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
failures:
  description: The objects that could not be applied, each with its message; conflicts name fields and managers.
  returned: when there are any
  type: list
  elements: dict
  sample:
    - kind: ConfigMap
      namespace: monitoring-payments
      name: settings
      message: 'other managers own fields of it: .data.a (owned by "kubectl-edit")'
      conflicts: [{field: .data.a, manager: kubectl-edit}]
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
snapshot:
  description:
    - What was saved before the change, C(crds) the name in the cluster, C(objects) the file with custom resources.
    - Empty where nothing was changed, and in check mode.
  returned: when O(state) is not V(absent)
  type: dict
  sample: {crds: promfleet-crds-20261121-151200}
held:
  description: The operators that were scaled to zero for the change, and have their replicas back.
  returned: when O(state) is not V(absent)
  type: list
  elements: str
  sample: [Deployment prometheus-operator/prometheus-operator]
restarted:
  description: The operators that were restarted because a kind is new.
  returned: when O(state) is not V(absent)
  type: list
  elements: str
  sample: [Deployment monitoring/kube-prometheus-stack-operator]
conflicts:
  description:
    - Fields that a restore could not give back, because what they were in has changed since; the snapshot has them.
  returned: when O(state=restored)
  type: list
  elements: str
  sample: ["ServiceMonitor payments/web: spec.endpoints"]
missing:
  description: Objects of the snapshot that are gone now, and were not made again.
  returned: when O(state=restored)
  type: list
  elements: str
  sample: [Probe payments/front]
refused:
  description: Everything that a refusal is about, one line each, at most 1000.
  returned: when the change was refused
  type: list
  elements: str
  sample: ["ServiceMonitor payments/web: spec.endpoints[0].trackTimestampsStaleness"]
to_come:
  description:
    - The CRDs that the run would install, for O(crds_to_come) of the other modules.
  returned: in check mode, where the CRDs would change
  type: dict
  sample: {version: 0.93.1}
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._base import versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.engine import (
    apply_crds,
    cluster_uid,
    remove_crds,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import Words, digest
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.restore import (
    require_restorable,
    restore_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.snapshot import find_snapshot
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import open_source
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

SOURCE = {
    "version": {"type": "str"},
    "source": {"type": "str"},
    "checksum": {"type": "str"},
}
OPTIONS = {
    **SOURCE,
    "allow_downgrade": {"type": "bool", "default": False},
    "allow_data_loss": {"type": "bool", "default": False},
    "snapshot_dir": {"type": "str"},
    "snapshot": {"type": "str"},
    "create_missing": {"type": "bool", "default": False},
    "state": {"type": "str", "default": "present", "choices": ["present", "absent", "restored"]},
}


def words(run: Run) -> Words:
    return Words(**{name: run.params[name] for name in ("allow_downgrade", "allow_data_loss", "snapshot_dir")})


def apply(run: Run) -> dict[str, object]:
    given = {name: run.params[name] for name in SOURCE}
    run.progress.step("comparing the CRDs")
    source = open_source(**{**given, "version": given["version"] or versions.PROMETHEUS_OPERATOR})
    done = apply_crds(run.cluster, source=source.digest, load=source.load, words=words(run), options=run.options())
    coming = {"to_come": {name: value for name, value in given.items() if value}} if done.crds_differ else {}
    return {"outcome": done.outcome, **done.result(), **(coming if run.check else {})}


def remove(run: Run) -> dict[str, object]:
    given = {name: run.params[name] for name in SOURCE}
    crds = open_source(**{**given, "version": given["version"] or versions.PROMETHEUS_OPERATOR}).load()
    return {"outcome": remove_crds(run.cluster, {crd["metadata"]["name"] for crd in crds}, options=run.options())}


def restore(run: Run) -> dict[str, object]:
    snapshot = find_snapshot(run.cluster, run.params["snapshot"], cluster_uid=cluster_uid(run.cluster))
    options = run.options()
    require_restorable(run.cluster, snapshot.objects, create_missing=run.params["create_missing"])
    done = apply_crds(
        run.cluster, source=digest(snapshot.crds), load=lambda: snapshot.crds, words=words(run), options=options
    )
    restored = restore_objects(
        run.cluster,
        snapshot.objects,
        lossy=snapshot.changed_to,
        create_missing=run.params["create_missing"],
        options=options,
    )
    done.outcome.changes += restored.outcome.changes
    done.outcome.unchanged += restored.outcome.unchanged
    return {
        "outcome": done.outcome,
        **done.result(),
        "conflicts": restored.conflicts,
        "missing": restored.missing,
    }


def work(run: Run) -> dict[str, object]:
    state = {"present": apply, "absent": remove, "restored": restore}[run.params["state"]]
    return {"version": run.params["version"] or versions.PROMETHEUS_OPERATOR, **state(run)}


DEFINITION = Definition(
    name="crds",
    options=cluster_options(OPTIONS, writes=True),
    work=work,
    rules={"required_if": [("state", "restored", ("snapshot",))]},
)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
