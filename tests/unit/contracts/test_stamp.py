"""Every registered capability is named wherever it must be, and `make stamp` writes what a new one lacks."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import CAPABILITIES

from tests.integration.support.toy import TOY
from tests.tools.stamp import CHECKOUT, missing, stamp


def test_every_capability_is_named_wherever_it_must_be() -> None:
    assert missing(CAPABILITIES) == []


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for folder in ("plugins/modules", "meta", "roles", "playbooks"):
        shutil.copytree(CHECKOUT / folder, tmp_path / folder)
    shutil.copy(CHECKOUT / "README.md", tmp_path)
    return tmp_path


def test_what_a_new_capability_lacks_is_told_and_written(copy: Path) -> None:
    told = missing([TOY], root=copy)
    assert "toy: plugins/modules/toy.py lacks the file; run make stamp" in told
    assert "toy: meta/runtime.yml lacks toy in the action group writers; run make stamp" in told
    before = {path: path.read_text() for path in copy.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    assert stamp([TOY], root=copy)
    assert missing([TOY], root=copy) == []
    assert stamp([TOY], root=copy) == []
    # What was there is there still, each line of it.
    for path, text in before.items():
        rest = iter(path.read_text().splitlines())
        assert [line for line in text.splitlines() if line not in rest] == [], path


def test_what_is_written_is_well_formed(copy: Path) -> None:
    stamp([*CAPABILITIES, TOY], root=copy)
    runtime = yaml.safe_load((copy / "meta/runtime.yml").read_text())
    for group in ("all", "writers"):
        names = [entry for entry in runtime["action_groups"][group] if isinstance(entry, str)]
        assert names == sorted(names)
        assert "toy" in names
    for path in copy.rglob("*.yml"):
        yaml.safe_load(path.read_text())
    subprocess.run([sys.executable, "-m", "py_compile", copy / "plugins/modules/toy.py"], check=True)
    plays = yaml.safe_load((copy / "playbooks/uninstall.yml").read_text())
    # Removed before what it was applied after.
    assert [play["name"] for play in plays][1] == "Remove what toy_box made"
