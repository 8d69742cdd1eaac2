# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module upgrade_outdated does: pins, running versions and an index, compared for one cluster."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base import versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.engine import live_crds
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import VERSION_ANNOTATION
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.inventory import CONTAINERS, inventory_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.reference import parse_reference
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.registry import (
    Registries,
    RegistryError,
    read_credentials,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.running import own_pods, places_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.upstream import upstream_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images import NOTHING, SOURCE
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images import OPTIONS as IMAGES_OPTIONS
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images_info import INPUT, objects_of_cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import SET_OPTIONS, cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run, shared_namespaces
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.components import (
    COLLECTION,
    COMPONENTS,
    CRDS,
    component_of,
    versions_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.index import offered_by, parse_index
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.outdated import Row, rows_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.versions import Version

JsonObject = dict[str, t.Any]

NEVER, OUTDATED = "never", "outdated"
OPTIONS: JsonObject = cluster_options(
    {
        **INPUT,
        "crds_version": {"type": "str"},
        "index": {"type": "path"},
        **{name: IMAGES_OPTIONS[name] for name in ("ask", "credentials_file", "plain_http")},
        # ca_cert is that of the API server.
        "registry_ca_cert": IMAGES_OPTIONS["ca_cert"],
        "fail_on": {"type": "str", "choices": [NEVER, OUTDATED], "default": NEVER},
        "shared_namespaces": SET_OPTIONS["shared_namespaces"],
    }
)


@dataclass(kw_only=True)
class _Found:
    """Versions by component, and why those of others are not known."""

    versions: dict[str, list[str]] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    params = run.params
    require(grammar.label_value, params["cluster"], path="cluster")
    # All of the input, before anything is asked.
    index = _index(params["index"])
    registries = Registries(
        credentials=read_credentials(_path(params["credentials_file"])),
        plain_http=frozenset(params["plain_http"]),
        ca_cert=_path(params["registry_ca_cert"]),
    )
    objects = objects_of_cluster(params["capabilities"])
    shared = shared_namespaces(params["shared_namespaces"])
    images = list(inventory_of(objects).images)
    pinned = {COLLECTION: [versions.COLLECTION], **versions_of(images)}
    if "operator" in pinned:
        pinned[CRDS] = [params["crds_version"] or pinned["operator"][0]]
    running = _running(run, objects, shared=shared)
    # This collection is what runs.
    running.versions[COLLECTION] = [versions.COLLECTION]
    offered, unasked = _offered(images, index, registries, ask=params["ask"])
    rows = rows_of(
        params["cluster"],
        pinned=pinned,
        running=running.versions,
        unread=running.unknown,
        offered=offered,
        unasked=unasked,
    )
    return {
        "outdated": any(row.is_outdated or row.is_unknown for row in rows),
        "rows": [row.result() for row in rows],
        "text": "".join(f"{row}\n" for row in rows),
        "failure": _failure(params["cluster"], rows) if params["fail_on"] == OUTDATED else None,
    }


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _index(path: str | None) -> dict[str, tuple[Version, ...]]:
    if not path:
        return {}
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError("index", f"{path} cannot be read: {error.strerror or error}") from error
    return parse_index(data, path=f"index: {path}")


def _running(run: Run, objects: Sequence[JsonObject], *, shared: frozenset[str]) -> _Found:
    """The versions that run in the cluster; what cannot be read is noted for each component that it hides."""
    try:
        return _read(run, objects, shared=shared)
    except ClusterError as error:
        return _Found(unknown=dict.fromkeys((one for one in COMPONENTS if one != COLLECTION), str(error)))


def _read(run: Run, objects: Sequence[JsonObject], *, shared: frozenset[str]) -> _Found:
    cluster, found = run.cluster, _Found()
    run.progress.step("reading the CRDs")
    try:
        marks = {(crd["metadata"].get("annotations") or {}).get(VERSION_ANNOTATION, "") for crd in live_crds(cluster)}
        found.versions[CRDS] = sorted(marks - {""})
    except ApiError as error:
        found.unknown[CRDS] = error.server_message
    run.progress.step("reading pods")
    resource = cluster.resource("v1", "Pod")
    images: list[str] = []
    unread: list[str] = []
    for namespace, labels in sorted(places_of(objects).items()):
        try:
            pods = cluster.list_objects(resource, namespace=namespace) if resource is not None else []
        except ApiError as error:
            unread.append(f"pods of namespace {namespace}: {error.server_message}")
            continue
        counted = own_pods(pods, labels, shared=namespace in shared)
        images += [one["image"] for pod in counted for group in CONTAINERS for one in pod["spec"].get(group) or ()]
    found.versions |= versions_of(images)
    if unread:
        # Any component may run where nothing could be read.
        found.unknown |= dict.fromkeys(
            (one for one in COMPONENTS if one not in (COLLECTION, CRDS)), first_of(unread, separator="; ")
        )
    return found


def _offered(
    images: Sequence[str], index: Mapping[str, Sequence[Version]], registries: Registries, *, ask: str
) -> tuple[dict[str, Sequence[Version]], dict[str, str]]:
    """What there is of each component, and why that is not known: the index counts before the registries."""
    offered: dict[str, Sequence[Version]] = dict(index)
    unasked: dict[str, str] = {}
    if ask == NOTHING:
        return offered, unasked
    for image in images:
        named = component_of(image)
        if named is None or named[0] in offered or named[0] in unasked:
            continue
        try:
            reference = upstream_of(image) if ask == SOURCE else parse_reference(image)
            offered[named[0]] = offered_by(registries.tags(reference))
        except RegistryError as error:
            unasked[named[0]] = str(error)
    # The CRDs are of the operator's releases.
    if "operator" in offered:
        offered.setdefault(CRDS, offered["operator"])
    return offered, unasked


def _failure(cluster: str, rows: Sequence[Row]) -> str | None:
    outdated = [row.component for row in rows if row.is_outdated]
    unknown = [row.component for row in rows if row.is_unknown and not row.is_outdated]
    parts = [
        *([f"outdated: {first_of(outdated)}"] if outdated else []),
        *([f"not known: {first_of(unknown)}"] if unknown else []),
    ]
    return f"{cluster}: {'; '.join(parts)}" if parts else None


DEFINITION = Definition(name="upgrade_outdated", options=OPTIONS, work=work, needs_promql=True)
