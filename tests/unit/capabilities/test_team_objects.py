"""The objects of a team: which there are, and what in them keeps teams apart."""

from __future__ import annotations

import typing as t
from fractions import Fraction

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import INSTANCE_OF_LABEL, TEAM_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import ALERTMANAGER, PROMETHEUS
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.quantities import parse

from tests.unit.capabilities.builders import JsonObject, keys, objects_of_platform, objects_of_team, only

NS = "monitoring-payments"
EVERYTHING = {"namespaces": ["payments"], "groups": ["pay"]}

NAMESPACES = {("Namespace", None, NS), ("Namespace", None, "payments")}
ACCESS = {
    ("Role", NS, "prometheus-payments"),
    ("RoleBinding", NS, "prometheus-payments"),
    ("Role", "payments", "prometheus-payments"),
    ("RoleBinding", "payments", "prometheus-payments"),
}
PEOPLE = {
    ("Role", NS, "team-payments-view"),
    ("RoleBinding", NS, "team-payments-view"),
    ("Role", "payments", "team-payments-edit"),
    ("RoleBinding", "payments", "team-payments-edit"),
}
PROMETHEUS_PART = {
    ("ServiceAccount", NS, "prometheus-payments"),
    ("Service", NS, "prometheus-payments"),
    ("Prometheus", NS, "payments"),
    ("ServiceMonitor", NS, "payments"),
}
RULES = {("PrometheusRule", NS, "payments-base")}
ALERTMANAGER_PART = {("Service", NS, "alertmanager-payments"), ("Alertmanager", NS, "payments")}
OBJECTS = {("ResourceQuota", "payments", "promfleet-objects")}
QUOTA = {("ResourceQuota", NS, "payments"), ("LimitRange", NS, "payments")}
POLICY = {("NetworkPolicy", NS, "payments"), ("NetworkPolicy", NS, "payments-default-deny")}
POLICIES = POLICY | {
    ("NetworkPolicy", NS, "prometheus-payments-egress"),
    ("NetworkPolicy", NS, "alertmanager-payments-egress"),
}
ALL = NAMESPACES | ACCESS | PEOPLE | PROMETHEUS_PART | RULES | ALERTMANAGER_PART | QUOTA | OBJECTS | POLICIES


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ALL),
        ({"groups": []}, ALL - PEOPLE),
        ({"rbac": False}, ALL - ACCESS - PEOPLE),
        ({"quota": False}, ALL - QUOTA - OBJECTS),
        ({"network_policy": False}, ALL - POLICIES),
        ({"base_rules": False}, ALL - RULES),
        (
            {"alertmanager": {"enabled": False}},
            ALL - ALERTMANAGER_PART - {("NetworkPolicy", NS, "alertmanager-payments-egress")},
        ),
        (
            {"prometheus": {"enabled": False}},
            ALL - PROMETHEUS_PART - RULES - ACCESS - {("NetworkPolicy", NS, "prometheus-payments-egress")},
        ),
        ({"prometheus": {"enabled": False}, "alertmanager": {"enabled": False}}, NAMESPACES | PEOPLE | OBJECTS),
        ({"enabled": False}, NAMESPACES),
        ({"clusters": ["edge"]}, set()),
        ({"clusters": ["edge"], "enabled": False}, set()),
    ],
)
def test_each_part_has_its_flag(options: JsonObject, expected: set[tuple[str, str | None, str]]) -> None:
    assert keys(objects_of_team({**EVERYTHING, **options})) == expected


def test_the_instances_namespace_is_restricted_and_the_teams_own_is_left_alone() -> None:
    objects = objects_of_team(EVERYTHING)
    instance = only(objects, "Namespace", name=NS)["metadata"]["labels"]
    assert instance[TEAM_LABEL] == "payments"
    assert instance[INSTANCE_OF_LABEL] == "true"
    assert instance["pod-security.kubernetes.io/enforce"] == "restricted"
    assert only(objects, "Namespace", name="payments")["metadata"] == {
        "name": "payments",
        "labels": {TEAM_LABEL: "payments"},
    }


