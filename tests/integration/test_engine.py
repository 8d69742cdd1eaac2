"""The apply engine's rules, against a real API server, through the module `objects`."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from promlab.controlplane import ControlPlane
from tests.integration.conftest import Module
from tests.integration.support import account
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import single
from tests.integration.support.playbook import Run

JsonObject = dict[str, t.Any]
AS_USERS_WRITE = {"cpu": "1000m", "memory": "0.5Gi"}
NAMES = ("engine", "engine-other")
CORE = "v1"
ALPHA = "monitoring.coreos.com/v1alpha1"


def namespace(name: str, **labels: str) -> JsonObject:
    return {
        "apiVersion": CORE,
        "kind": "Namespace",
        "metadata": {"name": name, **({"labels": labels} if labels else {})},
    }


def config_map(place: str, name: str = "settings", **data: str) -> JsonObject:
    return {"apiVersion": CORE, "kind": "ConfigMap", "metadata": {"name": name, "namespace": place}, "data": data}


def service(place: str, **spec: t.Any) -> JsonObject:
    ports = [{"name": "web", "port": 80, "protocol": "TCP", "targetPort": 8080}]
    metadata = {"name": "web", "namespace": place, "labels": {"app": "web"}}
    return {
        "apiVersion": CORE,
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": {"app": "web"}, "ports": ports, **spec},
    }


@pytest.fixture(scope="session")
def kubeconfig(api: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of an account that may also write what is in the manifests here: no ClusterRole can ship that."""
    path = tmp_path_factory.mktemp("objects") / "kubeconfig"
    account.install_roles(api)
    roles = [*account.SHIPPED, "edit", "view"]
    account.give(api.kubeconfig, context=api.context, name="objects", roles=roles, output=path)
    return path


@pytest.fixture
def scratch(api: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """The name of a namespace that does not exist before the test; afterwards it is on its way out."""
    name = request.node.name.removeprefix("test_").split("[")[0].replace("_", "-")[:50].strip("-")
    yield name
    api.delete("v1", "Namespace", name)


@pytest.fixture
def objects(api: Cluster, plane: ControlPlane, playbook: Callable[..., Run], kubeconfig: Path) -> Iterator[_Bound]:
    """The module, with one set for a test; whatever is left of the set goes afterwards."""
    inventory = single(name=plane.name, kubeconfig=kubeconfig)
    # Nobody makes anything ready on a control plane without nodes.
    yield _Bound(Module(playbook, "objects", inventory=lambda: inventory), name="engine", wait=False)
    for record in ("default.objects-engine", "other.objects-engine"):
        api.delete(CORE, "ConfigMap", f"promfleet-set-{record}", "kube-system")


class _Bound:
    def __init__(self, module: Module, **options: t.Any) -> None:
        self._module = module
        self._options = options

    def __call__(self, *manifests: JsonObject, check: bool = False, **options: t.Any) -> t.Any:
        arguments = ["--check"] if check else []
        return self._module(*arguments, manifests=list(manifests), **self._options, **options)

    def fails(self, *manifests: JsonObject, **options: t.Any) -> t.Any:
        return self._module.fails(manifests=list(manifests), **self._options, **options)


def test_a_second_run_changes_nothing_and_check_mode_is_right(scratch: str, api: Cluster, objects: _Bound) -> None:
    wanted = [
        namespace(scratch),
        config_map(scratch, a="1"),
        service(scratch),
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web", "namespace": scratch},
            "spec": {
                "replicas": 0,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {
                        "containers": [
                            # Not canonical: the server answers with 1 and 512Mi.
                            {"name": "web", "image": "none", "resources": {"limits": dict(AS_USERS_WRITE)}}
                        ]
                    },
                },
            },
        },
    ]
    predicted = objects(*wanted, check=True)
    assert api.find(CORE, "Namespace", scratch) is None
    first = objects(*wanted)
    assert first.objects == predicted.objects
    assert first.data["counts"]["created"] == 5  # and the record of the set's kinds
    before = api.snapshot()
    for again in (objects(*wanted, check=True), objects(*wanted)):
        assert not again.changed
        assert again.data["counts"]["unchanged"] == 5
        assert again.objects == []
    assert api.snapshot() == before


