"""Long work shows on the terminal how far it is, and nowhere else; short work shows nothing."""

from __future__ import annotations

import os
import re
import signal
import threading
import typing as t
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import MERGE, Cluster
from tests.integration.support.inventory import APART, LOCAL
from tests.integration.support.playbook import CHECKOUT, ENVIRONMENTS, Run
from tests.integration.support.proxy import Proxy, Request, faulty

JsonObject = dict[str, t.Any]
Playbook = Callable[..., Run]
CONNECTIONS = CHECKOUT / "tests/integration/connections"
OFTEN = {"PROMFLEET_PROGRESS_SECONDS": "0.1", "PYTHONUNBUFFERED": "1"}
MODULE = "promfleet.monitoring.objects"
CONFIG_MAP = ("v1", "ConfigMap")
NOW = "2026-01-01T00:00:00Z"
PROMETHEUS = ("monitoring.coreos.com/v1", "Prometheus")
INVENTORY = {
    "all": {
        "vars": {"ansible_python_interpreter": LOCAL["ansible_python_interpreter"]},
        "hosts": {
            "hub": {"ansible_connection": "local"},
            "edge": {"ansible_connection": "local"},
            "far": {"ansible_connection": "elsewhere"},
            "apart": APART,
        },
    }
}
SOME = 40
LINE = re.compile(r"^(\S+): objects: (.+), \d+ s$", re.MULTILINE)
# A test that waits for a line longer than this has failed.
PATIENCE = 60.0


def config_maps(number: int) -> list[JsonObject]:
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": f"progress-{{{{ inventory_hostname }}}}-{index}", "namespace": "default"},
            "data": {"index": str(index)},
        }
        for index in range(number)
    ]


def not_ready() -> JsonObject:
    """Without an operator no Prometheus becomes ready by itself."""
    return {
        "apiVersion": PROMETHEUS[0],
        "kind": PROMETHEUS[1],
        "metadata": {"name": "idle", "namespace": "default"},
        "spec": {"replicas": 1},
    }


@dataclass(kw_only=True)
class Gate:
    """Holds the first write of every object until *enough* was shown, one of them a line: no clock decides a test.

    *enough* gets the lines so far, each with its host.
    """

    enough: Callable[[list[tuple[str, str]]], bool]
    _lines: list[tuple[str, str]] = field(default_factory=list)
    _passes: int = 0
    _turn: threading.Condition = field(default_factory=threading.Condition)

    def hold(self, request: Request) -> None:
        """Called by the proxy for each request."""
        if request.method != "PATCH" or "/configmaps/progress-" not in request.path:
            return
        with self._turn:
            if self._turn.wait_for(lambda: self._passes > 0 or self.enough(self._lines), timeout=PATIENCE):
                self._passes -= 1

    def watch(self, line: str) -> None:
        """Called for each line of the output."""
        with self._turn:
            for found in LINE.findall(line):
                self._lines.append(found)
                self._passes = 1
                self._turn.notify_all()


