"""What verify finds on a real API server: nothing that fails to answer hides what the rest says."""

from __future__ import annotations

import json
import time
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.schema import report_schema

from promlab.controlplane import ControlPlane
from tests.integration.conftest import Playbook
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.inventory import fleet, single
from tests.integration.support.proxy import NAME, Fault, Proxy, Request, faulty

JsonObject = dict[str, t.Any]

# Longer than any limit below: an answer of this delay never counts.
NEVER = 120.0
SILENT = Fault(delay=NEVER, forward=False, lose=True)
CLOSED = Fault(status=503, message="error trying to reach service: dial tcp 192.0.2.1:9090: i/o timeout")
REFUSED = Fault(status=403, message='services "prometheus-a:web" is forbidden')

# What is said of this cluster: nothing is installed yet, and no team has a receiver.
HERE = ("PF102", "PF201", "PF236")


def healthy(path: str, *, namespace: str) -> Fault:
    """What a Prometheus answers that is well."""
    target = {"labels": {"namespace": namespace}, "health": "up", "scrapeUrl": "http://192.0.2.9/metrics"}
    data = {"reloadConfigSuccess": True} if path.endswith("runtimeinfo") else {"activeTargets": [target], "result": []}
    return Fault(status=200, body={"status": "success", "data": data})


def prometheuses(faults: t.Mapping[str, Fault]) -> Callable[[Request], Fault | None]:
    """Every Prometheus is well but those of some teams."""

    def rule(request: Request) -> Fault | None:
        if "/proxy/" not in request.path:
            return None
        namespace = request.path.split("/")[4]
        return faults.get(namespace.removeprefix("monitoring-")) or healthy(request.path, namespace=namespace)

    return rule


