"""Every desired object of some inputs, byte by byte: a change of code that changes what is applied must be meant.

To accept a change: ``make unit PYTEST_ARGS="-k snapshots --accept-desired"``, then read the difference with git.
"""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.objects import (
    with_served_kinds,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.objects import team_objects

from tests.unit.capabilities.builders import (
    BASE_RULES,
    JsonObject,
    objects_of_endpoint,
    objects_of_exporters,
    objects_of_gateways,
    objects_of_grafana,
    objects_of_operator,
    objects_of_source,
    teams,
)

FOLDER = Path(__file__).with_name("desired")

TEAMS: tuple[JsonObject, ...] = (
    {"name": "payments", "namespaces": ["payments", "payments-batch"], "groups": ["oidc:payments", "a b"]},
    {"name": "search", "enabled": False, "namespaces": ["search"]},
    {"name": "only-edge", "clusters": ["edge"], "size": "medium", "labels": {"tier": 1, "env": "prod"}},
    {
        "name": "large",
        "size": "large",
        "namespace": "watch-large",
        "prometheus": {
            "replicas": 3,
            "retention": "2h30m",
            "storage": {"size": "1536Mi", "class": "fast"},
            "resources": {"cpu": "1500m", "memory": "0.5Gi"},
            "version": "v3.12.0",
            "enforce_tenancy": False,
        },
        "alertmanager": {"retention": "24h", "storage": {"size": "1Gi"}, "resources": {"cpu": 1}},
    },
    {"name": "bare", "rbac": False, "quota": False, "network_policy": False, "base_rules": False},
    {"name": "no-alerts", "alertmanager": {"enabled": False}},
    {
        "name": "paged",
        "alertmanager": {
            "receivers": [
                {
                    "name": "hook",
                    "webhook": {"url": "https://alerts.example.com/{team}"},
                    "slack": {"api_url": {"secret": "slack"}},
                },
                {
                    "name": "pager",
                    "pagerduty": {"routing_key": {"secret": "pager"}},
                    "opsgenie": {"api_key": {"secret": "og"}},
                },
                {"name": "chat", "msteams": {"webhook_url": {"secret": "teams"}}},
                {
                    "name": "mail",
                    "email": {
                        "to": "a@example.com",
                        "from": "b@example.com",
                        "smarthost": "mail.example.com:25",
                        "auth_username": "c",
                        "auth_password": {"secret": "mail"},
                    },
                },
            ],
            "route": {
                "receiver": "hook",
                "repeat_interval": "4h",
                "routes": [
                    {"receiver": "pager", "matchers": ['severity="critical"'], "continue": True},
                    {"receiver": "mail", "matchers": ["namespace=~a|b", "severity!=none"]},
                    {"receiver": "chat", "matchers": ["alertname=Watchdog"], "repeat_interval": "1m"},
                ],
            },
        },
    },
    {"name": "alerts-only", "prometheus": {"enabled": False}},
)


def _fleet(cluster: str) -> list[JsonObject]:
    found = teams(*TEAMS, platform={"size": "medium", "namespaces": ["infra"], "groups": ["sre"]})
    return [obj for team in found for obj in team_objects(team, cluster=cluster, base_rules=BASE_RULES)]


def _sources() -> list[JsonObject]:
    inputs: tuple[tuple[JsonObject, int], ...] = (
        ({}, 1),
        ({"team": "payments", "expose": "NodePort", "node_port": 30090, "allowed_sources": ["10.1.0.0/16"]}, 1),
        ({"team": "large", "annotations": {"example.com/internal": "true"}, "interval": "1m", "scheme": "https"}, 3),
        (
            {
                "team": "guarded",
                "scheme": "https",
                "tls_config": {"cert": {"secret": "central-client"}},
                "proxy": {
                    "certificate": {"secret": "edge-server"},
                    "client_ca": {"config_map": "central-ca"},
                    "clients": ["central"],
                },
            },
            2,
        ),
        ({"team": "search", "expose": "Existing", "address": "prom.example.com", "port": 443}, 1),
    )
    return [obj for raw, replicas in inputs for obj in objects_of_source(raw, replicas=replicas)]


def _endpoints() -> list[JsonObject]:
    inputs: tuple[JsonObject, ...] = (
        {"cluster": "edge", "team": "platform", "targets": [{"address": "10.0.0.7", "port": 30090}]},
        {"cluster": "PROD.eu_1", "team": "pay-ments", "targets": [{"address": "prom.example.com.", "port": 443}]},
        {
            "cluster": "edge",
            "team": "large",
            "scheme": "https",
            "labels": {"region": "eu"},
            "match": ['{job="a"}', 'up{job=~"b.*"}'],
            "targets": [
                {"address": "10.0.0.8", "port": 30091, "replica": 1},
                {"address": "fd00::8", "port": 30092, "replica": 0},
            ],
        },
    )
    return [obj for raw in inputs for obj in objects_of_endpoint(raw)]


AUTHORITY = "-----BEGIN CERTIFICATE-----\nany\n-----END CERTIFICATE-----"
CASES: dict[str, t.Callable[[], list[JsonObject]]] = {
    "operator": lambda: with_served_kinds(objects_of_operator(), ["Prometheus", "Alertmanager"]),
    "operator-changed": lambda: objects_of_operator(
        {
            "namespace": "op",
            "version": "0.90.1",
            "image_registry": "registry.example.com/mirror",
            "resources": {"cpu": "1", "memory": "1024Mi"},
            "log_level": "debug",
            "monitor": False,
            "alert_rules": False,
            "platform_team": "sre",
        }
    ),
    "operator-webhook": lambda: objects_of_operator(
        {"admission_webhook": {"enabled": True, "failure_policy": "Fail", "secret": "tls", "ca_bundle": AUTHORITY}}
    ),
    "teams-hub": lambda: _fleet("hub"),
    "teams-edge": lambda: _fleet("edge"),
    "exporters": lambda: objects_of_exporters(
        {"node_exporter": {"enabled": True}, "kube_state_metrics": {"enabled": True}, "kubelet": {"enabled": True}}
    ),
    "gateways": lambda: objects_of_gateways(
        {"team": "payments"},
        {"team": "search", "match": ["{job='cadvisor'}"], "interval": "1m", "sample_limit": 9000},
        teams=[
            {"name": "payments", "namespaces": ["payments", "billing"]},
            {"name": "search", "namespaces": ["search"], "network_policy": False},
        ],
    ),
    "grafana": lambda: objects_of_grafana(
        namespace="grafana", shipped={"any.json": "{}"}, teams=[{"name": "payments"}], source_teams=["payments"]
    ),
    "grafana-operator": lambda: objects_of_grafana(
        namespace="grafana",
        form="grafana_operator",
        instance_labels={"dashboards": "grafana"},
        shipped={"any.json": "{}"},
    ),
    "grafana-own": lambda: objects_of_grafana(
        namespace="grafana",
        install=True,
        server={"admin": {"secret": "admin"}},
        shipped={"any.json": "{}", "fleet-overview.json": "{}"},
        teams=[{"name": "payments"}, {"name": "search", "alertmanager": {"enabled": False}, "network_policy": False}],
        team_grafanas=[
            {"team": "payments", "admin": {"secret": "admin"}, "root_url": "https://grafana.example.com/payments/"},
            {"team": "search", "admin": {"secret": "admin"}, "network_policy": False},
        ],
    ),
    "federation-sources": _sources,
    "federation-endpoints": _endpoints,
}


@pytest.mark.parametrize("name", CASES)
def test_snapshots_of_desired_objects(name: str, pytestconfig: pytest.Config) -> None:
    text = "".join(f"{json.dumps(obj, sort_keys=True)}\n" for obj in CASES[name]())
    path = FOLDER / f"{name}.jsonl"
    if pytestconfig.getoption("--accept-desired"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text.splitlines() == path.read_text(encoding="utf-8").splitlines()
