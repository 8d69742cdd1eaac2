"""What a team can have, against the operator's CRDs on a real API server, and against the real promtool."""

from __future__ import annotations

import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import (
    PROMETHEUS,
    PROMETHEUS_OPERATOR,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import objects_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import TEAMS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.extra import (
    ALLOWED,
    OWNED,
    REFUSED,
    REFUSED_INSIDE,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import definition_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.check import parsed
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.execute import Answer, execute

from promlab.controlplane import ControlPlane
from promlab.settings import from_environment
from tests.integration.support.cluster import APPLY, Cluster, JsonObject
from tests.integration.support.inventory import APART, LOCAL, fleet
from tests.integration.support.playbook import Run
from tests.integration.support.releases import GROUP, crds_of

KINDS = {"prometheuses": "Prometheus", "prometheusagents": "PrometheusAgent", "alertmanagers": "Alertmanager"}
FLEET: JsonObject = {"cluster": "hub", "clusters": ["hub", "edge"]}


# -- every field is decided ---------------------------------------------------------------------------------------


def fields_of(plural: str) -> dict[str, JsonObject]:
    """The schemas of the fields of a spec in the pinned release."""
    version = crds_of(PROMETHEUS_OPERATOR)[f"{plural}.{GROUP}"]["spec"]["versions"][0]
    found: dict[str, JsonObject] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    return found


@pytest.mark.parametrize(("plural", "kind"), KINDS.items())
def test_every_field_of_the_release_is_an_option_or_allowed_or_refused(plural: str, kind: str) -> None:
    tables = [
        {name for name, entry in OWNED.items() if kind in entry.kinds},
        {name for name, entry in ALLOWED.items() if kind in entry.kinds},
        {name for name, entry in REFUSED.items() if kind in entry.kinds},
    ]
    decided = [name for table in tables for name in table]
    assert sorted(decided) == sorted(fields_of(plural)), "decide what extra_spec does with it (teams/extra.py)"


@pytest.mark.parametrize(("plural", "kind"), KINDS.items())
def test_allowed_fields_are_as_the_release_has_them(plural: str, kind: str) -> None:
    fields = fields_of(plural)
    for name, entry in ALLOWED.items():
        if kind not in entry.kinds:
            continue
        schema = fields[name]
        assert (schema["type"], set(schema.get("enum", ()))) == (entry.type, set(entry.choices)), name
        if entry.keys:
            refused = {place.partition(".")[2] for place in REFUSED_INSIDE if place.startswith(f"{name}.")}
            assert schema["properties"].keys() <= {*entry.keys, *refused}, name


# -- the server takes every combination -----------------------------------------------------------------------------

SCHEDULING: JsonObject = {
    "node_selector": {"pool": "monitoring"},
    "tolerations": [
        {"key": "dedicated", "operator": "Equal", "value": "monitoring", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30},
    ],
    "affinity": {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "podAffinityTerm": {"topologyKey": "zone", "labelSelector": {"matchLabels": {"a": "b"}}}}
            ]
        }
    },
    "topology_spread": [{"topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", "minDomains": 2}],
    "priority_class": "monitoring",
    "termination_grace_seconds": 60,
}
WEB: JsonObject = {
    "external_url": "https://monitoring.example.com/pay",
    "route_prefix": "/pay",
    "gateway": {"namespace": "gateways", "pod_labels": {"app": "oidc"}},
}
END: JsonObject = {
    "name": "archive",
    "url": "https://archive.example.com/api/v1/push",
    "headers": {"X-Scope-OrgID": "pay"},
    "write_relabel_configs": [{"sourceLabels": ["__name__"], "regex": "go_.*", "action": "drop"}],
    "tls_config": {"ca": {"secret": "authority"}, "cert": {"secret": "client"}, "server_name": "archive"},
    "basic_auth": {"secret": "login"},
    "timeout": "10s",
    "send_exemplars": True,
    "send_native_histograms": True,
    "message_version": "V2.0",
    "queue": {
        "capacity": 1000,
        "minShards": 1,
        "maxShards": 4,
        "maxSamplesPerSend": 500,
        "maxRetries": 3,
        "batchSendDeadline": "5s",
        "minBackoff": "30ms",
        "maxBackoff": "5s",
        "sampleAgeLimit": "1h",
        "retryOnRateLimit": True,
    },
}
TOKEN: JsonObject = {"name": "token", "url": "https://b.example.com/push", "bearer_token": {"secret": "token"}}
SCRAPING: JsonObject = {
    "shards": 2,
    "replicas": 2,
    "wal_compression": True,
    "limits": {
        "samples": 10,
        "targets": 10,
        "labels": 10,
        "label_name_length": 10,
        "label_value_length": 10,
        "dropped_targets": 10,
        "body_size": "20MB",
    },
    "web": WEB,
    "scheduling": SCHEDULING,
    "remote_write": [END, TOKEN],
}
SERVER: JsonObject = {
    **SCRAPING,
    "retention_size": "auto",
    "storage": {"size": "10Gi"},
    "enable_features": ["exemplar-storage", "promql-experimental-functions"],
    "query": {"max_concurrency": 5, "max_samples": 1000, "timeout": "1m", "lookback_delta": "2m"},
    "thanos": {"object_storage": {"secret": "bucket"}, "resources": {"cpu_limit": "1"}},
    "extra_spec": {
        "bodySizeLimit": "10MB",
        "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
        "exemplars": {"maxSize": 1000},
        "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["archive"]}],
        "hostUsers": False,
        "imagePullPolicy": "IfNotPresent",
        "logLevel": "debug",
        "podMetadata": {"annotations": {"a": "b"}},
        "rules": {"alert": {"resendDelay": "2m"}},
        "ruleQueryOffset": "1m",
        "runtime": {"goGC": 50},
        "scrapeProtocols": ["OpenMetricsText1.0.0", "PrometheusText0.0.4"],
        "scrapeTimeout": "5s",
        "shardRetentionPolicy": {"whenScaled": "Retain", "retain": {"retentionPeriod": "1d"}},
        "tsdb": {"outOfOrderTimeWindow": "10m"},
        "web": {"pageTitle": "Payments", "maxConnections": 100},
    },
}
ALERTS: JsonObject = {
    "replicas": 2,
    "web": WEB,
    "scheduling": SCHEDULING,
    "extra_spec": {
        "clusterGossipInterval": "1s",
        "forceEnableClusterMode": True,
        "limits": {"maxSilences": 5},
        "logFormat": "json",
        "web": {"getConcurrency": 5, "timeout": 30},
    },
}
PODS: JsonObject = {"image_registry": "mirror.example.com/x", "image_pull_secrets": ["login"], "run_as": "platform"}
RULES: list[JsonObject] = [
    {
        "name": "pay",
        "interval": "1m",
        "query_offset": "10s",
        "limit": 10,
        "labels": {"team": "pay"},
        "partial_response_strategy": "warn",
        "rules": [
            {"record": "pay:up:sum", "expr": "sum(up)", "labels": {"a": "b"}},
            {
                "alert": "Down",
                "expr": "up == 0",
                "for": "5m",
                "keep_firing_for": "10m",
                "annotations": {"summary": "{{ $labels.instance }} is down"},
            },
        ],
    }
]
PODS_OF: JsonObject = {"selector": {"matchLabels": {"app": "pay"}}}
OWN: JsonObject = {
    "namespaces": ["pay"],
    "rules": [{"name": "own", "groups": RULES}],
    "monitors": [
        {"name": "pay", "spec": {**PODS_OF, "endpoints": [{"port": "web"}]}},
        {"kind": "PodMonitor", "name": "pay", "spec": {**PODS_OF, "podMetricsEndpoints": [{"port": "web"}]}},
        {"kind": "Probe", "name": "pay", "spec": {"targets": {"staticConfig": {"static": ["https://pay"]}}}},
    ],
}
AGENT: JsonObject = {"mode": "agent", **SCRAPING, "enable_features": ["metadata-wal-records"]}
COMBINATIONS: dict[str, JsonObject] = {
    "all": {**OWN, **PODS, "prometheus": SERVER, "alertmanager": ALERTS},
    "agent": {**PODS, "prometheus": AGENT, "alertmanager": {"enabled": False}},
    "bare-agent": {"prometheus": {"mode": "agent", "remote_write": [TOKEN]}, "alertmanager": {"enabled": False}},
    **{name: {"prometheus": {name: value}} for name, value in SERVER.items() if name != "retention_size"},
    **{f"alertmanager-{name}".replace("_", "-"): {"alertmanager": {name: value}} for name, value in ALERTS.items()},
}


