"""The Debian system below a node, made by debootstrap and kept as a folder in the store."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from promlab import pins
from promlab.archive import Entry, File, Link
from promlab.cache import complete, digest
from promlab.errors import LabError
from promlab.settings import Lab
from promlab.shell import capture, logged

PACKAGES = [
    "systemd",
    "systemd-sysv",
    "dbus",
    "ca-certificates",
    "iproute2",
    "iptables",
    "nftables",
    "ipset",
    "conntrack",
    "ethtool",
    "kmod",
    "procps",
    "jq",
    "socat",
    "curl",
    "runc",
    "containernetworking-plugins",
    "libseccomp2",
    "util-linux",
    "mount",
    "findutils",
    "e2fsprogs",
]
SOURCES = (Path("/etc/apt/sources.list"), Path("/etc/apt/sources.list.d"))


def rootfs_key(architecture: str) -> str:
    """A digest of what decides what is in it, but for Debian's updates."""
    return digest("rootfs", 1, pins.DEBIAN, PACKAGES, architecture)


def rootfs_path(lab: Lab, architecture: str) -> Path:
    """Where it lies, made or not."""
    return lab.store / "rootfs" / rootfs_key(architecture)


def find_mirror(texts: Iterable[str]) -> str | None:
    """The first Debian mirror in the texts of apt's source files, of both formats; debootstrap knows one otherwise."""
    for text in texts:
        for line in text.splitlines():
            found = re.match(r"(?:URIs:\s*|deb\s+(?:\[[^]]*\]\s+)?)(https?://\S+)", line.strip())
            # Not the mirror of security updates: it holds no whole system.
            if found and "debian" in found[1] and "security" not in found[1]:
                return found[1]
    return None


def machine_mirror() -> str | None:
    """The Debian mirror that this machine uses, if it is a Debian."""
    files = [SOURCES[0], *sorted(SOURCES[1].glob("*.sources")), *sorted(SOURCES[1].glob("*.list"))]
    return find_mirror(path.read_text() for path in files if path.is_file())


def build_rootfs(lab: Lab, architecture: str) -> Path:
    """Run debootstrap into the store."""
    target = rootfs_path(lab, architecture)
    with complete(target) as partial:
        debootstrap(partial, PACKAGES, log=lab.logs / "debootstrap.log")
    return target


def debootstrap(folder: Path, packages: Iterable[str], *, log: Path) -> None:
    """Make a small Debian with *packages* in a folder that is not there yet."""
    mirror = os.environ.get("PROMFLEET_LAB_DEBIAN_MIRROR") or machine_mirror()
    logged(
        [
            "debootstrap",
            "--variant=minbase",
            f"--include={','.join(packages)}",
            pins.DEBIAN,
            folder,
            *([mirror] if mirror else []),
        ],
        log=log,
        env={"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
    )


def parse_libraries(ldd_output: str) -> list[str]:
    """The absolute paths in what ldd prints."""
    return re.findall(r"(/\S+) \(0x", ldd_output)


def resolve_inside(rootfs: Path, path: PurePosixPath) -> dict[str, Entry]:
    """What to copy for one absolute path inside a root file system: the file, and the links on the way to it."""
    entries: dict[str, Entry] = {}
    # The folder first: /lib is itself a link, to /usr/lib.
    folder = PurePosixPath("/") / inside(rootfs, path.parent).resolve().relative_to(rootfs.resolve())
    if folder != path.parent:
        entries[str(path)] = Link(target=str(folder / path.name))
        path = folder / path.name
    while (full := inside(rootfs, path)).is_symlink():
        target = PurePosixPath(os.path.normpath(path.parent / full.readlink()))
        entries[str(path)] = Link(target=str(target))
        path = target
    entries[str(path)] = File(source=full, mode=0o755 if os.access(full, os.X_OK) else 0o644)
    return entries


def inside(rootfs: Path, path: PurePosixPath) -> Path:
    """An absolute path of a root file system, seen from outside."""
    return rootfs / str(path).lstrip("/")


def from_rootfs(rootfs: Path, *, programs: Iterable[str], files: Iterable[str]) -> dict[str, Entry]:
    """What to copy out of a root file system: programs with all shared libraries that they load, and single files."""
    entries: dict[str, Entry] = {}
    for path in files:
        if not inside(rootfs, PurePosixPath(path)).is_file():
            raise LabError(f"The nodes' Debian has no {path}: a package that brought it is not installed any more.")
        entries.update(resolve_inside(rootfs, PurePosixPath(path)))
    for program in programs:
        listed = capture(["chroot", rootfs, "ldd", program]).stdout
        for path in [program, *parse_libraries(listed)]:
            entries.update(resolve_inside(rootfs, PurePosixPath(path)))
    return entries
