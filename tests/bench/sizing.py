"""How much memory a Prometheus takes for a load: what size_advice is fitted to, and three loads that it has not seen.

Each load is scraped by a real Prometheus in a memory cgroup of its own, over two compactions of the head (which come
after a minute here, not after two hours), and then through a restart with the replay of the WAL. What counts is the
highest working set, as the kubelet computes it: usage without inactive pages of files.

The model leaves out the program's own pages. Without a limit they are inactive. Where usage reaches a limit, the kernel
looks which pages are in use, and between none and all of them become active: half of them is what is expected there.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time
import typing as t
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.memory import MODEL, Load

from promlab.controlplane import ControlPlane
from promlab.settings import from_environment
from tests.integration.support.prometheus_process import PrometheusProcess

JsonObject = dict[str, t.Any]

CGROUPS = Path("/sys/fs/cgroup")
SAMPLED = 0.1
# Each has a cgroup of its own, and is idle most of the time.
AT_ONCE = 9
COMPACTIONS = 2
PATIENCE = 420.0
VARIANTS = 4
# The largest error of the prediction for a load that was not used to fit it.
ALLOWED = 0.25


@dataclass(frozen=True, kw_only=True)
class Synthetic:
    """A load: targets with series each, read every *interval* seconds; *churn* is the part that is new each minute.

    *label*: the length of the value of one label of each series.
    """

    name: str
    targets: int
    series: int
    interval: int
    churn: float = 0.0
    label: int = 12


FITTED = (
    Synthetic(name="small", targets=5, series=1_000, interval=5),
    Synthetic(name="medium", targets=20, series=1_000, interval=5),
    Synthetic(name="slow", targets=30, series=2_000, interval=15),
    Synthetic(name="quick", targets=30, series=1_000, interval=2),
    Synthetic(name="churning", targets=20, series=1_000, interval=5, churn=0.3),
    Synthetic(name="large", targets=40, series=3_000, interval=10),
)
UNSEEN = (
    Synthetic(name="unseen-middle", targets=18, series=2_000, interval=5, label=24),
    Synthetic(name="unseen-churning", targets=35, series=2_000, interval=10, churn=0.2),
    Synthetic(name="unseen-quick", targets=12, series=1_000, interval=2, label=40),
)


class _Source:
    """The texts of a load's targets."""

    def __init__(self, load: Synthetic) -> None:
        self._load = load
        self._began = time.monotonic()
        self._texts: dict[tuple[int, int, int], bytes] = {}

    def text(self, target: int, request: int) -> bytes:
        """What a target shows: other values each time, and after each minute new series in part."""
        minute = int((time.monotonic() - self._began) / 60) if self._load.churn else 0
        key = (target, minute, request % VARIANTS)
        if key not in self._texts:
            for old in [known for known in self._texts if known[0] == target and known[1] != minute]:
                del self._texts[old]
            self._texts[key] = self._made(*key)
        return self._texts[key]

    def _made(self, target: int, minute: int, variant: int) -> bytes:
        dice = random.Random(target * VARIANTS + variant)  # noqa: S311
        new = int(self._load.series * self._load.churn)
        lines = []
        for number in range(self._load.series):
            revision = f"{minute if number < new else 0}".rjust(self._load.label, "r")
            labels = f'code="{number // 100}",method="GET",revision="{revision}"'
            lines.append(f"load_requests_{number % 100:02d}_total{{{labels}}} {dice.randrange(10**6)}")
        return "\n".join(lines).encode() + b"\n"


def labels_of(number: int) -> dict[str, str]:
    """The labels of a target, as the operator's jobs give them to the targets of a ServiceMonitor."""
    return {
        "__metrics_path__": f"/{number}",
        "instance": f"10.244.{number // 250}.{number % 250}:8080",
        "namespace": "payments-production",
        "service": "checkout-api",
        "endpoint": "http-metrics",
        "container": "checkout-api",
        "pod": f"checkout-api-7d9f8b6c5d-{number:05d}",
        "node": f"worker-{number % 9}.example.internal",
    }


@contextmanager
def serving(load: Synthetic) -> Iterator[str]:
    """The targets of *load* behind one address, by their number as the path."""
    source = _Source(load)
    counts: dict[int, int] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target = int(self.path.strip("/"))
            counts[target] = counts.get(target, 0) + 1
            body = source.text(target, counts[target])
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            # What waits longer than its interval does not wait for the rest.
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


class Cgroup:
    """A memory cgroup for one process, version 1 or 2, with an optional limit in bytes."""

    def __init__(self, name: str, *, limit: int | None) -> None:
        first = CGROUPS / "memory"
        self._old = first.is_dir()
        self.folder = (first if self._old else CGROUPS) / f"promfleet-sizing-{os.getpid()}-{name}"
        self.folder.mkdir()
        if limit is not None:
            file = "memory.limit_in_bytes" if self._old else "memory.max"
            (self.folder / file).write_text(str(limit))

    def working_set(self) -> int:
        """Bytes of usage without inactive pages of files."""
        usage = int((self.folder / ("memory.usage_in_bytes" if self._old else "memory.current")).read_text())
        stat = dict(line.split() for line in (self.folder / "memory.stat").read_text().splitlines())
        return max(usage - int(stat["total_inactive_file" if self._old else "inactive_file"]), 0)

    def killed(self) -> int:
        """How many processes were killed because of the limit."""
        file = self.folder / ("memory.oom_control" if self._old else "memory.events")
        found = dict(line.split() for line in file.read_text().splitlines())
        return int(found.get("oom_kill", 0))

    def remove(self) -> None:
        """Remove it; its processes have ended."""
        for _attempt in range(50):
            with contextlib.suppress(OSError):
                self.folder.rmdir()
                return
            time.sleep(0.1)


