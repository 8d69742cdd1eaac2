"""Clusters and playbook runs for the integration tests."""

from __future__ import annotations

import itertools
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import kinds
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import load_crds

from promlab.controlplane import ControlPlane
from tests.integration.support import lab
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import JsonObject, fleet
from tests.integration.support.planes import started
from tests.integration.support.playbook import Result, Run, run_playbook

Playbook = Callable[..., Run]

# What every run of a module does first; tests call the engine itself, too.
kinds.register()


@pytest.fixture(scope="session")
def hub(request: pytest.FixtureRequest, lab_clusters: None) -> Cluster:  # noqa: ARG001 - they are ours alone
    """The lab's cluster test-hub."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        lab.up(lab.HUB)
    lab.provide_account(lab.HUB)
    return lab.cluster(lab.HUB)


@pytest.fixture(scope="session")
def playbook(tmp_path_factory: pytest.TempPathFactory) -> Playbook:
    """Runs a playbook, each time in a folder of its own."""
    numbers = itertools.count()

    def run(name: str | list[dict[str, t.Any]], **arguments: t.Any) -> Run:
        folder = tmp_path_factory.mktemp(f"run{next(numbers)}-")
        return run_playbook(name, folder=folder, **arguments)

    return run


@pytest.fixture(scope="session")
def plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """A control plane without nodes, for what only the API server and its controllers decide."""
    with started(request, "test-plane") as (running,):
        yield running


@pytest.fixture(scope="session")
def api(plane: ControlPlane) -> Cluster:
    """The control plane's API, with the CRDs of the pinned operator release."""
    cluster = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    crds = load_crds(version=PROMETHEUS_OPERATOR)
    for crd in crds:
        cluster.apply(crd, force=True)
    names = [crd["spec"]["names"]["kind"] for crd in crds]
    cluster.wait_until(lambda: set(names) <= {kind.kind for kind in cluster.kinds()}, "the CRDs are served")
    return cluster


class Module:
    """Runs one module of the collection against one cluster, by default the hub, in a play of its own."""

    def __init__(self, playbook: Playbook, name: str, *, inventory: Callable[[], JsonObject] | None = None) -> None:
        self._playbook = playbook
        self._name = name
        self._inventory = inventory or (lambda: fleet(central=lab.HUB))

    def run(self, *arguments: str, **options: t.Any) -> Run:
        """The whole run, *arguments* are ansible-playbook's."""
        connection = {"kubeconfig": "{{ promfleet_kubeconfig }}", "context": "{{ promfleet_context }}"}
        task = {"name": "Run the module", f"promfleet.monitoring.{self._name}": {**connection, **options}}
        play = {"hosts": "all", "gather_facts": False, "tasks": [task]}
        return self._playbook([play], inventory=self._inventory(), arguments=list(arguments))

    def __call__(self, *arguments: str, **options: t.Any) -> Result:
        """The result of a run that must succeed."""
        return self.run(*arguments, **options).require_success().results[-1]

    def fails(self, *arguments: str, **options: t.Any) -> Result:
        """The result of a run that must fail."""
        return self.run(*arguments, **options).require_failure().failures[-1]


@pytest.fixture
def scratch(hub: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a namespace that does not exist before the test; afterwards it is on its way out."""
    name = request.node.name.removeprefix("test_").split("[")[0].replace("_", "-")[:50].strip("-")
    hub.delete_namespaces(name)
    yield name
    hub.delete("v1", "Namespace", name)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Where a run of this test may write its log."""
    return tmp_path / "ansible.log"
