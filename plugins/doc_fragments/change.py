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
"""
