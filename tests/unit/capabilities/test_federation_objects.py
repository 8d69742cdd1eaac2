"""The objects of federation, on both sides."""

from __future__ import annotations

import re

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    KNOWN_AFTER_APPLY,
    SOURCE_CLUSTER_LABEL,
    TEAM_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.exposure import (
    DEFAULT_ALLOWED_SOURCES,
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


def test_health_checks_are_let_in_apart_from_clients() -> None:
    objects = objects_of_source({"load_balancer": "gke", "allowed_sources": ["10.1.0.0/16"]})
    clients, checks = only(objects, "NetworkPolicy")["spec"]["ingress"]
    assert [peer["ipBlock"]["cidr"] for peer in clients["from"]] == ["10.1.0.0/16"]
    assert [peer["ipBlock"]["cidr"] for peer in checks["from"]] == [
        "130.211.0.0/22",
        "2600:2d00:1:b029::/64",
        "35.191.0.0/16",
    ]
    assert clients["ports"] == checks["ports"]
    service = only(objects, "Service")
    # The balancer itself lets its health checks in.
    assert service["spec"]["loadBalancerSourceRanges"] == ["10.1.0.0/16"]
    assert service["metadata"]["annotations"] == {"networking.gke.io/load-balancer-type": "Internal"}


@pytest.mark.parametrize("isolated", [True, False])
def test_readers_inside_of_the_cluster_are_shut_out_only_by_the_teams_own_policy(*, isolated: bool) -> None:
    ingress = only(objects_of_source({}, isolated=isolated), "NetworkPolicy")["spec"]["ingress"]
    every_pod: JsonObject = {"from": [{"namespaceSelector": {}}]}
    assert (every_pod in ingress) is not isolated
    # Outside of the cluster the same ranges are let in.
    assert [peer for rule in ingress if rule != every_pod for peer in rule["from"]] == [
        {"ipBlock": {"cidr": network}} for network in sorted(DEFAULT_ALLOWED_SOURCES)
    ]


@pytest.mark.parametrize(("family", "ranges"), [("IPv4", ["10.0.0.0/8"]), ("IPv6", ["fc00::/7"])])
def test_a_service_of_a_given_family_has_clients_of_that_family(family: str, ranges: list[str]) -> None:
    raw = {"ip_family": family, "allowed_sources": ["10.0.0.0/8", "fc00::/7"]}
    spec = only(objects_of_source(raw), "Service")["spec"]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"], spec["loadBalancerSourceRanges"]) == (
        [family],
        "SingleStack",
        ranges,
    )


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
    assert keys(objects) == {("ScrapeConfig", NS, NAME), ("ScrapeConfig", NS, f"{NAME}.alerts")}
    spec = only(objects, "ScrapeConfig", name=NAME)["spec"]
    assert spec["jobName"] == "federation/edge/platform"
    assert spec["staticConfigs"] == [
        {"labels": {"cluster": "edge", "region": "eu", "team": "platform"}, "targets": ["prom.example.com:443"]}
    ]
    assert spec["scheme"] == "HTTPS"


def test_both_forms_scrape_alike() -> None:
    endpoints = only(objects_of_endpoint(BY_ADDRESS), "ServiceMonitor")["spec"]["endpoints"]
    configs = [obj["spec"] for obj in objects_of_endpoint(BY_NAME)]
    assert len(endpoints) == len(configs) == 2
    for endpoint, config in zip(endpoints, configs, strict=True):
        alike = ("params", "honorLabels", "honorTimestamps", "trackTimestampsStaleness", "metricRelabelings")
        for name in ("scrapeTimeout", *alike):
            assert endpoint.get(name) == config.get(name)
        assert (endpoint["path"], endpoint["interval"]) == (config["metricsPath"], config["scrapeInterval"])
        (job,) = [step["replacement"] for step in endpoint["relabelings"] if step.get("targetLabel") == "job"]
        assert job == config["jobName"]
        assert endpoint["honorLabels"] is True


@pytest.mark.parametrize(
    ("match", "rest", "alerts"),
    [
        (["up", "ALERTS"], ["up"], ["ALERTS"]),
        (["up"], ["up"], None),
        (["ALERTS"], None, ["ALERTS"]),
        (['{job="a"}'], ['{job="a"}'], ['{__name__="ALERTS",job="a"}']),
    ],
)
def test_alerts_have_a_job_of_their_own_that_ends_them_at_once(
    match: list[str], rest: list[str] | None, alerts: list[str] | None
) -> None:
    objects = objects_of_endpoint({**BY_NAME, "match": match})
    found = {obj["spec"]["jobName"]: obj["spec"] for obj in objects}
    expected = {"federation/edge/platform": rest, "federation/edge/platform/alerts": alerts}
    assert {name: spec["params"]["match[]"] for name, spec in found.items()} == {
        name: selectors for name, selectors in expected.items() if selectors
    }
    for name, spec in found.items():
        assert spec.get("trackTimestampsStaleness", False) is name.endswith("/alerts")
        # Two jobs must not both give the same series.
        drops = [step for step in spec["metricRelabelings"] if step["action"] == "drop"]
        assert [step["regex"] for step in drops] == (["ALERTS"] if alerts and not name.endswith("/alerts") else [])


