"""Every option of every module has an effect: what the work never reads is not an option."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import importlib
import json
import tempfile
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.connection import AUTH_ARG_SPEC
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.policy.capability import POLICY
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.workloads.capability import WORKLOADS
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.bundle import (
    FACTS_FILE,
    VERSIONS_FILE,
    facts_text,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.render import FINDINGS_FILE, as_json
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import make_report
from ansible_collections.promfleet.monitoring.plugins.module_utils._run import run as module_run
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.execute import Answer, execute
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import CHANGE_OPTIONS, cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.upgrade_waves import records_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.gates import Seen
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.record import failed

from promlab.controlplane import ControlPlane
from tests.integration.support import awx_keeper
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.releases import crd_folder

JsonObject = dict[str, t.Any]
PACKAGE = "ansible_collections.promfleet.monitoring.plugins.modules"

# What Run makes of an option for the engine: there it must be read too.
ENGINE = {
    "adopt_managers": "adopt_managers",
    "audit": "audit",
    "claim_managers": "claim_managers",
    "crds_to_come": "to_come",
    "disposable_objects": "disposable_objects",
    "force_conflicts": "force_conflicts",
    "lock_timeout": "lock_timeout",
    "records_namespace": "records_namespace",
    "shared_namespaces": "shared_namespaces",
    "wait": "wait_timeout",
    "wait_timeout": "wait_timeout",
}
FLEET: JsonObject = {"cluster": "hub", "clusters": ["hub"], "teams": [{"name": "pay", "namespaces": ["pay"]}]}
SOURCE: JsonObject = {"cluster": "edge", "team": "pay", "targets": [{"address": "192.0.2.1", "port": 9090}]}
RECEIVER: JsonObject = {"urls": ["http://192.0.2.1:30990/api/v1/write"], "expose": "NodePort", "node_port": 30990}
WRITER: JsonObject = {
    **FLEET,
    "sources": [{"team": "pay", "transport": "remote_write", "into": ["platform"]}],
    "centrals": ["hub"],
    "central_receivers": {"hub": [{**RECEIVER, "team": "platform"}]},
    "central_teams": {"hub": "pay"},
}
POLICIES: JsonObject = {**POLICY.example, "platform_accounts": [{"user": "admin"}], "cluster": "hub"}
RULES: list[JsonObject] = [{"name": "any", "rules": [{"record": "any:up", "expr": "up"}]}]
# A team with a file of rules, as the action plugin gives it to the module.
RULED: JsonObject = {
    "teams": [{**FLEET["teams"][0], "rules_files": [{"path": "any.yml"}]}],
    "rules_contents": {"any.yml": {"files": [{"file": "any.yml", "text": json.dumps({"groups": RULES})}]}},
}
# All in the only namespace that there is.
WATCHING: JsonObject = {
    **WORKLOADS.example,
    **FLEET,
    "teams": [{"name": "pay", "prometheus": {"enforce_tenancy": False}}],
    "workloads": [{"id": "any", "team": "pay", "namespaces": ["monitoring-pay"]}],
}
WRITING: JsonObject = {"wait": False}
NAMESPACE: JsonObject = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "read"}}
MANIFEST: JsonObject = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "read", "namespace": "read"}}
OLD = "0.89.0"


def no_findings() -> str:
    """A folder with the result of a run that found nothing, and with what a support bundle has of it."""
    report = make_report(
        cluster="hub", links=(), findings=(), suppressions=(), today=dt.date(2026, 11, 25), whole_fleet=True,
        fail_on="error", show_from="info",
    )  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix="promfleet-findings-"))
    (folder / FINDINGS_FILE).write_text(as_json(report), encoding="utf-8")
    (folder / FACTS_FILE).write_text(facts_text("hub", ()), encoding="utf-8")
    (folder / VERSIONS_FILE).write_text("{}", encoding="utf-8")
    return str(folder)


# The state of the control plane, which the fixture `recorded` writes.
RECORDED = Path(tempfile.mkdtemp(prefix="promfleet-recorded-")) / "hub.json"
# The same without any set: what a revert to it leaves is nothing to wait for.
EMPTY = RECORDED.with_name("empty.json")


@functools.cache
def upgrades() -> str:
    """A folder for the records of an upgrade."""
    return tempfile.mkdtemp(prefix="promfleet-upgrades-")


def failed_upgrade() -> str:
    """A folder with the record of an upgrade whose gates failed, before which there was one namespace."""
    records = records_of(tempfile.mkdtemp(prefix="promfleet-upgrades-"))
    past = {"crds": [], "source": "any", "sets": {"operator": [NAMESPACE]}}
    records.enter("hub", failed(records.begin("hub", began="any", before=Seen(), objects=past), ()))
    return str(records.folder)


# What has to fail on a control plane without nodes, or without AWX.
BROKEN = frozenset(
    {"awx", "federation_doctor", "federation_selectors", "federation_source", "isolation", "monitoring_verify"}
)
# Runs that together read all options of a module.
RUNS: dict[str, list[JsonObject]] = {
    "audit_info": [{"cluster": "hub", "operator_log": True}],
    "awx": [
        {
            "definition": {"controller": {"host": "nowhere"}},
            "variables": lambda _answers: awx_keeper.variables(),
            "templates": [],
            "fleet": "default",
            "workers": 1,
        }
    ],
    "cluster_info": [{}],
    "crds": [
        {"version": OLD, "source": lambda _answers: str(crd_folder(OLD)), "allow_downgrade": True},
        {"state": "restored", "snapshot": lambda answers: answers[0].result["snapshot"]["crds"]},
    ],
    "crds_info": [{}],
    "federation_doctor": [
        {**FLEET, "wait_timeout": 1},
        {**FLEET, "wait_timeout": 1, "mode": "candidate"},
    ],
    "federation_endpoints": [
        {**FLEET, **WRITING, "sources": [SOURCE], "central_team": "pay", "rules": RULES},
        {**FLEET, "state": "absent"},
    ],
    "federation_receiver": [
        {**FLEET, **WRITING, "receivers": [RECEIVER], "central_team": "pay"},
        {**FLEET, "state": "absent"},
    ],
    "federation_selectors": [{"measure": True}],
    "federation_source": [
        {**FLEET, **WRITING, "sources": [{"team": "pay", "expose": "NodePort"}], "centrals": ["hub"], "below": ["hub"]},
        WRITER,
        {**FLEET, "state": "absent"},
    ],
    "federation_writes": [{**WRITER, "below": ["hub"]}],
    "findings_diff": [dict.fromkeys(("before", "after"), lambda _answers: no_findings())],
    "findings_info": [{"code": "PF304"}],
    "images": [
        {
            "inventories": [{"cluster": "hub", "images": ["quay.io/any/any:1"]}],
            "mirrors": {"quay.io": "registry.example.com"},
            "lock": lambda _answers: f"{tempfile.mkdtemp()}/images.lock.yml",
            "update_lock": True,
            "formats": ["plain"],
            "folder": lambda _answers: tempfile.mkdtemp(),
        }
    ],
    "images_cost": [dict.fromkeys(("before", "after"), lambda _answers: tempfile.mkdtemp())],
    "images_info": [{"cluster": "hub", "capabilities": {"operator": {}}}],
    "images_running": [{"cluster": "hub", "capabilities": {}}],
    "input_check": [{"role": "team_monitoring", "capabilities": {"operator": {}}}],
    "isolation": [{**FLEET, "wait_timeout": 1}],
    "monitoring_verify": [{**FLEET, "wait_timeout": 1}],
    "objects": [
        {**WRITING, "name": "read", "manifests": [NAMESPACE, MANIFEST]},
        {"name": "read", "state": "absent"},
    ],
    "size_advice": [{**FLEET, "timeout": 5}],
    "operator_shares": [{**FLEET, "operators": 2}],
    "policy": [{**POLICIES, **WRITING}, {"state": "absent"}],
    "policy_audit": [POLICIES],
    "policy_lint": [{**POLICIES, "files": [str(Path(__file__).parents[1] / "lab/node/storage.yaml.in")]}],
    "policy_render": [{**POLICIES, "folder": lambda _answers: tempfile.mkdtemp()}],
    "prometheus_operator": [WRITING, {"state": "absent"}],
    "federation_reads": [
        {
            **FLEET,
            "sources": [
                {"team": "pay", "expose": "NodePort", "node_port": 30990, "address": "192.0.2.1"},
                {"transport": "remote_write", "into": ["pay"]},
            ],
            **{name: WRITER[name] for name in ("centrals", "central_teams")},
            "central_receivers": {"hub": [RECEIVER]},
            "below": ["hub"],
        }
    ],
    "render": [{"folder": lambda _answers: tempfile.mkdtemp(), "cluster": "hub", "capabilities": {"operator": {}}}],
    "render_diff": [dict.fromkeys(("before", "after"), lambda _answers: tempfile.mkdtemp())],
    "state_compare": [{"cluster": "hub", "path": str(RECORDED)}],
    "state_record": [{"path": lambda _answers: f"{tempfile.mkdtemp()}/hub.json"}],
    "state_revert": [{**WRITING, "path": str(RECORDED)}, {"path": str(EMPTY), "prune": True}],
    "support_bundle": [
        {"folders": lambda _answers: [no_findings()], "path": lambda _answers: f"{no_findings()}/bundle.tar.gz"}
    ],
    "team_monitoring": [{**FLEET, **WRITING, **RULED}, {**FLEET, "state": "absent"}],
    "monitoring_grafana": [
        {
            **FLEET,
            **WRITING,
            "namespace": "monitoring-pay",
            "source_teams": ["pay"],
            "dashboards": ["any"],
            "shipped": {"any.json": "{}"},
        },
        {
            **FLEET,
            **WRITING,
            "namespace": "grafana",
            "install": True,
            "server": {"admin": {"secret": "admin"}},
            "team_grafanas": [{"team": "pay", "admin": {"secret": "admin"}}],
        },
        {**FLEET, "state": "absent"},
    ],
    "monitoring_exporters": [
        {
            **WRITING,
            "node_exporter": {"enabled": True},
            "kube_state_metrics": {"enabled": True},
            "kubelet": {"enabled": True},
            "image_registry": "registry.example.com",
            "image_pull_secrets": ["registry"],
            "platform_team": "infra",
            "platform_namespace": "infra",
        },
        {"state": "absent"},
    ],
    "tenant_gateway": [
        {
            **FLEET,
            **WRITING,
            "clusters": ["hub", "edge"],
            "namespace": "gateways",
            "nodes_namespace": "exporters",
            "central_team": "platform",
            "reads": ["edge"],
            "teams_elsewhere": {"edge": [{"name": "pay", "namespaces": ["pay"]}]},
            "grants": [
                {
                    "team": "pay",
                    "match": ["up"],
                    "federated": True,
                    "federated_match": ["up"],
                    "namespaces_everywhere": True,
                    "all_nodes": True,
                    "interval": "1m",
                    "scrape_timeout": "5s",
                    "sample_limit": 1000,
                },
            ],
        },
        {**FLEET, "state": "absent"},
    ],
    "upgrade_gate": [
        {"stage": "begin", "cluster": "hub", "folder": lambda _answers: upgrades()},
        {"stage": "judge", "cluster": "hub", "folder": lambda _answers: upgrades()},
    ],
    "upgrade_outdated": [{"cluster": "hub", "capabilities": {"operator": {}}}],
    "upgrade_plan": [{"cluster": "hub", "capabilities": {"operator": {}}, "crds": {"version": PROMETHEUS_OPERATOR}}],
    # Without a namespace there is nothing to pull in: where it is, no controller makes pods here.
    "upgrade_pull": [{"cluster": "hub", "capabilities": {"operator": {}}}],
    "upgrade_rollback": [{"cluster": "hub", "folder": lambda _answers: failed_upgrade()}],
    "upgrade_waves": [{"hosts": [{"name": "hub"}], "folder": lambda _answers: upgrades()}],
    "workload_monitors": [{**WATCHING, **WRITING}, {**FLEET, "state": "absent"}],
}


class Params(dict[str, t.Any]):
    """Parameters that note which of them are read, one by one."""

    def __init__(self, values: JsonObject, read: set[str]) -> None:
        super().__init__(values)
        self._read = read

    def __getitem__(self, name: str) -> t.Any:
        self._read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: t.Any = None) -> t.Any:
        self._read.add(name)
        return super().get(name, default)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the engine's options that are read."""
    read: set[str] = set()
    names = {field.name for field in dataclasses.fields(Options)}

    class Watched(Options):
        def __getattribute__(self, name: str) -> t.Any:
            if name in names:
                read.add(name)
            return super().__getattribute__(name)

    monkeypatch.setattr(module_run, "Options", Watched)
    return read


