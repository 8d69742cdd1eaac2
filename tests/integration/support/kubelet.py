"""What a kubelet would do for the pods of operators on a control plane without nodes: it runs them as processes."""

from __future__ import annotations

import subprocess
import threading
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import MERGE, ApiError, Cluster

JsonObject = dict[str, t.Any]

# It keeps a pod until its process has ended, as a kubelet does.
FINALIZER = "promfleet.test/kubelet"


@dataclass(kw_only=True)
class Kubelet:
    """The operators of one namespace. Each acts as the account of its pod, so that the audit log tells them apart."""

    plane: ControlPlane
    api: Cluster
    namespace: str
    program: Path
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Start and stop processes until the end."""
        while not self._done.wait(0.1):
            self._sync()

    def stop(self) -> None:
        """End all."""
        self._done.set()

    def accounts(self) -> set[str]:
        """The accounts of the operators that run."""
        return {name.rpartition("-")[0].rpartition("-")[0] for name in self.running}

    def _path(self, name: str = "") -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods" + (f"/{name}" if name else "")

    def _sync(self) -> None:
        for pod in self.api.request("GET", self._path())["items"]:
            metadata = pod["metadata"]
            name = metadata["name"]
            if "deletionTimestamp" in metadata:
                self._end(name)
                self._patch(name, [])
            elif name not in self.running:
                self._patch(name, [FINALIZER])
                self.running[name] = self._started(pod)

    def _patch(self, name: str, finalizers: list[str]) -> None:
        body = {"metadata": {"finalizers": finalizers}}
        try:
            self.api.request("PATCH", self._path(name), body=body, content_type=MERGE)
        except ApiError as error:
            if error.status != 404:
                raise

    def _started(self, pod: JsonObject) -> subprocess.Popen[bytes]:
        account = f"system:serviceaccount:{self.namespace}:{pod['spec']['serviceAccountName']}"
        (container,) = pod["spec"]["containers"]
        log = self.plane.log("operator")
        with log.open("ab") as sink:
            return subprocess.Popen(
                [str(self.program), *container["args"], "--web.listen-address=127.0.0.1:0", f"--as={account}"],
                env={"KUBECONFIG": str(self.plane.kubeconfig), "GOGC": "30"},
                stdout=sink,
                stderr=subprocess.STDOUT,
            )

    def _end(self, name: str) -> None:
        process = self.running.pop(name, None)
        if process is not None:
            process.terminate()
            process.wait()

    def end_all(self) -> None:
        """End every process."""
        for name in list(self.running):
            self._end(name)


@contextmanager
def kubelet(plane: ControlPlane, api: Cluster, *, namespace: str, program: Path) -> Iterator[Kubelet]:
    """One for the time of a with block."""
    found = Kubelet(plane=plane, api=api, namespace=namespace, program=program)
    thread = threading.Thread(target=found.run, name="kubelet", daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.stop()
        thread.join()
        found.end_all()
