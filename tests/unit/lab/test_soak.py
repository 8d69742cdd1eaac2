"""The watch over a cluster's Services: what it asks, when it restarts kube-proxy, and what counts as a failure."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from promlab.diagnosis import Finding, Verdict
from promlab.errors import LabError
from promlab.images import COMPONENT_IMAGES, image_key
from promlab.rootfs import from_rootfs
from promlab.session import Session
from promlab.settings import Lab
from promlab.soak import Soak, outer_rounds, questions, restarts_by_round


def test_kube_proxys_image_names_protocols() -> None:
    """Without the file nft lists numbers, and kube-proxy takes its own rules for those of Services that are gone."""
    (image,) = [image for image in COMPONENT_IMAGES if "kube-proxy" in image.reference]
    assert "/usr/sbin/nft" in image.node_programs
    assert "/etc/protocols" in image.node_files


def test_a_file_of_the_node_is_part_of_the_images_key() -> None:
    (image,) = [image for image in COMPONENT_IMAGES if "kube-proxy" in image.reference]
    with_it = image_key(image, architecture="amd64", rootfs_key="a")
    assert image_key(replace(image, node_files=()), architecture="amd64", rootfs_key="a") != with_it


def test_a_file_that_the_node_lacks_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no /etc/protocols"):
        from_rootfs(tmp_path, programs=(), files=("/etc/protocols",))


@pytest.mark.parametrize(("rounds", "restarts"), [(1, 1), (1, 3), (5, 2), (120, 20), (120, 0), (7, 21)])
def test_every_restart_has_a_round_and_the_middle_is_left_alone(rounds: int, restarts: int) -> None:
    plan = restarts_by_round(rounds, restarts)
    assert (len(plan), sum(plan)) == (rounds, restarts)
    outer = outer_rounds(rounds)
    assert not any(plan[outer : rounds - outer])


class Node:
    """Answers what the node's shell is asked, as long as its rules are there."""

    def __init__(self, *, loses_rules: bool) -> None:
        self.loses_rules = loses_rules
        self.has_rules = True
        self.syncs = 1
        self.lines: list[str] = []

    def __call__(self, line: str) -> str | None:
        self.lines.append(line)
        if "10249/metrics" in line:
            return f'kubeproxy_sync_full_proxy_rules_duration_seconds_count{{ip_family="IPv4"}} {self.syncs}'
        if "delete pod" in line:
            self.has_rules = not self.loses_rules
            self.syncs = 1
        if "label node" in line:
            self.syncs += 1
        if "nodePort" in line:
            return "30000"
        if line.startswith(("kubectl", "printf", "export")):
            return "10.96.0.9"
        return "" if self.has_rules else None


@pytest.mark.parametrize("loses_rules", [False, True])
def test_services_that_do_not_answer_after_a_restart_are_a_failure(tmp_path: Path, *, loses_rules: bool) -> None:
    node, said = Node(loses_rules=loses_rules), list[str]()
    soak = Soak(run_in_node=node, log=tmp_path / "log", say=said.append, sleep=lambda _seconds: None)
    assert soak.run(minutes=1, restarts=1) is not loses_rules
    assert said[0].startswith("FAILED" if loses_rules else "passed")
    assert ("FAILED after a restart of kube-proxy: API from node" in soak.log.read_text()) is loses_rules
    # What it made in the cluster is gone again.
    assert "delete service" in node.lines[-1]


def test_what_is_asked_comes_from_node_and_pod() -> None:
    asked = questions(api="10.96.0.1", dns="10.96.0.10", node="10.89.0.3", node_port=30000)
    assert {name.rpartition(" from ")[2] for name in asked} == {"node", "pod"}
    assert {name.rpartition(" from ")[0] for name in asked} == {"API", "DNS", "NodePort"}


def test_a_soak_holds_a_lock_of_its_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[str] = []

    def run(_soak: Soak, *, minutes: int, restarts: int) -> bool:
        held.append((tmp_path / "locks/soak-hub.lock").read_text())
        return (minutes, restarts) == (1, 0)

    clusters = Mock(examine=lambda _name: Finding(verdict=Verdict.KEEP, why=""))
    monkeypatch.setattr(Session, "existing", lambda _session: clusters)
    monkeypatch.setattr(Soak, "run", run)
    assert Session(Lab(root=tmp_path)).soak("hub", minutes=1, restarts=0, log=None) == 0
    assert held == [f"process {os.getpid()} (soak hub)"]