@pytest.fixture(scope="module")
def proxy(plane: ControlPlane, api: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    assert api.kinds()
    with faulty(plane, tmp_path_factory.mktemp("proxy")) as running:
        yield running


def verify(proxy: Proxy, *, teams: t.Sequence[str | JsonObject] = ("a", "b", "c"), **options: t.Any) -> JsonObject:
    return run_module(
        "monitoring_verify",
        kubeconfig=proxy.kubeconfig,
        context=proxy.context,
        cluster="hub",
        clusters=["hub"],
        platform={"enabled": False},
        teams=[{"name": team} if isinstance(team, str) else team for team in teams],
        **{"wait": False, "wait_timeout": 60, **options},
    )


def about(result: JsonObject, code: str) -> list[JsonObject]:
    return [finding for finding in result["findings"] if finding["code"] == code]


@pytest.mark.parametrize("fault", [SILENT, CLOSED], ids=["silent", "closed"])
def test_a_prometheus_that_cannot_be_reached_is_one_finding_and_the_others_are_asked(
    proxy: Proxy, fault: Fault
) -> None:
    proxy.rule = prometheuses({"a": fault})
    started = time.monotonic()
    result = verify(proxy, wait_timeout=5)
    assert time.monotonic() - started < NEVER / 2
    (finding,) = about(result, "PF003")
    assert finding["object"] == {"cluster": "hub", "kind": "Prometheus", "namespace": "monitoring-a", "name": "a"}
    assert finding["message"].startswith("Prometheus cannot be reached through the API server (network policy?): "), (
        finding
    )
    assert "the API server cannot be reached" not in finding["message"]
    assert finding["evidence"]["checks"] == ["configuration_loaded", "own_target_up"]
    checks = {(check["object"], check["check"]): check["ok"] for check in result["checks"]}
    for team in ("b", "c"):
        for name in ("configuration_loaded", "own_target_up"):
            assert checks[f"hub/Prometheus/monitoring-{team}/{team}", name]
    assert about(result, "PF001") == about(result, "PF004") == []
    assert result["failure"]


def test_the_limit_holds_with_any_number_of_silent_instances(proxy: Proxy) -> None:
    names = [f"t{number}" for number in range(40)]
    proxy.rule = prometheuses(dict.fromkeys(names, SILENT))
    started = time.monotonic()
    result = verify(proxy, teams=names, wait_timeout=4, wait=True)
    assert time.monotonic() - started < NEVER / 2
    assert {finding["object"]["name"] for finding in about(result, "PF003")} == set(names)
    assert about(result, "PF004") == [], "each of them gets its share of the time"
    (cause,) = about(result, "PF007")
    assert f"{len(names)} of {len(names)} Prometheus instances" in cause["message"]


def test_an_agent_is_looked_at_like_a_prometheus(proxy: Proxy) -> None:
    proxy.rule = prometheuses({"closed": CLOSED})
    agents = [
        {
            "name": name,
            "prometheus": {
                "mode": "agent",
                "remote_write": [{"name": "any", "url": "https://archive.example.com/write"}],
            },
            "alertmanager": {"enabled": False},
        }
        for name in ("open", "closed")
    ]
    result = verify(proxy, teams=agents)
    agent = {"cluster": "hub", "kind": "PrometheusAgent", "namespace": "monitoring-open", "name": "open"}
    assert agent in [finding["object"] for finding in about(result, "PF201")]
    (unreached,) = about(result, "PF003")
    assert unreached["object"] == {**agent, "namespace": "monitoring-closed", "name": "closed"}
    checks = {(check["object"], check["check"]): check["ok"] for check in result["checks"]}
    assert checks["hub/PrometheusAgent/monitoring-open/open", "own_target_up"]


def test_a_right_that_is_missing_is_told_as_that(proxy: Proxy) -> None:
    proxy.rule = prometheuses({"a": REFUSED})
    result = verify(proxy)
    (finding,) = about(result, "PF002")
    assert "forbidden" in finding["message"]
    assert about(result, "PF003") == about(result, "PF006") == []


def test_a_kind_that_may_not_be_read_is_one_finding(proxy: Proxy) -> None:
    well = prometheuses({})
    denied = Fault(status=403, message="prometheuses.monitoring.coreos.com is forbidden")
    proxy.rule = lambda request: denied if "/prometheuses" in request.path else well(request)
    result = verify(proxy)
    (finding,) = about(result, "PF002")
    assert finding["object"]["kind"] == "Prometheus"
    assert not finding["observed"]
    assert {one["object"]["kind"] for one in about(result, "PF201")} == {"Alertmanager"}


def test_an_api_server_that_is_lost_is_one_finding(proxy: Proxy) -> None:
    proxy.rule = lambda _request: Fault(lose=True, forward=False)
    result = verify(proxy, wait=True)
    assert [finding["code"] for finding in result["findings"] if not finding["caused_by"]] == ["PF001"]
    assert result["summary"]["ok"] == 0


def test_files_suppressions_and_fingerprints(proxy: Proxy, tmp_path: Path) -> None:
    proxy.rule = prometheuses({})
    first = verify(proxy, result_folder=str(tmp_path / "one"))
    second = verify(proxy)
    assert [one["fingerprint"] for one in first["findings"]] == [one["fingerprint"] for one in second["findings"]]
    assert {one["code"] for one in first["findings"]} == {*HERE}
    whole = json.loads((tmp_path / "one/findings.json").read_text())
    jsonschema.validate(whole, report_schema())
    assert whole["findings"] == first["findings"]
    assert {path.name for path in (tmp_path / "one").iterdir()} == {
        "findings.json", "findings.junit.xml", "findings.prom",
    }  # fmt: skip
    known = [{"code": code, "object": "hub/*", "reason": "not installed yet"} for code in HERE]
    third = verify(proxy, suppressions=known)
    assert third["failure"] is None
    assert third["findings"] == []
    assert third["summary"]["suppressed"] == len(first["findings"])


def test_the_playbook_tells_findings_and_follows_the_inventory(proxy: Proxy, playbook: Playbook) -> None:
    proxy.rule = prometheuses({})

    def inventory(**variables: t.Any) -> JsonObject:
        return single(
            name=NAME,
            kubeconfig=proxy.kubeconfig,
            promfleet_cluster="hub",
            # One look, which may take its time on a busy machine.
            promfleet_wait=False,
            promfleet_wait_timeout=60,
            prometheus_federation_state="absent",
            team_monitoring_teams=[{"name": "unseen"}],
            **variables,
        )

    failed = playbook("verify", inventory=inventory()).require_failure()
    message = failed.failures[-1].message
    assert (
        "PF102 error: hub/Deployment/prometheus-operator/prometheus-operator: the Deployment does not exist" in message
    )
    assert "PF201 error: hub/Prometheus/monitoring-unseen/unseen: it does not exist" in message
    known = [{"code": code, "object": "hub/*", "reason": "not installed yet"} for code in HERE]
    run = playbook("verify", inventory=inventory(promfleet_suppressions=known)).require_success()
    assert "checks; suppressed findings: " in run.output


def test_the_playbook_doctor_judges_the_fleet_and_fails_at_its_end(proxy: Proxy, playbook: Playbook) -> None:
    proxy.rule = prometheuses({})
    inventory = fleet(
        central=NAME,
        workers=[NAME],
        promfleet_kubeconfig=str(proxy.kubeconfig),
        promfleet_cluster="hub",
        promfleet_wait_timeout=20,
        team_monitoring_teams=[{"name": "unseen"}],
    )
    failed = playbook("doctor", inventory=inventory).require_failure()
    message = failed.failures[-1].message
    assert (
        "PF102 error: hub/Deployment/prometheus-operator/prometheus-operator: the Deployment does not exist" in message
    )
    # The worker's own look did not end the run: the central side was judged with it, and tells what it knows of it.
    assert "PF320 error: hub/Service/monitoring-platform/prometheus-platform-federation-0" in message
    assert "PF008" not in message
    assert "Verdict" in failed.failures[-1].task
