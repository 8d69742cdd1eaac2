"""A module tells how far it is in one line of a file; who does not look costs nothing."""

from __future__ import annotations

import itertools
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import (
    SECONDS_BETWEEN_COUNTS,
    SILENT,
    WIDTH,
    Progress,
    describe,
    read_line,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "progress"
    path.touch(mode=0o600)
    return path


def always_later() -> t.Callable[[], float]:
    """A clock on which every look is late enough for the next line."""
    return itertools.count(step=SECONDS_BETWEEN_COUNTS).__next__


@pytest.mark.parametrize(
    ("text", "done", "total", "line"),
    [
        ("connecting", 0, 0, "connecting"),
        ("applying", 3400, 12000, "applying 3,400 of 12,000 objects (28 %)"),
        ("applying", 12000, 12000, "applying 12,000 of 12,000 objects (100 %)"),
        ("applying", 11999, 12000, "applying 11,999 of 12,000 objects (99 %)"),
        ("waiting: the server said\n  no", 0, 0, "waiting: the server said no"),
    ],
)
def test_the_line_is_for_people(text: str, done: int, total: int, line: str) -> None:
    assert describe(text, done=done, total=total, unit="objects") == line


def test_a_step_is_told_at_once(file: Path) -> None:
    progress = Progress(path=str(file), clock=lambda: 0.0)
    progress.step("listing", total=11, unit="kinds")
    assert read_line(str(file)) == "listing 0 of 11 kinds (0 %)"
    progress.step("waiting")
    assert read_line(str(file)) == "waiting"


def test_counting_is_told_now_and_then(file: Path) -> None:
    now = 0.0
    progress = Progress(path=str(file), clock=lambda: now)
    progress.step("applying", total=4)
    progress.advance()
    assert read_line(str(file)) == "applying 0 of 4 objects (0 %)"
    now = SECONDS_BETWEEN_COUNTS
    progress.advance()
    assert read_line(str(file)) == "applying 2 of 4 objects (50 %)"


def test_what_fails_is_counted_too(file: Path) -> None:
    progress = Progress(path=str(file), clock=always_later())
    progress.step("applying", total=1)

    def refuse(_item: int) -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        progress.counting(refuse)(1)
    assert read_line(str(file)) == "applying 1 of 1 objects (100 %)"


def test_threads_lose_no_count(file: Path) -> None:
    progress = Progress(path=str(file), clock=always_later())
    progress.step("applying", total=2000)
    together = threading.Barrier(8)

    def work(number: int) -> int:
        if number < 8:
            together.wait()
        return number

    with ThreadPoolExecutor(max_workers=8) as pool:
        assert list(pool.map(progress.counting(work), range(2000))) == list(range(2000))
    assert read_line(str(file)) == "applying 2,000 of 2,000 objects (100 %)"


def test_a_shorter_line_leaves_nothing_of_a_longer_one(file: Path) -> None:
    progress = Progress(path=str(file))
    progress.step("waiting for " + "é" * WIDTH)
    assert file.stat().st_size == WIDTH
    assert read_line(str(file)).startswith("waiting for éé")
    progress.step("done")
    assert read_line(str(file)) == "done"


@pytest.mark.parametrize("make", ["absent", "folder", "link"])
def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path, make: str) -> None:
    path = tmp_path / "progress"
    target = tmp_path / "target"
    if make == "folder":
        path.mkdir()
    if make == "link":
        target.touch()
        path.symlink_to(target)
    progress = Progress(path=str(path))
    progress.step("applying", total=1)
    assert progress.counting(str)(1) == "1"
    assert not target.exists() or not target.read_text()


def test_nobody_has_to_watch() -> None:
    SILENT.step("applying", total=1)
    assert SILENT.counting(str)(1) == "1"
