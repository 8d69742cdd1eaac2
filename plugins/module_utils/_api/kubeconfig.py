# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading kubeconfig files: several joined, one context picked, every path in them made absolute."""

from __future__ import annotations

import os
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Unreachable
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import Unreadable, decode, parse
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of

JsonObject = dict[str, t.Any]

_CLUSTER_FILES = ("certificate-authority",)
_USER_FILES = ("client-certificate", "client-key", "tokenFile")


@dataclass(frozen=True, kw_only=True)
class Kubeconfig:
    """One context of a kubeconfig: its cluster and its user, and the folder that the user's file is in."""

    context: str
    cluster: JsonObject
    user: JsonObject
    folder: Path


def read(given: str, *, context: str) -> Kubeconfig:
    """The *context* of the files in *given*, joined by colons as in KUBECONFIG; the first that has a name wins.

    Raises Unreachable with the path as the user wrote it: what cannot be read leaves out one cluster only.
    """
    contexts: dict[str, JsonObject] = {}
    clusters: dict[str, JsonObject] = {}
    users: dict[str, tuple[JsonObject, Path]] = {}
    missing: list[str] = []
    paths = [path for path in str(given).split(os.pathsep) if path]
    for text in paths:
        path = Path(text).expanduser()
        try:
            document = _load(path, shown=text)
        except FileNotFoundError:
            missing.append(text)
            continue
        for item in _named(document, "contexts", shown=text):
            contexts.setdefault(item["name"], _mapping(item, "context", shown=text))
        for item in _named(document, "clusters", shown=text):
            found = _absolute(_mapping(item, "cluster", shown=text), _CLUSTER_FILES, folder=path.parent)
            clusters.setdefault(item["name"], found)
        for item in _named(document, "users", shown=text):
            found = _absolute(_mapping(item, "user", shown=text), _USER_FILES, folder=path.parent)
            users.setdefault(item["name"], (found, path.parent))
    if len(missing) == len(paths):
        raise Unreachable(f"the kubeconfig {given} does not exist on the machine where modules run")
    if context not in contexts:
        known = first_of(sorted(contexts)) or "none"
        raise Unreachable(f"the kubeconfig {given} has no context {context!r}; its contexts: {known}")
    names = contexts[context]
    cluster = clusters.get(str(names.get("cluster")))
    if cluster is None or not cluster.get("server"):
        raise Unreachable(
            f"the kubeconfig {given} has no cluster {str(names.get('cluster'))!r} with a server, which its context "
            f"{context!r} names"
        )
    if names.get("user") and names["user"] not in users:
        raise Unreachable(
            f"the kubeconfig {given} has no user {str(names['user'])!r}, which its context {context!r} names"
        )
    user, folder = users.get(str(names.get("user")), ({}, Path()))
    return Kubeconfig(context=context, cluster=cluster, user=user, folder=folder)


def _load(path: Path, *, shown: str) -> JsonObject:
    try:
        documents = parse(decode(path.read_bytes()))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreachable(f"the kubeconfig {shown} cannot be read: {error.strerror or error}") from error
    except Unreadable as error:
        # Not its reason, which may quote a value: there are tokens in this file.
        where = f" (line {error.line})" if error.line is not None else ""
        raise Unreachable(f"the kubeconfig {shown} is not YAML{where}") from error
    if len(documents) != 1 or not isinstance(documents[0], dict):
        raise Unreachable(f"the kubeconfig {shown} is not a kubeconfig: it must be one mapping")
    return documents[0]


def _named(document: JsonObject, part: str, *, shown: str) -> list[JsonObject]:
    items = document.get(part) or []
    if not isinstance(items, list) or not all(isinstance(item, dict) and "name" in item for item in items):
        raise Unreachable(f"the kubeconfig {shown} is not a kubeconfig: {part} must be a list of mappings with a name")
    return items


def _mapping(item: JsonObject, part: str, *, shown: str) -> JsonObject:
    found = item.get(part) or {}
    if not isinstance(found, dict):
        raise Unreachable(f"the kubeconfig {shown} is not a kubeconfig: {part} of {item['name']!r} must be a mapping")
    return found


def _absolute(found: JsonObject, names: t.Sequence[str], *, folder: Path) -> JsonObject:
    paths = {name: str(folder / str(found[name])) for name in names if found.get(name)}
    return {**found, **paths}
