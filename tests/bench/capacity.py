"""How much memory the operator needs for what teams may store: large rules, and many monitors.

The operator is real, as a process with the settings of our Deployment and without its limit; its peak is what a limit
would have to allow. It begins with everything there, as after a restart, which needs the most.
"""

from __future__ import annotations

import gzip
import os
import re
import subprocess
import time
import typing as t
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from promlab import build
from promlab.controlplane import ControlPlane
from promlab.locking import locked
from promlab.progress import Progress
from promlab.settings import from_environment
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.operator_process import compressed, serve_crds

JsonObject = dict[str, t.Any]

MONITORING = "monitoring.coreos.com/v1"
TEAM, OWN, INSTANCE = "full", "full", "monitoring-full"
MIB = 1 << 20
# Rules of so many MiB in all, in objects of this size; and so many monitors.
RULE_MIB = (0, 8, 16, 32, 64)
OBJECT_BYTES = 400_000
MONITORS = (0, 500, 1000, 2000)
# What our Deployment sets: roles of the collection, capability operator.
ENVIRONMENT = {"GOGC": "30"}
SECONDS = 180.0
# The peak counts once it has not risen for so long.
STEADY = 8.0


def measure(plane: ControlPlane, *, rounds: int) -> JsonObject:
    """Peaks in MiB for the first *rounds* sizes of each kind."""
    lab, progress = from_environment(), Progress()
    lab.make()
    with locked(lab.locks, "build", purpose="building", say=progress.say):
        build.build_programs(["operator"], lab=lab, progress=progress)
    cluster = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    serve_crds(cluster)
    # Quotas limit what is measured, and nothing counts it here.
    team = {"name": TEAM, "namespaces": [OWN], "alertmanager": {"enabled": False}, "base_rules": False, "quota": False}
    run_module(
        "team_monitoring", kubeconfig=plane.kubeconfig, context=plane.context, cluster="hub", clusters=["hub"],
        teams=[team], platform={"prometheus": {"enabled": False}, "alertmanager": {"enabled": False}}, wait=False,
    )  # fmt: skip
    program = lab.bin / "operator"
    # Monitors first: what the operator made of rules stays until it runs again, and would count.
    return {
        "monitors": [_peak(plane, cluster, program, monitors=number) for number in MONITORS[:rounds]],
        "rules": [_peak(plane, cluster, program, rules=size) for size in RULE_MIB[:rounds]],
    }


def rule_object(number: int) -> JsonObject:
    """A PrometheusRule of about OBJECT_BYTES, as different from others as rules of people are."""
    count = OBJECT_BYTES // 200
    rules = [
        {"record": f"full:{number}:{one}", "expr": f"sum by (pod) (rate(requests_total{{job='{number}-{one}'}}[5m]))",
         "labels": {"number": f"{one:060}"}}
        for one in range(count)
    ]  # fmt: skip
    spec = {"groups": [{"name": f"full-{number}", "rules": rules}]}
    return _object("PrometheusRule", f"full-{number}", spec)


def monitor_object(number: int) -> JsonObject:
    """A ServiceMonitor of an application."""
    spec = {"selector": {"matchLabels": {"app": f"app-{number}"}}, "endpoints": [{"port": "web", "interval": "30s"}]}
    return _object("ServiceMonitor", f"full-{number}", spec)


def _object(kind: str, name: str, spec: JsonObject) -> JsonObject:
    return {"apiVersion": MONITORING, "kind": kind, "metadata": {"name": name, "namespace": OWN}, "spec": spec}


def _peak(plane: ControlPlane, cluster: Cluster, program: Path, *, rules: int = 0, monitors: int = 0) -> JsonObject:
    """The operator's peak with so many MiB of rules, or so many monitors, beside one instance."""
    objects = [rule_object(number) for number in range(rules * MIB // OBJECT_BYTES)]
    objects += [monitor_object(number) for number in range(monitors)]
    for obj in objects:
        cluster.apply(obj, force=True)
    began = time.monotonic()
    with _operator(plane, program) as process:
        cluster.wait_until(
            lambda: _is_reconciled(cluster, rules=rules, monitors=monitors), "the operator has written", timeout=SECONDS
        )
        seconds = time.monotonic() - began
        peak = _steady_peak(process)
    for obj in objects:
        cluster.delete(MONITORING, obj["kind"], obj["metadata"]["name"], OWN)
    return {"rules_mib": rules, "monitors": monitors, "peak_mib": round(peak / MIB), "reconciled_s": round(seconds, 1)}


def _is_reconciled(cluster: Cluster, *, rules: int, monitors: int) -> bool:
    """Whether what the operator wrote is of these objects: all monitors, and most bytes of the rules."""
    found = cluster.list_kind(cluster.kind("v1", "ConfigMap"), selector="prometheus-name=full")
    size = sum(len(text) for one in found for text in (one.get("data") or {}).values())
    secret = compressed(cluster, namespace=INSTANCE, name=TEAM)
    jobs = gzip.decompress(secret).count(b"- job_name: serviceMonitor/full/full-") if secret else -1
    return jobs == monitors and size >= rules * MIB * 0.8


@contextmanager
def _operator(plane: ControlPlane, program: Path) -> Iterator[subprocess.Popen[bytes]]:
    flags = ["--web.listen-address=127.0.0.1:0", "--kubelet-endpoints=false"]
    environment = {**os.environ, **ENVIRONMENT, "KUBECONFIG": str(plane.kubeconfig)}
    with plane.log("operator").open("ab") as sink:
        process = subprocess.Popen([str(program), *flags], env=environment, stdout=sink, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _steady_peak(process: subprocess.Popen[bytes]) -> int:
    """The largest resident memory so far in bytes, once it does not rise any more."""
    peak, since = 0, time.monotonic()
    while time.monotonic() - since < STEADY:
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
        now = int(found[1]) * 1024 if found else 0
        if now > peak:
            peak, since = now, time.monotonic()
        time.sleep(0.5)
    return peak
