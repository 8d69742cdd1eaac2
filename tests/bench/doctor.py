"""The doctor's time, memory and requests: many sources of which one is slow, and many clusters full of others' objects.

The module runs as a process of its own, as Ansible starts it. The API server is real; Prometheus servers are answers of
a proxy before it, so that their number and their pace can be chosen.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import typing as t
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.exposed import (
    source_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import parse_sources

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.proxy import Fault, Proxy, Request, faulty
from tests.integration.support.sets import config_map, namespace

JsonObject = dict[str, t.Any]

MODULE = Path(__file__).resolve().parents[2] / "plugins/modules/federation_doctor.py"
SOURCES, CLUSTERS, FOREIGN = 50, 24, 12_000
SLOW_SECONDS = 10.0
MAKERS = 8
# Goals: seconds, CPU seconds for each source, MiB, and requests of one run, of these each Prometheus'.
GOALS = {"fast_s": 8.0, "slow_s": 12.0, "cpu_s_per_source": 0.1, "clusters_s": 10.0, "peak_mib": 150.0}
MOST_REQUESTS, MOST_OF_PROMETHEUS = 40, 6
TEAMS = [f"t{number:02}" for number in range(SOURCES)]
FLEET: JsonObject = {"clusters": ["hub", *(f"w{number:02}" for number in range(SOURCES))]}


class Ran(t.NamedTuple):
    """One process: seconds by the clock and of CPU, MiB at most, and its result."""

    seconds: float
    cpu: float
    mib: float
    result: JsonObject


def measure(plane: ControlPlane, *, rounds: int) -> JsonObject:
    """The median of *rounds* runs of each sort; AssertionError where a goal is missed."""
    api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _install(plane, api)
        facts: JsonObject = {"sources": SOURCES, "clusters": CLUSTERS, "foreign": FOREIGN}
        slow: list[str] = []
        with faulty(plane, folder, lambda request: _prometheus(request, slow=slow)) as proxy:
            for kind in ("fast", "slow"):
                slow[:] = [f"monitoring-{TEAMS[7]}"] if kind == "slow" else []
                runs = [_run(folder, proxy, **_many()) for _round in range(rounds)]
                facts |= _told(kind, runs)
            facts |= _requests(folder, proxy)
            _fill(api)
            facts |= _many_clusters(folder, proxy, rounds=rounds)
    missed = {name: facts[name] for name, most in GOALS.items() if facts[name] > most}
    if facts["requests"] > MOST_REQUESTS or facts["requests_of_prometheus"] > MOST_OF_PROMETHEUS:
        missed["requests"] = facts["requests"]
    assert not missed, f"missed: {missed}; all: {json.dumps(facts)}"
    return facts


def _install(plane: ControlPlane, api: Cluster) -> None:
    """CRDs, the teams, what exposes them, and what reads as many sources."""
    common: JsonObject = {"kubeconfig": plane.kubeconfig, "context": plane.context, "wait": False}
    run_module("crds", **{**common, "wait": True})
    many = _many()
    shared = {name: many[name] for name in ("cluster", "clusters", "teams")}
    run_module("team_monitoring", **common, **shared)
    run_module("federation_endpoints", **common, **shared, sources=many["sources"])
    for source in parse_sources(many["exposed"], check_match=lambda _text: None):
        for obj in source_objects(source, cluster="hub", namespace=f"monitoring-{source.team}", replicas=1):
            api.apply(obj, force=True)


def _many() -> JsonObject:
    """One cluster that exposes SOURCES instances and reads as many of others."""
    return {
        "cluster": "hub",
        **FLEET,
        "teams": [{"name": name, "namespaces": [name]} for name in TEAMS],
        "exposed": [{"team": name, "expose": "NodePort"} for name in TEAMS],
        "sources": [
            {"cluster": f"w{n:02}", "team": "platform", "targets": [{"address": f"192.0.2.{n + 1}", "port": 31090}]}
            for n in range(SOURCES)
        ],
    }


def _prometheus(request: Request, *, slow: t.Collection[str]) -> Fault | None:
    """What each Prometheus answers; those of some namespaces take their time."""
    if "/proxy/" not in request.path:
        return None
    place = request.path.split("/")[4]
    own = {"labels": {"namespace": place}, "health": "up", "scrapeUrl": "http://192.0.2.9/metrics", "lastError": ""}
    now = {"metric": {"promfleet_asked": "now"}, "value": [0, str(time.time())]}
    labels = f"global:\n  external_labels:\n    cluster: hub\n    team: {place.removeprefix('monitoring-')}\n"
    answers: dict[str, JsonObject] = {
        "runtimeinfo": {"reloadConfigSuccess": True},
        "targets": {"activeTargets": [own]},
        "config": {"yaml": labels},
    }
    data = answers.get(request.path.rpartition("/")[2], {"result": [now]})
    # It is asked two things, one after the other.
    delay = SLOW_SECONDS / 2 if place in slow else 0.0
    return Fault(status=200, body={"status": "success", "data": data}, delay=delay)


def _run(folder: Path, proxy: Proxy, **options: t.Any) -> Ran:
    """The module in a process of its own."""
    given = {"kubeconfig": str(proxy.kubeconfig), "context": proxy.context, "wait_timeout": 60, **options}
    descriptor, arguments = tempfile.mkstemp(dir=folder, suffix=".json")
    os.write(descriptor, json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode())
    os.close(descriptor)
    env = {**os.environ, "PYTHONPATH": f"{sys.prefix}/collections"}
    began = time.monotonic()
    with tempfile.TemporaryFile() as sink:
        process = subprocess.Popen([sys.executable, str(MODULE), arguments], env=env, stdout=sink, stderr=sink)
        _pid, _status, usage = os.wait4(process.pid, 0)
        process.returncode = _status
        seconds = time.monotonic() - began
        sink.seek(0)
        result = json.loads(sink.read())
    assert "checks" in result, result
    return Ran(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, result)


def _told(kind: str, runs: t.Sequence[Ran]) -> JsonObject:
    median = sorted(run.seconds for run in runs)[len(runs) // 2]
    late = [one for run in runs for one in run.result["findings"] if one["code"] in ("PF003", "PF004")]
    assert not late, f"not all was observed: {late[:3]}"
    cpu = min(run.cpu for run in runs) / SOURCES
    facts = {f"{kind}_s": round(median, 2), f"{kind}_checks": runs[0].result["summary"]["checks"]}
    return {**facts, "cpu_s_per_source": round(cpu, 3), f"{kind}_mib": round(max(run.mib for run in runs))}


def _requests(folder: Path, proxy: Proxy) -> JsonObject:
    """The requests of one run: of the API server, and of the Prometheus that is asked most."""
    before = len(proxy.requests)
    _run(folder, proxy, **_many())
    asked = [request for request, _fault in proxy.requests[before:]]
    assert not [request for request in asked if request.path.endswith(("/secrets", "/configmaps"))]
    of_prometheus = Counter(request.path.partition("/proxy/")[0] for request in asked if "/proxy/" in request.path)
    return {
        "requests": sum("/proxy/" not in request.path for request in asked),
        "requests_of_prometheus": max(of_prometheus.values()),
    }


def _fill(api: Cluster) -> None:
    """ConfigMaps of others."""
    places = [f"others-{number}" for number in range(4)]
    for place in places:
        api.apply(namespace(place))
    objects = (config_map(places[n % len(places)], f"f{n:05}", v="x" * 200) for n in range(FOREIGN))
    with ThreadPoolExecutor(MAKERS) as pool:
        for _done in pool.map(api.apply, objects):
            pass


def _many_clusters(folder: Path, proxy: Proxy, *, rounds: int) -> JsonObject:
    """One look at each cluster, as many at a time as there are cores; one API server stands for all of them."""
    one = {"cluster": "hub", "clusters": ["hub"], "exposed": [{"expose": "NodePort"}], "teams": []}
    seconds, peaks = [], []
    for _round in range(rounds):
        began = time.monotonic()
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            runs = list(pool.map(lambda _number: _run(folder, proxy, **one), range(CLUSTERS)))
        seconds.append(time.monotonic() - began)
        peaks += [run.mib for run in runs]
    return {"clusters_s": round(sorted(seconds)[len(seconds) // 2], 2), "peak_mib": round(max(peaks))}
