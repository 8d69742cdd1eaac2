"""The objects of federation, on both sides."""

from __future__ import annotations

import re

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    KNOWN_AFTER_APPLY,
    SOURCE_CLUSTER_LABEL,
    TEAM_LABEL,
)

from tests.unit.capabilities.builders import (
    JsonObject,
    keys,
    objects_of_endpoint,
    objects_of_source,
    objects_of_team,
    only,
)

NS = "monitoring-platform"
NAME = "federation-edge-platform"
BY_ADDRESS: JsonObject = {
    "cluster": "edge",
    "team": "platform",
    "targets": [
        {"address": "10.0.0.1", "port": 30091, "replica": 1},
        {"address": "10.0.0.1", "port": 30090, "replica": 0},
    ],
    "labels": {"region": "eu"},
}
BY_NAME: JsonObject = {**BY_ADDRESS, "targets": [{"address": "prom.example.com.", "port": 443}], "scheme": "https"}


def test_each_replica_has_a_service_of_its_own() -> None:
    objects = objects_of_source({"expose": "NodePort"}, replicas=2)
    assert keys(objects) == {
        ("Service", NS, "prometheus-platform-federation-0"),
        ("Service", NS, "prometheus-platform-federation-1"),
        ("NetworkPolicy", NS, "prometheus-platform-federation"),
    }
    for replica in (0, 1):
        spec = only(objects, "Service", name=f"prometheus-platform-federation-{replica}")["spec"]
        assert spec["selector"]["statefulset.kubernetes.io/pod-name"] == f"prometheus-platform-{replica}"
        assert (spec["type"], spec["externalTrafficPolicy"]) == ("NodePort", "Local")
        assert spec["ports"] == [{"name": "web", "port": 9090, "protocol": "TCP", "targetPort": "web"}]


def test_what_exists_is_left_alone() -> None:
    assert objects_of_source({"expose": "Existing", "address": "prom.example.com", "port": 443}) == []


def test_a_node_port_can_be_given() -> None:
    service = only(objects_of_source({"expose": "NodePort", "node_port": 30090}), "Service")
    assert service["spec"]["ports"][0]["nodePort"] == 30090


@pytest.mark.parametrize(
    ("allowed", "ranges"),
    [
        (["10.0.0.0/8", "fc00::/7"], ["10.0.0.0/8"]),
        (["fc00::/7"], ["fc00::/7"]),
        (["192.0.2.0/24", "10.0.0.0/8"], ["10.0.0.0/8", "192.0.2.0/24"]),
    ],
)
def test_a_load_balancer_gets_ranges_of_one_family_and_the_policy_all(allowed: list[str], ranges: list[str]) -> None:
    objects = objects_of_source({"allowed_sources": allowed, "annotations": {"example.com/internal": "true"}})
    service = only(objects, "Service")
    assert service["spec"]["loadBalancerSourceRanges"] == ranges
    assert service["metadata"]["annotations"] == {"example.com/internal": "true"}
    (ingress,) = only(objects, "NetworkPolicy")["spec"]["ingress"]
    assert [peer["ipBlock"]["cidr"] for peer in ingress["from"]] == sorted(allowed)
    assert ingress["ports"] == [{"port": 9090, "protocol": "TCP"}]


def test_the_instances_own_monitor_does_not_find_the_exposing_services() -> None:
    monitor = only(objects_of_team({}), "ServiceMonitor")["spec"]["selector"]["matchLabels"]
    service = only(objects_of_source({"team": "payments"}), "Service")
    assert not monitor.items() <= service["metadata"]["labels"].items()