def unused(
    definition: Definition, runs: list[JsonObject], *, plane: ControlPlane, engine: set[str]
) -> tuple[set[str], list[Answer]]:
    """The options that no work reads in *runs*, each in check mode and for real, and the answers of the real runs."""
    connection = {"kubeconfig": str(plane.kubeconfig), "context": plane.context} if definition.needs_cluster else {}
    read: set[str] = set()
    answers: list[Answer] = []
    for options in runs:
        given = {name: value(answers) if callable(value) else value for name, value in options.items()}
        validated = ArgumentSpecValidator(definition.options, **definition.rules).validate({**connection, **given})
        assert not validated.error_messages, validated.error_messages
        both = [
            execute(definition, Params(validated.validated_parameters, read), check=check, diff=False)
            for check in (True, False)
        ]
        answers.append(both[-1])
    own = definition.options.keys() - AUTH_ARG_SPEC.keys()
    # What makes the engine's options reads all that they come from.
    passed_on = {name for name in own & ENGINE.keys() if engine and ENGINE[name] not in engine}
    return (own - read) | passed_on, answers


@pytest.fixture(scope="module")
def namespace(api: Cluster) -> Iterator[None]:
    """The namespace of the team's instance, which some modules need and none of them makes."""
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "monitoring-pay"}})
    yield
    api.delete_namespaces("monitoring-pay", "pay")


