"""Workers of a region are read by the region's central cluster, and that is read by the global one."""

from __future__ import annotations

import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import fleet
from tests.integration.support.planes import started
from tests.integration.support.playbook import CHECKOUT, ENVIRONMENTS, Run
from tests.suite.in_full import in_full

JsonObject = dict[str, t.Any]
Playbook = Callable[..., Run]

# The global central cluster, that of the region, a worker in it, and one that is in no region.
HUB, REGION, INNER, FAR = "world", "eu", "eu-1", "far"
GROUPS: dict[str, list[str]] = {"promfleet_region_eu": [INNER], "promfleet_region_eu_central": [REGION]}
MONITORING, NAMESPACE = "monitoring.coreos.com/v1", "monitoring-platform"


def inventory(groups: dict[str, list[str]] | None = None, **options: t.Any) -> JsonObject:
    """The clusters, with the *groups* of regions."""
    found = fleet(central=HUB, workers=[REGION, INNER, FAR], **options)
    for name, hosts in (GROUPS if groups is None else groups).items():
        found["all"]["children"][name] = {"hosts": {host: {} for host in hosts}}
    return found


@pytest.mark.parametrize("prefix", ENVIRONMENTS, ids=lambda path: path.name)
def test_each_cluster_knows_whom_it_reads(playbook: Playbook, prefix: Path) -> None:
    names = ("is_central", "read", "read_by", "below", "observed_workers")
    play = {
        "hosts": "all",
        "gather_facts": False,
        "vars_files": [str(CHECKOUT / f"roles/promfleet/{folder}/main.yml") for folder in ("defaults", "vars")],
        "tasks": [{"ansible.builtin.debug": {"msg": {name: f"{{{{ __promfleet_{name} }}}}" for name in names}}}],
    }
    run = playbook([play], inventory=inventory(promfleet_kubeconfig="/nowhere"), prefix=prefix).require_success()
    found = {result.host: tuple(result.data["msg"][name] for name in names) for result in run.results}
    assert found == {
        HUB: (True, [REGION, FAR], [HUB], [], [REGION, FAR]),
        REGION: (True, [INNER], [HUB], [INNER], [INNER]),
        INNER: (False, [], [REGION], [], []),
        FAR: (False, [], [HUB], [], []),
    }
    assert run.warnings == []


def test_a_group_that_makes_no_region_is_refused(playbook: Playbook) -> None:
    groups = {"promfleet_region_eu": [INNER, REGION], "promfleet_region_eu_central": [REGION]}
    run = playbook("check_input", inventory=inventory(groups, promfleet_kubeconfig="/nowhere")).require_failure()
    (message,) = {failure.message for failure in run.failures}
    assert "promfleet_region_eu: eu is its central too, and would read itself: that is a cycle" in message


@pytest.fixture(scope="module")
def planes(request: pytest.FixtureRequest) -> Iterator[dict[str, ControlPlane]]:
    with started(request, HUB, REGION, INNER, FAR) as found:
        yield dict(zip((HUB, REGION, INNER, FAR), found, strict=True))


def selected(cluster: Cluster) -> dict[str, set[str]]:
    """The ServiceMonitors of the central side, each with the clusters that its series may name."""
    found = {}
    for obj in cluster.list_kind(cluster.kind(MONITORING, "ServiceMonitor")):
        if obj["metadata"]["name"].startswith("federation-"):
            steps = [step for one in obj["spec"]["endpoints"] for step in one["metricRelabelings"]]
            kept = {step["regex"] for step in steps if step["action"] == "keep"}
            written = {step["replacement"] for step in steps if step.get("targetLabel") == "cluster"}
            found[obj["metadata"]["name"]] = kept | written
    return found


def test_a_region_is_read_in_two_steps(planes: dict[str, ControlPlane], playbook: Playbook) -> None:
    clusters = {name: Cluster(kubeconfig=plane.kubeconfig, context=plane.context) for name, plane in planes.items()}
    hosts = {
        name: {
            "promfleet_kubeconfig": str(plane.kubeconfig),
            # There are no nodes whose ports could be used.
            "prometheus_federation_sources": [{"expose": "Existing", "address": f"192.0.2.{number}", "port": 9090}],
        }
        for number, (name, plane) in enumerate(planes.items(), start=1)
    }
    given = inventory(hosts=hosts, promfleet_kubeconfig="overridden by each host", promfleet_wait=False)
    first = playbook("site", inventory=given).require_success()
    assert first.warnings == []
    found = {name: selected(cluster) for name, cluster in clusters.items()}
    assert found == {
        # The region's instance has the series of two clusters.
        HUB: {"federation-eu-platform": {"eu|eu-1"}, "federation-far-platform": {"far"}},
        REGION: {"federation-eu-1-platform": {"eu-1"}},
        INNER: {},
        FAR: {},
    }
    again = playbook("federation", inventory=given).require_success()
    assert again.objects() == []
    if not in_full():
        return
    # A run without the workers leaves what they gave.
    part = playbook("federation", inventory=given, arguments=["--limit", f"{HUB},{REGION}"]).require_success()
    assert part.objects() == []
    (recap,) = [line for line in part.output.splitlines() if f"{REGION}: ok" in line]
    assert f"left unchanged, because they gave no address: {INNER}" in recap
    # Without the region both are the global cluster's.
    flat = playbook("federation", inventory={"all": {**given["all"], "children": without_regions(given)}})
    flat.require_success()
    assert {name: set(selected(cluster)) for name, cluster in clusters.items()} == {
        HUB: {"federation-eu-platform", "federation-eu-1-platform", "federation-far-platform"},
        REGION: {"federation-eu-1-platform"},
        INNER: set(),
        FAR: set(),
    }


def without_regions(given: JsonObject) -> JsonObject:
    return {name: group for name, group in given["all"]["children"].items() if name not in GROUPS}
