"""Proves what the pods of an instance may connect to where kube-router enforces network policies on a real node.

Each connection is tried from the network of the pod itself, before anything enforces policies and while they are
enforced. Before, all of them are open: so a closed one is closed by a policy. Afterwards alerts of each team still
reach its own receiver, and the doctor finds nothing: DNS and discovery work.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import sys
import tempfile
import time
import typing as t
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from promlab.engine import Engine, make_engine
from promlab.machine import inspect_machine
from promlab.settings import from_environment
from tests.integration.support import lab, notified
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import LOCAL
from tests.integration.support.playbook import Run, run_playbook
from tests.prove.claims import Row, report
from tests.prove.enforcing.router import enforcing

JsonObject = dict[str, t.Any]

CLUSTER = "doc-hub"
TEAMS = ("pay", "search", "platform")
SECONDS = "5s"
# So long rules may need until they are in force.
PATIENCE = 90.0
# Addresses of the node that mean something else: where clouds have their metadata, and the Internet.
METADATA, PUBLIC = "169.254.169.254", "203.0.113.7"
WEB = 80


@dataclass(frozen=True, kw_only=True)
class Try:
    """A connection of a *pod* to *where*, and whether the policies leave it *open*."""

    pod: str
    where: str
    address: str
    port: int
    open: bool


def inventory() -> JsonObject:
    """Two teams and the platform, whose receivers are pods of another namespace."""
    quick = {"scrape_interval": SECONDS, "evaluation_interval": SECONDS}
    team = {"prometheus": quick, "alertmanager": {"replicas": 2}}
    return {
        "all": {
            "vars": {
                **LOCAL,
                "promfleet_kubeconfig": str(lab.kubeconfig()),
                "promfleet_context": "kind-{{ inventory_hostname }}",
                "team_monitoring_platform": {"prometheus": quick},
                "team_monitoring_teams": [
                    {"name": "pay", "namespaces": ["pay", "pay-batch"], **team},
                    {"name": "search", "namespaces": ["search"], "prometheus": quick},
                ],
                "team_monitoring_egress": {
                    "alertmanager": [{"namespace": notified.NAMESPACE, "ports": [notified.PORT]}],
                },
                "team_monitoring_default_receivers": [
                    {
                        "name": "all",
                        "webhook": {"url": f"http://{notified.NAME}.{notified.NAMESPACE}.svc:{notified.PORT}/{{team}}"},
                    }
                ],
                "team_monitoring_default_route": {"group_wait": "1s", "group_interval": "5s"},
                "team_monitoring_api_server_sources": [{"cidr": f"{address}/32"} for address in _node_addresses()],
            },
            "children": {"promfleet_central": {"hosts": {CLUSTER: {}}}},
        }
    }


@functools.cache
def _node_addresses() -> tuple[str, ...]:
    (node,) = (cluster := lab.cluster(CLUSTER)).list_kind(cluster.kind("v1", "Node"))
    internal = [str(one["address"]) for one in node["status"]["addresses"] if one["type"] == "InternalIP"]
    cidr = str(node["spec"]["podCIDR"])
    # What the node asks its own pods, it asks with the first address of their range.
    return (*internal, cidr.rpartition(".")[0] + ".1")


class Node:
    """The node, and who tries what from where."""

    def __init__(self) -> None:
        self.cluster: Cluster = lab.cluster(CLUSTER)
        self.engine: Engine = make_engine("podman", lab=from_environment(), machine=inspect_machine())

    def ask(self, *command: str) -> str | None:
        """What a command on the node says, None where it fails."""
        return self.engine.ask("exec", f"{CLUSTER}-control-plane", *command)

    def process(self, pod: str, namespace: str) -> str:
        """The process whose network is that of a pod."""
        label = f"io.kubernetes.pod.name={pod},io.kubernetes.pod.namespace={namespace}"
        found = self.ask("bash", "-c", f"crictl pods --state ready --label {label} --quiet | head -n 1")
        shown = json.loads(self.ask("crictl", "inspectp", (found or "").strip()) or "{}")
        return str(shown["info"]["pid"])

    def is_open(self, process: str, address: str, port: int) -> bool:
        """Whether a connection is made from the network of a process."""
        connect = f"timeout 3 bash -c '</dev/tcp/{address}/{port}'"
        return self.ask("nsenter", f"--net=/proc/{process}/ns/net", "bash", "-c", connect) is not None

    def address(self, pod: str, namespace: str) -> str:
        """The address of a pod."""
        return str(self.cluster.get("v1", "Pod", pod, namespace)["status"]["podIP"])

    @contextlib.contextmanager
    def outside(self) -> Iterator[None]:
        """Give the node the addresses of the Internet and of the metadata, and let something answer there."""
        for address in (METADATA, PUBLIC):
            self.ask("ip", "address", "add", f"{address}/32", "dev", "lo")
        listener = f"setsid socat TCP-LISTEN:{WEB},fork,reuseaddr PIPE > /dev/null 2>&1 & echo $!"
        process = (self.ask("bash", "-c", listener) or "").strip()
        try:
            yield
        finally:
            self.ask("kill", process)
            for address in (METADATA, PUBLIC):
                self.ask("ip", "address", "delete", f"{address}/32", "dev", "lo")


def tries(node: Node) -> list[Try]:
    """All connections that are tried."""
    cluster = node.cluster
    (dns, *_more) = [
        pod
        for pod in cluster.list_kind(cluster.kind("v1", "Pod"), selector="k8s-app=kube-dns")
        if pod["status"].get("podIP")
    ]
    api_server = cluster.get("v1", "Service", "kubernetes", "default")["spec"]["clusterIP"]
    internal = _node_addresses()[0]
    places: dict[str, tuple[str, int]] = {
        "a pod of the team": (node.address(notified.NAME, "pay"), notified.PORT),
        "a pod of another team": (node.address(notified.NAME, "search"), notified.PORT),
        "a pod that alerts are sent to": (node.address(notified.NAME, notified.NAMESPACE), notified.PORT),
        "the team's Prometheus": (node.address("prometheus-pay-0", "monitoring-pay"), 9090),
        "the team's Alertmanager": (node.address("alertmanager-pay-1", "monitoring-pay"), 9093),
        "the gossip of the team's Alertmanager": (node.address("alertmanager-pay-1", "monitoring-pay"), 9094),
        "another team's Prometheus": (node.address("prometheus-search-0", "monitoring-search"), 9090),
        "the platform's Prometheus": (node.address("prometheus-platform-0", "monitoring-platform"), 9090),
        "DNS": (str(dns["status"]["podIP"]), 53),
        "other ports of DNS": (str(dns["status"]["podIP"]), 9153),
        "the API server's address": (internal, 6443),
        "the API server's Service": (api_server, 443),
        "the kubelet": (internal, 10250),
        "metadata": (METADATA, WEB),
        "the Internet": (PUBLIC, WEB),
    }
    allowed = {
        ("prometheus-pay-0", "monitoring-pay"): {
            "a pod of the team",
            "the team's Alertmanager",
            "the gossip of the team's Alertmanager",
            "DNS",
            "the API server's address",
            "the API server's Service",
            # A connection of a pod to itself never leaves it.
            "the team's Prometheus",
        },
        ("alertmanager-pay-0", "monitoring-pay"): {
            "a pod that alerts are sent to",
            "the gossip of the team's Alertmanager",
            "DNS",
            "the Internet",
        },
        # It may reach nodes, and so all private addresses, as long as they let it in.
        ("prometheus-platform-0", "monitoring-platform"): set(places)
        - {"the gossip of the team's Alertmanager", "metadata", "the Internet"},
        # Somebody else's pod in the namespace of an instance: nothing opens anything for it.
        (notified.NAME, "monitoring-pay"): set[str](),
    }
    return [
        Try(pod=f"{namespace}/{pod}", where=where, address=address, port=port, open=where in names)
        for (pod, namespace), names in allowed.items()
        for where, (address, port) in places.items()
    ]


def judge(node: Node, every: Sequence[Try], *, enforced: bool) -> dict[str, str]:
    """What is not as it is to be, by the connection: without enforcement all are open."""
    processes = {one.pod: node.process(*reversed(one.pod.split("/"))) for one in every}
    wrong = {}
    for one in every:
        wanted = one.open or not enforced
        if node.is_open(processes[one.pod], one.address, one.port) is not wanted:
            wrong[f"{one.pod} to {one.where}"] = "closed" if wanted else "open"
    return wrong


def settled(node: Node, every: Sequence[Try]) -> dict[str, str]:
    """The same when all rules are in force, at the latest after PATIENCE."""
    end = time.monotonic() + PATIENCE
    while True:
        wrong = judge(node, every, enforced=True)
        if not wrong or time.monotonic() > end:
            return wrong
        time.sleep(2)


def play(name: str) -> Run:
    """A run of a playbook."""
    with tempfile.TemporaryDirectory(prefix="promfleet-egress-") as folder:
        return run_playbook(name, inventory=inventory(), folder=Path(folder), live=True)


def prove(node: Node) -> Iterator[Row]:
    """All claims, in an order in which each needs what was before it."""
    every = tries(node)
    wrong = judge(node, every, enforced=False)
    yield Row(
        claim=f"without enforcement all {len(every)} connections are open", held=not wrong, seen=json.dumps(wrong)
    )
    with enforcing(node.engine, CLUSTER):
        wrong = settled(node, every)
        closed = sum(not one.open for one in every)
        yield Row(
            claim=f"policies close {closed} of them, and leave {len(every) - closed} open",
            held=not wrong,
            seen=json.dumps(wrong),
        )
        count = notified.verify(node.cluster, team="pay", namespace="pay-batch", teams=TEAMS)
        yield Row(
            claim="alerts reach the receiver of their team, firing and resolved", held=True, seen=f"{count} alerts"
        )
        done = play("verify")
        yield Row(
            claim="verify finds nothing", held=done.status == 0, seen="" if done.status == 0 else done.output[-2000:]
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof; 1 where a claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="where the rows are kept")
    parser.add_argument("--installed", action="store_true", help="the cluster is as it is to be already")
    options = parser.parse_args(arguments)
    if not options.installed:
        lab.up(CLUSTER)
        play("site").require_success()
    node = Node()
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": notified.NAMESPACE}}
    node.cluster.apply(space)
    for namespace in ("pay", "search", "monitoring-pay", notified.NAMESPACE):
        for obj in notified.webhook(namespace):
            node.cluster.apply(obj)
        node.cluster.wait_until(functools.partial(_runs, node.cluster, namespace), f"the webhook in {namespace} runs")
    with node.outside():
        return 0 if report(prove(node), options.output) else 1


def _runs(cluster: Cluster, namespace: str) -> bool:
    return bool(cluster.get("v1", "Pod", notified.NAME, namespace)["status"].get("phase") == "Running")


if __name__ == "__main__":
    sys.exit(main())
