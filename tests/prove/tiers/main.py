"""Proves that a cluster goes from one operator to several and back while its instances are scraped.

With the rights that the collection ships, and one instance that its operator cannot reconcile: each StatefulSet and
each pod stays the same one, no container restarts, no Prometheus misses two scrapes, and each instance soon has an
operator.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
import typing as t
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import CONTROLLER_ID

from tests.integration.support import lab
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import fleet
from tests.integration.support.playbook import run_playbook
from tests.integration.support.wipe import wipe
from tests.prove import kept

JsonObject = dict[str, t.Any]

# A cluster of its own: twenty instances are more than others leave room for.
HUB = "test-tiers"
MONITORING = "monitoring.coreos.com/v1"
APPS = "apps/v1"
NAMESPACE = "prometheus-operator"
INTERVAL = 5.0
# A scrape takes a moment, and the query looks at samples second by second.
SLACK = 2.0
# How long instances may be without an operator.
PAUSE = 60.0
TEAMS = 20
OPERATORS = 3
READY = 600.0
# What is scraped before and after a change.
SETTLED = 15.0
FAILING = "team-0"
PODS = "app.kubernetes.io/managed-by=prometheus-operator"


def team(name: str) -> JsonObject:
    """A small instance: twenty of them have to fit on a node with two cores."""
    resources = {"cpu": "10m", "memory": "128Mi"}
    prometheus = {"scrape_interval": f"{INTERVAL:.0f}s", "evaluation_interval": "30s", "resources": resources}
    return {"name": name, "alertmanager": {"enabled": False}, "prometheus": prometheus}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One change of the tier: what became of the instances, and how long they had no operator, in seconds."""

    change: str
    instances: int
    same_sets: bool
    same_pods: bool
    restarts: int
    gap: float
    allowed: float
    pause: float
    without_operator: list[str]

    @property
    def held(self) -> bool:
        """Whether all of it is as it has to be."""
        return (
            self.same_sets
            and self.same_pods
            and not self.restarts
            and self.gap <= self.allowed
            and self.pause <= PAUSE
            and not self.without_operator
        )


class Tiers:
    """The cluster, and the playbook site on it."""

    def __init__(self, teams: int) -> None:
        lab.up(HUB)
        lab.provide_account(HUB)
        self.api: Cluster = lab.cluster(HUB)
        self.teams = [team(f"team-{number}") for number in range(teams)]

    def site(self, tier: str) -> None:
        """Bring the cluster to a tier."""
        inventory = fleet(
            central=HUB,
            team_monitoring_teams=self.teams,
            team_monitoring_platform={"prometheus": {"enabled": False}, "alertmanager": {"enabled": False}},
            prometheus_operator_tier=tier,
            prometheus_operator_count=OPERATORS,
            # One of them never gets ready.
            promfleet_wait=False,
        )
        with tempfile.TemporaryDirectory(prefix="promfleet-tiers-") as folder:
            run_playbook("site", inventory=inventory, folder=Path(folder), live=True).require_success()

    def instances(self) -> list[JsonObject]:
        """The Prometheus objects of the teams."""
        return self.api.list_kind(self.api.kind(MONITORING, "Prometheus"))

    def sets(self) -> dict[str, tuple[str, int]]:
        """The uid and the generation of each StatefulSet."""
        found = self.api.list_kind(self.api.kind(APPS, "StatefulSet"), selector=PODS)
        return {one["metadata"]["name"]: (one["metadata"]["uid"], one["metadata"]["generation"]) for one in found}

    def pods(self) -> dict[str, str]:
        """The uid of each pod of the instances."""
        found = self.api.list_kind(self.api.kind("v1", "Pod"), selector=PODS)
        return {one["metadata"]["name"]: one["metadata"]["uid"] for one in found}

    def restarts(self) -> int:
        """How often containers of the instances were started again."""
        found = self.api.list_kind(self.api.kind("v1", "Pod"), selector=PODS)
        return sum(one["restartCount"] for pod in found for one in pod["status"].get("containerStatuses") or ())

    def unserved(self) -> list[str]:
        """The instances for which no operator is ready."""
        ready = set()
        for one in self.api.list_kind(self.api.kind(APPS, "Deployment")):
            if one["metadata"]["namespace"] == NAMESPACE and (one.get("status") or {}).get("readyReplicas"):
                args = one["spec"]["template"]["spec"]["containers"][0]["args"]
                ready.add(next((text.partition("=")[2] for text in args if text.startswith("--controller-id=")), ""))
        return [
            one["metadata"]["name"]
            for one in self.instances()
            if (one["metadata"].get("annotations") or {}).get(CONTROLLER_ID, "") not in ready
        ]

    def wait_ready(self) -> None:
        """Until every pod is ready."""

        def ready() -> bool:
            found = self.api.list_kind(self.api.kind(APPS, "StatefulSet"), selector=PODS)
            return len(found) == len(self.teams) and all(
                (one.get("status") or {}).get("readyReplicas") == one["spec"]["replicas"] for one in found
            )

        self.api.wait_until(ready, "all instances are ready", timeout=READY)

    def break_one(self) -> None:
        """Make one instance that its operator cannot reconcile, and go on to run."""
        self.api.apply(
            {
                "apiVersion": MONITORING,
                "kind": "Prometheus",
                "metadata": {"name": FAILING, "namespace": f"monitoring-{FAILING}"},
                "spec": {"additionalScrapeConfigs": {"name": "missing", "key": "missing"}},
            }
        )

        def fails() -> bool:
            live = self.api.get(MONITORING, "Prometheus", FAILING, f"monitoring-{FAILING}")
            conditions = live["status"].get("conditions") or ()
            return any(one["type"] == "Reconciled" and one["status"] == "False" for one in conditions)

        self.api.wait_until(fails, "one instance fails")

    def longest_gap(self, start: float, end: float) -> float:
        """The greatest age that the newest sample of any instance had at any second."""
        worst = 0.0
        for one in self.teams:
            name = one["name"]
            place = f"/api/v1/namespaces/monitoring-{name}/services/prometheus-{name}:web/proxy/api/v1/query_range"
            query = {
                "query": 'time() - max(timestamp(up{job="prometheus"}))',
                "start": f"{start:.0f}",
                "end": f"{end:.0f}",
                "step": "1",
            }
            (row,) = self.api.request("GET", place, query=query)["data"]["result"]
            worst = max(worst, *(float(value) for _time, value in row["values"]))
        return worst


