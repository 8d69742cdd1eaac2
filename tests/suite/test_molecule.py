"""Every molecule scenario that declares `test`, on real clusters, one after the other."""

from __future__ import annotations

import re

import pytest

from tests.suite import scenarios, stages

SCENARIOS = scenarios.names("test")


def test_there_are_scenarios() -> None:
    assert SCENARIOS


@pytest.mark.usefixtures("lab_clusters")
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario(scenario: str, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["molecule", "test", "--scenario-name", scenario]
    said = stages.run(command, env=stages.environment(stages.MAIN), capfd=capfd)
    # A playbook that is not there is only a warning to molecule.
    assert re.findall(r"\bmissing=(\d+)", said) == ["0"]
    assert re.findall(r"\bsuccessful=(\d+)", said) != ["0"]
