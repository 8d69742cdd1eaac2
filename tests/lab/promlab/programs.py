"""The Go programs of the lab: where each comes from and how it is built. Data only; gobuild.py builds them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from promlab import pins
from promlab.cache import digest

MODULES = pins.LAB_DIR / "modules"

_KUBERNETES_VERSION = (
    f"k8s.io/component-base/version.gitVersion=v{pins.KUBERNETES}",
    f"k8s.io/component-base/version.gitMajor={pins.KUBERNETES.split('.', maxsplit=1)[0]}",
    f"k8s.io/component-base/version.gitMinor={pins.KUBERNETES.split('.')[1]}",
    f"k8s.io/client-go/pkg/version.gitVersion=v{pins.KUBERNETES}",
)
_PROMETHEUS_COMMON = "github.com/prometheus/common/version.Version="


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program: a package of the module that a folder of ../modules pins."""

    name: str
    module: str
    package: str
    # Variables set by the linker, as IMPORT/PATH.Variable=value.
    variables: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    # A file that the published module lacks and the program embeds: (path in the module, content).
    stand_in: tuple[str, str] | None = None
    # Free space that a build with empty Go caches takes, in MiB, beside what the programs before it took.
    cold_mib: int = 200
    # Whether clusters need it; the others are built only where a test or proof asks for them.
    for_clusters: bool = True

    @property
    def folder(self) -> Path:
        """The module that pins it."""
        return MODULES / self.module

    def arguments(self) -> list[str]:
        """The flags of `go build` that decide what comes out."""
        ldflags = " ".join(["-s", "-w", *(f"-X {variable}" for variable in self.variables)])
        return ["-mod=readonly", "-trimpath", "-buildvcs=false", f"-tags={','.join(self.tags)}", f"-ldflags={ldflags}"]

    def key(self, architecture: str) -> str:
        """A digest of everything that decides what comes out, but for the compiler's version."""
        sources = sorted(path for path in self.folder.iterdir() if path.is_file())
        return digest(
            self.package,
            self.arguments(),
            self.stand_in,
            architecture,
            *[[path.name, digest(path.read_bytes())] for path in sources],
        )


def _kubernetes(name: str, cold_mib: int) -> Program:
    return Program(
        name=name,
        module="kubernetes",
        package=f"k8s.io/kubernetes/cmd/{name}",
        variables=_KUBERNETES_VERSION,
        cold_mib=cold_mib,
    )


def _containerd(name: str, cold_mib: int) -> Program:
    return Program(
        name=name,
        module="containerd",
        package=f"github.com/containerd/containerd/v2/cmd/{name}",
        variables=(f"github.com/containerd/containerd/v2/version.Version=v{pins.CONTAINERD}",),
        # What they leave out needs C libraries, or file systems that no node has.
        tags=("no_aufs", "no_zfs", "no_btrfs", "no_devmapper"),
        cold_mib=cold_mib,
    )


def _operator(version: str) -> tuple[Program, ...]:
    """The programs of another release of the operator, with the release in their names."""
    return tuple(
        Program(
            name=f"{name}-{version}",
            module=f"operator-{version}",
            package=f"github.com/prometheus-operator/prometheus-operator/cmd/{name}",
            variables=(f"{_PROMETHEUS_COMMON}{version}",),
            cold_mib=1300,
            for_clusters=False,
        )
        for name in ("operator", "prometheus-config-reloader")
    )


def _metallb(part: str) -> Program:
    return Program(
        name=f"metallb-{part}",
        module="metallb",
        package=f"go.universe.tf/metallb/{part}",
        cold_mib=900,
        for_clusters=False,
    )


