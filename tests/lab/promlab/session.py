"""The commands: each takes the locks that it needs, asks, acts, and says what it did."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from promlab import build, records
from promlab.cache import remove_tree
from promlab.choice import Choice, remembered_or_found
from promlab.clusters import STOCK, Clusters, describe, to_json
from promlab.controlplane import serve
from promlab.diagnosis import Verdict
from promlab.engine import Engine, make_engine
from promlab.errors import LabError
from promlab.locking import locked
from promlab.machine import Machine, inspect_machine, tune
from promlab.nodeimage import node_reference
from promlab.progress import Progress
from promlab.settings import Lab, from_environment
from promlab.shell import find_program
from promlab.soak import Soak
from promlab.system import engine_requirements, ensure
from promlab.toolchain import find_go

AT_ONCE = 2
MOST_WORKERS = 3


def environment_lines(lab: Lab) -> list[str]:
    """What a shell needs to reach the clusters."""
    return [
        f"export KUBECONFIG={shlex.quote(str(lab.kubeconfig))}",
        f"export PATH={shlex.quote(str(lab.bin))}:$PATH",
    ]


def table(rows: Sequence[dict[str, object]]) -> str:
    """Rows of the same keys in columns."""
    if not rows:
        return ""
    lines = [list(rows[0]), *[[str(value) for value in row.values()] for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


class Session:
    """One call of the command."""

    def __init__(self, lab: Lab | None = None) -> None:
        self.lab = lab or from_environment()
        self.lab.make()
        self.machine: Machine = inspect_machine()
        self.progress = Progress()

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command that was parsed."""
        commands: dict[str, Callable[[], int]] = {
            "up": lambda: self.up(
                [records.check_name(name) for name in dict.fromkeys(arguments.names)],
                workers=arguments.workers,
                bare=arguments.bare,
            ),
            "down": lambda: self.down([records.check_name(name) for name in dict.fromkeys(arguments.names)]),
            "status": lambda: self.status(as_json=arguments.json),
            "build": lambda: self.build(arguments.programs),
            "load": lambda: self.load(
                arguments.names, archives=arguments.archive, images=arguments.image, made=arguments.made
            ),
            "serve": lambda: serve(records.check_name(arguments.name), lab=self.lab, progress=self.progress),
            "env": self.env,
            "kubectl": lambda: self.kubectl([word for word in arguments.arguments if word != "--"]),
            "soak": lambda: self.soak(
                records.check_name(arguments.name),
                minutes=arguments.minutes,
                restarts=arguments.restarts,
                log=arguments.log,
            ),
            "probe": self.probe,
            "clean": lambda: self.clean(old_only=arguments.old),
        }
        return commands[arguments.command]()

    def remembered(self) -> Choice:
        """The engine and the kind of images, found out when they are not known yet."""
        return remembered_or_found(
            self.lab.choice, environment=os.environ, cap_sys_resource=self.machine.cap_sys_resource
        )

    def choose(self) -> Choice:
        """The engine and the kind of images; installs Podman where there is no engine at all."""
        choice = self.remembered()
        if choice.engine == "podman" and find_program("podman") is None:
            ensure(engine_requirements(self.machine), machine=self.machine, lab=self.lab, progress=self.progress)
            self.lab.choice.unlink(missing_ok=True)  # with an engine at hand, ask whether it can pull
            choice = self.remembered()
        if choice.engine == "podman":
            ensure(engine_requirements(self.machine), machine=self.machine, lab=self.lab, progress=self.progress)
        return choice

    def prepared(self, choice: Choice) -> tuple[build.Prepared, Engine]:
        """Everything built, and loaded into the engine."""
        engine = make_engine(choice.engine, lab=self.lab, machine=self.machine)
        with locked(self.lab.locks, "build", purpose="building", say=self.progress.say):
            prepared = build.prepare(choice.images, lab=self.lab, machine=self.machine, progress=self.progress)
            build.load_node_image(prepared, engine, lab=self.lab, progress=self.progress)
        return prepared, engine

    def clusters(self, prepared: build.Prepared, engine: Engine) -> Clusters:
        """The clusters, to act on."""
        return Clusters(
            lab=self.lab,
            engine=engine,
            kind=prepared.kind,
            node_image=prepared.node_image or STOCK,
            cgroup_v2=self.machine.cgroup_v2,
            progress=self.progress,
        )

    def existing(self) -> Clusters:
        """The clusters as they are, without building anything."""
        choice = self.remembered()
        engine = make_engine(choice.engine, lab=self.lab, machine=self.machine)
        kind = self.lab.bin / "kind"
        prepared = build.Prepared(kind=kind if kind.exists() else Path(find_program("kind") or kind))
        if choice.images == "built" and kind.exists():
            architecture = find_go(self.lab, self.progress).architecture
            prepared = build.Prepared(kind=kind, node_image=node_reference(architecture))
        return self.clusters(prepared, engine)

    def up(self, names: Sequence[str], *, workers: int = 0, bare: bool = False) -> int:
        """Make the clusters ready, two at a time; *bare* ones get no images beside those of Kubernetes."""
        if not 0 <= workers <= MOST_WORKERS:
            raise LabError(f"A cluster has from 0 to {MOST_WORKERS} workers, not {workers}.")
        with ExitStack() as stack:
            for name in sorted(names):
                purpose = f"up {name}"
                stack.enter_context(locked(self.lab.locks, f"cluster-{name}", purpose=purpose, say=self.progress.say))
            prepared, engine = self.prepared(self.choose())
            if advice := tune(self.machine):
                self.progress.say("These may be needed:\n" + "\n".join(f"  {line}" for line in advice))
            clusters = self.clusters(prepared, engine)
            with locked(self.lab.locks, "network", purpose="making the network", say=self.progress.say):
                if prepared.node_image:
                    # kind would make it with IPv6 as well, which hosts without IPv6 refuse.
                    engine.make_network()
            with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
                archives = {} if bare else prepared.archives
                results = {name: pool.submit(clusters.ensure, name, archives, workers=workers) for name in names}
            failed = {name: error for name, result in results.items() if (error := result.exception())}
            for name, result in results.items():
                if name not in failed:
                    self.progress.say(f"{name}: {result.result()}, context kind-{name}")
            for error in failed.values():
                if not isinstance(error, LabError):
                    raise error
            if failed:
                raise LabError("\n".join(f"{name}: {error}" for name, error in failed.items()))
        self.progress.say(f"export KUBECONFIG={shlex.quote(str(self.lab.kubeconfig))}")
        return 0

    def down(self, names: Sequence[str]) -> int:
        """Remove clusters."""
        wanted = list(names) or records.names(self.lab)
        if not wanted:
            self.progress.say("no clusters")
        clusters = self.existing()
        for name in sorted(wanted):
            with (
                locked(self.lab.locks, f"cluster-{name}", purpose=f"down {name}", say=self.progress.say),
                self.progress.step(f"removing {name}"),
            ):
                clusters.remove(name)
        with locked(self.lab.locks, "network", purpose="removing the network", say=self.progress.say):
            clusters.drop_shared()
        return 0

    def status(self, *, as_json: bool) -> int:
        """Show the clusters."""
        clusters = self.existing()
        rows = [describe(clusters, name) for name in records.names(self.lab)]
        if as_json:
            print(to_json(rows))
        else:
            print(table(rows) or "no clusters")
            print(f"kept in {self.lab.root}")
        return 0

    def env(self) -> int:
        """Print lines for the shell."""
        print("\n".join(environment_lines(self.lab)))
        return 0

    def soak(self, name: str, *, minutes: int, restarts: int, log: Path | None) -> int:
        """Watch the Services of a cluster that is up; 1 when they did not answer throughout."""
        if minutes < 1 or restarts < 0:
            raise LabError("A soak takes at least one minute, and no negative number of restarts.")
        clusters = self.existing()
        if clusters.examine(name).verdict is not Verdict.KEEP:
            raise LabError(f"{name} is not ready; make it with: lab up {name}")
        log = log or self.lab.logs / f"soak-{name}.log"
        self.progress.say(f"{name}: {minutes} minutes, {restarts} restarts of kube-proxy, log {log}")
        soak = Soak(
            run_in_node=lambda line: clusters.engine.ask("exec", f"{name}-control-plane", "bash", "-c", line),
            log=log,
            say=self.progress.say,
        )
        # Two at once would restart kube-proxy under each other, and remove each other's Services.
        with locked(self.lab.locks, f"soak-{name}", purpose=f"soak {name}", say=self.progress.say):
            return 0 if soak.run(minutes=minutes, restarts=restarts) else 1

    def probe(self) -> int:
        """Find out anew which engine there is and whether it can pull."""
        self.lab.choice.unlink(missing_ok=True)
        choice = self.choose()
        self.progress.say(f"{choice.images} images with {choice.engine} ({choice.reason})")
        return 0

    def build(self, programs: Sequence[str]) -> int:
        """Build without making a cluster."""
        if programs:
            with locked(self.lab.locks, "build", purpose="building", say=self.progress.say):
                build.build_programs(programs, lab=self.lab, progress=self.progress)
            return 0
        choice = self.choose()
        self.progress.say(f"{choice.images} images with {choice.engine} ({choice.reason})")
        self.prepared(choice)
        self.progress.say("everything is built")
        return 0

    def load(
        self, names: Sequence[str], *, archives: Sequence[Path], images: Sequence[str], made: Sequence[str] = ()
    ) -> int:
        """Bring images into clusters; *made* are names of those for proofs, which are built where needed."""
        if not (archives or images or made):
            raise LabError("Nothing to load: give --archive FILE, --image NAME or --made NAME.")
        if absent := [str(path) for path in archives if not path.is_file()]:
            raise LabError(f"No such file: {', '.join(absent)}")
        built = {}
        if made:
            with locked(self.lab.locks, "build", purpose="building", say=self.progress.say):
                built = build.build_made(made, lab=self.lab, progress=self.progress)
        clusters = self.existing()
        for name in names:
            with locked(self.lab.locks, f"cluster-{name}", purpose=f"load {name}", say=self.progress.say):
                clusters.load_archives(name, built)
                clusters.load_archives(name, {str(path): path.absolute() for path in archives}, always=True)
                for reference in images:
                    clusters.load_image(name, reference)
        return 0

    def kubectl(self, arguments: Sequence[str]) -> int:
        """Become kubectl."""
        own = self.lab.bin / "kubectl"
        program = str(own) if own.exists() else find_program("kubectl")
        if program is None:
            raise LabError("There is no kubectl on PATH; build one with: lab build kubectl")
        os.environ["KUBECONFIG"] = str(self.lab.kubeconfig)
        os.execv(program, ["kubectl", *arguments])  # noqa: S606 - the words go on as they came, no shell is wanted

    def clean(self, *, old_only: bool) -> int:
        """Remove what was built."""
        with locked(self.lab.locks, "build", purpose="cleaning", say=self.progress.say):
            clusters = self.existing()
            if old_only:
                go = find_go(self.lab, self.progress)
                for path in build.old_paths(self.lab, go):
                    self.progress.say(f"removing {path}")
                    remove_tree(path)
                clusters.drop_node_images(keep=clusters.node_image)
                return 0
            if names := records.names(self.lab):
                raise LabError(f"Clusters are up ({', '.join(names)}); first: lab down")
            clusters.drop_node_images()
            for folder in (self.lab.store, self.lab.work, self.lab.bin, self.lab.logs):
                remove_tree(folder)
            self.lab.choice.unlink(missing_ok=True)
            self.lab.containers_conf.unlink(missing_ok=True)
        self.progress.say(f"{self.lab.root} is empty; Go keeps caches of its own: go clean -cache -modcache")
        return 0
