"""What platform engineers set for a team's instance: what each option becomes in its objects, and what is refused."""

from __future__ import annotations

import typing as t
from fractions import Fraction

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import ALERTMANAGER, PROMETHEUS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.features import (
    AGENT_FEATURES,
    FEATURES,
    REFUSED_FEATURES,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.quantities import value_of
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.capabilities.builders import JsonObject, objects_of_team, only, teams

NAME, INSTANCE = "app.kubernetes.io/name", "app.kubernetes.io/instance"


def spec(kind: str, **options: t.Any) -> JsonObject:
    """The spec of the team's object of a kind."""
    found: JsonObject = only(objects_of_team(options), kind)["spec"]
    return found


def error_of(**options: t.Any) -> str:
    with pytest.raises(InputError) as caught:
        teams({"name": "payments", **options})
    return str(caught.value)


PROMETHEUS_FIELDS: tuple[tuple[JsonObject, JsonObject], ...] = (
    ({"retention_size": "40Gi"}, {"retentionSize": "40GiB"}),
    ({"retention_size": "1500Mi"}, {"retentionSize": "1500MiB"}),
    ({"retention_size": "1k"}, {"retentionSize": "1000B"}),
    ({"retention_size": "auto", "storage": {"size": "10Gi"}}, {"retentionSize": "8704MiB"}),
    ({"retention_size": "8704Mi", "storage": {"size": "10Gi"}}, {"retentionSize": "8704MiB"}),
    ({"shards": 3}, {"shards": 3}),
    ({"wal_compression": False}, {"walCompression": False}),
    (
        {"enable_features": ["promql-duration-expr", "exemplar-storage"]},
        {"enableFeatures": ["exemplar-storage", "promql-duration-expr"]},
    ),
    (
        {
            "limits": {
                "samples": 50000,
                "targets": 100,
                "labels": 40,
                "label_name_length": 100,
                "label_value_length": 500,
                "dropped_targets": 10,
                "body_size": "20MB",
            }
        },
        {
            "enforcedSampleLimit": 50000,
            "enforcedTargetLimit": 100,
            "enforcedLabelLimit": 40,
            "enforcedLabelNameLengthLimit": 100,
            "enforcedLabelValueLengthLimit": 500,
            "enforcedKeepDroppedTargets": 10,
            "enforcedBodySizeLimit": "20MB",
        },
    ),
    (
        {"query": {"max_concurrency": 5, "max_samples": 10**6, "timeout": "30s", "lookback_delta": "2m"}},
        {"query": {"maxConcurrency": 5, "maxSamples": 10**6, "timeout": "30s", "lookbackDelta": "2m"}},
    ),
)
# The same for both parts.
SHARED_FIELDS: tuple[tuple[JsonObject, JsonObject], ...] = (
    (
        {"web": {"external_url": "https://mon.example.com/pay", "route_prefix": "/pay"}},
        {"externalUrl": "https://mon.example.com/pay", "routePrefix": "/pay"},
    ),
    ({"web": {"external_url": "https://mon.example.com", "route_prefix": "/"}}, {"routePrefix": None}),
    (
        {"scheduling": {"node_selector": {"pool": "monitoring", "rank": 2}}},
        {"nodeSelector": {"kubernetes.io/os": "linux", "pool": "monitoring", "rank": "2"}},
    ),
    (
        {"scheduling": {"tolerations": [{"key": "a.b/c", "operator": "Exists", "effect": "NoSchedule"}]}},
        {"tolerations": [{"key": "a.b/c", "operator": "Exists", "effect": "NoSchedule"}]},
    ),
    (
        {"scheduling": {"tolerations": [{"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}]}},
        {"tolerations": [{"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}]},
    ),
    (
        {"scheduling": {"affinity": {"nodeAffinity": {"any": 1}}}},
        {"affinity": {"nodeAffinity": {"any": 1}}},
    ),
    ({"scheduling": {"priority_class": "high"}}, {"priorityClassName": "high"}),
    ({"scheduling": {"termination_grace_seconds": 60}}, {"terminationGracePeriodSeconds": 60}),
    ({"replicas": 2, "scheduling": {"topology_spread": []}}, {"topologySpreadConstraints": None}),
    ({"replicas": 1}, {"topologySpreadConstraints": None, "tolerations": None, "affinity": None}),
)


@pytest.mark.parametrize(("options", "fields"), PROMETHEUS_FIELDS)
def test_options_of_prometheus(options: JsonObject, fields: JsonObject) -> None:
    found = spec("Prometheus", prometheus=options)
    assert {name: found.get(name) for name in fields} == fields


@pytest.mark.parametrize("part", ["Prometheus", "Alertmanager"])
@pytest.mark.parametrize(("options", "fields"), SHARED_FIELDS)
def test_options_of_both_parts(part: str, options: JsonObject, fields: JsonObject) -> None:
    found = spec(part, **{part.lower(): options})
    assert {name: found.get(name) for name in fields} == fields


@pytest.mark.parametrize("part", ["Prometheus", "Alertmanager"])
def test_replicas_are_spread_over_nodes_or_as_the_team_wants(part: str) -> None:
    (default,) = spec(part, **{part.lower(): {"replicas": 2}})["topologySpreadConstraints"]
    assert default == {
        "labelSelector": {"matchLabels": {NAME: part.lower(), INSTANCE: "payments"}},
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
    }
    wanted = {"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2}
    (given_one,) = spec(part, **{part.lower(): {"scheduling": {"topology_spread": [wanted]}}})[
        "topologySpreadConstraints"
    ]
    assert given_one == {"labelSelector": default["labelSelector"], "maxSkew": 1, **wanted}


# -- images and users ---------------------------------------------------------------------------------------------


def test_images_come_from_the_operators_registry_or_from_the_teams_own() -> None:
    parts = ("Prometheus", "Alertmanager")
    assert [spec(part).get("image") for part in parts] == [None, None]
    given_registry = {"image_registry": "registry.example.com:5000/mirror", "image_pull_secrets": ["b", "a"]}
    assert [spec(part, **given_registry)["image"] for part in parts] == [
        f"registry.example.com:5000/mirror/prometheus/prometheus:v{PROMETHEUS}",
        f"registry.example.com:5000/mirror/prometheus/alertmanager:v{ALERTMANAGER}",
    ]
    assert [spec(part, **given_registry)["imagePullSecrets"] for part in parts] == [[{"name": "a"}, {"name": "b"}]] * 2


@pytest.mark.parametrize("part", ["Prometheus", "Alertmanager"])
def test_the_platform_can_choose_the_user(part: str) -> None:
    fixed = spec(part)["securityContext"]
    platform = spec(part, run_as="platform")["securityContext"]
    assert fixed == {**platform, "runAsUser": 1000, "fsGroup": 2000}
    assert platform == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}


# -- pages --------------------------------------------------------------------------------------------------------


def test_a_path_of_the_pages_is_followed_by_all_that_ask_them() -> None:
    web = {"route_prefix": "/pay"}
    objects = objects_of_team({"prometheus": {"web": web}, "alertmanager": {"web": web}})
    (steps,) = [
        endpoint["relabelings"]
        for endpoint in only(objects, "ServiceMonitor")["spec"]["endpoints"]
        if "relabelings" in endpoint
    ]
    assert {step["regex"]: step["replacement"] for step in steps} == {
        "prometheus": "/pay/metrics",
        "alertmanager": "/pay/metrics",
    }
    (alertmanager,) = only(objects, "Prometheus")["spec"]["alerting"]["alertmanagers"]
    assert alertmanager["pathPrefix"] == "/pay"


def test_only_the_gateways_pods_may_open_the_pages_of_the_part() -> None:
    web = {"gateway": {"namespace": "gateways", "pod_labels": {"app": "oidc"}}}
    rules = only(objects_of_team({"alertmanager": {"web": web}}), "NetworkPolicy", name="payments")["spec"]["ingress"]
    peer = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateways"}},
        "podSelector": {"matchLabels": {"app": "oidc"}},
    }
    assert {"from": [peer], "ports": [{"port": 9093, "protocol": "TCP"}]} in rules


# -- disruption ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "budgets"),
    [
        ({}, set()),
        ({"size": "medium"}, {"prometheus-payments", "alertmanager-payments"}),
        ({"prometheus": {"shards": 2}}, set()),
        ({"prometheus": {"replicas": 2}}, {"prometheus-payments"}),
        ({"size": "medium", "prometheus": {"enabled": False}}, {"alertmanager-payments"}),
        ({"size": "medium", "alertmanager": {"scheduling": {"disruption_budget": False}}}, {"prometheus-payments"}),
    ],
)
def test_two_replicas_are_not_drained_together(options: JsonObject, budgets: set[str]) -> None:
    found = [obj for obj in objects_of_team(options) if obj["kind"] == "PodDisruptionBudget"]
    assert {obj["metadata"]["name"] for obj in found} == budgets
    for obj in found:
        kind = obj["metadata"]["name"].partition("-")[0]
        labels = {NAME: kind, INSTANCE: "payments", "app.kubernetes.io/managed-by": "prometheus-operator"}
        assert obj["spec"] == {"maxUnavailable": 1, "selector": {"matchLabels": labels}}


def test_a_quota_has_room_for_every_shard() -> None:
    def hard(shards: int) -> JsonObject:
        options = {"replicas": 2, "shards": shards, "resources": {"memory": "9Gi"}}
        found: JsonObject = only(objects_of_team({"prometheus": options}), "ResourceQuota")["spec"]["hard"]
        return found

    more = value_of(hard(3)["limits.memory"]) - value_of(hard(1)["limits.memory"])
    assert more >= 4 * value_of("9Gi")
    assert int(hard(3)["pods"]) - int(hard(1)["pods"]) >= 4


# -- what is refused ----------------------------------------------------------------------------------------------

P = "teams[0].prometheus"
S = {"size": "10Gi"}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (
            {"prometheus": {"retention_size": "9Gi", "storage": S}},
            f"{P}.retention_size: 9Gi is more than 85 % of the volume claim (10Gi); the largest value is 8704Mi",
        ),
        ({"prometheus": {"retention_size": "40GB"}}, f"{P}.retention_size: '40GB' is not a quantity"),
        ({"prometheus": {"retention_size": "auto"}}, f"{P}.retention_size: 'auto' is 85 % of the volume claim, and"),
        ({"prometheus": {"shards": 0}}, f"{P}.shards: must be from 1 to 10, found 0"),
        ({"prometheus": {"shards": 11}}, f"{P}.shards: must be from 1 to 10, found 11"),
        (
            {"prometheus": {"shards": 2, "name": "a" * 34}},
            f"{P}.shards: needs a name of at most 33 characters, and {'a' * 34!r} is longer",
        ),
        ({"prometheus": {"enable_features": ["agent"]}}, f"{P}.enable_features[0]: 'agent' is not one of the features"),
        ({"prometheus": {"enable_features": ["old-ui"]}}, f"{P}.enable_features[0]: 'old-ui' is refused: the old"),
        (
            {"prometheus": {"enable_features": ["exemplar-storage", "exemplar-storage"]}},
            f"{P}.enable_features[1]: 'exemplar-storage' is in the list already",
        ),
        ({"prometheus": {"limits": {"samples": 0}}}, f"{P}.limits.samples: must be at least 1, found 0"),
        ({"prometheus": {"limits": {"body_size": "10Mi"}}}, f"{P}.limits.body_size: '10Mi' is not a size in bytes"),
        ({"prometheus": {"limits": {"sample": 1}}}, f"{P}.limits.sample: unknown key; did you mean 'samples'?"),
        ({"prometheus": {"query": {"max_samples": 2**31}}}, f"{P}.query.max_samples: must be at most 2147483647"),
        ({"prometheus": {"query": {"timeout": "1"}}}, f"{P}.query.timeout: '1' is not a duration"),
        ({"prometheus": {"web": {"external_url": "mon.example.com"}}}, f"{P}.web.external_url: 'mon.example.com' is"),
        (
            {"prometheus": {"web": {"external_url": "https://me:secret@mon.example.com"}}},
            f"{P}.web.external_url: must not hold credentials",
        ),
        ({"prometheus": {"web": {"external_url": "https://a.example/?x=1"}}}, f"{P}.web.external_url: 'https://a.exa"),
        ({"prometheus": {"web": {"route_prefix": "pay"}}}, f"{P}.web.route_prefix: 'pay' is not a path such as"),
        ({"prometheus": {"web": {"ingress": {}}}}, f"{P}.web.ingress: unknown key"),
        ({"prometheus": {"web": {"gateway": {}}}}, f"{P}.web.gateway.namespace: is required"),
        (
            {"prometheus": {"scheduling": {"node_selector": {"kubernetes.io/os": "windows"}}}},
            f"{P}.scheduling.node_selector.kubernetes.io/os: 'kubernetes.io/os' is set for every instance",
        ),
        (
            {"prometheus": {"scheduling": {"tolerations": [{"value": "x"}]}}},
            f"{P}.scheduling.tolerations[0].key: is required, unless operator is Exists",
        ),
        (
            {"prometheus": {"scheduling": {"tolerations": [{"key": "a", "operator": "Exists", "value": "x"}]}}},
            f"{P}.scheduling.tolerations[0].value: must be left out where operator is Exists",
        ),
        (
            {"prometheus": {"scheduling": {"tolerations": [{"key": "a", "tolerationSeconds": 1}]}}},
            f"{P}.scheduling.tolerations[0].tolerationSeconds: counts only where effect is NoExecute",
        ),
        (
            {"prometheus": {"scheduling": {"affinity": {"podAffinities": {}}}}},
            f"{P}.scheduling.affinity.podAffinities: unknown key; did you mean 'podAffinity'?",
        ),
        (
            {"prometheus": {"scheduling": {"topology_spread": [{"maxSkew": 0, "topologyKey": "zone"}]}}},
            f"{P}.scheduling.topology_spread[0].maxSkew: must be at least 1, found 0",
        ),
        (
            {"prometheus": {"scheduling": {"topology_spread": [{"topologyKey": "zone", "labelSelector": {}}]}}},
            f"{P}.scheduling.topology_spread[0].labelSelector: unknown key",
        ),
        (
            {"prometheus": {"scheduling": {"topology_spread": [{"topologyKey": "zone", "minDomains": 2}]}}},
            f"{P}.scheduling.topology_spread[0].minDomains: counts only where whenUnsatisfiable is DoNotSchedule",
        ),
        (
            {"prometheus": {"scheduling": {"termination_grace_seconds": 0}}},
            f"{P}.scheduling.termination_grace_seconds: must be at least 1, found 0",
        ),
        ({"image_registry": "https://a"}, "teams[0].image_registry: 'https://a' is not a registry"),
        ({"image_pull_secrets": ["A"]}, "teams[0].image_pull_secrets[0]: 'A' must consist"),
        ({"run_as": "root"}, "teams[0].run_as: must be fixed or platform, found 'root'"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(options: JsonObject, error: str) -> None:
    assert error_of(**options).startswith(error)


def test_a_refused_url_is_not_repeated() -> None:
    assert "secret" not in error_of(prometheus={"web": {"external_url": "https://me:secret@mon.example.com"}})


@given(st.integers(min_value=2, max_value=10**6), st.sampled_from(["Mi", "Gi", "M", "G"]))
def test_what_auto_gives_is_the_largest_size_that_is_not_refused(number: int, unit: str) -> None:
    storage = {"size": f"{number}{unit}"}
    auto = teams({"name": "a", "prometheus": {"retention_size": "auto", "storage": storage}})[1].prometheus
    size = auto.retention_size
    assert size is not None
    assert size % 2**20 == 0
    assert Fraction(size) <= value_of(storage["size"]) * Fraction(85, 100) < size + 2**20
    if size:
        teams({"name": "a", "prometheus": {"retention_size": str(size), "storage": storage}})
    with pytest.raises(InputError):
        teams({"name": "a", "prometheus": {"retention_size": str(size + 1), "storage": storage}})


def test_each_feature_is_in_one_table() -> None:
    assert not FEATURES.keys() & REFUSED_FEATURES.keys()
    assert FEATURES.keys() >= AGENT_FEATURES
