# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Finds values in objects by paths such as ``spec.endpoints[].oauth2.tokenUrl``. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Iterator

JsonObject = dict[str, t.Any]
# A place in an object, as messages name it, and what is there.
Found = tuple[str, t.Any]

EACH_ITEM = "[]"
EACH_VALUE = "{}"
# At any depth: the rest of the path below any mapping.
ANYWHERE = "**"


def values_at(obj: JsonObject, path: str) -> Iterator[Found]:
    """All values at a path, each with its place.

    ``name[]`` goes through a list, ``name{}`` through the values of a mapping, and ``**`` through everything below.
    What has another form than the path says is left out.
    """
    yield from _values(obj, path.split("."), "")


def value_at(obj: JsonObject, path: str) -> t.Any:
    """The value at a path without lists, None if there is none."""
    return next((value for _place, value in values_at(obj, path)), None)


def _values(node: t.Any, steps: list[str], place: str) -> Iterator[Found]:
    if not steps:
        yield place, node
        return
    step, rest = steps[0], steps[1:]
    if step == ANYWHERE:
        yield from _anywhere(node, rest, place)
        return
    name = step.removesuffix(EACH_ITEM).removesuffix(EACH_VALUE)
    if not isinstance(node, dict) or name not in node:
        return
    here, value = f"{place}.{name}" if place else name, node[name]
    if step.endswith(EACH_ITEM):
        for number, item in enumerate(value if isinstance(value, list) else ()):
            yield from _values(item, rest, f"{here}[{number}]")
    elif step.endswith(EACH_VALUE):
        for key, item in (value if isinstance(value, dict) else {}).items():
            yield from _values(item, rest, f"{here}.{key}")
    else:
        yield from _values(value, rest, here)


def _anywhere(node: t.Any, rest: list[str], place: str) -> Iterator[Found]:
    if isinstance(node, dict):
        yield from _values(node, rest, place)
        for key, value in node.items():
            yield from _anywhere(value, rest, f"{place}.{key}" if place else key)
    elif isinstance(node, list):
        for number, item in enumerate(node):
            yield from _anywhere(item, rest, f"{place}[{number}]")
