"""A faulty way to an API server: a proxy on loopback that answers, cuts, delays and loses requests as it is told."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import struct
import threading
import time
import typing as t
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import urllib3

from promlab.controlplane import ADMIN_TOKEN, ControlPlane

JsonObject = dict[str, t.Any]
# As in the lab: the prefix kind-, and the name of the inventory's host.
NAME = "faulty"
CONTEXT = f"kind-{NAME}"


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as it came in; *turn* counts those with the same method and path, from 1."""

    method: str
    path: str
    query: str
    turn: int
    at: float

    @property
    def is_write(self) -> bool:
        # Reviews are questions, asked with POST.
        return self.method not in ("GET", "HEAD") and not self.path.endswith("reviews")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What happens to a request.

    *status*: this answer instead of the server's, with *message* and *retry_after*. *forward*: whether the server gets
    the request although its answer is lost. *lose*: the connection is reset. *cut*: half of the body, with the length
    of the whole (``"wire"``) or as if that were all (``"body"``). *delay*: seconds before anything happens.
    """

    status: int = 0
    message: str = "injected"
    body: JsonObject | None = None
    retry_after: int | None = None
    forward: bool = True
    lose: bool = False
    cut: str = ""
    delay: float = 0.0


Rule = Callable[[Request], Fault | None]
Hold = Callable[[Request], None]

BUSY = Fault(status=429, retry_after=0)
CONFLICT = Fault(status=409, message="the object has been modified; please apply your changes to the latest version")
BROKEN = Fault(status=500)
DOWN = Fault(status=503)
LOST_BEFORE = Fault(lose=True, forward=False)
LOST_AFTER = Fault(lose=True)
CUT_WIRE = Fault(cut="wire")
CUT_BODY = Fault(cut="body")
SLOW = Fault(delay=0.05)
ANY = (BUSY, BROKEN, DOWN, LOST_BEFORE, LOST_AFTER, CUT_WIRE, CUT_BODY, SLOW)


def seeded(seed: int, *, percent: int, faults: tuple[Fault, ...] = ANY) -> Rule:
    """Faults for *percent* of all requests, the same for a seed in whatever order threads send them."""

    def rule(request: Request) -> Fault | None:
        text = f"{seed} {request.method} {request.path} {request.query} {request.turn}"
        number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
        if number % 100 >= percent:
            return None
        choices = (*faults, CONFLICT) if request.method == "PATCH" else faults
        return choices[number // 100 % len(choices)]

    return rule


@dataclass(kw_only=True)
class Proxy:
    """A running proxy; *rule* and *hold* may be changed while it runs.

    *hold* is called for each request and returns when that may go on; others go on meanwhile. *compressed* counts
    answers that the server compressed.
    """

    url: str
    kubeconfig: Path
    rule: Rule
    hold: Hold = lambda _request: None
    requests: list[tuple[Request, Fault | None]] = field(default_factory=list)
    turns: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    context: str = CONTEXT
    compressed: int = 0

    def seen(self, method: str, path: str, query: str) -> tuple[Request, Fault | None]:
        """Count a request and decide what happens to it."""
        with self.lock:
            self.turns[method, path, query] += 1
            turn = self.turns[method, path, query]
            request = Request(method=method, path=path, query=query, turn=turn, at=time.monotonic())
            fault = self.rule(request)
            self.requests.append((request, fault))
            return request, fault

    def count(self, condition: Callable[[Request], bool]) -> int:
        """How many requests so far fulfil a condition."""
        return sum(condition(request) for request, _fault in self.requests)


def no_fault(_request: Request) -> Fault | None:
    return None


@contextlib.contextmanager
def faulty(plane: ControlPlane, folder: Path, rule: Rule = no_fault) -> Iterator[Proxy]:
    """A proxy before *plane* for the time of a with block; it adds the administrator's token by itself."""
    upstream = urllib3.PoolManager(ca_certs=str(plane.certificate), maxsize=32, retries=False)

    class Handler(_Handler):
        pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        url = f"http://127.0.0.1:{server.server_address[1]}"
        proxy = Proxy(url=url, kubeconfig=_kubeconfig(folder, url), rule=rule)
        Handler.proxy, Handler.upstream, Handler.target = proxy, upstream, plane.url
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join()
            server.cut_all()
            upstream.clear()


def _kubeconfig(folder: Path, url: str) -> Path:
    path = folder / f"kubeconfig-{url.rpartition(':')[2]}"
    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": NAME, "cluster": {"server": url}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": CONTEXT, "context": {"cluster": NAME, "user": "nobody"}}],
    }
    path.write_text(json.dumps(text))
    return path


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *arguments: t.Any) -> None:
        super().__init__(*arguments)
        self._open: set[socket.socket] = set()

    def process_request(self, request: t.Any, client_address: t.Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: t.Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def cut_all(self) -> None:
        """Close what clients still keep open."""
        for connection in tuple(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, *_arguments: t.Any) -> None:
        """Connections end in every way here; that is what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: t.ClassVar[Proxy]
    upstream: t.ClassVar[urllib3.PoolManager]
    target: t.ClassVar[str]

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _mark, query = self.path.partition("?")
        request, fault = self.proxy.seen(self.command, path, query)
        self.proxy.hold(request)
        fault = fault or Fault()
        time.sleep(fault.delay)
        if fault.status:
            self._say(fault)
            return
        answer = self._forward(body) if fault.forward else None
        if fault.lose or answer is None:
            # Linger of zero seconds: the peer gets a reset, no orderly end.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        data = answer.data
        length = len(data)
        if fault.cut:
            data = data[: length // 2]
            length = len(data) if fault.cut == "body" else length
            self.close_connection = fault.cut == "wire"
        self._answer(answer.status, data, length=length, encoding=answer.headers.get("Content-Encoding"))

    def _forward(self, body: bytes) -> urllib3.BaseHTTPResponse:
        hop = {"host", "connection", "content-length"}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in hop}
        headers["Authorization"] = f"Bearer {ADMIN_TOKEN}"
        url = self.target + self.path
        # What was compressed is passed on so.
        return self.upstream.request(
            self.command, url, body=body or None, headers=headers, timeout=60.0, decode_content=False
        )

    def _say(self, fault: Fault) -> None:
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": fault.status}
        text = json.dumps(fault.body or {**status, "message": fault.message}).encode()
        self._answer(fault.status, text, length=len(text), retry_after=fault.retry_after)

    def _answer(
        self, status: int, data: bytes, *, length: int, retry_after: int | None = None, encoding: str | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        if encoding:
            self.proxy.compressed += 1
            self.send_header("Content-Encoding", encoding)
        self.send_header("Content-Length", str(length))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - names of the library

    def log_message(self, *_arguments: t.Any) -> None:
        """Tests look at `Proxy.requests`."""
