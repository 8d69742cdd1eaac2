"""The objects of the operator."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    SERVED_KINDS_ANNOTATION,
    TEAM_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.model import parse_operator
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.objects import (
    operator_objects,
    with_served_kinds,
)

from tests.unit.capabilities.builders import ALERT_RULES, JsonObject, keys, objects_of_operator, only

NS = "prometheus-operator"
# kube-prometheus, the operator's bundle and OpenShift have a ClusterRole and a binding with the name above.
CLUSTER_WIDE = "promfleet-prometheus-operator"
CORE = {
    ("Namespace", None, NS),
    ("ResourceQuota", NS, NS),
    ("ServiceAccount", NS, NS),
    ("ClusterRole", None, CLUSTER_WIDE),
    ("ClusterRoleBinding", None, CLUSTER_WIDE),
    ("Service", NS, NS),
    ("Deployment", NS, NS),
}
MONITOR = {
    ("Role", NS, "prometheus-platform"),
    ("RoleBinding", NS, "prometheus-platform"),
    ("ServiceMonitor", NS, NS),
}
RULES = {("PrometheusRule", NS, NS)}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, CORE | MONITOR | RULES),
        ({"monitor": False}, CORE | RULES),
        ({"alert_rules": False}, CORE | MONITOR),
        ({"monitor": "no", "alert_rules": "no"}, CORE),
    ],
)
def test_each_part_has_its_flag(options: JsonObject, expected: set[tuple[str, str | None, str]]) -> None:
    assert keys(objects_of_operator(options)) == expected


def pod(options: JsonObject | None = None) -> JsonObject:
    spec: JsonObject = only(objects_of_operator(options), "Deployment")["spec"]["template"]["spec"]
    return spec


def test_there_is_never_a_second_operator_beside_the_first() -> None:
    spec = only(objects_of_operator(), "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_requests_are_limits() -> None:
    (container,) = pod()["containers"]
    assert container["resources"] == {
        "limits": {"cpu": "200m", "memory": "200Mi"},
        "requests": {"cpu": "200m", "memory": "200Mi"},
    }


def test_the_pod_fits_the_restricted_standard() -> None:
    (container,) = pod()["containers"]
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    labels = only(objects_of_operator(), "Namespace")["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_all_images_come_from_the_registry() -> None:
    (container,) = pod({"image_registry": "registry.example.com/mirror"})["containers"]
    version = PROMETHEUS_OPERATOR
    assert container["image"] == f"registry.example.com/mirror/prometheus-operator/prometheus-operator:v{version}"
    images = {argument for argument in container["args"] if "registry.example.com/mirror/" in argument}
    assert {argument.partition("=")[0] for argument in images} == {
        "--prometheus-config-reloader",
        "--prometheus-default-base-image",
        "--alertmanager-default-base-image",
        "--thanos-default-base-image",
    }
    assert not any("quay.io" in argument for argument in container["args"])


def test_an_upgrade_leaves_the_selector_as_it_is() -> None:
    old, new = (
        only(objects_of_operator({"version": version}), "Deployment")["spec"] for version in ("0.93.0", "0.94.0")
    )
    assert old["selector"] == new["selector"]
    assert old["selector"]["matchLabels"].items() <= old["template"]["metadata"]["labels"].items()


def test_the_platforms_prometheus_finds_the_operator() -> None:
    objects = objects_of_operator({"platform_team": "infra"})
    assert only(objects, "Namespace")["metadata"]["labels"][TEAM_LABEL] == "infra"
    assert only(objects, "RoleBinding")["subjects"] == [
        {"kind": "ServiceAccount", "name": "prometheus-infra", "namespace": "monitoring-infra"}
    ]
    service = only(objects, "Service")
    wanted = only(objects, "ServiceMonitor")["spec"]
    assert wanted["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [endpoint["port"] for endpoint in wanted["endpoints"]] == [port["name"] for port in service["spec"]["ports"]]


def test_a_new_kind_restarts_the_operator() -> None:
    objects = objects_of_operator()
    none, some, more = (
        with_served_kinds(objects, kinds) for kinds in ([], ["Prometheus"], ["Prometheus", "Alertmanager"])
    )
    annotations = [
        only(version, "Deployment")["spec"]["template"]["metadata"]["annotations"][SERVED_KINDS_ANNOTATION]
        for version in (none, some, more)
    ]
    assert annotations == ["none", "Prometheus", "Alertmanager,Prometheus"]
    assert with_served_kinds(objects, ["Alertmanager", "Prometheus"]) == more
    assert objects == objects_of_operator()


def test_the_operator_may_not_do_everything() -> None:
    for rule in only(objects_of_operator(), "ClusterRole")["rules"]:
        assert "*" not in rule["verbs"] + rule["resources"] + rule["apiGroups"]


def test_a_second_operator_shares_nothing_with_the_first() -> None:
    first, second = (
        operator_objects(replace(parse_operator({}), part=part), alert_rules=ALERT_RULES) for part in ("", "blue")
    )
    # Both can be in one namespace, which belongs to the set that made it.
    assert keys(first) & keys(second) == {("Namespace", None, NS)}
    names = {NS, f"{NS}-blue", f"{CLUSTER_WIDE}-blue", "prometheus-platform-blue"}
    assert {name for _kind, _namespace, name in keys(second)} == names
    labels = [only(objects, "Deployment")["spec"]["template"]["metadata"]["labels"] for objects in (first, second)]
    for place in (("Deployment", "matchLabels"), ("Service", None), ("ServiceMonitor", "matchLabels")):
        kind, inner = place
        for index, objects in enumerate((first, second)):
            selector = only(objects, kind)["spec"]["selector"]
            wanted = (selector[inner] if inner else selector).items()
            assert [wanted <= found.items() for found in labels] == [index == 0, index == 1]
    accounts = [only(objects, "ClusterRoleBinding")["subjects"][0]["name"] for objects in (first, second)]
    assert accounts == [NS, f"{NS}-blue"]
    watched_by = [only(objects, "RoleBinding")["subjects"][0]["name"] for objects in (first, second)]
    assert watched_by == ["prometheus-platform"] * 2
