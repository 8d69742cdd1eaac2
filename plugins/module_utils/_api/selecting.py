# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The selectors of a LIST, for objects that no server lists. Pure."""

from __future__ import annotations

import typing as t

JsonObject = dict[str, t.Any]


def chosen(objects: t.Iterable[JsonObject], *, selector: str | None, fields: str | None) -> list[JsonObject]:
    """Those of *objects* that a label selector and a field selector choose.

    Only equality is known (``a=b,c!=d``), and of fields only name and namespace, which is what our own requests use;
    anything else raises ValueError.
    """
    labels = _terms(selector)
    places = _terms(fields)
    for name, _equal, _value in places:
        if name not in ("metadata.name", "metadata.namespace"):
            raise ValueError(f"the field selector {fields!r} is not known here")
    return [
        obj
        for obj in objects
        if all(((obj["metadata"].get("labels") or {}).get(name) == value) is equal for name, equal, value in labels)
        and all((obj["metadata"].get(name.rpartition(".")[2]) == value) is equal for name, equal, value in places)
    ]


def _terms(selector: str | None) -> list[tuple[str, bool, str]]:
    """The terms of a selector: name, whether it must be equal, and value."""
    found = []
    for term in filter(None, (selector or "").split(",")):
        name, sign, value = term.partition("=")
        if not sign or set(term) & set("() "):
            raise ValueError(f"the selector {selector!r} is not known here")
        found.append((name.removesuffix("!"), not name.endswith("!"), value.removeprefix("=")))
    return found


def selector_text(selector: t.Mapping[str, t.Any]) -> str:
    """A label selector of an object as the API server takes it in a query."""
    parts = [f"{name}={value}" for name, value in sorted((selector.get("matchLabels") or {}).items())]
    for one in selector.get("matchExpressions") or ():
        key, values = one["key"], ",".join(one.get("values") or ())
        parts.append(
            {"Exists": key, "DoesNotExist": f"!{key}", "In": f"{key} in ({values})"}.get(
                one["operator"], f"{key} notin ({values})"
            )
        )
    return ",".join(parts)
