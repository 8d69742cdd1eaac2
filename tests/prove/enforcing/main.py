"""Proves who gets in where network policies are enforced: kube-router enforces them on two real clusters.

The central cluster's node is let in. Another address of the same node, the machine and a pod's own network are not, and
were before anything enforced policies. Probes, the config-reloader and the API server's proxy stay allowed while the
policy changes.
"""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import json
import subprocess
import sys
import time
import typing as t
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import sources_policy_name

from tests.prove.claims import Row, report
from tests.prove.doctor.fleet import EDGE, HUB, NAMESPACE, SOURCE, Fleet, install
from tests.prove.enforcing.router import enforcing

POD = ("v1", "Pod", "prometheus-platform-0", NAMESPACE)
# So often the policy is changed.
CHANGES = 5
SECONDS = 90.0
# kube-router rejects what no policy allows; an engine that drops it gives PF361.
CLOSED = "PF360"
KEPT_IN = "PF307"
# What lets the central instance out: to nodes and private networks, and to its sources.
_POLICY = ("networking.k8s.io/v1", "NetworkPolicy")
OPENING = (*_POLICY, "prometheus-platform-egress", NAMESPACE)
SOURCES = (*_POLICY, sources_policy_name("platform"), NAMESPACE)


def _own_address(fleet: Fleet) -> str:
    """The address of the central cluster's node, with which its pods leave the cluster."""
    (node,) = fleet.hub.list_kind(fleet.hub.kind("v1", "Node"))
    return next(str(one["address"]) for one in node["status"]["addresses"] if one["type"] == "InternalIP")


class Nodes:
    """The two nodes, and who asks from where."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.hub = _own_address(fleet)
        # One more address of the central cluster's node, which the policy does not name.
        self.other = self.hub.rpartition(".")[0] + ".250"

    def place(self) -> dict[str, t.Any]:
        """Where the worker's replica is exposed."""
        return dict(self.fleet.places()[0]["targets"][0])

    def target(self) -> str:
        """An address that the worker's replica answers at."""
        target = self.place()
        return f"http://{target['address']}:{target['port']}/-/healthy"

    def from_hub(self, source: str) -> bool:
        """Whether the replica answers the central cluster's node at one of its addresses."""
        told = self.fleet.ask_node(HUB, "curl", "--silent", "--max-time", "5", "--interface", source, self.target())
        return "Healthy" in (told or "")

    def from_machine(self) -> bool:
        """Whether it answers the machine that the nodes run on."""
        done = subprocess.run(
            ["curl", "--silent", "--max-time", "5", self.target()], capture_output=True, text=True, check=False
        )
        return "Healthy" in done.stdout

    @contextlib.contextmanager
    def second_address(self) -> Iterator[None]:
        """Give the central cluster's node its other address."""
        self.fleet.ask_node(HUB, "ip", "address", "add", f"{self.other}/24", "dev", "eth0")
        try:
            yield
        finally:
            self.fleet.ask_node(HUB, "ip", "address", "delete", f"{self.other}/24", "dev", "eth0")

    @contextlib.contextmanager
    def enforcing(self) -> Iterator[None]:
        """Let kube-router enforce the policies of both clusters: what the central instance may reach is closed, too."""
        with enforcing(self.fleet.engine, EDGE), enforcing(self.fleet.engine, HUB):
            yield


def allow(fleet: Fleet, *networks: str) -> None:
    """Let a run of the collection admit these networks."""
    fleet.source = {**SOURCE, "allowed_sources": list(networks)}
    fleet.restore()


def eventually(ask: Callable[[], bool], *, wanted: bool = False) -> bool:
    """Whether a question gets the wanted answer within the time that rules need."""
    end = time.monotonic() + SECONDS
    while ask() is not wanted:
        if time.monotonic() > end:
            return False
        time.sleep(1)
    return True


