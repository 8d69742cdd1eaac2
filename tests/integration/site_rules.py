"""What only several runs of the whole job on two clusters can show.

No test file by its name: molecule's scenario `site` runs these one by one, at the moments when they make sense
(molecule/site/first_check.yml and several_runs.yml).
"""

from __future__ import annotations

import copy
import json
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.watched import (
    ALERTED,
    RECORDED,
)

from tests.integration.support import lab
from tests.integration.support.awx_fleet import AwxFleet
from tests.integration.support.cluster import Cluster, JsonObject
from tests.integration.support.managed import managed
from tests.integration.support.playbook import Run
from tests.integration.support.prometheus import LabelSet, Prometheus, with_labels
from tests.integration.support.site import EDGE, HUB, awx, edge, expected, hub, inventory
from tests.suite.in_full import representative

# Fixtures.
__all__ = ["awx", "edge", "hub"]
NAMESPACE = "monitoring-platform"
FEDERATION = {
    "Service monitoring-platform/federation-test-edge-platform",
    "EndpointSlice monitoring-platform/federation-test-edge-platform-0",
    "ServiceMonitor monitoring-platform/federation-test-edge-platform",
    "ScrapeConfig monitoring-platform/federation-test-edge-payments",
    "ScrapeConfig monitoring-platform/federation-test-edge-payments.alerts",
    "PrometheusRule monitoring-platform/federation-test-edge-platform",
    "PrometheusRule monitoring-platform/federation-test-edge-payments",
    "PrometheusRule monitoring-platform/federation",
    # The way out of the instance that reads to what it reads.
    "NetworkPolicy monitoring-platform/prometheus-platform-sources",
}
# What the worker exposes, and the labels that its source declares beside its name.
SOURCES: dict[str, dict[str, str]] = {"platform": {"site": "lab"}, "payments": {}}


def recap_line(run: Run, cluster: str) -> str:
    """What the run's own recap says of a cluster."""
    lines = [line for result in run.results if "Recap" in result.task for line in result.data.get("msg") or ()]
    return next(str(line) for line in lines if line.startswith(f"{cluster}: "))


def test_check_mode_on_empty_clusters_lists_every_object(
    hub: Cluster, edge: Cluster, playbook: Callable[..., Run]
) -> None:
    before = [hub.snapshot(), edge.snapshot()]
    run = playbook("site", inventory=inventory(), arguments=["--check", "--diff"]).require_success()
    assert [hub.snapshot(), edge.snapshot()] == before
    assert run.warnings == []
    for name in (HUB, EDGE):
        objects = run.objects(host=name)
        crds = [entry for entry in objects if entry.startswith("created CustomResourceDefinition ")]
        assert len(crds) == 10
        assert Counter(objects) - Counter(crds) == Counter(f"created {entry}" for entry in expected(name))
        # --diff shows each of them too.
        shown = [
            entry["after_header"] for result in run.results if result.host == name for entry in _diffs(result.data)
        ]
        assert Counter(shown) == Counter(f"{entry.removeprefix('created ')} (created)" for entry in objects)


def _diffs(data: JsonObject) -> list[JsonObject]:
    found = data.get("diff") or []
    return found if isinstance(found, list) else []


def test_a_run_repairs_what_was_deleted_and_nothing_else(playbook: Callable[..., Run]) -> None:
    run = playbook("federation", inventory=inventory()).require_success()
    assert run.objects() == ["created EndpointSlice monitoring-platform/federation-test-edge-platform-0"]
    assert run.changed() == {HUB: 1, EDGE: 0}
    assert run.warnings == []


def test_jobs_of_awx_find_what_a_laptop_made(awx: AwxFleet) -> None:
    """The same check, site and doctor; the scenario `awx` proves the other templates."""
    answers: JsonObject = {
        "site": {"promfleet_wait": "true", "promfleet_wait_timeout": 300},
        "doctor": {"promfleet_doctor_mode": "live", "promfleet_fail_on": "error"},
    }
    for template in representative(("site", "check", "doctor")):
        run = awx.launch(template, answers.get(template)).run.require_success()
        assert run.objects() == []
        assert run.changed() == {HUB: 0, EDGE: 0}
        assert run.warnings == []


