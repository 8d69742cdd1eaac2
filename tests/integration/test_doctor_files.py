"""The doctor over folders of manifests: what it finds there is what it finds once they are applied."""

from __future__ import annotations

import copy
import json
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.block_yaml import dump
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import phase_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import KNOWN_AFTER_APPLY
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import objects_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.catalogue import CODES
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.views import APPLIED, params_of
from ansible_collections.promfleet.monitoring.plugins.modules import federation_doctor

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster, JsonObject
from tests.integration.support.inprocess import run_module
from tests.integration.support.planes import started, with_policy_engine

CENTRAL = "monitoring-platform"
NAME = "federation-edge-platform"
EXPOSING = "prometheus-platform-federation-0"
SOURCE: JsonObject = {
    "cluster": "edge",
    "team": "platform",
    "targets": [{"address": "192.0.2.7", "port": 31090, "replica": 0}],
}
LOOK: JsonObject = {
    "cluster": "hub",
    "clusters": ["hub", "edge"],
    "teams": [{"name": "pay", "namespaces": ["pay"]}],
    "sources": [SOURCE],
    "exposed": [{"team": "platform", "expose": "NodePort"}],
    "wait_timeout": 60,
}
Change = Callable[[list[JsonObject]], list[JsonObject]]


@pytest.fixture(scope="module")
def plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    with started(request, "test-files") as (one,):
        with_policy_engine(one)
        run_module("crds", kubeconfig=one.kubeconfig, context=one.context, wait=True, wait_timeout=300)
        yield one


def manifests(**options: t.Any) -> list[JsonObject]:
    """What the collection renders for a cluster."""
    given = {**LOOK, **options}
    validated = ArgumentSpecValidator(federation_doctor.DEFINITION.options).validate(given)
    assert not validated.error_messages
    params = validated.validated_parameters
    objects = [obj for one in APPLIED for obj in objects_of(one, params_of(one, params))]
    # The API server's address, which only a run reads.
    objects = [
        json.loads(json.dumps(obj).replace(KNOWN_AFTER_APPLY, "192.0.2.1/32"))
        if obj["kind"] == "NetworkPolicy"
        else obj
        for obj in objects
    ]
    return sorted(objects, key=lambda obj: phase_of(obj["kind"]))


def written(objects: list[JsonObject], folder: Path) -> str:
    """A folder as teams keep them: several files, several documents in each, and neighbours that are no manifests."""
    (folder / "base").mkdir(parents=True)
    for number in range(3):
        (folder / "base" / f"{number}.yaml").write_text(dump(objects[number::3]))
    (folder / "kustomization.yaml").write_text("kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\n")
    (folder / "values.yml").write_text("replicas: 3\n---\n- a\n- b\n---\n# nothing\n")
    (folder / "README.md").write_text("[not YAML")
    return str(folder)


def look(folder: str, **options: t.Any) -> JsonObject:
    given = {**LOOK, "mode": "files", "files": [folder], **options}
    return run_module("federation_doctor", kubeconfig=Path("/nowhere"), context="none", **given)


def known_before(result: JsonObject) -> dict[str, str]:
    """What was seen of the codes that can be known before an apply: by fingerprint, for people."""
    return {
        one["fingerprint"]: f"{one['code']} {one['object']['kind']}/{one['object']['name']}: {one['message']}"
        for one in result["findings"]
        # No team has a receiver here.
        if one["observed"] and "before" in CODES[one["code"]].when and one["code"] != "PF236"
    }


def changed(kind: str, name: str, **spec: t.Any) -> Change:
    """Gives an object other fields in its spec; names of metadata and of slices are fields of their own."""

    def change(objects: list[JsonObject]) -> list[JsonObject]:
        result = copy.deepcopy(objects)
        (obj,) = (one for one in result if (one["kind"], one["metadata"]["name"]) == (kind, name))
        labels = spec.pop("labels", {})
        obj["metadata"]["labels"] |= labels
        holder = obj.get("spec", obj)
        holder |= spec
        return result

    return change


def without(kind: str, name: str) -> Change:
    return lambda objects: [one for one in objects if (one["kind"], one["metadata"]["name"]) != (kind, name)]


