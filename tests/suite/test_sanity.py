"""ansible-test sanity on the oldest and the newest ansible-core, with nothing ignored."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.suite import sanity_tree, stages

ENVIRONMENTS = [venv for venv in (stages.MAIN, stages.other_environment()) if venv]


def test_nothing_is_ignored() -> None:
    assert not list((stages.CHECKOUT / "tests/sanity").glob("ignore*"))


@pytest.mark.parametrize("venv", ENVIRONMENTS, ids=lambda venv: venv.name)
def test_sanity(venv: Path, capfd: pytest.CaptureFixture[str]) -> None:
    home = sanity_tree.make_home(venv)
    tree = sanity_tree.copy_collection(venv)
    command = ["ansible-test", "sanity", "--venv", "--python", stages.python_of(venv), "--color", "no"]
    env = stages.environment(venv, HOME=str(home))
    # The tree is all that counts for ansible-test.
    del env["ANSIBLE_COLLECTIONS_PATH"]
    stages.run(command, cwd=tree, env=env, capfd=capfd)
