"""The lanes of `make test`: which tests must not meet, and so run one after the other in one worker of pytest-xdist."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from xdist.scheduler import LoadScopeScheduling

from promlab.locking import locked
from promlab.settings import from_environment

# What uses the lab's clusters, in this order: molecule waits most, and so leaves the other lanes the most time.
ON_LAB = (
    "tests/suite/test_molecule.py",
    "tests/integration/test_engine.py",
    "tests/integration/test_first_federation.py",
    "tests/integration/test_input.py",
    "tests/integration/test_lab.py",
    "tests/integration/test_secrets.py",
    "tests/integration/test_teams.py",
    "tests/integration/test_uninstall.py",
    "tests/integration/test_upgrade_pull.py",
)


def file_of(nodeid: str) -> str:
    """The file of a test."""
    return nodeid.partition("::")[0]


def group_of(nodeid: str) -> str:
    """The group whose tests one worker runs one after the other: the lab's, or those of a file."""
    file = file_of(nodeid)
    if file in ON_LAB:
        return "lab"
    # Each of the two environments of ansible-test takes minutes, and they share nothing.
    return nodeid if file == "tests/suite/test_sanity.py" else file


def leaves_lab(nodeid: str, following: str | None) -> bool:
    """Whether a test is the last of the lab's lane; *following* is the worker's next one, None if there is none."""
    return file_of(nodeid) in ON_LAB and (following is None or file_of(following) not in ON_LAB)


class Lanes(LoadScopeScheduling):
    """Gives whole groups to workers.

    The mark xdist_group with `--dist loadgroup` would do, but has no effect with pytest 9.2: pytest-xdist 3.8 writes
    the group into an attribute of tests that is gone.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


@contextmanager
def clusters_to_oneself(*, purpose: str, say: Callable[[str], None]) -> Iterator[None]:
    """Holds the lab's clusters of the tests for the time of a with block; a second run on this machine waits for it."""
    with locked(from_environment().locks, "test-clusters", purpose=purpose, say=say):
        yield
