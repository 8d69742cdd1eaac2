"""MetalLB on a cluster of the lab, by its own manifest: it gives Services addresses, and answers ARP for them."""

from __future__ import annotations

import functools
import sys
import typing as t

import yaml

from promlab.gobuild import module_folder
from promlab.programs import PROGRAMS
from promlab.progress import Progress
from promlab.settings import from_environment
from promlab.toolchain import find_go
from tests.integration.support.cluster import Cluster
from tests.prove.workloads.programs import available

JsonObject = dict[str, t.Any]

NAMESPACE, API = "metallb-system", "metallb.io/v1beta1"
IMAGES = ("metallb-controller", "metallb-speaker")
READY = 300.0
# In this order; what follows is of some of these kinds, and in their namespace.
FIRST = ("Namespace", "CustomResourceDefinition")


def install(cluster: Cluster, *, addresses: str) -> None:
    """Install MetalLB, and give it a range of addresses."""
    go = find_go(from_environment(), Progress(out=sys.stderr))
    folder = module_folder(go, folder=PROGRAMS[IMAGES[0]].folder, module="go.universe.tf/metallb")
    manifest = (folder / "config/manifests/metallb-native.yaml").read_text()
    objects = [obj for obj in yaml.safe_load_all(manifest) if obj]
    for obj in sorted(objects, key=lambda obj: FIRST.index(obj["kind"]) if obj["kind"] in FIRST else len(FIRST)):
        cluster.apply(obj, manager="metallb", force=True)
    controller = functools.partial(available, cluster, NAMESPACE, "controller")
    cluster.wait_until(controller, "MetalLB's controller runs", timeout=READY)
    cluster.wait_until(lambda: _announces(cluster), "MetalLB's speaker runs", timeout=READY)
    cluster.wait_until(lambda: _judges(cluster), "MetalLB judges what is written", timeout=READY)
    metadata = {"name": "lab", "namespace": NAMESPACE}
    for kind, spec in (
        ("IPAddressPool", {"addresses": [addresses]}),
        ("L2Advertisement", {"ipAddressPools": ["lab"]}),
    ):
        cluster.apply({"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}, force=True)


def _announces(cluster: Cluster) -> bool:
    status = cluster.get("apps/v1", "DaemonSet", "speaker", NAMESPACE).get("status", {})
    return bool(status.get("numberReady")) and status["numberReady"] == status.get("desiredNumberScheduled")


def _judges(cluster: Cluster) -> bool:
    kind = "ValidatingWebhookConfiguration"
    found = cluster.get("admissionregistration.k8s.io/v1", kind, "metallb-webhook-configuration")
    return all(webhook["clientConfig"].get("caBundle") for webhook in found["webhooks"])