def test_prometheus_selects_only_the_teams_namespaces() -> None:
    spec = only(objects_of_team(EVERYTHING), "Prometheus")["spec"]
    for kind in ("serviceMonitor", "podMonitor", "probe", "rule"):
        assert spec[f"{kind}Selector"] == {}
        assert spec[f"{kind}NamespaceSelector"] == {"matchLabels": {TEAM_LABEL: "payments"}}


def test_a_teams_scrape_configs_are_only_those_of_the_platforms_namespace() -> None:
    """A selector for objects without one for namespaces means the namespace of the Prometheus."""
    spec = only(objects_of_team(EVERYTHING), "Prometheus")["spec"]
    assert spec["scrapeConfigSelector"] == {}
    assert "scrapeConfigNamespaceSelector" not in spec


def test_a_teams_monitors_and_rules_stay_in_its_namespaces() -> None:
    spec = only(objects_of_team(EVERYTHING), "Prometheus")["spec"]
    assert spec["enforcedNamespaceLabel"] == "namespace"
    assert spec["ignoreNamespaceSelectors"] is True
    assert spec["arbitraryFSAccessThroughSMs"] == {"deny": True}
    assert {entry["resource"]: entry["namespace"] for entry in spec["excludedFromEnforcement"]} == {
        "prometheusrules": NS,
        "scrapeconfigs": NS,
        "servicemonitors": NS,
    }


def test_the_platforms_monitors_are_trusted() -> None:
    spec = only(objects_of_platform(), "Prometheus")["spec"]
    assert spec["scrapeConfigNamespaceSelector"] == {"matchLabels": {TEAM_LABEL: "platform"}}
    assert not {"enforcedNamespaceLabel", "ignoreNamespaceSelectors", "arbitraryFSAccessThroughSMs"} & set(spec)


def test_series_say_where_they_come_from() -> None:
    spec = only(objects_of_team({"labels": {"env": "prod"}}), "Prometheus")["spec"]
    assert spec["externalLabels"] == {"cluster": "hub", "team": "payments", "env": "prod"}


def test_versions_are_pinned_as_the_operator_reads_them() -> None:
    """The operator takes an Alertmanager's version as the tag of the image, and its tags begin with v."""
    objects = objects_of_team({})
    assert only(objects, "Prometheus")["spec"]["version"] == f"v{PROMETHEUS}"
    assert only(objects, "Alertmanager")["spec"]["version"] == f"v{ALERTMANAGER}"


def test_alerts_go_to_each_alertmanager_of_the_namespace() -> None:
    objects = objects_of_team({})
    assert only(objects, "Prometheus")["spec"]["alerting"] == {
        "alertmanagers": [{"apiVersion": "v2", "name": "alertmanager-operated", "namespace": NS, "port": "web"}]
    }
    without = objects_of_team({"alertmanager": {"enabled": False}})
    assert "alerting" not in only(without, "Prometheus")["spec"]


@pytest.mark.parametrize("kind", ["Prometheus", "Alertmanager"])
def test_pods_fit_the_restricted_standard(kind: str) -> None:
    """The rest (capabilities, privilege escalation, root file system) is the operator's doing."""
    security = only(objects_of_team({}), kind)["spec"]["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["runAsUser"] > 0
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}


def test_storage() -> None:
    objects = objects_of_team({"prometheus": {"storage": {"size": "1024Mi", "class": "fast"}}})
    assert only(objects, "Prometheus")["spec"]["storage"] == {
        "volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "fast"}}
    }
    assert "storage" not in only(objects, "Alertmanager")["spec"]


def test_replicas_spread_over_nodes() -> None:
    assert "topologySpreadConstraints" not in only(objects_of_team({}), "Prometheus")["spec"]
    (constraint,) = only(objects_of_team({"size": "medium"}), "Prometheus")["spec"]["topologySpreadConstraints"]
    assert constraint["whenUnsatisfiable"] == "ScheduleAnyway"


