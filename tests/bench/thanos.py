"""The real Thanos: sidecars beside real Prometheus servers, and a Query that asks them by mutual TLS.

Both start as their objects say; only paths and ports are this machine's. The arguments of a sidecar are those that the
operator gives it (createThanosContainer in pkg/prometheus/server/statefulset.go).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import shutil
import sys
import tempfile
import time
import typing as t
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    parse_endpoints,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.queried import (
    query_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import parse_fleet_teams
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sending import Serving

from promlab import build
from promlab.controlplane import ControlPlane
from promlab.locking import locked
from promlab.progress import Progress
from promlab.settings import Lab, from_environment
from tests.bench.proxy import Certificate, certificate, free_ports, get, prometheus, replace, running, until
from tests.integration.support.answering import own_address

JsonObject = dict[str, t.Any]

PROGRAMS = ("thanos", "prometheus")
# Series of each cluster in the measurement.
SIZES = (1_000, 10_000, 50_000)
CLUSTERS = ("edge", "far")
# A series that claims to be of another cluster and team, as an application could.
FORGED = 'forged{cluster="far",team="payments",prometheus_replica="prometheus-platform-7",series="forged"} 1'
# Thanos looks at its list of sidecars every five seconds.
LISTED_SECONDS = 60.0
LOADED_SECONDS = 180.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Store:
    """A Prometheus of one cluster, and its sidecar."""

    cluster: str
    replica: int
    web: int
    grpc: int
    http: int

    @property
    def labels(self) -> JsonObject:
        """Its external labels, those of the collection and those of the operator."""
        return {
            "cluster": self.cluster,
            "team": "platform",
            "prometheus": "monitoring-platform/platform",
            "prometheus_replica": f"prometheus-platform-{self.replica}",
        }


def body(port: int, path: str) -> bytes:
    """The body of an answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().read()


def ask(port: int, query: str, **options: str) -> list[JsonObject]:
    """The result of an instant query."""
    given = "".join(f"&{name}={quote(value)}" for name, value in options.items())
    found = json.loads(body(port, f"/api/v1/query?query={quote(query)}{given}"))
    assert found["status"] == "success", found
    return list(found["data"]["result"])


def number(port: int, query: str, **options: str) -> int:
    """The only value of a result; 0 where there is none."""
    found = ask(port, query, **options)
    return int(found[0]["value"][1]) if found else 0


def stores(port: int) -> list[JsonObject]:
    """What a Query knows of sidecars, and of what never answered, whose kind it cannot know."""
    data = json.loads(body(port, "/api/v1/stores"))["data"] or {}
    return [one for found in data.values() for one in found or ()]


def memory(port: int) -> int:
    """The resident memory of a process, in bytes, as it says itself."""
    name = "process_resident_memory_bytes "
    (line,) = [one for one in body(port, "/metrics").decode().splitlines() if one.startswith(name)]
    return int(float(line.removeprefix(name)))


# What the log of a Query says of an endpoint.
_FAILURE = re.compile(r'msg="update of endpoint failed" err="(.*)" address=')