def objects(team: JsonObject) -> list[JsonObject]:
    # A run asks the cluster where its API server is.
    known = {"api_server": [{"cidr": "192.0.2.1/32", "ports": [6443]}]}
    raw = {**FLEET, "teams": [{"name": "pay", **team}], "base_rules": RULES, "egress": known}
    found = objects_of(TEAMS, validate_mapping(raw, TEAMS.options, path=""))
    return [obj for obj in found if obj["metadata"].get("labels", {}).get("promfleet.monitoring/team") == "pay"]


@pytest.fixture(scope="module")
def place(api: Cluster) -> str:
    """A namespace in which everything is tried; a dry run needs one that exists."""
    name = "spec-of-teams"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


@pytest.mark.parametrize("name", COMBINATIONS)
def test_the_server_takes_every_combination_as_it_is(api: Cluster, place: str, name: str) -> None:
    for obj in objects(COMBINATIONS[name]):
        metadata = {**obj["metadata"], "namespace": place} if obj["kind"] != "Namespace" else obj["metadata"]
        path = api.kind(obj["apiVersion"], obj["kind"]).path(metadata.get("namespace", ""), metadata["name"])
        query = {"fieldManager": "spec", "fieldValidation": "Strict", "dryRun": "All"}
        answer = api.request("PATCH", path, query=query, body={**obj, "metadata": metadata}, content_type=APPLY)
        if obj["kind"] in KINDS.values():
            assert differing(obj["spec"], answer["spec"]) == []


