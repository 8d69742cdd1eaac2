"""Builds the tool environments: `.venv` (oldest supported ansible-core) and `.venv-new` (the newest one possible here).

Needs the standard library only. Each environment gets its pinned packages (`requirements/`), and below
`collections/ansible_collections` kubernetes.core, awx.awx and a link to this checkout as promfleet.monitoring. Running
it again does nothing unless a pin, the Python or this file has changed.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TOOLS = Path(__file__).resolve().parent
CHECKOUT = TOOLS.parents[1]
REQUIREMENTS = TOOLS / "requirements"
OLDEST = (3, 11)
# ansible-core says on which Pythons a controller runs: 2.19 on 3.11 to 3.13, 2.21 on 3.12 to 3.14.
NEWEST = (3, 14)
STAMP = ".promfleet-stamp"
# The second one checks the fake AWX of the tests; 14.x has it no more.
COLLECTIONS = ("kubernetes/core", "awx/awx")
STARTED = time.monotonic()


@dataclass(frozen=True)
class Python:
    """An interpreter that was seen running and can create environments."""

    path: Path
    version: tuple[int, int, int]

    def __str__(self) -> str:
        return ".".join(map(str, self.version))


@dataclass(frozen=True)
class Environment:
    """One environment: where it is and what goes into it."""

    folder: Path
    packages: tuple[Path, ...]
    collections: Path

    def digest(self, *, python: Python) -> str:
        """What the stamp must hold for the environment to be up to date."""
        digest = hashlib.sha256(f"{python.path} {python}\n".encode())
        for file in (*self.packages, self.collections, Path(__file__)):
            digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
        return digest.hexdigest()


MAIN = Environment(
    folder=CHECKOUT / ".venv",
    packages=(REQUIREMENTS / "core-main.txt", REQUIREMENTS / "runtime.txt", REQUIREMENTS / "tools.txt"),
    collections=REQUIREMENTS / "collections-main.txt",
)
NEW = Environment(
    folder=CHECKOUT / ".venv-new",
    packages=(REQUIREMENTS / "core-newest.txt", REQUIREMENTS / "runtime.txt"),
    collections=REQUIREMENTS / "collections-newest.txt",
)


def say(text: str) -> None:
    """One line of progress."""
    print(f"[{time.monotonic() - STARTED:4.0f}s] {text}", flush=True)


def candidate_interpreters() -> Iterator[Path]:
    """Everything that may be a Python: names on PATH, and the versions of pyenv and uv that PATH does not show."""
    names = ("python3", *(f"python3.{minor}" for minor in range(OLDEST[1], NEWEST[1] + 1)))
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    home = Path.home()
    roots = [Path(os.environ.get("PYENV_ROOT") or home / ".pyenv")]
    # HOME may be another one than that of the person who installed pyenv; its shims on PATH still tell where it is.
    roots += [folder.parent for folder in folders if folder.name == "shims"]
    folders += [folder for root in roots for folder in sorted(root.glob("versions/*/bin"))]
    folders += sorted((home / ".local/share/uv/python").glob("*/bin"))
    for folder in folders:
        yield from (folder / name for name in names)


def probe(path: Path) -> Python | None:
    """The interpreter behind `path` if it runs and has venv and pip to give."""
    code = "import ensurepip, sys, venv; print(sys.base_prefix, sys.executable, *sys.version_info[:3], sep='\\n')"
    try:
        answer = subprocess.run([path, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    prefix, executable, *version = answer.stdout.splitlines()
    major, minor, micro = (int(part) for part in version)
    # From inside another environment the interpreter that it was made of is meant, which will be there tomorrow too.
    own = Path(prefix) / "bin" / f"python{major}.{minor}"
    return Python(path=own if own.exists() else Path(executable), version=(major, minor, micro))


def find_pythons() -> list[Python]:
    """All usable interpreters, oldest first; of each minor version the one that PATH names first."""
    found: dict[tuple[int, int], Python] = {}
    for path in candidate_interpreters():
        if path.exists() and (python := probe(path)) and OLDEST <= python.version[:2] <= NEWEST:
            found.setdefault(python.version[:2], python)
    return sorted(found.values(), key=lambda python: python.version)


def core_version(*, requirements: Path, python: Python) -> str:
    """The ansible-core that a requirements file of ours selects for `python`; knows just the markers used there."""
    line_pattern = re.compile(r'ansible-core==(?P<core>\S+); python_version (?P<op><|>=) "3\.(?P<minor>\d+)"')
    for match in line_pattern.finditer(requirements.read_text()):
        older = python.version[:2] < (3, int(match["minor"]))
        if older == (match["op"] == "<"):
            return match["core"]
    raise SystemExit(f"{requirements}: no ansible-core for Python {python}")


def run_pip(environment: Environment, *arguments: str | Path) -> None:
    """Runs pip, shows what it is at, and all it said when it fails."""
    command = [environment.folder / "bin/python", "-m", "pip", *arguments, "--progress-bar", "off"]
    lines: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            # What we pin ourselves is enough to see that it moves; pip names a hundred more.
            if match := re.match(r"(Collecting \S+==|Building wheel for )\S+", line):
                say(f"{environment.folder.name}: {match[0].lower()}")
            elif line.startswith("Installing collected packages"):
                say(f"{environment.folder.name}: installing {line.count(',') + 1} packages")
    if process.returncode:
        sys.stderr.writelines(lines[-40:])
        raise SystemExit(f"pip failed for {environment.folder.name} (above are its last lines)")


def install_collections(environment: Environment) -> None:
    """Puts kubernetes.core, awx.awx where the wheel has it, and a link to the checkout below the environment."""
    tree = environment.folder / "collections/ansible_collections"
    with tempfile.TemporaryDirectory() as folder:
        run_pip(environment, "download", "--no-deps", "--dest", folder, "--requirement", environment.collections)
        (wheel,) = Path(folder).glob("ansible-*.whl")
        for name in COLLECTIONS:
            shutil.rmtree(tree / name, ignore_errors=True)
        with zipfile.ZipFile(wheel) as archive:
            prefixes = tuple(f"ansible_collections/{name}/" for name in COLLECTIONS)
            archive.extractall(tree.parent, members=[name for name in archive.namelist() if name.startswith(prefixes)])
    link = tree / "promfleet/monitoring"
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    # Relative, so that the checkout may be moved or mounted elsewhere.
    link.symlink_to(os.path.relpath(CHECKOUT, link.parent))


def create(environment: Environment, *, python: Python) -> None:
    """Brings one environment up to date."""
    stamp = environment.folder / STAMP
    digest = environment.digest(python=python)
    if stamp.exists() and stamp.read_text() == digest:
        say(f"{environment.folder.name} is up to date (Python {python})")
        return
    same_python = (existing := probe(environment.folder / "bin/python")) and existing.version == python.version
    if not same_python:
        say(f"{environment.folder.name}: Python {python} ({python.path})")
        subprocess.run([python.path, "-m", "venv", "--clear", environment.folder], check=True)
    stamp.unlink(missing_ok=True)
    requirements = [argument for file in environment.packages for argument in ("--requirement", str(file))]
    run_pip(environment, "install", *requirements)
    install_collections(environment)
    stamp.write_text(digest)
    say(f"{environment.folder.name} is ready")


def main(arguments: Sequence[str]) -> None:
    """Builds both environments, or only the main one with --main."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--main", action="store_true", help="build only .venv")
    options = parser.parse_args(arguments)
    pythons = find_pythons()
    if not pythons:
        raise SystemExit(
            "No Python 3.11 to 3.14 with venv and ensurepip was found. On Debian: apt-get install python3-venv"
        )
    oldest, newest = pythons[0], pythons[-1]
    # Two makes at once would write into each other's environment; the second one waits and then finds it done.
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        create(MAIN, python=oldest)
        if options.main:
            return
        main_core = core_version(requirements=REQUIREMENTS / "core-main.txt", python=oldest)
        newest_core = core_version(requirements=REQUIREMENTS / "core-newest.txt", python=newest)
        if newest_core == main_core:
            shutil.rmtree(NEW.folder, ignore_errors=True)
            say(f"{NEW.folder.name} is left out: Python {newest} allows no ansible-core newer than {main_core}")
            return
        create(NEW, python=newest)


if __name__ == "__main__":
    main(sys.argv[1:])
