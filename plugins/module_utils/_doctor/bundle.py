# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts of one look at a cluster as plain data: on these the checks give the same verdict elsewhere. Pure.

Facts hold only what may be shown (`shown.py`). A dataclass is written with its name, so that it can be made again;
tests/tools/judge_bundle.py of the collection's sources does so.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Facts
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.secrecy import safe_text

JsonObject = dict[str, t.Any]

SCHEMA_VERSION = 1
FACTS_FILE = "facts.json"
VERSIONS_FILE = "versions.json"
# The name of a dataclass below module_utils, and its fields.
IS, FIELDS = "is", "fields"


def facts_text(cluster: str, facts: t.Iterable[Facts]) -> str:
    """The file of all *facts* about a cluster: the same bytes for the same facts."""
    data = {"schema_version": SCHEMA_VERSION, "cluster": cluster, "facts": [_plain(one) for one in facts]}
    return as_text(data)


def as_text(data: t.Any) -> str:
    """Plain data as a file: the same bytes for the same data."""
    return json.dumps(data, indent=1, sort_keys=True) + "\n"


def _plain(value: t.Any) -> t.Any:
    if isinstance(value, str):
        return safe_text(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value)]
        return _named(type(value), {name: getattr(value, name) for name in names})
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return _named(type(value), t.cast("t.Any", value)._asdict())
    if isinstance(value, t.Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return [_plain(item) for item in sorted(value)]
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _named(kind: type, fields: t.Mapping[str, t.Any]) -> JsonObject:
    name = f"{kind.__module__.partition('.module_utils.')[2]}.{kind.__qualname__}"
    return {IS: name, FIELDS: {field: _plain(value) for field, value in fields.items()}}
