# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Objects that files describe instead of a cluster: read from folders of manifests, and found as in a cluster."""

from __future__ import annotations

import typing as t
from functools import partial
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.documents import (
    load,
    parse_document,
    unfolded,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.files import files_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import (
    Key,
    guess_plural,
    key_of,
    url_path,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.laid_over import metadata_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import PATIENT, Patience
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.selecting import chosen
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors

JsonObject = dict[str, t.Any]
# API group and kind, and whether objects of it have a namespace.
Kinds = t.Mapping[tuple[str, str], bool]

# A file of kustomize says what to do with others; Flux has a Kustomization of another group, which is an object.
_KUSTOMIZE = "kustomize.config.k8s.io"


def read_folders(sources: t.Sequence[str], *, kinds: Kinds, path: str) -> list[JsonObject]:
    """The objects of *kinds* in files and folders, each once.

    Documents that are no Kubernetes objects and objects of other kinds are left out. Raises InputError with all that is
    wrong: unreadable YAML with its file and line, an object that cannot be applied with its file and document, two that
    say different things of one object with both places. *path* is the option that names the sources.
    """
    found: dict[Key, tuple[str, JsonObject]] = {}
    with Collecting(None) as errors:
        if not sources:
            errors.add(path, "is required: the files and folders with the manifests of this cluster")
        for index, source in enumerate(sources):
            folder = Path(source)
            if not folder.exists():
                errors.add(f"{path}[{index}]", f"{source} does not exist")
                continue
            files = files_of(folder)
            if not files:
                errors.add(f"{path}[{index}]", f"{source} has no YAML or JSON file")
            for file in files:
                for place, obj in errors.attempt(partial(_objects_in, file, kinds=kinds)) or ():
                    _add(found, place, obj, errors=errors)
    return [obj for _place, obj in found.values()]


def _objects_in(file: Path, *, kinds: Kinds) -> list[tuple[str, JsonObject]]:
    """The objects of a file that are of *kinds*, each with its place; raises InputError."""
    documents = [one if _is_manifest(one) else {} for one in load(file)]
    found: list[tuple[str, JsonObject]] = []
    with Collecting(None) as errors:
        for place, obj in unfolded(documents, path=str(file), errors=errors):
            if _kind_of(obj) not in kinds:
                continue
            parsed = errors.attempt(partial(parse_document, obj, path=place))
            if parsed is None:
                continue
            if kinds[_kind_of(obj)] and not parsed["metadata"].get("namespace"):
                errors.add(f"{place}.metadata.namespace", "is required: the files do not say where this object lives")
            found.append((place, parsed))
    return found


def _is_manifest(document: t.Any) -> bool:
    """Whether a document is a Kubernetes object: values of a chart, comments and kustomize's own files are none."""
    if not isinstance(document, dict) or not document.get("kind") or not document.get("apiVersion"):
        return False
    return not str(document["apiVersion"]).startswith(_KUSTOMIZE)


def _kind_of(obj: JsonObject) -> tuple[str, str]:
    return str(obj.get("apiVersion") or "").rpartition("/")[0], str(obj.get("kind") or "")


def _add(found: dict[Key, tuple[str, JsonObject]], place: str, obj: JsonObject, *, errors: Errors) -> None:
    key = key_of(obj)
    if key not in found:
        found[key] = (place, obj)
    elif found[key][1] != obj:
        errors.add(
            place,
            f"{key} is in {found[key][0]} too, with other content: which one would be applied? "
            "Where one is a patch of the other, give the rendered files",
        )


class Described:
    """What files say, to be read as a cluster is."""

    def __init__(self, objects: t.Iterable[JsonObject]) -> None:
        self.patience: Patience = PATIENT
        self._objects = {key_of(obj): obj for obj in objects}
        self._paths = {_path_of(obj): obj for obj in self._objects.values()}

    def resource(self, api_version: str, kind: str) -> Resource:
        """The resource of a kind: files can have objects of any."""
        some = (obj for obj in self._objects.values() if obj["kind"] == kind)
        return Resource(
            api_version=api_version,
            kind=kind,
            plural=guess_plural(kind),
            namespaced=any(obj["metadata"].get("namespace") for obj in some),
            verbs=frozenset({"create", "get", "list"}),
        )

    def find(self, path: str, *, patience: Patience | None = None) -> JsonObject | None:
        """The object at a URL path, None if the files have none."""
        del patience
        return self._paths.get(path)

    def list_objects(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        selector: str | None = None,
        fields: str | None = None,
    ) -> list[JsonObject]:
        """All objects of a kind."""
        own = [obj for key, obj in self._objects.items() if (key.group, key.kind) == (resource.group, resource.kind)]
        inside = [obj for obj in own if namespace is None or obj["metadata"].get("namespace") == namespace]
        return chosen(inside, selector=selector, fields=fields)

    def list_metadata(
        self,
        resource: Resource,
        *,
        namespace: str | None = None,
        selector: str = "",
        patience: Patience | None = None,
    ) -> list[JsonObject]:
        """All objects of a kind, their metadata only."""
        del patience
        return [metadata_of(obj) for obj in self.list_objects(resource, namespace=namespace, selector=selector)]

    def forget_loss(self) -> None:
        """Files are not lost."""


def _path_of(obj: JsonObject) -> str:
    metadata = obj["metadata"]
    plural = guess_plural(obj["kind"])
    return url_path(obj["apiVersion"], plural, namespace=metadata.get("namespace"), name=metadata["name"])
