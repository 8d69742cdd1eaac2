"""Running a command as a whole process: how long it took, and how much memory which of its processes had at most."""

from __future__ import annotations

import contextlib
import re
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SAMPLE_SECONDS = 0.02


class Failed(Exception):
    """A measured command did not do what it was to do."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One or several runs of one command."""

    seconds: tuple[float, ...]
    peak_mib: Mapping[str, float]
    output: str

    @property
    def median(self) -> float:
        """Wall-clock seconds."""
        return statistics.median(self.seconds)


def _descendants(root: int) -> list[int]:
    """The processes below *root*, itself included."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                stat = (entry / "stat").read_text()
                children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


def _peak_mib(pid: int) -> float:
    """The largest resident memory that the process had so far (VmHWM)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    match = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(match[1]) / 1024 if match else 0.0


class _Watch:
    """Looks at a process and all below it while it runs."""

    def __init__(self, pid: int) -> None:
        self._peaks: dict[int, float] = {}
        self._pid = pid
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._end.wait(SAMPLE_SECONDS):
            for pid in _descendants(self._pid):
                self._peaks[pid] = max(_peak_mib(pid), self._peaks.get(pid, 0.0))

    def stop(self) -> dict[str, float]:
        """MiB of the first process, and of the largest below it: they run tasks and modules."""
        self._end.set()
        self._thread.join()
        own = self._peaks.pop(self._pid, 0.0)
        return {"ansible": own, "module": max(self._peaks.values(), default=0.0)}


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path,
    times: int = 1,
    memory: bool = False,
    before: Callable[[], None] | None = None,
    expect: str = "",
) -> Measured:
    """Run the command *times* times, one after the other; raises Failed with its output where it fails.

    *before* is called before each run and is not measured; *expect* is a pattern that the output must have. With
    *memory* a thread looks at the processes, which costs time: such a run is no measure of speed.
    """
    seconds = []
    peaks: dict[str, float] = {}
    text = ""
    for _run in range(times):
        if before:
            before()
        with tempfile.TemporaryFile("w+") as sink:
            started = time.perf_counter()
            process = subprocess.Popen(
                [str(word) for word in argv], env=dict(env), cwd=cwd, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
            )
            watch = _Watch(process.pid) if memory else None
            status = process.wait()
            seconds.append(time.perf_counter() - started)
            found = watch.stop() if watch else {}
            sink.seek(0)
            text = sink.read()
        peaks = {name: max(found.get(name, 0.0), peaks.get(name, 0.0)) for name in {*found, *peaks}}
        if status != 0 or not re.search(expect, text):
            raise Failed(f"{' '.join(map(str, argv))}: exit {status}, expected {expect!r}\n{text[-3000:]}")
    return Measured(seconds=tuple(seconds), peak_mib=peaks, output=text)
