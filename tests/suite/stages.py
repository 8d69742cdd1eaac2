"""Runs the programs of a stage and shows what they say while they say it."""

from __future__ import annotations

import os
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
MAIN = CHECKOUT / ".venv"
NEW = CHECKOUT / ".venv-new"


def environment(venv: Path, **extra: str) -> dict[str, str]:
    """The variables with which programs of `venv` find each other and the collections."""
    path = os.pathsep.join([str(venv / "bin"), os.environ.get("PATH", os.defpath)])
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTEST_"))}
    return {
        **inherited,
        "PATH": path,
        "VIRTUAL_ENV": str(venv),
        "ANSIBLE_COLLECTIONS_PATH": str(venv / "collections"),
        # Colours and pagers are for people; a run that is recorded needs neither.
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
        **extra,
    }


def run(
    command: Sequence[str],
    *,
    capfd: pytest.CaptureFixture[str],
    env: Mapping[str, str],
    cwd: Path = CHECKOUT,
) -> str:
    """Runs `command` past pytest's capture, so that a stage of many minutes is seen to move; fails the test with it.

    Returns what the command said.
    """
    # A worker's stdout is no terminal; and its lines stand between those of other workers.
    worker = "PYTEST_XDIST_WORKER" in os.environ
    stream, prefix = (sys.__stderr__, f"{_running_test()} | ") if worker else (sys.__stdout__, "")
    shown = " ".join(shlex.quote(word) for word in command)
    started, cpu = time.monotonic(), _cpu_seconds()
    said: list[str] = []
    with capfd.disabled():
        print(f"\n{prefix}$ {shown}", file=stream, flush=True)
        with subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line)
                print(f"{prefix}{line}", end="", file=stream, flush=True)
        # The second figure is the same however busy the machine is.
        took = f"{time.monotonic() - started:5.0f}s, {_cpu_seconds() - cpu:.0f}s of CPU"
        print(f"{prefix}[{took}] exit {process.returncode}", file=stream, flush=True)
    if process.returncode:
        pytest.fail(f"exit {process.returncode}: {shown} (its output is above)", pytrace=False)
    return "".join(said)


def _cpu_seconds() -> float:
    """What all programs took that we waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _running_test() -> str:
    """The parameter of the test that runs now, or its name: `site`, `mypy-tests`."""
    name = os.environ["PYTEST_CURRENT_TEST"].rpartition("::")[2].partition(" ")[0].partition("@")[0]
    return name.partition("[")[2].rstrip("]") or name


def tracked_files() -> list[Path]:
    """Every file of the project: what git has or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    # A file that was deleted but not yet committed is still listed.
    return sorted({CHECKOUT / name for name in listed.split("\0") if name and (CHECKOUT / name).is_file()})


def python_scripts() -> list[Path]:
    """Programs in Python whose name does not say so; linters have to be told of them."""
    scripts = []
    for path in tracked_files():
        if not path.suffix and os.access(path, os.X_OK):
            with path.open("rb") as file:
                first = file.readline()
            if first.startswith(b"#!") and b"python" in first:
                scripts.append(path)
    return scripts


def other_environment() -> Path | None:
    """The environment with the newest ansible-core, if this machine allows one that differs from the main one."""
    return NEW if (NEW / ".promfleet-stamp").exists() else None


def python_of(venv: Path) -> str:
    """The minor version of the Python in `venv`, as ansible-test wants it."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    return subprocess.run([venv / "bin/python", "-c", code], capture_output=True, text=True, check=True).stdout.strip()
