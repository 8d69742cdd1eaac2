# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The objects of node_exporter: one pod on each node, with what it needs of the node and nothing else. Pure.

What it needs, and why it runs in a namespace of its own with the Pod Security level ``privileged``:

- the node's network (hostNetwork): the kernel shows statistics of interfaces, sockets and connections only for the
  network that a process is in;
- the node's files below one read-only mount: /proc and /sys, and of the file systems their sizes.

What it does not need: the node's processes (hostPID), because the mounted /proc is the node's own; root, capabilities,
a token of the API server, and files to write.
"""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import NAME_LABEL, common_labels
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    APPS,
    CORE,
    LINUX,
    PRIVILEGED_NAMESPACE,
    JsonObject,
    admitting,
    burstable,
    confined,
    make,
    pull_secrets,
    restricted_pod,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.exporters.model import (
    NODE,
    NodeExporter,
)

NAME = "node-exporter"
# By this name the catalogue's monitor finds it.
PORT_NAME = "metrics"
_USER = 65534
# As many as Kubernetes supports nodes.
_PODS = 5000
_ROOT = "/host/root"
_ADDRESS = "NODE_ADDRESS"


def node_exporter_objects(exporter: NodeExporter, *, team: str) -> list[JsonObject]:
    """All objects of node_exporter; *team* is the platform's."""
    labels = common_labels(NAME, team=team)
    namespaced = functools.partial(make, namespace=exporter.namespace, labels=labels)
    objects = [
        make(CORE, "Namespace", exporter.namespace, labels={**labels, **PRIVILEGED_NAMESPACE}),
        namespaced(CORE, "ServiceAccount", NAME, automountServiceAccountToken=False),
        namespaced(APPS, "DaemonSet", NAME, spec=_daemon_set(exporter, labels)),
    ]
    if exporter.priority_class:
        quota = admitting(exporter.priority_class, pods=_PODS)
        objects.append(namespaced(CORE, "ResourceQuota", NAME, spec=quota))
    return objects


def _daemon_set(exporter: NodeExporter, labels: t.Mapping[str, str]) -> JsonObject:
    pod: JsonObject = {
        "serviceAccountName": NAME,
        "automountServiceAccountToken": False,
        "hostNetwork": True,
        **pull_secrets(exporter.pull_secrets),
        "nodeSelector": LINUX,
        # Each node, also one that is not ready or reserved for others.
        "tolerations": [{"operator": "Exists"}],
        "securityContext": {"runAsGroup": _USER, "runAsUser": _USER, **restricted_pod(user=None)},
        "containers": [_container(exporter)],
        "volumes": [{"name": "root", "hostPath": {"path": "/", "type": ""}}],
    }
    if exporter.priority_class:
        pod["priorityClassName"] = exporter.priority_class
    return {
        "selector": {"matchLabels": {NAME_LABEL: NAME}},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
        "template": {
            "metadata": {
                "labels": dict(labels),
                "annotations": {"kubectl.kubernetes.io/default-container": NAME},
            },
            "spec": pod,
        },
    }


def _container(exporter: NodeExporter) -> JsonObject:
    health = {"httpGet": {"path": "/", "port": PORT_NAME}}
    return {
        "name": NAME,
        "image": exporter.image,
        "args": _arguments(exporter),
        # Of a pod in the node's network both are the same: the address by which the cluster knows the node.
        "env": [{"name": _ADDRESS, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.hostIP"}}}],
        "ports": [
            {"containerPort": exporter.port, "hostPort": exporter.port, "name": PORT_NAME, "protocol": "TCP"},
        ],
        "livenessProbe": {**health, "periodSeconds": 30, "timeoutSeconds": 5},
        "readinessProbe": {**health, "periodSeconds": 5, "timeoutSeconds": 5},
        "resources": burstable(exporter.resources),
        "securityContext": confined(),
        "volumeMounts": [
            # File systems that the node mounts later are to be seen, too.
            {"name": "root", "mountPath": _ROOT, "readOnly": True, "mountPropagation": "HostToContainer"},
        ],
    }


def _arguments(exporter: NodeExporter) -> list[str]:
    # The brackets do no harm to an IPv4 address.
    address = f"[$({_ADDRESS})]" if exporter.address == NODE else ""
    return [
        f"--web.listen-address={address}:{exporter.port}",
        f"--path.rootfs={_ROOT}",
        f"--path.procfs={_ROOT}/proc",
        f"--path.sysfs={_ROOT}/sys",
        f"--path.udev.data={_ROOT}/run/udev/data",
        *(f"--{'' if on else 'no-'}collector.{name}" for name, on in exporter.collectors.items()),
        *(f"--{name}={value}" for name, value in exporter.arguments.items()),
    ]
