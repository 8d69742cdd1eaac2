"""A cluster of two nodes with the collection on it, where network policies are enforced."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import subprocess
import sys
import tempfile
import typing as t
from collections.abc import Iterator
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster as Connection
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import connect
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import kinds

from promlab import build
from promlab.engine import Engine, make_engine
from promlab.machine import inspect_machine
from promlab.nodenetwork import node_names
from promlab.progress import Progress
from promlab.settings import from_environment
from tests.integration.support import lab
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import LOCAL
from tests.integration.support.playbook import run_playbook

JsonObject = dict[str, t.Any]

CLUSTER = "iso"
WORKERS = 1
ROUTER = "kube-router"
# As a firewall only: routes and Services are kind's.
FLAGS = ("--run-router=false", "--run-firewall=true", "--run-service-proxy=false", "--health-port=0")
ADMIN = "/etc/kubernetes/admin.conf"


def inventory(cluster: str) -> JsonObject:
    """A fleet of one cluster."""
    return {
        "all": {
            "vars": {
                **LOCAL,
                "promfleet_kubeconfig": str(lab.kubeconfig()),
                "promfleet_context": f"kind-{cluster}",
                "promfleet_force_conflicts": True,
                # The administrator of kind's clusters, as whom the proof makes what is the platform's.
                "promfleet_platform_accounts": [{"user": "kubernetes-admin"}],
                "policy_enforcement": "deny",
                "team_monitoring_platform": {"alertmanager": {"enabled": False}},
            },
            "children": {"promfleet_central": {"hosts": {cluster: {}}}},
        }
    }


def install(cluster: str, *, workers: int) -> None:
    """Bring the cluster up, with the operator, the platform's own instance and the policies on it."""
    subprocess.run([lab.LAB, "up", cluster, "--workers", str(workers)], stdin=subprocess.DEVNULL, check=True)
    with tempfile.TemporaryDirectory(prefix="promfleet-isolation-") as folder:
        for playbook in ("operator", "teams", "policy"):
            run_playbook(playbook, inventory=inventory(cluster), folder=Path(folder), live=True).require_success()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Field:
    """One cluster, for proofs that change it as an administrator."""

    name: str
    workers: int

    def __post_init__(self) -> None:
        kinds.register()

    @property
    def options(self) -> JsonObject:
        """How the code of the collection connects to it."""
        return {"kubeconfig": str(lab.kubeconfig()), "context": f"kind-{self.name}"}

    @functools.cached_property
    def connection(self) -> Connection:
        """The cluster as the code of the collection sees it."""
        return connect(self.options)

    @functools.cached_property
    def admin(self) -> Cluster:
        """The cluster as tests see it."""
        return lab.cluster(self.name)

    @property
    def api_server_sources(self) -> list[JsonObject]:
        """Where the API server's requests to pods come from: the addresses of the nodes, and that of their gateway.

        What a node sends to pods of another one gets the address of the engine's network, where the machine hands
        packets of bridges to its own rules (net.bridge.bridge-nf-call-iptables).
        """
        shown = (self.on(self.nodes[0], "ip", "route", "show", "default") or "").split()
        gateway = shown[2:3]
        nodes = self.admin.list_kind(self.admin.kind("v1", "Node"))
        found = [one["address"] for node in nodes for one in node["status"]["addresses"] if one["type"] == "InternalIP"]
        return [{"cidr": f"{address}/32"} for address in sorted({*found, *gateway})]

    @functools.cached_property
    def engine(self) -> Engine:
        """What runs the nodes."""
        return make_engine("podman", lab=from_environment(), machine=inspect_machine())

    @property
    def nodes(self) -> list[str]:
        """The names of its nodes."""
        return node_names(self.name, workers=self.workers)

    def on(self, node: str, *command: str) -> str | None:
        """What a command on a node says, None where it fails."""
        return self.engine.ask("exec", node, *command)

    @contextlib.contextmanager
    def enforcing(self) -> Iterator[None]:
        """Let kube-router enforce network policies on every node."""
        laboratory = from_environment()
        build.build_programs([ROUTER], lab=laboratory, progress=Progress(out=sys.stderr))
        program = (laboratory.bin / ROUTER).resolve()
        config = self.on(self.nodes[0], "cat", ADMIN) or ""
        processes = {}
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write(config)
            file.flush()
            for node in self.nodes:
                self.engine.do(["cp", program, f"{node}:/usr/local/bin/{ROUTER}"], log=laboratory.logs / "router.log")
                self.engine.do(["cp", file.name, f"{node}:/etc/{ROUTER}.conf"], log=laboratory.logs / "router.log")
                # One of an earlier proof that was killed.
                self.on(node, "pkill", ROUTER)
                flags = " ".join([*FLAGS, f"--kubeconfig=/etc/{ROUTER}.conf", f"--hostname-override={node}"])
                command = f"setsid {ROUTER} {flags} > /var/log/{ROUTER}.log 2>&1 & echo $!"
                processes[node] = (self.on(node, "bash", "-c", command) or "").strip()
        try:
            yield
        finally:
            for node, process in processes.items():
                self.on(node, "kill", process)
                self.on(node, ROUTER, "--cleanup-config")

    def forget_connections(self, *addresses: str) -> None:
        """Let every connection from these addresses meet the policies: what was open before stays open otherwise."""
        for node in self.nodes:
            for address in addresses:
                self.on(node, "conntrack", "--delete", "--orig-src", address)
