"""The guide to a first federation, as a new user follows it: its inventory, and its commands in their order.

`make test` goes as far as the run in check mode: the scenario site and the demo do what follows. All of it is
`make prove PART=guides`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from promlab.settings import from_environment
from tests.integration.support import lab
from tests.integration.support.cluster import Cluster
from tests.integration.support.managed import managed
from tests.integration.support.playbook import environment
from tests.integration.support.wipe import wipe
from tests.suite.in_full import in_full

GUIDE = Path(__file__).resolve().parents[2] / "docs/first-federation.md"
BLOCK = re.compile(r"(?:<!-- fails: (\w+) -->\n+)?```(yaml|shell)\n(.*?)```", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command of the guide; *fails*: the code with which it has to fail, empty where it succeeds."""

    command: str
    fails: str = ""


def guide() -> tuple[str, list[Step]]:
    """The inventory and the commands."""
    blocks = BLOCK.findall(GUIDE.read_text(encoding="utf-8"))
    (inventory,) = [text for _fails, language, text in blocks if language == "yaml"]
    steps = [
        Step(command=line, fails=fails)
        for fails, language, text in blocks
        if language == "shell"
        for line in text.splitlines()
    ]
    return inventory, steps


@pytest.fixture(scope="module")
def both(hub: Cluster) -> Iterator[tuple[Cluster, Cluster]]:
    """Two clusters with nothing of ours, under the names of the lab."""
    lab.up(lab.HUB, lab.EDGE)
    lab.provide_account(lab.EDGE)
    edge = lab.cluster(lab.EDGE)
    for cluster in (hub, edge):
        wipe(cluster)
    yield hub, edge
    for cluster in (hub, edge):
        wipe(cluster)


def test_a_new_user_federates_two_clusters(both: tuple[Cluster, Cluster], tmp_path: Path) -> None:
    inventory, steps = guide()
    assert [step.command.split()[1].rpartition(".")[2] for step in steps if step.command.startswith("ansible")] == [
        "site",
        "site",
        "verify",
        "doctor",
        "federation",
        "verify",
    ]
    # The lab's clusters have other names, and the runs have the rights that the guide says they need.
    own = {"~/.kube/config": str(lab.account_kubeconfig()), "kind-": "kind-test-"}
    for theirs, ours in own.items():
        assert theirs in inventory
        inventory = inventory.replace(theirs, ours)
    (tmp_path / "inventory.yml").write_text(inventory, encoding="utf-8")
    programs = environment(Path(sys.prefix), KUBECONFIG=str(lab.kubeconfig()))
    programs["PATH"] = os.pathsep.join([programs["PATH"], str(from_environment().bin)])
    told: dict[str, str] = {}
    for step in steps:
        command = step.command.replace("--context kind-", "--context kind-test-")
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=programs, capture_output=True, text=True, check=False
        )
        output = done.stdout + done.stderr
        assert (done.returncode != 0) == bool(step.fails), f"{command}\nexit {done.returncode}\n{output}"
        assert step.fails in output
        told[step.command] = output
        if command.endswith("--check --diff"):
            assert not any(managed(cluster) for cluster in both)
            if not in_full():
                return
    (answer,) = [output for command, output in told.items() if "/query?query=" in command]
    (number,) = re.findall(r'"value":\[[\d.]+,"(\d+)"\]', answer)
    assert int(number) > 0