class Lines:
    """The files of one proof, and what starts its programs."""

    def __init__(self, folder: Path, lab: Lab) -> None:
        self.folder, self.lab = folder, lab
        self.authority, self.other = certificate("authority"), certificate("other")
        self.query_port, self.grpc_port = free_ports(2)
        self.query_log = folder
        for name in ("serving/thanos-certificate", "serving/thanos-client-ca"):
            (folder / name).mkdir(parents=True)
        self.serve(certificate("edge", authority=self.authority))
        replace(folder / "serving/thanos-client-ca/ca.crt", self.authority.pem)

    def serve(self, shown: Certificate) -> None:
        """Give the sidecars this certificate."""
        replace(self.folder / "serving/thanos-certificate/tls.key", shown.key_pem)
        replace(self.folder / "serving/thanos-certificate/tls.crt", shown.pem)

    def sidecar(self, store: Store) -> contextlib.AbstractContextManager[None]:
        """A sidecar, with the files that its Prometheus names."""
        files = Serving(certificate={}, client_ca={}).fields()["grpcServerTlsConfig"]
        place = {name: str(path).replace("/etc/thanos", str(self.folder)) for name, path in files.items()}
        folder = self.folder / f"sidecar-{store.cluster}-{store.replica}"
        folder.mkdir()
        return running(
            folder,
            self.lab.bin / "thanos",
            "sidecar",
            f"--prometheus.url=http://127.0.0.1:{store.web}/",
            f"--grpc-address={own_address()}:{store.grpc}",
            f"--http-address=127.0.0.1:{store.http}",
            f"--grpc-server-tls-cert={place['certFile']}",
            f"--grpc-server-tls-key={place['keyFile']}",
            f"--grpc-server-tls-client-ca={place['caFile']}",
        )

    def failures(self) -> list[str]:
        """Why the last Query could not use an endpoint, as its log says it."""
        return sorted(set(_FAILURE.findall(self.query_log.read_text())))

    @contextlib.contextmanager
    def query(
        self,
        some: t.Sequence[Store],
        *,
        shown: Certificate,
        name: str = "localhost",
        trusted: Certificate | None = None,
    ) -> Iterator[int]:
        """A Query that asks these, with what it shows, and the name that it looks for; gives its port."""
        (deployment,) = [obj for obj in query_of(some, name=name) if obj["kind"] == "Deployment"]
        template = deployment["spec"]["template"]
        (container,) = template["spec"]["containers"]
        folder = Path(tempfile.mkdtemp(prefix="query-", dir=self.folder))
        contents = {
            "workers": {"ca.crt": (trusted or self.authority).pem},
            "query": {"tls.crt": shown.pem, "tls.key": shown.key_pem},
        }
        volumes = {one["name"]: one for one in template["spec"]["volumes"]}
        for mount in container["volumeMounts"]:
            place = folder / str(mount["mountPath"]).removeprefix("/etc/thanos/")
            place.mkdir(parents=True)
            volume = volumes[mount["name"]]
            for item in volume.get("secret", {}).get("items", ()):
                (place / item["path"]).write_bytes(contents[volume["secret"]["secretName"]][item["key"]])
            for item in volume.get("downwardAPI", {}).get("items", ()):
                text = template["metadata"]["annotations"][item["fieldRef"]["fieldPath"].split("'")[1]]
                (place / item["path"]).write_text(text.replace("/etc/thanos", str(folder)))
        changed = {
            "--http-address": f"127.0.0.1:{self.query_port}",
            "--grpc-address": f"127.0.0.1:{self.grpc_port}",
        }
        arguments = []
        for argument in container["args"]:
            flag, equals, value = argument.partition("=")
            arguments.append(f"{flag}{equals}{changed.get(flag, value.replace('/etc/thanos', str(folder)))}")
        self.query_log = folder / "thanos.log"
        with running(folder, self.lab.bin / "thanos", *arguments):
            until(lambda: get(self.query_port, "/-/ready") == 200, "Query is ready")
            yield self.query_port


def query_of(some: t.Sequence[Store], *, name: str) -> list[JsonObject]:
    """The objects of a Query that asks these."""
    sources = [
        {
            "cluster": cluster,
            "team": "platform",
            "targets": [
                {"address": own_address(), "port": one.grpc, "replica": one.replica}
                for one in some
                if one.cluster == cluster
            ],
            "transport": "thanos",
            "scheme": "https",
            "tls_config": {"ca": {"secret": "workers"}, "cert": {"secret": "query"}, "server_name": name},
        }
        for cluster in sorted({one.cluster for one in some})
    ]
    (team,) = parse_fleet_teams([], {}, clusters=["hub"])
    return query_objects(team, parse_endpoints(sources, check_match=lambda _text: None), cluster="hub")


