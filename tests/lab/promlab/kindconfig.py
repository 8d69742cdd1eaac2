"""The configuration that kind gets; JSON, which is YAML too."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from promlab.nodenetwork import IN_NODE

_KUBELET: dict[str, object] = {
    "kind": "KubeletConfiguration",
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    # A changed Secret reaches a running pod when its volumes are synced next, by default after a minute or more; that
    # is how a changed configuration comes to Prometheus.
    "syncFrequency": "5s",
}
# Kubernetes refuses to run on cgroup v1 unless told otherwise; kind hangs at "Starting control-plane".
_CGROUP_V1: dict[str, object] = {"failCgroupV1": False}


def kind_config(*, node_image: str | None, cgroup_v2: bool, workers: int = 0, conflists: Sequence[Path] = ()) -> str:
    """A cluster of one node and its workers; without `node_image` it is kind's own.

    `conflists`: the network of each node, where each has one of its own.
    """
    networking: dict[str, object] = {"apiServerAddress": "127.0.0.1"}
    roles = ["control-plane", *["worker"] * workers]
    nodes: list[dict[str, object]] = [{"role": role} for role in roles]
    document: dict[str, object] = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": networking,
        "nodes": nodes,
    }
    if node_image:
        for node in nodes:
            node["image"] = node_image
        # The image brings its own network (../node/cni.conflist), and its kube-proxy has nft but no iptables.
        networking |= {"disableDefaultCNI": True, "kubeProxyMode": "nftables"}
    for node, path in zip(nodes, conflists, strict=False):
        node["extraMounts"] = [{"hostPath": str(path), "containerPath": IN_NODE, "readOnly": True}]
    document["kubeadmConfigPatches"] = [json.dumps(_KUBELET | ({} if cgroup_v2 else _CGROUP_V1))]
    return json.dumps(document, indent=2)
