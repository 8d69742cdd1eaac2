"""The configuration that kind gets; JSON, which is YAML too."""

from __future__ import annotations

import json

_KUBELET = {
    "kind": "KubeletConfiguration",
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    # Kubernetes refuses to run on cgroup v1 unless told otherwise; kind hangs at "Starting control-plane".
    "failCgroupV1": False,
}


def kind_config(*, node_image: str | None, cgroup_v2: bool) -> str:
    """A cluster of one node; without `node_image` it is kind's own."""
    networking: dict[str, object] = {"apiServerAddress": "127.0.0.1"}
    node: dict[str, object] = {"role": "control-plane"}
    document: dict[str, object] = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": networking,
        "nodes": [node],
    }
    if node_image:
        node["image"] = node_image
        # The image brings its own network (../node/cni.conflist), and its kube-proxy has nft but no iptables.
        networking |= {"disableDefaultCNI": True, "kubeProxyMode": "nftables"}
    if not cgroup_v2:
        document["kubeadmConfigPatches"] = [json.dumps(_KUBELET)]
    return json.dumps(document, indent=2)