@pytest.mark.parametrize("team", SOURCES)
def test_federated_series_are_the_workers_with_declared_labels_only(hub: Cluster, edge: Cluster, team: str) -> None:
    central, source = Prometheus(hub, team="platform"), Prometheus(edge, team=team)
    job, name = f"federation/{EDGE}/{team}", f"federation-{EDGE}-{team}"
    parts = (
        [
            hub.get("monitoring.coreos.com/v1alpha1", "ScrapeConfig", one, NAMESPACE)["spec"]
            for one in (name, f"{name}.alerts")
        ]
        if team == "payments"
        else hub.get("monitoring.coreos.com/v1", "ServiceMonitor", name, NAMESPACE)["spec"]["endpoints"]
    )
    match = [selector for part in parts for selector in part["params"]["match[]"]]
    for label in (job, f"{job}/alerts"):
        (target,) = central.targets(label)
        assert target["health"] == "up", target["lastError"]

    seen: tuple[Counter[LabelSet], Counter[LabelSet]] = (Counter(), Counter())

    def alike() -> bool:
        nonlocal seen
        wanted = with_labels(source.federate(match), {"cluster": EDGE, **SOURCES[team]})
        # The scrapes' own series (up, scrape_*) are the central side's, with the jobs of the targets, and so is what it
        # records about its sources.
        own = f'job!~"{job}.*",__name__!~"{RECORDED}.+",alertname!~"{ALERTED}.+"'
        found = central.label_sets(f'{{cluster="{EDGE}",team="{team}",{own}}}')
        seen = wanted, found
        return bool(wanted) and wanted == found

    try:
        hub.wait_until(alike, "the hub has the series of /federate", timeout=60)
    except AssertionError:
        wanted, found = seen
        lacking, added = [sorted(map(sorted, part)) for part in (wanted - found, found - wanted)]
        pytest.fail(f"{len(wanted)} series in /federate; not on the hub: {lacking}; only on the hub: {added}")
    wanted, found = seen
    assert max(found.values()) == 1
    aggregated = [dict(labels) for labels in found if not {"job", "instance"} & dict(labels).keys()]
    assert [labels for labels in aggregated if labels["__name__"] == "team:up:ratio"]
    assert [dict(labels) for labels in found if dict(labels).get("job")], "others keep the job that they came with"


@pytest.mark.parametrize("limit", [HUB, EDGE])
def test_a_limited_run_keeps_every_federated_target(
    hub: Cluster, edge: Cluster, playbook: Callable[..., Run], limit: str
) -> None:
    before = [hub.snapshot(), edge.snapshot()]
    run = playbook("site", inventory=inventory(), arguments=["--limit", limit]).require_success()
    assert run.changed() == {limit: 0}
    assert [hub.snapshot(), edge.snapshot()] == before
    assert set(managed(hub)) >= FEDERATION
    assert run.warnings == []
    if limit == HUB:
        assert f"left unchanged, because they gave no address: {EDGE}" in recap_line(run, HUB)
        assert recap_line(run, EDGE) == f"{EDGE}: not in this run"


def kubeconfig_with(server: str, folder: Path) -> Path:
    """A copy of the kubeconfig in which the edge's API server has another address."""
    data = yaml.safe_load(lab.account_kubeconfig().read_text(encoding="utf-8"))
    for item in data["clusters"]:
        if item["name"] == f"kind-{EDGE}":
            item["cluster"]["server"] = server
    path = folder / "kubeconfig"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def server_of(cluster: str) -> str:
    """The address of a cluster's API server."""
    data = yaml.safe_load(lab.kubeconfig().read_text(encoding="utf-8"))
    return str(next(item["cluster"]["server"] for item in data["clusters"] if item["name"] == f"kind-{cluster}"))


def require_only_the_edge_left_out(run: Run, hub: Cluster, *, reason: str) -> None:
    """The edge stops with its reason, the hub goes on to its end, and keeps what it federates."""
    run.require_failure()
    assert run.recap[HUB]["failures"] == run.recap[HUB]["unreachable"] == 0, run.output
    assert run.recap[EDGE]["failures"] == 1, run.output
    line = recap_line(run, EDGE)
    assert line.startswith(f"{EDGE}: LEFT OUT: ")
    assert reason in line
    assert recap_line(run, HUB).startswith(f"{HUB}: ok, 0 objects changed")
    assert run.of("federation_endpoints", host=HUB), "the hub's own work was done"
    assert set(managed(hub)) >= FEDERATION
    assert run.warnings == []


def test_an_unreachable_api_server_stops_only_its_cluster(
    hub: Cluster, playbook: Callable[..., Run], tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    closed = kubeconfig_with(f"https://127.0.0.1:{port}", tmp_path)
    run = playbook("site", inventory=inventory(promfleet_kubeconfig=str(closed)))
    require_only_the_edge_left_out(run, hub, reason="Connection refused")


def test_an_expired_credential_stops_only_its_cluster(hub: Cluster, playbook: Callable[..., Run]) -> None:
    expired = {
        "promfleet_kubeconfig": "",
        "promfleet_context": "",
        "promfleet_host": server_of(EDGE),
        "promfleet_api_key": "canary-5e0c2f",
        "promfleet_validate_certs": False,
    }
    run = playbook("federation", inventory=inventory(**expired))
    require_only_the_edge_left_out(run, hub, reason="401")
    assert "canary-5e0c2f" not in run.output


def test_a_worker_that_left_the_inventory_loses_its_objects(
    hub: Cluster, edge: Cluster, playbook: Callable[..., Run]
) -> None:
    before = edge.snapshot()
    alone = copy.deepcopy(inventory())
    del alone["all"]["children"]["promfleet_workers"]
    # The set is empty then, and with it goes the record of its kinds.
    whole_set = FEDERATION | {"ConfigMap kube-system/promfleet-set-default.federation"}
    gone = playbook("federation", inventory=alone).require_success()
    assert set(gone.objects()) == {f"deleted {name}" for name in whole_set}
    assert set(expected(HUB)) - set(managed(hub)) == whole_set
    assert edge.snapshot() == before
    back = playbook("federation", inventory=inventory()).require_success()
    assert set(back.objects()) == {f"created {name}" for name in whole_set}
    assert managed(hub) == expected(HUB)
    assert gone.warnings == back.warnings == []
