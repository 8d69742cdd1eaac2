"""The guide to GitOps, as a user follows it: its inventory, and its commands in their order.

Each of its many runs is one of two clusters. So this follows it to the comparison of two renderings, and
`make prove PART=runs` to its end.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from promlab.controlplane import ControlPlane
from promlab.settings import from_environment
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import JsonObject
from tests.integration.support.planes import started
from tests.integration.support.playbook import CHECKOUT, environment
from tests.suite.in_full import in_full

GUIDE = CHECKOUT / "docs/gitops.md"
FIRST_PART_ENDS = "<!-- fails: fail_on is any -->"
BLOCK = re.compile(r"(?:<!-- fails: (.+?) -->\n+)?```(yaml|shell)\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    with started(request, "test-gitops") as (one,):
        yield one


def inventory_of(text: str, plane: ControlPlane) -> str:
    """The guide's inventory for an API server without nodes, whose instances never become ready."""
    own = {"~/.kube/config": str(plane.kubeconfig), '"kind-{{ inventory_hostname }}"': plane.context}
    for theirs, ours in own.items():
        assert theirs in text
        text = text.replace(theirs, ours)
    return text.replace("  vars:\n", "  vars:\n    promfleet_wait: false\n", 1)


def test_a_user_renders_compares_and_applies(plane: ControlPlane, tmp_path: Path) -> None:
    text = GUIDE.read_text(encoding="utf-8")
    first_part, found, _second_part = text.partition(FIRST_PART_ENDS)
    assert found
    inventory, application = [text for _fails, language, text in BLOCK.findall(text) if language == "yaml"]
    assert yaml.safe_load(application)["kind"] == "Application"
    blocks = BLOCK.findall(text if in_full() else first_part)
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "inventory.yml").write_text(inventory_of(inventory, plane), encoding="utf-8")
    programs = environment(Path(sys.prefix), KUBECONFIG=str(plane.kubeconfig), COLLECTION=str(CHECKOUT))
    programs["PATH"] = os.pathsep.join([programs["PATH"], str(from_environment().bin)])
    told: list[tuple[str, str]] = []
    for fails, _language, text in (block for block in blocks if block[1] == "shell"):
        for line in text.splitlines():
            command = line.replace("--context kind-hub", f"--context {plane.context}")
            done = subprocess.run(
                ["bash", "-c", command], cwd=folder, env=programs, capture_output=True, text=True, check=False
            )
            output = done.stdout + done.stderr
            assert (done.returncode != 0) == bool(fails), f"{command}\nexit {done.returncode}\n{output}"
            assert fails in " ".join(output.split())
            told.append((line, output))
    first, *others = [output for line, output in told if line.endswith("render -i inventory.yml")]
    numbers = re.findall(r"(\w+): (\d+) objects in \S+, (\d+) files changed", first)
    assert [name for name, _objects, _files in numbers] == ["hub", "edge"]
    (guide,) = re.findall(r"```text\n(hub: .*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert re.findall(r"(\w+): (\d+) objects in \S+, (\d+) files changed", guide) == numbers
    assert others
    (compared,) = [output for line, output in told if "promfleet_result_folder=differences" in line]
    (shown,) = re.findall(r"```text\n(\d+ created.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    lines = [line.strip().replace('"', r"\"") for line in shown.splitlines() if line.strip() != "..."]
    assert [line for line in lines if line not in compared] == []
    assert sorted(path.name for path in (folder / "differences").iterdir()) == [
        "differences.json", "differences.md", "differences.txt",
    ]  # fmt: skip
    if not in_full():
        return
    (addresses,) = [output for line, output in told if line.endswith("promfleet_render_folder=../other")
                    and "render_diff" in line]  # fmt: skip
    assert "EndpointSlice monitoring-platform/federation-edge-platform-0" in addresses
    assert 'endpoints[0].addresses[0]: \\"10.0.0.7\\" -> \\"10.0.0.8\\"' in addresses
    (check,) = [output for line, output in told if line.endswith("--limit hub --check")]
    assert "hub: ok, 0 objects would change" in check
    api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    live: JsonObject = api.get("monitoring.coreos.com/v1", "Prometheus", "search", "monitoring-search")
    assert live["metadata"]["labels"]["promfleet.monitoring/set"] == "default.teams"