def measure(_plane: ControlPlane, *, rounds: int) -> JsonObject:
    """Facts about sidecars and a Query; AssertionError where a rule is violated. *rounds*: how often each is timed."""
    lab, progress = from_environment(), Progress()
    lab.make()
    with locked(lab.locks, "build", purpose="building", say=progress.say):
        build.build_programs(PROGRAMS, lab=lab, progress=progress)
    folder = Path(tempfile.mkdtemp(prefix="thanos-", dir=lab.work))
    try:
        return _measure(Lines(folder, lab), rounds=rounds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _exposition(folder: Path, *, series: int) -> None:
    """What the target of each cluster says."""
    lines = [f'load{{series="{one}",half="{one % 2}",tenth="{one % 10}"}} 1' for one in range(series)]
    for cluster in CLUSTERS:
        replace(folder / f"{cluster}.prom", ("\n".join([*lines, FORGED]) + "\n").encode())


def _measure(lines: Lines, *, rounds: int) -> JsonObject:
    ports = iter(free_ports(11))
    files, central = next(ports), next(ports)
    some = [
        Store(cluster=cluster, replica=replica, web=next(ports), grpc=next(ports), http=next(ports))
        for cluster, replica in (("edge", 0), ("edge", 1), ("far", 0))
    ]
    client = certificate("query", authority=lines.authority)
    facts: JsonObject = {}
    with contextlib.ExitStack() as stack:
        _exposition(lines.folder, series=SIZES[0])
        serving = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(files)]
        stack.enter_context(running(lines.folder, *serving))
        for one in some:
            place = lines.folder / f"prometheus-{one.cluster}-{one.replica}"
            stack.enter_context(prometheus(place, lab=lines.lab, port=one.web, config=_scraping(one, files=files)))
            stack.enter_context(lines.sidecar(one))
        for one in some:
            until(lambda port=one.web: bool(ask(port, "load")), "the load is scraped")  # type: ignore[misc]
        with lines.query(some, shown=client) as port:
            until(lambda: len(_well(port)) == len(some), "Query knows all sidecars", seconds=LISTED_SECONDS)
            facts |= {"identity": _identity(port), "stores": _stores(port, some)}
        facts["refused"] = _refused(lines, some)
        facts["rotated"] = _rotated(lines, some)
        with lines.query(some, shown=client) as port:
            until(lambda: len(_well(port)) == len(some), "Query knows all sidecars", seconds=LISTED_SECONDS)
            facts["figures"] = [
                _figures(lines, some, port=port, series=series, rounds=rounds, central=central) for series in SIZES
            ]
    return facts


def _scraping(store: Store, *, files: int) -> JsonObject:
    """The configuration of a Prometheus whose application says whose its series are, and is believed."""
    job = {
        "job_name": "load",
        "honor_labels": True,
        "metrics_path": f"/{store.cluster}.prom",
        # Python's server of files does not know what such a file is.
        "fallback_scrape_protocol": "PrometheusText0.0.4",
        "static_configs": [{"targets": [f"127.0.0.1:{files}"]}],
    }
    return {"global": {"scrape_interval": "5s", "external_labels": store.labels}, "scrape_configs": [job]}


def _well(port: int) -> list[JsonObject]:
    return [one for one in stores(port) if one["lastError"] is None and one["labelSets"]]


def _identity(port: int) -> JsonObject:
    """Whose a series is the external labels of its instance say, and nothing that the series claims."""
    found = [(one["metric"]["cluster"], one["metric"]["team"]) for one in ask(port, "forged")]
    assert sorted(found) == [(cluster, "platform") for cluster in CLUSTERS], found
    # A claim does not bring a series into the view of others, in no form of the question.
    for matcher in ('team="payments"', 'team=~"pay.*"', 'team!="platform"'):
        assert not ask(port, f"forged{{{matcher}}}"), matcher
    far = [one["metric"]["cluster"] for one in ask(port, 'forged{cluster="far"}')]
    assert far == ["far"], far
    # A series of two replicas is one.
    edge = number(port, 'count(load{cluster="edge"})')
    both = number(port, 'count(load{cluster="edge"})', dedup="false")
    whole = number(port, "count(load)")
    assert (edge, both, whole) == (SIZES[0], 2 * SIZES[0], len(CLUSTERS) * SIZES[0]), (edge, both, whole)
    return {"forged": found, "series": whole}


