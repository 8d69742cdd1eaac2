"""The store: each artefact lies under the digest of its inputs and appears only when it is complete."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

KEY_LENGTH = 16


def digest(*parts: object) -> str:
    """A key made of all inputs of an artefact; the parts must be plain JSON values or bytes."""
    plain = [hashlib.sha256(part).hexdigest() if isinstance(part, bytes) else part for part in parts]
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def digest_tree(folder: Path) -> str:
    """A key of the names and contents of all files below a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return digest(*[[path.relative_to(folder).as_posix(), digest(path.read_bytes())] for path in files])


@contextmanager
def complete(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; what the body leaves there gets its real name at the end.

    A body that is stopped leaves only the temporary name, which the next try removes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    remove_tree(partial)
    yield partial
    partial.replace(path)


def mounts_below(folder: Path, mountinfo: str) -> list[str]:
    """Mount points at or below a folder, deepest first, from the text of /proc/self/mountinfo."""
    points = [
        # The kernel writes blanks and the like as three octal digits.
        re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), line.split(" ")[4])
        for line in mountinfo.splitlines()
        if line.count(" ") > 4
    ]
    prefix = f"{folder}/"
    return sorted((point for point in points if f"{point}/".startswith(prefix)), key=len, reverse=True)


def remove_tree(path: Path) -> None:
    """Remove a file or folder of the lab.

    A debootstrap that was killed leaves /proc mounted in its folder: unmounted first, never entered.
    """
    if not path.is_symlink() and path.is_dir():
        for point in mounts_below(path, Path("/proc/self/mountinfo").read_text()):
            subprocess.run(["umount", "--lazy", point], check=True)
        if os.geteuid() != 0:
            # Copies of Go modules have read-only folders, which only root can empty as they are.
            subprocess.run(["chmod", "-R", "u+w", str(path)], check=False, stderr=subprocess.DEVNULL)
    # rm and not shutil, because of --one-file-system: a second safety.
    subprocess.run(["rm", "-rf", "--one-file-system", str(path)], check=True)
