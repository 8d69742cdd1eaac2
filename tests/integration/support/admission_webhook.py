"""The admission webhook as a process beside a control plane, at the address that its Service has there."""

from __future__ import annotations

import base64
import subprocess
import typing as t
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import ADMISSION_WEBHOOK_NAME
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.model import parse_operator
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.webhook import arguments

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import MERGE, Cluster

JsonObject = dict[str, t.Any]

# Addresses that this machine answers itself: what an API server without nodes calls as a Service is a process here.
SERVICES_HERE = "127.96.0.0/16"
NAMESPACE = "prometheus-operator"


@dataclass(frozen=True, kw_only=True)
class Pods:
    """What kubelets would do: *folder* is the volume with the certificate."""

    plane: ControlPlane
    api: Cluster
    program: Path
    folder: Path

    def secret(self) -> Mapping[str, str]:
        """What the Secret holds."""
        data: Mapping[str, str] = self.api.get("v1", "Secret", ADMISSION_WEBHOOK_NAME, NAMESPACE)["data"]
        return data

    def mount(self) -> None:
        """Writes the files of the volume as the Secret is now."""
        for name in ("tls.key", "tls.crt"):
            unfinished = self.folder / f".{name}"
            unfinished.write_bytes(base64.b64decode(self.secret()[name]))
            unfinished.replace(self.folder / name)

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """The program for the time of a with block, with the flags of the Deployment but for address and folder."""
        self.mount()
        address = self.api.get("v1", "Service", ADMISSION_WEBHOOK_NAME, NAMESPACE)["spec"]["clusterIP"]
        flags = arguments(parse_operator({}), address=f"{address}:443", folder=str(self.folder))
        with self.plane.log("admission-webhook").open("ab") as sink:
            process = subprocess.Popen([str(self.program), *flags], stdout=sink, stderr=subprocess.STDOUT)
            try:
                yield process
            finally:
                process.kill()
                process.wait()

    def ready(self, *names: str) -> None:
        """Lets Deployments say that all their pods are ready."""
        for name in names:
            live = self.api.get("apps/v1", "Deployment", name, NAMESPACE)
            number = live["spec"]["replicas"]
            counters = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), number)
            path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{name}/status"
            status = {"status": {**counters, "observedGeneration": live["metadata"]["generation"]}}
            self.api.request("PATCH", path, body=status, content_type=MERGE)
