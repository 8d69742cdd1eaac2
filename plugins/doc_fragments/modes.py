# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations


class ModuleDocFragment:
    """What the doctor looks at: a cluster as it is, as it will be, or as files describe it."""

    DOCUMENTATION = r"""
options:
  mode:
    description:
      - V(live) judges the cluster as it is.
      - V(candidate) judges the cluster as it will be once this input is applied, before anything is written. Objects
        that a run would create, change or remove are laid over what the cluster has. The account needs no right to
        write.
      - V(pre) is V(candidate), and also whether a run may begin, with the account of this task. That is its rights,
        what it would be refused for, whether CRDs know the objects to come, and whether certificates have the names by
        which sources are read. The way from the central cluster to a source cannot be known.
      - V(files) judges the manifests in O(files) as if they were all that the cluster has of this, without a cluster.
      - In all modes but V(live) nothing is asked of Prometheus. What only an applied cluster can show is one
        finding of the code PF009, which names the checks that were not made and does not make the task fail.
      - Observations in O(peers) must be of the same mode.
    type: str
    choices: [live, candidate, files, pre]
    default: live
  files:
    description:
      - The manifests of this cluster, as files and folders on the machine that runs the module. Of folders all YAML and
        JSON files count; documents in them that are no Kubernetes objects, and C(kustomization.yaml), are left out.
      - Required where O(mode=files), and not used otherwise.
    type: list
    elements: path
    default: []
  below:
    description: The clusters that this one federates itself, as
      O(promfleet.monitoring.federation_source#module:below) has them; they are a part of RV(sources).
    type: list
    elements: str
    default: []
  target_form:
    description: The form of targets that O(promfleet.monitoring.federation_endpoints#module:target_form) has for the
      run; O(mode=candidate) and O(mode=pre) need it.
    type: str
    choices: [auto, discovered, static]
    default: auto
  static_above:
    description: The number of sources that O(promfleet.monitoring.federation_endpoints#module:static_above) has for the
      run; O(mode=candidate) and O(mode=pre) need it.
    type: int
    default: 100
  fleet:
    description: The name of the inventory that the objects belong to; O(mode=candidate) and O(mode=pre) need it.
    type: str
    default: default
  force_conflicts:
    description: Whether the run will take over fields of other managers; O(mode=candidate) and O(mode=pre) need it.
    type: bool
    default: false
  adopt_managers:
    description: Field managers whose fields the run will take over; O(mode=candidate) and O(mode=pre) need them.
    type: list
    elements: str
    default: []
  claim_managers:
    description: Field managers that put objects back from a backup; O(mode=candidate) and O(mode=pre) need them.
    type: list
    elements: str
    default: []
  shared_namespaces:
    description: Namespaces in which pods of others run too; O(mode=candidate) and O(mode=pre) need them.
    type: list
    elements: str
    default: []
"""
