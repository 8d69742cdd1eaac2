"""Which molecule scenarios there are, and which of them run where: each declares it in its molecule.yml."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml

from tests.suite.stages import CHECKOUT

# Molecule's schema has no room for words of ours but the variables of a scenario's runs.
VARIABLE = "PROMFLEET_RUNS_IN"
# `make test` runs the first, `make prove` the others.
TARGETS = ("test", "prove")


def folders() -> list[Path]:
    """The folder of each scenario, in order of name."""
    return sorted(path.parent for path in (CHECKOUT / "molecule").glob("*/molecule.yml"))


def target_of(folder: Path) -> str:
    """The make target that a scenario declares; raises ValueError where it declares none that there is."""
    config: dict[str, t.Any] = yaml.safe_load((folder / "molecule.yml").read_text(encoding="utf-8"))
    declared = ((config.get("ansible") or {}).get("env") or {}).get(VARIABLE)
    if declared not in TARGETS:
        expected = " or ".join(TARGETS)
        raise ValueError(f"{folder.name}/molecule.yml: ansible.env.{VARIABLE} is {declared!r}, expected {expected}")
    return str(declared)


def names(target: str) -> list[str]:
    """The scenarios that declare *target*."""
    return [folder.name for folder in folders() if target_of(folder) == target]
