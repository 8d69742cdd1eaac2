"""Two real clusters that federate, and the doctor's view of them."""

from __future__ import annotations

import functools
import subprocess
import tempfile
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import kinds

from promlab.engine import Engine, make_engine
from promlab.machine import inspect_machine
from promlab.settings import from_environment
from tests.integration.support import lab
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.inventory import LOCAL
from tests.integration.support.playbook import run_playbook
from tests.prove.kubelets import nudge

JsonObject = dict[str, t.Any]
Undo = t.Callable[[], object]
# API version, kind, name and namespace.
Reference = tuple[str, str, str, str]

HUB, EDGE = "doc-hub", "doc-edge"
# Short, so that a change shows soon.
SECONDS = "5s"
TEAM: JsonObject = {
    "alertmanager": {"enabled": False},
    "prometheus": {"scrape_interval": SECONDS, "evaluation_interval": SECONDS},
}
SOURCE: JsonObject = {"expose": "NodePort", "interval": SECONDS, "timeout": "4s"}
NAMESPACE = "monitoring-platform"
# The lab's clusters have no policy engine, but where a proof starts one.
OF_THE_LAB = [{"code": "PF113", "object": f"{EDGE}/*", "reason": "no policy engine", "owner": "lab"}]
MONITORING = "monitoring.coreos.com/v1"


def install(worker: JsonObject | None = None) -> None:
    """Bring both clusters up and to the state that everything starts from; *worker* is the worker's instance."""
    lab.up(HUB, EDGE)
    inventory = {
        "all": {
            "vars": {
                **LOCAL,
                "promfleet_kubeconfig": str(lab.kubeconfig()),
                "promfleet_context": "kind-{{ inventory_hostname }}",
                "prometheus_federation_sources": [SOURCE],
                "team_monitoring_platform": TEAM,
                # What a stopped proof changed by hand is taken back.
                "promfleet_force_conflicts": True,
            },
            "children": {
                "promfleet_central": {"hosts": {HUB: {}}},
                "promfleet_workers": {"hosts": {EDGE: {"team_monitoring_platform": worker or TEAM}}},
            },
        }
    }
    with tempfile.TemporaryDirectory(prefix="promfleet-doctor-") as folder:
        run_playbook("site", inventory=inventory, folder=Path(folder), live=True).require_success()


@dataclass(frozen=True, kw_only=True)
class Look:
    """What the doctor says of both clusters, the central cluster's words first."""

    findings: tuple[JsonObject, ...]

    @property
    def roots(self) -> list[str]:
        """The codes of what nothing else explains, in the doctor's order; what only informs is left out."""
        return [
            one["code"]
            for one in self.findings
            if not one["caused_by"] and (one["severity"] != "info" or not one["observed"])
        ]

    def has(self, roots: t.Collection[str]) -> bool:
        """Whether exactly these codes are roots; without any, whether nothing is found, not even something excused."""
        return set(self.roots) == set(roots) if roots else not self.findings

    @property
    def told(self) -> str:
        """All findings in short."""
        return "; ".join(
            f"{'' if one['caused_by'] else '*'}{one['code']} {one['object']['name']}: {one['message'][:160]}"
            for one in self.findings
        )