# What is wrong in the folder, and the code that is found there and once it is applied.
FAULTS: dict[str, tuple[Change, str]] = {
    "no operator": (without("Deployment", "prometheus-operator"), "PF102"),
    "operator stopped": (changed("Deployment", "prometheus-operator", replicas=0), "PF107"),
    "no instance": (without("Prometheus", "platform"), "PF201"),
    "namespace of another team": (changed("Namespace", "pay", labels={"promfleet.monitoring/team": "x"}), "PF212"),
    "paused": (changed("Prometheus", "platform", paused=True), "PF231"),
    "other labels": (changed("Prometheus", "platform", externalLabels={"cluster": "x"}), "PF232"),
    "no Service": (without("Service", NAME), "PF301"),
    "no slice": (without("EndpointSlice", f"{NAME}-0"), "PF301"),
    "no monitor": (without("ServiceMonitor", NAME), "PF301"),
    "Service without its label": (changed("Service", NAME, labels={"app.kubernetes.io/instance": "x"}), "PF302"),
    "slice of another Service": (
        changed("EndpointSlice", f"{NAME}-0", labels={"kubernetes.io/service-name": "x"}),
        "PF312",
    ),
    "port of another name": (
        changed("EndpointSlice", f"{NAME}-0", ports=[{"name": "x", "port": 31090, "protocol": "TCP"}]),
        "PF313",
    ),
    "another address": (changed("EndpointSlice", f"{NAME}-0", endpoints=[{"addresses": ["192.0.2.8"]}]), "PF314"),
    "monitor not selected": (
        changed("Prometheus", "platform", serviceMonitorSelector={"matchLabels": {"a": "b"}}),
        "PF315",
    ),
    "nothing exposed": (without("Service", EXPOSING), "PF320"),
    "closed": (
        changed(
            "NetworkPolicy",
            "prometheus-platform-federation",
            ingress=[{"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}],
        ),
        "PF326",
    ),
    "other type": (changed("Service", EXPOSING, type="ClusterIP", externalTrafficPolicy=None), "PF328"),
    "other namespaces": (
        changed("ServiceMonitor", NAME, namespaceSelector={"matchNames": ["default"]}),
        "PF384",
    ),
}


def test_what_the_collection_renders_is_well(tmp_path: Path) -> None:
    result = look(written(manifests(), tmp_path))
    assert known_before(result) == {}
    (later,) = [one for one in result["findings"] if one["code"] == "PF009"]
    unknown = {one["check"] for one in result["checks"] if one["code"] == "PF009"}
    assert unknown == set(later["evidence"]["checks"])
    assert {"crds", "webhooks", "other_operators", "prometheus_available", "federation_target_up"} <= unknown
    well = {one["check"] for one in result["checks"] if one["ok"]}
    assert {"federation_selection", "exposed_policy", "namespace"} <= well
    assert result["sources"][0]["targets"] == [{"address": "(known after apply)", "port": None, "replica": 0}]


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_found_in_files_is_found_once_they_are_applied(plane: ControlPlane, tmp_path: Path, name: str) -> None:
    admin = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    change, code = FAULTS[name]
    objects = change(manifests())
    before = look(written(objects, tmp_path))
    names = {(one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"]) for one in objects}
    for one in manifests():
        if one["kind"] == "Namespace":
            continue
        key = (one["kind"], one["metadata"].get("namespace", ""), one["metadata"]["name"])
        if key not in names or name == "other type":
            admin.delete(one["apiVersion"], one["kind"], one["metadata"]["name"], key[1])
    for one in objects:
        admin.apply(one, force=True)
    after = run_module("federation_doctor", kubeconfig=plane.kubeconfig, context=plane.context, **LOOK)
    assert code in {one["code"] for one in before["findings"]}
    assert known_before(before) == known_before(after)


def test_a_namespace_that_the_files_do_not_have_is_not_taken_for_missing(tmp_path: Path) -> None:
    result = look(written(without("Namespace", "pay")(manifests()), tmp_path))
    assert known_before(result) == {}
    assert ("namespace", "hub/Namespace/pay", "PF009") in {
        (one["check"], one["object"], one["code"]) for one in result["checks"]
    }


def test_both_sides_are_judged_together(tmp_path: Path) -> None:
    edge = look(written(manifests(cluster="edge", sources=[]), tmp_path / "edge"), cluster="edge", sources=[])
    hub = written(manifests(exposed=[], sources=edge["sources"]), tmp_path / "hub")
    together: JsonObject = {"exposed": [], "sources": edge["sources"], "peers": [edge["observation"]]}
    result = look(hub, workers=["edge"], **together)
    assert known_before(result) == {}
    assert {one["object"] for one in result["checks"] if one["check"] == "exposed_service"} == {
        f"edge/Service/{CENTRAL}/{EXPOSING}"
    }
    broken = without("Service", EXPOSING)(manifests(cluster="edge", sources=[]))
    edge = look(written(broken, tmp_path / "broken"), cluster="edge", sources=[])
    result = look(hub, workers=["edge"], **{**together, "peers": [edge["observation"]]})
    seen = [one for one in result["findings"] if one["observed"] and one["code"] != "PF236"]
    assert [(one["code"], one["object"]["cluster"]) for one in seen] == [("PF320", "edge")]
