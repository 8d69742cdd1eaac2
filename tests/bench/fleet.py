"""A whole fleet in one cluster: 200 teams, for one operator with the limits of our Deployment, and for several.

The operators are real, as processes with the arguments of our Deployments, as their accounts, in cgroups with the
limits for CPU and memory. The instances are made by the module of the role, archived, so that they have no pods.
Everything is there before an operator starts, as after a restart, which needs the most.

What several operators share is shown without limits, with everything made already: what a start costs each of them,
and how many watches all of them have.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import re
import shutil
import subprocess
import tempfile
import time
import typing as t
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from promlab import build
from promlab.controlplane import ControlPlane
from promlab.locking import locked
from promlab.progress import Progress
from promlab.settings import from_environment
from tests.bench.sizing import CGROUPS, Cgroup, Peak, fresh
from tests.integration.support.audit import Audit
from tests.integration.support.cluster import Cluster
from tests.integration.support.inprocess import run_module
from tests.integration.support.operator_process import compressed, serve_crds
from tests.integration.support.prometheus_process import free_port

JsonObject = dict[str, t.Any]

MONITORING = "monitoring.coreos.com/v1"
APPS = "apps/v1"
NAMESPACE = "prometheus-operator"
PARTS = ("Prometheus", "Alertmanager")
MIB = 1 << 20
# Monitors, and rules, of each team; and alerts in each of the rules.
EACH = 10
ALERTS = 3
OPERATORS = 3
# What a change is measured with.
CHANGED = 3
# Resyncs of the operator come every five minutes: one is in it.
REST = 310.0
# Goals in seconds, and writes in a minute.
RECONCILED = 600.0
CHANGE = 60.0
WRITES = 1.0
# What docs/tiers.md says of each of several operators, as parts of one alone: its CPU at most, its memory at least.
# Controller ids alone share no CPU of a start; the tier also has instance selectors.
TIER = "tier sharded"
CPU_OF_ONE = {TIER: 0.5}
MEMORY_OF_ONE = 0.75
PATIENCE = 900.0
THREADS = 4
PERIOD = 100_000
TICKS = os.sysconf("SC_CLK_TCK")
# An operator is at rest, and its peak counts, when neither has gone up for so long.
STEADY = 8.0
_SYNCED = re.compile(r'^prometheus_operator_syncs\{.*status="ok".*\} (.+)$', re.MULTILINE)
_TURNS = re.compile(r"^prometheus_operator_reconcile_operations_total\{.*\} (.+)$", re.MULTILINE)
_WATCHES = re.compile(r'^apiserver_longrunning_requests\{.*verb="WATCH".*\} (.+)$', re.MULTILINE)


# -- what is there ------------------------------------------------------------------------------------------------


def teams(number: int) -> list[JsonObject]:
    """So many teams, each with a namespace of its own and an instance that has no pods."""
    return [
        {
            "name": name,
            "namespaces": [name],
            "state": "archived",
            "archive_may_lose": ["prometheus", "alertmanager"],
        }
        for name in (f"team-{one:03}" for one in range(number))
    ]


def monitor_object(team: str, number: int) -> JsonObject:
    """A ServiceMonitor of an application."""
    spec = {"selector": {"matchLabels": {"app": f"app-{number}"}}, "endpoints": [{"port": "web", "interval": "30s"}]}
    return _object("ServiceMonitor", team, f"app-{number}", spec)


def rule_object(team: str, number: int) -> JsonObject:
    """A PrometheusRule with a few alerts, with the texts that people give them."""
    app = f"app-{number}"
    rules = [
        {
            "alert": f"{team.title().replace('-', '')}App{number}Alert{one}",
            "expr": f'sum by (pod) (rate(http_requests_total{{app="{app}", code=~"5.."}}[5m])) '
            f'/ sum by (pod) (rate(http_requests_total{{app="{app}"}}[5m])) > 0.0{one + 1}',
            "for": "10m",
            "labels": {"severity": "warning", "app": app},
            "annotations": {
                "summary": f"{app} of {team} answers with errors.",
                "description": "Of the requests to {{ $labels.pod }} {{ $value | humanizePercentage }} ended with "
                "an error in the last five minutes. Look at its log, and at what it was released with.",
                "runbook_url": f"https://runbooks.example.com/{team}/{app}#alert-{one}",
            },
        }
        for one in range(ALERTS)
    ]
    return _object("PrometheusRule", team, app, {"groups": [{"name": app, "rules": rules}]})


def _object(kind: str, team: str, name: str, spec: JsonObject) -> JsonObject:
    return {"apiVersion": MONITORING, "kind": kind, "metadata": {"name": name, "namespace": team}, "spec": spec}


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """The cluster with its teams."""

    plane: ControlPlane
    api: Cluster
    names: Sequence[str]

    def run(self, module: str, **options: t.Any) -> None:
        """One run of a module of the collection, as an administrator."""
        run_module(module, kubeconfig=self.plane.kubeconfig, context=self.plane.context, wait=False, **options)

    @property
    def described(self) -> JsonObject:
        """The fleet, as options of a module."""
        # The platform's own would wait for pods, which never come here.
        off = {"prometheus": {"enabled": False}, "alertmanager": {"enabled": False}}
        return {"cluster": "hub", "clusters": ["hub"], "teams": teams(len(self.names)), "platform": off}

    def fill(self) -> int:
        """Make the monitors and rules of all teams; their bytes as they are sent."""
        made = [make(team, one) for make in (monitor_object, rule_object) for team in self.names for one in range(EACH)]
        paths = {kind: self.api.kind(MONITORING, kind) for kind in ("ServiceMonitor", "PrometheusRule")}

        def send(obj: JsonObject) -> int:
            self.api.request("POST", paths[obj["kind"]].path(obj["metadata"]["namespace"]), body=obj)
            return len(str(obj))

        self.api.wait_until(self._is_counted, "the quotas are counted", timeout=PATIENCE)
        with ThreadPoolExecutor(THREADS) as pool:
            return sum(pool.map(send, made))

    def _is_counted(self) -> bool:
        """Whether the quotas of the teams let anything in: before they are counted they do not."""
        quotas = self.api.list_kind(self.api.kind("v1", "ResourceQuota"))
        return all(one["spec"]["hard"].keys() <= one["status"].get("used", {}).keys() for one in quotas)

    def instances(self) -> list[JsonObject]:
        """All instances."""
        return [obj for part in PARTS for obj in self.api.list_kind(self.api.kind(MONITORING, part))]

    def deployments(self) -> list[JsonObject]:
        """The Deployments of operators that are to run."""
        found = self.api.list_kind(self.api.kind(APPS, "Deployment"))
        return [one for one in found if one["metadata"]["namespace"] == NAMESPACE and one["spec"]["replicas"]]

    def watches(self) -> int:
        """How many watches the API server serves now."""
        text = self.api.send("GET", "/metrics").decode()
        return round(sum(map(float, _WATCHES.findall(text))))

    def jobs(self, team: str) -> int:
        """How many monitors of a team's applications are in what its operator wrote."""
        packed = compressed(self.api, namespace=f"monitoring-{team}", name=team)
        return gzip.decompress(packed).count(f"- job_name: serviceMonitor/{team}/app-".encode()) if packed else 0

    def rules(self, team: str) -> str:
        """What the operator wrote of a team's rules."""
        place = self.api.kind("v1", "ConfigMap").path(f"monitoring-{team}")
        found = self.api.request("GET", place, query={"labelSelector": f"prometheus-name={team}"})["items"]
        return "".join(text for one in found for text in (one.get("data") or {}).values())


