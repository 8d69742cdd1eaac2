"""Creating, mending and removing clusters with kind."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from promlab import records
from promlab.diagnosis import Facts, Finding, Verdict, diagnose
from promlab.engine import Engine
from promlab.errors import LabError
from promlab.kindconfig import kind_config
from promlab.nodeimage import NODE_REPOSITORY
from promlab.nodenetwork import commands, node_names, reading_again, subnet, write_conflist, write_conflists
from promlab.progress import Progress
from promlab.settings import Lab
from promlab.shell import capture, logged, wait_until

STOCK = "stock"
START_SECONDS = 90.0


def api_answers(port: int) -> bool:
    """Whether an API server says that it is ready. It says so to everybody, hence no credentials and no trust."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/readyz", timeout=3, context=context) as answer:
            return bool(answer.read() == b"ok")
    except (urllib.error.URLError, OSError):
        return False


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """The clusters of one lab. `node_image` is STOCK where kind's own is used."""

    lab: Lab
    engine: Engine
    kind: Path
    node_image: str
    cgroup_v2: bool
    progress: Progress

    def _log(self, name: str) -> Path:
        return self.lab.logs / f"cluster-{name}.log"

    def _kind(self, name: str, *arguments: str | Path) -> None:
        logged([self.kind, *arguments, "--name", name], log=self._log(name), env=self.engine.environment)

    def facts(self, name: str) -> Facts:
        """Look at a cluster."""
        record = records.read(self.lab, name)
        containers = self.engine.containers(name)
        port = self.engine.published_port(f"{name}-control-plane") if containers else None
        return Facts(
            containers=containers,
            api_answers=port is not None and api_answers(port),
            recorded_image=record.image if record else None,
            complete=record.complete if record else False,
            workers=record.workers if record else 0,
        )

    def examine(self, name: str, *, workers: int | None = None, restarted: bool = False) -> Finding:
        """Judge a cluster; without *workers* it is good with those that it has."""
        facts = self.facts(name)
        wanted = facts.workers if workers is None else workers
        return diagnose(facts, wanted_image=self.node_image, wanted_workers=wanted, restarted=restarted)

    def ensure(self, name: str, archives: Mapping[str, Path], *, workers: int = 0) -> str:
        """Make the cluster ready, whatever state it is in; returns what was done."""
        finding = self.examine(name, workers=workers)
        if finding.verdict is Verdict.FOREIGN:
            raise LabError(f"{name}: {finding.why}. If it may go: lab down {name}")
        if finding.verdict is Verdict.RESTART:
            with self.progress.phase(name, "starting it again", why=finding.why):
                self._restart(name)
            finding = self.examine(name, workers=workers, restarted=True)
            done = "restarted"
        else:
            done = "was ready"
        if finding.verdict in (Verdict.REPLACE, Verdict.OUTDATED):
            with self.progress.phase(name, "removing it", why=finding.why):
                self.remove(name)
            done = "replaced"
        elif finding.verdict is Verdict.CREATE:
            done = "created"
            if records.read(self.lab, name):
                self.remove(name)  # what is left of it: its record and its kubeconfig entry
                done = f"created again ({finding.why})"
        if finding.verdict in (Verdict.REPLACE, Verdict.OUTDATED, Verdict.CREATE):
            with self.progress.phase(name, "creating the cluster"):
                self._create(name, workers=workers)
        elif not self._in_kubeconfig(name):
            self._kind(name, "export", "kubeconfig", "--kubeconfig", self.lab.kubeconfig)
        if workers and self.node_image != STOCK:
            self._connect(name, workers=workers)
        self.load_archives(name, archives)
        return done

    def _connect(self, name: str, *, workers: int) -> None:
        """Let the pods of all nodes reach each other; a node that was restarted has forgotten it."""
        nodes = node_names(name, workers=workers)
        places = {}
        for number, node in enumerate(nodes):
            shown = "{.spec.podCIDR} {.status.addresses[?(@.type=='InternalIP')].address}"
            pods, _space, address = (self.kubectl(name, "get", "node", node, f"-ojsonpath={shown}") or "").partition(
                " "
            )
            if not pods:
                raise LabError(f"{name}: the node {node} has no range for pods")
            if pods != subnet(number):
                write_conflist(self.lab.work, node, pods=pods)
                self.engine.do(["exec", node, *reading_again()], log=self._log(name))
            places[node] = (address, pods)
        for node in nodes:
            for command in commands(node, places):
                self.engine.do(["exec", node, *command], log=self._log(name))

    def _in_kubeconfig(self, name: str) -> bool:
        try:
            lines = self.lab.kubeconfig.read_text().splitlines()
        except FileNotFoundError:
            return False
        return any(line.strip() in (f"name: kind-{name}", f"- name: kind-{name}") for line in lines)

    def _restart(self, name: str) -> None:
        for container in self.engine.containers(name):
            # A container whose processes died while the engine was not looking counts as running: stop it first.
            self.engine.ask("stop", container, timeout=60)
            if self.engine.ask("start", container, timeout=60) is None:
                return  # nothing to wait for: the next look at it finds it broken
        wait_until(lambda: self.facts(name).api_answers, timeout=START_SECONDS, interval=0.5)

    def _create(self, name: str, *, workers: int) -> None:
        made = records.Record(name=name, engine=self.engine.name, image=self.node_image, workers=workers)
        record = records.write(self.lab, made)
        image = None if self.node_image == STOCK else self.node_image
        conflists = write_conflists(self.lab.work, name, workers=workers) if image and workers else []
        configuration = self.lab.work / f"kind-{name}.json"
        configuration.write_text(
            kind_config(node_image=image, cgroup_v2=self.cgroup_v2, workers=workers, conflists=conflists)
        )
        self._kind(
            name, "create", "cluster", "--wait", "180s", "--config", configuration, "--kubeconfig", self.lab.kubeconfig
        )
        configuration.unlink()
        # Bare pods are refused until the default ServiceAccount is there.
        account = ["get", "serviceaccount", "default", "--namespace=default"]
        if not wait_until(lambda: self.kubectl(name, *account) is not None, timeout=60):
            raise LabError(f"{name}: no default ServiceAccount after 60 s, log {self._log(name)}")
        records.update(self.lab, record, complete=True)

    def kubectl(self, name: str, *arguments: str) -> str | None:
        """Ask the API server through the kubectl of the node, so that none is needed here."""
        inside = ["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf", *arguments]
        return self.engine.ask("exec", f"{name}-control-plane", *inside)

    def load_archives(self, name: str, archives: Mapping[str, Path], *, always: bool = False) -> None:
        """Bring images into the cluster, those that it does not have from the same archive already."""
        record = records.read(self.lab, name)
        if record is None:
            raise LabError(f"{name}: not a cluster of this lab; make it with: lab up {name}")
        absent = {
            reference: path
            for reference, path in archives.items()
            if always or record.loaded.get(reference) != path.stem
        }
        if absent:
            with self.progress.phase(name, f"loading {len(absent)} image{'s' if len(absent) > 1 else ''}"):
                for reference, path in absent.items():
                    self._import(name, path)
                    if not always:
                        record = records.update(self.lab, record, loaded={reference: path.stem})

    def _import(self, name: str, archive: Path) -> None:
        if self.node_image == STOCK:
            self._kind(name, "load", "image-archive", archive)
            return
        # Of our own node image it is known what kind asks for first (names, snapshotter), at 3 s an image.
        inside = ["ctr", "--namespace=k8s.io", "images", "import", "--local", "--snapshotter=overlayfs", "-"]
        record = records.read(self.lab, name)
        for node in node_names(name, workers=record.workers if record else 0):
            with archive.open("rb") as content:
                command = [self.engine.name, "exec", "--interactive", node, *inside]
                logged(command, log=self._log(name), env=self.engine.environment, stdin=content)

    def load_image(self, name: str, reference: str) -> None:
        """Bring an image of the engine into the cluster."""
        if records.read(self.lab, name) is None:
            raise LabError(f"{name}: not a cluster of this lab; make it with: lab up {name}")
        with self.progress.phase(name, f"loading {reference}"):
            self._kind(name, "load", "docker-image", reference)

    def remove(self, name: str) -> bool:
        """Remove the cluster with all that belongs to it; False when there was nothing."""
        had = bool(self.engine.containers(name)) or records.read(self.lab, name) is not None
        if had or self._in_kubeconfig(name):
            self._kind(name, "delete", "cluster", "--kubeconfig", self.lab.kubeconfig)
        if left := self.engine.containers(name):
            for container in left:
                self.engine.do(["rm", "--force", "--volumes", container], log=self._log(name))
        (self.lab.work / f"kind-{name}.json").unlink(missing_ok=True)
        records.forget(self.lab, name)
        return had

    def drop_shared(self) -> None:
        """After the last cluster: the network and the empty kubeconfig."""
        if records.names(self.lab):
            return
        self.engine.drop_network()
        if self.lab.kubeconfig.exists() and "kind-" not in self.lab.kubeconfig.read_text():
            self.lab.kubeconfig.unlink()

    def drop_node_images(self, *, keep: str = "") -> None:
        """Remove the node images from the engine, except one and those in use."""
        listed = self.engine.ask("images", "--format", "{{.Repository}}:{{.Tag}}", NODE_REPOSITORY) or ""
        for reference in listed.split():
            if reference != keep:
                self.engine.ask("rmi", reference)


def describe(clusters: Clusters, name: str) -> dict[str, object]:
    """One line of `lab status`."""
    finding = clusters.examine(name)
    node = f"{name}-control-plane"
    port = clusters.engine.published_port(node)
    address = clusters.engine.ask(
        "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", node
    )
    return {
        "cluster": name,
        "state": finding.verdict.value,
        "why": finding.why,
        "context": f"kind-{name}",
        "api": f"https://127.0.0.1:{port}" if port else "-",
        "address": (address or "").strip() or "-",
    }


def to_json(rows: list[dict[str, object]]) -> str:
    """The rows of `lab status --json`."""
    return json.dumps(rows, indent=2)


def kind_version(kind: Path | str) -> str:
    """What `kind version` says, `0.33.0`; empty where there is none."""
    words = capture([kind, "version"]).stdout.split()
    return words[1].lstrip("v") if len(words) > 1 and words[0] == "kind" else ""
