"""The pod network of a cluster with several nodes: a range of addresses for each node, and routes between them.

A node image of the lab's has a plain network for pods (../node/cni.conflist), which is enough for one node. With more
of them each node needs a range of its own, a route to the ranges of the others, and packets between pods must keep
their addresses: network policies judge by these.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from promlab import pins

# kind's podSubnet, of which the controller manager gives each node a /24 in the order in which they join: the control
# plane first, then the workers in any order.
POD_RANGE = "10.244.0.0/16"
CONFLIST = pins.LAB_DIR / "node/cni.conflist"
IN_NODE = "/etc/cni/net.d/10-kind.conflist"


def node_names(cluster: str, *, workers: int) -> list[str]:
    """The nodes as kind calls them, the control plane first."""
    numbered = [f"{cluster}-worker{'' if number == 1 else number}" for number in range(1, workers + 1)]
    return [f"{cluster}-control-plane", *numbered]


def subnet(number: int) -> str:
    """The range of the node with this number, from 0."""
    return f"10.244.{number}.0/24"


def conflist_path(folder: Path, node: str) -> Path:
    """Where the file of a node is, which is mounted over the image's."""
    return folder / f"cni-{node}.json"


def write_conflist(folder: Path, node: str, *, pods: str) -> Path:
    """Write the file of a node with the range *pods*; one that is mounted already stays the same file."""
    network = json.loads(CONFLIST.read_text())
    network["plugins"][0]["ipam"]["ranges"] = [[{"subnet": pods}]]
    path = conflist_path(folder, node)
    path.write_text(json.dumps(network, indent=2))
    return path


def write_conflists(folder: Path, cluster: str, *, workers: int) -> list[Path]:
    """A file for each node with the range that it is likely to get."""
    nodes = node_names(cluster, workers=workers)
    return [write_conflist(folder, node, pods=subnet(number)) for number, node in enumerate(nodes)]


def commands(node: str, places: Mapping[str, tuple[str, str]]) -> Iterable[list[str]]:
    """What *node* must run; *places* are address and pod range of every node by its name. May run again. Pure."""
    for other, (address, pods) in places.items():
        if other != node:
            yield ["ip", "route", "replace", pods, "via", address]
    rule = ["POSTROUTING", "--source", POD_RANGE, "--destination", POD_RANGE, "--jump", "ACCEPT"]
    joined = " ".join(rule)
    # The network's plugin gives what leaves the node the node's own address, which is right for the world only.
    yield ["sh", "-c", f"iptables -t nat -C {joined} 2>/dev/null || iptables -t nat -I {joined}"]


def reading_again() -> list[str]:
    """What a node must run after its file has changed: containerd looks at the folder, and not at what is mounted."""
    mark = f"{IN_NODE}.changed"
    return ["sh", "-c", f"echo > {mark} && rm {mark}"]
