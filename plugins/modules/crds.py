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
    definitions are exactly those of the release. C(spec.conversion) stays, because it belongs to the tool that runs the
    conversion webhook.
  - >-
    Refuses changes that would lose data, before anything is written and with the whole list: an older release, the
    removal of a version that objects are stored in or that is served, and the loss of fields that live custom resources
    use.
  - Refuses to change definitions that a platform or another tool manages, as their labels, annotations and owners say.
    Definitions that are right already are left alone.
  - Before a change the definitions are saved in the cluster (the last three times). Where objects lose fields, these
    objects are saved to a file first, while the operators are stopped (scaled to zero).
  - Even without O(wait) the module waits until the definitions are served, for up to five minutes, because later tasks
    need them. O(wait) applies to their removal.
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
      - CRDs that the older release does not have are deleted too if no object uses them.
    type: bool
    default: false
  allow_data_loss:
    description:
      - Whether versions that are served, and fields that live custom resources use, may be removed.
      - A version in which objects may be stored is never removed.
    type: bool
    default: false
  take_managed:
    description:
      - Whether definitions that Helm, Argo CD, Flux or a like tool manages may be changed. Its next upgrade or sync
        writes its own again, so take them out of that tool first, see the guide about CRDs.
      - What a platform manages (OpenShift, the Operator Lifecycle Manager) is never changed, and nothing of what others
        manage is ever deleted.
    type: bool
    default: false
  snapshot_dir:
    description:
      - A folder on the machine that runs the task, for the custom resources as they were before they lose fields.
      - Required if any custom resource would lose fields. The file can be read by its owner only.
    type: str
  snapshot:
    description:
      - >-
        What to restore with O(state=restored): the path of a file in O(snapshot_dir), or the name of a snapshot in the
        cluster, which has the CRDs only.
    type: str
  create_missing:
    description: Whether a restore creates objects of the snapshot again that were deleted since.
    type: bool
    default: false
  for_operator:
    description:
      - The operator for which these CRDs are installed. Where they would change, the run is refused before anything is
        written if another Prometheus Operator in the cluster would reconcile the instances of that one, or the other
        way round, as M(promfleet.monitoring.prometheus_operator) would refuse it afterwards.
      - Without it other operators are no reason to refuse CRDs. The role prometheus_operator sets it.
    type: dict
    suboptions:
      fleet:
        description: As O(promfleet.monitoring.prometheus_operator#module:fleet).
        type: str
        default: default
      platform_team:
        description: As O(promfleet.monitoring.prometheus_operator#module:platform_team).
        type: str
        default: platform
      platform_namespace:
        description: As O(promfleet.monitoring.prometheus_operator#module:platform_namespace).
        type: str
      replaces:
        description: As O(promfleet.monitoring.prometheus_operator#module:replaces).
        type: list
        elements: str
        default: []
      operators:
        description: As O(promfleet.monitoring.prometheus_operator#module:operators).
        type: int
        default: 0
  state:
    description:
      - V(present) installs or upgrades them.
      - V(absent) deletes them and their snapshots in the cluster; refused while any of their custom resources exists,
        and if somebody else manages one of them.
      - >-
        V(restored) installs the CRDs of a snapshot, under the same rules, and gives the objects of its file their lost
        fields back. Other changes since the snapshot stay.
    type: str
    choices: [present, absent, restored]
    default: present
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes
  - promfleet.monitoring.change
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
  description: The number of objects for each action, and of those that are unchanged.
  returned: when the cluster was asked
  type: dict
  sample: {created: 12, updated: 0, replaced: 0, deleted: 0, released: 0, unchanged: 31}
objects:
  description:
    - The changed objects, in check mode those that would change; an entry has C(action), C(kind), C(namespace),
      C(name) and for updates C(fields), also for objects that are released and get back what they had.
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
audit:
  description: The number and the digest of the entry in the audit trail.
  returned: when something was changed and O(audit.enabled) is V(true)
  type: dict
  sample: {number: 42, digest: 3b1f0c1d9a}
version:
  description: The operator release that was asked for.
  returned: success
  type: str
  sample: 0.93.1
snapshot:
  description:
    - What was saved before the change, C(crds) the name in the cluster, C(objects) the file with custom resources.
    - Empty if nothing was changed, and in check mode.
  returned: when O(state) is not V(absent)
  type: dict
  sample: {crds: promfleet-crds-20261121-151200}
stopped:
  description: The operators that were stopped (scaled to zero) for the change; they have their replicas back.
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
    - Fields that a restore could not give back, because their surroundings have changed since; the snapshot has them.
  returned: when O(state=restored)
  type: list
  elements: str
  sample: ["ServiceMonitor payments/web: spec.endpoints"]
missing:
  description: Objects of the snapshot that were deleted since and were not created again.
  returned: when O(state=restored)
  type: list
  elements: str
  sample: [Probe payments/front]
refused:
  description: All reasons of the refusal, one line each, at most 1000.
  returned: when the change was refused
  type: list
  elements: str
  sample: ["ServiceMonitor payments/web: spec.endpoints[0].trackTimestampsStaleness"]
to_come:
  description:
    - The CRDs that the run would install, for O(promfleet.monitoring.prometheus_operator#module:crds_to_come)
      and that of the other modules.
  returned: in check mode, where the CRDs would change
  type: dict
  sample: {version: 0.93.1}
"""

import dataclasses
from collections.abc import Callable

from ansible_collections.promfleet.monitoring.plugins.module_utils._base import versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import NAMESPACE_PREFIX, PLATFORM_TEAM
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.names import team_name
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.engine import (
    apply_crds,
    cluster_uid,
    placed,
    remove_crds,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import OptIns, digest
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.restore import (
    require_restorable,
    restore_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.snapshot import find_snapshot
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import open_source
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.grammar import dns_label
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.guard import (
    platform_instances,
    require_no_quarrel,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.replace import (
    deployment_name,
    key_of_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import EVERYTHING
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import (
    OPERATORS_OPTION,
    checked_operators,
    controller_ids,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import CHANGE_OPTIONS, cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

SOURCE = {
    "version": {"type": "str"},
    "source": {"type": "str"},
    "checksum": {"type": "str"},
}
FOR_OPERATOR = {
    "fleet": {"type": "str", "default": "default"},
    "platform_team": {"type": "str", "default": PLATFORM_TEAM},
    "platform_namespace": {"type": "str"},
    "replaces": {"type": "list", "elements": "str", "default": []},
    **OPERATORS_OPTION,
}
OPTIONS = {
    **SOURCE,
    "allow_downgrade": {"type": "bool", "default": False},
    "allow_data_loss": {"type": "bool", "default": False},
    "take_managed": {"type": "bool", "default": False},
    "snapshot_dir": {"type": "str"},
    "snapshot": {"type": "str"},
    "create_missing": {"type": "bool", "default": False},
    "for_operator": {"type": "dict", "options": FOR_OPERATOR},
    "state": {"type": "str", "default": "present", "choices": ["present", "absent", "restored"]},
}


def opt_ins(run: Run) -> OptIns:
    return OptIns(
        **{name: run.params[name] for name in ("allow_downgrade", "allow_data_loss", "take_managed", "snapshot_dir")}
    )


def other_operators(run: Run) -> Callable[[], list[str]]:
    """What refuses CRDs for an operator that another one would meet, and returns warnings about other operators."""
    given = run.params["for_operator"]
    if given is None:
        return list
    team = given["platform_team"]
    namespace = given["platform_namespace"] or f"{NAMESPACE_PREFIX}{team}"
    with Collecting(None) as errors:
        require(team_name, team, path="for_operator.platform_team", errors=errors)
        require(dns_label, namespace, path="for_operator.platform_namespace", errors=errors)
        for number, name in enumerate(given["replaces"]):
            require(deployment_name, name, path=f"for_operator.replaces[{number}]", errors=errors)
        ids = controller_ids(checked_operators(given["operators"], path="for_operator.operators", errors=errors))
    replaced = [key_of_name(name) for name in given["replaces"]]
    scopes = [dataclasses.replace(EVERYTHING, controller_id=one) for one in ids or ("",)]
    # Whichever of several operators has it: the others are of the same fleet.
    instances = platform_instances(
        fleet=given["fleet"], team=team, namespace=namespace, controller_id=scopes[0].controller_id or ""
    )
    return lambda: require_no_quarrel(
        run.cluster, fleet=given["fleet"], to_come=instances, scopes=scopes, replaced=replaced
    )


def apply(run: Run) -> dict[str, object]:
    given = {name: run.params[name] for name in SOURCE}
    run.progress.step("comparing the CRDs")
    source = open_source(**{**given, "version": given["version"] or versions.PROMETHEUS_OPERATOR})
    done = apply_crds(
        run.cluster,
        source=source.digest,
        load=source.load,
        opt_ins=opt_ins(run),
        options=run.options(),
        guard=other_operators(run),
    )
    coming = {"to_come": {name: value for name, value in given.items() if value}} if done.crds_differ else {}
    return {"outcome": done.outcome, **done.result(), **(coming if run.check else {})}


def remove(run: Run) -> dict[str, object]:
    given = {name: run.params[name] for name in SOURCE}
    crds = open_source(**{**given, "version": given["version"] or versions.PROMETHEUS_OPERATOR}).load()
    return {"outcome": remove_crds(run.cluster, {crd["metadata"]["name"] for crd in crds}, options=run.options())}


def restore(run: Run) -> dict[str, object]:
    options = placed(run.cluster, options=run.options())
    snapshot = find_snapshot(
        run.cluster,
        run.params["snapshot"],
        namespace=options.place,
        cluster_uid=cluster_uid(run.cluster),
    )
    require_restorable(run.cluster, snapshot.objects, create_missing=run.params["create_missing"], options=options)
    done = apply_crds(
        run.cluster, source=digest(snapshot.crds), load=lambda: snapshot.crds, opt_ins=opt_ins(run), options=options
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
    done.outcome.failures += restored.outcome.failures
    failures = restored.outcome.failures
    told = f"{len(failures)} objects could not be restored: {first_of(failures, separator='; ')}"
    return {
        "failure": told if failures else None,
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
    options=cluster_options(OPTIONS, CHANGE_OPTIONS),
    work=work,
    rules={"required_if": [("state", "restored", ("snapshot",))]},
)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