def differing(ours: t.Any, theirs: t.Any, path: str = "spec") -> list[str]:
    """Where the server keeps something else than what was sent; defaults that it adds to mappings do not count."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return [place for key in ours for place in differing(ours[key], theirs.get(key), f"{path}.{key}")]
    return [] if ours == theirs else [f"{path}: {ours!r} -> {theirs!r}"]


# -- promtool -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def promtool() -> str:
    program = from_environment().bin / "promtool"
    assert program.exists(), "the lab's own; tests/lab/lab build"
    return str(program)


def judged(promtool: str, *rules: JsonObject, features: t.Sequence[str] = ()) -> list[str]:
    team = {
        "name": "pay",
        "namespaces": ["pay"],
        "prometheus": {"enable_features": list(features)},
        "rules": [{"name": "own", "groups": [{"name": "g", "rules": list(rules)}]}],
    }
    errors, _model = parsed(TEAMS, {**FLEET, "teams": [team], "promtool": promtool})
    return [str(error).removeprefix("team_monitoring_teams[0].rules[0].groups[0].") for error in errors]


def test_promtool_names_group_and_rule(promtool: str) -> None:
    good: JsonObject = {"record": "a:b", "expr": "sum(up)"}
    template: JsonObject = {"alert": 'A "b"', "expr": "up == 0", "annotations": {"summary": "{{ $labels.x"}}
    found = judged(promtool, good, {"record": "c", "expr": "sum(up"}, template)
    assert [error.partition("(judged")[0].strip() for error in found] == [
        "rules[1]: group 'g', record 'c': could not parse expression: 1:7: parse error: unclosed left parenthesis",
        'rules[2]: group \'g\', alert \'A "b"\': annotation "summary": template: __alert_A "b":1: unclosed action',
    ]
    assert all(error.endswith(f"(judged by promtool {PROMETHEUS})") for error in found)
    assert judged(promtool, good) == []


@pytest.mark.parametrize("features", [[], ["promql-experimental-functions"]], ids=["without", "with"])
def test_a_rule_that_the_operator_would_leave_out_is_refused(promtool: str, features: list[str]) -> None:
    """With the flag Prometheus understands it, and the operator's own parser still does not: seen with 0.93.1."""
    (error,) = judged(promtool, {"record": "a:b", "expr": "limitk(2, up)"}, features=features)
    assert "limitk() is experimental" in error
    assert "enable_features has no effect on rules" in error


