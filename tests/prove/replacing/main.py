"""Proves how soon the operator works again when it is killed, its node is drained, or its node is lost.

On a cluster with two nodes for pods, with the admission webhook registered with `Fail`. Each time a new rule of a team
must get into what its instance reads, no StatefulSet gets another generation, and as long as no node is lost the
webhook judges every rule that is written meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import ADMISSION_WEBHOOK_NAME

from promlab.engine import Engine, make_engine
from promlab.machine import inspect_machine
from promlab.settings import from_environment
from tests.integration.support import lab
from tests.integration.support.cluster import ApiError, Cluster
from tests.integration.support.inventory import fleet
from tests.integration.support.playbook import run_playbook
from tests.prove import kept

JsonObject = dict[str, t.Any]

# A cluster of its own: others have one node.
HUB = "test-replacing"
WORKERS = 2
TEAM, NAMESPACE = "pay", "prometheus-operator"
MONITORING, APPS = "monitoring.coreos.com/v1", "apps/v1"
READY = 300.0
# How long a change may take, in seconds. A node counts as lost after 50 s (kube-controller-manager,
# node-monitor-grace-period), and its pods leave it 30 s later.
GOALS = {"killed": 30.0, "drained": 60.0, "lost": 120.0}
# What the API server says where the webhook did not answer, and where it did.
UNANSWERED, REFUSED = "failed calling webhook", "Rules are not valid"
# Until the controller of quotas has counted what is in a new namespace.
UNCOUNTED = "status unknown for quota"
PAUSE = 0.3


@dataclass(frozen=True, kw_only=True)
class Row:
    """What happened, and what became of it; *seconds* until a change counts that was made right after it.

    *written* and *unanswered*: wrong rules that were written meanwhile, and those that the webhook did not judge.
    """

    happened: str
    seconds: float
    goal: float
    new_generations: list[str]
    written: int
    unanswered: int

    @property
    def held(self) -> bool:
        """Whether all of it is as it has to be. Requests to a pod on a lost node go unanswered until it is out."""
        answered = not self.unanswered or self.happened == "lost"
        return self.seconds <= self.goal and not self.new_generations and answered and self.written > 0


class Place:
    """The cluster."""

    def __init__(self) -> None:
        subprocess.run([lab.LAB, "up", HUB, "--workers", str(WORKERS)], stdin=subprocess.DEVNULL, check=True)
        subprocess.run([lab.LAB, "load", HUB, "--made", "admission-webhook"], stdin=subprocess.DEVNULL, check=True)
        lab.provide_account(HUB)
        self.api: Cluster = lab.cluster(HUB)
        self.changes = 0

    @functools.cached_property
    def engine(self) -> Engine:
        """What runs the nodes."""
        machine, settings = inspect_machine(), from_environment()
        return make_engine("podman", lab=settings, machine=machine)

    def site(self) -> int:
        """Bring the cluster to its state; how many objects that changed."""
        small = {"cpu": "10m", "memory": "200Mi"}
        off = {"enabled": False}
        inventory = fleet(
            central=HUB,
            team_monitoring_platform={"prometheus": off, "alertmanager": off},
            team_monitoring_teams=[
                {"name": TEAM, "namespaces": [TEAM], "alertmanager": off, "prometheus": {"resources": small}}
            ],
            prometheus_operator_moved_after=30,
            prometheus_operator_admission_webhook={"enabled": True, "failure_policy": "Fail"},
        )
        with tempfile.TemporaryDirectory(prefix="promfleet-replacing-") as folder:
            run = run_playbook("site", inventory=inventory, folder=Path(folder), live=True).require_success()
        return len(run.objects())

    # -- what there is ------------------------------------------------------------------------------------------------

    def pods(self, component: str) -> list[JsonObject]:
        """The pods of a component in the operator's namespace that are not about to go."""
        found = self.api.list_kind(self.api.kind("v1", "Pod"), selector=f"app.kubernetes.io/name={component}")
        return [one for one in found if "deletionTimestamp" not in one["metadata"]]

    def operators_node(self) -> str:
        """The node of the operator's pod, once it is ready."""
        found: list[JsonObject] = []

        def is_ready() -> bool:
            found[:] = [one for one in self.pods("prometheus-operator") if _is_ready(one)]
            return len(found) == 1

        self.api.wait_until(is_ready, "the operator is ready", timeout=READY)
        return str(found[0]["spec"]["nodeName"])

    def webhooks_nodes(self) -> list[str]:
        """The nodes of the webhook's pods, once all are ready."""
        found: list[JsonObject] = []

        def are_ready() -> bool:
            found[:] = self.pods(ADMISSION_WEBHOOK_NAME)
            return len(found) == WORKERS and all(map(_is_ready, found))

        self.api.wait_until(are_ready, "the webhook is ready", timeout=READY)
        return sorted(str(one["spec"]["nodeName"]) for one in found)

    def generations(self) -> dict[str, int]:
        """The generation of every StatefulSet."""
        found = self.api.list_kind(self.api.kind(APPS, "StatefulSet"))
        return {
            f"{one['metadata']['namespace']}/{one['metadata']['name']}": one["metadata"]["generation"] for one in found
        }

    # -- what happens -------------------------------------------------------------------------------------------------

    def on(self, node: str, *command: str) -> None:
        """Run a command on a node."""
        self.engine.do(["exec", node, *command], log=from_environment().logs / "replacing.log")

    def kill(self) -> None:
        """Kill the operator's process."""
        self.on(self.operators_node(), "pkill", "-KILL", "-x", "operator")

    def cordon(self, node: str, *, closed: bool) -> None:
        """Keep new pods from a node, or let them in again."""
        self.api.edit("v1", "Node", node, {"spec": {"unschedulable": closed or None}})

    def drain(self, node: str) -> None:
        """Evict every pod from a node as `kubectl drain` does; its disruption budgets are kept."""
        self.cordon(node, closed=True)
        pods = [one for one in self.api.list_kind(self.api.kind("v1", "Pod")) if one["spec"].get("nodeName") == node]
        for pod in pods:
            owners = {one["kind"] for one in pod["metadata"].get("ownerReferences") or ()}
            if not owners & {"DaemonSet", "Node"}:
                evicts = functools.partial(self._evicts, pod["metadata"]["namespace"], pod["metadata"]["name"])
                self.api.wait_until(evicts, f"{pod['metadata']['name']} is evicted", timeout=READY)

    def _evicts(self, namespace: str, name: str) -> bool:
        path = self.api.kind("v1", "Pod").path(namespace, name) + "/eviction"
        metadata = {"name": name, "namespace": namespace}
        try:
            self.api.request("POST", path, body={"apiVersion": "policy/v1", "kind": "Eviction", "metadata": metadata})
        except ApiError as error:
            # 429: a disruption budget does not allow it yet.
            if error.status not in (404, 429):
                raise
            return error.status == 404
        return True

    @contextlib.contextmanager
    def paused(self, node: str) -> Iterator[None]:
        """Let a node stand still for the time of a with block, as one that has lost its power."""
        log = from_environment().logs / "replacing.log"
        self.engine.do(["pause", node], log=log)
        try:
            yield
        finally:
            self.engine.do(["unpause", node], log=log)
            self.api.wait_until(lambda: self.is_node_ready(node), f"{node} is ready again", timeout=READY)

    def is_node_ready(self, node: str) -> bool:
        """Whether a node says that it is ready."""
        return _is_ready(self.api.get("v1", "Node", node))

    # -- what is asked ------------------------------------------------------------------------------------------------

    def seconds_of_a_change(self, since: float) -> float:
        """How long after *since* a rule that is made now gets into what the team's instance reads."""
        self.changes += 1
        record = f"change:{self.changes}"
        groups = [{"name": "any", "rules": [{"record": record, "expr": "vector(1)"}]}]

        def is_made() -> bool:
            # Where the webhook does not answer, a team tries again.
            try:
                self.api.apply(_rule(f"change-{self.changes}", groups))
            except ApiError as error:
                if UNANSWERED not in str(error) and UNCOUNTED not in str(error):
                    raise
                return False
            return True

        def is_there() -> bool:
            maps = self.api.list_kind(self.api.kind("v1", "ConfigMap"), selector=f"prometheus-name={TEAM}")
            return any(f"record: {record}\n" in text for one in maps for text in (one.get("data") or {}).values())

        self.api.wait_until(is_made, f"{record} is made", timeout=READY)
        self.api.wait_until(is_there, f"{record} is in what the instance reads", timeout=READY)
        return round(time.monotonic() - since, 1)

    def judged(self) -> bool:
        """Whether the webhook judges a wrong rule now; it is not stored in any case."""
        path = self.api.kind(MONITORING, "PrometheusRule").path(TEAM)
        wrong = _rule("wrong", [{"name": "any", "rules": [{"record": "a:b", "expr": "sum("}]}])
        try:
            self.api.request("POST", path, query={"dryRun": "All"}, body=wrong)
        except ApiError as error:
            if REFUSED in str(error):
                return True
            if UNANSWERED in str(error):
                return False
            raise
        raise AssertionError("a wrong rule was accepted")


