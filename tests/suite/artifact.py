"""The collection as its users get it: built by ansible-galaxy from what git has or would add, and unpacked."""

from __future__ import annotations

import os
import subprocess
import tarfile
from pathlib import Path

from tests.suite import stages


def build(venv: Path, folder: Path) -> Path:
    """Builds the artifact below *folder*, with the ansible-galaxy of *venv*, and returns its path."""
    copy = folder / "collection"
    for path in stages.tracked_files():
        target = copy / path.relative_to(stages.CHECKOUT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    command = [str(venv / "bin/ansible-galaxy"), "collection", "build", "--output-path", str(folder), str(copy)]
    subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "HOME": str(folder)})
    (archive,) = folder.glob("promfleet-monitoring-*.tar.gz")
    return archive


def files_in(archive: Path) -> set[str]:
    """The paths of the files in the artifact."""
    with tarfile.open(archive) as tar:
        return {member.name for member in tar.getmembers() if member.isfile()}


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks the artifact into *folder*."""
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive) as tar:
        extract(tar, folder)


def extract(tar: tarfile.TarFile, folder: Path) -> None:
    """Extracts an archive that this project made, by Python's filter for data where there is one: since 3.11.4.

    Debian 12 has Python 3.11.2, and no such argument.
    """
    tar.extraction_filter = getattr(tarfile, "data_filter", lambda member, _folder: member)
    tar.extractall(folder)  # noqa: S202  # what is extracted was made here
