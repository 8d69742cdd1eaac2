#!/usr/bin/python
# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: objects
short_description: Apply any Kubernetes objects as one set
version_added: 1.0.0
author:
  - promfleet.monitoring contributors (@promfleet)
description:
  - >-
    Applies manifests from files, folders and inline, as one set. Objects that a former run of the same set applied and
    that are no longer given are deleted.
  - >-
    Secrets with values are refused: module arguments reach logs before any code can hide them. Create Secrets
    with another tool and refer to them.
options:
  name:
    description: The name of the set, a DNS label; two sets never touch each other's objects.
    type: str
    required: true
  manifests:
    description: Kubernetes objects.
    type: list
    elements: dict
    default: []
  src:
    description:
      - Files with YAML or JSON documents, and folders of such files. They are read as C(kubectl) reads them, so a bare
        C(yes) is true, C(017) is 15 and a date is text; of a key that is given twice the last counts. A tag that
        Kubernetes does not know, such as C(!vault), is refused.
      - A document with C(items) and a kind that ends in C(List) is unfolded.
      - Templates must be rendered first, those of a chart with C(helm template), those of Jinja with
        M(ansible.builtin.template).
      - With the connection C(local) a relative path is looked for in the folder C(files) of the role and of the
        playbook, and beside them, as M(ansible.builtin.copy) does; files that C(ansible-vault) encrypted are decrypted.
        With any other connection these are paths on the machine that runs the module.
    type: list
    elements: path
    default: []
  namespace:
    description: The namespace for namespaced objects that name none.
    type: str
  prune:
    description: Whether objects of a former run that are no longer given are removed.
    type: bool
    default: true

  state:
    description:
      - V(present) applies the objects.
      - V(absent) deletes all objects of the set, and ignores O(manifests) and O(src).
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - kubernetes.core.k8s_auth_options
  - promfleet.monitoring.auth
  - promfleet.monitoring.attributes
  - promfleet.monitoring.apply
  - promfleet.monitoring.change
"""

EXAMPLES = r"""
---
- name: Rules of a team, from a folder
  promfleet.monitoring.objects:
    kubeconfig: ~/.kube/config
    context: kind-hub
    name: payments-rules
    src: [payments-rules]
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
"""

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.documents import (
    parse_documents,
    read_documents,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.manifests import with_namespace
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.free_form.names import capability_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import set_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.module import run_module
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import (
    CHANGE_OPTIONS,
    SET_OPTIONS,
    cluster_options,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.engine import converge
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

OPTIONS = {
    "name": {"type": "str", "required": True},
    "manifests": {"type": "list", "elements": "dict", "default": []},
    "src": {"type": "list", "elements": "path", "default": []},
    "namespace": {"type": "str"},
    "prune": {"type": "bool", "default": True},
}


def work(run: Run) -> dict[str, object]:
    """Do what the module is for."""
    params = run.params
    owner = set_of(params["fleet"], capability=capability_of(params["name"]))
    desired = []
    if params["state"] == "present":
        with Collecting(None) as errors:
            inline = errors.attempt(lambda: parse_documents(params["manifests"], path="manifests")) or []
            read = errors.attempt(lambda: read_documents(params["src"])) or []
        desired = with_namespace(run.cluster, [*inline, *read], namespace=params["namespace"])
    keep_all = params["state"] == "present" and not params["prune"]
    request = Request(
        owner=owner, desired=tuple(desired), kinds=(), keep=lambda live: keep_all, keep_reason="prune is off"
    )
    return {"outcome": converge(run.cluster, request, options=run.options())}


DEFINITION = Definition(name="objects", options=cluster_options(OPTIONS, CHANGE_OPTIONS, SET_OPTIONS), work=work)


def main() -> None:
    """Run the module."""
    run_module(DEFINITION)


if __name__ == "__main__":
    main()
