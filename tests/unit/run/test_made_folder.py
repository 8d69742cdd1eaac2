"""A folder of made files: it says what it will do, does that, and touches nothing of others."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run import made_folder
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.made_folder import (
    INDEX,
    Plan,
    carry_out,
    make_plan,
)

ABOUT = {"fleet": "default", "cluster": "hub"}


def plan(root: Path, files: t.Mapping[str, str], *, overwrite_edited: bool = False, **about: str) -> Plan:
    wanted = {path: text.encode() for path, text in files.items()}
    return make_plan(root, wanted, about={**ABOUT, **about}, overwrite_edited=overwrite_edited)


def made(root: Path, files: t.Mapping[str, str], **options: t.Any) -> dict[str, int]:
    found = plan(root, files, **options)
    carry_out(found)
    assert not plan(root, files).changed
    return {action: count for action, count in found.counts.items() if count}


def content(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file() and path.name != INDEX)
    return {str(path.relative_to(root)): path.read_text() for path in files}


def refused(root: Path, files: t.Mapping[str, str], **options: t.Any) -> list[str]:
    before = content(root)
    with pytest.raises(InputError) as caught:
        plan(root, files, **options)
    assert content(root) == before
    return [str(error) for error in caught.value.errors]


def test_files_are_created_updated_deleted_and_left(tmp_path: Path) -> None:
    root = tmp_path / "new" / "hub"
    assert made(root, {"a/x.yaml": "1", "b/y.yaml": "2", "z.yaml": "3"}) == {"created": 3}
    assert made(root, {"a/x.yaml": "1", "z.yaml": "4", "c/d/e.yaml": "5"}) == {
        "created": 1,
        "updated": 1,
        "deleted": 1,
        "unchanged": 1,
    }
    assert content(root) == {"a/x.yaml": "1", "z.yaml": "4", "c/d/e.yaml": "5"}
    assert not (root / "b").exists()
    assert made(root, {}) == {"deleted": 3}
    assert sorted(path.name for path in root.iterdir()) == [INDEX]


def test_a_file_that_is_gone_comes_back(tmp_path: Path) -> None:
    made(tmp_path, {"a.yaml": "1", "b.yaml": "1"})
    (tmp_path / "a.yaml").unlink()
    (tmp_path / "b.yaml").unlink()
    assert made(tmp_path, {"a.yaml": "1"}) == {"created": 1}


def test_files_of_others_stay_and_are_named(tmp_path: Path) -> None:
    made(tmp_path, {"a/x.yaml": "1"})
    (tmp_path / "a" / "own.yaml").write_text("mine")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("mine")
    found = plan(tmp_path, {})
    assert found.foreign == ("a/own.yaml",)
    carry_out(found)
    assert content(tmp_path) == {"a/own.yaml": "mine", ".git/config": "mine"}


def test_a_file_of_others_in_the_way_is_refused(tmp_path: Path) -> None:
    made(tmp_path, {"a.yaml": "1"})
    (tmp_path / "b.yaml").write_text("mine")
    (error,) = refused(tmp_path, {"a.yaml": "1", "b.yaml": "2"})
    assert "has 1 files that were not made by this module: b.yaml. Nothing is written" in error
    # What says the same is taken over.
    assert made(tmp_path, {"a.yaml": "1", "b.yaml": "mine"}) == {"unchanged": 2}


def test_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("mine")
    (error,) = refused(tmp_path, {"a.yaml": "1"})
    assert "values.yaml" in error


def test_a_lost_index_is_made_again(tmp_path: Path) -> None:
    made(tmp_path, {"a.yaml": "1"})
    (tmp_path / INDEX).unlink()
    assert made(tmp_path, {"a.yaml": "1"}) == {"unchanged": 1}
    assert made(tmp_path, {}) == {"deleted": 1}


def test_an_edited_file_is_reported_and_overwritten_only_when_asked(tmp_path: Path) -> None:
    made(tmp_path, {"a.yaml": "1", "b.yaml": "1"})
    (tmp_path / "a.yaml").write_text("edited")
    (tmp_path / "b.yaml").write_text("edited")
    (error,) = refused(tmp_path, {"a.yaml": "2"})
    assert error.startswith("overwrite_edited: ")
    assert "2 files that were edited since they were made: a.yaml, b.yaml" in error
    # One that was edited to what is wanted now is well.
    assert made(tmp_path, {"a.yaml": "edited", "b.yaml": "edited"}) == {"unchanged": 2}
    (tmp_path / "a.yaml").write_text("secret text")
    found = plan(tmp_path, {"a.yaml": "2", "b.yaml": "edited"}, overwrite_edited=True)
    (change,) = found.changes
    assert change.result() == {"action": "updated", "path": "a.yaml", "edited": True}
    assert "secret" not in json.dumps(change.diff())
    carry_out(found)
    assert content(tmp_path) == {"a.yaml": "2", "b.yaml": "edited"}


def test_another_cluster_or_fleet_is_refused(tmp_path: Path) -> None:
    made(tmp_path, {"a.yaml": "1"})
    (error,) = refused(tmp_path, {"a.yaml": "1"}, fleet="other", cluster="hub")
    assert "is of the fleet 'default', not of 'other'" in error


@pytest.mark.parametrize(
    ("text", "problem"),
    [("{", "is not an index"), ("[]", "is not an index"), ('{"format": 1}', "is not an index"),
     ('{"format": 2, "cluster": "hub", "fleet": "default", "files": {}}', "the format 2")],
)  # fmt: skip
def test_an_unreadable_index_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / INDEX).write_text(text)
    (error,) = refused(tmp_path, {"a.yaml": "1"})
    assert problem in error


def test_what_cannot_be_written_to_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    assert "is not a folder" in refused(tmp_path / "file", {"a.yaml": "1"})[0]
    assert "is not a folder" in refused(tmp_path / "file" / "hub", {"a.yaml": "1"})[0]
    root = tmp_path / "hub"
    made(root, {"a.yaml": "1"})
    (root / "elsewhere").symlink_to(tmp_path)
    assert "is a link" in "".join(refused(root, {"a.yaml": "1", "elsewhere/b.yaml": "2"}))
    (root / "c.yaml").symlink_to(tmp_path / "file")
    assert "c.yaml (not a regular file)" in refused(root, {"a.yaml": "1", "c.yaml": "2"})[0]
    (root / "d.yaml").mkdir()
    assert "d.yaml is a folder" in refused(root, {"a.yaml": "1", "d.yaml": "2"})[0]
    # An administrator may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != root)
    assert f"{root} cannot be written to. Nothing is written" in refused(root, {"a.yaml": "2"})[0]


def test_an_interrupted_run_is_continued_with_other_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, {"a.yaml": "1", "b.yaml": "1", "c.yaml": "1"})
    apply = made_folder._apply
    calls: list[str] = []

    def failing(root: Path, change: made_folder.Change) -> None:
        calls.append(change.path)
        if len(calls) > 1:
            raise OSError(28, "No space left on device", str(root / change.path))
        apply(root, change)

    with monkeypatch.context() as patched:
        patched.setattr(made_folder, "_apply", failing)
        with pytest.raises(InputError, match=r"b.yaml could not be written: No space left on device. 1 of 4 files"):
            carry_out(plan(tmp_path, {"a.yaml": "2", "b.yaml": "2", "d.yaml": "2"}))
    assert made(tmp_path, {"a.yaml": "3", "b.yaml": "3"}) == {"updated": 2, "deleted": 1}
    assert content(tmp_path) == {"a.yaml": "3", "b.yaml": "3"}


def test_files_have_the_rights_that_any_program_gives_them(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        made(tmp_path, {"a.yaml": "1"})
    finally:
        os.umask(before)
    assert (tmp_path / "a.yaml").stat().st_mode & 0o777 == 0o640
