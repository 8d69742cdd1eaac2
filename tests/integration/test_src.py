"""Where the module `objects` finds the files of its src: as kubernetes.core and ansible.builtin.copy do."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from collections.abc import Callable
from pathlib import Path

import pytest

from promlab.controlplane import ControlPlane
from tests.integration.support.inventory import LOCAL
from tests.integration.support.playbook import Run, environment, run_playbook

JsonObject = dict[str, t.Any]
NAMES = ("one", "two", "three")


def manifest(name: str) -> str:
    metadata = {"name": f"src-{name}", "namespace": "default"}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"from": name}})


@pytest.fixture
def objects(plane: ControlPlane, tmp_path: Path) -> Callable[..., Run]:
    """Runs the module `objects` in check mode, from a playbook in `tmp_path` or from a role beside it."""
    connection = {"kubeconfig": str(plane.kubeconfig), "context": plane.context, "name": "src"}
    inventory = {"all": {"vars": LOCAL, "hosts": {"hub": {}}}}

    def run(src: t.Any, *, role: bool = False, arguments: t.Sequence[str] = ()) -> Run:
        tasks = [{"name": "Apply them", "promfleet.monitoring.objects": {**connection, "src": src}}]
        play: JsonObject = {"hosts": "all", "gather_facts": False}
        if role:
            folder = tmp_path / "roles/rules/tasks"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "main.yml").write_text(json.dumps(tasks))
            play["roles"] = ["rules"]
        else:
            play["tasks"] = tasks
        return run_playbook([play], inventory=inventory, folder=tmp_path, arguments=["--check", *arguments])

    return run


def put(path: Path, name: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(manifest(name))
    return path


def applied(run: Run) -> set[str]:
    """The names of the ConfigMaps that a run would make, without those of our own records."""
    made = {entry.rpartition("/")[2] for entry in run.require_success().objects()}
    return {name.removeprefix("src-") for name in made if name.startswith("src-")}


@pytest.mark.parametrize("place", ["files/one.yml", "one.yml"])
def test_a_file_of_the_playbook(objects: Callable[..., Run], tmp_path: Path, place: str) -> None:
    put(tmp_path / place, "one")
    assert applied(objects("one.yml")) == {"one"}


def test_a_file_of_the_role_comes_before_one_of_the_playbook(objects: Callable[..., Run], tmp_path: Path) -> None:
    put(tmp_path / "roles/rules/files/rules.yml", "one")
    put(tmp_path / "files/rules.yml", "two")
    assert applied(objects(["rules.yml"], role=True)) == {"one"}


def test_folders_and_absolute_paths(objects: Callable[..., Run], tmp_path: Path) -> None:
    put(tmp_path / "files/all/a/one.yml", "one")
    put(tmp_path / "files/all/two.json", "two")
    (tmp_path / "files/all/notes.txt").write_text("not a manifest")
    three = put(tmp_path / "elsewhere/three.yaml", "three")
    assert applied(objects(["all", str(three)])) == set(NAMES)


def test_a_file_of_the_home_folder(
    objects: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    put(tmp_path / "home/one.yml", "one")
    assert applied(objects("~/one.yml")) == {"one"}


@pytest.mark.parametrize("src", ["all", "all/one.yml"])
def test_vaulted_files_are_decrypted(objects: Callable[..., Run], tmp_path: Path, src: str) -> None:
    file = put(tmp_path / "files/all/one.yml", "one")
    put(tmp_path / "files/all/two.yml", "two")
    password = tmp_path / "password"
    password.write_text("a password for this test\n")
    vault = f"{sys.prefix}/bin/ansible-vault"
    subprocess.run(
        [vault, "encrypt", f"--vault-password-file={password}", file], env=environment(Path(sys.prefix)), check=True
    )
    expected = {"one", "two"} if src == "all" else {"one"}
    assert "src-one" not in file.read_text()
    assert applied(objects(src, arguments=[f"--vault-password-file={password}"])) == expected


def test_a_missing_file_is_told_with_where_it_was_looked_for(objects: Callable[..., Run], tmp_path: Path) -> None:
    put(tmp_path / "one.yml", "one")
    (failure,) = objects(["one.yml", "missing.yml"]).require_failure().failures
    assert failure.message.startswith("src[1]: missing.yml does not exist; looked in ")
    assert str(tmp_path / "files/missing.yml") in failure.message


def test_urls_are_not_fetched(objects: Callable[..., Run]) -> None:
    (failure,) = objects("https://example.com/rules.yml").require_failure().failures
    assert failure.message.startswith("src[0]: https://example.com/rules.yml is a URL; fetch it with ")
