"""Runs that are killed at random points: the next one converges, nothing is lost, nothing is left that no run finds.

The way to the API server goes through a proxy that kills the run (SIGKILL) at one of its requests, and forwards that
request or not: so each point between two requests is met, in whatever state the other threads are.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import tempfile
import typing as t
from collections import Counter
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import lease

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.direct import Direct
from tests.integration.support.proxy import LOST_AFTER, LOST_BEFORE, Fault, Proxy, Request, faulty
from tests.integration.support.sets import fleet_of, states, wanted_states

JsonObject = dict[str, t.Any]
SEED = 11
GONE_SECONDS = 60.0
# The killed run holds its Lease this long, so that a round need not take a quarter of a minute.
LEASE_SECONDS = 1
# A run over these fleets sends about as many requests.
REQUESTS = 45
# What nobody but the tests made must not be left in a namespace; Kubernetes puts these into every one.
DEFAULTS = {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")}


def measure(plane: ControlPlane, *, rounds: int) -> JsonObject:
    """Facts about *rounds* killed runs; AssertionError where one left something behind."""
    chance = random.Random(SEED)  # noqa: S311
    api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    direct = Direct(kubeconfig=plane.kubeconfig, context=plane.context, name="interrupt")
    killed_at: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, faulty(plane, Path(folder)) as proxy:
        for number in range(rounds):
            ended, at = _interrupted_run(direct, proxy, fleet_of(direct.name, chance), chance)
            ends[ended] += 1
            killed_at[at] += 1
            # What comes next is not always what was interrupted; now and then it is that all should go.
            wanted = [] if chance.random() < 0.15 else fleet_of(direct.name, chance)
            direct.run(*wanted, wait_timeout=GONE_SECONDS)
            where = f"round {number}, {ended} at {at}"
            assert states(api, direct.label) == wanted_states(wanted), where
            assert _leftovers(api, direct, wanted) == [], where
            again = direct.run(*wanted, check=True)
            assert again.changes == [], f"{where}: {[str(change.key) for change in again.changes]}"
        direct.run(wait_timeout=GONE_SECONDS)
    assert ends["killed"] >= rounds // 2, "too few of the runs were killed to say anything"
    return {"rounds": rounds, "ends": dict(ends), "killed_at": dict(sorted(killed_at.items()))}


def _interrupted_run(direct: Direct, proxy: Proxy, wanted: list[JsonObject], chance: random.Random) -> tuple[str, str]:
    """How a run ended, and the request at which it was killed."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    victim = context.Process(target=_run, args=(direct.through(proxy), wanted), daemon=True)
    point = chance.randrange(1, REQUESTS)
    fault = chance.choice((LOST_BEFORE, LOST_AFTER))
    at: list[str] = []

    def rule(request: Request) -> Fault | None:
        # Called under a lock, one request at a time.
        if at:
            return None  # on its way already when the run died
        if len(proxy.requests) + 1 < point or victim.pid is None:
            return None
        at.append(f"{request.method} {request.path.rpartition('/')[2]}")
        os.kill(victim.pid, signal.SIGKILL)
        return fault

    proxy.requests.clear()
    proxy.turns.clear()
    proxy.rule = rule
    victim.start()
    victim.join()
    ended = {0: "finished", 3: "failed"}.get(victim.exitcode or 0, "killed")
    return ended, at[0] if at and ended == "killed" else "the end"


def _run(direct: Direct, wanted: list[JsonObject]) -> None:
    lease.DURATION = LEASE_SECONDS
    try:
        direct.run(*wanted, wait_timeout=GONE_SECONDS)
    except ClusterError:
        # A Lease this short can be lost to a slow machine: one more way to be interrupted.
        raise SystemExit(3) from None


def _leftovers(api: Cluster, direct: Direct, wanted: list[JsonObject]) -> list[str]:
    """What lives in the fleets' namespaces, or of these, and was not asked for, with or without a label of ours."""
    there = wanted_states(wanted)
    places = (direct.name, f"{direct.name}-2")
    found = [f"Namespace {name}" for name in places if ("Namespace", "", name) not in there and _lives(api, name)]
    for kind in ("ConfigMap", "Service", "RoleBinding"):
        api_version = "rbac.authorization.k8s.io/v1" if kind == "RoleBinding" else "v1"
        for obj in api.list_kind(api.kind(api_version, kind)):
            place, name = obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
            if place in places and (kind, name) not in DEFAULTS and (kind, place, name) not in there:
                found.append(f"{kind} {place}/{name}")
    record = api.find("v1", "ConfigMap", direct.record, "kube-system")
    if (record is not None) != bool(wanted):
        found.append("the record of kinds" if record else "no record of kinds")
    if not wanted and api.find("coordination.k8s.io/v1", "Lease", direct.record, "kube-system") is not None:
        found.append("the Lease")
    return found


def _lives(api: Cluster, namespace: str) -> bool:
    return api.find("v1", "Namespace", namespace) is not None