def prove(nodes: Nodes) -> Iterator[Row]:
    """All claims, in an order in which each needs what was before it."""
    fleet = nodes.fleet
    allow(fleet, f"{nodes.hub}/32")
    open_to = {"its other address": nodes.from_hub(nodes.other), "the machine": nodes.from_machine()}
    yield Row(
        claim="without enforcement the policy keeps out no address",
        held=all(open_to.values()),
        seen=json.dumps(open_to),
    )
    with nodes.enforcing():
        closed = {
            "its other address": eventually(lambda: nodes.from_hub(nodes.other)),
            "the machine": eventually(nodes.from_machine),
        }
        yield Row(claim="other addresses are kept out", held=all(closed.values()), seen=json.dumps(closed))
        reached = eventually(lambda: nodes.from_hub(nodes.hub), wanted=True)
        yield Row(claim="the central cluster's node gets in", held=reached, seen=nodes.hub)
        look, took = fleet.wait_for([], seconds=SECONDS * 2)
        yield Row(claim="the doctor finds nothing", held=not look.findings, seen=look.told or f"after {took:.0f} s")
        yield _changing(nodes)
        allow(fleet, "198.51.100.0/24")
        left = eventually(lambda: nodes.from_hub(nodes.hub))
        # A connection that is open stays so: kube-router lets in what belongs to it. It is made to end here.
        fleet.ask_node(EDGE, "conntrack", "--delete", "--proto", "tcp", "--orig-src", nodes.hub)
        yield Row(claim="who is taken out of the policy is kept out", held=left, seen=nodes.hub)
        look, took = fleet.wait_for([CLOSED], seconds=SECONDS * 3)
        yield Row(claim="the doctor reports the closed way", held=look.has([CLOSED]), seen=look.told)
        allow(fleet, f"{nodes.hub}/32")
        yield _closed_at_home(nodes)
    look, took = fleet.wait_for([], seconds=SECONDS * 3)
    yield Row(claim="all is well afterwards", held=not look.findings, seen=look.told or f"after {took:.0f} s")


def _closed_at_home(nodes: Nodes) -> Row:
    """The central side's own policies keep it in: the doctor names them, and the target that is down follows."""
    fleet = nodes.fleet
    fleet.wait_for([], seconds=SECONDS * 3)
    rules = fleet.hub.get(*OPENING)["spec"]["egress"]
    undo = fleet.edit(fleet.hub, OPENING, {"spec": {"egress": [rule for rule in rules if not _is_wide(rule)]}})
    fleet.delete(fleet.hub, SOURCES)
    fleet.ask_node(HUB, "conntrack", "--delete", "--proto", "tcp", "--orig-port-dst", str(nodes.place()["port"]))
    look, took = fleet.wait_for([KEPT_IN], seconds=SECONDS * 3)
    undo()
    fleet.restore()
    follows = [one["code"] for one in look.findings if one["caused_by"]]
    return Row(
        claim="policies that keep the central side in are named, and that its target is down follows from them",
        held=look.has([KEPT_IN]) and CLOSED in follows,
        seen=f"{look.told}, after {took:.0f} s",
    )


def _is_wide(rule: t.Mapping[str, t.Any]) -> bool:
    """Whether a rule opens more than single addresses."""
    blocks = [peer["ipBlock"]["cidr"] for peer in rule.get("to") or () if "ipBlock" in peer]
    return any(ipaddress.ip_network(one).num_addresses > 1 for one in blocks)


def _changing(nodes: Nodes) -> Row:
    """Probes stay green while the policy is changed, the API server reaches the replica, and no scrape is missed."""
    fleet = nodes.fleet
    before, began = _health(fleet), time.time()
    for number in range(CHANGES):
        allow(fleet, f"{nodes.hub}/32", f"203.0.113.{number}/32")
        time.sleep(float(SOURCE["interval"].removesuffix("s")))
        fleet.query(fleet.edge, query="1")
    allow(fleet, f"{nodes.hub}/32")
    passed = int(time.time() - began)
    (row,) = fleet.query(fleet.hub, query=f'min(min_over_time(up{{job=~"federation/.*"}}[{passed}s]))')
    least = row["value"][1]
    after = _health(fleet)
    seen = {"before": before, "after": after, "least up": least, "seconds": passed}
    return Row(
        claim=f"{CHANGES} changes of the policy disturb no probe and no scrape",
        held=before == after and least == "1",
        seen=json.dumps(seen),
    )


def _health(fleet: Fleet) -> dict[str, t.Any]:
    """Since when the worker's pod is ready, and how often its containers started."""
    status = fleet.edge.get(*POD)["status"]
    ready = next(one for one in status["conditions"] if one["type"] == "Ready")
    restarts = {one["name"]: one["restartCount"] for one in status["containerStatuses"]}
    return {"ready": ready["status"], "since": ready["lastTransitionTime"], "restarts": restarts}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof; 1 where a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="where the rows are kept")
    parser.add_argument("--installed", action="store_true", help="the clusters are as they are to be already")
    options = parser.parse_args(arguments)
    if not options.installed:
        install()
    fleet = Fleet()
    nodes = Nodes(fleet)
    fleet.restore()
    try:
        with nodes.second_address():
            return 0 if report(prove(nodes), options.output) else 1
    finally:
        fleet.source = SOURCE
        fleet.restore()


if __name__ == "__main__":
    sys.exit(main())
