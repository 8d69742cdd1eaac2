# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policies as the API server enforces them: ValidatingAdmissionPolicy, and the binding that makes it count. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    TEAM_LABEL,
    cluster_wide_name,
    common_labels,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.cel import unparse
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.policies import Policy
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.rows import Kinds

JsonObject = dict[str, t.Any]

ADMISSION = "admissionregistration.k8s.io/v1"
POLICY_KIND = "ValidatingAdmissionPolicy"
BINDING_KIND = "ValidatingAdmissionPolicyBinding"
# What the API server does with a request that does not pass. Denied requests are in the audit log anyway.
ACTIONS = {"audit": ["Audit"], "warn": ["Warn", "Audit"], "deny": ["Deny"]}


def policy_name(row_id: str) -> str:
    """The name of a policy's two objects."""
    return cluster_wide_name(row_id)


def admission_objects(policy: Policy) -> list[JsonObject]:
    """The two objects of one policy."""
    metadata = {"name": policy_name(policy.id), "labels": common_labels("policy", team=policy.platform_team)}
    return [
        {"apiVersion": ADMISSION, "kind": POLICY_KIND, "metadata": metadata, "spec": _spec(policy)},
        {
            "apiVersion": ADMISSION,
            "kind": BINDING_KIND,
            "metadata": metadata,
            "spec": {"policyName": metadata["name"], "validationActions": ACTIONS[policy.enforcement]},
        },
    ]


def _spec(policy: Policy) -> JsonObject:
    row = policy.row
    # The API server owns this map as a whole, with its defaults: without them another manager that applies the same
    # would be in conflict.
    constraints: JsonObject = {
        "matchPolicy": "Equivalent",
        "namespaceSelector": {},
        "objectSelector": {},
        "resourceRules": [_rule(kinds, policy) for kinds in row.kinds],
    }
    if row.scope == "teams":
        constraints["namespaceSelector"] = team_selector(policy.platform_team)
    spec: JsonObject = {
        "failurePolicy": "Fail",
        "matchConstraints": constraints,
        "validations": [
            {"expression": unparse(check), "message": message}
            for check, message in zip(policy.checks, policy.said, strict=True)
        ],
    }
    if policy.conditions:
        spec["matchConditions"] = [
            {"name": one.name, "expression": unparse(one.expression)} for one in policy.conditions
        ]
    if policy.variables:
        spec["variables"] = [{"name": one.name, "expression": unparse(one.expression)} for one in policy.variables]
    return spec


def _rule(kinds: Kinds, policy: Policy) -> JsonObject:
    return {
        "apiGroups": [kinds.group],
        "apiVersions": list(kinds.versions),
        "operations": list(policy.row.operations),
        "resources": list(kinds.resources),
        "scope": "Namespaced" if policy.row.scope == "teams" else "Cluster",
    }


def team_selector(platform_team: str) -> JsonObject:
    """The namespaces of teams, without those of the platform's own team."""
    return {
        "matchExpressions": [
            {"key": TEAM_LABEL, "operator": "Exists"},
            {"key": TEAM_LABEL, "operator": "NotIn", "values": [platform_team]},
        ]
    }


def is_of_team(labels: t.Mapping[str, str], *, platform_team: str) -> bool:
    """Whether a namespace with these labels is one that `team_selector` selects."""
    return TEAM_LABEL in labels and labels[TEAM_LABEL] != platform_team
