"""Proves that a team which stores and scrapes as much as it can changes nothing for the next team.

On a real cluster with the policies enforced, whose operator has the memory that the check of the input asks for. First
the team fills the default limits with objects of the sizes that count by default, beside the default memory; then
limits for the largest objects that an API server stores. Each time the operator starts again with all of them there,
too. In between the team comes with ten times its limits, and with monitors and rules that are invalid.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
import time
import typing as t
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import (
    NODE_EXPORTER,
    NODE_EXPORTER_IMAGE,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.quotas import DEFAULT_LIMITS

from tests.integration.support import lab
from tests.integration.support.cluster import ApiError, Cluster
from tests.integration.support.impersonated import acting_as
from tests.integration.support.inventory import fleet
from tests.integration.support.operator_process import compressed
from tests.integration.support.playbook import run_playbook
from tests.integration.support.wipe import wipe
from tests.prove import kept

JsonObject = dict[str, t.Any]

HUB = "test-neighbours"
MONITORING, ALPHA, APPS = "monitoring.coreos.com/v1", "monitoring.coreos.com/v1alpha1", "apps/v1"
OPERATOR = "prometheus-operator"
NOISY, NEXT = "noisy", "next"
PEOPLE = "people-of-noisy"
INTERVAL = 5.0
# A scrape takes a moment, and the query looks at samples second by second.
SLACK = 2.0
# How long the next team's change may take.
GOAL = 60.0
READY = 300.0
# What is scraped before and after something happens.
SETTLED = 20.0
KIB = 1024
# What an application of the noisy team has more of than it may have.
SAMPLES = 100
# The kinds of a team by the names of their limits, and how an object of each of a size is made.
KINDS = {
    "prometheusrules": (MONITORING, "PrometheusRule"),
    "servicemonitors": (MONITORING, "ServiceMonitor"),
    "podmonitors": (MONITORING, "PodMonitor"),
    "probes": (MONITORING, "Probe"),
    "alertmanagerconfigs": (ALPHA, "AlertmanagerConfig"),
}
# The largest objects: what an API server stores is little less than its limit for a request to etcd.
LARGEST = 1400 * KIB
FEW = {"prometheusrules": 30, **{name: 3 for name in KINDS if name != "prometheusrules"}}


# -- objects --------------------------------------------------------------------------------------------------------


def sized(name: str, number: int, size: int) -> JsonObject:
    """An object of the limit *name*, of about *size* bytes, as the shipped policies allow it."""
    api_version, kind = KINDS[name]
    make: dict[str, Callable[[int, int], JsonObject]] = {
        "PrometheusRule": _rules,
        "AlertmanagerConfig": _routes,
        "Probe": _probe,
    }
    spec = make[kind](number, size) if kind in make else _monitor(kind, number, size)
    return _object(api_version, kind, f"full-{number}", spec)


def _object(api_version: str, kind: str, name: str, spec: JsonObject, namespace: str = NOISY) -> JsonObject:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def _rules(number: int, size: int) -> JsonObject:
    """Recording rules in groups of at most a hundred, each rule of about 200 bytes, or 900 where it is very large."""
    each = 200 if size < 500_000 else 900
    pad = "x" * (each - 170)
    rules = [
        {"record": f"full:{number}:{one}", "expr": f'sum by (pod) (rate(requests_total{{job="{number}-{one}"}}[5m]))',
         "labels": {"pad": pad, "one": f"{one:020}"}}
        for one in range(size // each)
    ]  # fmt: skip
    groups = [rules[first : first + 100] for first in range(0, len(rules), 100)]
    return {"groups": [{"name": f"full-{number}-{place}", "rules": some} for place, some in enumerate(groups)]}


def _padding(size: int) -> JsonObject:
    """Parameters of a scrape, so that a monitor is as large as *size*: no policy limits these."""
    return {"pad": ["x" * 1000] * (size // 1000) + ["x" * (size % 1000)]}


def _monitor(kind: str, number: int, size: int) -> JsonObject:
    endpoint = {"port": "web", "params": _padding(max(0, size - 300))}
    endpoints = "endpoints" if kind == "ServiceMonitor" else "podMetricsEndpoints"
    limits = {"sampleLimit": 1000, "targetLimit": 10}
    return {"selector": {"matchLabels": {"app": f"app-{number}"}}, endpoints: [endpoint], **limits}


def _probe(number: int, size: int) -> JsonObject:
    prober = {"url": f"prober.{NOISY}.svc:9115"}
    targets = {
        "staticConfig": {"static": [f"target-{number}.{NOISY}.svc"], "labels": {"pad": "x" * max(0, size - 300)}}
    }
    return {"prober": prober, "targets": targets, "interval": "10m", "sampleLimit": 1000, "targetLimit": 10}


def _routes(_number: int, size: int) -> JsonObject:
    matcher = {"name": "pad", "value": "x" * max(0, size - 300), "matchType": "="}
    return {"route": {"receiver": "none", "matchers": [matcher]}, "receivers": [{"name": "none"}]}


def application(namespace: str) -> list[JsonObject]:
    """Something to scrape in the namespace of a team, its monitor, and a rule about it."""
    labels = {"app": "scraped"}
    container = {
        "name": "scraped",
        "image": f"{'/'.join(NODE_EXPORTER_IMAGE)}:v{NODE_EXPORTER}",
        "ports": [{"name": "web", "containerPort": 9100}],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
    }
    metadata = {"name": "scraped", "namespace": namespace, "labels": labels}
    pods = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    rule = {"record": "scraped:up", "expr": "sum(up)"}
    return [
        {"apiVersion": APPS, "kind": "Deployment", "metadata": metadata,
         "spec": {"selector": {"matchLabels": labels}, "template": pods}},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata,
         "spec": {"selector": labels, "ports": [{"name": "web", "port": 9100}]}},
        _object(MONITORING, "ServiceMonitor", "scraped",
                {"selector": {"matchLabels": labels}, "endpoints": [{"port": "web"}]}, namespace),
        _object(MONITORING, "PrometheusRule", "scraped",
                {"groups": [{"name": "scraped", "interval": f"{INTERVAL:.0f}s", "rules": [rule]}]}, namespace),
    ]  # fmt: skip


# -- the cluster ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Row:
    """What the noisy team did, and what became of the operator and of the next team.

    *seconds*: from a rule and a monitor of the next team to their place in what its instance reads. *gap*: the greatest
    age that the newest sample of its target, and of its rule, had. *peak*: the operator's highest working set so far.
    """

    happened: str
    stored: Mapping[str, int]
    restarts: int
    seconds: float
    gap: float
    rule_gap: float
    least_up: float
    failed_evaluations: float
    peak_mib: int
    limit: str

    @property
    def held(self) -> bool:
        """Whether the next team noticed nothing."""
        allowed = 2 * INTERVAL + SLACK
        return (
            not self.restarts
            and self.seconds < GOAL
            and max(self.gap, self.rule_gap) <= allowed
            and self.least_up == 1
            and not self.failed_evaluations
        )


class Neighbours:
    """The cluster with both teams."""

    def __init__(self) -> None:
        lab.up(HUB)
        lab.provide_account(HUB)
        self.api: Cluster = lab.cluster(HUB)
        # As the people of the team: quotas and policies hold for them.
        self.people = acting_as(self.api, "someone@example.com", group=PEOPLE)
        self.changes = 0

    def site(self, *, memory: str, limits: Mapping[str, int], counted: str, rule_size: str, monitor_size: str) -> None:
        """Bring the cluster to these limits, which the check of the input must find to fit into the memory."""
        small = {"cpu": "10m", "memory": "256Mi"}
        prometheus = {"scrape_interval": f"{INTERVAL:.0f}s", "evaluation_interval": "30s", "resources": small}
        off = {"enabled": False}
        noisy = {
            "name": NOISY,
            "namespaces": [NOISY],
            "groups": [PEOPLE],
            "object_limits": dict(limits),
            "alertmanager": off,
            "prometheus": {**prometheus, "limits": {"samples": SAMPLES}},
        }
        inventory = fleet(
            central=HUB,
            team_monitoring_teams=[
                noisy,
                {"name": NEXT, "namespaces": [NEXT], "alertmanager": off, "prometheus": prometheus},
            ],
            team_monitoring_platform={"prometheus": off, "alertmanager": off},
            team_monitoring_capacity=counted,
            team_monitoring_capacity_rule_size=rule_size,
            team_monitoring_capacity_monitor_size=monitor_size,
            prometheus_operator_resources={"memory": memory},
            promfleet_platform_accounts=[
                {"user": "kubernetes-admin"},
                {"service_account": "promfleet/promfleet"},
            ],
            policy_enforcement="deny",
            # The noisy team's own instance need not get ready.
            promfleet_wait=False,
        )
        with tempfile.TemporaryDirectory(prefix="promfleet-neighbours-") as folder:
            run_playbook("site", inventory=inventory, folder=Path(folder), live=True).require_success()
        self.api.wait_until(lambda: self.operator_pod() is not None, "the operator is ready", timeout=READY)

    def operator_pod(self) -> JsonObject | None:
        """The operator's only pod, where it is ready and not about to go."""
        pods = self.api.list_kind(self.api.kind("v1", "Pod"), selector="app.kubernetes.io/component=controller")
        alive = [one for one in pods if "deletionTimestamp" not in one["metadata"]]
        if len(alive) != 1:
            return None
        conditions = alive[0].get("status", {}).get("conditions") or ()
        return alive[0] if any(one["type"] == "Ready" and one["status"] == "True" for one in conditions) else None

    def restarts(self) -> int:
        """How often the operator was started again by itself."""
        pods = self.api.list_kind(self.api.kind("v1", "Pod"), selector="app.kubernetes.io/component=controller")
        return sum(one["restartCount"] for pod in pods for one in pod["status"].get("containerStatuses") or ())

    def peak_mib(self) -> tuple[int, str]:
        """The operator's memory in MiB as the kubelet counts it, and its limit."""
        pod = self.operator_pod()
        if pod is None:
            return 0, "no pod is ready"
        (node,) = self.api.list_kind(self.api.kind("v1", "Node"))
        path = f"/api/v1/nodes/{node['metadata']['name']}/proxy/stats/summary"
        for one in self.api.request("GET", path)["pods"]:
            if one["podRef"]["uid"] == pod["metadata"]["uid"]:
                used = one.get("memory", {}).get("workingSetBytes", 0)
                return round(used / KIB / KIB), pod["spec"]["containers"][0]["resources"]["limits"]["memory"]
        return 0, "not seen by the kubelet yet"

    def restart_operator(self) -> None:
        """Let the operator start with everything there: that needs the most memory."""
        pod = self.operator_pod()
        assert pod is not None
        self.api.delete("v1", "Pod", pod["metadata"]["name"], OPERATOR)
        gone = pod["metadata"]["uid"]

        def is_new() -> bool:
            new = self.operator_pod()
            return new is not None and new["metadata"]["uid"] != gone

        self.api.wait_until(is_new, "a new operator is ready", timeout=READY)

    # -- the next team ------------------------------------------------------------------------------------------------

    def query(self, expression: str, *, start: float | None = None, team: str = NEXT) -> list[JsonObject]:
        """What a team's Prometheus answers: now, or second by second since *start*."""
        place = f"/api/v1/namespaces/monitoring-{team}/services/prometheus-{team}:web/proxy/api/v1/query"
        if start is None:
            return list(self.api.request("GET", place, query={"query": expression})["data"]["result"])
        span = {"start": f"{start:.0f}", "end": f"{time.time():.0f}", "step": "1"}
        return list(self.api.request("GET", f"{place}_range", query={"query": expression, **span})["data"]["result"])

    def worst(self, expression: str, *, start: float, of: Callable[..., float] = max) -> float:
        """The greatest value that an expression had since *start*; it must have had one."""
        (row,) = self.query(expression, start=start)
        return round(float(of(float(value) for _time, value in row["values"])), 1)

    def is_scraped(self) -> bool:
        """Whether the next team's target and its rule are there."""
        try:
            rows = self.query('scraped:up == 1 and on () (up{job="scraped"} == 1)')
        except ApiError:
            return False
        return bool(rows)

    def seconds_of_a_change(self) -> float:
        """How long a new rule and a new monitor of the next team take to get into what its instance reads."""
        self.changes += 1
        name = f"change-{self.changes}"
        rule = {"record": f"change:{self.changes}", "expr": "vector(1)"}
        monitor = {"selector": {"matchLabels": {"app": name}}, "endpoints": [{"port": "web"}]}
        began = time.monotonic()
        groups = {"groups": [{"name": name, "rules": [rule]}]}
        self.api.apply(_object(MONITORING, "PrometheusRule", name, groups, NEXT))
        self.api.apply(_object(MONITORING, "ServiceMonitor", name, monitor, NEXT))

        def is_there() -> bool:
            maps = self.api.list_kind(self.api.kind("v1", "ConfigMap"), selector=f"prometheus-name={NEXT}")
            texts = "".join(text for one in maps for text in (one.get("data") or {}).values())
            return f"record: {rule['record']}\n" in texts and self._scrapes(name)

        self.api.wait_until(is_there, f"{name} is in what the instance reads", timeout=READY)
        return round(time.monotonic() - began, 1)

    def _scrapes(self, name: str) -> bool:
        packed = compressed(self.api, namespace=f"monitoring-{NEXT}", name=NEXT)
        return f"serviceMonitor/{NEXT}/{name}/0".encode() in (gzip.decompress(packed) if packed else b"")

    # -- the noisy team -----------------------------------------------------------------------------------------------

    def fill(self, *, limits: Mapping[str, int], rule_size: int, monitor_size: int, times: int = 1) -> dict[str, int]:
        """Create *times* as many objects as the limits allow, as people of the team; returns how many are stored."""
        stored: dict[str, int] = {}
        for name, (api_version, kind) in KINDS.items():
            size = rule_size if kind == "PrometheusRule" else monitor_size
            path = self.api.kind(api_version, kind).path(NOISY)
            for number in range(limits[name] * times):
                try:
                    self.people.request("POST", path, body=sized(name, number, size))
                except ApiError as error:
                    # The quota refuses what is above it, and what there is already is no news.
                    if error.status == 409 or (error.status == 403 and "exceeded quota" in str(error)):
                        continue
                    raise
            found = self.api.list_kind(self.api.kind(api_version, kind))
            stored[name] = sum(one["metadata"]["namespace"] == NOISY for one in found)
        return stored

    def empty(self) -> None:
        """Delete what the noisy team has stored."""
        for api_version, kind in KINDS.values():
            self.api.send("DELETE", self.api.kind(api_version, kind).path(NOISY))

    def break_it(self) -> dict[str, int]:
        """Create what the API server takes and the operator or Prometheus cannot use."""
        wrong = [
            _object(MONITORING, "PrometheusRule", "wrong",
                    {"groups": [{"name": "wrong", "rules": [{"record": "a:b", "expr": "sum("}]}]}),
            _object(MONITORING, "ServiceMonitor", "wrong",
                    {"selector": {}, "endpoints": [
                        {"port": "web", "relabelings": [{"regex": "(", "targetLabel": "a"}]}]}),
            _object(MONITORING, "ServiceMonitor", "missing",
                    {"selector": {}, "endpoints": [{"port": "web", "basicAuth": {
                        "username": {"name": "missing", "key": "a"}, "password": {"name": "missing", "key": "b"}}}]}),
        ]  # fmt: skip
        for obj in wrong:
            self.people.request("POST", self.api.kind(MONITORING, obj["kind"]).path(NOISY), body=obj)
        return {"invalid": len(wrong)}