def test_the_monitor_finds_the_services_of_its_own_instance_only() -> None:
    objects = objects_of_team({})
    wanted = only(objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    selected = [
        obj["metadata"]["name"]
        for obj in objects
        if obj["kind"] == "Service" and wanted.items() <= obj["metadata"]["labels"].items()
    ]
    assert sorted(selected) == ["alertmanager-payments", "prometheus-payments"]
    ports = {endpoint["port"] for endpoint in only(objects, "ServiceMonitor")["spec"]["endpoints"]}
    for obj in objects:
        if obj["kind"] == "Service":
            assert {port["name"] for port in obj["spec"]["ports"]} == ports


def test_no_role_of_people_reaches_secrets_pods_or_scrape_configs() -> None:
    objects = objects_of_team(EVERYTHING)
    for name in ("team-payments-view", "team-payments-edit"):
        assert {group for rule in only(objects, "Role", name=name)["rules"] for group in rule["apiGroups"]} == {
            "monitoring.coreos.com"
        }
    (edit,) = only(objects, "Role", name="team-payments-edit")["rules"]
    assert "scrapeconfigs" not in edit["resources"]
    (view,) = only(objects, "Role", name="team-payments-view")["rules"]
    assert view["verbs"] == ["get", "list", "watch"]


def test_prometheus_may_only_look_for_targets() -> None:
    role = next(obj for obj in objects_of_team({}) if obj["kind"] == "Role")
    assert {resource for rule in role["rules"] for resource in rule["resources"]} == {
        "endpoints",
        "endpointslices",
        "pods",
        "services",
    }
    assert all(rule["verbs"] == ["get", "list", "watch"] for rule in role["rules"])


def test_the_network_policy_lets_in_the_team_and_the_platform() -> None:
    spec = only(objects_of_team({}), "NetworkPolicy", name="payments")["spec"]
    inside, outside = spec["ingress"]
    assert inside == {"from": [{"podSelector": {}}]}
    (peer,) = outside["from"]
    assert peer["namespaceSelector"]["matchExpressions"][0]["values"] == ["payments", "platform"]
    assert [port["port"] for port in outside["ports"]] == [8080, 9090, 9093]


def test_the_platform_lets_in_only_itself() -> None:
    spec = only(objects_of_platform(), "NetworkPolicy", name="platform")["spec"]
    assert spec["ingress"][1]["from"] == [{"namespaceSelector": {"matchLabels": {TEAM_LABEL: "platform"}}}]


def amount(text: str) -> Fraction:
    found = parse(text)
    assert found is not None
    return found.value


@pytest.mark.parametrize("size", ["small", "medium", "large"])
@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"alertmanager": {"enabled": False}},
        {"prometheus": {"replicas": 5, "resources": {"cpu": "7", "memory": "100Gi"}}},
    ],
)
def test_the_quota_has_room_for_all_pods(size: str, parts: dict[str, t.Any]) -> None:
    """Each pod has the operator's config reloader beside it, with 10m of CPU and 50Mi of memory."""
    objects = objects_of_team({"size": size, **parts})
    hard = only(objects, "ResourceQuota", name="payments")["spec"]["hard"]
    specs = [obj["spec"] for obj in objects if obj["kind"] in ("Prometheus", "Alertmanager")]
    cpu = sum(spec["replicas"] * (amount(spec["resources"]["requests"]["cpu"]) + amount("10m")) for spec in specs)
    memory = sum(spec["replicas"] * (amount(spec["resources"]["limits"]["memory"]) + amount("50Mi")) for spec in specs)
    assert amount(hard["requests.cpu"]) >= cpu
    assert amount(hard["requests.memory"]) >= memory
    assert amount(hard["limits.memory"]) >= memory
    assert int(hard["pods"]) >= sum(spec["replicas"] for spec in specs)
    # A container without a CPU limit would be refused.
    assert "limits.cpu" not in hard


def test_a_team_that_shrinks_keeps_room_for_the_old_replicas() -> None:
    quotas = [
        only(objects_of_team({"size": size}), "ResourceQuota", name="payments") for size in ("small", "medium", "large")
    ]
    assert quotas[0] == quotas[1] == quotas[2]
