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
# On the namespace of an instance, beside TEAM_LABEL, with the value "true": it is the platform's. The team's own
# namespaces lack it.
INSTANCE_OF_LABEL = "promfleet.monitoring/instance-namespace"
SOURCE_CLUSTER_LABEL = "promfleet.monitoring/source-cluster"
SOURCE_TEAM_LABEL = "promfleet.monitoring/source-team"
SERVED_KINDS_ANNOTATION = "promfleet.monitoring/served-kinds"
# On the namespace that holds records and Leases instead of kube-system. An administrator sets it, never we.
RECORDS_LABEL = "promfleet.monitoring/records"
# The namespace of records and Leases by default: every cluster has it, before any capability is installed.
RECORDS_NAMESPACE = "kube-system"
# On the custom resources of an instance where several operators share them: the controller id of the one that has it.
OPERATOR_LABEL = "promfleet.monitoring/operator"
# On the custom resources of an instance that the inventory pauses or archives; and the value that readiness knows.
STATE_LABEL = "promfleet.monitoring/state"
PAUSED = "paused"
# On the volume claims of an archived instance, beside TEAM_LABEL: since when, in UTC.
ARCHIVED_LABEL = "promfleet.monitoring/archived"
ADOPTED_ANNOTATION = "promfleet.monitoring/adopted"
# Its values: the object existed before us; its content, too, was taken over from another tool; or another tool put it
# back with our label, as a restore from a backup does.
ADOPTED = "true"
TAKEN_OVER = "taken-over"
RESTORED = "restored"
# On a namespace that we made and released: the label of its set, by which the set's next run knows it.
MADE_BY_ANNOTATION = "promfleet.monitoring/made-by"
# What an adopted object had before us; and the field manager that writes it there and gives it back.
BEFORE_ANNOTATION = "promfleet.monitoring/before-adoption"
ADOPTION_MANAGER = f"{FIELD_MANAGER}-adoption"

# The API of the operator.
MONITORING_GROUP = "monitoring.coreos.com"
MONITORING = f"{MONITORING_GROUP}/v1"
MONITORING_ALPHA = f"{MONITORING_GROUP}/v1alpha1"

NAME_LABEL = "app.kubernetes.io/name"
INSTANCE_LABEL = "app.kubernetes.io/instance"
COMPONENT_LABEL = "app.kubernetes.io/component"
PART_OF_LABEL = "app.kubernetes.io/part-of"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"

# The placeholder for a value that only a run can know (a node port or an address that the server will give).
KNOWN_AFTER_APPLY = "(known after apply)"

# Names of Services, of label values, and of what the operator derives from them end here.
DNS_LABEL_MAX = 63

# The API server puts it on each namespace, and keeps its value.
NAMESPACE_LABEL = "kubernetes.io/metadata.name"

PLATFORM_TEAM = "platform"
NAMESPACE_PREFIX = "monitoring-"
CLUSTER_WIDE_PREFIX = "promfleet-"
OPERATOR_NAME = "prometheus-operator"
# The component of every operator of ours; what runs beside them has another one.
OPERATOR_COMPONENT = "controller"
ADMISSION_WEBHOOK_NAME = "prometheus-operator-admission-webhook"
QUERY_NAME = "thanos-query"
GRAFANA_NAME = "grafana"
# The guide that messages about operators of others name.
MOVING_GUIDE = "docs/moving.md"


def common_labels(name: str, *, team: str | None = None) -> dict[str, str]:
    """The labels of every object that we make; *name* says what it is or belongs to, *team* whose it is."""
    labels = {NAME_LABEL: name, PART_OF_LABEL: "promfleet", MANAGED_BY_LABEL: FIELD_MANAGER}
    return labels if team is None else {**labels, TEAM_LABEL: team}


def instance_pods(kind: str, *, name: str) -> dict[str, str]:
    """The labels by which the pods of the Prometheus or Alertmanager *name* are known; *kind* is in lower case.

    The operator sets them (pkg/prometheus/server/statefulset.go and pkg/alertmanager/operator.go), and no other tool
    gives its pods all three.
    """
    return {NAME_LABEL: kind, INSTANCE_LABEL: name, MANAGED_BY_LABEL: OPERATOR_NAME}


def replica_pods(name: str, replica: int) -> dict[str, str]:
    """The labels by which the pod of one replica of the Prometheus *name* is known."""
    pod = f"{prometheus_name(name)}-{replica}"
    return {NAME_LABEL: "prometheus", INSTANCE_LABEL: name, "statefulset.kubernetes.io/pod-name": pod}


def operator_name(part: str = "") -> str:
    """Name of what one operator has in its namespace: Deployment, Service. The first operator has no *part*."""
    return f"{OPERATOR_NAME}-{part}" if part else OPERATOR_NAME


