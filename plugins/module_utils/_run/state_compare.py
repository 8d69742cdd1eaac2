# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module state_compare does: a cluster as it is now, against the state that was recorded of it."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import TEAM_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.definition import Definition
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.result import RESULT_BYTES, Room
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import JsonObject, Run
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.state_record import (
    OPTIONS as RECORDING,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.state_record import (
    crd_releases,
    identified,
    live_sets,
    place_of_records,
    read_state,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.recorded import as_applied, now_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.difference_views import as_text
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.differences import (
    CREATED,
    DELETED,
    UPDATED,
    Differences,
    ObjectChange,
    changes_of,
)

NEVER, ANY = "never", "any"
OPTIONS: JsonObject = cluster_options(
    {
        **RECORDING,
        "cluster": {"type": "str", "required": True},
        "fail_on": {"type": "str", "choices": [NEVER, ANY], "default": NEVER},
    }
)
TEXT_BYTES = RESULT_BYTES // 4


def differences_of(
    cluster: str, recorded: t.Mapping[str, Iterable[JsonObject]], live: t.Mapping[str, t.Mapping[Key, JsonObject]]
) -> Differences:
    """What differs between the *recorded* sets and the members of those that are *live*, by capability. Pure.

    An object that was recorded and is not there is deleted, one that is there and was not recorded is created.
    """
    changes: list[ObjectChange] = []
    same = 0
    for name in dict.fromkeys([*recorded, *live]):
        before = {key_of(obj): obj for obj in recorded.get(name, ())}
        after = live.get(name, {})
        for key in before.keys() | after.keys():
            old, found = before.get(key), after.get(key)
            action = CREATED if old is None else DELETED if found is None else UPDATED
            fields = changes_of(key, old, now_of(found, old)) if old is not None and found is not None else ()
            if action == UPDATED and not fields:
                same += 1
                continue
            team = _team(old if old is not None else as_applied(found or {}))
            changes.append(
                ObjectChange(cluster=cluster, capability=name, team=team, action=action, key=key, fields=fields)
            )
    changes.sort(key=lambda change: (change.place, change.key))
    return Differences(changes=tuple(changes), unchanged={cluster: same})


def _team(obj: JsonObject) -> str:
    return str((obj["metadata"].get("labels") or {}).get(TEAM_LABEL, ""))


def crds_differ(recorded: t.Mapping[str, str], live: t.Mapping[str, str]) -> list[str]:
    """A line for each of the operator's CRDs that is of another release than the *recorded* one. Pure."""
    lines = []
    for name in sorted(recorded.keys() | live.keys()):
        old, new = recorded.get(name), live.get(name)
        if old != new:
            sides = ("not there" if side is None else side or "no release" for side in (old, new))
            lines.append(f"CustomResourceDefinition {name}: recorded {next(sides)}, now {next(sides)}")
    return lines


def work(run: Run) -> JsonObject:
    """Do what the module is for."""
    params = run.params
    require(grammar.label_value, params["cluster"], path="cluster")
    place = place_of_records(run)
    state = read_state(run, uid=identified(run), namespace=place)
    live = {capability.name: found.members for capability, found in live_sets(run, place=place) if found is not None}
    differences = differences_of(params["cluster"], state.sets, live)
    crds = crds_differ(state.crds, crd_releases(run))
    room = Room(RESULT_BYTES // 2)
    listed = room.take(change.result() for change in differences.changes)
    left_out = len(differences.changes) - len(listed)
    text = as_text(differences) + "".join(f"{line}\n" for line in crds)
    return {
        "headline": differences.headline,
        "summary": differences.summary(),
        "differences": listed,
        **({"truncated": left_out} if left_out else {}),
        "crds": crds,
        "text": text if len(text) <= TEXT_BYTES else f"{text[:TEXT_BYTES]}\n... (cut)\n",
        "failure": _failure(params["cluster"], differences, crds) if params["fail_on"] == ANY else None,
    }


def _failure(cluster: str, differences: Differences, crds: list[str]) -> str | None:
    named = [f"{change.action} {change.key}" for change in differences.changes] + crds
    if not named:
        return None
    return f"{cluster} is not as it was recorded ({differences.headline}): {first_of(named, separator='; ')}"


DEFINITION = Definition(name="state_compare", options=OPTIONS, work=work, needs_promql=True)
