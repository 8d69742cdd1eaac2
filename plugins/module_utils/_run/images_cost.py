# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module images_cost does: two folders that render made, compared by what clusters need for them."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._images.cost import Change, Cost, cost_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.mapping import checked_mirrors, copies_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.reference import parse_reference
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.registry import (
    Registries,
    RegistryError,
    read_credentials,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images import NOTHING, SOURCE
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.images import OPTIONS as ASKING
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.render_diff import objects_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import JsonObject, Run

OPTIONS: JsonObject = {
    "before": {"type": "path", "required": True},
    "after": {"type": "path", "required": True},
    "nodes": {"type": "int", "default": 1},
    "architecture": {"type": "str", "default": "amd64"},
    **{name: ASKING[name] for name in ("mirrors", "ask", "credentials_file", "plain_http", "ca_cert")},
}
# The bytes of each part of an image, by its digest.
Parts = Mapping[str, int]


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    params = run.params
    if params["nodes"] < 1:
        raise InputError("nodes", f"must be at least 1, found {params['nodes']}")
    sides = [objects_of(Path(params[name]), option=name) for name in ("before", "after")]
    costs: list[dict[str, Cost]] = []
    with Collecting(None) as errors:
        for side in sides:
            costs.append(
                {name: cost_of(objects, nodes=params["nodes"], errors=errors) for name, objects in side.items()}
            )
    before, after = costs
    images = {image for side in costs for cost in side.values() for image in cost.images}
    with Collecting(None) as errors:
        parts = _parts(params, images, errors=errors)
    changes = [
        _change(name, before.get(name, Cost()), after.get(name, Cost()), parts) for name in sorted(before | after)
    ]
    return {
        "clusters": [change.result() for change in changes],
        "text": "".join(f"{line}\n" for change in changes for line in change.lines()),
    }


def _change(cluster: str, before: Cost, after: Cost, parts: Mapping[str, Parts] | None) -> Change:
    sizes = (None, None) if parts is None else (_size(before.images, parts), _size(after.images, parts))
    return Change(cluster=cluster, before=before, after=after, sizes=sizes)


def _size(images: Iterable[str], parts: Mapping[str, Parts]) -> int:
    """The bytes that a node pulls for *images*: what several have in common counts once."""
    return sum({digest: size for image in images for digest, size in parts[image].items()}.values())


def _parts(params: Mapping[str, t.Any], images: Iterable[str], *, errors: Errors) -> dict[str, Parts] | None:
    """What registries say of each image; None if they are not to be asked. What is missing there is noted."""
    mirrors = checked_mirrors(params["mirrors"], errors=errors)
    asked = params["ask"] != NOTHING
    architecture = params["architecture"]
    credentials = Path(params["credentials_file"]) if params["credentials_file"] and asked else None
    registries = Registries(
        credentials=read_credentials(credentials),
        plain_http=frozenset(params["plain_http"]),
        ca_cert=Path(params["ca_cert"]) if params["ca_cert"] else None,
    )
    if not asked:
        return None
    found: dict[str, Parts] = {}
    for image in sorted(images):
        (copy,) = copies_of({"": [image]}, mirrors)
        name = copy.source if params["ask"] == SOURCE else copy.target
        try:
            sizes = registries.sizes(parse_reference(name), architecture=architecture)
        except RegistryError as error:
            errors.add(f"ask: {name}", str(error))
            continue
        if sizes is None:
            errors.add(f"ask: {name}", f"{parse_reference(name).registry} does not have this image")
        found[image] = sizes or {}
    return found


DEFINITION = Definition(name="images_cost", options=OPTIONS, work=work, needs_cluster=False)
