"""Image archives: reproducible, and readable by what reads `docker save` archives."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path

import pytest

from promlab.archive import Entry, File, Folder, ImageConfig, Link, build_archive, with_parents

CONFIG = ImageConfig(entrypoint=("/bin/tool",), user="65534", env=("A=b",), stop_signal="SIGTERM")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "tool"
    path.write_bytes(b"program")
    return path


def entries(program: Path) -> dict[str, Entry]:
    return {"bin/tool": File(source=program), "tmp": Folder(mode=0o1777), "bin/alias": Link(target="tool")}


def build(out: Path, files: dict[str, Entry]) -> bytes:
    build_archive(out, files, reference="quay.io/some/tool:v1", image=CONFIG, architecture="amd64")
    return out.read_bytes()


def test_same_files_same_bytes_whatever_order_and_time(program: Path, tmp_path: Path) -> None:
    first = build(tmp_path / "1.tar", entries(program))
    program.touch()
    backwards = dict(reversed(entries(program).items()))
    assert build(tmp_path / "2.tar", backwards) == first


def test_another_content_gives_another_archive(program: Path, tmp_path: Path) -> None:
    first = build(tmp_path / "1.tar", entries(program))
    program.write_bytes(b"another")
    assert build(tmp_path / "2.tar", entries(program)) != first


def test_archive_names_its_parts_by_their_digests(program: Path, tmp_path: Path) -> None:
    build(tmp_path / "1.tar", entries(program))
    with tarfile.open(tmp_path / "1.tar") as archive:
        content = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
        parts = {name: handle.read() for name, handle in content.items() if handle}
    [manifest] = json.loads(parts["manifest.json"])
    assert manifest["RepoTags"] == ["quay.io/some/tool:v1"]
    assert manifest["Config"] == f"{hashlib.sha256(parts[manifest['Config']]).hexdigest()}.json"
    config = json.loads(parts[manifest["Config"]])
    [layer_name] = manifest["Layers"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(parts[layer_name]).hexdigest()}"]
    assert config["config"]["Entrypoint"] == ["/bin/tool"]
    assert config["config"]["User"] == "65534"
    assert config["config"]["StopSignal"] == "SIGTERM"
    assert config["architecture"] == "amd64"


def test_layer_holds_modes_links_and_parent_folders(program: Path, tmp_path: Path) -> None:
    build(tmp_path / "1.tar", entries(program))
    with tarfile.open(tmp_path / "1.tar") as archive:
        [name] = [member.name for member in archive if member.name.endswith("/layer.tar")]
        with tarfile.open(fileobj=archive.extractfile(name)) as layer:
            members = {member.name: member for member in layer}
    assert list(members) == ["bin", "bin/alias", "bin/tool", "tmp"]
    assert members["bin"].isdir()
    assert members["bin/alias"].linkname == "tool"
    assert members["bin/tool"].mode == 0o755
    assert members["tmp"].mode == 0o1777
    assert {(member.uid, member.gid, member.mtime) for member in members.values()} == {(0, 0, 0)}


def test_nothing_is_left_beside_the_archive(program: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    build(tmp_path / "out" / "1.tar", entries(program))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["1.tar"]


def test_a_folder_that_was_given_keeps_its_mode() -> None:
    found = with_parents({"/run/lock/x": Folder(), "run": Folder(mode=0o700)})
    assert list(found) == ["run", "run/lock", "run/lock/x"]
    assert found["run"] == Folder(mode=0o700)
