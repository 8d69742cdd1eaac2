# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module images does: the images of a fleet, its lock file, and lists for the programs that copy images."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.formats import (
    FORMATS,
    MADE,
    deletions,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.lock import (
    check_lock,
    lock_text,
    parse_lock,
    updated,
    without_digest,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.mapping import (
    Copy,
    checked_mirrors,
    copies_of,
    targets_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.reference import (
    Reference,
    parse_reference,
    reference_problem,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.registry import (
    Registries,
    RegistryError,
    read_credentials,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.files import write_shared
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

JsonObject = dict[str, t.Any]

NOTHING, SOURCE, TARGET = "nothing", "source", "target"
OPTIONS: JsonObject = {
    "inventories": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "cluster": {"type": "str", "required": True},
            "images": {"type": "list", "elements": "str", "required": True},
        },
    },
    "whole_fleet": {"type": "bool", "default": True},
    "mirrors": {"type": "dict", "default": {}},
    "lock": {"type": "path"},
    "update_lock": {"type": "bool", "default": False},
    "former_lock": {"type": "path"},
    "require_digests": {"type": "bool", "default": False},
    "ask": {"type": "str", "choices": [NOTHING, SOURCE, TARGET], "default": NOTHING},
    "credentials_file": {"type": "path"},
    "plain_http": {"type": "list", "elements": "str", "default": []},
    "ca_cert": {"type": "path"},
    "formats": {"type": "list", "elements": "str", "choices": list(FORMATS), "default": []},
    "folder": {"type": "path"},
}


@dataclass(frozen=True, kw_only=True)
class _File:
    """A file that is to have a text; *before* is what it has, None if it does not exist."""

    path: Path
    text: str
    before: str | None

    @property
    def action(self) -> str:
        """What becomes of it."""
        return "created" if self.before is None else "updated" if self.before != self.text else "unchanged"

    def diff(self) -> JsonObject:
        """The change as Ansible shows it."""
        header = f"{self.path} ({self.action})"
        return {"before_header": header, "after_header": header, "before": self.before or "", "after": self.text}


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    params = run.params
    _check_together(params)
    copies, mirrors = _copies(params)
    used = sorted({copy.source for copy in copies})
    locked, former = _locks(params)
    with Collecting(None) as errors:
        known = _asked(params, copies, locked, errors=errors)
        whole = bool(params["whole_fleet"])
        if params["lock"] and not params["update_lock"]:
            check_lock(used, locked, whole=whole, path=params["lock"], errors=errors)
        digests = updated(used, locked, known, whole=whole)
        missing = without_digest(used, digests)
        if params["require_digests"] and missing:
            errors.add("require_digests", f"no digest is known of {first_of(missing)}; {_how(params)}")
    gone = sorted(set(former) - set(used)) if whole else []
    deleted = sorted({target for source in gone for target in targets_of(source, copies, mirrors)})
    files = _files(params, copies, digests, gone=gone, deleted=deleted)
    if not run.check:
        _write(files)
    changed = [file for file in files if file.action != "unchanged"]
    return {
        "changed": bool(changed),
        "images": [_row(copy, digests) for copy in copies],
        "delete": deleted,
        "files": [{"path": str(file.path), "action": file.action} for file in changed],
        "text": _text(copies, digests, missing=missing, deleted=deleted),
        "diff": lambda: [file.diff() for file in changed],
    }


def _check_together(params: Mapping[str, t.Any]) -> None:
    with Collecting(None) as errors:
        if params["formats"] and not params["folder"]:
            errors.add("folder", "is required with formats: the place for the lists")
        if params["update_lock"] and not params["lock"]:
            errors.add("lock", "is required with update_lock: the file to write")


def _copies(params: Mapping[str, t.Any]) -> tuple[list[Copy], dict[str, str]]:
    """What is copied where, and the mirrors; raises InputError with all that is wrong in the images."""
    with Collecting(None) as errors:
        mirrors = checked_mirrors(params["mirrors"], errors=errors)
        pulled: dict[str, list[str]] = {}
        for number, entry in enumerate(params["inventories"]):
            place = f"inventories[{number}]"
            for index, image in enumerate(entry["images"]):
                require(reference_problem, image, path=f"{place}.images[{index}]", errors=errors)
            if entry["cluster"] in pulled:
                errors.add(f"{place}.cluster", f"{entry['cluster']!r} is in the list already")
            pulled[entry["cluster"]] = entry["images"]
    return copies_of(pulled, mirrors), mirrors


def _locks(params: Mapping[str, t.Any]) -> tuple[dict[str, str], dict[str, str]]:
    """What is locked, and what was: in the former lock file, by default in the same one as it is now."""
    locked: dict[str, str] = {}
    if params["lock"]:
        locked = _lock(Path(params["lock"]), option="lock", needed=not params["update_lock"])
    if params["former_lock"]:
        return locked, _lock(Path(params["former_lock"]), option="former_lock", needed=True)
    return locked, locked


def _lock(path: Path, *, option: str, needed: bool) -> dict[str, str]:
    try:
        return parse_lock(path.read_bytes(), path=str(path))
    except FileNotFoundError as error:
        if not needed:
            return {}
        more = "; update_lock makes it" if option == "lock" else ""
        raise InputError(option, f"{path} does not exist{more}") from error
    except OSError as error:
        raise InputError(option, f"{path} cannot be read: {error.strerror or error}") from error


def _asked(
    params: Mapping[str, t.Any], copies: Sequence[Copy], locked: Mapping[str, str], *, errors: Errors
) -> dict[str, str]:
    """The digests by sources that registries give; what they do not have, or have otherwise, is noted."""
    known: dict[str, str] = {}
    asked = params["ask"] != NOTHING
    # A file that is still to be made is not read before it counts.
    credentials = Path(params["credentials_file"]) if params["credentials_file"] and asked else None
    registries = Registries(
        credentials=read_credentials(credentials),
        plain_http=frozenset(params["plain_http"]),
        ca_cert=Path(params["ca_cert"]) if params["ca_cert"] else None,
    )
    for copy in copies if asked else ():
        name = copy.source if params["ask"] == SOURCE else copy.target
        place = f"ask: {name}"
        found = _digest(registries, parse_reference(name), place=place, errors=errors)
        expected = locked.get(copy.source) or known.get(copy.source) or found
        if found and expected != found:
            errors.add(place, f"the registry has {found}, and {copy.source} is locked as {expected}")
        if found:
            known[copy.source] = found
    return known


def _digest(registries: Registries, image: Reference, *, place: str, errors: Errors) -> str:
    try:
        found = registries.digest(image)
    except RegistryError as error:
        errors.add(place, str(error))
        return ""
    if found is None:
        errors.add(place, f"{image.registry} does not have this image")
    return found or ""


def _how(params: Mapping[str, t.Any]) -> str:
    if not params["lock"]:
        return "give lock, with their digests"
    return f"write them into {params['lock']}, or give ask, and update_lock"


def _files(
    params: Mapping[str, t.Any],
    copies: Sequence[Copy],
    digests: Mapping[str, str],
    *,
    gone: Sequence[str],
    deleted: Sequence[str],
) -> list[_File]:
    """All files that the run is to write; raises InputError where one of others is in the way."""
    texts: dict[Path, str] = {}
    if params["folder"]:
        made = {name: text for chosen in params["formats"] for name, text in FORMATS[chosen](copies, digests).items()}
        made |= deletions(deleted, gone, formats=params["formats"])
        texts = {Path(params["folder"]) / name: text for name, text in made.items()}
    if params["lock"] and params["update_lock"]:
        texts[Path(params["lock"])] = lock_text(digests)
    with Collecting(None) as errors:
        return [_file(path, text, errors=errors) for path, text in sorted(texts.items())]


def _file(path: Path, text: str, *, errors: Errors) -> _File:
    before = None
    try:
        before = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError) as error:
        errors.add("folder", f"{path} cannot be read: {error}")
    if before is not None and MADE in text and MADE not in before:
        errors.add("folder", f"{path} was not made by this module; move it away, or give another folder")
    return _File(path=path, text=text, before=before)


def _write(files: Sequence[_File]) -> None:
    for file in files:
        if file.action != "unchanged":
            try:
                file.path.parent.mkdir(parents=True, exist_ok=True)
                write_shared(file.path, file.text.encode())
            except OSError as error:
                raise InputError("folder", f"{file.path} could not be written: {error.strerror or error}") from error


def _row(copy: Copy, digests: Mapping[str, str]) -> JsonObject:
    return {
        "source": copy.source,
        "target": copy.target,
        "digest": digests.get(copy.source, ""),
        "clusters": list(copy.clusters),
    }


def _text(copies: Sequence[Copy], digests: Mapping[str, str], *, missing: Sequence[str], deleted: Sequence[str]) -> str:
    lines = []
    for copy in copies:
        lines.append(copy.source)
        lines += [f"  copied to {copy.target}"] if copy.is_moved else []
        lines.append(f"  {digests.get(copy.source) or 'no digest is known'}")
        lines.append(f"  pulled by {first_of(copy.clusters)}")
    images = len({copy.source for copy in copies})
    lines.append(f"images: {images}, without a digest: {len(missing)}, no longer used in the mirror: {len(deleted)}")
    lines += [f"  {target}" for target in deleted]
    return "".join(f"{line}\n" for line in lines)


DEFINITION = Definition(name="images", options=OPTIONS, work=work, needs_cluster=False)