def is_reconciled(obj: JsonObject) -> bool:
    """Whether an instance's operator says so, of what the instance is now."""
    return any(
        one["type"] == "Reconciled"
        and one["status"] == "True"
        and one.get("observedGeneration") == obj["metadata"]["generation"]
        for one in (obj.get("status") or {}).get("conditions") or ()
    )


# -- operators ----------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Operator:
    """One operator that runs, with its limits."""

    port: int
    group: Cgroup
    peak: Peak
    process: subprocess.Popen[bytes]

    def synced(self) -> int:
        """How many instances it has reconciled since its start, without an error."""
        return self._sum(_SYNCED)

    def turns(self) -> int:
        """How often it has reconciled an instance since its start."""
        return self._sum(_TURNS)

    def _sum(self, series: re.Pattern[str]) -> int:
        assert self.process.poll() is None, f"an operator ended with {self.process.returncode}"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
                text = answer.read().decode()
        except OSError:
            return 0
        return round(sum(map(float, series.findall(text))))

    def cpu(self) -> float:
        """Seconds of CPU so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident(self) -> int:
        """The largest resident memory so far in bytes, what the table of `capacity` has."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.process.pid}/status").read_text())
        return int(found[1]) * 1024 if found else 0


@contextlib.contextmanager
def operator(
    plane: ControlPlane, deployment: JsonObject, *, program: Path, limited: bool, flags: Sequence[str] = ()
) -> Iterator[Operator]:
    """The operator of a Deployment for the time of a with block, without its limits unless *limited*."""
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    limits = container["resources"]["limits"]
    account = f"system:serviceaccount:{NAMESPACE}:{pod['serviceAccountName']}"
    port = free_port()
    arguments = [*container["args"], f"--web.listen-address=127.0.0.1:{port}", f"--as={account}", *flags]
    with contextlib.ExitStack() as stack:
        group = Cgroup(f"fleet-{port}", limit=_bytes(limits["memory"]) if limited else None)
        stack.callback(group.remove)
        folder = Path(tempfile.mkdtemp(prefix="promfleet-fleet-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        entered = [group.folder]
        if limited:
            entered.append(stack.enter_context(_slowed(group, cpus=_cpus(limits["cpu"]))))
        copy = fresh(program, folder / "operator")
        enter = "".join(f"echo $$ > {one}/cgroup.procs\n" for one in dict.fromkeys(entered))
        sink = stack.enter_context(plane.log("operator").open("ab"))
        process = subprocess.Popen(
            ["/bin/sh", "-c", f'{enter}exec {copy} "$@"', "operator", *arguments],
            env={
                "KUBECONFIG": str(plane.kubeconfig),
                **{one["name"]: one["value"] for one in container.get("env") or ()},
            },
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        peak = stack.enter_context(Peak(group))
        yield Operator(port=port, group=group, peak=peak, process=process)


@contextlib.contextmanager
def _slowed(group: Cgroup, *, cpus: float) -> Iterator[Path]:
    """The folder of the cgroup that has no more than so many *cpus*: of its own in version 1, the *group* in 2."""
    old = CGROUPS / "cpu"
    if not old.is_dir():
        (group.folder / "cpu.max").write_text(f"{round(cpus * PERIOD)} {PERIOD}")
        yield group.folder
        return
    folder = old / group.folder.name
    folder.mkdir()
    try:
        (folder / "cpu.cfs_period_us").write_text(str(PERIOD))
        (folder / "cpu.cfs_quota_us").write_text(str(round(cpus * PERIOD)))
        yield folder
    finally:
        folder.rmdir()


def _bytes(quantity: str) -> int:
    assert quantity.endswith("Mi"), quantity
    return int(quantity.removesuffix("Mi")) * MIB


def _cpus(quantity: str) -> float:
    return int(quantity.removesuffix("m")) / 1000 if quantity.endswith("m") else float(quantity)


# -- one operator -------------------------------------------------------------------------------------------------


def measure(plane: ControlPlane, *, rounds: int) -> Mapping[str, t.Any]:
    """Figures for *rounds* teams; AssertionError where a goal is missed. The *plane* notes every request."""
    lab, progress = from_environment(), Progress()
    lab.make()
    program = lab.bin / "operator"
    if not program.exists():
        with locked(lab.locks, "build", purpose="building", say=progress.say):
            build.build_programs([program.name], lab=lab, progress=progress)
    api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    serve_crds(api)
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    fleet = Fleet(plane=plane, api=api, names=[team["name"] for team in teams(rounds)])
    fleet.run("prometheus_operator")
    fleet.run("team_monitoring", **fleet.described)
    size = fleet.fill()
    (deployment,) = fleet.deployments()
    facts: JsonObject = {
        "teams": rounds,
        "instances": len(fleet.instances()),
        "kib_of_monitors_and_rules": size // 1024,
        "one": _one(fleet, deployment, program=program),
        "forms": _forms(fleet, deployment, program=program),
        "load": round(os.getloadavg()[0], 1),
    }
    require(facts)
    return facts


def require(facts: JsonObject) -> None:
    """AssertionError where a goal is missed."""
    one = facts["one"]
    assert not one["killed"], f"killed at its limit of memory: {facts}"
    assert one["reconciled_s"] <= RECONCILED, f"reconciled too late: {facts}"
    assert one["changed_s"] <= CHANGE, f"a change counted too late: {facts}"
    assert one["writes_per_minute"] <= WRITES, f"too many writes at rest: {facts}"
    alone, *several = facts["forms"]
    for row in several:
        if part := CPU_OF_ONE.get(row["form"]):
            assert max(row["cpu_s"]) <= part * alone["cpu_s"][0], f"CPU is not shared: {facts}"
        assert min(row["peak_mib"]) >= MEMORY_OF_ONE * alone["peak_mib"][0], f"memory is shared after all: {facts}"
        assert row["watches"] >= OPERATORS * alone["watches"], f"watches are shared after all: {facts}"


def _one(fleet: Fleet, deployment: JsonObject, *, program: Path) -> JsonObject:
    """One operator with its limits, from nothing that an operator made: it reconciles all, changes, and is at rest."""
    with operator(fleet.plane, deployment, program=program, limited=True) as running:
        number, began = len(fleet.instances()), time.monotonic()

        def done() -> bool:
            # The list is long: it is read when there is something to see.
            return running.synced() >= number and all(map(is_reconciled, fleet.instances()))

        fleet.api.wait_until(done, "all are Reconciled", timeout=PATIENCE)
        reconciled = time.monotonic() - began
        # Each StatefulSet that it wrote comes back with a status, and is looked at again.
        _until_steady(running)
        settled, cpu = time.monotonic() - began - STEADY, running.cpu()
        changed = max(_changed(fleet, team) for team in fleet.names[:CHANGED])
        _until_steady(running)
        audit, before, since = Audit(path=fleet.plane.audit_log).now(), running.cpu(), time.monotonic()
        time.sleep(REST)
        assert audit.path.stat().st_size >= audit.start, "the API server began a new audit log meanwhile"
        account = deployment["spec"]["template"]["spec"]["serviceAccountName"]
        minutes = (time.monotonic() - since) / 60
        writes = [event for event in audit.all_events() if event.acting == account and event.is_write]
        return {
            "reconciled_s": round(reconciled, 1),
            "settled_s": round(settled, 1),
            "settled_cpu_s": round(cpu, 1),
            "changed_s": round(changed, 1),
            "rest_minutes": round(minutes, 1),
            "writes_per_minute": round(len(writes) / minutes, 2),
            "written": sorted({f"{event.verb} {event.resource}" for event in writes}),
            "rest_cpus": round((running.cpu() - before) / minutes / 60, 3),
            "peak_mib": round(running.peak.bytes / MIB),
            "resident_mib": round(running.resident() / MIB),
            "killed": running.group.killed(),
        }


def _changed(fleet: Fleet, team: str) -> float:
    """How long it takes until a new monitor and a new rule of a team are in what its operator writes, in seconds."""
    began = time.monotonic()
    for make in (monitor_object, rule_object):
        fleet.api.apply(make(team, EACH))
    fleet.api.wait_until(lambda: fleet.jobs(team) == EACH + 1, f"{team} has its new monitor", timeout=PATIENCE)
    fleet.api.wait_until(lambda: f"App{EACH}Alert" in fleet.rules(team), f"{team} has its new rule", timeout=PATIENCE)
    return time.monotonic() - began


def _until_steady(*running: Operator) -> None:
    """Until they have reconciled all that waits, and no peak rises any more."""
    found, since = [(-1, -1) for _one in running], time.monotonic()
    while time.monotonic() - since < STEADY:
        now = [(one.turns(), one.peak.bytes) for one in running]
        if now != found:
            found, since = now, time.monotonic()
        time.sleep(0.5)


# -- several ------------------------------------------------------------------------------------------------------


def _forms(fleet: Fleet, deployment: JsonObject, *, program: Path) -> list[JsonObject]:
    """What a start costs one operator of one, and of several in each form of sharing the same teams out."""
    described = run_module("operator_shares", **fleet.described, operators=OPERATORS)
    shares = [share["teams"] for share in described["shares"]]
    given: JsonObject = {"fleet": fleet, "program": program}
    rows = [
        _form("one operator", [(deployment, ())], **given),
        _form("namespace lists", [(deployment, _namespaces(fleet, names)) for names in shares], **given),
    ]
    fleet.run("prometheus_operator", operators=OPERATORS, weights=described["weights"])
    fleet.run("team_monitoring", **fleet.described, operators=OPERATORS)
    several = [(one, ()) for one in fleet.deployments()]
    assert len(several) == OPERATORS
    # The first start takes the instances over, which is more work than the others have.
    _form(f"{TIER}, new", several, **given)
    without = [f"--{part.lower()}-instance-selector=" for part in PARTS]
    return [
        rows[0],
        _form(TIER, several, **given),
        _form("controller id alone", [(one, without) for one, _flags in several], **given),
        *rows[1:],
    ]


def _namespaces(fleet: Fleet, names: Sequence[str]) -> list[str]:
    """Flags for the namespaces of these teams; the operators' own is watched with the platform's."""
    own = {name for team in names for name in (f"monitoring-{team}", team if team in fleet.names else NAMESPACE)}
    return [f"--namespaces={','.join(sorted(own))}"]


def _form(
    name: str, operators: Sequence[tuple[JsonObject, Sequence[str]]], *, fleet: Fleet, program: Path
) -> JsonObject:
    """All operators of a form started at once, without limits, where everything is made already."""
    number, before, began = len(fleet.instances()), fleet.watches(), time.monotonic()
    with contextlib.ExitStack() as stack:
        running = [
            stack.enter_context(operator(fleet.plane, deployment, program=program, limited=False, flags=flags))
            for deployment, flags in operators
        ]

        def done() -> bool:
            return sum(one.synced() for one in running) >= number

        fleet.api.wait_until(done, f"{name}: each instance was reconciled", timeout=PATIENCE)
        seconds = time.monotonic() - began
        _until_steady(*running)
        return {
            "form": name,
            "instances": [one.synced() for one in running],
            "seconds": round(seconds, 1),
            "cpu_s": [round(one.cpu(), 1) for one in running],
            "peak_mib": [round(one.peak.bytes / MIB) for one in running],
            "resident_mib": [round(one.resident() / MIB) for one in running],
            "watches": fleet.watches() - before,
        }