_ALL = (
    Program(name="kind", module="kind", package="sigs.k8s.io/kind", cold_mib=100),
    _kubernetes("kube-apiserver", 3300),
    _kubernetes("kube-controller-manager", 800),
    _kubernetes("kubectl", 300),
    _kubernetes("kubelet", 300),
    _kubernetes("kubeadm", 200),
    _kubernetes("kube-scheduler", 200),
    _kubernetes("kube-proxy", 200),
    Program(name="etcd", module="etcd", package="go.etcd.io/etcd/server/v3", cold_mib=300),
    Program(
        name="operator",
        module="operator",
        package="github.com/prometheus-operator/prometheus-operator/cmd/operator",
        # Without it the operator's default image tags are empty.
        variables=(f"{_PROMETHEUS_COMMON}{pins.PROMETHEUS_OPERATOR}",),
        cold_mib=1300,
    ),
    Program(
        name="prometheus-config-reloader",
        module="operator",
        package="github.com/prometheus-operator/prometheus-operator/cmd/prometheus-config-reloader",
        variables=(f"{_PROMETHEUS_COMMON}{pins.PROMETHEUS_OPERATOR}",),
    ),
    *(program for version in pins.OTHER_OPERATORS for program in _operator(version)),
    # A folder of its own, with the same pins: the operator is not built again because of it.
    Program(
        name="admission-webhook",
        module="admission-webhook",
        package="github.com/prometheus-operator/prometheus-operator/cmd/admission-webhook",
        variables=(f"{_PROMETHEUS_COMMON}{pins.PROMETHEUS_OPERATOR}",),
        cold_mib=1300,
        for_clusters=False,
    ),
    Program(
        name="prometheus",
        module="prometheus",
        package="github.com/prometheus/prometheus/cmd/prometheus",
        variables=(f"{_PROMETHEUS_COMMON}{pins.PROMETHEUS}",),
        cold_mib=3500,
    ),
    Program(
        name="promtool",
        module="prometheus",
        package="github.com/prometheus/prometheus/cmd/promtool",
        variables=(f"{_PROMETHEUS_COMMON}{pins.PROMETHEUS}",),
    ),
    Program(
        name="alertmanager",
        module="alertmanager",
        package="github.com/prometheus/alertmanager/cmd/alertmanager",
        variables=(f"{_PROMETHEUS_COMMON}{pins.ALERTMANAGER}",),
        # The built web page is in the releases, but not in the module.
        stand_in=("ui/app/dist/index.html", "<!doctype html><title>Alertmanager</title>\n"),
        cold_mib=500,
    ),
    Program(
        name="node_exporter",
        module="node_exporter",
        package="github.com/prometheus/node_exporter",
        variables=(f"{_PROMETHEUS_COMMON}{pins.NODE_EXPORTER}",),
    ),
    Program(
        name="kube-state-metrics",
        module="kube-state-metrics",
        package="k8s.io/kube-state-metrics/v2",
        variables=(f"{_PROMETHEUS_COMMON}v{pins.KUBE_STATE_METRICS}",),
        cold_mib=600,
    ),
    _containerd("containerd", 900),
    _containerd("ctr", 100),
    _containerd("containerd-shim-runc-v2", 50),
    Program(name="coredns", module="coredns", package="github.com/coredns/coredns", cold_mib=700),
    Program(name="crictl", module="crictl", package="sigs.k8s.io/cri-tools/cmd/crictl", cold_mib=300),
    Program(
        name="local-path-provisioner",
        module="local-path-provisioner",
        package="github.com/rancher/local-path-provisioner",
        cold_mib=600,
    ),
    Program(
        name="opa",
        module="opa",
        package="github.com/open-policy-agent/opa",
        variables=(f"github.com/open-policy-agent/opa/version.Version={pins.OPA}",),
        # WebAssembly needs C libraries.
        tags=("opa_no_oci",),
        cold_mib=700,
        for_clusters=False,
    ),
    Program(
        name="crane",
        module="crane",
        package="github.com/google/go-containerregistry/cmd/crane",
        variables=(f"github.com/google/go-containerregistry/cmd/crane/cmd.Version={pins.CRANE}",),
        cold_mib=300,
        for_clusters=False,
    ),
    Program(name="pause", module="pause", package=".", cold_mib=20),
    Program(name="volume", module="volume", package=".", cold_mib=20),
    Program(name="webhook", module="webhook", package=".", cold_mib=60),
    Program(
        name="kube-rbac-proxy",
        module="kube-rbac-proxy",
        package="github.com/brancz/kube-rbac-proxy/cmd/kube-rbac-proxy",
        variables=(f"k8s.io/component-base/version.gitVersion=v{pins.KUBE_RBAC_PROXY}",),
        cold_mib=900,
        for_clusters=False,
    ),
    Program(
        name="thanos",
        module="thanos",
        package="github.com/thanos-io/thanos/cmd/thanos",
        variables=(f"{_PROMETHEUS_COMMON}{pins.THANOS}",),
        # It takes labels of Prometheus for its own without a copy; with their other form a sidecar ends at a request.
        tags=("slicelabels",),
        cold_mib=3000,
        for_clusters=False,
    ),
    Program(
        name="prom-label-proxy",
        module="prom-label-proxy",
        package="github.com/prometheus-community/prom-label-proxy",
        cold_mib=900,
    ),
    Program(
        name="kube-router",
        module="kube-router",
        package="github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",
        cold_mib=600,
        for_clusters=False,
    ),
    Program(
        name="kuberay-operator",
        module="kuberay",
        package="github.com/ray-project/kuberay/ray-operator",
        cold_mib=900,
        for_clusters=False,
    ),
    # Its controller, webhook and cainjector: the modules of its own programs are not published.
    Program(
        name="cert-manager",
        module="cert-manager",
        package=".",
        variables=(f"github.com/cert-manager/cert-manager/pkg/util.AppVersion=v{pins.CERT_MANAGER}",),
        cold_mib=1500,
        for_clusters=False,
    ),
    _metallb("controller"),
    _metallb("speaker"),
)

PROGRAMS: dict[str, Program] = {program.name: program for program in _ALL}
