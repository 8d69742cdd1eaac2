# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names that all parts agree on: labels, managers, and how objects are called after teams and clusters. Pure."""

from __future__ import annotations

import hashlib
import re

FIELD_MANAGER = "promfleet.monitoring"
SET_LABEL = "promfleet.monitoring/set"
TEAM_LABEL = "promfleet.monitoring/team"
SOURCE_CLUSTER_LABEL = "promfleet.monitoring/source-cluster"
SOURCE_TEAM_LABEL = "promfleet.monitoring/source-team"
SERVED_KINDS_ANNOTATION = "promfleet.monitoring/served-kinds"
ADOPTED_ANNOTATION = "promfleet.monitoring/adopted"
# Its values: the object existed before us; and its content, too, was taken over from another tool.
ADOPTED = "true"
TAKEN_OVER = "taken-over"

# The API of the operator.
MONITORING_GROUP = "monitoring.coreos.com"
MONITORING = f"{MONITORING_GROUP}/v1"
MONITORING_ALPHA = f"{MONITORING_GROUP}/v1alpha1"

NAME_LABEL = "app.kubernetes.io/name"
INSTANCE_LABEL = "app.kubernetes.io/instance"
COMPONENT_LABEL = "app.kubernetes.io/component"
PART_OF_LABEL = "app.kubernetes.io/part-of"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"

# Stands for a value that only a run can know (a node port or an address that the server will give).
KNOWN_AFTER_APPLY = "(known after apply)"

# Names of Services, of label values, and of what the operator derives from them end here.
DNS_LABEL_MAX = 63

PLATFORM_TEAM = "platform"
NAMESPACE_PREFIX = "monitoring-"
OPERATOR_NAME = "prometheus-operator"


def common_labels(name: str, *, team: str | None = None) -> dict[str, str]:
    """The labels of every object that we make; *name* says what it is or belongs to, *team* whose it is."""
    labels = {NAME_LABEL: name, PART_OF_LABEL: "promfleet", MANAGED_BY_LABEL: FIELD_MANAGER}
    return labels if team is None else {**labels, TEAM_LABEL: team}


def prometheus_name(team: str) -> str:
    """Name of what belongs to a team's Prometheus: Service, ServiceAccount, Role. The StatefulSet has it too."""
    return f"prometheus-{team}"


def alertmanager_name(team: str) -> str:
    """Name of what belongs to a team's Alertmanager. The StatefulSet has it too."""
    return f"alertmanager-{team}"


def source_service_name(team: str, replica: int) -> str:
    """Name of the Service that exposes one replica of a team's Prometheus to other clusters."""
    return f"prometheus-{team}-federation-{replica}"


def source_policy_name(team: str) -> str:
    """Name of the NetworkPolicy that lets the central side in."""
    return f"prometheus-{team}-federation"


def federation_name(*, cluster: str, team: str) -> str:
    """Name of the central side's objects for one federated instance: ``federation-<cluster>-<team>``.

    Two pairs never share a name: where the plain form could be read in two ways (a dash in the team's name), is too
    long for a Service, or is no DNS label, it ends with a hash of the pair.
    """
    plain = f"federation-{cluster}-{team}"
    longest = DNS_LABEL_MAX - len("-9")  # a replica's slice adds its number
    if "-" not in team and len(plain) <= longest and re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", plain):
        return plain
    digest = hashlib.sha256(f"{cluster}/{team}".encode()).hexdigest()[:8]
    readable = re.sub(r"[^a-z0-9]+", "-", plain.lower())[: longest - len(digest) - 1].strip("-")
    return f"{readable}-{digest}"


def federation_job(*, cluster: str, team: str) -> str:
    """The ``job`` label of the central side's target for one federated instance."""
    return f"federation/{cluster}/{team}"
