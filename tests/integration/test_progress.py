"""Long work shows on the terminal how far it is, and nowhere else; short work shows nothing."""

from __future__ import annotations

import os
import re
import signal
import threading
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import APART, LOCAL
from tests.integration.support.playbook import CHECKOUT, ENVIRONMENTS, Run

JsonObject = dict[str, t.Any]
Playbook = Callable[..., Run]
CONNECTIONS = CHECKOUT / "tests/integration/connections"
OFTEN = {"PROMFLEET_PROGRESS_SECONDS": "0.1", "PYTHONUNBUFFERED": "1"}
MODULE = "promfleet.monitoring.objects"
CONFIG_MAP = ("v1", "ConfigMap")
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
# What is applied within half a second is not counted, and what is applied at once not even told.
MANY, SOME = 900, 200
LINE = re.compile(r"^(\S+): objects: (.+), \d+ s$", re.MULTILINE)


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


def never_ready() -> JsonObject:
    """Without an operator no Prometheus becomes ready."""
    return {
        "apiVersion": PROMETHEUS[0],
        "kind": PROMETHEUS[1],
        "metadata": {"name": "idle", "namespace": "default"},
        "spec": {"replicas": 1},
    }


@pytest.fixture
def objects(plane: ControlPlane, api: Cluster, playbook: Playbook) -> Iterator[Callable[..., Run]]:
    """Runs tasks with the module `objects` in one play; afterwards all that they made is gone."""

    def run(
        *tasks: JsonObject,
        hosts: str = "hub",
        env: t.Mapping[str, str] | None = None,
        prefix: Path = ENVIRONMENTS[0],
    ) -> Run:
        shared = {"kubeconfig": str(plane.kubeconfig), "context": plane.context, "fleet": "{{ inventory_hostname }}"}
        play = {
            "hosts": hosts,
            "gather_facts": False,
            "module_defaults": {MODULE: shared},
            "tasks": list(tasks),
        }
        variables = {**(OFTEN if env is None else env), "ANSIBLE_CONNECTION_PLUGINS": str(CONNECTIONS)}
        return playbook([play], inventory=INVENTORY, env=variables, prefix=prefix)

    yield run
    for kind, namespace in ((CONFIG_MAP, "default"), (CONFIG_MAP, "kube-system"), (PROMETHEUS, "default")):
        api.send("DELETE", api.kind(*kind).path(namespace), query={"labelSelector": "promfleet.monitoring/set"})


def task(*manifests: JsonObject, keywords: JsonObject | None = None, **options: t.Any) -> JsonObject:
    """A task that applies *manifests* as one set."""
    return {"name": "Apply", MODULE: {"name": "some", "manifests": list(manifests), **options}, **(keywords or {})}


def lines(run: Run) -> list[tuple[str, str]]:
    """Every line of progress: the host and what it says."""
    return LINE.findall(run.output)


@pytest.mark.parametrize("prefix", ENVIRONMENTS, ids=lambda path: path.name)
def test_a_long_run_tells_how_far_it_is_and_what_it_waits_for(objects: Callable[..., Run], prefix: Path) -> None:
    run = objects(task(*config_maps(MANY), never_ready(), wait_timeout=2), prefix=prefix).require_failure()
    told = [text for host, text in lines(run) if host == "hub"]
    # With the Prometheus and the record of the set.
    counts = [re.fullmatch(rf"applying (\d+) of {MANY + 2} objects \(\d+ %\)", text) for text in told]
    counted = [int(match[1]) for match in counts if match]
    assert len(counted) > 1, run.output
    assert counted == sorted(counted)
    assert counted[-1] > 0
    assert "waiting for 1 of 1: Prometheus default/idle: no condition Reconciled yet" in told
    # While the task runs, not with its result.
    head, body = run.output.split("TASK [Apply]")
    assert not LINE.search(head)
    assert LINE.search(body.split("hub]: FAILED!")[0].split("[ERROR]")[0])
    # And nowhere else.
    (failure,) = run.failures
    assert failure.action == MODULE
    assert "not ready after 2 s" in failure.message
    assert not re.search("progress_file|applying", repr(failure.data), re.IGNORECASE)


def test_each_line_names_its_host(objects: Callable[..., Run]) -> None:
    run = objects(task(*config_maps(SOME)), hosts="hub,edge").require_success()
    assert {host for host, _text in lines(run)} == {"hub", "edge"}


def test_what_ends_before_the_first_line_is_due_tells_nothing(objects: Callable[..., Run]) -> None:
    run = objects(task(*config_maps(3)), env={**OFTEN, "PROMFLEET_PROGRESS_SECONDS": "600"}).require_success()
    assert not lines(run)


def test_where_nothing_can_be_told_all_else_works(objects: Callable[..., Run]) -> None:
    some = config_maps(SOME)
    run = objects(
        task(*some, keywords={"no_log": True}),
        task(*some, keywords={"async": 60, "poll": 1}, state="absent"),
        task(*some, keywords={"delegate_to": "far"}),
        task(*some, keywords={"vars": {"ansible_connection": "elsewhere"}}, state="absent"),
    ).require_success()
    assert not lines(run)
    assert run.changed() == {"hub": 4}


@pytest.mark.parametrize("prefix", ENVIRONMENTS, ids=lambda path: path.name)
def test_a_killed_module_leaves_nothing(objects: Callable[..., Run], tmp_path: Path, prefix: Path) -> None:
    temporary = tmp_path / "local"
    env = {**OFTEN, "ANSIBLE_LOCAL_TEMP": str(temporary)}
    ended = threading.Event()

    def kill_the_module() -> None:
        while not ended.wait(0.2):
            for process in modules_with(str(temporary)):
                os.kill(process, signal.SIGKILL)
                ended.set()

    killer = threading.Thread(target=kill_the_module)
    killer.start()
    try:
        run = objects(task(never_ready(), wait_timeout=60), hosts="apart", env=env, prefix=prefix).require_failure()
    finally:
        ended.set()
        killer.join()
    assert run.recap["apart"]["failures"] == 1
    assert not list(temporary.rglob("promfleet-progress-*"))


def modules_with(text: str) -> list[int]:
    """The processes of modules that were given a progress file below *text*."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
            command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        told = any(entry.startswith(f"PROMFLEET_PROGRESS_FILE={text}") for entry in environment)
        if told and any("AnsiballZ_objects" in word for word in command) and "sh" not in Path(command[0]).name:
            found.append(int(folder.name))
    return found
