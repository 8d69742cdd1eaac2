# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a live object differs from what the inventory describes, field by field, and who changed it. Pure.

The desired objects are those that a run would apply, so this sees changes of every sort. Values that the API
server or a controller adds are no difference; fields that another manager sets beside ours are.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTION_MANAGER,
    FIELD_MANAGER,
    KNOWN_AFTER_APPLY,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.canonical import canonical
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import (
    children_of,
    entries_of,
    own_fields,
    same,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.proof import applied_part

JsonObject = dict[str, t.Any]

# Of a value so many characters are shown, and of a long list of fields so many.
_VALUE = 60
_FIELDS = 6
# Others write annotations, finalizers and owner references into objects as they like; no link of a chain reads them.
_READ = frozenset({"f:addressType", "f:endpoints", "f:ports", "f:spec"})
# Not the whole path of an item: its keys would make a long text.
_ITEM = "[]"
# What the schema of the operator's kinds gives an item that leaves it out.
_DEFAULTS = (("action", "replace"), ("protocol", "TCP"))
# What the API server gives a field that has no manager.
_BY_DEFAULT = {
    "spec.allocateLoadBalancerNodePorts": True,
    "spec.evaluationInterval": "30s",
    "spec.internalTrafficPolicy": "Cluster",
    "spec.ipFamilyPolicy": "SingleStack",
    "spec.scrapeInterval": "30s",
    "spec.sessionAffinity": "None",
    "spec.shards": 1,
}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One field that differs: its *path* and what is said of it."""

    path: str
    text: str


def drift(desired: JsonObject, live: JsonObject) -> tuple[Difference, ...]:
    """What differs: what is missing or has another value, and what others set beside it."""
    wanted = applied_part(canonical(desired))
    (wanted.get("metadata") or {}).pop("annotations", None)
    others = _of_others(live)
    found = []
    for one in _differences(wanted, live, path="", others=others, whole=False):
        manager = next((name for path, name in others.items() if _is_below(one.path, path)), "")
        found.append(Difference(path=one.path, text=f"{one.text} (set by {manager})") if manager else one)
    beside = [
        Difference(path=path, text=f"{path} is set by {manager}")
        for path, manager in others.items()
        if not _has(wanted, path)
        and not any(_is_below(one.path, path) for one in found)
        and not _says_nothing(live, path)
    ]
    return (*found, *beside)


def has_fields_of_others(live: JsonObject) -> bool:
    """Whether somebody else set a field that is read, so that managedFields say something about the object."""
    return bool(_of_others(live))


def in_short(fields: t.Iterable[Difference]) -> str:
    """Differences as one text that a person reads."""
    return first_of([field.text for field in fields], _FIELDS, separator="; ")


def _differences(
    wanted: t.Any, live: t.Any, *, path: str, others: t.Mapping[str, str], whole: bool
) -> t.Iterator[Difference]:
    """*whole*: what is not wanted was set by somebody, not by the server, because the whole is another manager's."""
    if wanted == KNOWN_AFTER_APPLY:
        return
    whole = whole or path in others
    if isinstance(wanted, dict) and isinstance(live, dict):
        if path and ((not wanted and live) or whole):
            # An empty map of ours selects everything.
            for name in sorted(live.keys() - wanted.keys()):
                if (name, live[name]) not in _DEFAULTS:
                    yield Difference(
                        path=f"{path}.{name}", text=f"{path}.{name} is {_shown(live[name])}, not described"
                    )
        for name, value in wanted.items():
            below = f"{path}.{name}" if path else name
            yield from _differences(value, live.get(name), path=below, others=others, whole=whole)
    elif isinstance(wanted, list) and isinstance(live, list) and len(wanted) == len(live):
        for number, (value, has) in enumerate(zip(wanted, live, strict=True)):
            yield from _differences(value, has, path=f"{path}[{number}]", others=others, whole=whole)
    elif not same(wanted, live):
        has = "missing" if live is None else _shown(live)
        yield Difference(path=path, text=f"{path} is {has}, not {_shown(wanted)}")


def _shown(value: t.Any) -> str:
    text = json.dumps(value, sort_keys=True)
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…"


def _is_below(path: str, above: str) -> bool:
    """Whether a path is *above* or inside it."""
    return path == above or path.startswith((f"{above}.", f"{above}["))


def _has(wanted: t.Any, path: str) -> bool:
    """Whether the desired object says something about a field; of items of lists `_differences` speaks."""
    for name in path.partition(_ITEM)[0].split("."):
        if not isinstance(wanted, dict) or name not in wanted:
            return False
        wanted = wanted[name]
    return True


def _says_nothing(live: JsonObject, path: str) -> bool:
    """Whether a field has the value that it has where no manager sets it.

    Who changed it and changed it back still owns it, and no run can take that away.
    """
    value: t.Any = live
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        # It is not there, or is an item of a list.
        return False
    # An empty map is another matter: as a selector it selects everything.
    return value is False or value in ("", []) or value == _BY_DEFAULT.get(path)


def _of_others(live: JsonObject) -> dict[str, str]:
    """The fields that others own and we do not, with their managers; empty for what was never ours."""
    ours = own_fields(live)
    found: dict[str, str] = {}
    for entry in entries_of(live) if ours else ():
        manager = str(entry.get("manager") or "unknown")
        if entry.get("subresource") or manager in (FIELD_MANAGER, ADOPTION_MANAGER):
            continue
        fields = {name: sub for name, sub in (entry.get("fieldsV1") or {}).items() if name in _READ}
        found.update(dict.fromkeys(sorted(_beyond(fields, ours, path="")), manager))
    return found


def _beyond(fields: t.Mapping[str, t.Any], ours: t.Mapping[str, t.Any], *, path: str) -> t.Iterator[str]:
    """Paths of *fields* that *ours* does not have; what is below a whole of ours is ours."""
    for name, sub in children_of(dict(fields)).items():
        here = f"{path}{_ITEM}" if name[:2] != "f:" else f"{path}.{name[2:]}" if path else name[2:]
        known = ours.get(name)
        if known is None:
            yield here
        elif children_of(known) and children_of(sub):
            yield from _beyond(sub, known, path=here)
