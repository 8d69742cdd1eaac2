"""A secret is found nowhere: not in the output, not in results, not in the log, not in what goes to syslog."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.integration.conftest import Module
from tests.integration.support import lab
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import APART, fleet
from tests.integration.support.playbook import ENVIRONMENTS, Run
from tests.suite.in_full import representative

JsonObject = dict[str, t.Any]
CANARY = "canary-8c1f0d7e"

# Modules log their arguments by syslog before their own code runs. Python imports this file at its start.
SYSLOG_STUB = """
import os, syslog

def record(*arguments):
    with open(os.environ["PROMFLEET_SYSLOG"], "a") as file:
        file.write(str(arguments[-1]) + "\\n")

syslog.syslog = record
"""


def connection(kubeconfig: Path) -> JsonObject:
    """The hub by address, with a token that is the canary; the server refuses it."""
    clusters = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))["clusters"]
    server = next(item["cluster"]["server"] for item in clusters if item["name"] == f"kind-{lab.HUB}")
    return {
        "promfleet_kubeconfig": None,
        "promfleet_context": None,
        "promfleet_host": server,
        "promfleet_api_key": CANARY,
        "promfleet_validate_certs": False,
    }


def in_a_kubeconfig(kubeconfig: Path) -> JsonObject:
    """The same token, in a kubeconfig that is given as data."""
    server = connection(kubeconfig)["promfleet_host"]
    return {
        "promfleet_kubeconfig": {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": server, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "u", "user": {"token": CANARY}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        },
        "promfleet_context": "x",
    }


def misplaced(kubeconfig: Path) -> JsonObject:
    """Good credentials beside input that fails its validation."""
    return {**connection(kubeconfig), "promfleet_wait_timeout": "soon", "team_monitoring_teams": [{"name": "NO"}]}


@pytest.mark.parametrize("prefix", representative(ENVIRONMENTS), ids=lambda path: path.name)
@pytest.mark.parametrize("variables", [connection, in_a_kubeconfig, misplaced])
def test_a_canary_is_found_nowhere(
    hub: Cluster,
    playbook: Callable[..., Run],
    tmp_path: Path,
    prefix: Path,
    variables: Callable[[Path], JsonObject],
) -> None:
    stub = tmp_path / "stub"
    stub.mkdir()
    (stub / "sitecustomize.py").write_text(SYSLOG_STUB, encoding="utf-8")
    syslog, log = tmp_path / "syslog", tmp_path / "ansible.log"
    syslog.touch()
    inventory = fleet(central=lab.HUB)
    # In processes of their own: there modules tell syslog about their arguments.
    inventory["all"]["vars"].update({**APART, **variables(hub.kubeconfig)})
    inventory["all"]["vars"] = {name: value for name, value in inventory["all"]["vars"].items() if value is not None}
    run = playbook(
        "site",
        inventory=inventory,
        arguments=["-vvv"],
        prefix=prefix,
        env={
            "ANSIBLE_LOG_PATH": str(log),
            "PYTHONPATH": os.pathsep.join([str(stub)]),
            "PROMFLEET_SYSLOG": str(syslog),
        },
    ).require_failure()
    written = syslog.read_text(encoding="utf-8")
    if variables is connection:
        # The canary's way was taken: modules ran with the connection's options and told syslog about them.
        assert "api_key=NOT_LOGGING_PARAMETER" in written
    if variables is in_a_kubeconfig:
        assert "promfleet_kubeconfig: must be the path of a file, found its content" in run.output
    for name, text in {
        "output": run.output,
        "results": repr(run.results),
        "log": log.read_text(encoding="utf-8"),
        "syslog": written,
    }.items():
        assert CANARY not in text, f"the canary is in the {name}"


def test_a_secret_with_values_is_refused(hub: Cluster, playbook: Callable[..., Run]) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "default"},
        "stringData": {"password": "x"},
    }
    refused = Module(playbook, "objects").fails(name="secrets", manifests=[secret])
    assert "manifests[0]: Secret s holds values" in refused.message
    assert hub.find("v1", "Secret", "s", "default") is None
