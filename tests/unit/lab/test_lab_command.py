"""The command line, what it prints, and the texts that the node is made from."""

from __future__ import annotations

import io
import sys
from pathlib import Path, PurePosixPath

import pytest

from promlab.archive import File, Link
from promlab.cli import main, parser
from promlab.errors import LabError
from promlab.nodeimage import ENTRYPOINT_BLOCKS, NODE_FILES, insert_blocks
from promlab.progress import Progress, took
from promlab.rootfs import find_mirror, parse_libraries, resolve_inside
from promlab.session import environment_lines, table
from promlab.settings import Lab
from promlab.shell import capture, logged, output, wait_until
from promlab.toolchain import new_enough, version_tuple


def test_several_clusters_at_once() -> None:
    assert parser().parse_args(["up", "hub", "edge"]).names == ["hub", "edge"]
    assert parser().parse_args(["down"]).names == []
    loading = parser().parse_args(["load", "hub", "edge", "--archive", "a.tar", "--image", "x:1", "--image", "y:1"])
    assert (loading.names, loading.archive, loading.image) == (["hub", "edge"], [Path("a.tar")], ["x:1", "y:1"])


@pytest.mark.parametrize("words", [[], ["up"], ["nonsense"]])
def test_a_wrong_command_line_ends_with_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parser().parse_args(words)
    assert "usage: lab" in capsys.readouterr().err


def test_env_prints_what_a_shell_can_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PROMFLEET_LAB", str(tmp_path / "my lab"))
    assert main(["env"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"export KUBECONFIG='{tmp_path}/my lab/kubeconfig'",
        f"export PATH='{tmp_path}/my lab/bin':$PATH",
    ]
    assert environment_lines(Lab(root=Path("/x")))[0] == "export KUBECONFIG=/x/kubeconfig"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["up", "Hub"], "'Hub' is no name of a cluster"),
        (["load", "hub"], "Nothing to load"),
        (["load", "hub", "--archive", "/no/such.tar"], "No such file: /no/such.tar"),
    ],
)
def test_mistakes_end_with_1_and_one_message(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PROMFLEET_LAB", str(tmp_path))
    assert main(words) == 1
    assert capsys.readouterr().err.startswith(f"lab: {message}")


def test_status_table() -> None:
    rows: list[dict[str, object]] = [{"cluster": "hub", "state": "ready"}, {"cluster": "edge-1", "state": "absent"}]
    assert table(rows).splitlines() == ["cluster  state", "hub      ready", "edge-1   absent"]
    assert table([]) == ""


def test_one_line_for_each_step() -> None:
    out = io.StringIO()
    progress = Progress(out=out)
    progress.expect(14)
    with progress.step("building prometheus"):
        pass
    with pytest.raises(LabError), progress.step("building etcd"):
        raise LabError("no")
    with progress.phase("hub", "removing it", why="broken"):
        pass
    assert out.getvalue().splitlines() == [
        "[ 1/14] building prometheus ... 0.0 s",
        "[ 2/14] building etcd ... failed",
        "hub: removing it (broken)",
        "hub: removing it ... 0.0 s",
    ]


@pytest.mark.parametrize(("seconds", "text"), [(0.04, "0.0 s"), (183.2, "183 s"), (769, "12 min 49 s")])
def test_durations(seconds: float, text: str) -> None:
    assert took(seconds) == text


@pytest.mark.parametrize(
    ("version", "expected"),
    [("go1.26.6", True), ("go1.27.0\n", True), ("go1.26.5", False), ("go1.9", False), ("devel", False)],
)
def test_a_go_that_is_new_enough(version: str, *, expected: bool) -> None:
    assert new_enough(version) is expected
    assert version_tuple("go1.26rc1") == (1, 26)


def test_a_failure_shows_the_end_of_the_output_and_the_log(tmp_path: Path) -> None:
    script = "print('first'); print('the reason'); raise SystemExit(3)"
    with pytest.raises(LabError, match=r"failed \(3\), log .*x\.log:\n(.*\n)*    the reason"):
        logged([sys.executable, "-c", script], log=tmp_path / "logs" / "x.log")
    with pytest.raises(LabError, match="the reason"):
        output([sys.executable, "-c", script])


def test_a_missing_program_and_a_silent_one_are_failures() -> None:
    assert capture(["/no/such/program"]).returncode == 127
    assert capture([sys.executable, "-c", "input()"], timeout=10).returncode == 1
    assert capture(["sleep", "20"], timeout=0.01).returncode == 124


def test_waiting_ends_with_an_answer_or_with_the_time() -> None:
    answers = iter([False, False, True])
    assert wait_until(lambda: next(answers), timeout=5, interval=0)
    assert not wait_until(lambda: False, timeout=0)


def test_blocks_go_before_their_anchors_and_a_changed_entrypoint_is_noticed() -> None:
    blocks = {anchor: (NODE_FILES / name).read_text() for name, anchor in ENTRYPOINT_BLOCKS.items()}
    entrypoint = "a\n" + "b\n".join(ENTRYPOINT_BLOCKS.values())
    changed = insert_blocks(entrypoint, blocks)
    for anchor, block in blocks.items():
        assert changed.count(block + anchor) == 1
    with pytest.raises(LabError, match="entrypoint changed"):
        insert_blocks("a\n", blocks)


@pytest.mark.parametrize(
    ("text", "mirror"),
    [
        ("Types: deb\nURIs: http://mirror.test/debian\n", "http://mirror.test/debian"),
        ("deb [signed-by=/x] https://mirror.test/debian bookworm main\n", "https://mirror.test/debian"),
        ("deb http://mirror.test/debian-security bookworm main\n", None),
        ("deb http://mirror.test/ubuntu jammy main\n", None),
        ("# nothing\n", None),
    ],
)
def test_mirror_of_this_machine(text: str, mirror: str | None) -> None:
    assert find_mirror([text]) == mirror


def test_libraries_from_what_ldd_prints() -> None:
    text = "\tlinux-vdso.so.1 (0x0001)\n\tlibc.so.6 => /lib/x/libc.so.6 (0x0002)\n\t/lib64/ld.so (0x0003)\n"
    assert parse_libraries(text) == ["/lib/x/libc.so.6", "/lib64/ld.so"]


def test_a_library_comes_with_the_links_that_lead_to_it(tmp_path: Path) -> None:
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    (tmp_path / "usr/lib/libc.so.6.1").write_text("x")
    (tmp_path / "usr/lib/libc.so.6").symlink_to("libc.so.6.1")
    assert resolve_inside(tmp_path, PurePosixPath("/lib/libc.so.6")) == {
        "/lib/libc.so.6": Link(target="/usr/lib/libc.so.6"),
        "/usr/lib/libc.so.6": Link(target="/usr/lib/libc.so.6.1"),
        "/usr/lib/libc.so.6.1": File(source=tmp_path / "usr/lib/libc.so.6.1", mode=0o644),
    }
