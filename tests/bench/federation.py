"""A central side that reads 1,000 sources: its objects, its configuration, and a real Prometheus that scrapes.

The API server and the operator are real, and the configuration is the one that the operator wrote. Only the first byte
of the addresses is changed, to that of loopback. There 200 sources answer; the others refuse the connection.

Beside that, what the two forms of targets cost a Prometheus. Discovered targets come from a file in place of the API
server, with the labels and steps that the operator writes.
"""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import threading
import time
import typing as t
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import objects_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import FEDERATION
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping

from promlab import build
from promlab.controlplane import ControlPlane
from promlab.locking import locked
from promlab.progress import Progress
from promlab.settings import Lab, from_environment
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.operator_process import compressed, configuration, operator, serve_crds
from tests.integration.support.prometheus_process import PrometheusProcess, jobs_of

JsonObject = dict[str, t.Any]

PROGRAMS = ("operator", "prometheus")
NAMESPACE = "monitoring-platform"
ANSWERING = 200
# Goals: the objects in seconds, the configuration in bytes.
OBJECT_SECONDS = 1.0
CONFIGURATION_BYTES = 1 << 20
# Of a Service, its EndpointSlice and the operator's relabelings; two endpoints in each source.
META_LABELS = 20
SIZES = (50, 100, 200, 500, 1000)
INTERVAL = "10s"


def measure(plane: ControlPlane, *, rounds: int) -> JsonObject:
    """Figures for *rounds* sources; AssertionError where a goal is missed."""
    lab, progress = from_environment(), Progress()
    lab.make()
    with locked(lab.locks, "build", purpose="building", say=progress.say):
        build.build_programs(PROGRAMS, lab=lab, progress=progress)
    folder = Path(tempfile.mkdtemp(prefix="federation-", dir=lab.work))
    try:
        facts = _wired(plane, lab=lab, folder=folder, number=rounds)
        sizes = [size for size in SIZES if size <= rounds]
        facts["forms"] = [_cost(lab, folder / f"{form}-{size}", form, size) for size in sizes for form in _FORMS]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return facts


def sources(number: int, port: int) -> list[JsonObject]:
    """So many sources; all have one port, and each an address of its own."""
    return [
        {
            "cluster": f"cluster-{one:04}",
            "team": "platform",
            "targets": [{"address": f"198.18.{one // 250}.{1 + one % 250}", "port": port if one < ANSWERING else 1}],
            "interval": INTERVAL,
            "timeout": INTERVAL,
        }
        for one in range(number)
    ]


# -- all of it ----------------------------------------------------------------------------------------------------


def _wired(plane: ControlPlane, *, lab: Lab, folder: Path, number: int) -> JsonObject:
    cluster = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    serve_crds(cluster)
    shared: JsonObject = {"cluster": "hub", "clusters": ["hub"], "wait": False}
    with _answering() as port:
        given = {**shared, "sources": sources(number, port)}
        params = validate_mapping(
            {name: given[name] for name in given if name in FEDERATION.options}, FEDERATION.options, path=""
        )
        started = time.process_time()
        objects = objects_of(FEDERATION, params)
        seconds = time.process_time() - started
        assert seconds <= OBJECT_SECONDS, f"the objects took {seconds:.2f} s"
        connection: JsonObject = {"kubeconfig": plane.kubeconfig, "context": plane.context}
        run_module("team_monitoring", **connection, **shared)
        started = time.monotonic()
        run_module("federation_endpoints", **connection, **given)
        applied = time.monotonic() - started
        started = time.monotonic()
        outcome = run_module("federation_endpoints", **connection, **given)["outcome"]
        unchanged = time.monotonic() - started
        assert not outcome.changes
        with operator(plane, lab.bin / "operator"):
            wanted = sum(1 for obj in objects if obj["kind"] == "ScrapeConfig")
            loaded: JsonObject = {}

            def is_whole() -> bool:
                loaded.update(configuration(cluster, namespace=NAMESPACE, name="platform"))
                return len(_federating(loaded)) == wanted

            cluster.wait_until(is_whole, f"the operator wrote {wanted} jobs", timeout=300)
            size = len(compressed(cluster, namespace=NAMESPACE, name="platform"))
        assert size < CONFIGURATION_BYTES, f"the configuration has {size} bytes"
        scraped = _scraped(lab, folder, jobs=_federating(loaded))
    return {
        "sources": number,
        "objects": len(objects),
        "objects_s": round(seconds, 3),
        "apply_s": round(applied, 1),
        "no_change_s": round(unchanged, 1),
        "jobs": wanted,
        "configuration_bytes": size,
        **scraped,
    }


def _federating(loaded: JsonObject) -> list[JsonObject]:
    return [job for job in loaded.get("scrape_configs") or () if job.get("metrics_path", "").endswith("/federate")]


