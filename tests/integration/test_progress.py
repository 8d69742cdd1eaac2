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
from tests.integration.support.inventory import LOCAL
from tests.integration.support.playbook import CHECKOUT, Run

JsonObject = dict[str, t.Any]
Playbook = Callable[..., Run]
CONNECTIONS = CHECKOUT / "tests/integration/connections"
# .venv-new is not built where the machine's Python allows no newer ansible-core; make venv says so.
ENVIRONMENTS = [
    path for path in (CHECKOUT / ".venv", CHECKOUT / ".venv-new") if (path / "bin/ansible-playbook").exists()
]
OFTEN = {"PROMFLEET_PROGRESS_SECONDS": "0.1", "PYTHONUNBUFFERED": "1"}
SET = "progress"
INVENTORY = {
    "all": {
        "vars": {"ansible_python_interpreter": LOCAL["ansible_python_interpreter"]},
        "hosts": {
            "hub": {"ansible_connection": "local"},
            "edge": {"ansible_connection": "local"},
            "far": {"ansible_connection": "elsewhere"},
        },
    }
}
OBJECTS = 400
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
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "Prometheus",
        "metadata": {"name": "idle", "namespace": "default"},
        "spec": {"replicas": 1},
    }


@pytest.fixture
def objects(plane: ControlPlane, api: Cluster, playbook: Playbook) -> Iterator[Callable[..., Run]]:
    """Runs the module `objects` in a play; afterwards all that it made is gone."""
    module = {
        "kubeconfig": str(plane.kubeconfig),
        "context": plane.context,
        "name": SET,
        "fleet": "{{ inventory_hostname }}",
    }

    def run(
        *manifests: JsonObject,
        hosts: str = "hub",
        keywords: JsonObject | None = None,
        env: t.Mapping[str, str] = OFTEN,
        prefix: Path = ENVIRONMENTS[0],
        **options: t.Any,
    ) -> Run:
        task = {
            "name": "Apply them",
            "promfleet.monitoring.objects": {**module, "manifests": list(manifests), **options},
            **(keywords or {}),
        }
        play = {"hosts": hosts, "gather_facts": False, "tasks": [task]}
        variables = {**env, "ANSIBLE_CONNECTION_PLUGINS": str(CONNECTIONS)}
        return playbook([play], inventory=INVENTORY, env=variables, prefix=prefix)

    yield run
    run(state="absent", hosts="hub,edge", env={}).require_success()
    api.delete("v1", "ConfigMap", "promfleet-set-hub.objects-progress", "kube-system")


def lines(run: Run) -> list[tuple[str, str]]:
    """Every line of progress: the host and what it says."""
    return LINE.findall(run.output)


@pytest.mark.parametrize("prefix", ENVIRONMENTS, ids=lambda path: path.name)
def test_a_long_run_tells_how_far_it_is(objects: Callable[..., Run], prefix: Path) -> None:
    run = objects(*config_maps(OBJECTS), prefix=prefix).require_success()
    told = [text for host, text in lines(run) if host == "hub"]
    counted = [
        int(match[1]) for text in told if (match := re.fullmatch(rf"applying (\d+) of {OBJECTS + 1} objects.*", text))
    ]
    assert len(counted) > 1, run.output
    assert counted == sorted(counted)
    assert max(counted) > 0
    # While the task runs, not with its result.
    head, body = run.output.split("TASK [Apply them]")
    assert not LINE.search(head)
    assert LINE.search(body.split("changed: [hub]")[0])


@pytest.mark.parametrize("prefix", ENVIRONMENTS, ids=lambda path: path.name)
def test_waiting_names_what_is_waited_for(objects: Callable[..., Run], prefix: Path) -> None:
    run = objects(never_ready(), wait_timeout=2, prefix=prefix).require_failure()
    expected = "waiting for 1 of 1: Prometheus default/idle: no condition Reconciled yet"
    assert ("hub", expected) in lines(run), run.output


def test_each_line_names_its_host(objects: Callable[..., Run]) -> None:
    run = objects(*config_maps(OBJECTS // 2), hosts="hub,edge").require_success()
    assert {host for host, _text in lines(run)} == {"hub", "edge"}


def test_a_short_run_tells_nothing(objects: Callable[..., Run]) -> None:
    run = objects(*config_maps(3), env={"PYTHONUNBUFFERED": "1"}).require_success()
    assert not lines(run)


def test_results_know_nothing_of_it(objects: Callable[..., Run]) -> None:
    run = objects(*config_maps(OBJECTS)).require_success()
    assert lines(run)
    (result,) = run.of("objects")
    assert not re.search("progress_file|applying", repr(result.data), re.IGNORECASE)
    assert result.data["counts"]["created"] == OBJECTS + 1


@pytest.mark.parametrize(
    ("host", "keywords"),
    [
        pytest.param("hub", {"no_log": True}, id="no_log"),
        pytest.param("hub", {"async": 60, "poll": 1}, id="async"),
        pytest.param("far", {}, id="another machine"),
        pytest.param("hub", {"delegate_to": "far"}, id="delegated"),
    ],
)
def test_where_nothing_can_be_told_all_else_works(objects: Callable[..., Run], host: str, keywords: JsonObject) -> None:
    run = objects(*config_maps(OBJECTS // 2), hosts=host, keywords=keywords).require_success()
    assert not lines(run)
    assert run.changed() == {host: 1}
    objects(state="absent", hosts=host, env={}).require_success()


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
        run = objects(never_ready(), wait_timeout=60, env=env, prefix=prefix).require_failure()
    finally:
        ended.set()
        killer.join()
    assert run.recap["hub"]["failures"] == 1
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
