"""What may be behind a Service instead of a Prometheus that is well: real sockets, on this machine's own address.

The API server proxies to no address of loopback, so they are bound to another address of this machine; what is sent to
that never leaves it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import subprocess
import threading
import typing as t
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.support.cluster import MERGE, Cluster

JsonObject = dict[str, t.Any]
Serve = t.Callable[[socket.socket, threading.Event], None]


def own_address() -> str:
    """An IPv4 address of this machine that is not one of loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        # Nothing is sent: connecting such a socket only asks which address would be used.
        with contextlib.suppress(OSError):
            probe.connect(("198.51.100.1", 9))
        address = str(probe.getsockname()[0])
    assert not address.startswith(("127.", "0.")), "this machine has no address but those of loopback"
    return address


@dataclass(kw_only=True)
class Backends:
    """Ports of *address* and how each of them behaves."""

    address: str
    ports: dict[str, int] = field(default_factory=dict)


@contextlib.contextmanager
def backends(serving: t.Mapping[str, Serve], *, address: str) -> Iterator[Backends]:
    """One port for each entry of *serving*; beside them ``drops``, where no connection comes about, and ``refused``."""
    with contextlib.ExitStack() as stack:
        found = Backends(address=address)
        over = threading.Event()
        for name, serve in serving.items():
            listener = stack.enter_context(socket.create_server((address, 0), backlog=64))
            found.ports[name] = listener.getsockname()[1]
            threading.Thread(target=_accept, args=(listener, serve, over), daemon=True).start()
        found.ports["drops"] = stack.enter_context(dropping(address))
        found.ports["refused"] = _free_port(address)
        try:
            yield found
        finally:
            over.set()


@contextlib.contextmanager
def dropping(address: str) -> Iterator[int]:
    """A port that answers no SYN, as behind a network policy: its queue is full, and none of it is ever accepted."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server((address, 0), backlog=0))
        port = int(listener.getsockname()[1])
        for _connection in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex((address, port))
        yield port


def _free_port(address: str) -> int:
    with socket.create_server((address, 0)) as one:
        return int(one.getsockname()[1])


def _accept(listener: socket.socket, serve: Serve, over: threading.Event) -> None:
    while True:
        try:
            connection = listener.accept()[0]
        except OSError:
            return
        threading.Thread(target=_serve, args=(connection, serve, over), daemon=True).start()


def _serve(connection: socket.socket, serve: Serve, over: threading.Event) -> None:
    with connection, contextlib.suppress(OSError):
        serve(connection, over)


def _request(connection: socket.socket) -> str:
    """The path of one request; empty where none came."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return ""
        data += more
    return data.split(b" ", 2)[1].decode()


def answers(status: str, body: str, *, content_type: str = "text/plain") -> Serve:
    """A server that answers everything in one way."""

    def serve(connection: socket.socket, _over: threading.Event) -> None:
        if _request(connection):
            head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
            connection.sendall(f"{head}Connection: close\r\n\r\n{body}".encode())

    return serve


def prometheus(connection: socket.socket, _over: threading.Event) -> None:
    """A Prometheus that is well; its own target is in the namespace that all instances of a test have in common."""
    path = _request(connection)
    target = {"labels": {"namespace": "any"}, "health": "up"}
    data = {"reloadConfigSuccess": True} if "runtimeinfo" in path else {"activeTargets": [target], "result": []}
    body = json.dumps({"status": "success", "data": data})
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())


def silent(connection: socket.socket, over: threading.Event) -> None:
    """Takes the connection and says nothing: neither to a request nor to a TLS handshake."""
    del connection
    over.wait()


def trickling(connection: socket.socket, over: threading.Event) -> None:
    """An answer without an end: a byte now and then, always before a time limit for the next byte is over."""
    if _request(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not over.wait(0.2):
            connection.sendall(b"1\r\n \r\n")


def trickling_head(connection: socket.socket, over: threading.Event) -> None:
    """The same in the answer's head."""
    if _request(connection):
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not over.wait(0.2):
            connection.sendall(b"a")


def tls(folder: Path) -> Serve:
    """A server that speaks TLS only."""
    key, certificate = folder / "backend.key", folder / "backend.crt"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    subprocess.run([*command, "-subj", "/CN=backend", "-days", "2"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def serve(connection: socket.socket, over: threading.Event) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            answers("200 OK", "secure")(secured, over)

    return serve


def behind_service(api: Cluster, name: str, *, namespace: str, address: str, port: int | None) -> None:
    """A Service whose port ``web`` leads to a port of *address*; without a *port* nothing is behind it."""
    place = {"namespace": namespace}
    ports = [{"name": "web", "port": 9090, "protocol": "TCP"}]
    api.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, **place}, "spec": {"ports": ports}})
    if port is not None:
        _pod(api, name, namespace=namespace, address=address)
    # What the proxy of the API server looks at, not slices; and it asks only addresses that a pod has (ResourceLocation
    # in k8s.io/kubernetes, pkg/registry/core/service/storage). A controller makes one for Services with a selector.
    target = {"kind": "Pod", "name": name, **place}
    there = {
        "addresses": [{"ip": address, "targetRef": target}],
        "ports": [{"name": "web", "port": port, "protocol": "TCP"}],
    }
    subsets = [] if port is None else [there]
    api.apply({"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name, **place}, "subsets": subsets})


def _pod(api: Cluster, name: str, *, namespace: str, address: str) -> None:
    """A pod that has the address, as far as the API server knows; no pod runs here."""
    metadata = {"name": name, "namespace": namespace}
    # Admission requires it, and its controller may be slower than we are.
    api.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}})
    containers = [{"name": "prometheus", "image": "registry.example.com/prometheus"}]
    api.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}})
    status = {"podIP": address, "podIPs": [{"ip": address}], "phase": "Running"}
    path = f"{api.kind('v1', 'Pod').path(namespace, name)}/status"
    api.request("PATCH", path, body={"status": status}, content_type=MERGE)
