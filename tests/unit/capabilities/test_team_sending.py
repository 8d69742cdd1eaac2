"""Agents, ends of remote_write that a team gives, and the Thanos sidecar."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import THANOS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import model_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import (
    FEDERATION,
    FEDERATION_SOURCE,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.receiving import (
    FEDERATION_RECEIVER,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import TEAMS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.instance import prometheus_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.quantities import value_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.check import parsed

from tests.unit.capabilities.builders import JsonObject, keys, objects_of_team, only, teams

END: JsonObject = {"name": "archive", "url": "https://archive.example.com/api/v1/push"}
AGENT: JsonObject = {"prometheus": {"mode": "agent", "remote_write": [END]}, "alertmanager": {"enabled": False}}
FLEET: JsonObject = {"cluster": "hub", "clusters": ["hub", "edge"]}
NS = "monitoring-payments"


def error_of(**options: t.Any) -> str:
    with pytest.raises(InputError) as caught:
        teams({"name": "payments", **options})
    return str(caught.value)


def checked(team: JsonObject, **options: t.Any) -> list[str]:
    """What the check of the input says of one team."""
    return [str(error) for error in parsed(TEAMS, {**FLEET, "teams": [team], **options})[0]]


# -- agents -------------------------------------------------------------------------------------------------------


def test_an_agent_has_what_scrapes_and_sends_and_nothing_that_keeps_or_evaluates() -> None:
    objects = objects_of_team(AGENT)
    assert {key for key in keys(objects) if key[0] in {"Prometheus", "PrometheusRule", "Alertmanager"}} == set()
    agent = only(objects, "PrometheusAgent")
    assert (agent["apiVersion"], agent["metadata"]["namespace"]) == ("monitoring.coreos.com/v1alpha1", NS)
    of_server = {"retention", "evaluationInterval", "ruleSelector", "ruleNamespaceSelector", "alerting", "query"}
    assert not of_server & agent["spec"].keys()
    (server,) = [obj["spec"] for obj in objects_of_team({}) if obj["kind"] == "Prometheus"]
    assert agent["spec"].keys() == server.keys() - of_server | {"remoteWrite"}


def test_what_belongs_to_an_agent_finds_its_pods() -> None:
    objects = objects_of_team({**AGENT, "prometheus": {**AGENT["prometheus"], "replicas": 2}})
    (constraint,) = only(objects, "PrometheusAgent")["spec"]["topologySpreadConstraints"]
    name = "prometheus-agent"
    assert constraint["labelSelector"]["matchLabels"]["app.kubernetes.io/name"] == name
    assert only(objects, "Service")["spec"]["selector"]["app.kubernetes.io/name"] == name
    budget = only(objects, "PodDisruptionBudget")
    assert budget["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"] == name
    (expression,) = only(objects, "NetworkPolicy", name="payments")["spec"]["podSelector"]["matchExpressions"]
    assert name in expression["values"]


P = "teams[0].prometheus"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (
            {"prometheus": {"mode": "agent"}},
            "teams[0].alertmanager.enabled: must be false where prometheus.mode is age",
        ),
        ({"prometheus": {"retention": "5d"}}, f"{P}.retention: cannot be given with mode: agent: an agent keeps"),
        ({"prometheus": {"retention_size": "1Gi"}}, f"{P}.retention_size: cannot be given with mode: agent"),
        ({"prometheus": {"evaluation_interval": "1m"}}, f"{P}.evaluation_interval: cannot be given with mode: agent"),
        (
            {"prometheus": {"query": {"timeout": "1m"}}},
            f"{P}.query: cannot be given with mode: agent: an agent answers",
        ),
        ({"prometheus": {"thanos": {}}}, f"{P}.thanos: cannot be given with mode: agent: an agent has no blocks"),
        (
            {"prometheus": {"enable_features": ["exemplar-storage"]}},
            f"{P}.enable_features[0]: 'exemplar-storage' has no effect with mode: agent",
        ),
        ({"prometheus": {"extra_spec": {"rules": {}}}}, f"{P}.extra_spec.rules: is not a field of a PrometheusAgent"),
        (
            {"namespaces": ["pay"], "rules": [{"name": "a", "groups": []}]},
            "teams[0].rules: needs a Prometheus that evaluates rules",
        ),
    ],
)
def test_what_an_agent_cannot_do_is_refused_with_the_reason(options: JsonObject, error: str) -> None:
    team = {"alertmanager": {"enabled": "prometheus" in options and options["prometheus"].get("mode") == "agent"}}
    prometheus = {"mode": "agent", "remote_write": [END], **options.get("prometheus", {})}
    assert error_of(**{**team, **options, "prometheus": prometheus}).startswith(error)


def test_an_agent_sends_somewhere() -> None:
    lonely = {"name": "payments", "prometheus": {"mode": "agent"}, "alertmanager": {"enabled": False}}
    (error,) = checked(lonely)
    assert error.startswith("team_monitoring_teams[0].prometheus.remote_write: is required where mode is agent")
    assert checked({**lonely, "clusters": ["edge"]}) == []
    assert checked({"name": "payments", **AGENT}) == []
    assert checked(lonely, writes=[{"team": "payments", "remote_write": []}]) == []


SOURCE: JsonObject = {**FLEET, "teams": [{"name": "payments", **AGENT}], "centrals": ["edge"]}


@pytest.mark.parametrize(
    ("team", "source", "error"),
    [
        (AGENT, {}, "sources[0].transport: must be remote_write: 'payments' has a PrometheusAgent"),
        ({"prometheus": {"shards": 2}}, {}, "sources[0].team: 'payments' has 2 shards, of which each has series"),
        (
            {"prometheus": {"web": {"route_prefix": "/pay"}}},
            {},
            "sources[0].path_prefix: must be /pay, found nothing",
        ),
        ({}, {"path_prefix": "/pay"}, "sources[0].path_prefix: must be left out, found /pay"),
    ],
)
def test_an_instance_is_read_only_as_it_can_be_read(team: JsonObject, source: JsonObject, error: str) -> None:
    raw = {**FLEET, "teams": [{"name": "payments", **team}], "sources": [{"team": "payments", **source}]}
    params = validate_mapping(raw, FEDERATION_SOURCE.options, path="")
    with pytest.raises(InputError) as caught:
        model_of(FEDERATION_SOURCE, params)
    assert str(caught.value).startswith(error)


def test_an_instance_that_writes_may_be_an_agent_or_have_shards() -> None:
    receivers = {"edge": [{"urls": ["http://192.0.2.1:30990/api/v1/write"], "expose": "NodePort", "node_port": 30990}]}
    for team in (AGENT, {"prometheus": {"shards": 3}}):
        raw = {
            **FLEET,
            "teams": [{"name": "payments", **team}],
            "sources": [{"team": "payments", "transport": "remote_write"}],
            "centrals": ["edge"],
            "central_receivers": receivers,
        }
        model = model_of(FEDERATION_SOURCE, validate_mapping(raw, FEDERATION_SOURCE.options, path=""))
        assert [source.team for source, _team in model.sources] == ["payments"]


@pytest.mark.parametrize("options", [{"shards": 2}, {"web": {"route_prefix": "/pay"}}])
def test_a_receiver_leads_to_one_prometheus(options: JsonObject) -> None:
    raw = {
        **FLEET,
        "teams": [{"name": "payments", "prometheus": options}],
        "receivers": [{"team": "payments", "urls": ["http://192.0.2.1:30990/api/v1/write"], "expose": "NodePort"}],
    }
    with pytest.raises(InputError) as caught:
        model_of(FEDERATION_RECEIVER, validate_mapping(raw, FEDERATION_RECEIVER.options, path=""))
    assert "receivers[0].team" in str(caught.value)


@pytest.mark.parametrize(
    ("limits", "source", "error"),
    [
        ({"samples": 1000}, {}, "sources[0].limits.samples: must be at most 1000, found nothing"),
        ({"samples": 1000}, {"limits": {"samples": 1001}}, "sources[0].limits.samples: must be at most 1000, found 10"),
        ({"body_size": "1MB"}, {"limits": {"body_size": "1025KB"}}, "sources[0].limits.body_size: must be at most 1MB"),
        ({"targets": 1}, {}, "sources[0].targets: are 2, and prometheus.limits.targets of team 'platform'"),
        ({"samples": 1000}, {"limits": {"samples": 1000}}, None),
        ({"body_size": "1MB"}, {"limits": {"body_size": "1024KiB"}}, None),
        ({"targets": 2, "labels": 1}, {}, None),
    ],
)
def test_what_a_source_may_bring_fits_the_instance_that_reads_it(
    limits: JsonObject, source: JsonObject, error: str | None
) -> None:
    targets = [{"address": f"192.0.2.{number}", "port": 9090, "replica": number} for number in range(2)]
    raw = {
        **FLEET,
        "platform": {"prometheus": {"limits": limits}},
        "sources": [{"cluster": "edge", "team": "platform", "targets": targets, **source}],
    }
    params = validate_mapping(raw, FEDERATION.options, path="")
    errors = Errors()
    FEDERATION.parse(params, errors)
    assert [str(found).startswith(error or "") for found in errors.sorted()] == ([True] if error else [])


# -- remote_write -------------------------------------------------------------------------------------------------


def test_an_end_becomes_fields_of_the_custom_resource() -> None:
    end = {
        **END,
        "headers": {"X-Scope-OrgID": "payments"},
        "write_relabel_configs": [
            {"sourceLabels": ["__name__"], "regex": "go_.*", "action": "drop"},
            {"targetLabel": "a"},
        ],
        "tls_config": {"ca": {"config_map": "authority"}, "cert": {"secret": "client"}},
        "basic_auth": {"secret": "login"},
        "timeout": "10s",
        "send_exemplars": True,
        "message_version": "V2.0",
        "queue": {"maxShards": 4, "batchSendDeadline": "5s", "retryOnRateLimit": True},
    }
    (found,) = only(objects_of_team({"prometheus": {"remote_write": [end]}}), "Prometheus")["spec"]["remoteWrite"]
    assert found == {
        "name": "archive",
        "url": END["url"],
        "headers": {"X-Scope-OrgID": "payments"},
        "writeRelabelConfigs": [
            {"sourceLabels": ["__name__"], "regex": "go_.*", "action": "drop"},
            {"targetLabel": "a", "action": "replace"},
        ],
        "tlsConfig": {
            "ca": {"configMap": {"name": "authority", "key": "ca.crt"}},
            "cert": {"secret": {"name": "client", "key": "tls.crt"}},
            "keySecret": {"name": "client", "key": "tls.key"},
        },
        "basicAuth": {
            "username": {"name": "login", "key": "username"},
            "password": {"name": "login", "key": "password"},
        },
        "remoteTimeout": "10s",
        "sendExemplars": True,
        "messageVersion": "V2.0",
        "queueConfig": {"maxShards": 4, "batchSendDeadline": "5s", "retryOnRateLimit": True},
    }


def test_what_federation_writes_comes_behind_the_teams_own_ends() -> None:
    team = teams({"name": "payments", "prometheus": {"remote_write": [END]}})[1]
    by_federation = {"name": "hub/platform/0", "url": "http://192.0.2.1/api/v1/write"}
    spec = prometheus_object(team, cluster="edge", writes=[by_federation])["spec"]
    assert [entry["name"] for entry in spec["remoteWrite"]] == ["archive", "hub/platform/0"]


def test_one_end_is_not_written_to_twice() -> None:
    team = {"name": "payments", "prometheus": {"remote_write": [END]}}
    (error,) = checked(team, writes=[{"team": "payments", "remote_write": [{"name": "a/b/0", "url": END["url"]}]}])
    assert error.startswith("team_monitoring_teams[0].prometheus.remote_write[0].url: is where federation writes")


R = f"{P}.remote_write[0]"


@pytest.mark.parametrize(
    ("end", "error"),
    [
        ({"name": "a/b"}, f"{R}.name: 'a/b' must consist of"),
        ({"url": "archive.example.com"}, f"{R}.url: 'archive.example.com' is not a URL"),
        ({"url": "https://me:secret@archive.example.com"}, f"{R}.url: must not hold credentials"),
        ({"headers": {"Authorization": "Bearer secret"}}, f"{R}.headers.Authorization: would be readable in the"),
        ({"headers": {"X-Api-Key": "secret"}}, f"{R}.headers.X-Api-Key: would be readable in the custom resource"),
        ({"headers": {"Host": "a"}}, f"{R}.headers.Host: 'Host' is set by Prometheus itself"),
        ({"headers": {"a b": "c"}}, f"{R}.headers.a b: 'a b' is not the name of an HTTP header"),
        ({"url": "http://a.example", "basic_auth": {"secret": "a"}}, f"{R}.basic_auth: needs a url that begins with h"),
        ({"url": "http://a.example", "tls_config": {}}, f"{R}.tls_config: needs a url that begins with https"),
        (
            {"basic_auth": {"secret": "a"}, "bearer_token": {"secret": "a"}},
            f"{R}.bearer_token: cannot be given together with basic_auth",
        ),
        ({"bearer_token": {"secret": "A secret"}}, f"{R}.bearer_token.secret: must be the name of a Secret beside the"),
        ({"write_relabel_configs": [{"action": "keeep"}]}, f"{R}.write_relabel_configs[0].action: must be one of"),
        ({"write_relabel_configs": [{"regex": "a"}]}, f"{R}.write_relabel_configs[0].targetLabel: is required where"),
        (
            {"write_relabel_configs": [{"action": "hashmod", "targetLabel": "a"}]},
            f"{R}.write_relabel_configs[0].modulus: is required where action is hashmod",
        ),
        ({"queue": {"maxShards": 0}}, f"{R}.queue.maxShards: must be at least 1, found 0"),
        ({"queue": {"shards": 1}}, f"{R}.queue.shards: unknown key"),
        ({"timeout": "10"}, f"{R}.timeout: '10' is not a duration"),
    ],
)
def test_an_end_that_cannot_be_is_refused_and_no_secret_repeated(end: JsonObject, error: str) -> None:
    found = error_of(prometheus={"remote_write": [{**END, **end}]})
    assert found.startswith(error)
    assert "secret" not in found.replace("bearer_token.secret", "")


def test_ends_have_names_and_urls_of_their_own() -> None:
    found = error_of(prometheus={"remote_write": [END, END]})
    assert f"{P}.remote_write[1].name: is that of {P}.remote_write[0] too" in found
    assert f"{P}.remote_write[1].url: is that of {P}.remote_write[0] too" in found


# -- Thanos -------------------------------------------------------------------------------------------------------


def test_a_sidecar_is_pinned_and_uploads_with_a_secret() -> None:
    thanos = {"object_storage": {"secret": "bucket"}, "resources": {"cpu_limit": "1"}}
    spec = only(objects_of_team({"prometheus": {"thanos": thanos}}), "Prometheus")["spec"]["thanos"]
    assert spec == {
        "version": f"v{THANOS}",
        "objectStorageConfig": {"name": "bucket", "key": "thanos.yaml"},
        "resources": {"limits": {"cpu": "1", "memory": "256Mi"}, "requests": {"cpu": "50m", "memory": "256Mi"}},
    }
    mirrored = {"image_registry": "mirror.example.com", "prometheus": {"thanos": {"version": "0.41.0"}}}
    image = only(objects_of_team(mirrored), "Prometheus")["spec"]["thanos"]["image"]
    assert image == "mirror.example.com/thanos/thanos:v0.41.0"


def test_a_sidecar_is_in_the_quota_and_behind_the_network_policy() -> None:
    without, beside = objects_of_team({}), objects_of_team({"prometheus": {"thanos": {}}})
    before, after = (only(objects, "ResourceQuota")["spec"]["hard"]["limits.memory"] for objects in (without, beside))
    assert value_of(after) - value_of(before) == 2 * value_of("256Mi")
    ports = [
        port["port"]
        for rule in only(beside, "NetworkPolicy", name="payments")["spec"]["ingress"]
        for port in rule.get("ports", ())
    ]
    assert 10901 in ports


@pytest.mark.parametrize(
    ("thanos", "error"),
    [
        ({"version": "latest"}, f"{P}.thanos.version: 'latest' is not a version"),
        ({"object_storage": {}}, f"{P}.thanos.object_storage.secret: is required"),
        ({"object_storage": {"secret": "a", "key": "/"}}, f"{P}.thanos.object_storage.key: must be the name of a key"),
        ({"resources": {"cpu": "x"}}, f"{P}.thanos.resources.cpu: 'x' is not a quantity"),
    ],
)
def test_a_sidecar_that_cannot_be_is_refused(thanos: JsonObject, error: str) -> None:
    assert error_of(prometheus={"thanos": thanos}).startswith(error)
