# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The index: which versions of each component there are to upgrade to, from a file or from tags of images. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import Unreadable, decode, parse
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.components import COMPONENTS
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.versions import (
    Version,
    parse_version,
    version_or_none,
)

FORMAT = 1
_KEYS = ("format", "components")


def parse_index(data: bytes, *, path: str, errors: Errors | None = None) -> dict[str, tuple[Version, ...]]:
    """The versions of each component that a file of YAML or JSON offers, the oldest first.

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
            found.add(path, "must be one mapping with format and components")
            return {}
        for name in whole:
            if name not in _KEYS:
                found.add(f"{path}: {name}", f"unknown key; {nearest(str(name), _KEYS)}")
        if whole.get("format") != FORMAT:
            found.add(f"{path}: format", f"must be {FORMAT}, found {whole.get('format')!r}")
        components = whole.get("components")
        if not isinstance(components, dict):
            found.add(f"{path}: components", "must be a mapping of components to lists of versions")
            return {}
        return {
            str(name): _offered(name, given, path=f"{path}: components.{name}", errors=found)
            for name, given in components.items()
        }


def _offered(name: object, given: t.Any, *, path: str, errors: Errors) -> tuple[Version, ...]:
    """The versions of one component."""
    if name not in COMPONENTS:
        errors.add(path, f"unknown component; {nearest(str(name), COMPONENTS)}")
    if not isinstance(given, list):
        errors.add(path, f"must be a list of versions, found {given!r}")
        return ()
    versions = []
    for number, text in enumerate(given):
        if not isinstance(text, str):
            # YAML reads 0.93 as a number, and 0.90 as the same as 0.9.
            errors.add(f"{path}[{number}]", f"must be a text in quotes, found {text!r}")
            continue
        try:
            versions.append(parse_version(text))
        except ValueError as error:
            errors.add(f"{path}[{number}]", str(error))
    return tuple(sorted(set(versions)))


def offered_by(tags: Iterable[str]) -> tuple[Version, ...]:
    """The versions among the *tags* of an image, the oldest first; other tags, such as ``latest``, do not count."""
    return tuple(sorted({version for tag in tags if (version := version_or_none(tag)) is not None}))
