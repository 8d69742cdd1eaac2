"""Dead, foreign, half-made and outdated clusters are told apart; the lab removes only what is its own."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from promlab import records
from promlab.clusters import Clusters
from promlab.diagnosis import Facts, Verdict, diagnose
from promlab.engine import Engine, make_engine, parse_states
from promlab.errors import LabError
from promlab.progress import Progress
from promlab.records import Record
from promlab.settings import Lab
from tests.unit.lab.machines import CONTAINER, LAPTOP

IMAGE = "localhost/promfleet-lab/node:v1-new"


def verdict(
    states: str, *, api: bool = True, image: str | None = IMAGE, complete: bool = True, restarted: bool = False
) -> Verdict:
    facts = Facts(containers=parse_states(states), api_answers=api, recorded_image=image, complete=complete)
    return diagnose(facts, wanted_image=IMAGE, restarted=restarted).verdict


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        pytest.param("hub-control-plane\trunning\n", Verdict.KEEP, id="docker"),
        pytest.param("hub-control-plane\tUp 3 minutes ago\n", Verdict.KEEP, id="podman"),
        pytest.param("hub-control-plane\texited\n", Verdict.RESTART, id="docker, after a reboot"),
        pytest.param("hub-control-plane\tExited (137) 2 seconds ago\n", Verdict.RESTART, id="podman, killed"),
        pytest.param("hub-control-plane\tpaused\n", Verdict.RESTART, id="paused"),
        pytest.param("", Verdict.CREATE, id="gone"),
    ],
)
def test_what_the_engine_says(states: str, expected: Verdict) -> None:
    assert verdict(states) is expected


def test_running_without_an_answer_is_tried_again_once_then_replaced() -> None:
    states = "hub-control-plane\trunning\n"
    assert verdict(states, api=False) is Verdict.RESTART
    assert verdict(states, api=False, restarted=True) is Verdict.REPLACE
    assert verdict(states, api=True, restarted=True) is Verdict.KEEP


def test_half_made_outdated_and_foreign_clusters() -> None:
    states = "hub-control-plane\trunning\n"
    assert verdict(states, complete=False) is Verdict.REPLACE
    assert verdict(states, image="localhost/promfleet-lab/node:v1-old") is Verdict.OUTDATED
    assert verdict(states, image=None) is Verdict.FOREIGN


def test_the_reason_says_which_container_and_which_images() -> None:
    facts = Facts(containers={"hub-control-plane": "exited"}, api_answers=False, recorded_image=IMAGE, complete=True)
    assert diagnose(facts, wanted_image=IMAGE).why == "hub-control-plane exited"
    assert diagnose(facts, wanted_image="x:v2").why == "made from v1-new, the pins say v2"


@pytest.mark.parametrize("name", ["Hub", "-hub", "hub-", "a/b", "../x", "", "a" * 43])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(LabError, match="is no name of a cluster"):
        records.check_name(name)


@pytest.mark.parametrize("name", ["hub", "edge-1", "a", "a" * 42])
def test_good_names(name: str) -> None:
    assert records.check_name(name) == name


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(root=tmp_path / "lab")
    lab.make()
    return lab


def test_records_are_remembered_and_forgotten(lab: Lab) -> None:
    assert records.read(lab, "hub") is None
    record = records.write(lab, Record(name="hub", engine="docker", image=IMAGE))
    record = records.update(lab, record, complete=True, loaded={"a:1": "key"})
    record = records.update(lab, record, loaded={"b:1": "key"})
    assert records.read(lab, "hub") == Record(
        name="hub", engine="docker", image=IMAGE, complete=True, loaded={"a:1": "key", "b:1": "key"}
    )
    assert records.names(lab) == ["hub"]
    records.forget(lab, "hub")
    assert records.names(lab) == []


def test_a_broken_record_still_says_that_the_cluster_is_ours(lab: Lab) -> None:
    records.path_of(lab, "hub").write_text("{")
    record = records.read(lab, "hub")
    assert record is not None
    assert not record.complete


def test_podman_gets_a_configuration_only_where_needed(lab: Lab) -> None:
    assert "CONTAINERS_CONF" not in make_engine("podman", lab=lab, machine=LAPTOP).environment
    assert "CONTAINERS_CONF" not in make_engine("docker", lab=lab, machine=CONTAINER).environment
    engine = make_engine("podman", lab=lab, machine=CONTAINER)
    assert engine.environment["CONTAINERS_CONF"] == str(lab.containers_conf)
    assert engine.environment["KUBECONFIG"] == str(lab.kubeconfig)
    assert 'runtime = "runc"' in lab.containers_conf.read_text()


@pytest.fixture
def fake_podman(tmp_path: Path) -> tuple[Engine, Path]:
    """A podman that writes its arguments down and answers from files named after its first words."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "podman"
    program.write_text(
        '#!/bin/sh\necho "$@" >> "$0.calls"\nanswer="$0.answer-$1"\n'
        '[ "$1" = network ] && answer="$answer-$2"\n[ -e "$answer" ] && cat "$answer"\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return Engine(name="podman", environment={"PATH": f"{folder}:/usr/bin:/bin"}), program


def answer(program: Path, words: str, text: str) -> None:
    program.with_name(f"podman.answer-{words}").write_text(text)


def calls(program: Path) -> list[str]:
    return program.with_name("podman.calls").read_text().splitlines()


@pytest.mark.parametrize(
    ("labelled", "users", "removed"),
    [("kind\n", "", True), ("kind\n", "0123abc\n", False), ("", "", False), ("other\n", "", False)],
    ids=["ours and unused", "in use", "not ours", "another"],
)
def test_the_network_goes_only_when_it_is_ours_and_unused(
    fake_podman: tuple[Engine, Path], labelled: str, users: str, *, removed: bool
) -> None:
    engine, program = fake_podman
    answer(program, "network-ls", labelled)
    answer(program, "network-rm", "")
    answer(program, "ps", users)
    assert engine.drop_network() is removed
    assert ("network rm kind" in calls(program)) is removed


def test_the_network_is_left_alone_where_there_is_one(fake_podman: tuple[Engine, Path]) -> None:
    engine, program = fake_podman
    answer(program, "network-create", "")
    assert engine.make_network()
    answer(program, "network-inspect", "[]")
    assert not engine.make_network()
    assert [line for line in calls(program) if "create" in line] == [
        "network create --label monitoring.promfleet.lab=1 kind"
    ]


def test_port_of_a_node(fake_podman: tuple[Engine, Path]) -> None:
    engine, program = fake_podman
    assert engine.published_port("hub-control-plane") is None
    answer(program, "port", "127.0.0.1:35209\n")
    assert engine.published_port("hub-control-plane") == 35209


def make_clusters(lab: Lab, engine: Engine) -> Clusters:
    return Clusters(
        lab=lab, engine=engine, kind=Path("/bin/false"), node_image=IMAGE, cgroup_v2=True, progress=Progress()
    )


def test_a_foreign_cluster_is_not_touched(lab: Lab, fake_podman: tuple[Engine, Path]) -> None:
    engine, program = fake_podman
    answer(program, "ps", "hub-control-plane\trunning\n")
    with pytest.raises(LabError, match=r"did not make.*lab down hub"):
        make_clusters(lab, engine).ensure("hub", {})
    assert {line.split()[0] for line in calls(program)} == {"ps", "port"}
    assert records.names(lab) == []


def test_loading_into_a_cluster_that_is_not_ours_is_refused(lab: Lab, fake_podman: tuple[Engine, Path]) -> None:
    with pytest.raises(LabError, match="lab up hub"):
        make_clusters(lab, fake_podman[0]).load_archives("hub", {})


def test_removing_what_is_not_there_does_nothing(lab: Lab, fake_podman: tuple[Engine, Path]) -> None:
    answer(fake_podman[1], "ps", "")
    assert make_clusters(lab, fake_podman[0]).remove("hub") is False
