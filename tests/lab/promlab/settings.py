"""Where the lab keeps its things: everything lies below one folder, outside the repository."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


def lab_root(environment: Mapping[str, str]) -> Path:
    """The lab's folder: PROMFLEET_LAB, else promfleet-lab in the user's cache folder."""
    if given := environment.get("PROMFLEET_LAB"):
        return Path(given).expanduser().absolute()
    cache = environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(cache).expanduser().absolute() / "promfleet-lab"


def from_environment() -> Lab:
    """The lab that the process environment names."""
    return Lab(root=lab_root(os.environ))


@dataclass(frozen=True, kw_only=True)
class Lab:
    """The folders and files of one lab."""

    root: Path

    @property
    def store(self) -> Path:
        """Everything that was built, each under the digest of its inputs."""
        return self.root / "store"

    @property
    def bin(self) -> Path:
        """Links to the programs of the current pins, for PATH."""
        return self.root / "bin"

    @property
    def work(self) -> Path:
        """Unfinished things."""
        return self.root / "work"

    @property
    def logs(self) -> Path:
        """What the called programs wrote."""
        return self.root / "logs"

    @property
    def locks(self) -> Path:
        """Lock files."""
        return self.root / "locks"

    @property
    def records(self) -> Path:
        """One JSON file for each cluster that this lab made."""
        return self.root / "clusters"

    @property
    def kubeconfig(self) -> Path:
        """Contexts kind-NAME of all clusters."""
        return self.root / "kubeconfig"

    @property
    def containers_conf(self) -> Path:
        """Podman's configuration, where one is needed."""
        return self.root / "containers.conf"

    @property
    def choice(self) -> Path:
        """The remembered answer to the question which engine there is and whether it can pull images."""
        return self.root / "choice.json"

    def make(self) -> None:
        """Create the folders."""
        for folder in (self.store, self.bin, self.work, self.logs, self.locks, self.records):
            folder.mkdir(parents=True, exist_ok=True)