@contextmanager
def watched(tiers: Tiers) -> Iterator[list[float]]:
    """Notes the longest time in seconds for which some instance had no operator, as the only item."""
    longest = [0.0]
    done = threading.Event()

    def look() -> None:
        since: float | None = None
        while not done.wait(0.5):
            now = time.monotonic()
            if not tiers.unserved():
                since = None
            else:
                since = now if since is None else since
                longest[0] = max(longest[0], now - since)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield longest
    finally:
        done.set()
        thread.join()


def prove(tiers: Tiers, *, tier: str, change: str) -> Row:
    """Change the tier, and compare before and after."""
    sets, pods, restarts = tiers.sets(), tiers.pods(), tiers.restarts()
    time.sleep(SETTLED)
    began = time.time()
    with watched(tiers) as longest:
        tiers.site(tier)
        tiers.api.wait_until(lambda: not tiers.unserved(), "each instance has an operator", timeout=PAUSE)
        time.sleep(SETTLED)
    return Row(
        change=change,
        instances=len(tiers.teams),
        same_sets=tiers.sets() == sets,
        same_pods=tiers.pods() == pods,
        restarts=tiers.restarts() - restarts,
        gap=round(tiers.longest_gap(began, time.time()), 1),
        allowed=2 * INTERVAL + SLACK,
        pause=round(longest[0], 1),
        without_operator=tiers.unserved(),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof; 1 where something was not as it has to be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="where the rows are kept")
    parser.add_argument("--teams", type=int, default=TEAMS, help="how many instances there are")
    options = parser.parse_args(arguments)
    tiers = Tiers(options.teams)
    wipe(tiers.api)
    tiers.site("shared")
    tiers.wait_ready()
    tiers.break_one()
    rows = []
    for tier, change in (("sharded", f"one operator to {OPERATORS}"), ("shared", f"{OPERATORS} operators to one")):
        row = prove(tiers, tier=tier, change=change)
        rows.append({**asdict(row), "held": row.held})
        print(json.dumps(rows[-1]), flush=True)
    kept.write(rows, options.output)
    if all(row["held"] for row in rows):
        wipe(tiers.api)
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
