# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts as plain data: what one cluster's run hands to another's, to a support bundle, or to a comparison. Pure.

The facts are those that checks read, so the other side judges a worker by the same checks as the worker itself. They
hold no Secret, and of pods only labels, ports and the node.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.changing import InstanceChangeFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Facts, Unobserved
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.drift import has_fields_of_others
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.exposed import AccessFacts, ReplicaFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.grounds import PodFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.instances import InstanceFacts
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Subject
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.secrecy import safe_text

JsonObject = dict[str, t.Any]

SCHEMA_VERSION = 1
# How a cluster was looked at: as it is. What else there is says view.py.
LIVE = "live"
_KINDS: dict[str, t.Any] = {
    kind.__name__: kind for kind in (AccessFacts, InstanceChangeFacts, InstanceFacts, PodFacts, ReplicaFacts)
}
_UNOBSERVED = "unobserved"
# Where facts are looked at from differs for each side.
_PLACE = "place"


def as_data(cluster: str, facts: t.Iterable[Facts], *, mode: str = LIVE) -> JsonObject:
    """The observation of one *cluster*: what of *facts* another cluster's checks need. *mode*: how it was seen."""
    known = [one for one in facts if type(one).__name__ in _KINDS]
    return {
        "schema_version": SCHEMA_VERSION,
        "cluster": cluster,
        "mode": mode,
        "facts": [{"kind": type(one).__name__, "values": _values(one)} for one in known],
    }


def _values(facts: Facts) -> JsonObject:
    names = [field.name for field in dataclasses.fields(t.cast("t.Any", facts)) if field.name != _PLACE]
    return {name: _plain(getattr(facts, name)) for name in names}


def _plain(value: t.Any) -> t.Any:
    if isinstance(value, Unobserved):
        evidence = {name: list(text) if isinstance(text, tuple) else text for name, text in value.evidence.items()}
        return {_UNOBSERVED: {"code": value.code, "object": value.object.result(), "evidence": evidence}}
    if isinstance(value, t.Mapping):
        return {str(name): _plain(item) for name, item in _without_own_fields(value).items()}
    if isinstance(value, str):
        return safe_text(value)
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _without_own_fields(value: t.Mapping[str, t.Any]) -> t.Mapping[str, t.Any]:
    """Without managedFields where an object is all ours: they have many names, and say nothing then.

    What others set beside our fields is known by them alone, and the other side has to know it.
    """
    metadata = value.get("metadata")
    if not isinstance(metadata, dict) or "managedFields" not in metadata or has_fields_of_others(dict(value)):
        return value
    return {**value, "metadata": {name: item for name, item in metadata.items() if name != "managedFields"}}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Observation:
    """What one cluster's run saw."""

    cluster: str
    facts: tuple[tuple[str, JsonObject], ...]

    def of_source(self, team: str, *, place: tuple[str, ...]) -> list[Facts]:
        """The facts about the source of a *team*, looked at from *place*."""
        return [_KINDS[kind](place=place, **values) for kind, values in self.facts if values["team"] == team]


def parse_observations(raw: t.Sequence[t.Any], *, path: str, mode: str = LIVE) -> tuple[Observation, ...]:
    """Observations that other runs of the same *mode* returned; raises InputError with the path of what is none."""
    return tuple(_parsed(item, path=f"{path}[{number}]", mode=mode) for number, item in enumerate(raw))


def _parsed(item: t.Any, *, path: str, mode: str) -> Observation:
    try:
        made = item.get("mode", LIVE)
        if made != mode:
            raise InputError(f"{path}.mode", f"is {made!r}, and this run's mode is {mode!r}: use one mode for all")
        version = item["schema_version"]
        if version != SCHEMA_VERSION:
            raise InputError(
                f"{path}.schema_version",
                f"is {version!r}, and this release reads {SCHEMA_VERSION}: use one release for all",
            )
        facts = tuple((entry["kind"], _facts_of(entry)) for entry in item["facts"])
        return Observation(cluster=str(item["cluster"]), facts=facts)
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(path, f"is not what federation_doctor returned as observation: {error!r}") from error


def _facts_of(entry: JsonObject) -> JsonObject:
    fields = {field.name: field for field in dataclasses.fields(_KINDS[entry["kind"]])}
    values = {name: _value(value) for name, value in entry["values"].items()}
    unknown = values.keys() - fields.keys()
    required = {name for name, field in fields.items() if field.default is dataclasses.MISSING} - {_PLACE}
    if unknown or required - values.keys():
        raise KeyError(*sorted(unknown or required - values.keys()))
    return values


def _value(value: t.Any) -> t.Any:
    if not isinstance(value, dict) or value.keys() != {_UNOBSERVED}:
        return tuple(value) if isinstance(value, list) else value
    told = value[_UNOBSERVED]
    evidence = {name: tuple(text) if isinstance(text, list) else text for name, text in told["evidence"].items()}
    return Unobserved(code=told["code"], object=Subject(**told["object"]), evidence=evidence)
