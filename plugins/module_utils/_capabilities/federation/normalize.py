# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One name and one value for what clusters call differently: labels that the central side changes. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    require_each,
    text_mapping,
)

JsonObject = dict[str, t.Any]

NORMALIZE_OPTIONS: dict[str, dict[str, t.Any]] = {
    "drop": {"type": "list", "elements": "str", "default": []},
    "rename": {"type": "dict", "default": {}},
    "map": {"type": "dict", "default": {}},
}

# They tell sources, their replicas and the parts of a histogram or summary apart.
_FIXED = ("cluster", "team", "claimed_cluster", "claimed_team", "prometheus", "prometheus_replica", "le", "quantile")


@dataclass(frozen=True, kw_only=True)
class Normalization:
    """What is done to the labels of a source's series: *drop*, then *rename*, then *map* values by the new names."""

    drop: tuple[str, ...] = ()
    rename: t.Mapping[str, str]
    map: t.Mapping[str, t.Mapping[str, str]]

    @property
    def given(self) -> JsonObject:
        """As the input has it."""
        values = {name: dict(values) for name, values in self.map.items()}
        return {"drop": list(self.drop), "rename": dict(self.rename), "map": values}

    @property
    def steps(self) -> list[JsonObject]:
        """As relabelings of series."""
        found: list[JsonObject] = [
            {"action": "replace", "regex": "(.+)", "sourceLabels": [old], "targetLabel": new}
            for old, new in sorted(self.rename.items())
        ]
        gone = sorted({*self.drop, *self.rename})
        if gone:
            found.append({"action": "labeldrop", "regex": "|".join(gone)})
        for name, values in sorted(self.map.items()):
            found += [
                {
                    "action": "replace",
                    "regex": re.escape(old),
                    "replacement": new,
                    "sourceLabels": [name],
                    "targetLabel": name,
                }
                for old, new in sorted(values.items())
            ]
        return found


def parse_normalize(values: Values, *, path: str, errors: Errors) -> Normalization:
    """The changes from validated *values* (NORMALIZE_OPTIONS); within a kind their order changes nothing."""
    drop = require_each(_label, values["drop"], path=f"{path}.drop", errors=errors)
    rename = text_mapping(values["rename"], path=f"{path}.rename", check_name=_label, check_value=_label, errors=errors)
    news = list(rename.values())
    for old, new in rename.items():
        place = f"{path}.rename.{old}"
        if old in drop:
            errors.add(place, "is in drop too")
        if new in rename:
            errors.add(place, f"{new!r} is renamed itself")
        if new in drop:
            errors.add(place, f"{new!r} is dropped")
        if news.count(new) > 1:
            errors.add(place, f"{new!r} is the new name of several labels")
    return Normalization(
        drop=tuple(sorted(set(drop))),
        rename=rename,
        map=_map(values["map"], rename=rename, path=f"{path}.map", errors=errors),
    )


def _map(
    raw: t.Mapping[str, t.Any], *, rename: t.Mapping[str, str], path: str, errors: Errors
) -> dict[str, t.Mapping[str, str]]:
    found: dict[str, t.Mapping[str, str]] = {}
    for name in sorted(raw, key=str):
        place = f"{path}.{name}"
        problem = _label(str(name))
        if problem is None and name in rename:
            problem = f"is renamed; values are mapped under the new name, {rename[name]!r}"
        if problem is None and not isinstance(raw[name], t.Mapping):
            problem = "must be a mapping from old values to new ones"
        if problem is not None:
            errors.add(place, problem)
            continue
        values = text_mapping(
            raw[name],
            path=place,
            check_name=grammar.prometheus_label_value,
            check_value=grammar.prometheus_label_value,
            errors=errors,
        )
        for old, new in values.items():
            if new in values and values[new] != new:
                errors.add(f"{place}.{old}", f"{new!r} is mapped itself")
        found[str(name)] = values
    return found


def _label(text: str) -> str | None:
    if text in _FIXED:
        return f"{text!r} tells series apart and cannot be changed"
    return grammar.prometheus_label(text)
