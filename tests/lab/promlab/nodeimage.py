"""The kind node image: a Debian system, kind's own files, Kubernetes, and the component images inside."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from promlab import pins, rootfs
from promlab.archive import ImageConfig, write_archive
from promlab.cache import complete, digest, digest_tree, remove_tree
from promlab.errors import LabError
from promlab.gobuild import module_folder, program_path
from promlab.images import (
    COMPONENT_IMAGES,
    PAUSE_REFERENCE,
    PROVISIONER_REFERENCE,
    VOLUME_HELPER_REFERENCE,
    image_key,
    image_path,
)
from promlab.programs import PROGRAMS
from promlab.rootfs import rootfs_key, rootfs_path
from promlab.settings import Lab
from promlab.shell import capture, logged, output, wait_until
from promlab.toolchain import Go

NODE_REPOSITORY = "localhost/promfleet-lab/node"
NODE_FILES = pins.LAB_DIR / "node"
PROGRAM_FOLDERS = {
    "containerd": "usr/local/bin",
    "ctr": "usr/local/bin",
    "containerd-shim-runc-v2": "usr/local/bin",
    "crictl": "usr/local/bin",
    "kubelet": "usr/bin",
    "kubeadm": "usr/bin",
    "kubectl": "usr/bin",
}
CNI_PLUGINS = ("ptp", "host-local", "portmap", "loopback")
UNITS = ("kubelet", "containerd", "undo-mount-hacks")
# Where each block goes into kind's entrypoint: before this line.
ENTRYPOINT_BLOCKS = {
    "entrypoint-oom.sh": "  # handle userns (rootless)\n",
    "entrypoint-dns.sh": "  local files_to_update=(\n",
}
# Like in kind's Dockerfile: a node needs little of what systemd starts.
TRIMMED = (
    "var/cache/apt/*",
    "var/lib/apt/lists/*",
    "usr/share/doc/*",
    "usr/share/man/*",
    "usr/share/locale/*",
    "usr/share/info/*",
    "var/log/*",
    "lib/systemd/system/sysinit.target.wants/systemd-tmpfiles-setup.service",
    "lib/systemd/system/multi-user.target.wants/*",
    "etc/systemd/system/*.wants/*",
    "lib/systemd/system/local-fs.target.wants/*",
    "lib/systemd/system/sockets.target.wants/*udev*",
    "lib/systemd/system/sockets.target.wants/*initctl*",
    "lib/systemd/system/basic.target.wants/*",
    # Or all nodes would have one id.
    "etc/machine-id",
    "var/lib/dbus/machine-id",
)


def node_key(architecture: str) -> str:
    """A digest of everything that decides what is in the image."""
    base = rootfs_key(architecture)
    return digest(
        # Images for proofs are in no node: what decides about the others is in their keys.
        [digest(Path(name).read_bytes()) for name in (str(rootfs.__file__), __file__)],
        digest_tree(NODE_FILES),
        base,
        [PROGRAMS[name].key(architecture) for name in ("kind", *PROGRAM_FOLDERS)],
        [image_key(image, architecture=architecture, rootfs_key=base) for image in COMPONENT_IMAGES],
    )


def node_reference(architecture: str) -> str:
    """The name of the image; it changes with the pins, so that an engine never has an old one under it."""
    return f"{NODE_REPOSITORY}:v{pins.KUBERNETES}-{node_key(architecture)}"


def node_path(lab: Lab, architecture: str) -> Path:
    """Where the archive lies, built or not."""
    return lab.store / "node" / f"{node_key(architecture)}.tar"


def insert_blocks(entrypoint: str, blocks: dict[str, str]) -> str:
    """Put each block before its anchor line, which must be there once."""
    for anchor, block in blocks.items():
        if entrypoint.count(anchor) != 1:
            raise LabError(f"kind's entrypoint changed: {anchor.strip()!r} is in it {entrypoint.count(anchor)} times.")
        entrypoint = entrypoint.replace(anchor, block + anchor)
    return entrypoint


def fill_in(text: str) -> str:
    """Put the image names into a file of ../node."""
    for mark, value in {
        "@PAUSE@": PAUSE_REFERENCE,
        "@PROVISIONER@": PROVISIONER_REFERENCE,
        "@VOLUME_HELPER@": VOLUME_HELPER_REFERENCE,
    }.items():
        text = text.replace(mark, value)
    return text


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)


def _trim(root: Path) -> None:
    for pattern in TRIMMED:
        for path in root.glob(pattern):
            remove_tree(path)
    with (root / "etc/systemd/journald.conf").open("a") as settings:
        settings.write("ReadKMsg=no\n")
    default = root / "lib/systemd/system/default.target"
    default.unlink(missing_ok=True)
    default.symlink_to("multi-user.target")


def _add_kind_files(root: Path, kind_files: Path) -> None:
    for source in sorted(path for path in kind_files.rglob("*") if path.is_file()):
        relative = source.relative_to(kind_files)
        if relative.name == "containerd-fuse-overlayfs.service":
            continue
        target = root / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copyfile(source, target)
        target.chmod(0o755 if relative.parent.name == "bin" else 0o644)
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(parents=True, exist_ok=True)
    for unit in UNITS:
        (wants / f"{unit}.service").symlink_to(f"/etc/systemd/system/{unit}.service")
    (root / "etc/systemd/system/systemd-binfmt.service").symlink_to("/dev/null")
    entrypoint = root / "usr/local/bin/entrypoint"
    blocks = {anchor: (NODE_FILES / name).read_text() for name, anchor in ENTRYPOINT_BLOCKS.items()}
    entrypoint.write_text(insert_blocks(entrypoint.read_text(), blocks))


def _add_programs(root: Path, lab: Lab, architecture: str) -> None:
    for name, folder in PROGRAM_FOLDERS.items():
        target = root / folder / name
        shutil.copyfile(program_path(lab, PROGRAMS[name], architecture), target)
        target.chmod(0o755)
    plugins = root / "opt/cni/bin"
    plugins.mkdir(parents=True, exist_ok=True)
    for name in CNI_PLUGINS:
        shutil.move(root / "usr/lib/cni" / name, plugins / name)
    remove_tree(root / "usr/lib/cni")


def _add_settings(root: Path, ctr: Path) -> None:
    _put(root / "kind/version", f"v{pins.KUBERNETES}")
    _put(root / "etc/containerd/config.toml", fill_in((NODE_FILES / "containerd.toml").read_text()))
    _put(root / "etc/cni/net.d/10-kind.conflist", (NODE_FILES / "cni.conflist").read_text())
    _put(root / "kind/manifests/default-storage.yaml", fill_in((NODE_FILES / "storage.yaml.in").read_text()))
    (root / "etc/kubernetes/manifests").mkdir(parents=True, exist_ok=True)
    spec = json.loads(output([ctr, "oci", "spec"]))
    spec["process"].pop("rlimits", None)
    _put(root / "etc/containerd/cri-base.json", json.dumps(spec))


def _import_images(root: Path, archives: list[Path], *, containerd: Path, ctr: Path, work: Path, log: Path) -> None:
    """Import the archives with a containerd of the host whose data lies in the node's file system."""
    socket = work / "containerd.sock"
    plugins = ["io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime", "io.containerd.grpc.v1.cri"]
    disabled = json.dumps([*plugins, "io.containerd.nri.v1.nri"])
    (work / "containerd.toml").write_text(
        f'version = 3\nroot = "{root}/var/lib/containerd"\nstate = "{work}/state"\ndisabled_plugins = {disabled}\n'
        f'[grpc]\n  address = "{socket}"\n[ttrpc]\n  address = "{socket}.ttrpc"\n'
    )
    log.parent.mkdir(parents=True, exist_ok=True)
    client: list[str | Path] = [ctr, "--address", socket, "--namespace", "k8s.io"]
    with log.open("ab") as sink:
        daemon = subprocess.Popen(
            [containerd, "--config", work / "containerd.toml"], stdout=sink, stderr=sink, start_new_session=True
        )
    try:
        if not wait_until(lambda: capture([*client, "version"]).returncode == 0, timeout=30, interval=0.1):
            raise LabError(f"The containerd that imports images does not answer, log {log}")
        for archive in archives:
            imported = ["images", "import", "--discard-unpacked-layers", "--snapshotter", "overlayfs", "--local"]
            logged([*client, *imported, archive], log=log)
        # Layers that are unpacked now go with the next collection: have it before the end.
        logged([*client, "content", "prune", "references"], log=log)
    finally:
        daemon.terminate()
        daemon.wait(timeout=30)


