"""kube-router as the firewall of a node: it enforces network policies, and leaves routes and Services to kind."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from promlab import build
from promlab.engine import Engine
from promlab.progress import Progress
from promlab.settings import from_environment

ROUTER = "kube-router"
FLAGS = ("--run-router=false", "--run-firewall=true", "--run-service-proxy=false", "--health-port=0")


@contextlib.contextmanager
def enforcing(engine: Engine, cluster: str) -> Iterator[None]:
    """Let kube-router enforce the policies on the node of a *cluster*."""
    lab = from_environment()
    build.build_programs([ROUTER], lab=lab, progress=Progress(out=sys.stderr))
    program, node = (lab.bin / ROUTER).resolve(), f"{cluster}-control-plane"
    engine.do(["cp", program, f"{node}:/usr/local/bin/{ROUTER}"], log=lab.logs / f"{ROUTER}.log")
    flags = " ".join([*FLAGS, "--kubeconfig=/etc/kubernetes/admin.conf", f"--hostname-override={node}"])
    command = f"setsid {ROUTER} {flags} > /var/log/{ROUTER}.log 2>&1 & echo $!"
    process = (engine.ask("exec", node, "bash", "-c", command) or "").strip()
    try:
        yield
    finally:
        engine.ask("exec", node, "kill", process)
        engine.ask("exec", node, ROUTER, "--cleanup-config")