class Fleet:
    """The two clusters, for somebody who breaks and mends them."""

    def __init__(self, worker: JsonObject | None = None) -> None:
        kinds.register()
        self.kubeconfig = lab.kubeconfig()
        self.hub, self.edge = lab.cluster(HUB), lab.cluster(EDGE)
        # What the inventory says of the worker's instance.
        self.source = SOURCE
        self.platform = {HUB: TEAM, EDGE: worker or TEAM}

    def module(self, name: str, cluster: str, /, **options: t.Any) -> JsonObject:
        """Run a module on a cluster."""
        return run_module(
            name,
            kubeconfig=self.kubeconfig,
            context=f"kind-{cluster}",
            cluster=cluster,
            clusters=[HUB, EDGE],
            platform=self.platform[cluster],
            **options,
        )

    def places(self) -> list[JsonObject]:
        """Where the worker's instances are exposed now."""
        found = self.module("federation_source", EDGE, check=True, sources=[self.source], force_conflicts=True)
        return list(found["sources"])

    def look(self) -> Look:
        """One look of the doctor at both clusters."""
        edge = self.module("federation_doctor", EDGE, exposed=[self.source], wait_timeout=60, suppressions=OF_THE_LAB)
        hub = self.module(
            "federation_doctor",
            HUB,
            sources=self.places(),
            workers=[EDGE],
            peers=[edge["observation"]],
            wait_timeout=60,
        )
        known = {one["fingerprint"] for one in hub["findings"]}
        # That the engine is there, and nothing to suppress, is not a fault.
        unsaid = known | {one["fingerprint"] for one in edge["findings"] if one["code"] == "PF903"}
        more = [one for one in edge["findings"] if one["fingerprint"] not in unsaid]
        return Look(findings=(*hub["findings"], *more))

    def wait_for(self, roots: t.Collection[str], *, seconds: float) -> tuple[Look, float]:
        """Look until exactly these codes are roots, without any until nothing is found; the last look, and how long."""
        began = time.monotonic()
        while True:
            look = self.look()
            took = time.monotonic() - began
            if look.has(roots) or took > seconds:
                return look, took
            time.sleep(2)

    # -- changes --------------------------------------------------------------------------------------------------

    def edit(self, cluster: Cluster, obj: Reference, patch: JsonObject) -> Undo:
        """Change an object as kubectl edit does; the way back is returned."""
        version, kind, name, namespace = obj
        before = cluster.get(version, kind, name, namespace)
        cluster.edit(version, kind, name, patch, namespace=namespace)
        self.nudge()
        return lambda: cluster.edit(version, kind, name, inverse(patch, before), namespace=namespace)

    def delete(self, cluster: Cluster, obj: Reference) -> Undo:
        """Delete an object of the federation; a run of the collection makes it again."""
        cluster.delete(*obj)
        self.nudge()
        return lambda: None

    def restore(self) -> None:
        """Let a run of the collection bring the federation to its described form."""
        # A node port has the address of the node that its replica runs on.
        self.edge.wait_until(self._is_scheduled, "the worker's replica has a node")
        made = self.module("federation_source", EDGE, sources=[self.source], force_conflicts=True)
        self.module("federation_endpoints", HUB, sources=made["sources"], force_conflicts=True)
        self.nudge()

    def _is_scheduled(self) -> bool:
        pod = self.edge.find("v1", "Pod", "prometheus-platform-0", NAMESPACE)
        return pod is not None and bool(pod["spec"].get("nodeName"))

    def nudge(self) -> None:
        """Let kubelets look at the configuration of Prometheus now, instead of within a minute or two."""
        for cluster in (self.hub, self.edge):
            nudge(cluster, NAMESPACE, "prometheus-platform-0")

    def query(self, cluster: Cluster, what: str = "query", **parameters: t.Any) -> t.Any:
        """The result of a query that the platform's Prometheus answers through the API server's proxy."""
        place = f"/api/v1/namespaces/{NAMESPACE}/services/prometheus-platform:web/proxy/api/v1/{what}"
        return cluster.request("GET", place, query=parameters)["data"]["result"]

    @functools.cached_property
    def engine(self) -> Engine:
        """What runs the nodes."""
        return make_engine("podman", lab=from_environment(), machine=inspect_machine())

    def ask_node(self, cluster: str, *command: str) -> str | None:
        """What a command on a cluster's node says, None where it fails."""
        return self.engine.ask("exec", f"{cluster}-control-plane", *command)

    def node(self, *command: str) -> str:
        """Run a command on the worker's node."""
        answer = self.ask_node(EDGE, *command)
        if answer is None:
            raise subprocess.SubprocessError(f"on the node: {' '.join(command)}")
        return answer


def inverse(patch: t.Any, before: t.Any) -> t.Any:
    """The merge patch that takes *patch* back from an object that was *before*. Pure."""
    if not isinstance(patch, dict) or not isinstance(before, dict):
        return before
    return {name: inverse(value, before.get(name)) for name, value in patch.items()}
