"""ansible-test sanity of the built collection on the oldest and the newest ansible-core, with nothing ignored.

The newest runs in `make test`, the oldest in `make prove PART=runs`: all other tests run with the oldest.
"""

from __future__ import annotations

import pytest

from tests.suite import sanity_tree, stages
from tests.suite.in_full import representative

OLDEST, NEWEST = stages.MAIN, stages.other_environment() or stages.MAIN
RUNS = {venv.name: venv for venv in representative(list(dict.fromkeys((NEWEST, OLDEST))))}


def test_nothing_is_ignored() -> None:
    assert not list((stages.CHECKOUT / "tests/sanity").glob("ignore*"))


@pytest.mark.parametrize("name", RUNS)
def test_sanity(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    venv = RUNS[name]
    home = sanity_tree.make_home(venv)
    tree = sanity_tree.unpack_collection(venv)
    command = ["ansible-test", "sanity", "--venv", "--python", stages.python_of(venv), "--color", "no"]
    env = stages.environment(venv, HOME=str(home))
    # The tree is all that counts for ansible-test.
    del env["ANSIBLE_COLLECTIONS_PATH"]
    stages.run(command, cwd=tree, env=env, capfd=capfd)
