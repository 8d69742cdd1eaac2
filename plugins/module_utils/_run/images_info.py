# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module images_info does: the input of one cluster becomes the list of its images."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping, Sequence

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.documents import read_located
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.inventory import (
    Why,
    inventory_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.upstream import upstream_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.rendering import asked_for, read
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run

JsonObject = dict[str, t.Any]

INPUT: JsonObject = {
    "cluster": {"type": "str", "required": True},
    "capabilities": {"type": "dict", "required": True},
}
OPTIONS: JsonObject = {**INPUT, "manifests": {"type": "list", "elements": "path", "default": []}}
# A thousand teams have the same images: so many objects show why, and the number of the others.
REASONS = 20


def objects_of_cluster(given: Mapping[str, t.Any]) -> list[JsonObject]:
    """The objects that *given* capabilities with their options make for a cluster; raises InputError.

    Addresses and ports that only a live cluster knows may be missing: no image depends on them.
    """
    objects: list[JsonObject] = []
    with Collecting(None) as errors:
        for _number, capability, values in asked_for(given, errors=errors):
            own = Errors()
            _parsed, model = read(capability, values, errors=own)
            if model is not None and not own.sorted():
                objects += capability.desired(model)
            for error in own.sorted():
                errors.add(f"capabilities.{capability.name}.{error.path}", *error.parts)
    return objects


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    params = run.params
    require(grammar.label_value, params["cluster"], path="cluster")
    found = inventory_of([*objects_of_cluster(params["capabilities"]), *_manifests(params["manifests"])])
    return {
        "images": [_row(name, found.reasons(name)) for name in found.images],
        "text": "".join(f"{name}\n{_lines(found.reasons(name))}" for name in found.images),
        "warnings": [f"{params['cluster']}: {warning}" for warning in found.warnings],
    }


def _manifests(sources: Sequence[str]) -> list[JsonObject]:
    """The objects of the option manifests; raises InputError for all that cannot be read."""
    located, wrong = read_located(sources, path="manifests")
    with Collecting(None) as errors:
        for text in wrong:
            errors.add("manifests", text)
    return [one.obj for one in located]


def _row(image: str, reasons: list[Why]) -> JsonObject:
    left_out = len(reasons) - REASONS
    return {
        "image": image,
        "source": str(upstream_of(image)),
        "why": [reason.result() for reason in reasons[:REASONS]],
        **({"more": left_out} if left_out > 0 else {}),
    }


def _lines(reasons: list[Why]) -> str:
    shown = first_of(reasons, REASONS, separator="\n  ")
    return f"  {shown}\n"


DEFINITION = Definition(name="images_info", options=OPTIONS, work=work, needs_cluster=False, needs_promql=True)
