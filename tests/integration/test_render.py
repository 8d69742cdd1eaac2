"""What is rendered and what is applied are one thing: on a real API server, with kubectl, both ways round."""

from __future__ import annotations

import contextlib
import functools
import json
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    BEFORE_ANNOTATION,
    SET_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import CAPABILITIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.render import WAVE
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import definition_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.execute import execute

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster, JsonObject, Key, key_of
from tests.integration.support.inprocess import run_module
from tests.integration.support.planes import started
from tests.integration.support.releases import kubectl

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
RULES = [{"name": "any", "rules": [{"record": "any:up", "expr": "up"}]}]
FLEET: JsonObject = {
    "cluster": "hub",
    "clusters": ["hub", "edge"],
    "teams": [{"name": "pay", "namespaces": ["pay"], "groups": ["oidc:pay"]}, {"name": "shop", "namespaces": ["shop"]}],
}
PROXY: JsonObject = {"certificate": {"secret": "any"}, "client_ca": {"secret": "any"}, "clients": ["any"]}
READ, WRITTEN = 30990, 30991
# What each capability is given here; one that is not named has its example.
GIVEN: dict[str, JsonObject] = {
    "operator": {"rules": RULES},
    "teams": {
        **FLEET,
        "base_rules": RULES,
        "receiving": ["platform"],
        "egress": {"api_server": [{"cidr": "192.0.2.1/32", "ports": [6443]}]},
    },
    "federation-write": {
        **FLEET,
        "receivers": [
            {"urls": ["https://hub.example.com:9090/api/v1/write"], "ip_family": "IPv4", "proxy": PROXY},
            {"team": "pay", "expose": "NodePort", "node_port": WRITTEN, "urls": [f"http://10.0.0.9:{WRITTEN}/api/v1/write"]},
        ],
    },
    "federation-source": {
        **FLEET,
        "sources": [
            {"expose": "NodePort", "node_port": READ, "address": "10.0.0.9"},
            {"team": "pay", "ip_family": "IPv4", "address": "10.0.0.9", "scheme": "https", "proxy": PROXY,
             "tls_config": {"cert": {"secret": "any"}}},
        ],
    },
    # Without the objects of grafana-operator, whose CRDs the control plane does not have.
    "grafana": {
        **FLEET,
        "namespace": "grafana",
        "shipped": {"any.json": "{}"},
        "install": True,
        "server": {"admin": {"secret": "any"}},
        "team_grafanas": [{"team": "pay", "admin": {"secret": "any"}}],
    },
    "federation": {
        **FLEET,
        "sources": [
            {"cluster": "edge", "team": "platform", "targets": [{"address": "192.0.2.1", "port": 9090}]},
            {"cluster": "edge", "team": "pay", "targets": [{"address": "prometheus.example.com", "port": 9090}]},
        ],
        "rules": RULES,
    },
}  # fmt: skip


def given_to(name: str) -> JsonObject:
    (capability,) = (one for one in CAPABILITIES if one.name == name)
    given = GIVEN.get(name, capability.example)
    # The control plane's administrator.
    return {**given, "platform_accounts": [{"user": "admin"}]} if "platform_accounts" in capability.options else given


def rendered(folder: Path, **options: t.Any) -> JsonObject:
    given = {one.name: given_to(one.name) for one in CAPABILITIES}
    more = {"folder": str(folder), "cluster": "hub", "capabilities": given, **options}
    return run_module("render", **more)


