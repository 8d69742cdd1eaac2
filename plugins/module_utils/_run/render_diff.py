# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module render_diff does: two folders that render made, compared object by object."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.block_yaml import Foreign, documents, read
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import Unreadable, decode, parse
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import TEAM_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.render import CRDS, KUSTOMIZATION
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.files import write_private
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.made_folder import INDEX, digest, read_index
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.result import RESULT_BYTES, Room
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.difference_views import (
    as_json,
    as_markdown,
    as_text,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.differences import (
    CREATED,
    DELETED,
    UPDATED,
    Differences,
    ObjectChange,
    changes_of,
)

JsonObject = dict[str, t.Any]

NEVER, REMOVED, ANY = "never", "deleted", "any"
OPTIONS: JsonObject = {
    "before": {"type": "path", "required": True},
    "after": {"type": "path", "required": True},
    "fail_on": {"type": "str", "choices": [NEVER, REMOVED, ANY], "default": NEVER},
    "result_folder": {"type": "path"},
}
# The whole text is in a file; a result has its beginning.
TEXT_BYTES = RESULT_BYTES // 4


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of objects; *own*: whether it is as render made it, so that it has the one form that `read` knows."""

    place: Path
    content: bytes
    own: bool


def compare(before: Path, after: Path) -> Differences:
    """The differences between two folders; each is that of one cluster, or has a folder for each.

    A cluster that only one of them has was created or deleted with all of its objects. Raises InputError for folders
    that render did not make, and for files that cannot be read.
    """
    with Collecting(None) as errors:
        sides = [
            _clusters(folder, option=name, errors=errors) for name, folder in (("before", before), ("after", after))
        ]
    changes: list[ObjectChange] = []
    unchanged: dict[str, int] = {}
    with Collecting(None) as errors:
        for cluster in sorted(sides[0].keys() | sides[1].keys()):
            old, new = (_files(side.get(cluster), errors=errors) for side in sides)
            found, unchanged[cluster] = _of_cluster(cluster, old, new, errors=errors)
            changes += found
    changes.sort(key=lambda change: (change.place, change.key))
    return Differences(changes=tuple(changes), unchanged=unchanged)


def objects_of(folder: Path, *, option: str) -> dict[str, list[JsonObject]]:
    """The objects in a folder that render made, by clusters; CRDs are not read. Raises InputError as `compare` does."""
    with Collecting(None) as errors:
        places = _clusters(folder, option=option, errors=errors)
    found: dict[str, list[JsonObject]] = {}
    with Collecting(None) as errors:
        for cluster, root in sorted(places.items()):
            files = {
                path: file for path, file in _files(root, errors=errors).items() if not path.startswith(f"{CRDS}/")
            }
            texts = {(path, text): file.own for path, file in files.items() for text in _texts(file, errors=errors)}
            found[cluster] = [obj for _path, obj in _objects(texts, files=files, errors=errors).values()]
    return found


def _clusters(folder: Path, *, option: str, errors: Errors) -> dict[str, Path]:
    """The folders of clusters in *folder*, or itself, by the names in their indexes."""
    if not folder.is_dir():
        errors.add(option, f"{folder} is not a folder")
        return {}
    places = [folder] if (folder / INDEX).exists() else sorted(place.parent for place in folder.glob(f"*/{INDEX}"))
    if not places and any(folder.iterdir()):
        errors.add(option, f"{folder} was not made by render: neither it nor a folder in it has a file {INDEX}")
    found: dict[str, Path] = {}
    for place in places:
        about = errors.attempt(lambda: read_index(place)[0])  # noqa: B023 - called at once
        if about is None:
            continue
        if about["cluster"] in found:
            errors.add(option, f"{place} is of the cluster {about['cluster']!r}, as {found[about['cluster']]} is")
        found.setdefault(about["cluster"], place)
    return found


def _files(root: Path | None, *, errors: Errors) -> dict[str, File]:
    """The files of a cluster that render made, by their paths, without those that only name others."""
    if root is None:
        return {}
    found: dict[str, File] = {}
    for path, known in read_index(root)[1].items():
        if path.rpartition("/")[2] == KUSTOMIZATION:
            continue
        place = root / path
        try:
            content = place.read_bytes()
        except OSError as error:
            errors.add(str(place), f"cannot be read: {error.strerror or error}")
            continue
        found[path] = File(place=place, content=content, own=digest(content) in known)
    return found


def _of_cluster(
    cluster: str, before: dict[str, File], after: dict[str, File], *, errors: Errors
) -> tuple[list[ObjectChange], int]:
    """What differs, and the number of objects that are the same. Files and objects of equal bytes are not read."""
    equal = {path for path in before.keys() & after.keys() if before[path].content == after[path].content}
    same = sum(_number(before[path].content) for path in equal)
    texts = [
        {
            (path, text): file.own
            for path, file in side.items()
            if path not in equal
            for text in _texts(file, errors=errors)
        }
        for side in (before, after)
    ]
    words = [{text for _path, text in side} for side in texts]
    common = words[0] & words[1]
    same += len(common)
    old, new = (
        _objects({place: own for place, own in side.items() if place[1] not in common}, files=files, errors=errors)
        for side, files in zip(texts, (before, after), strict=True)
    )
    changes: list[ObjectChange] = []
    for key in old.keys() | new.keys():
        path, obj = new.get(key) or old[key]
        action = CREATED if key not in old else DELETED if key not in new else UPDATED
        fields = changes_of(key, old[key][1], new[key][1]) if action == UPDATED else ()
        if action == UPDATED and not fields:
            same += 1
            continue
        capability, _rest, _file = path.partition("/")
        team = (obj["metadata"].get("labels") or {}).get(TEAM_LABEL, "")
        changes.append(
            ObjectChange(cluster=cluster, capability=capability, team=team, action=action, key=key, fields=fields)
        )
    return changes, same


def _number(content: bytes) -> int:
    """How many documents a file has, each of which begins with a line of its own."""
    return (b"\n" + content).count(b"\n---\n")


def _texts(file: File, *, errors: Errors) -> list[str]:
    """The texts of a file's objects; a file that was edited by hand is one text."""
    try:
        text = decode(file.content)
        return documents(text) if file.own else [text]
    except (Unreadable, Foreign) as error:
        errors.add(str(file.place), str(error))
        return []


def _objects(
    texts: dict[tuple[str, str], bool], *, files: dict[str, File], errors: Errors
) -> dict[Key, tuple[str, JsonObject]]:
    found: dict[Key, tuple[str, JsonObject]] = {}
    for (path, text), own in texts.items():
        place = files[path].place
        try:
            objects = [read(text)] if own else parse(text)
            for obj in objects:
                found[key_of(obj)] = (path, obj)
        except (Unreadable, Foreign) as error:
            errors.add(str(place), str(error))
        except (KeyError, TypeError, AttributeError):
            errors.add(str(place), "has a document that is not a Kubernetes object with apiVersion, kind and a name")
    return found


def files_of(differences: Differences) -> dict[str, str]:
    """The texts of the files in a folder of results, by their names."""
    return {
        "differences.txt": as_text(differences),
        "differences.md": as_markdown(differences),
        "differences.json": json.dumps(as_json(differences), indent=1, ensure_ascii=False) + "\n",
    }


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    params = run.params
    differences = compare(Path(params["before"]), Path(params["after"]))
    room = Room(RESULT_BYTES // 2)
    listed = room.take(change.result() for change in differences.changes)
    left_out = len(differences.changes) - len(listed)
    text = as_text(differences)
    if params["result_folder"]:
        try:
            for name, content in files_of(differences).items():
                write_private(Path(params["result_folder"]) / name, content)
        except OSError as error:
            raise InputError("result_folder", f"the differences could not be written: {error}") from error
    return {
        "headline": differences.headline,
        "summary": differences.summary(),
        "differences": listed,
        **({"truncated": left_out} if left_out else {}),
        "text": text if len(text) <= TEXT_BYTES else f"{text[:TEXT_BYTES]}\n... (cut; result_folder has all)\n",
        "markdown": as_markdown(differences),
        "failure": _failure(differences, fail_on=params["fail_on"]),
    }


def _failure(differences: Differences, *, fail_on: str) -> str | None:
    found = [change for change in differences.changes if fail_on == ANY or (fail_on == change.action == DELETED)]
    if not found or fail_on == NEVER:
        return None
    named = first_of([f"{change.cluster}: {change.action} {change.key}" for change in found], separator="; ")
    return f"{differences.headline} (fail_on is {fail_on}): {named}"


DEFINITION = Definition(name="render_diff", options=OPTIONS, work=work, needs_cluster=False)
