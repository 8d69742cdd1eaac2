"""A control plane without nodes: etcd, kube-apiserver and kube-controller-manager as plain processes on loopback.

Everything that is a rule of the API server is true here (admission, server-side apply, garbage collection, namespaces),
and it is up in seconds. No pod ever runs on it: what needs an operator or a Prometheus needs `lab up`.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import json
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from promlab import build
from promlab.errors import LabError
from promlab.locking import locked
from promlab.progress import Progress
from promlab.settings import Lab, from_environment
from promlab.shell import logged, tail, wait_until

PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kubeadm", "kubectl")
ADMIN_TOKEN = "admin"
START_SECONDS = 60.0
SERVICES = "10.96.0.0/12"
# Where the API server says that it can be reached: of the first family of the Services, else it does not start.
ADVERTISED_IPV6 = "fd00:10:96::1"
PR_SET_PDEATHSIG = 1
# Controllers of nodes and clouds have nothing to do here.
CONTROLLERS = (
    "namespace-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "clusterrole-aggregation-controller",
    "endpointslice-controller",
    "endpoints-controller",
    "endpointslice-mirroring-controller",
    "resourcequota-controller",
    "deployment-controller",
    "replicaset-controller",
    "statefulset-controller",
)


@dataclass(kw_only=True)
class ControlPlane:
    """One running control plane."""

    folder: Path
    name: str
    api_port: int
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"https://127.0.0.1:{self.api_port}"

    @property
    def context(self) -> str:
        """The one context of its kubeconfig."""
        return f"kind-{self.name}"

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig whose user may do everything."""
        return self.folder / "kubeconfig"

    @property
    def certificate(self) -> Path:
        """What the API server's certificate is checked against."""
        return self.folder / "certs/apiserver.crt"

    @property
    def audit_log(self) -> Path:
        """Every request, as JSON lines, where the control plane was made with *audit*."""
        return self.folder / "audit.jsonl"

    def log(self, program: str) -> Path:
        """What a program wrote."""
        return self.folder / f"{program}.log"

    def process(self, program: str) -> subprocess.Popen[bytes]:
        """The running process of a program."""
        return next(process for process in self.processes if Path(str(_words(process)[0])).name == program)

    def start(self, argv: Sequence[str | Path]) -> None:
        """Start a program, with its output in a log of its own."""
        words = [str(word) for word in argv]
        with self.log(Path(words[0]).name).open("ab") as sink:
            self.processes.append(
                subprocess.Popen(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=subprocess.STDOUT,
                    cwd=self.folder,
                    preexec_fn=_end_with_parent,  # noqa: PLW1509 - it only makes one system call
                )
            )

    def stop(self) -> None:
        """End what was started, at once: nothing of it is kept, and an API server that ends in peace takes 10 s."""
        for process in reversed(self.processes):
            process.kill()
        for process in self.processes:
            process.wait()
        self.processes.clear()


def _end_with_parent() -> None:
    """Runs in the child: Linux ends it with us, however we end. Elsewhere it would outlive a killed parent."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _words(process: subprocess.Popen[bytes]) -> Sequence[object]:
    words = process.args
    return words if isinstance(words, list) else [words]


def _free_ports(number: int) -> list[int]:
    """Ports of loopback that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _port in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def ensure_programs(lab: Lab, progress: Progress) -> None:
    """Build what is missing of the programs, with the lab's own progress."""
    if all((lab.bin / name).exists() for name in PROGRAMS):
        return
    with locked(lab.locks, "build", purpose="building", say=progress.say):
        build.build_programs(PROGRAMS, lab=lab, progress=progress)


def _write_kubeconfig(plane: ControlPlane) -> None:
    cluster = {"server": plane.url, "certificate-authority": str(plane.certificate)}
    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": plane.context, "cluster": cluster}],
        "users": [{"name": "admin", "user": {"token": ADMIN_TOKEN}}],
        "contexts": [{"name": plane.context, "context": {"cluster": plane.context, "user": "admin"}}],
        "current-context": plane.context,
    }
    plane.kubeconfig.touch(mode=0o600)
    plane.kubeconfig.write_text(json.dumps(text))


def _is_ready(plane: ControlPlane) -> bool:
    if any(process.poll() is not None for process in plane.processes):
        return True  # a program that ended will not become ready; the caller looks why
    # Started a moment ago by us on loopback; its certificate is not written yet.
    context = ssl._create_unverified_context()  # noqa: S323
    request = urllib.request.Request(f"{plane.url}/readyz", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=2, context=context) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


