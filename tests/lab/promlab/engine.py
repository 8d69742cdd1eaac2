"""The container engine below kind, Docker or Podman, with the environment that kind and the engine need."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from promlab.choice import EngineName
from promlab.errors import LabError
from promlab.machine import Machine, containers_conf
from promlab.settings import Lab
from promlab.shell import EXTRA_PATH, capture, logged, tail

CLUSTER_LABEL = "io.x-k8s.kind.cluster"
LAB_LABEL = "monitoring.promfleet.lab"
NETWORK = "kind"


def make_engine(name: EngineName, *, lab: Lab, machine: Machine) -> Engine:
    """The engine with its environment; writes Podman's configuration where the machine needs one."""
    environment = {
        "KUBECONFIG": str(lab.kubeconfig),
        "KIND_EXPERIMENTAL_PROVIDER": name,
        "PATH": os.pathsep.join([os.environ.get("PATH", ""), *EXTRA_PATH]),
    }
    if name == "podman" and (text := containers_conf(machine)) is not None:
        # A file of our own, so that the system's stays as it is.
        if not lab.containers_conf.exists() or lab.containers_conf.read_text() != text:
            lab.containers_conf.write_text(text)
        environment["CONTAINERS_CONF"] = str(lab.containers_conf)
    return Engine(name=name, environment=environment)


def parse_states(text: str) -> dict[str, str]:
    """NAME<tab>STATE lines as a dict."""
    return dict(line.split("\t", 1) for line in text.splitlines() if "\t" in line)


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Docker or Podman."""

    name: EngineName
    environment: dict[str, str] = field(default_factory=dict)

    def ask(self, *arguments: str | Path, timeout: float = 60) -> str | None:
        """What the engine answers, or None when it fails."""
        done = capture([self.name, *arguments], env=self.environment, timeout=timeout)
        return done.stdout if done.returncode == 0 else None

    def do(self, arguments: Sequence[str | Path], *, log: Path) -> None:
        """Let the engine do something; raise LabError when it fails."""
        logged([self.name, *arguments], log=log, env=self.environment)

    def containers(self, cluster: str) -> dict[str, str]:
        """The state of each container of a cluster."""
        arguments = [
            "ps",
            "--all",
            "--filter",
            f"label={CLUSTER_LABEL}={cluster}",
            "--format",
            "{{.Names}}\t{{.State}}",
        ]
        done = capture([self.name, *arguments], env=self.environment, timeout=60)
        if done.returncode != 0:
            raise LabError(f"`{self.name} ps` failed:\n{tail(done.stdout + done.stderr)}")
        return parse_states(done.stdout)

    def has_image(self, reference: str) -> bool:
        """Whether the engine has the image."""
        return self.ask("image", "inspect", "--format", "{{.Id}}", reference) is not None

    def published_port(self, container: str) -> int | None:
        """The port of this machine that leads to a node's API server."""
        answer = self.ask("port", container, "6443/tcp")
        tail_of_line = (answer or "").strip().splitlines()[:1]
        port = tail_of_line[0].rpartition(":")[2] if tail_of_line else ""
        return int(port) if port.isdigit() else None

    def make_network(self) -> bool:
        """Create kind's network, IPv4 only, unless there is one; True when it was made."""
        if self.ask("network", "inspect", NETWORK) is not None:
            return False
        if self.ask("network", "create", "--label", f"{LAB_LABEL}=1", NETWORK) is None:
            raise LabError(f"`{self.name} network create {NETWORK}` failed.")
        return True

    def drop_network(self) -> bool:
        """Remove kind's network if the lab made it and nobody uses it; True when it was removed."""
        labelled = self.ask("network", "ls", "--filter", f"label={LAB_LABEL}=1", "--format", "{{.Name}}") or ""
        users = self.ask("ps", "--all", "--quiet", "--filter", f"network={NETWORK}")
        if NETWORK not in labelled.split() or users is None or users.strip():
            return False
        return self.ask("network", "rm", NETWORK) is not None
