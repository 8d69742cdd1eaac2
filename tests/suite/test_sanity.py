"""ansible-test sanity of the built collection on the oldest and the newest ansible-core, with nothing ignored.

The newest runs all of it. The oldest runs what its verdict depends on; all of it there is `make prove PART=runs`.
"""

from __future__ import annotations

import pytest

from tests.suite import sanity_tree, stages
from tests.suite.in_full import in_full

OLDEST, NEWEST = stages.MAIN, stages.other_environment() or stages.MAIN
# The tests whose verdict depends on ansible-core itself, not only on the version of a linter that comes with it.
OF_THE_CORE = ("action-plugin-docs", "ansible-doc", "import", "validate-modules")
RUNS = {
    NEWEST.name: (NEWEST, ()),
    **({} if OLDEST == NEWEST else {OLDEST.name: (OLDEST, () if in_full() else OF_THE_CORE)}),
}


def test_nothing_is_ignored() -> None:
    assert not list((stages.CHECKOUT / "tests/sanity").glob("ignore*"))


@pytest.mark.parametrize("name", RUNS)
def test_sanity(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    venv, chosen = RUNS[name]
    home = sanity_tree.make_home(venv)
    tree = sanity_tree.unpack_collection(venv)
    tests = [word for test in chosen for word in ("--test", test)]
    command = ["ansible-test", "sanity", "--venv", "--python", stages.python_of(venv), "--color", "no", *tests]
    env = stages.environment(venv, HOME=str(home))
    # The tree is all that counts for ansible-test.
    del env["ANSIBLE_COLLECTIONS_PATH"]
    stages.run(command, cwd=tree, env=env, capfd=capfd)