def test_a_foreign_edit_of_an_owned_field_is_repaired(scratch: str, api: Cluster, objects: _Bound) -> None:
    wanted = [namespace(scratch), config_map(scratch, a="1", b="2")]
    objects(*wanted)
    api.edit(CORE, "ConfigMap", "settings", {"data": {"a": "edited"}}, namespace=scratch)
    refused = objects.fails(*wanted)
    assert "ConfigMap" in refused.message
    assert ".data.a" in refused.message
    assert "kubectl-edit" in refused.message
    assert api.get(CORE, "ConfigMap", "settings", scratch)["data"]["a"] == "edited"
    predicted = objects(*wanted, check=True, force_conflicts=True)
    repaired = objects(*wanted, force_conflicts=True)
    assert repaired.objects == predicted.objects == [f"updated ConfigMap {scratch}/settings"]
    assert repaired.data["objects"][0]["fields"] == ["data.a"]
    assert api.get(CORE, "ConfigMap", "settings", scratch)["data"] == {"a": "1", "b": "2"}
    assert not objects(*wanted).changed


def test_an_owned_field_that_was_removed_by_hand_comes_back(scratch: str, api: Cluster, objects: _Bound) -> None:
    wanted = [namespace(scratch), config_map(scratch, a="1", b="2")]
    objects(*wanted)
    api.edit(CORE, "ConfigMap", "settings", {"data": {"b": None}}, namespace=scratch)
    assert objects(*wanted).objects == [f"updated ConfigMap {scratch}/settings"]
    assert api.get(CORE, "ConfigMap", "settings", scratch)["data"] == {"a": "1", "b": "2"}


def test_fields_of_others_survive_and_our_removed_fields_go(scratch: str, api: Cluster, objects: _Bound) -> None:
    objects(namespace(scratch), config_map(scratch, a="1", b="2"))
    api.apply({**config_map(scratch, theirs="stays"), "data": {"theirs": "stays"}})
    api.edit(CORE, "ConfigMap", "settings", {"metadata": {"labels": {"by-hand": "stays"}}}, namespace=scratch)
    assert not objects(namespace(scratch), config_map(scratch, a="1", b="2")).changed
    assert objects(namespace(scratch), config_map(scratch, a="1")).objects == [f"updated ConfigMap {scratch}/settings"]
    live = api.get(CORE, "ConfigMap", "settings", scratch)
    assert live["data"] == {"a": "1", "theirs": "stays"}
    assert live["metadata"]["labels"]["by-hand"] == "stays"


def slice_of(place: str, address_type: str, address: str) -> JsonObject:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "web", "namespace": place, "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": address_type,
        "endpoints": [{"addresses": [address]}],
        "ports": [{"name": "web", "port": 80, "protocol": "TCP"}],
    }


def binding_to(place: str, role: str) -> JsonObject:
    group = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "readers", "namespace": place},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": group, "kind": "Group", "name": "readers"}],
    }


def test_immutable_fields_of_stateless_objects_are_replaced(scratch: str, api: Cluster, objects: _Bound) -> None:
    before = [
        namespace(scratch),
        slice_of(scratch, "IPv4", "192.0.2.7"),
        binding_to(scratch, "view"),
        service(scratch),
    ]
    after = [
        namespace(scratch),
        slice_of(scratch, "IPv6", "2001:db8::7"),
        binding_to(scratch, "edit"),
        service(scratch, clusterIP="None"),
    ]
    objects(*before)
    expected = [
        f"replaced EndpointSlice {scratch}/web",
        f"replaced RoleBinding {scratch}/readers",
        f"replaced Service {scratch}/web",
    ]
    assert objects(*after, check=True).objects == expected
    assert api.get("discovery.k8s.io/v1", "EndpointSlice", "web", scratch)["addressType"] == "IPv4"
    assert objects(*after).objects == expected
    assert api.get("discovery.k8s.io/v1", "EndpointSlice", "web", scratch)["addressType"] == "IPv6"
    assert api.get("rbac.authorization.k8s.io/v1", "RoleBinding", "readers", scratch)["roleRef"]["name"] == "edit"
    assert api.get(CORE, "Service", "web", scratch)["spec"]["clusterIP"] == "None"
    assert not objects(*after).changed


def test_prune_takes_what_we_made_and_nothing_that_only_carries_our_label(
    scratch: str, api: Cluster, objects: _Bound
) -> None:
    objects(namespace(scratch), service(scratch), config_map(scratch, a="1"))
    label = api.get(CORE, "Service", "web", scratch)["metadata"]["labels"]["promfleet.monitoring/set"]
    # The endpoints controller copies the labels of a Service without a selector's pods too.
    kind = api.kind("discovery.k8s.io/v1", "EndpointSlice")

    def copied() -> list[JsonObject]:
        found = api.list_kind(kind, selector=f"promfleet.monitoring/set={label}")
        return [obj for obj in found if obj["metadata"]["namespace"] == scratch]

    api.wait_until(lambda: bool(copied()), "the controller has copied the label to its EndpointSlice")
    uid = copied()[0]["metadata"]["uid"]
    stranger = config_map(scratch, "copied-by-hand", b="2")
    stranger["metadata"]["labels"] = {"promfleet.monitoring/set": label}
    api.apply(stranger)
    pruned = objects(namespace(scratch), service(scratch))
    assert pruned.objects == [f"deleted ConfigMap {scratch}/settings"]
    assert "copied-by-hand" in " ".join(pruned.data.get("warnings") or ())
    assert api.find(CORE, "ConfigMap", "copied-by-hand", scratch) is not None
    assert [obj["metadata"]["uid"] for obj in copied()] == [uid]


