"""The objects of the operator."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    SERVED_KINDS_ANNOTATION,
    TEAM_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.objects import (
    pods_selector,
    with_served_kinds,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.share import controller_ids

from tests.unit.capabilities.builders import JsonObject, keys, objects_of_operator, only

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


# -- several operators ----------------------------------------------------------------------------------------------


def named(objects: t.Iterable[JsonObject], kind: str) -> list[JsonObject]:
    return [obj for obj in objects if obj["kind"] == kind]


@pytest.mark.parametrize("operators", [1, 3, 9])
def test_several_operators_differ_only_in_their_names_and_ids(operators: int) -> None:
    objects = objects_of_operator({"operators": operators})
    for kind in ("Deployment", "ServiceAccount", "ClusterRoleBinding"):
        texts = [json.dumps(obj, sort_keys=True) for obj in named(objects, kind)]
        assert len(set(texts)) == len(texts) == operators
        alike = {text.replace(f"{NS}-{number}", "it") for number, text in enumerate(texts, start=1)}
        assert len(alike) == 1
    flags = [container_args(obj)[-3:] for obj in named(objects, "Deployment")]
    assert flags == [
        [
            f"--prometheus-instance-selector=promfleet.monitoring/operator={one}",
            f"--alertmanager-instance-selector=promfleet.monitoring/operator={one}",
            f"--controller-id={one}",
        ]
        for one in controller_ids(operators)
    ]


def test_all_else_of_several_operators_is_what_a_single_one_has() -> None:
    single, several = (keys(objects_of_operator(options)) for options in ({}, {"operators": 2}))
    assert {kind for kind, _namespace, _name in single ^ several} == {
        "Deployment",
        "ServiceAccount",
        "ClusterRoleBinding",
    }


def container_args(deployment: JsonObject) -> list[str]:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    found: list[str] = container["args"]
    return found


def test_no_operator_keeps_the_addresses_of_the_kubelets() -> None:
    """At most one of a cluster may."""
    for options in ({}, {"operators": 3}):
        for obj in named(objects_of_operator(options), "Deployment"):
            assert [text for text in container_args(obj) if "kubelet" in text] == ["--kubelet-endpoints=false"]


@pytest.mark.parametrize("operators", [0, 3])
def test_one_monitor_finds_every_operator(operators: int) -> None:
    objects = objects_of_operator({"operators": operators})
    service = only(objects, "Service")
    assert (
        only(objects, "ServiceMonitor")["spec"]["selector"]["matchLabels"].items()
        <= service["metadata"]["labels"].items()
    )
    for obj in named(objects, "Deployment"):
        labels = obj["spec"]["template"]["metadata"]["labels"]
        assert service["spec"]["selector"].items() <= labels.items()
        assert pods_selector() == ",".join(f"{name}={labels[name]}" for name in sorted(pods_labels()))


def pods_labels() -> set[str]:
    return {part.partition("=")[0] for part in pods_selector().split(",")}


def test_no_deployment_selects_the_pods_of_another() -> None:
    """While the tier changes, the old one waits for its own pods to end."""
    found = [obj for number in (0, 3) for obj in named(objects_of_operator({"operators": number}), "Deployment")]
    for one in found:
        selector = one["spec"]["selector"]["matchLabels"].items()
        chosen = [other for other in found if selector <= other["spec"]["template"]["metadata"]["labels"].items()]
        assert chosen == [one]


def test_each_of_several_operators_has_an_alert_of_its_own() -> None:
    groups = only(objects_of_operator({"operators": 2}), "PrometheusRule")["spec"]["groups"]
    rules = groups[-1]["rules"]
    assert [rule["labels"]["operator"] for rule in rules] == list(controller_ids(2))
    assert groups[:-1] == only(objects_of_operator(), "PrometheusRule")["spec"]["groups"]


def test_the_pod_leaves_a_lost_node_sooner_where_that_is_asked_for() -> None:
    assert "tolerations" not in pod()
    found = pod({"moved_after": 30})["tolerations"]
    assert [one["key"] for one in found] == ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]
    assert {one["tolerationSeconds"] for one in found} == {30}


def test_the_quota_follows_the_priority_class() -> None:
    options = {"priority_class": "platform"}
    assert pod(options)["priorityClassName"] == "platform"
    (expression,) = only(objects_of_operator(options), "ResourceQuota")["spec"]["scopeSelector"]["matchExpressions"]
    assert expression["values"] == ["platform"]
