"""How fast a fleet converges: whole processes, against peers and against Ansible's own floor, in one run."""

from __future__ import annotations

import contextlib
import typing as t
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from promlab.controlplane import ControlPlane, control_plane
from tests.bench.measure import Measured
from tests.bench.peers import (
    install_crds,
    kubectl_apply,
    pretend_ready,
    request_counts,
    write_manifests,
)
from tests.bench.project import HOST, Project, core_project, noop_project, objects, role_project
from tests.integration.support.cluster import Cluster

JsonObject = dict[str, t.Any]
Say = Callable[[str], None]

# kubernetes.core is measured on fewer objects, because it takes long: teams for one task, teams for its loop.
CORE_TEAMS = 100
LOOP_TEAMS = 20
CLUSTERS = 10
WITHOUT_WAIT = ("-e", "promfleet_wait=false")


def seconds(measured: Measured) -> JsonObject:
    """A measurement for the report."""
    return {"median": round(measured.median, 2), "all": [round(value, 2) for value in measured.seconds]}


def together(runs: Iterable[Measured]) -> Measured:
    """Several measurements as one."""
    return Measured(seconds=tuple(value for run in runs for value in run.seconds), peak_mib={}, output="")


@contextlib.contextmanager
def plane_with_crds(name: str) -> Iterator[tuple[ControlPlane, Cluster]]:
    """A fresh API server alone: controllers would take the processor from whoever is measured."""
    with control_plane(name, controllers=False) as plane:
        yield plane, install_crds(plane)


class Fleet:
    """One size of fleet, in one folder."""

    def __init__(self, folder: Path, *, number: int) -> None:
        self.folder = folder / str(number)
        self.folder.mkdir(parents=True)
        self.number = number
        self.count = len(objects(number))
        self.noop = noop_project(self.folder / "noop", number=number)

    def role(self, plane: ControlPlane, *, changed: int = 0, clusters: int = 1) -> Project:
        """The fleet through the role."""
        hosts = [HOST] if clusters == 1 else [f"{HOST}-{index}" for index in range(clusters)]
        return role_project(
            self.folder / f"role-{plane.name}-{changed}-{clusters}",
            kubeconfig=plane.kubeconfig,
            context=plane.context,
            number=self.number,
            changed=changed,
            hosts=hosts,
        )


def measure_fleet(fleet: Fleet, *, times: int, say: Say) -> JsonObject:
    """All times of one size of fleet, and what the API server counted."""
    facts: JsonObject = {"teams": fleet.number, "objects": fleet.count}
    say(f"{fleet.number} teams, {fleet.count} objects")
    with plane_with_crds("bench-ours") as (plane, cluster):
        say("ours: first creation")
        ours = fleet.role(plane)
        facts["create"] = seconds(ours.run(*WITHOUT_WAIT, expect=r"changed=1\b"))
        pretend_ready(cluster)
        ours.run(expect=r"changed=0\b")
        # In turns, so that a machine that changes its pace does so for both.
        say("ours: no change, and the floor (a module that does nothing)")
        before = request_counts(cluster)
        turns = [(fleet.noop.run(), ours.run(expect=r"changed=0\b")) for _run in range(times)]
        for name, runs in zip(("floor", "unchanged"), zip(*turns, strict=True), strict=True):
            facts[name] = seconds(together(runs))
        facts["requests"] = _requests_of_one_run(before, request_counts(cluster), runs=times)
        facts["peak_mib"] = ours.run(memory=True).peak_mib
        say("ours: one team changed, there and back")
        other = fleet.role(plane, changed=1)
        one = [p.run(*WITHOUT_WAIT, expect=r"changed=1\b") for _run in range(times) for p in (other, ours)]
        facts["one_changed"] = seconds(together(one))
        say("kubectl: no change, on the same objects")
        manifests = write_manifests(fleet.folder, objects(fleet.number))
        kubectl_apply(plane, manifests)
        facts["kubectl_unchanged"] = seconds(kubectl_apply(plane, manifests, times=times))
    with plane_with_crds("bench-kubectl") as (plane, _cluster):
        say("kubectl: first creation")
        facts["kubectl_create"] = seconds(kubectl_apply(plane, write_manifests(fleet.folder, objects(fleet.number))))
    return facts


def _requests_of_one_run(before: t.Any, after: t.Any, *, runs: int) -> JsonObject:
    """Requests of one run by verb and resource; what the API server asks itself (leases, its own status) left out."""
    own = ("leases", "apiservices", "endpoints", "endpointslices", "flowschemas", "prioritylevelconfigurations")
    delta = {name: (after[name] - before[name]) / runs for name in after if after[name] != before[name]}
    return {
        name: count
        for name, count in sorted(delta.items())
        if count >= 1 and name.split()[1] not in own and not name.startswith("WATCH")
    }


def measure_core(folder: Path, *, times: int, say: Say) -> JsonObject:
    """kubernetes.core.k8s on the same objects, fewer of them."""
    facts: JsonObject = {}
    for name, number, loop in (("one_task", CORE_TEAMS, False), ("loop", LOOP_TEAMS, True)):
        with plane_with_crds("bench-core") as (plane, _cluster):
            say(f"kubernetes.core.k8s ({name}): {number} teams")
            project = core_project(
                folder / name, kubeconfig=plane.kubeconfig, context=plane.context, number=number, loop=loop
            )
            facts[name] = {
                "teams": number,
                "objects": len(objects(number)),
                "create": seconds(project.run(expect=r"changed=1\b")),
                "unchanged": seconds(project.run(times=1 if loop else times)),
            }
    return facts


def measure_clusters(fleet: Fleet, *, say: Say) -> JsonObject:
    """Memory with many clusters at once. All hosts are one API server here: nothing is written, so they do not meet."""
    with plane_with_crds("bench-many") as (plane, cluster):
        say(f"{CLUSTERS} clusters at forks {CLUSTERS}: memory")
        fleet.role(plane).run(*WITHOUT_WAIT)
        pretend_ready(cluster)
        many = fleet.role(plane, clusters=CLUSTERS)
        return {"clusters": CLUSTERS, "peak_mib": many.run("-f", str(CLUSTERS), "--check", memory=True).peak_mib}
