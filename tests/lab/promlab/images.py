"""The images that the lab makes itself, all under the names that their projects publish them by."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from promlab import archive, pins
from promlab.archive import Entry, File, Folder, ImageConfig, Link
from promlab.cache import complete, digest
from promlab.gobuild import program_path
from promlab.programs import PROGRAMS
from promlab.settings import Lab

_TMP = {"tmp": Folder(mode=0o1777)}
_NOBODY = "65534"


@dataclass(frozen=True, kw_only=True)
class Image:
    """One image: the programs in it by their path there, and how it starts."""

    name: str
    reference: str
    programs: dict[str, str]
    config: ImageConfig = field(default_factory=ImageConfig)
    extra: dict[str, Entry] = field(default_factory=dict)
    # Programs of the node's file system that come along with their libraries.
    node_programs: tuple[str, ...] = ()
    # Single files of it.
    node_files: tuple[str, ...] = ()


def _component(name: str, reference: str) -> Image:
    """A part of the control plane: kubeadm calls it by its name."""
    return Image(name=name, reference=reference, programs={f"usr/local/bin/{name}": name})


def _workload(name: str, reference: str, *, program: str | None = None, workdir: str = "/") -> Image:
    program = program or name
    extra: dict[str, Entry] = dict(_TMP)
    if workdir != "/":
        extra[workdir.strip("/")] = Folder(mode=0o777)
    return Image(
        name=name,
        reference=reference,
        programs={f"bin/{program}": program},
        config=ImageConfig(entrypoint=(f"/bin/{program}",), user=_NOBODY, workdir=workdir),
        extra=extra,
    )


PAUSE_REFERENCE = f"registry.k8s.io/pause:{pins.PAUSE}"
PROVISIONER_REFERENCE = f"docker.io/rancher/local-path-provisioner:v{pins.LOCAL_PATH_PROVISIONER}"
VOLUME_HELPER_REFERENCE = f"localhost/promfleet-lab/volume:{pins.VOLUME_HELPER}"
WEBHOOK_REFERENCE = f"localhost/promfleet-lab/webhook:{pins.WEBHOOK}"

# What a node needs to come up: these lie in the node image.
COMPONENT_IMAGES = (
    _component("kube-apiserver", f"registry.k8s.io/kube-apiserver:v{pins.KUBERNETES}"),
    _component("kube-controller-manager", f"registry.k8s.io/kube-controller-manager:v{pins.KUBERNETES}"),
    _component("kube-scheduler", f"registry.k8s.io/kube-scheduler:v{pins.KUBERNETES}"),
    _component("etcd", f"registry.k8s.io/etcd:{pins.ETCD_IMAGE}"),
    Image(
        name="kube-proxy",
        reference=f"registry.k8s.io/kube-proxy:v{pins.KUBERNETES}",
        programs={"usr/local/bin/kube-proxy": "kube-proxy"},
        # Its nftables mode calls nft.
        node_programs=("/usr/sbin/nft",),
        # Without it nft lists protocols as numbers. kube-proxy compares what is listed with the names that it writes:
        # at a full sync it takes its own Service rules for those of Services that are gone, and deletes them all.
        node_files=("/etc/protocols",),
        extra={"run": Folder(), **_TMP},
    ),
    Image(
        name="pause",
        reference=PAUSE_REFERENCE,
        programs={"pause": "pause"},
        config=ImageConfig(entrypoint=("/pause",), user="65535:65535"),
    ),
    Image(
        name="coredns",
        reference=f"registry.k8s.io/coredns/coredns:v{pins.COREDNS}",
        programs={"coredns": "coredns"},
        config=ImageConfig(entrypoint=("/coredns",)),
    ),
    Image(
        name="local-path-provisioner",
        reference=PROVISIONER_REFERENCE,
        programs={"usr/bin/local-path-provisioner": "local-path-provisioner"},
        extra=dict(_TMP),
    ),
    Image(
        name="volume",
        reference=VOLUME_HELPER_REFERENCE,
        programs={"volume": "volume"},
        extra={"setup": Link(target="volume"), "teardown": Link(target="volume")},
    ),
)

# What the collection installs, and what its Alertmanagers notify in tests: loaded into each cluster after it came up.
WORKLOAD_IMAGES = (
    _workload(
        "prometheus-operator",
        f"quay.io/prometheus-operator/prometheus-operator:v{pins.PROMETHEUS_OPERATOR}",
        program="operator",
    ),
    _workload(
        "prometheus-config-reloader",
        f"quay.io/prometheus-operator/prometheus-config-reloader:v{pins.PROMETHEUS_OPERATOR}",
    ),
    _workload("prometheus", f"quay.io/prometheus/prometheus:v{pins.PROMETHEUS}", workdir="/prometheus"),
    _workload("alertmanager", f"quay.io/prometheus/alertmanager:v{pins.ALERTMANAGER}", workdir="/alertmanager"),
    _workload("node_exporter", f"quay.io/prometheus/node-exporter:v{pins.NODE_EXPORTER}"),
    _workload(
        "kube-state-metrics", f"registry.k8s.io/kube-state-metrics/kube-state-metrics:v{pins.KUBE_STATE_METRICS}"
    ),
    _workload("prom-label-proxy", f"quay.io/prometheuscommunity/prom-label-proxy:v{pins.PROM_LABEL_PROXY}"),
    _workload("webhook", WEBHOOK_REFERENCE),
)


def _release(version: str) -> tuple[Image, ...]:
    """The images of another release of the operator; in them its programs have their usual names."""
    return tuple(
        Image(
            name=f"{name}-{version}",
            reference=f"quay.io/prometheus-operator/{name}:v{version}",
            programs={f"bin/{program}": f"{program}-{version}"},
            config=ImageConfig(entrypoint=(f"/bin/{program}",), user=_NOBODY),
            extra=dict(_TMP),
        )
        for name, program in (
            ("prometheus-operator", "operator"),
            ("prometheus-config-reloader", "prometheus-config-reloader"),
        )
    )


# Only for proofs: built and loaded where one asks for them (`lab load --made NAME`).
PROOF_IMAGES = (
    *(image for version in pins.OTHER_OPERATORS for image in _release(version)),
    _workload("admission-webhook", f"quay.io/prometheus-operator/admission-webhook:v{pins.PROMETHEUS_OPERATOR}"),
    _workload("thanos", f"quay.io/thanos/thanos:v{pins.THANOS}"),
    _workload("kube-rbac-proxy", f"quay.io/{pins.KUBE_RBAC_PROXY_REPOSITORY}:v{pins.KUBE_RBAC_PROXY}"),
    # Their manifest says as whom each runs: the speaker answers ARP, which needs a capability.
    *(
        Image(
            name=f"metallb-{part}",
            reference=f"quay.io/metallb/{part}:v{pins.METALLB}",
            programs={part: f"metallb-{part}"},
            config=ImageConfig(entrypoint=(f"/{part}",)),
            extra=dict(_TMP),
        )
        for part in ("controller", "speaker")
    ),
    Image(
        name="kuberay-operator",
        reference=f"quay.io/kuberay/operator:v{pins.KUBERAY}",
        programs={"manager": "kuberay-operator"},
        config=ImageConfig(entrypoint=("/manager",), user="65532:65532"),
        extra=dict(_TMP),
    ),
    Image(
        name="cert-manager",
        # Not an upstream name: its three programs are one here, which is ours.
        reference=f"localhost/promfleet-lab/cert-manager:{pins.CERT_MANAGER}",
        programs={"bin/cert-manager": "cert-manager"},
        config=ImageConfig(entrypoint=("/bin/cert-manager",), user="65532:65532"),
        extra=dict(_TMP),
    ),
)


def image_key(image: Image, *, architecture: str, rootfs_key: str) -> str:
    """A digest of everything that decides what the image holds."""
    return digest(
        Path(archive.__file__).read_bytes(),
        image.reference,
        architecture,
        {path: PROGRAMS[name].key(architecture) for path, name in image.programs.items()},
        repr(image.config),
        repr(sorted(image.extra.items())),
        [image.node_programs, image.node_files, rootfs_key] if image.node_programs or image.node_files else [],
    )


def image_path(lab: Lab, image: Image, *, architecture: str, rootfs_key: str) -> Path:
    """Where the archive of the current pins lies, built or not."""
    key = image_key(image, architecture=architecture, rootfs_key=rootfs_key)
    return lab.store / "images" / image.name / f"{key}.tar"


def build_image(
    image: Image, target: Path, *, lab: Lab, architecture: str, node_files: dict[str, Entry] | None = None
) -> None:
    """Write the archive; its programs must be there already."""
    entries: dict[str, Entry] = {**image.extra, **(node_files or {})}
    for path, name in image.programs.items():
        entries[path] = File(source=program_path(lab, PROGRAMS[name], architecture))
    with complete(target) as partial:
        archive.build_archive(
            partial, entries, reference=image.reference, image=image.config, architecture=architecture
        )