def test_an_existing_namespace_is_adopted_and_only_released(scratch: str, api: Cluster, objects: _Bound) -> None:
    api.apply(namespace(scratch, owner="somebody"))
    api.apply(config_map(scratch, "theirs", a="1"))
    wanted = [namespace(scratch, ours="yes"), config_map(scratch, a="1")]
    objects(*wanted)
    assert api.get(CORE, "Namespace", scratch)["metadata"]["labels"]["ours"] == "yes"
    assert not objects(*wanted).changed
    gone = objects(state="absent")
    assert f"released Namespace {scratch}" in gone.objects
    assert f"deleted ConfigMap {scratch}/settings" in gone.objects
    live = api.get(CORE, "Namespace", scratch)
    assert live["metadata"]["labels"] == {"kubernetes.io/metadata.name": scratch, "owner": "somebody"}
    assert not any(name.startswith("promfleet") for name in live["metadata"].get("annotations") or {})
    assert api.find(CORE, "ConfigMap", "theirs", scratch) is not None
    assert not objects(state="absent").changed


def test_our_own_namespace_stays_while_others_live_in_it(scratch: str, api: Cluster, objects: _Bound) -> None:
    objects(namespace(scratch), config_map(scratch, a="1"))
    api.apply(config_map(scratch, "theirs", a="1"))
    gone = objects(state="absent")
    assert f"released Namespace {scratch}" in gone.objects
    assert "ConfigMap theirs" in " ".join(gone.data.get("warnings") or ())
    assert api.find(CORE, "ConfigMap", "theirs", scratch) is not None
    assert api.find(CORE, "ConfigMap", "settings", scratch) is None


def test_a_custom_resource_in_a_version_that_its_group_does_not_prefer_is_seen(
    scratch: str, api: Cluster, objects: _Bound
) -> None:
    objects(namespace(scratch))
    metadata = {"name": "theirs", "namespace": scratch}
    api.apply({"apiVersion": ALPHA, "kind": "AlertmanagerConfig", "metadata": metadata, "spec": {}})
    gone = objects(state="absent")
    assert f"released Namespace {scratch}" in gone.objects
    assert api.find(ALPHA, "AlertmanagerConfig", "theirs", scratch) is not None


def test_another_fleet_cannot_take_our_objects(scratch: str, api: Cluster, objects: _Bound) -> None:
    objects(namespace(scratch), config_map(scratch, a="1"))
    refused = objects.fails(namespace(scratch), config_map(scratch, a="2"), fleet="other")
    assert "default.objects-engine" in refused.message
    assert "other.objects-engine" in refused.message
    assert api.get(CORE, "ConfigMap", "settings", scratch)["data"] == {"a": "1"}


def test_one_bad_object_is_named_and_the_others_are_reported(scratch: str, api: Cluster, objects: _Bound) -> None:
    bad = config_map(scratch, "Not_A_Name", a="1")
    failed = objects.fails(namespace(scratch), bad, config_map(scratch, a="1"))
    assert f"ConfigMap {scratch}/Not_A_Name" in failed.message
    assert [entry["name"] for entry in failed.data["failures"]] == ["Not_A_Name"]
    assert f"created ConfigMap {scratch}/settings" in failed.objects
    assert api.find(CORE, "ConfigMap", "settings", scratch) is not None


def test_the_whole_result_is_in_a_file_in_check_mode_too(scratch: str, objects: _Bound, tmp_path: Path) -> None:
    predicted = objects(namespace(scratch), config_map(scratch, a="1"), check=True, result_file=f"{tmp_path}/new/")
    whole = json.loads((tmp_path / "new/objects.json").read_text(encoding="utf-8"))
    assert whole["objects"] == predicted.data["objects"]
    assert whole["counts"] == predicted.data["counts"]
    assert len(whole["diff"]) == len(whole["objects"])


def test_secrets_with_values_are_refused(scratch: str, objects: _Bound) -> None:
    secret = {
        "apiVersion": CORE,
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": scratch},
        "stringData": {"a": "canary"},
    }
    assert "manifests[0]" in objects.fails(secret).message
