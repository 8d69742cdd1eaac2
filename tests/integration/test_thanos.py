"""A source that is queried, from the inventory to what the operator and the API server make of it.

Both clusters are one control plane here: their instances are in namespaces with other prefixes. That Thanos itself runs
with these objects shows tests/bench/thanos.py, which `make prove` runs.
"""

from __future__ import annotations

import json
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run
from ansible_collections.promfleet.monitoring.plugins.modules import federation_writes

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.operator_process import operator, serve_crds
from tests.integration.support.planes import started
from tests.integration.support.prometheus_process import lab_program

JsonObject = dict[str, t.Any]

CLUSTERS = ["hub", "edge", "far"]
HUB, EDGE = "hub-platform", "edge-platform"
SOURCE: JsonObject = {
    "transport": "thanos",
    "expose": "Existing",
    "address": "192.0.2.7",
    "port": 10901,
    "sidecar": {"certificate": {"secret": "sidecar"}, "client_ca": {"secret": "queries-ca"}},
    "tls_config": {"ca": {"secret": "workers-ca"}, "cert": {"secret": "query"}, "server_name": "edge.example"},
}
QUERY = "thanos-query-platform"


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Both clusters."""

    plane: ControlPlane
    api: Cluster

    def run(self, module: str, cluster: str, **options: t.Any) -> JsonObject:
        """The result of a module on one of them."""
        return run_module(
            module,
            kubeconfig=self.plane.kubeconfig,
            context=self.plane.context,
            cluster=cluster,
            clusters=CLUSTERS,
            fleet=cluster,
            namespace_prefix=f"{cluster}-",
            wait=False,
            **options,
        )

    def endpoints(self) -> list[JsonObject]:
        """What the live Query asks."""
        found = self.api.get("apps/v1", "Deployment", QUERY, HUB)["spec"]["template"]["metadata"]["annotations"]
        return list(json.loads(found["promfleet.monitoring/query-endpoints"])["endpoints"])


def writes() -> list[JsonObject]:
    """What the instance of the edge needs."""
    given = {"cluster": "edge", "clusters": CLUSTERS, "namespace_prefix": "edge-", "sources": [SOURCE]}
    params = validate_mapping(given, federation_writes.DEFINITION.options, path="")
    return list(federation_writes.DEFINITION.work(Run(params=params, check=False))["writes"])


@pytest.fixture(scope="module")
def sides(request: pytest.FixtureRequest) -> Iterator[Sides]:
    """A control plane with the operator."""
    program = lab_program(request, "operator")
    with started(request, "queried", controllers=False) as (plane,):
        api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
        serve_crds(api)
        for namespace in (HUB, EDGE):
            api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        with operator(plane, program):
            yield Sides(plane=plane, api=api)


def test_a_source_without_a_sidecar_is_refused_and_then_gets_one(sides: Sides) -> None:
    exposed = {**SOURCE, "expose": "NodePort", "address": None, "port": None}
    sides.run("team_monitoring", "edge")
    with pytest.raises(Refused, match="has no sidecar that serves others yet; run team_monitoring"):
        sides.run("federation_source", "edge", sources=[exposed])
    sides.run("team_monitoring", "edge", writes=writes())
    found: JsonObject = {}

    def has_sidecar() -> bool:
        live = sides.api.find("apps/v1", "StatefulSet", "prometheus-platform", EDGE) or {}
        found.update(((live.get("spec") or {}).get("template") or {}).get("spec") or {})
        return any(one["name"] == "thanos-sidecar" for one in found.get("containers") or ())

    sides.api.wait_until(has_sidecar, "the operator adds the sidecar")
    (sidecar,) = [one for one in found["containers"] if one["name"] == "thanos-sidecar"]
    flags = dict(text.removeprefix("--").partition("=")[::2] for text in sidecar["args"] if text.startswith("--"))
    mounts = {one["mountPath"]: one["name"] for one in sidecar["volumeMounts"]}
    volumes = {one["name"]: one for one in found["volumes"]}
    secrets = {
        flag: volumes[mounts[flags[flag].rpartition("/")[0]]]["secret"]["secretName"]
        for flag in ("grpc-server-tls-cert", "grpc-server-tls-key", "grpc-server-tls-client-ca")
    }
    assert secrets == {
        "grpc-server-tls-cert": "sidecar",
        "grpc-server-tls-key": "sidecar",
        "grpc-server-tls-client-ca": "queries-ca",
    }
    assert {"name": "grpc", "containerPort": 10901} in [
        {"name": one["name"], "containerPort": one["containerPort"]} for one in sidecar["ports"]
    ]
    # Prometheus itself does not see the key.
    (prometheus,) = [one for one in found["containers"] if one["name"] == "prometheus"]
    assert not {one["name"] for one in prometheus["volumeMounts"]} & {"thanos-certificate", "thanos-client-ca"}


def test_query_is_made_kept_and_removed(sides: Sides) -> None:
    sides.run("team_monitoring", "edge", writes=writes())
    handed = sides.run("federation_source", "edge", sources=[SOURCE])["sources"]
    assert [(one["transport"], one["targets"]) for one in handed] == [
        ("thanos", [{"address": "192.0.2.7", "port": 10901, "replica": 0}])
    ]
    far = {**handed[0], "cluster": "far", "targets": [{"address": "192.0.2.8", "port": 10901}]}
    platform = {"prometheus": {"replicas": 2}}
    sides.run("team_monitoring", "hub", querying=["platform"], platform=platform)
    first = sides.run("federation_endpoints", "hub", sources=[*handed, far], platform=platform)
    again = sides.run("federation_endpoints", "hub", sources=[*handed, far], platform=platform)
    assert first["outcome"].changes
    assert not again["outcome"].changes
    assert {one["address"] for one in sides.endpoints()} == {"192.0.2.7:10901", "192.0.2.8:10901"}
    assert sides.api.find("policy/v1", "PodDisruptionBudget", QUERY, HUB)
    # One that gave no answer is asked as before; one that is no longer a source is not.
    sides.run("federation_endpoints", "hub", sources=[far], stale=["edge"], platform=platform)
    assert {one["address"] for one in sides.endpoints()} == {"192.0.2.7:10901", "192.0.2.8:10901"}
    sides.run("federation_endpoints", "hub", sources=[], stale=["edge"], platform=platform)
    assert {one["address"] for one in sides.endpoints()} == {"192.0.2.7:10901"}
    sides.run("federation_endpoints", "hub", sources=[], platform=platform)
    assert sides.api.find("apps/v1", "Deployment", QUERY, HUB) is None
    assert sides.api.find("v1", "Service", QUERY, HUB) is None
