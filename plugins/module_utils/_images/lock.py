# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lock file: every image that a fleet uses, with the digest of its content, in the user's repository. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.block_yaml import START, dump
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import Unreadable, decode, parse
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.reference import (
    digest_problem,
    parse_reference,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest

FORMAT = 1
_KEYS = ("format", "images")
_HEAD = (
    "# The images of the fleet and the digests of their contents. The playbook images reads it, and writes it where it "
    "is\n# asked to update it. An empty digest is not known yet.\n"
)


def lock_text(digests: Mapping[str, str]) -> str:
    """The file with *digests* by images; the same images give the same bytes."""
    return START + _HEAD + dump([{"format": FORMAT, "images": dict(digests)}]).removeprefix(START)


def parse_lock(data: bytes, *, path: str, errors: Errors | None = None) -> dict[str, str]:
    """The digests of a lock file by images, empty where they are not known.

    What is wrong is noted in *errors*, or raised as InputError; *path* names the file in messages.
    """
    with Collecting(errors) as found:
        try:
            documents = parse(decode(data))
        except Unreadable as error:
            found.add(path, f"cannot be read: {error}")
            return {}
        whole = documents[0] if len(documents) == 1 else None
        if not isinstance(whole, dict):
            found.add(path, "must be one mapping with format and images")
            return {}
        for name in whole:
            if name not in _KEYS:
                found.add(f"{path}: {name}", f"unknown key; {nearest(str(name), _KEYS)}")
        if whole.get("format") != FORMAT:
            found.add(f"{path}: format", f"must be {FORMAT}, found {whole.get('format')!r}")
        images = whole.get("images")
        if not isinstance(images, dict):
            found.add(f"{path}: images", "must be a mapping of images to digests")
            return {}
        return {str(name): _entry(name, value, path=f"{path}: images", errors=found) for name, value in images.items()}


def _entry(name: object, value: object, *, path: str, errors: Errors) -> str:
    """The digest of one entry; an image has one form only, so that a wrong spelling is not another image."""
    place = f"{path}[{name}]"
    try:
        reference = parse_reference(str(name))
    except ValueError as error:
        errors.add(place, str(error))
        return ""
    if str(reference) != name:
        errors.add(place, f"must be written as {reference}")
    digest = "" if value is None else value
    if not isinstance(digest, str):
        errors.add(place, f"must be a digest, found {value!r}")
        return ""
    problem = digest_problem(digest) if digest else None
    if problem is not None:
        errors.add(place, problem)
    elif digest and reference.digest not in ("", digest):
        errors.add(place, f"is {digest}, and the image itself names {reference.digest}")
    return digest


def check_lock(used: Iterable[str], locked: Mapping[str, str], *, whole: bool, path: str, errors: Errors) -> None:
    """Note images that are *used* and not *locked*, and, if *used* are those of the *whole* fleet, the other way."""
    wanted = set(used)
    missing = sorted(wanted - set(locked))
    unused = sorted(set(locked) - wanted) if whole else []
    said = []
    if missing:
        said.append(f"has not these images, which the fleet uses: {first_of(missing)}")
    if unused:
        said.append(f"has these images, which no cluster uses: {first_of(unused)}")
    if said:
        errors.add(path, f"{'; '.join(said)}; update_lock writes it again")


def updated(used: Iterable[str], locked: Mapping[str, str], known: Mapping[str, str], *, whole: bool) -> dict[str, str]:
    """The digests of a lock file for the images that are *used*: as *locked*, else as the image itself or *known* says.

    Where *used* are not those of the *whole* fleet, all that is locked stays.
    """
    kept = {} if whole else dict(locked)
    for image in used:
        kept[image] = locked.get(image) or parse_reference(image).digest or known.get(image, "")
    return kept


def without_digest(used: Iterable[str], digests: Mapping[str, str]) -> list[str]:
    """The images that are *used*, whose content no digest fixes."""
    return sorted(image for image in used if not (digests.get(image) or parse_reference(image).digest))
