# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options of all modules that change a cluster.

Private to the collection: it may change with any release.
"""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  result_file:
    description:
      - A file on the machine that runs the module. It gets the whole result as JSON, with all objects and diffs;
        what the module returns is limited in size.
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
  lock_timeout:
    description:
      - How many seconds to wait for another run that changes the same things, before this one is refused with
        the other's name.
      - A run that has something to write holds a C(Lease) in the namespace of the records (O(records_namespace)). A run
        that was killed loses it after 15 seconds.
    type: int
    default: 60
  records_namespace:
    description:
      - The namespace of records and Leases, for platforms that deny writes to C(kube-system), such as GKE Autopilot.
      - It must exist, and have the label C(promfleet.monitoring/records=true), so that every run of every fleet sees
        where the records of this cluster are.
      - Without this option they are in the namespace that has the label, and in C(kube-system) if none has it. A run
        that names a namespace without the label is refused.
    type: str
  audit:
    description:
      - The audit trail of the cluster - whether it gets an entry with what this run changed, and what the run says of
        itself there. M(promfleet.monitoring.audit_info) reads it.
      - Check mode writes no entry, nor does a run that changes nothing. Values of secrets are never in it.
    type: dict
    default: {}
    suboptions:
      enabled:
        description: Whether an entry is written.
        type: bool
        default: true
      slots:
        description: How many ConfigMaps the trail has, from 2 to 20, each with up to 700 KB of compressed entries.
        type: int
        default: 8
      cluster:
        description: The name of the cluster in the entry; by default the module's own, or the address.
        type: str
      run:
        description: What tells this run from others.
        type: str
      job:
        description: The job of AWX that this run is.
        type: str
      user:
        description: The user who started that job.
        type: str
      template:
        description: The template of that job.
        type: str
      folder:
        description: A folder on the machine that runs the module, for copies of the entries.
        type: path
      url:
        description: A webhook that gets each entry by POST, as JSON. A failure is a warning.
        type: str
      token_file:
        description: The path of a file with the bearer token for the webhook, which must be https then.
        type: path
"""
