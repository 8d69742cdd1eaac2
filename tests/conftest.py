"""What all tests share: the collections of the running environment, the order of the stages, a heading for each.

`make test` runs in lanes, which are workers of pytest-xdist with `--dist loadscope`: all tests that use the lab's
clusters are one group, so one worker runs them one after the other, and never two of them meet. The others share what
is left, file by file. Each worker has a control plane of its own.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from xdist.remote import Producer

from tests.integration.support import lab
from tests.suite.lanes import ON_LAB, Lanes, clusters_to_oneself, file_of, leaves_lab

CHECKOUT = Path(__file__).resolve().parents[1]
# The order of one whole run: what is quick to fail comes first, what needs clusters last.
STAGES = (
    "tests/suite/test_lint.py",
    "tests/suite/test_sanity.py",
    "tests/unit",
    "tests/integration",
    "tests/suite/test_molecule.py",
)
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
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


@pytest.fixture(scope="session")
def lab_clusters(request: pytest.FixtureRequest) -> Iterator[None]:
    """The lab's clusters of the tests, for this process alone until it ends."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(text: str) -> None:
        with capture.global_and_fixture_disabled():
            print(text, file=sys.__stderr__, flush=True)

    with clusters_to_oneself(purpose="tests", say=say):
        yield


def stage_of(nodeid: str) -> str:
    """The stage that a test belongs to; what is in none runs with the unit tests."""
    return next((stage for stage in STAGES if nodeid.startswith(stage)), "tests/unit")


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Called by pytest-xdist for `auto`: one lane more than cores, because that of the clusters mostly waits."""
    return len(os.sched_getaffinity(0)) + 1 if config.getoption("dist") == "loadscope" else None


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Lanes | None:
    """Called by pytest-xdist; None leaves the choice to it."""
    return Lanes(config, log) if config.getoption("dist") == "loadscope" else None


def pytest_itemcollected(item: pytest.Item) -> None:
    """Refuses a test that asks for a cluster of the lab and is in no file of its lane: it would meet the others.

    Files of other names are run by molecule, inside that lane.
    """
    file = file_of(item.nodeid)
    is_collected = Path(file).name.startswith("test_")
    if is_collected and "hub" in getattr(item, "fixturenames", ()) and file not in ON_LAB:
        raise pytest.UsageError(
            f"{item.nodeid} uses a cluster of the lab: add {file} to ON_LAB in tests/suite/lanes.py"
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sorts the tests by stage and leaves their order inside a stage alone; workers get the lab's lane first."""
    items.sort(key=lambda item: STAGES.index(stage_of(item.nodeid)))
    if WORKER:
        files = {file: number for number, file in enumerate(ON_LAB)}
        items.sort(key=lambda item: files.get(file_of(item.nodeid), len(files)))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Takes the lab's clusters down when their lane is done: idle they keep half a core from the other lanes."""
    if WORKER and leaves_lab(item.nodeid, nextitem.nodeid if nextitem else None):
        lab.down(lab.HUB, lab.EDGE)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> None:
    """Says which stage begins, and when."""
    stage = stage_of(item.nodeid)
    if item.config.stash.get(CURRENT_STAGE, None) == stage:
        return
    item.config.stash[CURRENT_STAGE] = stage
    heading = f"[{time.monotonic() - STARTED:5.0f}s] stage {stage}"
    reporter = item.config.pluginmanager.get_plugin("terminalreporter")
    capture = item.config.pluginmanager.getplugin("capturemanager")
    if WORKER:
        # A worker's stdout is no terminal.
        with capture.global_and_fixture_disabled():
            print(f"\n{heading} ({WORKER})", file=sys.__stderr__, flush=True)
    elif isinstance(reporter, pytest.TerminalReporter):
        reporter.ensure_newline()
        reporter.write_line(heading, bold=True)
