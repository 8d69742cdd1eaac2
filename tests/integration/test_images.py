"""Images of a fleet: digests of a real registry, copies into another one, and the pods of a cluster."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import (
    KUBE_RBAC_PROXY,
    PROMETHEUS_OPERATOR,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.defaults import BASE_IMAGES, RELOADER_FLAG
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.playbook import CHECKOUT, environment
from tests.integration.support.private_registry import loopback_registry
from tests.integration.support.prometheus_process import lab_program

JsonObject = dict[str, t.Any]
GUIDE = CHECKOUT / "docs/images.md"
BLOCK = re.compile(r"(?:<!-- ((?:fails: )?(.+?)) -->\n+)?```shell\n(.*?)```", re.DOTALL)
PROXIED: JsonObject = {
    "expose": "NodePort",
    "scheme": "https",
    "tls_config": {"cert": {"secret": "any"}},
    "proxy": {"certificate": {"secret": "any"}, "client_ca": {"secret": "any"}, "clients": ["any"]},
}
GIVEN: JsonObject = {
    "operator": {},
    "teams": {"cluster": "hub", "clusters": ["hub"], "teams": [{"name": "shot", "namespaces": ["shot"]}]},
}
NAMESPACES = ("prometheus-operator", "monitoring-platform", "monitoring-shot")


@pytest.fixture(scope="module")
def crane(request: pytest.FixtureRequest) -> Path:
    return lab_program(request, "crane")


def push(crane: Path, image: str, *, content: str, folder: Path) -> None:
    """Put an image with one file into a registry."""
    layer = folder / "layer.tar"
    (folder / "content").write_text(content, encoding="utf-8")
    with tarfile.open(layer, "w") as archive:
        archive.add(folder / "content", arcname="content")
    subprocess.run([crane, "append", f"--new_layer={layer}", f"--new_tag={image}"], check=True, capture_output=True)


def digest(crane: Path, image: str) -> str:
    return subprocess.run([crane, "digest", image], check=True, capture_output=True, text=True).stdout.strip()


def test_digests_and_copies_of_real_registries(crane: Path, tmp_path: Path) -> None:
    with (
        loopback_registry(crane, tmp_path / "source") as source,
        loopback_registry(crane, tmp_path / "target") as target,
    ):
        # Images of others: ours would count as those of quay.io.
        images = [f"{source}/other/tool:v1", f"{source}/own/tool:v1"]
        for image in images:
            push(crane, image, content=image, folder=tmp_path)
        options: JsonObject = {
            "inventories": [{"cluster": "hub", "images": images}],
            "lock": str(tmp_path / "images.lock.yml"),
            "plain_http": [source, target],
            "mirrors": {source: f"{target}/mirror"},
            "formats": ["crane"],
            "folder": str(tmp_path / "mirror"),
        }

        def images_of(**more: t.Any) -> JsonObject:
            return run_module("images", **{**options, **more})

        found = images_of(ask="source", update_lock=True, require_digests=True)
        digests = {image: digest(crane, image) for image in images}
        assert {row["source"]: row["digest"] for row in found["images"]} == digests
        # Before they are copied the mirror has none, and each is named.
        with pytest.raises(InputError) as caught:
            images_of(ask="target")
        assert [error.path for error in caught.value.errors] == [f"ask: {row['target']}" for row in found["images"]]
        assert f"{target} does not have this image" in str(caught.value)
        subprocess.run(["sh", tmp_path / "mirror/crane.sh"], check=True, capture_output=True,
                       env={**os.environ, "PATH": f"{crane.parent}:{os.environ['PATH']}"})  # fmt: skip
        copied = images_of(ask="target", require_digests=True)
        assert not copied["changed"]
        assert [digest(crane, row["target"]) for row in copied["images"]] == [row["digest"] for row in copied["images"]]
        # A tag that was pushed again is not what was locked.
        push(crane, copied["images"][0]["target"], content="another", folder=tmp_path)
        with pytest.raises(InputError, match="is locked as sha256:"):
            images_of(ask="target")


@pytest.fixture
def namespaces(api: Cluster) -> Iterator[None]:
    for name in NAMESPACES:
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield
    api.delete_namespaces(*NAMESPACES)


def pod(namespace: str, name: str, *images: str) -> JsonObject:
    containers = [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}


@pytest.mark.usefixtures("namespaces")
def test_pods_are_compared_with_what_the_input_makes_a_cluster_pull(api: Cluster, plane: ControlPlane) -> None:
    connection: JsonObject = {"kubeconfig": plane.kubeconfig, "context": plane.context}
    expected = [row["image"] for row in run_module("images_info", cluster="hub", capabilities=GIVEN)["images"]]
    of_operator, others = expected[1], [image for image in expected if image != expected[1]]
    assert "/prometheus-operator:" in of_operator

    def running(**options: t.Any) -> JsonObject:
        return run_module("images_running", cluster="hub", capabilities=GIVEN, **connection, **options)

    api.apply(pod("prometheus-operator", "operator", of_operator))
    api.apply(pod("monitoring-platform", "platform", *others[:-1]))
    assert running()["missing"] == others[-1:]
    api.apply(pod("monitoring-shot", "shot", *others))
    complete = running()
    assert (complete["failure"], complete["pods"]) == (None, 3)
    api.apply(pod("monitoring-shot", "strange", "docker.io/istio/proxyv2:1.29.0"))
    strange = running()
    assert strange["unexpected"] == [
        {"image": "docker.io/istio/proxyv2:1.29.0", "pods": ["Pod monitoring-shot/strange, container c0"]}
    ]
    assert "docker.io/istio/proxyv2:1.29.0 is not expected" in strange["failure"]
    # In a shared namespace the pods of others do not count, and these have no labels of ours.
    assert running(shared_namespaces=["monitoring-shot"])["unexpected"] == []


def inventory_with_proxy(folder: Path) -> None:
    """The guide's inventory, in which the worker has a proxy in front of its instance."""
    (guide,) = re.findall(r"```yaml\n(all:.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    (folder / "inventory.yml").write_text(guide, encoding="utf-8")
    (folder / "host_vars").mkdir()
    (folder / "host_vars/edge.yml").write_text(json.dumps({"prometheus_federation_sources": [PROXIED]}))


def test_the_guide_as_a_user_follows_it(tmp_path: Path) -> None:
    inventory_with_proxy(tmp_path)
    programs = environment(Path(sys.prefix), COLLECTION=str(CHECKOUT))
    blocks = BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    run = [(fails, command.strip()) for about, fails, command in blocks if not about.startswith("needs")]
    assert [bool(fails) for fails, _command in run] == [False, True]
    outputs = []
    for fails, command in run:
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=programs, capture_output=True, text=True, check=False
        )
        outputs.append(done.stdout + done.stderr)
        assert (done.returncode != 0) == bool(fails), f"{command}\nexit {done.returncode}\n{outputs[-1]}"
        assert fails in " ".join(outputs[-1].split())
    proxy = f"quay.io/brancz/kube-rbac-proxy:v{KUBE_RBAC_PROXY}"
    lines = [line for line in (tmp_path / "mirror/images.txt").read_text().splitlines() if not line.startswith("#")]
    assert proxy in (tmp_path / "images.lock.yml").read_text()
    # No image escapes the registry, and all else in its name stays.
    assert lines == [f"{image}=registry.example.com/{image}" for image in sorted(line.split("=")[0] for line in lines)]
    assert len(lines) == 5
    assert sorted(path.name for path in (tmp_path / "mirror").iterdir()) == [
        "crane.sh", "delete-imageset-config.yml", "delete.txt", "images.txt", "imageset-config.yml", "oras.sh",
        "skopeo.yml",
    ]  # fmt: skip
    (shown,) = re.findall(r"```text\n(quay\.io.*?)\.\.\.", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert [line for line in shown.splitlines() if line.strip() and line not in outputs[0]] == []


def test_the_program_of_the_operator_has_these_defaults(request: pytest.FixtureRequest) -> None:
    told = subprocess.run([lab_program(request, "operator"), "--help"], check=False, capture_output=True, text=True)
    shown = dict(
        re.findall(r"^  -([\w-]+) string\n\s+.*\(default \"(.+)\"\)$", told.stdout + told.stderr, re.MULTILINE)
    )
    expected = {**BASE_IMAGES, RELOADER_FLAG: f"{BASE_IMAGES[RELOADER_FLAG]}:v{PROMETHEUS_OPERATOR}"}
    assert {flag: shown.get(flag) for flag in BASE_IMAGES} == expected