def _audit_flags(plane: ControlPlane) -> list[str]:
    """Every request is noted once, when it is answered."""
    policy = plane.folder / "audit-policy.yaml"
    rules = {"omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}
    policy.write_text(json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", **rules}))
    return [f"--audit-policy-file={policy}", f"--audit-log-path={plane.audit_log}"]


def _services_flags(ranges: str) -> list[str]:
    first = ipaddress.ip_network(ranges.split(",", maxsplit=1)[0])
    advertised = [f"--advertise-address={ADVERTISED_IPV6}"] if first.version == 6 else []
    return [f"--service-cluster-ip-range={ranges}", *advertised]


def _launch(
    plane: ControlPlane, lab: Lab, *, etcd_ports: Sequence[int], controllers: bool, audit: bool, services: str
) -> None:
    client, peer = (f"http://127.0.0.1:{port}" for port in etcd_ports)
    plane.start(
        [
            lab.bin / "etcd",
            f"--data-dir={plane.folder}/etcd",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--quota-backend-bytes=8589934592",
            "--log-level=error",
        ]
    )
    certs = plane.folder / "certs"
    plane.start(
        [
            lab.bin / "kube-apiserver",
            f"--etcd-servers={client}",
            "--bind-address=127.0.0.1",
            f"--secure-port={plane.api_port}",
            f"--cert-dir={certs}",
            f"--token-auth-file={plane.folder}/tokens.csv",
            "--authorization-mode=RBAC",
            *_services_flags(services),
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={certs}/sa.pub",
            f"--service-account-signing-key-file={certs}/sa.key",
            "--endpoint-reconciler-type=none",
            "--allow-privileged=true",
            *(_audit_flags(plane) if audit else ()),
        ]
    )
    if not wait_until(lambda: _is_ready(plane), timeout=START_SECONDS, interval=0.1):
        raise LabError(f"the API server was not ready within {START_SECONDS:g} s:\n{_end_of_logs(plane)}")
    if any(process.poll() is not None for process in plane.processes):
        raise LabError(f"a program of the control plane ended at once:\n{_end_of_logs(plane)}")
    _write_kubeconfig(plane)
    if controllers:
        plane.start(
            [
                lab.bin / "kube-controller-manager",
                f"--kubeconfig={plane.kubeconfig}",
                f"--controllers={','.join(CONTROLLERS)}",
                "--leader-elect=false",
                "--secure-port=0",
                f"--service-account-private-key-file={certs}/sa.key",
                "--kube-api-qps=500",
                "--kube-api-burst=1000",
            ]
        )


def _end_of_logs(plane: ControlPlane) -> str:
    logs = sorted(plane.folder.glob("*.log"))
    return "\n".join(f"{log.name}:\n{tail(log.read_text(errors='replace'), 8)}" for log in logs)


@contextlib.contextmanager
def control_plane(
    name: str,
    *,
    controllers: bool = True,
    audit: bool = False,
    services: str = SERVICES,
    lab: Lab | None = None,
) -> Iterator[ControlPlane]:
    """A control plane for the time of a with block; its context is kind-NAME.

    Without *controllers* nobody but the API server acts: namespaces never end and owned objects stay. With *audit*
    every request is noted. *services* are the ranges of Services, of one family of addresses or of both.
    """
    lab = lab or from_environment()
    lab.make()
    progress = Progress()
    ensure_programs(lab, progress)
    folder = Path(tempfile.mkdtemp(prefix=f"plane-{name}-", dir=lab.work))
    api_port, *etcd_ports = _free_ports(3)
    plane = ControlPlane(folder=folder, name=name, api_port=api_port)
    try:
        logged(
            [lab.bin / "kubeadm", "init", "phase", "certs", "sa", f"--cert-dir={folder}/certs"],
            log=plane.log("kubeadm"),
        )
        tokens = folder / "tokens.csv"
        tokens.touch(mode=0o600)
        tokens.write_text(f"{ADMIN_TOKEN},admin,admin,system:masters\n")
        _launch(plane, lab, etcd_ports=etcd_ports, controllers=controllers, audit=audit, services=services)
        yield plane
    finally:
        plane.stop()
        shutil.rmtree(folder, ignore_errors=True)


def serve(name: str, *, lab: Lab, progress: Progress) -> int:
    """Run one until the process is told to end, for work by hand."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with control_plane(name, lab=lab) as plane:
        progress.say(f"export KUBECONFIG={plane.kubeconfig}")
        progress.say(f"context {plane.context}, logs in {plane.folder}; ends with this command")
        while all(process.poll() is None for process in plane.processes):
            time.sleep(1)
    progress.say("a program of the control plane ended")
    return 1