# -- the proof ------------------------------------------------------------------------------------------------------


@contextmanager
def watched(place: Neighbours, happened: str, rows: list[Row]) -> Iterator[dict[str, int]]:
    """Let something happen in a with block, which notes what was stored; then judge what became of the next team."""
    before, began = place.restarts(), time.time()
    stored: dict[str, int] = {}
    peaks = [(0, "")]
    yield stored
    seconds = place.seconds_of_a_change()
    peaks.append(place.peak_mib())
    time.sleep(SETTLED)
    peaks.append(place.peak_mib())
    peak, limit = max(peaks)
    job = '{job="scraped"}'
    passed = max(30, int(time.time() - began))
    failed = place.query(f"sum(increase(prometheus_rule_evaluation_failures_total[{passed}s])) or vector(0)")
    rows.append(
        Row(
            happened=happened,
            stored=stored,
            restarts=max(0, place.restarts() - before),
            seconds=seconds,
            gap=place.worst(f"time() - max(timestamp(up{job}))", start=began),
            rule_gap=place.worst("time() - max(timestamp(scraped:up))", start=began),
            least_up=place.worst(f"min(up{job})", start=began, of=min),
            failed_evaluations=float(failed[0]["value"][1]),
            peak_mib=peak,
            limit=limit,
        )
    )
    print(json.dumps({**asdict(rows[-1]), "held": rows[-1].held}), flush=True)


