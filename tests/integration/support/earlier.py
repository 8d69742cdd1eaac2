"""The collection as an earlier commit had it, in a tree of its own, from the history of this checkout."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.suite.artifact import extract

CHECKOUT = Path(__file__).resolve().parents[3]
# What users get of the collection; the tests of that time are not needed.
PARTS = ("galaxy.yml", "meta", "playbooks", "plugins", "roles")


class NoHistory(Exception):
    """The commit cannot be read here; the message says what to do."""


def collections_of(commit: str, *, folder: Path, checkout: Path = CHECKOUT) -> Path:
    """Unpacks the collection of *commit* below *folder*, beside today's kubernetes.core.

    Returns what ANSIBLE_COLLECTIONS_PATH must be. *commit* is a full SHA-1, so git itself checks the content. Raises
    NoHistory in a source archive without git and in a shallow clone.
    """
    command = ["git", "-C", str(checkout), "archive", "--format=tar", commit, "--", *PARTS]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise NoHistory("git is not on PATH: the upgrade test reads an earlier commit with it; install git") from error
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip()
        message = (
            f"commit {commit} is not in {checkout} ({reason}). The upgrade test installs what it was then. "
            "In a shallow clone run `git fetch --unshallow`; a source archive has no history: clone the repository."
        )
        raise NoHistory(message)
    tree = folder / "ansible_collections"
    target = tree / "promfleet/monitoring"
    target.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        extract(archive, target)
    dependency = tree / "kubernetes/core"
    dependency.parent.mkdir()
    dependency.symlink_to(Path(sys.prefix) / "collections/ansible_collections/kubernetes/core")
    return folder
