"""Running other programs: their output goes to a log, and a failure shows the end of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from promlab.errors import LabError

TAIL_LINES = 25
# Where distributions keep programs that are not on every user's PATH.
EXTRA_PATH = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/lib/podman", "/usr/libexec/podman")


def find_program(name: str) -> str | None:
    """The path of a program, also in the folders for system programs."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *EXTRA_PATH]))


def tail(text: str, lines: int = TAIL_LINES) -> str:
    """The last lines of a text, indented."""
    return "\n".join(f"    {line}" for line in text.rstrip().splitlines()[-lines:])


def capture(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run and return whatever came out, also after a failure; a missing program counts as a failure."""
    words = [str(word) for word in argv]
    try:
        return subprocess.run(
            words,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            timeout=timeout,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(words, 127, "", f"{words[0]}: not found")
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(words, 124, "", f"{words[0]}: no answer within {timeout:g} s")


def output(argv: Sequence[str | Path], *, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
    """Run and return the standard output; raise LabError with the end of what it wrote."""
    done = capture(argv, env=env, cwd=cwd)
    if done.returncode != 0:
        shown = " ".join(done.args)
        raise LabError(f"`{shown}` failed ({done.returncode}):\n{tail(done.stdout + done.stderr)}")
    return done.stdout


def logged(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: IO[bytes] | None = None,
) -> None:
    """Run with all output appended to `log`; raise LabError with its last lines."""
    words = [str(word) for word in argv]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        sink.write(f"\n$ {' '.join(words)}\n".encode())
        sink.flush()
        start = sink.tell()
        done = subprocess.run(
            words,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            stdin=stdin or subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        with log.open("rb") as source:
            source.seek(start)
            written = source.read().decode(errors="replace")
        raise LabError(f"`{' '.join(words)}` failed ({done.returncode}), log {log}:\n{tail(written)}")


def wait_until(
    question: Callable[[], bool],
    *,
    timeout: float,
    interval: float = 0.2,
) -> bool:
    """Ask until the answer is yes (True) or the time is over (False)."""
    end = time.monotonic() + timeout
    while not question():
        if time.monotonic() >= end:
            return False
        time.sleep(interval)
    return True
