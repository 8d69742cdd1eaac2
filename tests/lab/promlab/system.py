"""Programs that the lab needs from the system: installed with apt as root on Debian, else named one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from promlab.errors import LabError
from promlab.machine import Machine
from promlab.progress import Progress
from promlab.settings import Lab
from promlab.shell import capture, find_program, logged


def engine_requirements(machine: Machine) -> tuple[Requirement, ...]:
    """What Podman needs to run nodes."""
    needed = [
        Requirement(program="podman"),
        Requirement(program="netavark"),
        Requirement(program="aardvark-dns"),
        Requirement(program="iptables"),
    ]
    if not machine.cgroup_v2:
        needed.append(Requirement(program="runc"))
    return tuple(needed)


def build_requirements() -> tuple[Requirement, ...]:
    """What building a node image needs."""
    return (
        Requirement(program="debootstrap"),
        Requirement(program="chroot", package="coreutils"),
        Requirement(program="tar"),
        Requirement(program="umount", package="mount"),
    )


def missing(requirements: Iterable[Requirement], find: Callable[[str], str | None] = find_program) -> list[Requirement]:
    """Those that are not there."""
    return [requirement for requirement in requirements if find(requirement.program) is None]


def missing_message(absent: Iterable[Requirement]) -> str:
    """Each missing program with the line that mends it."""
    lines = [f"  {item.program}: sudo apt-get install {item.apt_name}" for item in absent]
    return "The lab needs programs that are not on this machine:\n" + "\n".join(lines)


def ensure(requirements: Iterable[Requirement], *, machine: Machine, lab: Lab, progress: Progress) -> None:
    """Install what is missing, or say what it is."""
    absent = missing(requirements)
    if not absent:
        return
    if not (machine.root and machine.debian):
        raise LabError(missing_message(absent))
    packages = sorted({item.apt_name for item in absent})
    log = lab.logs / "apt.log"
    with progress.step(f"installing {', '.join(packages)} with apt"):
        # An update that fails may have left lists that are good enough: the installation decides.
        capture(["apt-get", "update", "-qq"])
        logged(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
            log=log,
            env={"DEBIAN_FRONTEND": "noninteractive"},
        )
    if still := missing(absent):
        raise LabError(f"{missing_message(still)}\n(apt installed the packages without bringing these; log {log})")


@dataclass(frozen=True, kw_only=True)
class Requirement:
    """A program and the Debian package that brings it."""

    program: str
    package: str = ""

    @property
    def apt_name(self) -> str:
        """The package's name."""
        return self.package or self.program
