"""Gateways: what a team's Prometheus may read of the platform's, and what is wrong in their input."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROM_LABEL_PROXY
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.model import DEFAULT_MATCH
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.objects import JOB
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

from tests.tools.workloads import catalogue
from tests.unit.capabilities.builders import JsonObject, keys, objects_of_gateways, objects_of_team, only

TEAMS = [{"name": "payments", "namespaces": ["payments", "billing"]}, {"name": "search", "namespaces": ["search"]}]


def of_both(**given: t.Any) -> list[JsonObject]:
    """The objects of two teams."""
    return objects_of_gateways({"team": "payments"}, {"team": "search"}, **{"teams": TEAMS, **given})


def errors_of(*grants: JsonObject, **given: t.Any) -> list[str]:
    """What is wrong with the input, as users read it."""
    with pytest.raises(InputError) as raised:
        objects_of_gateways(*grants, **{"teams": TEAMS, **given})
    return [str(error) for error in raised.value.errors]


def container(objects: list[JsonObject], team: str) -> JsonObject:
    """The only container of a team's gateway."""
    (found,) = only(objects, "Deployment", name=f"gateway-{team}")["spec"]["template"]["spec"]["containers"]
    return t.cast(JsonObject, found)


def policy(objects: list[JsonObject], name: str, *, namespace: str) -> JsonObject:
    """The spec of a network policy."""
    (found,) = [
        obj["spec"]
        for obj in objects
        if obj["kind"] == "NetworkPolicy"
        and (obj["metadata"]["namespace"], obj["metadata"]["name"]) == (namespace, name)
    ]
    return t.cast(JsonObject, found)


def test_nothing_is_made_where_no_team_has_a_gateway() -> None:
    assert objects_of_gateways(teams=TEAMS) == []


def test_each_team_has_a_gateway_of_its_own_and_one_scrape() -> None:
    assert keys(of_both()) == {
        ("Namespace", None, "promfleet-gateway"),
        ("NetworkPolicy", "promfleet-gateway", "default-deny"),
        *(
            (kind, "promfleet-gateway", f"gateway-{team}")
            for kind in ("Deployment", "NetworkPolicy", "Service")
            for team in ("payments", "search")
        ),
        *(
            (kind, f"monitoring-{team}", JOB)
            for kind in ("NetworkPolicy", "ScrapeConfig")
            for team in ("payments", "search")
        ),
    }


def test_the_namespaces_are_arguments_and_no_request_can_choose_others() -> None:
    args = container(of_both(), "payments")["args"]
    assert [one for one in args if one.startswith("-label")] == [
        "-label=namespace",
        "-label-value=billing",
        "-label-value=payments",
    ]
    # Each of them would let a request choose, or leave paths without enforcement.
    words = ("header-name", "query-param", "unsafe-passthrough-paths", "regex-match", "enable-label-apis")
    assert not [one for one in args if any(word in one for word in words)]


def test_the_first_replica_is_read_below_its_prefix() -> None:
    platform = {"prometheus": {"replicas": 2, "web": {"route_prefix": "/prom"}}}
    args = container(of_both(platform=platform), "search")["args"]
    assert "-upstream=http://prometheus-platform-0.prometheus-operated.monitoring-platform.svc:9090/prom" in args


