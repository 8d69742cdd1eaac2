# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Free-form Kubernetes objects: read, and checked for what every object needs."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.files import files_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import (
    Unreadable,
    decode,
    parse,
    parse_with_lines,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.json_values import without_nulls
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors, InputError

JsonObject = dict[str, t.Any]

_LIST = "List"


def parse_documents(documents: t.Sequence[t.Any], *, path: str) -> list[JsonObject]:
    """Check each document and unfold lists; raises InputError with all that is wrong, each with its place. Pure."""
    found: list[JsonObject] = []
    with Collecting(None) as errors:
        for place, document in unfolded(documents, path=path, errors=errors):
            parsed = errors.attempt(partial(parse_document, document, path=place))
            found += [] if parsed is None else [parsed]
    return found


def unfolded(documents: t.Sequence[t.Any], *, path: str, errors: Errors) -> t.Iterator[tuple[str, JsonObject]]:
    """The objects of *documents*, and those in lists among them, each with its place.

    A list has a kind that ends in List, and ``items``. What it holds need not say its kind where the list does
    (RoleList), as for kubectl. What is not an object goes to *errors*.
    """
    for index, document in enumerate(documents):
        place = f"{path}[{index}]"
        if not isinstance(document, dict):
            errors.add(place, f"must be a Kubernetes object, found {_shown(document)}")
        elif not _is_list(document):
            yield place, document
        elif not isinstance(document.get("items") or [], list):
            errors.add(f"{place}.items", f"must be a list of objects, found {_shown(document['items'])}")
        else:
            items = [_with_kind(item, document) for item in document.get("items") or []]
            yield from unfolded(items, path=f"{place}.items", errors=errors)


def _is_list(document: JsonObject) -> bool:
    kind = document.get("kind")
    return kind == _LIST or (isinstance(kind, str) and kind.endswith(_LIST) and "items" in document)


def _with_kind(item: t.Any, holder: JsonObject) -> t.Any:
    kind = holder["kind"].removesuffix(_LIST)
    if not kind or not isinstance(item, dict) or item.get("kind"):
        return item
    return {**item, "apiVersion": holder.get("apiVersion"), "kind": kind}


def parse_document(document: JsonObject, *, path: str) -> JsonObject:
    """Check what every object needs, and leave out nulls; raises InputError. Pure."""
    for name in ("apiVersion", "kind", "metadata"):
        if not document.get(name):
            raise InputError(f"{path}.{name}", "is required")
    metadata = document["metadata"]
    if not isinstance(metadata, dict) or metadata.get("name") in (None, ""):
        raise InputError(f"{path}.metadata.name", "is required (generateName cannot be applied)")
    _require_text(document, ("apiVersion", "kind"), path=path)
    _require_text(metadata, ("name", "namespace"), path=f"{path}.metadata")
    for name in ("labels", "annotations"):
        given = metadata.get(name) or {}
        if not isinstance(given, dict):
            raise InputError(f"{path}.metadata.{name}", f"must be a mapping, found {_shown(given)}")
        _require_text(given, given, path=f"{path}.metadata.{name}")
    if metadata.get("managedFields"):
        raise InputError(f"{path}.metadata.managedFields", "must not be given: this is an object as a server sent it")
    if document["kind"] == "Secret" and (document.get("data") or document.get("stringData")):
        raise InputError(
            path, f"Secret {metadata['name']} holds values; refer to an existing Secret: module arguments reach logs"
        )
    return t.cast(JsonObject, without_nulls(document))


def _require_text(holder: JsonObject, names: t.Iterable[str], *, path: str) -> None:
    """Refuse what YAML reads as something else than text where Kubernetes takes text only: ``yes``, ``1.10``."""
    for name in names:
        value = holder.get(name)
        if value is not None and not isinstance(value, str):
            raise InputError(f"{path}.{name}", f"must be text, found {_shown(value)}{_quote_it(value)}")


def _quote_it(value: t.Any) -> str:
    return "" if isinstance(value, (dict, list)) else "; put it in quotes"


def _shown(value: t.Any) -> str:
    """What a value is, in the words of YAML, and the value itself where it is short and no text."""
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if value is None:
        return "nothing"
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else "text"


def read_documents(sources: t.Sequence[str]) -> list[JsonObject]:
    """The objects in files, and in all YAML and JSON files of folders, in the order of their names.

    Raises InputError with all that is wrong: the place begins with the file.
    """
    found: list[JsonObject] = []
    with Collecting(None) as errors:
        for index, source in enumerate(sources):
            path = Path(source)
            if not path.exists():
                errors.add(f"src[{index}]", f"{source} does not exist")
                continue
            for file in files_of(path):
                found += errors.attempt(partial(_read_documents, file)) or []
    return found


@dataclass(frozen=True, kw_only=True)
class Located:
    """An object of a file, and the line on which its document begins."""

    file: str
    line: int
    obj: JsonObject


def read_located(sources: t.Sequence[str], *, path: str) -> tuple[list[Located], list[str]]:
    """The objects in files and folders with their places, and what is wrong with the rest, one sentence each.

    A document without a kind is not an object, and is left out: folders hold values and settings, too. Raises
    InputError for a source that does not exist.
    """
    found: list[Located] = []
    wrong: list[str] = []
    for index, source in enumerate(sources):
        if not Path(source).exists():
            raise InputError(f"{path}[{index}]", f"{source} does not exist")
        for file in files_of(Path(source)):
            try:
                documents = parse_with_lines(decode(read_bytes(file)))
            except Unreadable as error:
                wrong.append(f"{file}: {error}")
                continue
            except InputError as error:
                wrong.append(str(error))
                continue
            for line, document in documents:
                if isinstance(document, dict) and document.get("kind"):
                    errors = Errors()
                    objects = [obj for _place, obj in unfolded([document], path=str(file), errors=errors)]
                    found += [Located(file=str(file), line=line, obj=obj) for obj in objects]
                    wrong += [f"{file}:{line}: {error.message}" for error in errors.sorted()]
    return found, wrong


def _read_documents(file: Path) -> list[JsonObject]:
    return parse_documents(load(file), path=str(file))


def load(file: Path) -> list[t.Any]:
    """All documents of a YAML or JSON file, unchecked; raises InputError with the file, the line and the reason."""
    try:
        return parse(decode(read_bytes(file)))
    except Unreadable as error:
        raise InputError(str(file), str(error)) from error


def read_bytes(file: Path) -> bytes:
    """The content of a file; raises InputError with the reason of the system."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError(str(file), f"cannot be read: {error.strerror or error}") from error
