# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of modules that know policies."""

    DOCUMENTATION = r"""
options:
  shipped:
    description:
      - The rows that come with the collection. The role C(policy) reads them from its file C(policies.yml), in the
        form of O(rows).
    type: list
    elements: dict
    default: []
  rows:
    description:
      - Policies of your own, one row each, with C(id), C(title), C(kinds), C(checks), C(fix) and C(reference), and
        optionally C(operations), C(scope), C(platform), C(ratchet), C(conditions), C(variables), C(parameters),
        C(severity) and C(enforcement). The guide about policies has the form, and the subset of CEL that is possible.
      - A row that is wrong, or that uses what is not in the subset, is refused with all that is wrong.
    type: list
    elements: dict
    default: []
  changes:
    description:
      - What is different from a row, by its id. C(enforcement) is V(audit), V(warn) or V(deny), and C(parameters) gives
        parameters of the row other values, of the same type.
    type: dict
    default: {}
  enforcement:
    description:
      - The strictest that a row may do. Each row has an enforcement of its own, and the milder of both counts.
        O(changes) is not limited by it.
      - V(audit) writes what would be denied into the API server's audit log, V(warn) also tells the client, V(deny)
        denies it.
    type: str
    choices: [audit, warn, deny]
    default: audit
  exemptions:
    description: Objects that a policy lets pass.
    type: list
    elements: dict
    default: []
    suboptions:
      object:
        description:
          - The objects, as C(cluster/kind/namespace/name), or C(cluster/kind/name) for what is in no namespace. V(*)
            and V(?) match any text between two slashes.
        type: str
        required: true
      policy:
        description: The id of the row.
        type: str
        required: true
      reason:
        description: Why they may pass.
        type: str
        required: true
      owner:
        description: Who takes care that they need not any more.
        type: str
        required: true
      until:
        description: The last day, as V(2027-01-31). Afterwards the exemption is left out, and is a finding.
        type: str
        required: true
  platform_accounts:
    description:
      - The accounts of the platform, which may do what policies deny to teams; each with exactly one of the keys.
      - The account of this connection must be one of them, else no policy is written.
    type: list
    elements: dict
    default: []
    suboptions:
      user:
        description: The name of a user, as the API server knows it.
        type: str
      group:
        description: The name of a group.
        type: str
      service_account:
        description: A ServiceAccount, as C(namespace/name).
        type: str
  platform_team:
    description: The name of the platform's own team, whose namespaces the policies leave alone.
    type: str
    default: platform
  cluster:
    description: The name of the cluster; exemptions for other clusters are left out.
    type: str
    default: ''
"""
