# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and namespaces that two teams cannot share. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, Place


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A name and namespaces with their places in the input; a team's own *namespaces* are in the order of the input."""

    path: str
    name_path: str
    name: str
    namespace: str
    namespaces: tuple[str, ...]


def refuse_overlaps(placed: t.Iterable[Placed], *, errors: Errors) -> None:
    """Names are unique, and a namespace belongs to one team, as the place of its instance or as one of its own."""
    names: dict[str, str] = {}
    owners: dict[str, tuple[str, str]] = {}
    for item in placed:
        name = item.name
        if not errors.is_good(item.name_path):
            continue
        if name in names:
            errors.add(item.name_path, f"{name!r} is the name of ", Place(names[name]), " too")
            continue
        names[name] = item.path
        places = {f"{item.path}.namespaces[{index}]": namespace for index, namespace in enumerate(item.namespaces)}
        for place, namespace in {f"{item.path}.namespace": item.namespace, **places}.items():
            if not errors.is_good(place):
                continue
            if namespace in owners:
                owner, first = owners[namespace]
                errors.add(
                    place,
                    f"namespace {namespace!r} belongs to team {owner!r} (",
                    Place(first),
                    "); a namespace has one team",
                )
            else:
                owners[namespace] = (name, place)
