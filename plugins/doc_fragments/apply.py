# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of all modules that apply objects.

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
    type: bool
    default: false
  adopt_managers:
    description:
      - Field managers whose fields become ours in the objects that are applied, such as V(helm).
      - What they set and is not wanted any more is removed then. By default fields of others stay.
      - Objects that were made by client-side apply, as by C(kubectl apply) or M(kubernetes.core.k8s) with C(apply), are
        taken over without being named here.
    type: list
    elements: str
    default: []
  result_file:
    description:
      - A file on the machine that runs the module. It gets the whole result as JSON, with all objects and diffs;
        what the module returns is bounded.
      - It is written in check mode too, and only its owner may read it.
      - When it ends with a slash it is a folder, and the file in it has the name of the module.
    type: path
  wait:
    description: Whether to wait until the applied objects are ready in their current generation.
    type: bool
    default: true
  wait_timeout:
    description: How many seconds to wait for all objects together.
    type: int
    default: 300
  crds_to_come:
    description:
      - The CRDs that the same run installs first, as RV(promfleet.monitoring.crds#module:to_come) says in check mode.
      - Check mode then judges custom resources by these CRDs, where those in the cluster do not know them yet; such
        predictions are marked C(local). Outside check mode it has no meaning.
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
  lock_timeout:
    description:
      - How many seconds to wait for another run that writes the same set of objects, before this one is refused with
        the other's name.
      - A run that has something to write holds a C(Lease) in the namespace C(kube-system) meanwhile. One that was
        killed loses it after 15 seconds.
    type: int
    default: 60
"""
