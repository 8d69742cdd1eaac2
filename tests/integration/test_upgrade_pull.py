"""A real node pulls images before an upgrade, with the rights that the collection ships.

What a node cannot pull, and what the playbook does then, is a rule of molecule's scenario `upgrade`.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR

from tests.integration.support import lab
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module

JsonObject = dict[str, t.Any]

NAMESPACE = "promfleet-pulling"
NAME = "promfleet-pull"
LEVEL = {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.fixture
def place(hub: Cluster) -> Iterator[Cluster]:
    """A namespace of an operator that is to come."""
    hub.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": LEVEL}})
    yield hub
    hub.delete_namespaces(NAMESPACE)


def pull(**options: t.Any) -> JsonObject:
    capabilities = {"operator": {"namespace": NAMESPACE}}
    connection: JsonObject = {"kubeconfig": lab.account_kubeconfig(), "context": f"kind-{lab.HUB}"}
    return run_module("upgrade_pull", **connection, cluster="hub", capabilities=capabilities, **options)


def left(cluster: Cluster) -> list[str]:
    kinds = [("apps/v1", "DaemonSet"), ("v1", "Pod"), ("v1", "ConfigMap"), ("coordination.k8s.io/v1", "Lease")]
    found = [obj["metadata"]["name"] for kind in kinds for obj in cluster.list_kind(cluster.kind(*kind))]
    return [name for name in found if name.startswith(NAME) or name == "promfleet-set-default.pull"]


def test_a_node_gets_the_images_and_nothing_is_left(place: Cluster) -> None:
    operator = f"quay.io/prometheus-operator/prometheus-operator:v{PROMETHEUS_OPERATOR}"
    done = pull()
    assert (operator in done["images"], done["nodes"], done["warnings"]) == (True, [f"{lab.HUB}-control-plane"], [])
    assert left(place) == []


def test_check_mode_makes_nothing(place: Cluster) -> None:
    before = place.snapshot()
    assert pull(check=True)["images"]
    assert place.snapshot() == before
