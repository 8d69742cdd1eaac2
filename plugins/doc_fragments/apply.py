# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of modules that keep a set of objects.

Private to the collection: it may change with any release.
"""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  fleet:
    description:
      - The name of the inventory that the objects belong to. Every object is labelled with it.
      - An object that belongs to another fleet is refused with both names, so that two inventories cannot undo each
        other.
    type: str
    default: default
  force_conflicts:
    description:
      - Whether fields that another manager owns are taken over.
      - By default such a conflict fails with the name of the manager and the fields.
      - A role or binding that another tool made is never changed, with this option or without it. Such a run is refused
        before its first write if an account would lose or gain rights.
    type: bool
    default: false
  adopt_managers:
    description:
      - Field managers whose fields become ours in the objects that are applied, such as V(helm).
      - Fields that they set and that are not desired are then removed. By default fields of others stay.
      - Objects that were made by client-side apply, as by C(kubectl apply) or M(kubernetes.core.k8s) with C(apply), are
        taken over without being named here.
      - A role or binding of such a manager is taken over only if no account loses or gains rights.
    type: list
    elements: str
    default: []
  claim_managers:
    description:
      - Field managers that put objects of this set back from a backup, such as V(velero-server), Velero's.
      - What carries the label of the set, and got it from one of these managers alone, is the set's as if a run had
        made it. When it is no longer desired it is deleted.
      - By default such objects are adopted, with a warning that names the manager, and those that are no longer desired
        stay. They can be claimed by a later run.
    type: list
    elements: str
    default: []
  shared_namespaces:
    description:
      - Namespaces in which pods of others run too. Such a namespace keeps its own Pod Security labels, and gets no
        C(ResourceQuota) from the modules of capabilities.
      - In a namespace that exists and is not listed here, a Pod Security level that would refuse running pods at their
        next start, a level that somebody else set, and a quota that would count pods of others are refused before the
        first write.
    type: list
    elements: str
    default: []
  disposable_objects:
    description:
      - Objects of others that may be deleted together with a namespace of this set, as C(KIND/NAME), where C(*) in the
        name matches any text, such as V(Secret/registry-*).
      - Any other object of others keeps its namespace, but for what Kubernetes and well-known controllers put into
        every namespace, and what other namespaces have with the same content. Pods, workloads and volume claims cannot
        be listed.
    type: list
    elements: str
    default: []
  crds_to_come:
    description:
      - The CRDs that the same run installs first, as RV(promfleet.monitoring.crds#module:to_come) says in check mode.
      - Check mode then validates custom resources with these CRDs if those in the cluster do not know them yet; such
        predictions are marked C(local). Outside check mode it has no effect.
    type: dict
    suboptions:
      version:
        description: The operator release of the CRDs.
        type: str
      source:
        description: Where they come from.
        type: str
      checksum:
        description: The checksum of a single file.
        type: str
"""