def build_node_image(lab: Lab, go: Go) -> Path:
    """Put everything together; the programs and images must be there already."""
    architecture = go.architecture
    work = lab.work / "node"
    remove_tree(work)
    work.mkdir(parents=True)
    root = work / "root"
    log = lab.logs / "node-image.log"
    logged(["cp", "-a", rootfs_path(lab, architecture), root], log=log)
    _trim(root)
    kind_module = module_folder(go, folder=PROGRAMS["kind"].folder, module="sigs.k8s.io/kind")
    _add_kind_files(root, kind_module / "images/base/files")
    _add_programs(root, lab, architecture)
    programs = {name: program_path(lab, PROGRAMS[name], architecture) for name in ("containerd", "ctr")}
    _add_settings(root, programs["ctr"])
    key = rootfs_key(architecture)
    archives = [image_path(lab, image, architecture=architecture, rootfs_key=key) for image in COMPONENT_IMAGES]
    _import_images(root, archives, work=work, log=log, **programs)
    layer = work / "layer.tar"
    logged(["tar", "-C", root, "--numeric-owner", "--sort=name", "-cf", layer, "."], log=log)
    remove_tree(root)
    config = ImageConfig(
        entrypoint=("/usr/local/bin/entrypoint", "/sbin/init"), env=("container=docker",), stop_signal="SIGRTMIN+3"
    )
    target = node_path(lab, architecture)
    with complete(target) as partial:
        write_archive(partial, layer, reference=node_reference(architecture), image=config, architecture=architecture)
    remove_tree(work)
    return target