BAD_FILE = """\
groups:
  - name: g
    rules:
      - {alert: Down, expr: up ==, annotations: {summary: "{{ $labels.instance }} is down"}}
"""


@pytest.mark.parametrize("hosts", [LOCAL, APART], ids=["here", "apart"])
def test_files_are_read_on_the_control_host_in_the_folder_of_the_inventory(
    playbook: Callable[..., Run], tmp_path: Path, promtool: str, hosts: JsonObject
) -> None:
    """Templates of Prometheus in them are not Ansible's."""
    (tmp_path / "bad.yml").write_text(BAD_FILE, encoding="utf-8")
    team: JsonObject = {"name": "pay", "namespaces": ["pay"], "rules_files": [{"path": f"{tmp_path}/*.yml"}]}
    lost: JsonObject = {"name": "lost", "namespaces": ["lost"], "rules_files": [{"path": "none/*.yml"}]}
    inventory = fleet(central="hub", promfleet_kubeconfig="/nowhere", team_monitoring_teams=[team, lost])
    inventory["all"]["vars"] |= {**hosts, "team_monitoring_promtool": promtool}
    (failure,) = playbook("check_input", inventory=inventory).require_failure().failures
    wrong, nowhere = failure.message.splitlines()[1:]
    assert f"team_monitoring_teams[0].rules_files[0]: {tmp_path}/bad.yml, group 'g', alert 'Down': could not" in wrong
    assert "team_monitoring_teams[1].rules_files[0].path: 'none/*.yml' matches no file; searched: /" in nowhere


# -- one wrong team -----------------------------------------------------------------------------------------------


@pytest.fixture
def teams(plane: ControlPlane) -> Callable[..., Answer]:
    """Runs the module."""
    definition = definition_of(TEAMS)

    def run(*, check: bool = False, **options: t.Any) -> Answer:
        given = {"kubeconfig": str(plane.kubeconfig), "context": plane.context, **FLEET, **options}
        checked = ArgumentSpecValidator(definition.options, **definition.rules).validate(given)
        assert not checked.error_messages, checked.error_messages
        return execute(definition, checked.validated_parameters, check=check, diff=False)

    return run


WRONG: dict[str, JsonObject] = {
    "prometheus.retention_size": {"prometheus": {"retention_size": "9Gi", "storage": {"size": "10Gi"}}},
    "overrides[0].prometheus.retention": {"overrides": [{"clusters": ["edge"], "prometheus": {"retention": "5"}}]},
    "rules[0].groups[0].rules[0]": {
        "namespaces": ["wrong"],
        "rules": [{"name": "own", "groups": [{"name": "g", "rules": [{"record": "a", "expr": "sum("}]}]}],
    },
}


@pytest.mark.parametrize("place_of_error", WRONG)
def test_one_wrong_team_of_two_hundred_is_named_and_nothing_is_applied(
    api: Cluster, teams: Callable[..., Answer], place_of_error: str
) -> None:
    before = api.snapshot()
    many = [{"name": f"team-{number:03}", "namespaces": [f"space-{number:03}"]} for number in range(200)]
    many[137] = {"name": "wrong", **WRONG[place_of_error]}
    answer = teams(teams=many)
    assert answer.result["failed"] is True
    assert answer.result["msg"].startswith(f"teams[137].{place_of_error}: ")
    assert api.snapshot() == before
