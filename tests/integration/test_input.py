"""Bad input is refused before the first write on any cluster, with the path of what is wrong."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator

import pytest

from tests.integration.support import lab
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import fleet
from tests.integration.support.playbook import Run

JsonObject = dict[str, t.Any]
TWIN = "twin"

CASES: dict[str, tuple[JsonObject, str]] = {
    "unknown key in a team": (
        {"team_monitoring_teams": [{"name": "pay", "retenton": "1d"}]},
        "team_monitoring_teams[0].retenton: unknown key",
    ),
    "misspelt variable of a role": (
        {"team_monitoring_team": [{"name": "pay"}]},
        "team_monitoring_team: unknown variable of the role team_monitoring; did you mean 'team_monitoring_teams'?",
    ),
    "misspelt shared variable": ({"promfleet_flet": "main"}, "promfleet_flet: unknown variable of the role promfleet"),
    "team given twice": (
        {"team_monitoring_teams": [{"name": "pay"}, {"name": "pay"}]},
        "team_monitoring_teams[1].name: ",
    ),
    "bad duration": (
        {"team_monitoring_teams": [{"name": "pay", "prometheus": {"retention": "ten days"}}]},
        "team_monitoring_teams[0].prometheus.retention: ",
    ),
    "selector that does not parse": (
        {"prometheus_federation_sources": [{"match": ['{job="a"']}]},
        "prometheus_federation_sources[0].match[0]: ",
    ),
    "unknown cluster": (
        {"team_monitoring_teams": [{"name": "pay", "clusters": ["test-hbu"]}]},
        "team_monitoring_teams[0].clusters[0]: unknown cluster 'test-hbu'; did you mean 'test-hub'?",
    ),
    "operator option out of range": ({"prometheus_operator_log_level": "loud"}, "log_level"),
    "no explicit connection": ({"promfleet_context": ""}, "connection: kubeconfig is given, but no context"),
    "part of the inventory": ({"promfleet_expected_workers": 7}, "promfleet_expected_workers: "),
}


@pytest.fixture(scope="module", autouse=True)
def untouched(hub: Cluster) -> Iterator[None]:
    """Not one write happens to the cluster in any of these tests."""
    namespaces = hub.kind("v1", "Namespace")

    def settled() -> bool:
        return not any("deletionTimestamp" in obj["metadata"] for obj in hub.list_kind(namespaces))

    hub.wait_until(settled, "what earlier tests left is gone")
    before = hub.snapshot()
    yield
    assert hub.snapshot() == before


@pytest.mark.parametrize(("variables", "message"), CASES.values(), ids=CASES.keys())
def test_bad_input_is_refused(playbook: Callable[..., Run], variables: JsonObject, message: str) -> None:
    inventory = fleet(central=lab.HUB)
    inventory["all"]["vars"].update(variables)
    run = playbook("site", inventory=inventory).require_failure()
    assert any(message in failure.message for failure in run.failures), run.output
    assert not any(run.changed().values())


def test_two_hosts_that_are_one_cluster_are_refused(playbook: Callable[..., Run]) -> None:
    same = {TWIN: {"promfleet_context": f"kind-{lab.HUB}"}}
    run = playbook("site", inventory=fleet(central=lab.HUB, workers=[TWIN], hosts=same)).require_failure()
    (failure,) = {result.message for result in run.failures}
    assert "one and the same cluster" in failure
    assert lab.HUB in failure
    assert TWIN in failure


def test_an_error_on_one_host_stops_all(playbook: Callable[..., Run]) -> None:
    wrong = {TWIN: {"promfleet_context": "nowhere", "prometheus_federation_sources": [{"team": "nobody"}]}}
    run = playbook("site", inventory=fleet(central=lab.HUB, workers=[TWIN], hosts=wrong)).require_failure()
    assert any("prometheus_federation_sources[0].team: " in failure.message for failure in run.failures), run.output
    assert not any(run.changed().values())
