# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Free-form Kubernetes objects: read, and checked for what every object needs."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.files import files_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import parse
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

JsonObject = dict[str, t.Any]


def parse_documents(documents: t.Sequence[t.Any], *, path: str) -> list[JsonObject]:
    """Check each document and unfold Lists; raises InputError with its place. Pure."""
    return [obj for index, document in enumerate(documents) for obj in _parse(document, path=f"{path}[{index}]")]


def _parse(document: t.Any, *, path: str) -> list[JsonObject]:
    if not isinstance(document, dict):
        raise InputError(path, "must be a Kubernetes object")
    if document.get("kind") == "List":
        return parse_documents(document.get("items") or [], path=f"{path}.items")
    for name in ("apiVersion", "kind", "metadata"):
        if not document.get(name):
            raise InputError(f"{path}.{name}", "is required")
    metadata = document["metadata"]
    if not isinstance(metadata, dict) or not metadata.get("name"):
        raise InputError(f"{path}.metadata.name", "is required (generateName cannot be applied)")
    if metadata.get("managedFields"):
        raise InputError(f"{path}.metadata.managedFields", "must not be given: this is an object as a server sent it")
    if document["kind"] == "Secret" and (document.get("data") or document.get("stringData")):
        raise InputError(
            path, f"Secret {metadata['name']} holds values; refer to an existing Secret: module arguments reach logs"
        )
    return [_without_nulls(document)]


def _without_nulls(value: t.Any) -> t.Any:
    """Server-side apply takes an explicit null as a value; what users mean is to leave the field out."""
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def read_documents(sources: t.Sequence[str]) -> list[JsonObject]:
    """The objects in files, and in all YAML and JSON files of folders, in the order of their names."""
    found: list[JsonObject] = []
    for index, source in enumerate(sources):
        path = Path(source)
        if not path.exists():
            raise InputError(f"src[{index}]", f"{source} does not exist")
        for file in files_of(path):
            found += parse_documents(_load(file, path=f"src[{index}]"), path=str(file))
    return found


def _load(file: Path, *, path: str) -> list[t.Any]:
    try:
        return list(parse(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(path, f"{file} cannot be read: {error}") from error
