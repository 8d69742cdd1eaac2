# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A folder of files that a module makes, again and again: it touches no file that it did not make.

An index in the folder says which files a former run made, each with its digest. So a file of others and one that was
edited by hand are known, and reported before anything is written.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import typing as t
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.files import write_shared

JsonObject = dict[str, t.Any]

# Without an ending that a reader of manifests looks for.
INDEX = ".promfleet-render"
FORMAT = 1
CREATED, UPDATED, DELETED = "created", "updated", "deleted"
_NAMED = 10


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is to become of one file; a text that is None is that of no file, or of one that is not shown."""

    path: str
    action: str
    before: bytes | None
    after: bytes | None
    edited: bool = False

    def result(self) -> JsonObject:
        """The change in a module's result."""
        return {"action": self.action, "path": self.path, **({"edited": True} if self.edited else {})}

    def diff(self) -> JsonObject:
        """The change as Ansible shows it; what people wrote into a file of ours may be a secret and is not shown."""
        header = f"{self.path} ({self.action})"
        before = "(edited by hand)\n" if self.edited else (self.before or b"").decode()
        after = (self.after or b"").decode()
        return {"before_header": header, "after_header": header, "before": before, "after": after}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a folder becomes what it is to be; *foreign* are files in it that nothing is done to."""

    root: Path
    wanted: Mapping[str, bytes]
    changes: tuple[Change, ...]
    foreign: tuple[str, ...]
    about: Mapping[str, str]
    index: Mapping[str, tuple[str, ...]]

    @property
    def counts(self) -> dict[str, int]:
        """The number of files for each action, and of those that are unchanged."""
        actions = [change.action for change in self.changes]
        counts = {action: actions.count(action) for action in (CREATED, UPDATED, DELETED)}
        return {**counts, "unchanged": len(self.wanted) - counts[CREATED] - counts[UPDATED]}

    @property
    def changed(self) -> bool:
        """Whether a run writes anything. An index alone does not count."""
        return bool(self.changes)


@dataclass(kw_only=True)
class _Found:
    """The files of a folder as they are: what the index says of them, and their content."""

    about: JsonObject = field(default_factory=dict)
    index: dict[str, tuple[str, ...]] = field(default_factory=dict)
    files: dict[str, bytes | None] = field(default_factory=dict)


def digest(content: bytes) -> str:
    """What the index says of a file with this content."""
    return hashlib.sha256(content).hexdigest()


def read_index(root: Path) -> tuple[JsonObject, dict[str, tuple[str, ...]]]:
    """What the index of a folder is about, and the digests that each file may have; empty if it has none.

    Raises InputError for an index that cannot be read.
    """
    place = root / INDEX
    try:
        raw = json.loads(place.read_bytes())
        about = {name: raw[name] for name in ("cluster", "fleet")}
        files = {path: tuple([known] if isinstance(known, str) else known) for path, known in raw["files"].items()}
    except FileNotFoundError:
        return {}, {}
    except OSError as error:
        raise InputError("folder", f"{place} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            "folder", f"{place} is not an index of this collection ({error!r}); restore it, or remove {root}"
        ) from error
    if raw.get("format") != FORMAT:
        raise InputError("folder", f"{place} has the format {raw.get('format')!r}, which this version does not know")
    return about, files


def make_plan(root: Path, wanted: Mapping[str, bytes], *, about: Mapping[str, str], overwrite_edited: bool) -> Plan:
    """What to do so that the folder *root* has the files *wanted*, by their paths, and none that a former run made.

    *about* says for whom the files are: an index of another fleet or cluster is refused. Raises InputError with all
    that keeps the files from being written: files of others, files that were edited by hand (unless
    *overwrite_edited*), links, and places that cannot be written to.
    """
    found = _look(root)
    with Collecting(None) as errors:
        _check_owner(root, found, about=about, errors=errors)
    changes: list[Change] = []
    others: list[str] = []
    edited: list[str] = []
    for path in sorted(wanted.keys() | found.index.keys()):
        live, after = found.files.get(path), wanted.get(path)
        if path in found.files and live is None:
            others.append(f"{path} (not a regular file)")
        if live == after or (path in found.files and live is None):
            continue
        known = found.index.get(path)
        is_edited = live is not None and known is not None and digest(live) not in known
        if live is not None and known is None:
            others.append(path)
        if is_edited:
            edited.append(path)
        action = CREATED if live is None else UPDATED if after is not None else DELETED
        changes.append(Change(path=path, action=action, before=live, after=after, edited=is_edited))
    foreign = sorted(found.files.keys() - found.index.keys() - wanted.keys())
    with Collecting(None) as errors:
        if not found.index and foreign:
            others += foreign
        _refuse(root, others=sorted(set(others)), edited=[] if overwrite_edited else edited, errors=errors)
        _check_places(root, changes, errors=errors)
    return Plan(
        root=root, wanted=wanted, changes=tuple(changes), foreign=tuple(foreign), about=about, index=found.index
    )


def _look(root: Path) -> _Found:
    if not root.is_dir():
        if root.exists() or root.is_symlink():
            raise InputError("folder", f"{root} is not a folder")
        return _Found()
    about, index = read_index(root)
    found = _Found(about=about, index=index)
    try:
        for path in _paths(root):
            if path != INDEX:
                place = root / path
                regular = place.is_file() and not place.is_symlink()
                found.files[path] = place.read_bytes() if regular else None
    except OSError as error:
        raise InputError("folder", f"{error.filename} cannot be read: {error.strerror}") from error
    return found


def _paths(root: Path) -> Iterator[str]:
    """The paths of all that is below *root* and is not a folder; hidden files and folders are left out.

    A link to a folder is a link, and what is behind it is not looked at.
    """

    def fail(error: OSError) -> None:
        raise error

    for folder, folders, names in os.walk(root, onerror=fail):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        folders[:] = [name for name in folders if not name.startswith(".") and name not in links]
        for name in [*names, *links]:
            if not name.startswith("."):
                yield str(Path(folder, name).relative_to(root))


def _check_owner(root: Path, found: _Found, *, about: Mapping[str, str], errors: Errors) -> None:
    for name, value in about.items():
        if found.about and found.about[name] != value:
            errors.add(
                "folder", f"{root} is of the {name} {found.about[name]!r}, not of {value!r}; give another folder"
            )


def _refuse(root: Path, *, others: list[str], edited: list[str], errors: Errors) -> None:
    if others:
        errors.add(
            "folder",
            f"{root} has {len(others)} files that were not made by this module: {first_of(others, _NAMED)}. Nothing "
            "is written; move them away, or give another folder",
        )
    if edited:
        errors.add(
            "overwrite_edited",
            f"{root} has {len(edited)} files that were edited since they were made: {first_of(edited, _NAMED)}. "
            "Nothing is written; put the changes into the inventory, or set this to true to lose them",
        )


def _check_places(root: Path, changes: list[Change], *, errors: Errors) -> None:
    """Note the folders that cannot be written to; a folder that does not exist yet counts as the one above it."""
    wrong = {
        root / change.path: "is a folder"
        for change in changes
        if change.before is None and (root / change.path).is_dir()
    }
    known: dict[Path, bool] = {}

    def look(place: Path) -> bool:
        """Whether a folder, or the one above that there is, can be written to; what cannot is noted."""
        if place not in known:
            if place.is_symlink() and root in place.parents:
                wrong[place] = "is a link"
            elif not place.exists():
                known[place] = look(place.parent)
                return known[place]
            elif not place.is_dir():
                wrong[place] = "is not a folder"
            elif not os.access(place, os.W_OK | os.X_OK):
                wrong[place] = "cannot be written to"
            known[place] = place not in wrong and (root not in place.parents or look(place.parent))
        return known[place]

    for place in sorted({root, *((root / change.path).parent for change in changes)}):
        look(place)
    if wrong:
        named = [f"{place} {problem}" for place, problem in wrong.items()]
        errors.add("folder", f"{first_of(named, _NAMED, separator='; ')}. Nothing is written")


def carry_out(plan: Plan) -> None:
    """Write and delete files as *plan* says; raises InputError where the system refuses a write.

    A run that ends half-way leaves an index with both contents of each file, so that the next one goes on.
    """
    digests = {path: digest(content) for path, content in plan.wanted.items()}
    final = {path: (one,) for path, one in digests.items()}
    if not plan.changes and plan.index == final:
        return
    done = 0
    try:
        plan.root.mkdir(parents=True, exist_ok=True)
        if plan.changes:
            both = {
                path: tuple(sorted({*plan.index.get(path, ()), *final.get(path, ())})) for path in {*plan.index, *final}
            }
            _write_index(plan, both)
        for change in plan.changes:
            _apply(plan.root, change)
            done += 1
        _write_index(plan, final)
    except OSError as error:
        raise InputError(
            "folder",
            f"{error.filename or plan.root} could not be written: {error.strerror or error}. {done} of "
            f"{len(plan.changes)} files are as wanted; run again",
        ) from error


def _apply(root: Path, change: Change) -> None:
    place = root / change.path
    if change.after is not None:
        try:
            write_shared(place, change.after)
        except FileNotFoundError:
            # Most files are beside others: asking for the folder of each takes as long as writing it.
            place.parent.mkdir(parents=True, exist_ok=True)
            write_shared(place, change.after)
        return
    place.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # a folder that still has something
        for folder in place.parents:
            if folder == root:
                break
            folder.rmdir()


def _write_index(plan: Plan, files: Mapping[str, tuple[str, ...]]) -> None:
    shown = {path: known[0] if len(known) == 1 else list(known) for path, known in sorted(files.items())}
    whole = {"format": FORMAT, **plan.about, "files": shown}
    write_shared(plan.root / INDEX, (json.dumps(whole, indent=1, ensure_ascii=False) + "\n").encode())
