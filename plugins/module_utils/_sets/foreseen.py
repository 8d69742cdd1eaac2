# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of each object when sets are brought to their desired state, without asking for a dry run. Pure.

A dry run takes the rights to write. This takes none, and decides by the same rules as the engine: `decide` says what is
done with an object, `merged` what it is then.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SET_LABEL, TEAM_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import (
    SetId,
    Write,
    adoption,
    decide,
    is_ours,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import same
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.grants import may_force
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.merged import merged
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import claimed, taken_over

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """The state that a run would leave.

    *wanted* has each desired object with its set, *labels* are those of all sets that are brought to their state.
    *teams*: objects of other teams stay, because removing them takes an opt-in. The rest are the engine's options.
    """

    wanted: t.Mapping[Key, tuple[JsonObject, SetId]]
    labels: frozenset[str]
    teams: frozenset[str]
    force_conflicts: bool = False
    adopt_managers: tuple[str, ...] = ()
    claim_managers: frozenset[str] = frozenset()

    def after(self, key: Key, live: JsonObject | None) -> JsonObject | None:
        """The object after the run, None if there is none. What the run would refuse to write stays as it is."""
        if key not in self.wanted:
            return None if live is not None and self._goes(live) else live
        desired, owner = self.wanted[key]
        decision = decide(
            desired, live, owner=owner, adopt_managers=self.adopt_managers, claim_managers=self.claim_managers
        )
        return self._written(decision, live) if isinstance(decision, Write) else live

    def _written(self, write: Write, live: JsonObject | None) -> JsonObject | None:
        before = live
        if before is not None and write.takes:
            before = (
                claimed(before, owners=write.takes, desired=write.desired)
                if write.claims
                else taken_over(before, owners=write.takes)
            )
        result = merged(write.desired, before)
        if result.conflicts and not (self.force_conflicts and may_force(write.desired, live)):
            return live
        if live is not None and same(_content(result.object), _content(live)):
            return live
        # It is about the object as it was.
        return {name: value for name, value in result.object.items() if name != "status"}

    def _goes(self, live: JsonObject) -> bool:
        """Whether the run deletes it. A namespace stays where it holds anything else."""
        labels = live["metadata"].get("labels") or {}
        if labels.get(SET_LABEL) not in self.labels or live["kind"] == "Namespace" or adoption(live):
            return False
        return is_ours(live) and labels.get(TEAM_LABEL, "") in {"", *self.teams}


def _content(obj: JsonObject) -> JsonObject:
    metadata = {name: value for name, value in obj["metadata"].items() if name != "managedFields"}
    return {**obj, "metadata": metadata}
