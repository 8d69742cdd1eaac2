"""Gateways: what a team's Prometheus may read of the platform's, and what is wrong in their input."""

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROM_LABEL_PROXY
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.selection import (
    DEFAULT_PRESETS,
    preset_selectors,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.model import DEFAULT_MATCH
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.objects import (
    FEDERATED_JOB,
    JOB,
    chain,
    routes_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

from tests.tools.workloads import catalogue
from tests.unit.capabilities.builders import JsonObject, gateways, keys, objects_of_gateways, objects_of_team, only

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
    assert {one["port"] for one in dns["ports"]} == {53, 5353}
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
    selector, _of_nodes = DEFAULT_MATCH
    jobs = [part.job for name in ("kube-state-metrics", "kubelet") for part in catalogue()[name].parts]
    assert selector == '{job=~"' + "|".join(jobs) + '"}'


def test_a_team_that_is_not_in_the_cluster_has_nothing_there() -> None:
    teams = [{**TEAMS[0], "clusters": ["edge"]}]
    assert objects_of_gateways({"team": "payments"}, teams=teams) == []


FLEET: JsonObject = {
    "clusters": ["hub", "edge", "far"],
    "reads": ["edge", "far"],
    "teams": [*TEAMS, {"name": "readers"}],
}
SEARCH = {"team": "search", "federated": True}
# Not on far.
SOMEWHERE = [{**TEAMS[1], "clusters": ["hub", "edge"]}]


def route(name: str, *grants: JsonObject, **given: t.Any) -> JsonObject:
    """The arguments of the containers of a gateway, by the label that each holds to, without where it listens."""
    objects = objects_of_gateways(*grants, **{**FLEET, **given})
    containers = only(objects, "Deployment", name=name)["spec"]["template"]["spec"]["containers"]
    found = {}
    for one in containers:
        label, *values = (arg.partition("=")[2] for arg in one["args"] if arg.startswith("-label"))
        found[label] = values
    return found


def test_federated_series_have_the_teams_clusters_the_platform_and_the_teams_namespaces() -> None:
    assert route("federated-search", SEARCH) == {
        "cluster": ["edge", "far"],
        "team": ["platform"],
        "namespace": ["search"],
    }


def test_containers_ask_each_other_and_only_the_first_one_can_be_reached() -> None:
    objects = objects_of_gateways(SEARCH, **FLEET)
    pod = only(objects, "Deployment", name="federated-search")["spec"]["template"]["spec"]
    places = [[arg for arg in one["args"] if "label" not in arg] for one in pod["containers"]]
    assert places == [
        ["-insecure-listen-address=:8080", "-upstream=http://127.0.0.1:8081"],
        ["-insecure-listen-address=127.0.0.1:8081", "-upstream=http://127.0.0.1:8082"],
        [
            "-insecure-listen-address=127.0.0.1:8082",
            "-upstream=http://prometheus-platform-0.prometheus-operated.monitoring-platform.svc:9090",
        ],
    ]
    assert ["ports" in one for one in pod["containers"]] == [True, False, False]
    assert {one["securityContext"]["readOnlyRootFilesystem"] for one in pod["containers"]} == {True}


@pytest.mark.parametrize(
    ("given", "clusters"),
    [
        ({"teams": SOMEWHERE}, ["edge"]),
        # The own cluster's series have no label of it.
        ({"reads": ["hub", "far"]}, ["far"]),
        # A host with a list of its own decides for its cluster.
        ({"teams_elsewhere": {"far": [{"name": "shop", "namespaces": ["search"]}]}}, ["edge"]),
        ({"teams_elsewhere": {"far": [{"name": "search", "namespaces": ["search-2"]}]}}, ["edge"]),
        ({"teams_elsewhere": {"far": [{**TEAMS[1], "clusters": ["edge"]}]}}, ["edge"]),
        ({"teams_elsewhere": {"far": [{"name": "search", "namespaces": ["other", "search"]}]}}, ["edge", "far"]),
        ({"teams_elsewhere": {"far": []}}, ["edge"]),
        # What is wrong with the list its own host says.
        ({"teams_elsewhere": {"far": [TEAMS[1], TEAMS[1]]}}, ["edge"]),
        ({"teams_elsewhere": {"far": "search"}}, ["edge"]),
        ({"teams_elsewhere": {"edge": [], "hub": []}}, ["far"]),
    ],
)
def test_only_clusters_count_where_the_team_has_its_namespaces(given: JsonObject, clusters: list[str]) -> None:
    grant = {**SEARCH, "namespaces_everywhere": True}
    assert route("federated-search", grant, **given)["cluster"] == clusters


def test_federated_series_keep_their_cluster_and_lose_what_the_central_instance_adds() -> None:
    platform = {
        "labels": {"stage": "prod"},
        "overrides": [{"clusters": ["hub", "edge"], "labels": {"region": "eu.1"}}],
    }
    objects = objects_of_gateways({**SEARCH, "federated_match": ["up"]}, **FLEET, platform=platform)
    spec = only(objects, "ScrapeConfig", name="federated-series")["spec"]
    assert spec["staticConfigs"] == [{"targets": ["federated-search.promfleet-gateway.svc:8080"]}]
    assert (spec["jobName"], spec["honorLabels"], spec["honorTimestamps"]) == ("federated-series", True, False)
    assert spec["params"] == {"match[]": ["up"]}
    assert spec["metricRelabelings"] == [
        {
            "action": "replace",
            "sourceLabels": ["cluster", "region"],
            "regex": r"(?:far);eu\.1",
            "replacement": "",
            "targetLabel": "region",
        },
        {"action": "labeldrop", "regex": "team"},
    ]


def test_by_default_it_is_what_sources_are_read_for() -> None:
    objects = objects_of_gateways(SEARCH, **FLEET)
    spec = only(objects, "ScrapeConfig", name="federated-series")["spec"]
    assert spec["params"] == {"match[]": list(preset_selectors(DEFAULT_PRESETS))}


def test_where_other_clusters_are_read_the_series_of_this_one_are_taken_apart() -> None:
    objects = objects_of_gateways({"team": "search"}, **FLEET)
    steps = only(objects, "ScrapeConfig", name=JOB)["spec"]["metricRelabelings"]
    assert steps[0] == {"action": "keep", "regex": "hub", "sourceLabels": ["cluster"]}


def test_the_gateway_goes_to_the_instance_that_reads_the_other_clusters() -> None:
    objects = objects_of_gateways(SEARCH, **FLEET, central_team="readers")
    pod = only(objects, "Deployment", name="federated-search")["spec"]["template"]["spec"]
    upstream = "-upstream=http://prometheus-readers-0.prometheus-operated.monitoring-readers.svc:9090"
    assert upstream in pod["containers"][-1]["args"]
    (egress, _dns) = policy(objects, "federated-search", namespace="promfleet-gateway")["egress"]
    assert egress["to"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring-readers"}
    # Its own policies let in the pods of its team only.
    (ingress,) = policy(objects, "federated-series-in", namespace="monitoring-readers")["ingress"]
    assert [one["podSelector"]["matchLabels"]["app.kubernetes.io/instance"] for one in ingress["from"]] == [
        "federated-search"
    ]
    args = container(objects, "search")["args"]
    assert "-upstream=http://prometheus-platform-0.prometheus-operated.monitoring-platform.svc:9090" in args


def test_the_platforms_instance_needs_no_policy_for_that() -> None:
    names = {name for _kind, _namespace, name in keys(objects_of_gateways(SEARCH, **FLEET))}
    assert "federated-series-in" not in names


def test_all_nodes_are_the_series_of_one_job_in_one_namespace() -> None:
    grant = {"team": "search", "all_nodes": True}
    assert route("nodes-search", grant, nodes_namespace="exporters") == {
        "job": ["node-exporter"],
        "namespace": ["exporters"],
    }
    objects = objects_of_gateways(grant, teams=TEAMS)
    spec = only(objects, "ScrapeConfig", name="node-series")["spec"]
    assert spec["params"] == {"match[]": ['{job="node-exporter"}']}
    entry = catalogue()["node-exporter"]
    (part,) = entry.parts
    # The namespace is that of the pod, whatever the pod says.
    assert (part.job, entry.namespaces, part.honor_labels) == ("node-exporter", ("promfleet-node-exporter",), False)


def test_no_entry_of_the_catalogue_has_the_job_of_nodes_beside_theirs() -> None:
    jobs = [part.job for entry in catalogue().values() for part in entry.parts]
    assert jobs.count("node-exporter") == 1


def test_by_default_a_team_gets_none_of_it() -> None:
    names = {
        name for kind, _namespace, name in keys(objects_of_gateways({"team": "search"}, **FLEET)) if kind != "Namespace"
    }
    assert names == {"default-deny", "gateway-search", JOB}


def test_a_label_without_a_value_is_never_an_argument() -> None:
    model = gateways(SEARCH, **FLEET)
    (one,) = [route for route in routes_of(model.grants[0], model) if route.job == FEDERATED_JOB]
    for values in ((), ("",), ("edge", "")):
        with pytest.raises(ValueError, match="the label cluster has no value"):
            chain(replace(one, guards=(("cluster", values),)), [":8080"], upstream="http://a")


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
        ({"team": "search", "federated": True}, {}, "grants[0].federated: cannot be given here: 'hub' reads no other"),
        (SEARCH, {"reads": ["hub"]}, "grants[0].federated: cannot be given here: 'hub' reads no other"),
        (
            {**SEARCH, "namespaces_everywhere": True},
            {**FLEET, "teams": [{**TEAMS[1], "clusters": ["hub"]}]},
            "grants[0].federated: 'search' has its namespaces on none of the clusters that 'hub' reads: edge, far",
        ),
        (
            {"team": "search"},
            {**FLEET, "teams": SOMEWHERE},
            "grants[0].team: the namespaces of 'search' are not its own on far, and 'hub' reads these clusters",
        ),
        (
            SEARCH,
            {**FLEET, "central_team": "readers", "teams": [TEAMS[1], {"name": "readers", "clusters": ["edge"]}]},
            "grants[0].federated: 'readers', which reads the other clusters, has no Prometheus on 'hub'",
        ),
        (
            SEARCH,
            {**FLEET, "central_team": "search"},
            "grants[0].federated: the Prometheus of 'search' reads the other clusters itself",
        ),
        (
            SEARCH,
            {
                **FLEET,
                "central_team": "readers",
                "teams": [TEAMS[1], {"name": "readers", "prometheus": {"shards": 2}}],
            },
            "grants[0].federated: the Prometheus of 'readers' has shards",
        ),
        (SEARCH, {**FLEET, "central_team": "reader"}, "central_team: unknown team 'reader'; did you mean 'readers'?"),
        (SEARCH, {**FLEET, "reads": ["egde"]}, "reads[0]: unknown cluster 'egde'; did you mean 'edge'?"),
        (
            {"team": "search", "federated_match": ["up"]},
            FLEET,
            "grants[0].federated_match: needs federated: true",
        ),
        ({**SEARCH, "federated_match": ["sum(up)"]}, FLEET, "grants[0].federated_match[0]: 'sum(up)'"),
        (
            {"team": "search"},
            {"nodes_namespace": "payments"},
            "nodes_namespace: 'payments' is a namespace of a team; series of pods there are the team's",
        ),
    ],
)
def test_wrong_input_is_one_error_at_its_place(grant: JsonObject, given: JsonObject, expected: str) -> None:
    (error,) = errors_of(grant, **given)
    assert error.startswith(expected)


def test_a_team_has_one_gateway() -> None:
    (error,) = errors_of({"team": "search"}, {"team": "search"})
    assert error == "grants[1].team: 'search' has grants[0] already"
