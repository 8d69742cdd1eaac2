"""The whole job on the lab's two clusters, as molecule/site describes it."""

from __future__ import annotations

import tempfile
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR

from tests.integration.support import lab
from tests.integration.support.awx import FakeAwx
from tests.integration.support.awx_fleet import AwxFleet
from tests.integration.support.cluster import Cluster, JsonObject
from tests.integration.support.inventory import LOCAL
from tests.integration.support.managed import read
from tests.integration.support.playbook import CHECKOUT
from tests.integration.support.releases import crd_folder

SCENARIO = CHECKOUT / "molecule/site"
HUB, EDGE = lab.HUB, lab.EDGE


@pytest.fixture(scope="session")
def hub() -> Cluster:
    return lab.cluster(HUB)


@pytest.fixture(scope="session")
def edge() -> Cluster:
    return lab.cluster(EDGE)


def unconnected() -> JsonObject:
    """The inventory without credentials, as in the repository that AWX reads."""
    data: JsonObject = yaml.safe_load((SCENARIO / "inventory.yml").read_text(encoding="utf-8"))
    everything = data["all"]
    everything["vars"] = {**LOCAL, "promfleet_context": "kind-{{ inventory_hostname }}", **everything["vars"]}
    return data


def inventory(**edge_variables: t.Any) -> JsonObject:
    """The inventory, with variables of its own for the edge."""
    data = unconnected()
    data["all"]["vars"]["promfleet_kubeconfig"] = str(lab.account_kubeconfig())
    data["all"]["children"]["promfleet_workers"]["hosts"][EDGE] = edge_variables
    return data


def expected(cluster: str) -> list[str]:
    """What is managed in a cluster."""
    return read(SCENARIO / f"managed/{cluster}.txt")


@pytest.fixture
def awx() -> Iterator[AwxFleet]:
    """The fleet's templates in AWX, and jobs of them."""
    with FakeAwx().started() as fake, tempfile.TemporaryDirectory(prefix="promfleet-fleet-") as name:
        # Jobs run as another user.
        Path(name).chmod(0o755)
        data = unconnected()
        # As from a mirror: a job has no home in which it could find what an earlier run fetched.
        data["all"]["vars"]["prometheus_operator_crds_source"] = str(crd_folder(PROMETHEUS_OPERATOR))
        yield AwxFleet(
            fake,
            inventory=data,
            kubeconfig=lab.account_kubeconfig(),
            folder=Path(name),
            teams=[{"name": "payments"}, {"name": "search"}],
        )
