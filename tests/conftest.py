"""What all tests share: the collections of the running environment, the order of the stages, a heading for each."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import hypothesis
import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
# The order of one whole run: what is quick to fail comes first, what needs clusters last.
STAGES = (
    "tests/suite/test_lint.py",
    "tests/suite/test_sanity.py",
    "tests/unit",
    "tests/integration",
    "tests/suite/test_molecule.py",
)
STARTED = time.monotonic()
CURRENT_STAGE = pytest.StashKey[str]()

# How long an example takes says nothing about whether it is right.
hypothesis.settings.register_profile("promfleet", deadline=None)
hypothesis.settings.load_profile("promfleet")

# The environment that runs pytest brings kubernetes.core and the link to this checkout, so that each ansible-core is
# tested with the collections made for it.
sys.path.insert(0, str(Path(sys.prefix) / "collections"))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the option that accepts desired objects as they are now."""
    parser.addoption("--accept-desired", action="store_true", help="write the snapshots of desired objects anew")


def stage_of(nodeid: str) -> str:
    """The stage that a test belongs to; what is in none runs with the unit tests."""
    return next((stage for stage in STAGES if nodeid.startswith(stage)), "tests/unit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts the tests by stage and leaves their order inside a stage alone."""
    items.sort(key=lambda item: STAGES.index(stage_of(item.nodeid)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Says which stage begins, and when."""
    stage = stage_of(item.nodeid)
    if item.config.stash.get(CURRENT_STAGE, None) == stage:
        return
    item.config.stash[CURRENT_STAGE] = stage
    reporter = item.config.pluginmanager.get_plugin("terminalreporter")
    # Workers of pytest-xdist have no terminal.
    if isinstance(reporter, pytest.TerminalReporter):
        reporter.ensure_newline()
        reporter.write_line(f"[{time.monotonic() - STARTED:5.0f}s] stage {stage}", bold=True)