def prove(place: Neighbours) -> list[Row]:
    """All that the noisy team does, one after the other."""
    rows: list[Row] = []
    ordinary = {name: DEFAULT_LIMITS[name] for name in KINDS}
    usual: JsonObject = {"limits": ordinary, "rule_size": 16 * KIB, "monitor_size": KIB}
    with watched(place, "nothing", rows):
        time.sleep(SETTLED)
    with watched(place, "fills its default limits with objects of the sizes that count", rows) as stored:
        stored.update(place.fill(**usual))
    with watched(place, "and the operator starts again", rows) as stored:
        # One that is gone cannot have been started again.
        place.restart_operator()
    with watched(place, "comes with ten times its limits", rows) as stored:
        stored.update(place.fill(**usual, times=10))
    place.empty()
    with watched(place, "has a target with more samples than it may have", rows) as stored:
        for obj in application(NOISY)[:3]:
            place.api.apply(obj)

        def fails() -> bool:
            try:
                found = place.query('up{job="scraped"} == 0', team=NOISY)
            except ApiError:
                # With fewer files of rules its pod is made again.
                return False
            stored["failing targets"] = len(found)
            return bool(found)

        place.api.wait_until(fails, "the scrape of the noisy team fails", timeout=READY)
    place.empty()
    with watched(place, "has invalid monitors and rules", rows) as stored:
        stored.update(place.break_it())
    place.empty()
    # The next team keeps the default limits: no fleet could count on the largest objects for these.
    place.site(memory="1Gi", limits=FEW, counted="given", rule_size="1536Ki", monitor_size="1536Ki")
    with watched(place, "fills limits for the largest objects that are stored", rows) as stored:
        stored.update(place.fill(limits=FEW, rule_size=LARGEST, monitor_size=LARGEST))
    with watched(place, "and the operator starts again with the largest objects", rows):
        place.restart_operator()
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proof; 1 where the next team noticed anything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, help="where the rows are kept")
    options = parser.parse_args(arguments)
    place = Neighbours()
    wipe(place.api)
    place.site(memory="200Mi", limits=DEFAULT_LIMITS, counted="one", rule_size="16Ki", monitor_size="1Ki")
    for obj in application(NEXT):
        place.api.apply(obj)
    place.api.wait_until(place.is_scraped, "the next team's target and rule are there", timeout=READY)
    rows = prove(place)
    kept.write([{**asdict(row), "held": row.held} for row in rows], options.output)
    if not all(row.held for row in rows):
        return 1
    wipe(place.api)
    return 0


if __name__ == "__main__":
    sys.exit(main())