class Peak:
    """The highest working set of a cgroup while a with block runs."""

    def __init__(self, group: Cgroup) -> None:
        self._group = group
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.bytes = 0

    def _watch(self) -> None:
        while not self._done.wait(SAMPLED):
            with contextlib.suppress(OSError):
                self.bytes = max(self.bytes, self._group.working_set())

    def __enter__(self) -> t.Self:
        self._thread.start()
        return self

    def __exit__(self, *_what: object) -> None:
        self._done.set()
        self._thread.join()


def fresh(program: Path, copy: Path) -> Path:
    """A copy of a program without a page in memory: the first process that runs it is charged for them, as in a pod."""
    shutil.copy(program, copy)
    with copy.open("rb+") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return copy


def run_load(load: Synthetic, *, limit: int | None = None) -> JsonObject:
    """One load: what the Prometheus said of it, and how much memory it took, in bytes."""
    folder = Path(tempfile.mkdtemp(prefix="promfleet-sizing-"))
    program = fresh(from_environment().bin / "prometheus", folder / "program")
    group = Cgroup(load.name, limit=limit)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(group.remove)
        address = stack.enter_context(serving(load))
        wrapper = folder / "prometheus.sh"
        # The shell enters the group and becomes Prometheus: no page is counted elsewhere.
        wrapper.write_text(f'#!/bin/sh\necho $$ > {group.folder}/cgroup.procs\nexec {program} "$@"\n')
        wrapper.chmod(0o755)
        prometheus = PrometheusProcess(
            program=wrapper,
            folder=folder / "prometheus",
            flags=["--storage.tsdb.min-block-duration=1m", "--storage.tsdb.max-block-duration=1m"],
        )
        jobs = [
            {
                "job_name": "load",
                "scrape_interval": f"{load.interval}s",
                "scrape_timeout": f"{load.interval}s",
                "static_configs": [
                    {"targets": [address], "labels": labels_of(number)} for number in range(load.targets)
                ],
            }
        ]
        prometheus.configure(jobs, interval="5s")
        stack.callback(prometheus.stop)
        series, rates = 0.0, []
        with Peak(group) as scraping:
            prometheus.start()
            began, before = time.monotonic(), (time.monotonic(), 0.0)
            while prometheus.counter("prometheus_tsdb_head_gc_duration_seconds_count") < COMPACTIONS:
                assert time.monotonic() - began < PATIENCE, "no compaction in time"
                time.sleep(2.0)
                series = max(series, prometheus.counter("prometheus_tsdb_head_series"))
                now = (time.monotonic(), prometheus.counter("prometheus_tsdb_head_samples_appended_total"))
                rates.append((now[1] - before[1]) / (now[0] - before[0]))
                before = now
            own = prometheus.counter("process_resident_memory_bytes")
        prometheus.stop()
        with Peak(group) as replaying:
            started = time.monotonic()
            prometheus.start()
            start_seconds = time.monotonic() - started
            replay = prometheus.counter("prometheus_tsdb_data_replay_duration_seconds")
            time.sleep(2 * load.interval)
        found = Load(series=series, samples_per_second=sorted(rates)[len(rates) // 2])
        peak = max(scraping.bytes, replaying.bytes)
        # What is not in use when the kernel looks differs from run to run.
        predicted = round(MODEL.peak(found) + (MODEL.program / 2 if limit is not None else 0))
        return {
            **asdict(load),
            "head_series": int(series),
            "samples_per_second": round(found.samples_per_second),
            "peak_scraping": scraping.bytes,
            "peak_replaying": replaying.bytes,
            "resident_at_end": int(own),
            "replay_seconds": round(replay, 2),
            "start_seconds": round(start_seconds, 2),
            "limit": limit,
            "killed": group.killed(),
            "predicted": predicted,
            "error": round(predicted / peak - 1, 3) if peak else None,
        }


def measure(plane: ControlPlane | None = None, *, rounds: int = len(FITTED)) -> Mapping[str, t.Any]:
    """Up to *rounds* of the loads that were fitted, without a limit; then the unseen ones at the proposed limit."""
    del plane
    with ThreadPoolExecutor(AT_ONCE) as pool:
        fitted = list(pool.map(run_load, FITTED[:rounds]))
        unseen = list(pool.map(lambda load: run_load(load, limit=MODEL.limit(_expected(load))), UNSEEN))
    for row in unseen:
        assert not row["killed"], f"killed at the proposed limit: {row}"
        assert abs(row["error"]) <= ALLOWED, f"the prediction is off: {row}"
    return {"fitted": fitted, "unseen": unseen}


def _expected(load: Synthetic) -> Load:
    """The load as one would plan it: the head has up to three minutes of new series here."""
    series = load.targets * load.series * (1 + 3 * load.churn)
    return Load(series=series, samples_per_second=load.targets * load.series / load.interval)


def main(arguments: Sequence[str]) -> int:
    """Single loads by their names: `python -m tests.bench.sizing small`, with --limit at the limit that is proposed."""
    chosen = [load for load in (*FITTED, *UNSEEN) if load.name in arguments]

    def run(load: Synthetic) -> JsonObject:
        return run_load(load, limit=MODEL.limit(_expected(load)) if "--limit" in arguments else None)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for row in pool.map(run, chosen):
            print(json.dumps(row), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