def _scraped(lab: Lab, folder: Path, *, jobs: list[JsonObject]) -> JsonObject:
    """A real Prometheus with the operator's jobs: each source that answers is read, and only those are up."""
    central = PrometheusProcess(program=lab.bin / "prometheus", folder=folder / "central")
    central.configure(on_loopback(jobs))
    started = time.monotonic()
    central.start()
    try:
        central.until(lambda: _number(central, "count(count by (cluster) (one:up:sum))") == ANSWERING, "all are read")
        seconds = time.monotonic() - started
        central.until(lambda: _number(central, "count(up)") == len(jobs), "each job was scraped")
        up = _number(central, "count(count by (cluster) (up == 1))")
        assert up == ANSWERING, f"{up} clusters are up"
        clusters = {labels["cluster"] for labels in central.label_sets("one:up:sum")}
        assert clusters == {f"cluster-{one:04}" for one in range(ANSWERING)}
        refused = central.counter("prometheus_target_scrapes_sample_(out_of_order|duplicate_timestamp)_total")
        assert refused == 0
        memory = central.counter("process_resident_memory_bytes") / 1e6
    finally:
        central.stop()
    return {"answering": ANSWERING, "all_read_s": round(seconds, 1), "memory_mb": round(memory)}


def on_loopback(jobs: list[JsonObject]) -> list[JsonObject]:
    """The same jobs, with the sources on this machine."""
    changed: list[JsonObject] = json.loads(json.dumps(jobs).replace('"198.18.', '"127.18.'))
    return changed


def _number(server: PrometheusProcess, query: str) -> int:
    found = server.query(query)
    return int(found[0]["value"][1]) if found else 0


class _answering:  # noqa: N801 - used as a function
    """A server on all of loopback that answers as /federate does; gives its port."""

    def __enter__(self) -> int:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                now = int(time.time() * 1000)
                body = f"# TYPE one:up:sum untyped\none:up:sum 1 {now}\n".encode() if "ALERTS" not in self.path else b""
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                """Nobody reads it."""

        class Server(ThreadingHTTPServer):
            request_queue_size = socket.SOMAXCONN
            daemon_threads = True

        # Each address of 127.0.0.0/8 is this machine's: all sources are one server.
        self._server = Server(("0.0.0.0", 0), Handler)  # noqa: S104
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self._server.server_address[1]

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


# -- what each form costs -----------------------------------------------------------------------------------------


def _discovered(jobs: list[JsonObject], places: t.Sequence[str], folder: Path) -> list[JsonObject]:
    """Jobs that each find the targets of all, and keep those of their own Service."""
    groups = [
        {
            "targets": [place],
            "labels": {
                "__meta_kubernetes_service_label_app_kubernetes_io_instance": f"source-{number}",
                **{f"__meta_kubernetes_label_{one}": f"value-{one}" for one in range(META_LABELS)},
            },
        }
        for number, place in enumerate(places)
    ]
    (folder / "targets.json").write_text(json.dumps(on_loopback(groups)))
    per_source = len(jobs) // len(places)
    found = []
    for number, job in enumerate(jobs):
        keep = {
            "action": "keep",
            "source_labels": ["__meta_kubernetes_service_label_app_kubernetes_io_instance"],
            "regex": f"source-{number // per_source}",
        }
        one = {**job, "file_sd_configs": [{"files": [str(folder / "targets.json")]}]}
        del one["static_configs"]
        found.append({**one, "relabel_configs": [keep, *job["relabel_configs"]]})
    return found


_FORMS = ("discovered", "static")


def _cost(lab: Lab, folder: Path, form: str, number: int) -> JsonObject:
    """CPU and memory of a Prometheus that has just loaded so many sources, before it scrapes any."""
    folder.mkdir()
    # Nothing is scraped meanwhile.
    read = [{**one, "interval": "1h", "timeout": "10s"} for one in sources(number, 1)]
    given: JsonObject = {"cluster": "hub", "clusters": ["hub"], "target_form": form, "sources": read}
    objects = objects_of(FEDERATION, validate_mapping(given, FEDERATION.options, path=""))
    jobs: list[JsonObject] = []
    places = [f"{one['targets'][0]['address']}:1" for one in read]
    for place, own in zip(places, _by_source(objects, read), strict=True):
        jobs += jobs_of(own, addresses=[place])
    if form == "discovered":
        jobs = _discovered(jobs, places, folder)
    server = PrometheusProcess(program=lab.bin / "prometheus", folder=folder)
    server.configure(on_loopback(jobs))
    server.start()
    try:
        # Asked by a gauge: the list of targets waits for the pools that are busy.
        known = "prometheus_target_scrape_pool_targets"
        server.until(lambda: server.counter(known) == len(jobs), "all targets are known", timeout=300)
        return {
            "form": form,
            "sources": number,
            "cpu_s": round(server.counter("process_cpu_seconds_total"), 2),
            "memory_mb": round(server.counter("process_resident_memory_bytes") / 1e6),
        }
    finally:
        server.stop()


def _by_source(objects: t.Sequence[JsonObject], given: t.Sequence[JsonObject]) -> list[list[JsonObject]]:
    """The objects of each source that have jobs."""
    found: dict[str, list[JsonObject]] = {one["cluster"]: [] for one in given}
    for obj in objects:
        if obj["kind"] in ("ServiceMonitor", "ScrapeConfig"):
            found[obj["metadata"]["labels"]["promfleet.monitoring/source-cluster"]].append(obj)
    return list(found.values())
