"""What proofs ask of kubelets."""

from __future__ import annotations

import time

from tests.integration.support.cluster import Cluster


def nudge(cluster: Cluster, namespace: str, *pods: str) -> None:
    """Let kubelets look at the files of those of the *pods* that are there now, instead of within a minute or two.

    A kubelet refreshes what it mounted when its pod changes, and else with its next sync.
    """
    note = {"metadata": {"annotations": {"example.com/nudged": str(time.time())}}}
    for pod in pods:
        if cluster.find("v1", "Pod", pod, namespace) is not None:
            cluster.edit("v1", "Pod", pod, note, namespace=namespace)