def test_addresses_become_a_service_slices_and_a_monitor_that_fit() -> None:
    objects = objects_of_endpoint(BY_ADDRESS)
    assert keys(objects) == {
        ("Service", NS, NAME),
        ("EndpointSlice", NS, f"{NAME}-0"),
        ("EndpointSlice", NS, f"{NAME}-1"),
        ("ServiceMonitor", NS, NAME),
    }
    service, monitor = only(objects, "Service"), only(objects, "ServiceMonitor")
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["ipFamilyPolicy"] == "SingleStack"
    assert "selector" not in service["spec"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["serviceDiscoveryRole"] == "EndpointSlice"
    for replica, port in ((0, 30090), (1, 30091)):
        found = only(objects, "EndpointSlice", name=f"{NAME}-{replica}")
        assert found["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"]
        assert (found["addressType"], found["endpoints"]) == (
            "IPv4",
            [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
        )
        assert found["ports"] == [{"name": monitor["spec"]["endpoints"][0]["port"], "port": port, "protocol": "TCP"}]


def test_addresses_of_the_newer_family() -> None:
    objects = objects_of_endpoint({**BY_ADDRESS, "targets": [{"address": "fd00::1", "port": 9090}]})
    assert only(objects, "EndpointSlice")["addressType"] == "IPv6"


def test_names_become_a_scrape_config() -> None:
    objects = objects_of_endpoint(BY_NAME)
    assert keys(objects) == {("ScrapeConfig", NS, NAME)}
    spec = only(objects, "ScrapeConfig")["spec"]
    assert spec["jobName"] == "federation/edge/platform"
    assert spec["staticConfigs"] == [
        {"labels": {"cluster": "edge", "region": "eu"}, "targets": ["prom.example.com:443"]}
    ]
    assert spec["scheme"] == "HTTPS"


def test_both_forms_scrape_alike() -> None:
    endpoint = only(objects_of_endpoint(BY_ADDRESS), "ServiceMonitor")["spec"]["endpoints"][0]
    config = only(objects_of_endpoint(BY_NAME), "ScrapeConfig")["spec"]
    for name in ("params", "honorLabels", "honorTimestamps", "scrapeTimeout", "metricRelabelings"):
        assert endpoint[name] == config[name]
    assert (endpoint["path"], endpoint["interval"]) == (config["metricsPath"], config["scrapeInterval"])
    assert endpoint["honorLabels"] is True


def test_the_target_has_only_declared_labels() -> None:
    """What relabelings leave of a ServiceMonitor's target labels is what honorLabels puts on series that lack them."""
    relabelings = only(objects_of_endpoint(BY_ADDRESS), "ServiceMonitor")["spec"]["endpoints"][0]["relabelings"]
    names = ["pod", "namespace", "service", "endpoint", "container", "node", "job", "instance"]
    target = dict.fromkeys(names, "central")
    for step in relabelings:
        if step["action"] == "labeldrop":
            target = {name: value for name, value in target.items() if not re.fullmatch(step["regex"], name)}
        else:
            target[step["targetLabel"]] = step["replacement"]
    # /federate gives every series an instance, if an empty one, so that of the target goes to none.
    assert target == {
        "job": "federation/edge/platform",
        "cluster": "edge",
        "region": "eu",
        "instance": "central",
    }


@pytest.mark.parametrize(
    ("job", "kept"),
    [("federation/edge.example/platform", ""), ("federation/edgeXexample/platform", None), ("node", None)],
)
def test_a_series_without_a_job_gets_none(job: str, kept: str | None) -> None:
    objects = objects_of_endpoint({**BY_NAME, "cluster": "edge.example"})
    (step,) = only(objects, "ScrapeConfig")["spec"]["metricRelabelings"]
    assert (step["sourceLabels"], step["targetLabel"]) == (["job"], "job")
    found = step["replacement"] if re.fullmatch(step["regex"], job) else None
    assert found == kept


def test_objects_say_which_cluster_they_are_for_and_whose_they_are() -> None:
    for obj in [*objects_of_endpoint(BY_ADDRESS), *objects_of_endpoint(BY_NAME)]:
        assert obj["metadata"]["labels"][SOURCE_CLUSTER_LABEL] == "edge"
        assert obj["metadata"]["labels"][TEAM_LABEL] == "platform"


def test_a_prediction_names_the_same_objects_as_the_run() -> None:
    unknown = [{"address": KNOWN_AFTER_APPLY, "replica": replica} for replica in (0, 1)]
    predicted = objects_of_endpoint({**BY_ADDRESS, "targets": unknown}, check=True)
    assert keys(predicted) == keys(objects_of_endpoint(BY_ADDRESS))
    assert only(predicted, "EndpointSlice", name=f"{NAME}-0")["ports"][0]["port"] == KNOWN_AFTER_APPLY