def _rule(name: str, groups: list[JsonObject]) -> JsonObject:
    metadata = {"name": name, "namespace": TEAM}
    return {"apiVersion": MONITORING, "kind": "PrometheusRule", "metadata": metadata, "spec": {"groups": groups}}


def _is_ready(obj: JsonObject) -> bool:
    conditions = obj.get("status", {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


class Writer(threading.Thread):
    """Writes wrong rules, one after the other, until it is stopped, and counts the answers."""

    def __init__(self, place: Place) -> None:
        super().__init__(daemon=True)
        self._place = place
        self._stopped = threading.Event()
        self.answers: list[bool] = []
        self.failure: Exception | None = None

    def run(self) -> None:
        """Write."""
        try:
            while not self._stopped.wait(PAUSE):
                self.answers.append(self._place.judged())
        except (ApiError, AssertionError) as error:
            self.failure = error

    def __enter__(self) -> t.Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        self.join()
        if self.failure is not None:
            raise self.failure


def watched(place: Place, happened: str, event: Callable[[], t.ContextManager[None]]) -> Row:
    """Let something happen, and see how long the operator takes."""
    before = place.generations()
    with Writer(place) as writer:
        since = time.monotonic()
        with event():
            seconds = place.seconds_of_a_change(since)
        place.operators_node()
        place.webhooks_nodes()
    after = place.generations()
    row = Row(
        happened=happened,
        seconds=seconds,
        goal=GOALS[happened],
        new_generations=sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)),
        written=len(writer.answers),
        unanswered=writer.answers.count(False),
    )
    print(json.dumps({**asdict(row), "held": row.held}), flush=True)
    return row


def prove(place: Place) -> list[Row]:
    """A process that is killed, a node that is drained, and one that is lost."""

    @contextlib.contextmanager
    def killed() -> Iterator[None]:
        place.kill()
        yield

    @contextlib.contextmanager
    def drained() -> Iterator[None]:
        node = place.operators_node()
        place.drain(node)
        try:
            yield
        finally:
            place.cordon(node, closed=False)

    rows = [watched(place, "killed", killed), watched(place, "drained", drained)]
    node = place.operators_node()
    return [*rows, watched(place, "lost", lambda: place.paused(node))]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof; 1 where something took too long, or was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="where the rows are kept")
    options = parser.parse_args(arguments)
    place = Place()
    place.site()
    nodes = place.webhooks_nodes()
    rows: list[JsonObject] = [{"webhook_on": nodes, "held": len(set(nodes)) == len(nodes)}]
    rows += [{**asdict(row), "held": row.held} for row in prove(place)]
    rows.append({"second_run_changes": (changes := place.site()), "held": not changes})
    kept.write(rows, options.output)
    if not all(row["held"] for row in rows):
        print(json.dumps(rows, indent=1))
        return 1
    lab.down(HUB)
    return 0


if __name__ == "__main__":
    sys.exit(main())
