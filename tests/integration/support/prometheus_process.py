"""Prometheus as a process on loopback: sources with applications and rules, and a central one that federates them.

The central one gets the jobs that the operator would write for our objects. Only the discovery is left out: targets are
given with the labels that the operator's jobs put on them.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import threading
import typing as t
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from promlab import build
from promlab.locking import locked
from promlab.progress import Progress
from promlab.settings import from_environment
from promlab.shell import tail, wait_until

JsonObject = dict[str, t.Any]
LabelSet = frozenset[tuple[str, str]]

START_SECONDS = 60.0
SCRAPE_FIELDS = (
    "params",
    "honorLabels",
    "honorTimestamps",
    "trackTimestampsStaleness",
    "scrapeTimeout",
    "sampleLimit",
    "bodySizeLimit",
    "keepDroppedTargets",
)


def lab_program(request: pytest.FixtureRequest, name: str) -> Path:
    """A program of the lab, built where it is missing."""
    lab, progress = from_environment(), Progress()
    lab.make()
    if not (lab.bin / name).exists():
        capture = request.config.pluginmanager.getplugin("capturemanager")
        with (
            capture.global_and_fixture_disabled(),
            locked(lab.locks, "build", purpose="building", say=progress.say),
        ):
            build.build_programs([name], lab=lab, progress=progress)
    return lab.bin / name


def snake(data: t.Any) -> t.Any:
    """The field names of Kubernetes as Prometheus' configuration has them."""
    if isinstance(data, list):
        return [snake(item) for item in data]
    if isinstance(data, Mapping):
        return {re.sub(r"[A-Z]", lambda found: f"_{found[0].lower()}", name): snake(data[name]) for name in data}
    return data


def jobs_of(objects: Iterable[JsonObject], *, addresses: Sequence[str]) -> list[JsonObject]:
    """The scrape_configs that the operator would write for our ServiceMonitors and ScrapeConfigs.

    Their targets are *addresses*: no cluster can have a source on loopback.
    """
    found = []
    for obj in objects:
        name, spec = obj["metadata"]["name"], obj.get("spec") or {}
        if obj["kind"] == "ServiceMonitor":
            for number, endpoint in enumerate(spec["endpoints"]):
                labels = {
                    "namespace": obj["metadata"]["namespace"],
                    "service": name,
                    "endpoint": endpoint["port"],
                    "job": name,
                }
                found.append(
                    _job(
                        f"serviceMonitor/{name}/{number}",
                        {**{key: spec[key] for key in SCRAPE_FIELDS if key in spec}, **endpoint},
                        path=endpoint["path"],
                        interval=endpoint["interval"],
                        static=[{"targets": list(addresses), "labels": labels}],
                        relabelings=endpoint["relabelings"],
                    )
                )
        elif obj["kind"] == "ScrapeConfig":
            job = {"targetLabel": "job", "action": "replace", "replacement": spec["jobName"]}
            found.append(
                _job(
                    f"scrapeConfig/{name}",
                    spec,
                    path=spec["metricsPath"],
                    interval=spec["scrapeInterval"],
                    static=[{**group, "targets": list(addresses)} for group in spec["staticConfigs"]],
                    relabelings=[job, *spec.get("relabelings", ())],
                )
            )
    return found


def _job(
    name: str,
    fields: JsonObject,
    *,
    path: str,
    interval: str,
    static: list[JsonObject],
    relabelings: Sequence[JsonObject],
) -> JsonObject:
    return {
        "job_name": name,
        "metrics_path": path,
        "scrape_interval": interval,
        "scheme": fields["scheme"].lower(),
        "static_configs": static,
        "relabel_configs": snake(list(relabelings)),
        "metric_relabel_configs": snake(fields["metricRelabelings"]),
        # Parameters keep their names.
        **{snake({name: 0}).popitem()[0]: fields[name] for name in SCRAPE_FIELDS if name in fields},
    }


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass(kw_only=True)
class PrometheusProcess:
    """One Prometheus, with a folder for its configuration, data and log. It can be stopped and started again."""

    program: Path
    folder: Path
    external_labels: Mapping[str, str] = field(default_factory=dict)
    flags: Sequence[str] = ()
    port: int = field(default_factory=free_port)
    host: str = "127.0.0.1"
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    def configure(
        self,
        jobs: Sequence[JsonObject] = (),
        *,
        groups: Sequence[JsonObject] = (),
        interval: str = "200ms",
        writes: Sequence[JsonObject] = (),
    ) -> None:
        """Write its configuration; a running one loads it."""
        self.folder.mkdir(exist_ok=True)
        rules = self.folder / "rules.yml"
        # JSON is YAML.
        rules.write_text(json.dumps({"groups": list(groups)}))
        config = {
            "global": {
                "scrape_interval": interval,
                "scrape_timeout": interval,
                "evaluation_interval": interval,
                "external_labels": dict(self.external_labels),
            },
            "rule_files": [str(rules)],
            "scrape_configs": list(jobs),
            "remote_write": list(writes),
        }
        (self.folder / "prometheus.yml").write_text(json.dumps(config))
        if self.process is not None:
            self._send("POST", "/-/reload")

    def start(self) -> None:
        """Start it, on what it left in its folder, and wait until it answers."""
        with (self.folder / "log").open("ab") as sink:
            self.process = subprocess.Popen(
                [
                    str(self.program),
                    f"--config.file={self.folder}/prometheus.yml",
                    f"--storage.tsdb.path={self.folder}/data",
                    f"--web.listen-address={self.address}",
                    "--web.enable-lifecycle",
                    "--log.level=warn",
                    *self.flags,
                ],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
        self.until(self._is_ready, "it is ready", timeout=START_SECONDS)

    def stop(self) -> None:
        """End it as a pod ends."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(START_SECONDS)
            finally:
                self.process.kill()
                self.process = None

    def pause(self) -> None:
        """Let it answer nothing until `resume`: what asks it runs into its time-out."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, tail((self.folder / "log").read_text())
        try:
            self._send("GET", "/-/ready")
        except OSError:
            return False
        return True

    def _send(self, method: str, path: str) -> str:
        request = urllib.request.Request(f"http://{self.address}{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return str(answer.read().decode())

    def get(self, path: str, **query: str) -> t.Any:
        """The data of an answer of its API."""
        return json.loads(self._send("GET", f"/api/v1/{path}?{urllib.parse.urlencode(query)}"))["data"]

    def query(self, expression: str) -> list[JsonObject]:
        """The result of an instant query."""
        return list(self.get("query", query=expression)["result"])

    def label_sets(self, selector: str) -> list[dict[str, str]]:
        """The labels of the series that a selector finds now."""
        return [dict(result["metric"]) for result in self.query(selector)]

    def counter(self, name: str) -> float:
        """The sum of a metric of its own, without a scrape of itself."""
        lines = self._send("GET", "/metrics").splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(rf"{name}[{{ ]", line))

    def until(self, question: Callable[[], bool], what: str, *, timeout: float = 30.0) -> None:
        """Ask until the answer is yes."""
        assert wait_until(question, timeout=timeout, interval=0.05), (
            f"not within {timeout:g} s: {what}\n{tail((self.folder / 'log').read_text())}"
        )


@dataclass(kw_only=True)
class Application:
    """Something that shows metrics, the text of which can be changed."""

    text: str
    address: str


@contextmanager
def application(text: str) -> Iterator[Application]:
    """An application for the time of a with block."""
    shown = Application(text=text, address="")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = shown.text.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        shown.address = f"127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield shown
        finally:
            server.shutdown()
