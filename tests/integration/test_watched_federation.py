"""The installed rules, evaluated by a real central Prometheus: alerts fire when a source stops, and resolve after it.

Only their time to wait is left out; tests/integration/test_federation_rules.py holds that against promtool.
"""

from __future__ import annotations

import sys
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import model_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import FEDERATION
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.watched import (
    ALERTED,
    EXPECTED,
    RECORDED,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.answers import series_query
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping

from tests.integration.support.cluster import Cluster
from tests.integration.support.playbook import Run, run_playbook
from tests.integration.support.prometheus_process import PrometheusProcess, application, jobs_of, lab_program
from tests.unit.capabilities.builders import FEDERATION_RULES

JsonObject = dict[str, t.Any]

EDGE = {"cluster": "edge", "team": "platform"}
EDGE_SERIES = '{cluster="edge",job=""}'
RULES = [{"name": "team.rules", "rules": [{"record": "team:up:count", "expr": "count(up) or vector(0)"}]}]


def installed() -> list[JsonObject]:
    """The objects of a central cluster that reads one source."""
    source = {**EDGE, "targets": [{"address": "192.0.2.1", "port": 9090}], "interval": "1s", "timeout": "1s"}
    given = {"cluster": "hub", "clusters": ["hub", "edge"], "sources": [source], "rules": FEDERATION_RULES}
    return FEDERATION.desired(model_of(FEDERATION, validate_mapping(given, FEDERATION.options, path="")))


def groups_of(objects: list[JsonObject]) -> list[JsonObject]:
    """The groups of all PrometheusRules, whose alerts fire at once."""
    groups = [group for obj in objects if obj["kind"] == "PrometheusRule" for group in obj["spec"]["groups"]]
    return [
        {**group, "rules": [{name: value for name, value in rule.items() if name != "for"} for rule in group["rules"]]}
        for group in groups
    ]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A source, and the central Prometheus that reads and watches it."""

    source: PrometheusProcess
    central: PrometheusProcess

    def firing(self) -> dict[str, JsonObject]:
        """The labels of each alert that the central Prometheus itself fires."""
        found = self.central.get("alerts")["alerts"]
        return {alert["labels"]["alertname"]: alert["labels"] for alert in found if alert["state"] == "firing"}


@pytest.fixture
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    program = lab_program(request, "prometheus")
    source = PrometheusProcess(program=program, folder=tmp_path / "source", external_labels=EDGE)
    central = PrometheusProcess(program=program, folder=tmp_path / "central")
    objects = installed()
    with application("any 1\n") as shown:
        source.configure([{"job_name": "any", "static_configs": [{"targets": [shown.address]}]}], groups=RULES)
        central.configure(jobs_of(objects, addresses=[source.address]), groups=groups_of(objects))
        try:
            source.start()
            central.start()
            central.until(lambda: bool(central.query('team:up:count{cluster="edge"}')), "the source is federated")
            yield Pair(source=source, central=central)
        finally:
            central.stop()
            source.stop()


def test_alerts_fire_when_a_source_stops_and_resolve_when_it_is_back(pair: Pair) -> None:
    pair.central.until(lambda: pair.firing() == {}, "all is well")
    assert pair.central.query("cluster_team:federation_targets:expected")[0]["value"][1] == "1"
    pair.source.stop()
    stopped = {"FederationTargetDown", "FederationClusterSilent"}
    pair.central.until(lambda: pair.firing().keys() == stopped, "the source is down")
    found = pair.firing()
    assert found["FederationClusterSilent"] == {
        "alertname": "FederationClusterSilent",
        "cluster": "edge",
        "severity": "critical",
    }
    assert found["FederationTargetDown"]["team"] == "platform"
    pair.source.start()
    pair.central.until(lambda: pair.firing() == {}, "the source is back")


def test_a_source_that_has_nothing_is_empty(pair: Pair) -> None:
    pair.source.configure([], groups=[])
    pair.source.stop()
    # Without what it remembers from before.
    pair.source.folder.joinpath("data").rename(pair.source.folder / "before")
    pair.source.start()
    pair.central.until(lambda: "FederationSourceEmpty" in pair.firing(), "nothing is returned")
    assert pair.firing().keys() == {"FederationSourceEmpty"}
    # What the central side makes of the source itself, records and alerts, is not counted as data of it.
    names = {(row["metric"]["__name__"], row["metric"].get("alertname", "")) for row in pair.central.query(EDGE_SERIES)}
    own = {(name, alert) for name, alert in names if name.startswith(RECORDED) or alert.startswith(ALERTED)}
    assert {"ALERTS", "ALERTS_FOR_STATE", EXPECTED} <= {name for name, _alert in own}
    counted = sum(
        int(row["value"][1])
        for row in pair.central.query(series_query(90))
        if (row["metric"].get("promfleet_asked"), row["metric"].get("job", "")) == ("series", "")
    )
    assert counted == len(names - own)
    pair.source.configure([], groups=RULES)
    pair.central.until(lambda: pair.firing() == {}, "something is returned again")


def test_a_source_without_a_target_is_missing(pair: Pair) -> None:
    objects = installed()
    # The monitor is there, and discovery finds nothing for it.
    pair.central.configure(jobs_of(objects, addresses=[]), groups=groups_of(objects))
    missing = {"FederationTargetMissing", "FederationClusterSilent"}
    pair.central.until(lambda: pair.firing().keys() == missing, "no target is there")
    pair.central.configure(jobs_of(objects, addresses=[pair.source.address]), groups=groups_of(objects))
    pair.central.until(lambda: pair.firing() == {}, "the target is back")


@pytest.fixture
def namespace(api: Cluster) -> Iterator[str]:
    """The namespace of the platform's instance, which the role needs and does not make."""
    name = "monitoring-watching"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    api.delete("v1", "Namespace", name)


def test_the_role_installs_the_rules_and_removes_them(api: Cluster, namespace: str, tmp_path: Path) -> None:
    source = {"team": "payments", "expose": "Existing", "address": "prometheus.example.com", "port": 9090}
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "promfleet_kubeconfig": str(api.kubeconfig),
        "promfleet_context": api.context,
        "promfleet_platform_team": "watching",
        "team_monitoring_teams": [{"name": "payments"}],
        "prometheus_federation_sources": [source],
    }
    hosts: JsonObject = {"hosts": {"hub": {}}}
    inventory = {"all": {"vars": variables, "children": {"promfleet_central": hosts, "promfleet_workers": hosts}}}

    def run(*arguments: str) -> Run:
        found = run_playbook("federation", inventory=inventory, folder=tmp_path, arguments=arguments)
        return found.require_success()

    def rules() -> dict[str, JsonObject]:
        found = api.list_kind(api.kind("monitoring.coreos.com/v1", "PrometheusRule"))
        own = [obj for obj in found if obj["metadata"]["namespace"] == namespace]
        return {obj["metadata"]["name"]: obj for obj in own}

    run()
    assert rules().keys() == {"federation", "federation-hub-payments"}
    # As they are written: neither Ansible nor the API server has changed a brace.
    assert rules()["federation"]["spec"]["groups"] == FEDERATION_RULES
    assert run().changed() == {"hub": 0}
    run("-e", "prometheus_federation_alert_rules=false")
    assert rules() == {}