@pytest.mark.parametrize("place", [BY_ADDRESS, BY_NAME])
@pytest.mark.parametrize(
    ("limits", "fields"),
    [
        ({}, {}),
        ({"samples": 5000}, {"sampleLimit": 5000}),
        ({"samples": 5000, "body_size": "20MB"}, {"sampleLimit": 5000, "bodySizeLimit": "20MB"}),
    ],
)
def test_limits_are_those_of_each_job(place: JsonObject, limits: JsonObject, fields: JsonObject) -> None:
    objects = objects_of_endpoint({**place, "limits": limits})
    for spec in [obj["spec"] for obj in objects if obj["kind"] in ("ServiceMonitor", "ScrapeConfig")]:
        found = {name: value for name, value in spec.items() if name.endswith("Limit")}
        assert found == fields
        assert spec["keepDroppedTargets"] == 1


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
        "team": "platform",
        "region": "eu",
        "instance": "central",
    }


def relabeled(steps: list[JsonObject], labels: dict[str, str]) -> dict[str, str]:
    """What Prometheus makes of *labels*, as far as our steps go."""
    found = dict(labels)
    for step in steps:
        source = ";".join(found.get(name, "") for name in step.get("sourceLabels", ()))
        match = re.fullmatch(step.get("regex", "(.*)"), source)
        if step["action"] == ("drop" if match else "keep"):
            return {}
        if step["action"] == "replace" and match:
            found[step["targetLabel"]] = match[1] if "replacement" not in step else step["replacement"]
    return {name: value for name, value in found.items() if value}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"team": "platform"}, {}),
        ({"team": "search"}, {"claimed_team": "search"}),
        ({"cluster": "core", "team": "platform"}, {"claimed_cluster": "core"}),
        # The dot is a dot.
        ({"cluster": "edgeXexample", "team": "platform"}, {"claimed_cluster": "edgeXexample"}),
        # What an application claims about claims does not count.
        ({"claimed_team": "search", "team": "platform"}, {}),
        ({"job": "node", "team": "platform"}, {"job": "node"}),
        ({"job": "federation/edge.example/platform", "team": "platform"}, {}),
        ({"job": "federation/core/search", "team": "platform"}, {}),
        ({"job": "a/federation/core/search", "team": "platform"}, {"job": "a/federation/core/search"}),
    ],
)
def test_no_series_decides_whose_it_is(labels: dict[str, str], expected: dict[str, str]) -> None:
    objects = objects_of_endpoint({**BY_NAME, "cluster": "edge.example"})
    steps = objects[1]["spec"]["metricRelabelings"]
    found = relabeled(steps, {"__name__": "a", "cluster": "edge.example", **labels})
    assert found == {"__name__": "a", "cluster": "edge.example", "team": "platform", **expected}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"cluster": "edge", "team": "platform"}, {"cluster": "edge", "team": "platform"}),
        ({"cluster": "a.b", "team": "search"}, {"cluster": "a.b", "team": "search"}),
        ({"cluster": "a.b", "claimed_team": "ops"}, {"cluster": "a.b", "claimed_team": "ops"}),
        # No cluster of the region.
        ({"cluster": "core"}, {}),
        ({"cluster": "aXb"}, {}),
        # How the region reads its own may be known; how it is read itself is said here.
        ({"cluster": "a.b", "job": "federation/a.b/platform"}, {"cluster": "a.b", "job": "federation/a.b/platform"}),
        ({"cluster": "edge", "job": "federation/edge/platform"}, {"cluster": "edge"}),
        ({"cluster": "edge", "job": "federation/edge/platform/alerts"}, {"cluster": "edge"}),
    ],
)
def test_from_a_region_come_the_series_of_its_clusters(labels: dict[str, str], expected: dict[str, str]) -> None:
    region = {"clusters": ["a.b", "c"], "all_teams": True}
    for obj in objects_of_endpoint({**BY_NAME, "region": region}):
        assert relabeled(obj["spec"]["metricRelabelings"], labels) == expected


def test_a_teams_instance_in_a_region_has_that_teams_series() -> None:
    (endpoint, _alerts) = only(objects_of_endpoint({**BY_ADDRESS, "region": {"clusters": ["c"]}}), "ServiceMonitor")[
        "spec"
    ]["endpoints"]
    found = relabeled(endpoint["metricRelabelings"], {"cluster": "c", "team": "search"})
    assert found == {"cluster": "c", "team": "platform", "claimed_team": "search"}


def test_objects_say_which_cluster_they_are_for_and_whose_they_are() -> None:
    for obj in [*objects_of_endpoint(BY_ADDRESS), *objects_of_endpoint(BY_NAME)]:
        assert obj["metadata"]["labels"][SOURCE_CLUSTER_LABEL] == "edge"
        assert obj["metadata"]["labels"][TEAM_LABEL] == "platform"


def test_a_prediction_names_the_same_objects_as_the_run() -> None:
    unknown = [{"address": KNOWN_AFTER_APPLY, "replica": replica} for replica in (0, 1)]
    predicted = objects_of_endpoint({**BY_ADDRESS, "targets": unknown}, check=True)
    assert keys(predicted) == keys(objects_of_endpoint(BY_ADDRESS))
    assert only(predicted, "EndpointSlice", name=f"{NAME}-0")["ports"][0]["port"] == KNOWN_AFTER_APPLY