def test_only_the_teams_prometheus_reaches_its_gateway_and_that_only_the_platforms() -> None:
    objects = of_both()
    spec = policy(objects, "gateway-payments", namespace="promfleet-gateway")
    ((peer,),) = [one["from"] for one in spec["ingress"]]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring-payments"}
    assert peer["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] == "payments"
    upstream, dns = spec["egress"]
    assert upstream["to"][0]["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "monitoring-platform"
    }
    assert upstream["ports"] == [{"port": 9090, "protocol": "TCP"}]
    assert {one["port"] for one in dns["ports"]} == {53}
    closed = policy(objects, "default-deny", namespace="promfleet-gateway")
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_a_team_without_policies_gets_none_that_would_close_its_prometheus() -> None:
    teams = [{**TEAMS[1], "network_policy": False}]
    objects = objects_of_gateways({"team": "search"}, teams=teams)
    assert ("NetworkPolicy", "monitoring-search", JOB) not in keys(objects)


def test_pods_are_restricted_and_have_no_token() -> None:
    objects = of_both()
    namespace = only(objects, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = only(objects, "Deployment", name="gateway-search")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container(objects, "search")["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_image_comes_from_upstream_or_from_the_platforms_registry() -> None:
    image = f"prometheuscommunity/prom-label-proxy:v{PROM_LABEL_PROXY}"
    assert container(of_both(), "search")["image"] == f"quay.io/{image}"
    mirrored = of_both(pods={"image_registry": "registry.example.com/mirror"})
    assert container(mirrored, "search")["image"] == f"registry.example.com/mirror/{image}"


def test_the_scrape_keeps_what_series_say_and_drops_what_the_platform_adds() -> None:
    objects = objects_of_gateways(
        {"team": "search", "match": ["up", "{job='cadvisor'}"], "interval": "1m", "sample_limit": 9},
        teams=TEAMS,
        platform={"labels": {"region": "eu"}},
    )
    spec = only(objects, "ScrapeConfig")["spec"]
    assert spec["staticConfigs"] == [{"targets": ["gateway-search.promfleet-gateway.svc:8080"]}]
    assert (spec["metricsPath"], spec["honorLabels"], spec["sampleLimit"]) == ("/federate", True, 9)
    assert spec["params"] == {"match[]": ["up", "{job='cadvisor'}"]}
    # Else a series that has ended stays for five minutes.
    assert spec["honorTimestamps"] is False
    assert spec["metricRelabelings"] == [
        {"action": "labeldrop", "regex": "cluster|prometheus|prometheus_replica|region|team"}
    ]


def test_the_instance_of_a_team_selects_the_scrape_and_leaves_its_namespaces_alone() -> None:
    spec = only(objects_of_team({}), "Prometheus")["spec"]
    assert spec["scrapeConfigSelector"] == {}
    assert {"group": "monitoring.coreos.com", "namespace": "monitoring-payments", "resource": "scrapeconfigs"} in spec[
        "excludedFromEnforcement"
    ]


def test_by_default_the_jobs_are_those_of_the_catalogue() -> None:
    (selector,) = DEFAULT_MATCH
    jobs = [part.job for name in ("kube-state-metrics", "kubelet") for part in catalogue()[name].parts]
    assert selector == '{job=~"' + "|".join(jobs) + '"}'


def test_a_team_that_is_not_in_the_cluster_has_nothing_there() -> None:
    teams = [{**TEAMS[0], "clusters": ["edge"]}]
    assert objects_of_gateways({"team": "payments"}, teams=teams) == []


@pytest.mark.parametrize(
    ("grant", "given", "expected"),
    [
        ({"team": "serch"}, {}, "grants[0].team: unknown team 'serch'; did you mean 'search'?"),
        ({"team": "platform"}, {}, "grants[0].team: 'platform' is the platform's own team"),
        ({"team": "bare"}, {"teams": [{"name": "bare"}]}, "grants[0].team: 'bare' has no namespaces of its own"),
        ({"team": "search", "match": ["sum(up)"]}, {}, "grants[0].match[0]: 'sum(up)'"),
        ({"team": "search", "interval": "5"}, {}, "grants[0].interval: '5' is not a duration"),
        ({"team": "search", "scrape_timeout": "1m"}, {}, "grants[0].scrape_timeout: must not be longer than interval"),
        ({"team": "search", "sample_limit": 0}, {}, "grants[0].sample_limit: must be at least 1"),
        ({"team": "search"}, {"namespace": "search"}, "namespace: 'search' is a namespace of a team"),
        (
            {"team": "search"},
            {"platform": {"prometheus": {"shards": 2}}},
            "grants: cannot be given while the platform's Prometheus has shards",
        ),
    ],
)
def test_wrong_input_is_one_error_at_its_place(grant: JsonObject, given: JsonObject, expected: str) -> None:
    (error,) = errors_of(grant, **given)
    assert error.startswith(expected)


def test_a_team_has_one_gateway() -> None:
    (error,) = errors_of({"team": "search"}, {"team": "search"})
    assert error == "grants[1].team: 'search' has grants[0] already"