def _stores(port: int, some: t.Sequence[Store]) -> int:
    found = [labels for one in stores(port) for labels in one["labelSets"]]
    assert sorted(map(str, map(sorted, map(dict.items, found)))) == sorted(
        str(sorted(store.labels.items())) for store in some
    ), found
    return len(found)


def _refused(lines: Lines, some: t.Sequence[Store]) -> JsonObject:
    """Who is not let in, and what Query says of a server that is not the one that it looks for."""
    client = certificate("query", authority=lines.authority)
    cases: dict[str, dict[str, t.Any]] = {
        "a client of another authority": {"shown": certificate("query", authority=lines.other)},
        "a server with another name": {"shown": client, "name": "edge.example"},
        "a server of another authority": {"shown": client, "trusted": lines.other},
    }
    said: JsonObject = {}
    for name, options in cases.items():
        with lines.query(some[:1], **options) as port:
            until(lambda: bool(lines.failures()), "Query has asked", seconds=LISTED_SECONDS)
            # What never answered is not in its list; what answered once is, with its last error.
            assert not _well(port), (name, stores(port))
            assert not ask(port, "load"), name
            said[name] = lines.failures()
    return said


def _rotated(lines: Lines, some: t.Sequence[Store]) -> int:
    """A new certificate is shown to the next client, without a restart."""
    lines.serve(certificate("edge-2", authority=lines.authority))
    with lines.query(some, shown=certificate("query-2", authority=lines.authority)) as port:
        until(lambda: len(_well(port)) == len(some), "Query knows all sidecars", seconds=LISTED_SECONDS)
        return number(port, "count(load)")


def _figures(lines: Lines, some: t.Sequence[Store], *, port: int, series: int, rounds: int, central: int) -> JsonObject:
    """What a question about so many series of each cluster costs: by Query, and in a Prometheus that read them."""
    _exposition(lines.folder, series=series)
    wanted = len(CLUSTERS) * series
    until(lambda: number(port, "count(load)") == wanted, f"Query has {wanted} series", seconds=LOADED_SECONDS)
    jobs = [
        {
            "job_name": f"federation/{one.cluster}",
            "honor_labels": True,
            "metrics_path": "/federate",
            "params": {"match[]": ['{__name__="load"}']},
            "static_configs": [{"targets": [f"127.0.0.1:{one.web}"]}],
        }
        for one in some
        if one.replica == 0
    ]
    config = {"global": {"scrape_interval": "5s"}, "scrape_configs": jobs}
    with prometheus(lines.folder / f"central-{series}", lab=lines.lab, port=central, config=config):
        until(lambda: number(central, "count(load)") == wanted, f"{wanted} series are read", seconds=LOADED_SECONDS)
        found: JsonObject = {"series": wanted}
        for name, query in (("sum", "sum by (cluster) (load)"), ("all", "load")):
            for side, at in (("query", port), ("federate", central)):
                found[f"{side}_{name}_s"] = _seconds(at, query, rounds=rounds)
        return {
            **found,
            "query_bytes": memory(port),
            "sidecar_bytes": max(memory(one.http) for one in some),
            "central_bytes": memory(central),
        }


def _seconds(port: int, query: str, *, rounds: int) -> float:
    """The median of the time that an answer takes."""
    times = []
    for _round in range(rounds):
        started = time.perf_counter()
        ask(port, query)
        times.append(time.perf_counter() - started)
    return round(sorted(times)[len(times) // 2], 3)