class Both:
    """One cluster that kubectl and the engine write to."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane = plane
        self.api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
        self.folder = folder
        self.number = int(rendered(folder)["objects"])
        self.told: list[JsonObject] = []

    def kubectl(self, *arguments: str) -> str:
        """Applies the folder as it is."""
        return kubectl(self.plane.kubeconfig, "apply", *arguments, "--kustomize", str(self.folder / "hub"))

    def engine(self, *, check: bool = False) -> dict[str, int]:
        """Brings the cluster to the same input, one capability after the other; how many objects had which action."""
        total: dict[str, int] = {}
        self.told = []
        for capability in CAPABILITIES:
            definition = definition_of(capability)
            connection = {"kubeconfig": str(self.plane.kubeconfig), "context": self.plane.context, "wait": False}
            validated = ArgumentSpecValidator(definition.options).validate({**connection, **given_to(capability.name)})
            assert not validated.error_messages
            answer = execute(definition, validated.validated_parameters, check=check, diff=False)
            assert not answer.result.get("failed"), answer.result["msg"]
            for action, count in answer.result["counts"].items():
                total[action] = total.get(action, 0) + count
            self.told += answer.result["objects"]
        return {action: count for action, count in total.items() if count}

    def objects(self) -> dict[Key, JsonObject]:
        """The live objects that the folder names."""
        listed = kubectl(self.plane.kubeconfig, "get", "--kustomize", str(self.folder / "hub"), "--output=json",
                         "--show-managed-fields")  # fmt: skip
        return {key_of(obj): obj for obj in json.loads(listed)["items"]}

    def clean(self) -> None:
        for capability in reversed(CAPABILITIES):
            definition = definition_of(capability)
            connection = {"kubeconfig": str(self.plane.kubeconfig), "context": self.plane.context, "wait": False}
            given = {**connection, **given_to(capability.name), "state": "absent"}
            validated = ArgumentSpecValidator(definition.options).validate(given)
            assert not execute(definition, validated.validated_parameters, check=False, diff=False).result.get("failed")
        kubectl(self.plane.kubeconfig, "delete", "--ignore-not-found", "--kustomize", str(self.folder / "hub"))
        for port in (READ, WRITTEN):
            self.api.wait_until(functools.partial(self._is_free, port), f"the node port {port} is free again")

    def _is_free(self, port: int) -> bool:
        """The server gives a node port back some time after its Service is gone."""
        service = ("nodeport", "free", "--tcp=80:80", f"--node-port={port}", "--dry-run=server")
        with contextlib.suppress(AssertionError):
            return bool(kubectl(self.plane.kubeconfig, "create", "service", *service))
        return False


def meaning(obj: JsonObject, *, without: t.Collection[str] = ()) -> JsonObject:
    """An object without what an adoption may change; its generation says whether its spec did.

    Two kinds get another generation with each label or annotation (pkg/registry/apps/deployment/strategy.go and
    pkg/registry/discovery/endpointslice/strategy.go).
    """
    counted = obj["kind"] not in ("Deployment", "EndpointSlice")
    moving = {"managedFields", "resourceVersion", *(() if counted else ("generation",))}
    metadata = {name: value for name, value in obj["metadata"].items() if name not in moving}
    annotations = metadata.pop("annotations", {})
    own = {ADOPTED_ANNOTATION, BEFORE_ANNOTATION, "deployment.kubernetes.io/revision", *without}
    labels = {name: value for name, value in metadata.pop("labels", {}).items() if name != SET_LABEL}
    kept = {name: value for name, value in annotations.items() if name not in own}
    body = {name: value for name, value in obj.items() if name != "status"}
    return {**body, "metadata": {**metadata, "labels": labels, "annotations": kept}}


@pytest.fixture(scope="module")
def plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    with started(request, "test-render") as (one,):
        run_module("crds", kubeconfig=one.kubeconfig, context=one.context, wait=True, wait_timeout=300)
        yield one


@pytest.fixture
def both(plane: ControlPlane, tmp_path: Path) -> Iterator[Both]:
    found = Both(plane, tmp_path)
    yield found
    found.clean()


RECORDS = len(CAPABILITIES)
# What says to controllers never to delete an object.
CONTROLLERS = ("argocd.argoproj.io/sync-options", "kustomize.toolkit.fluxcd.io/prune")
SERVER_SIDE = ("--server-side",)
CLIENT_SIDE: tuple[str, ...] = ()


@pytest.mark.parametrize("way", [SERVER_SIDE, CLIENT_SIDE], ids=["server-side", "client-side"])
def test_what_kubectl_applied_is_adopted_and_nothing_else(both: Both, way: tuple[str, ...]) -> None:
    both.kubectl(*way)
    before = both.objects()
    assert len(before) == both.number
    # Each set makes its record, and an adoption is an update.
    assert both.engine(check=True) == both.engine() == {"created": RECORDS, "updated": both.number}
    fields = (
        {field for entry in both.told if entry["action"] == "updated" for field in entry["fields"]} if way else set()
    )
    # What client-side apply set and the engine does not want is removed, as its contract says.
    without = () if way else (LAST_APPLIED, WAVE, *CONTROLLERS)
    assert {field for field in fields if not any(name in field for name in (ADOPTED_ANNOTATION, SET_LABEL))} == set()
    after = both.objects()
    for key, obj in before.items():
        assert meaning(after[key], without=without) == meaning(obj, without=without), key
    assert both.engine() == {"unchanged": both.number + RECORDS}


@pytest.mark.parametrize("way", [SERVER_SIDE, CLIENT_SIDE], ids=["server-side", "client-side"])
def test_what_the_engine_applied_kubectl_only_marks(both: Both, way: tuple[str, ...]) -> None:
    assert both.engine() == {"created": both.number + RECORDS}
    before = both.objects()
    both.kubectl(*way)
    after = both.objects()
    without = (LAST_APPLIED, WAVE, *CONTROLLERS)
    for key, obj in before.items():
        assert meaning(after[key], without=without) == meaning(obj, without=without), key
    assert both.engine(check=True) == both.engine() == {"unchanged": both.number + RECORDS}
    assert both.objects() == after
