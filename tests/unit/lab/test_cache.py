"""Keys change with their inputs; an artefact appears only when it is complete."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import pytest

from promlab import programs
from promlab.cache import complete, digest, digest_tree, mounts_below, remove_tree
from promlab.gobuild import link_programs, program_path
from promlab.images import WORKLOAD_IMAGES, image_key
from promlab.locking import locked
from promlab.programs import PROGRAMS, Program
from promlab.settings import Lab, lab_root


def key_of(program: Program) -> str:
    return program.key("amd64")


def test_digest_tells_parts_apart() -> None:
    assert digest("a", "b") == digest("a", "b")
    assert len({digest("a", "b"), digest("ab"), digest("b", "a"), digest(b"a", "b"), digest(["a"], "b")}) == 5


def test_digest_tree_sees_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    first = digest_tree(tmp_path)
    (tmp_path / "a").write_text("2")
    second = digest_tree(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    assert len({first, second, digest_tree(tmp_path)}) == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"variables": ("x.Version=2",)},
        {"tags": ("no_zfs",)},
        {"package": "example.org/other"},
        {"stand_in": ("ui/index.html", "")},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_program_key_changes_with_the_recipe(changed: dict[str, object]) -> None:
    etcd = PROGRAMS["etcd"]
    assert key_of(replace(etcd, **changed)) != key_of(etcd)  # type: ignore[arg-type]  # one known field each


def test_program_key_ignores_the_estimate_of_room() -> None:
    etcd = PROGRAMS["etcd"]
    assert key_of(replace(etcd, cold_mib=1)) == key_of(etcd)


def test_program_key_changes_with_a_pin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_of(PROGRAMS["etcd"])
    image_before = image_key(WORKLOAD_IMAGES[0], architecture="amd64", rootfs_key="")
    for name in ("etcd", "operator"):
        (tmp_path / name).mkdir()
        for path in PROGRAMS[name].folder.iterdir():
            (tmp_path / name / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(programs, "MODULES", tmp_path)
    assert key_of(PROGRAMS["etcd"]) == before
    for name in ("etcd", "operator"):
        with (tmp_path / name / "go.mod").open("a") as go_mod:
            go_mod.write("// another version\n")
    assert key_of(PROGRAMS["etcd"]) != before
    assert image_key(WORKLOAD_IMAGES[0], architecture="amd64", rootfs_key="") != image_before


def test_complete_gives_the_name_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "thing"
    with complete(target) as partial:
        partial.write_text("done")
        assert not target.exists()
    assert target.read_text() == "done"
    assert list(target.parent.iterdir()) == [target]


def test_a_stopped_build_leaves_nothing_that_counts_and_is_cleared_by_the_next(tmp_path: Path) -> None:
    target = tmp_path / "thing"

    def stopped() -> None:
        with complete(target) as partial:
            partial.mkdir()
            (partial / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert not target.exists()
    with complete(target) as partial:
        assert not partial.exists()
        partial.mkdir()
    assert list(target.iterdir()) == []


def test_remove_tree_takes_the_link_and_not_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    remove_tree(tmp_path / "link")
    remove_tree(tmp_path / "never was")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_mounts_below_finds_what_debootstrap_left_deepest_first() -> None:
    mountinfo = (
        "22 1 0:20 / / rw - ext4 /dev/vda rw\n"
        "30 22 0:21 / /lab/work/root/proc rw - proc proc rw\n"
        "31 30 0:22 / /lab/work/root/proc/sys\\040fs rw - x x rw\n"
        "32 22 0:23 / /lab/work/rootless rw - tmpfs tmpfs rw\n"
    )
    assert mounts_below(Path("/lab/work/root"), mountinfo) == ["/lab/work/root/proc/sys fs", "/lab/work/root/proc"]


def test_bin_holds_links_to_the_programs_of_the_pins_only(tmp_path: Path) -> None:
    lab = Lab(root=tmp_path)
    lab.make()
    (lab.bin / "gone").symlink_to("/nowhere")
    built = program_path(lab, PROGRAMS["kind"], "amd64")
    built.parent.mkdir(parents=True)
    built.touch()
    link_programs(lab, "amd64")
    link_programs(lab, "amd64")
    assert {path.name: path.readlink() for path in lab.bin.iterdir()} == {"kind": built}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"PROMFLEET_LAB": "/a/b", "XDG_CACHE_HOME": "/c"}, "/a/b"),
        ({"XDG_CACHE_HOME": "/c"}, "/c/promfleet-lab"),
        ({}, str(Path.home() / ".cache" / "promfleet-lab")),
    ],
)
def test_where_the_lab_lies(environment: dict[str, str], expected: str) -> None:
    assert str(lab_root(environment)) == expected


def hold(folder: str, ready: multiprocessing.synchronize.Event, release: multiprocessing.synchronize.Event) -> None:
    with locked(Path(folder), "build", purpose="building", say=print):
        ready.set()
        release.wait(20)


def test_a_second_process_says_for_whom_it_waits(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready, release = context.Event(), context.Event()
    holder = context.Process(target=hold, args=(str(tmp_path), ready, release))
    holder.start()
    assert ready.wait(20)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        release.set()

    with locked(tmp_path, "build", purpose="up", say=say):
        assert (tmp_path / "build.lock").read_text() == f"process {os.getpid()} (up)"
    holder.join(20)
    assert said == [f"waiting for process {holder.pid} (building)"]
