"""Building one Go program into the store."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from promlab.cache import complete, remove_tree
from promlab.errors import LabError
from promlab.programs import PROGRAMS, Program
from promlab.settings import Lab
from promlab.shell import capture, logged, tail
from promlab.toolchain import Go


def program_path(lab: Lab, program: Program, architecture: str) -> Path:
    """Where the program of the current pins lies, built or not."""
    return lab.store / "programs" / program.name / program.key(architecture)


def module_folder(go: Go, *, folder: Path, module: str) -> Path:
    """The sources of a module that the go.mod in `folder` requires, fetched where needed and checked by its go.sum."""
    done = capture([go.program, "mod", "download", "-json", module], env=go.environment, cwd=folder)
    if done.returncode != 0:
        raise LabError(f"`go mod download {module}` failed in {folder}:\n{tail(done.stdout + done.stderr)}")
    return Path(str(json.loads(done.stdout)["Dir"]))


def _with_stand_in(program: Program, *, lab: Lab, go: Go, stand_in: tuple[str, str]) -> Path:
    """A copy of the wrapper module that uses a copy of the sources with the missing file added.

    A build overlay would be simpler, but it may not reach into the module cache.
    """
    work = lab.work / f"module-{program.name}"
    remove_tree(work)
    shutil.copytree(program.folder, work / "wrapper")
    module = program.package.partition("/cmd/")[0]
    path, content = stand_in
    sources = work / "sources"
    shutil.copytree(module_folder(go, folder=program.folder, module=module), sources, copy_function=shutil.copyfile)
    for folder in [sources, *(path for path in sources.rglob("*") if path.is_dir())]:
        folder.chmod(0o755)  # folders of the module cache are read-only, and copytree copies that
    (sources / path).parent.mkdir(parents=True, exist_ok=True)
    (sources / path).write_text(content)
    replace = [go.program, "mod", "edit", f"-replace={module}={sources}"]
    logged(replace, log=lab.logs / f"build-{program.name}.log", env=go.environment, cwd=work / "wrapper")
    return work / "wrapper"


def build_program(program: Program, *, lab: Lab, go: Go) -> Path:
    """Build the program into the store and return its path."""
    target = program_path(lab, program, go.architecture)
    folder = program.folder
    if program.stand_in:
        folder = _with_stand_in(program, lab=lab, go=go, stand_in=program.stand_in)
    with complete(target) as partial:
        logged(
            [go.program, "build", *program.arguments(), "-o", partial, program.package],
            log=lab.logs / f"build-{program.name}.log",
            env=go.environment,
            cwd=folder,
        )
    if program.stand_in:
        remove_tree(folder.parent)
    return target


def link_programs(lab: Lab, architecture: str) -> None:
    """Let the bin folder hold a link to each program that is there, and nothing else."""
    wanted = {
        name: path for name, program in PROGRAMS.items() if (path := program_path(lab, program, architecture)).exists()
    }
    for old in lab.bin.iterdir():
        if old.name not in wanted:
            old.unlink()
    for name, path in wanted.items():
        link = lab.bin / name
        if not (link.is_symlink() and link.readlink() == path):
            with complete(link) as partial:
                partial.symlink_to(path)