@pytest.fixture(scope="module")
def proxy(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with faulty(plane, tmp_path_factory.mktemp("proxy")) as running:
        yield running


@pytest.fixture
def objects(proxy: Proxy, api: Cluster, playbook: Playbook) -> Iterator[Callable[..., Run]]:
    """Runs tasks with the module `objects` in one play; afterwards all that they made is gone."""

    def run(
        *tasks: JsonObject,
        hosts: str = "hub",
        env: t.Mapping[str, str] | None = None,
        prefix: Path = ENVIRONMENTS[0],
        gate: Gate | None = None,
        watch: Callable[[str], None] | None = None,
    ) -> Run:
        shared = {"kubeconfig": str(proxy.kubeconfig), "context": proxy.context, "fleet": "{{ inventory_hostname }}"}
        play = {
            "hosts": hosts,
            "gather_facts": False,
            "module_defaults": {MODULE: shared},
            "tasks": list(tasks),
        }
        variables = {**(OFTEN if env is None else env), "ANSIBLE_CONNECTION_PLUGINS": str(CONNECTIONS)}
        watchers = [one for one in (gate and gate.watch, watch) if one]

        def watch_all(line: str) -> None:
            for one in watchers:
                one(line)

        proxy.hold = gate.hold if gate else lambda _request: None
        return playbook([play], inventory=INVENTORY, env=variables, prefix=prefix, watch=watch_all)

    yield run
    proxy.hold = lambda _request: None
    for kind, namespace in ((CONFIG_MAP, "default"), (CONFIG_MAP, "kube-system"), (PROMETHEUS, "default")):
        api.send("DELETE", api.kind(*kind).path(namespace), query={"labelSelector": "promfleet.monitoring/set"})


def task(*manifests: JsonObject, keywords: JsonObject | None = None, **options: t.Any) -> JsonObject:
    """A task that applies *manifests* as one set."""
    return {"name": "Apply", MODULE: {"name": "some", "manifests": list(manifests), **options}, **(keywords or {})}


def lines(run: Run) -> list[tuple[str, str]]:
    """Every line of progress: the host and what it says."""
    return LINE.findall(run.output)


def counts(shown: t.Iterable[tuple[str, str]]) -> list[int]:
    """How many objects were applied, by each line that counts them; with the Prometheus and the record of the set."""
    found = [re.fullmatch(rf"applying (\d+) of {SOME + 2} objects \(\d+ %\)", text) for _host, text in shown]
    return [int(match[1]) for match in found if match]


@pytest.mark.parametrize("prefix", ENVIRONMENTS, ids=lambda path: path.name)
def test_a_long_run_tells_how_far_it_is_and_what_it_waits_for(
    objects: Callable[..., Run], api: Cluster, prefix: Path
) -> None:
    waiting = "waiting for 1 of 1: Prometheus default/idle: no condition Reconciled yet"

    def make_ready(line: str) -> None:
        """What the operator would write, as soon as the run was seen to wait for it."""
        if waiting in line:
            true = {"status": "True", "observedGeneration": 1}
            conditions = [{"type": name, "lastTransitionTime": NOW, **true} for name in ("Reconciled", "Available")]
            status = {"paused": False, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
            path = api.kind(*PROMETHEUS).path("default", "idle") + "/status"
            body = {"status": {**status, "unavailableReplicas": 0, "conditions": conditions}}
            api.request("PATCH", path, body=body, content_type=MERGE)

    gate = Gate(enough=lambda shown: len({count for count in counts(shown) if count}) > 1)
    tasks = task(*config_maps(SOME), not_ready(), wait_timeout=PATIENCE)
    run = objects(tasks, prefix=prefix, gate=gate, watch=make_ready).require_success()
    counted = counts(lines(run))
    assert counted == sorted(counted)
    assert ("hub", waiting) in lines(run)
    # While the task runs, not with its result.
    head, body = run.output.split("TASK [Apply]")
    assert not LINE.search(head)
    assert LINE.search(body.split("changed: [hub]")[0])
    # And nowhere else.
    (result,) = run.results
    assert result.action == MODULE
    assert not re.search("progress_file|applying", repr(result.data), re.IGNORECASE)


def test_each_line_names_its_host(objects: Callable[..., Run]) -> None:
    gate = Gate(enough=lambda shown: {host for host, _text in shown} == {"hub", "edge"})
    run = objects(task(*config_maps(SOME)), hosts="hub,edge", gate=gate).require_success()
    assert {host for host, _text in lines(run)} == {"hub", "edge"}


def test_what_ends_before_the_first_line_is_due_tells_nothing(objects: Callable[..., Run]) -> None:
    run = objects(task(*config_maps(3)), env={**OFTEN, "PROMFLEET_PROGRESS_SECONDS": "600"}).require_success()
    assert not lines(run)


def test_where_nothing_can_be_told_all_else_works(objects: Callable[..., Run]) -> None:
    some = config_maps(SOME)
    # Where anything were told, its line would be shown at once.
    at_once = {**OFTEN, "PROMFLEET_PROGRESS_SECONDS": "0.001"}
    run = objects(
        task(*some, keywords={"no_log": True}),
        task(*some, keywords={"async": 60, "poll": 1}, state="absent"),
        task(*some, keywords={"delegate_to": "far"}),
        task(*some, keywords={"vars": {"ansible_connection": "elsewhere"}}, state="absent"),
        env=at_once,
    ).require_success()
    assert not lines(run)
    assert run.changed() == {"hub": 4}


@pytest.mark.parametrize("prefix", ENVIRONMENTS, ids=lambda path: path.name)
def test_a_killed_module_leaves_nothing(objects: Callable[..., Run], tmp_path: Path, prefix: Path) -> None:
    temporary = tmp_path / "local"
    env = {**OFTEN, "ANSIBLE_LOCAL_TEMP": str(temporary)}
    killed: list[int] = []

    def kill_the_module(line: str) -> None:
        """As soon as it was seen to wait, which by itself ends long after the test."""
        if "waiting for 1 of 1" in line and not killed:
            killed.extend(modules_that_tell(temporary))
            for process in killed:
                os.kill(process, signal.SIGKILL)

    tasks = task(not_ready(), wait_timeout=10 * PATIENCE)
    run = objects(tasks, hosts="apart", env=env, prefix=prefix, watch=kill_the_module).require_failure()
    assert len(killed) == 1, run.output
    assert run.recap["apart"]["failures"] == 1
    assert not list(temporary.rglob("promfleet-progress-*"))


def modules_that_tell(folder: Path) -> list[int]:
    """The processes of modules that hold a progress file below *folder* open."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
            files = [str(link.readlink()) for link in (process / "fd").iterdir()]
        except OSError:
            continue  # gone, or of another user
        open_file = any(file.startswith(f"{folder}/") and "promfleet-progress-" in file for file in files)
        if open_file and "AnsiballZ_objects" in command:
            found.append(int(process.name))
    return found