@pytest.fixture(scope="module")
def recorded(api: Cluster, plane: ControlPlane) -> None:
    """The recorded state of a control plane with the operator, which is gone again: each module has things to write."""
    connection: JsonObject = {"kubeconfig": plane.kubeconfig, "context": plane.context}
    run_module("prometheus_operator", **connection, **WRITING)
    run_module("state_record", **connection, path=str(RECORDED))
    EMPTY.write_text(json.dumps({**json.loads(RECORDED.read_text()), "sets": {}}))
    run_module("prometheus_operator", **connection, state="absent")
    api.delete_namespaces("prometheus-operator")


@pytest.mark.usefixtures("namespace", "recorded")
@pytest.mark.parametrize("name", RUNS)
def test_every_option_is_read(name: str, plane: ControlPlane, engine: set[str]) -> None:
    definition: Definition = importlib.import_module(f"{PACKAGE}.{name}").DEFINITION
    found, answers = unused(definition, RUNS[name], plane=plane, engine=engine)
    assert found == set()
    # A run that fails early proves little.
    assert [answer.result["msg"] for answer in answers if answer.result.get("failed")] == [] or name in BROKEN


@pytest.mark.usefixtures("api")
def test_an_option_without_effect_is_found(plane: ControlPlane, engine: set[str]) -> None:
    def work(run: Run) -> JsonObject:
        run.options()
        return {"changed": run.cluster.find("/version") is None}

    options = {**cluster_options({"idle": {"type": "str"}, "fleet": {"type": "str"}}, CHANGE_OPTIONS)}
    definition = Definition(name="idle", options=options, work=work)
    found, _answers = unused(definition, [{}], plane=plane, engine=engine | {"check"})
    assert found == {
        "audit",
        "idle",
        "fleet",
        "lock_timeout",
        "records_namespace",
        "result_file",
        "wait",
        "wait_timeout",
    }