def cluster_wide_name(name: str) -> str:
    """Name of an object of ours that is in no namespace: ``promfleet-<name>``.

    Without the prefix it would meet those of others: kube-prometheus and the operator's own bundle name their
    ClusterRole and its binding ``prometheus-operator`` (prometheus-operator/kube-prometheus,
    manifests/prometheusOperator-clusterRoleBinding.yaml), as does OpenShift (openshift/cluster-monitoring-operator,
    assets/prometheus-operator).
    """
    return f"{CLUSTER_WIDE_PREFIX}{name}"


# The scrape class of the platform's instance whose targets get the token of that instance: kubelets ask for one.
KUBELET_CLASS = "promfleet-kubelet"


def prometheus_name(team: str) -> str:
    """Name of what belongs to a team's Prometheus: Service, ServiceAccount, Role.

    The operator calls the StatefulSet so, after the custom resource, which need not be called as the team.
    """
    return f"prometheus-{team}"


def alertmanager_name(team: str) -> str:
    """Name of what belongs to a team's Alertmanager. The StatefulSet is called so after the custom resource."""
    return f"alertmanager-{team}"


def source_service_name(team: str, replica: int) -> str:
    """Name of the Service that exposes one replica of a team's Prometheus to other clusters."""
    return f"{source_policy_name(team)}-{replica}"


def source_replica_name(team: str, replica: int) -> str:
    """Name of the Service by which a proxy reaches one replica of a team's Prometheus, inside of the cluster."""
    return f"prometheus-{team}-replica-{replica}"


def source_policy_name(team: str) -> str:
    """Name of the NetworkPolicy that lets the central side in."""
    return f"prometheus-{team}-federation"


def sources_policy_name(team: str) -> str:
    """Name of the NetworkPolicy that lets a team's Prometheus reach the instances that it federates."""
    return f"prometheus-{team}-sources"


def receiver_service_name(team: str, replica: int) -> str:
    """Name of the Service through which other clusters write to one replica of a team's Prometheus."""
    return f"{receiver_policy_name(team)}-{replica}"


def receiver_replica_name(team: str, replica: int) -> str:
    """The same as `source_replica_name`, for the proxy in front of what is written to."""
    return f"prometheus-{team}-written-{replica}"


def receiver_policy_name(team: str) -> str:
    """Name of the NetworkPolicy that lets those in that write."""
    return f"prometheus-{team}-receiver"


def query_name(team: str) -> str:
    """Name of what belongs to a team's Thanos Query, which asks the sidecars of its sources."""
    return f"{QUERY_NAME}-{team}"


def query_ways_name(team: str) -> str:
    """Name of the NetworkPolicy that lets a team's Thanos Query reach the sidecars."""
    return f"{query_name(team)}-sources"


def query_pods(team: str) -> dict[str, str]:
    """The labels by which the pods of a team's Thanos Query are known."""
    return {NAME_LABEL: QUERY_NAME, INSTANCE_LABEL: query_name(team)}


def grafana_name(team: str) -> str:
    """Name of what belongs to the Grafana of a team, or of the platform."""
    return f"{GRAFANA_NAME}-{team}"


def grafana_pods(team: str) -> dict[str, str]:
    """The labels by which the pods of that Grafana are known."""
    return {NAME_LABEL: GRAFANA_NAME, INSTANCE_LABEL: grafana_name(team)}


def federation_name(*, cluster: str, team: str) -> str:
    """Name of the central side's objects for one federated instance: ``federation-<cluster>-<team>``.

    Two pairs never share a name: where the plain form could be read in two ways (a dash in the team's name), is too
    long for a Service, or is not a DNS label, it ends with a hash of the pair.
    """
    plain = f"federation-{cluster}-{team}"
    longest = DNS_LABEL_MAX - len("-9")  # a replica's slice adds its number
    if "-" not in team and len(plain) <= longest and re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", plain):
        return plain
    digest = hashlib.sha256(f"{cluster}/{team}".encode()).hexdigest()[:8]
    readable = re.sub(r"[^a-z0-9]+", "-", plain.lower())[: longest - len(digest) - 1].strip("-")
    return f"{readable}-{digest}"


def federation_job(*, cluster: str, team: str, part: str = "") -> str:
    """The ``job`` label of the central side's target for one federated instance, or for a *part* of its series."""
    return f"federation/{cluster}/{team}{part and f'/{part}'}"


def federation_part_name(name: str, *, part: str) -> str:
    """Name of an object of the central side for a *part* of an instance's series; *name* is that for the others.

    With a dot, which no `federation_name` has: with a dash it could be that of another instance.
    """
    return f"{name}.{part}" if part else name
