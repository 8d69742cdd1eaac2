"""What the collection knows of the exporters is what their programs say."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.exporters.known import (
    ARGUMENTS,
    COLLECTORS,
    GROUPS,
)

from tests.integration.support.prometheus_process import lab_program
from tests.unit.capabilities.builders import objects_of_exporters, only

# The address of no API server: the program ends when it has read its configuration.
NOWHERE = "--apiserver=http://127.0.0.1:1"


def told(program: Path, *arguments: str) -> str:
    """What a program prints."""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def node_exporter(request: pytest.FixtureRequest) -> str:
    """The help of node_exporter."""
    return told(lab_program(request, "node_exporter"), "--help")


@pytest.fixture(scope="module")
def kube_state_metrics(request: pytest.FixtureRequest) -> Path:
    """The program kube-state-metrics."""
    return lab_program(request, "kube-state-metrics")


def test_node_exporter_has_each_collector(node_exporter: str) -> None:
    assert set(re.findall(r"--\[no-\]collector\.(\w+)\s", node_exporter)) >= COLLECTORS


def test_node_exporter_has_each_argument_and_takes_a_value(node_exporter: str) -> None:
    assert set(re.findall(r"--(collector\.[\w.-]+)=", node_exporter)) >= ARGUMENTS


def test_kube_state_metrics_has_each_kind_of_objects(kube_state_metrics: Path) -> None:
    said = told(kube_state_metrics, NOWHERE, "--resources=none")
    (available,) = set(re.findall(r"Available resources: ([\w,]+)", said))
    assert set(available.split(",")) == GROUPS.keys()


def test_kube_state_metrics_takes_its_arguments(kube_state_metrics: Path) -> None:
    options = {"enabled": True, "metrics": {"allow": ["kube_pod_.+"]}, "labels": {"pods": ["app"]}}
    objects = objects_of_exporters({"kube_state_metrics": options})
    (container,) = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    said = told(kube_state_metrics, NOWHERE, *container["args"])
    assert "failed to create client" in said, "all before that was taken"
    assert "unknown flag" not in said
