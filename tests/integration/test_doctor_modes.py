"""The playbook doctor before anything is written: over clusters as they will be, and over folders of manifests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.block_yaml import dump

from promlab.controlplane import ControlPlane
from tests.integration.support.account import install_roles, make_account, write_kubeconfig
from tests.integration.support.audit import Audit
from tests.integration.support.cluster import Cluster, JsonObject
from tests.integration.support.inventory import fleet
from tests.integration.support.planes import started, with_policy_engine
from tests.integration.support.playbook import ENVIRONMENTS, Run
from tests.integration.test_doctor_files import manifests, without
from tests.suite.in_full import representative

Playbook = Callable[..., Run]

HUB, EDGE = "mode-hub", "mode-edge"
TEAMS = [{"name": "pay", "namespaces": ["pay"]}]
SHARED: JsonObject = {
    "team_monitoring_teams": TEAMS,
    "prometheus_federation_sources": [{"expose": "NodePort", "address": "192.0.2.7", "node_port": 31090}],
}
# No team has a receiver, and what only a running fleet shows was not looked at.
SAID = {"PF009", "PF236"}


def codes(run: Run, host: str) -> set[str]:
    (result,) = run.of("federation_doctor", host=host)
    return {one["code"] for one in result.data["findings"]}


@pytest.fixture(scope="module")
def planes(request: pytest.FixtureRequest) -> Iterator[dict[str, ControlPlane]]:
    with started(request, HUB, EDGE, audit=True) as found:
        yield dict(zip((HUB, EDGE), map(with_policy_engine, found), strict=True))


def reading(plane: ControlPlane, folder: Path) -> JsonObject:
    """Variables of a host whose account may only read."""
    admin = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    install_roles(admin)
    token = make_account(admin, "reader", roles=["promfleet-reader"])
    kubeconfig = folder / f"{plane.context}.kubeconfig"
    write_kubeconfig(plane.kubeconfig, tokens={plane.context: token}, output=kubeconfig)
    return {"promfleet_kubeconfig": str(kubeconfig), "promfleet_context": plane.context}


def test_a_fleet_is_judged_before_its_first_apply(
    planes: dict[str, ControlPlane], playbook: Playbook, tmp_path: Path
) -> None:
    hosts = {name: reading(plane, tmp_path) for name, plane in planes.items()}
    inventory = fleet(
        central=HUB,
        workers=[EDGE],
        hosts=hosts,
        promfleet_kubeconfig="/nowhere",
        promfleet_doctor_mode="candidate",
        **SHARED,
    )
    run = playbook("doctor", inventory=inventory).require_success()
    assert run.warnings == []
    assert {name: codes(run, name) for name in planes} == {HUB: SAID, EDGE: SAID}
    # Nothing was written, not even as a dry run.
    asked = [one for plane in planes.values() for one in Audit(path=plane.audit_log).events("reader")]
    assert {one.verb for one in asked} == {"get", "list"}
    (hub,) = run.of("federation_doctor", host=HUB)
    assert {one["object"] for one in hub.data["checks"] if one["check"] == "exposed_service" and one["ok"]} == {
        f"{EDGE}/Service/monitoring-platform/prometheus-platform-federation-0"
    }


def folders(folder: Path, edge: Callable[[list[JsonObject]], list[JsonObject]] = list) -> JsonObject:
    """The manifests of both clusters, and the inventory that names them. No cluster can be reached."""
    common: JsonObject = {"clusters": [HUB, EDGE], "teams": TEAMS}
    exposed = [{"expose": "NodePort", "address": "192.0.2.7", "node_port": 31090}]
    source = {"cluster": EDGE, "team": "platform", "targets": [{"address": "192.0.2.7", "port": 31090}]}
    written = {
        HUB: manifests(**common, cluster=HUB, exposed=[], sources=[source]),
        EDGE: edge(manifests(**common, cluster=EDGE, exposed=exposed, sources=[])),
    }
    for name, objects in written.items():
        (folder / name).mkdir()
        (folder / name / "all.yaml").write_text(dump(objects))
    return fleet(
        central=HUB,
        workers=[EDGE],
        promfleet_kubeconfig="/nowhere",
        promfleet_doctor_mode="files",
        promfleet_doctor_files=[f"{folder}/{{{{ inventory_hostname }}}}"],
        **SHARED,
    )


@pytest.mark.parametrize("prefix", representative(ENVIRONMENTS), ids=lambda path: path.name)
def test_folders_are_judged_without_a_cluster(playbook: Playbook, tmp_path: Path, prefix: Path) -> None:
    run = playbook("doctor", inventory=folders(tmp_path), prefix=prefix).require_success()
    assert run.warnings == []
    assert {name: codes(run, name) for name in (HUB, EDGE)} == {HUB: SAID, EDGE: SAID}


def test_a_fault_in_the_folder_of_a_worker_fails_the_run(playbook: Playbook, tmp_path: Path) -> None:
    inventory = folders(tmp_path, without("Service", "prometheus-platform-federation-0"))
    run = playbook("doctor", inventory=inventory).require_failure()
    assert codes(run, EDGE) == codes(run, HUB) == {*SAID, "PF320"}


def test_files_that_cannot_be_read_are_named(playbook: Playbook, tmp_path: Path) -> None:
    inventory = folders(tmp_path)
    (tmp_path / EDGE / "broken.yaml").write_text("a: [\n")
    run = playbook("doctor", inventory=inventory).require_failure()
    (failure,) = [one for one in run.failures if one.host == EDGE]
    assert f"{tmp_path}/{EDGE}/broken.yaml: line 1" in failure.message
