# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The state of a team's instance: it runs, the operator leaves it alone, or only its data is kept. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import PAUSED, STATE_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.parts import (
    AlertmanagerPart,
    PrometheusPart,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import Values

JsonObject = dict[str, t.Any]

ACTIVE, ARCHIVED = "active", "archived"
LIFECYCLE_OPTIONS: dict[str, dict[str, t.Any]] = {
    "state": {"type": "str", "choices": [ACTIVE, PAUSED, ARCHIVED], "default": ACTIVE},
    "archive_may_lose": {
        "type": "list",
        "elements": "str",
        "choices": ["alertmanager", "prometheus"],
        "default": [],
    },
}
_DATA = {
    "prometheus": "its samples",
    "alertmanager": "its silences, and which notifications it has sent",
}


@dataclass(frozen=True, kw_only=True)
class Lifecycle:
    """The *state* of an instance, and the parts whose data may be lost when it is archived."""

    state: str = ACTIVE
    may_lose: frozenset[str] = frozenset()

    @property
    def is_paused(self) -> bool:
        """Whether the operator leaves the instance as it is; its pods go on."""
        return self.state == PAUSED

    @property
    def is_archived(self) -> bool:
        """Whether the instance has no pods, and only its volume claims are kept."""
        return self.state == ARCHIVED

    def labels(self) -> dict[str, str]:
        """What marks the custom resources; an instance that runs has no mark."""
        return {} if self.state == ACTIVE else {STATE_LABEL: self.state}

    def fields(self) -> JsonObject:
        """What the state changes in the spec of the custom resources."""
        if self.is_archived:
            return {"replicas": 0}
        return {"paused": True} if self.is_paused else {}


RUNS = Lifecycle()


def parse_lifecycle(
    values: Values, *, prometheus: PrometheusPart, alertmanager: AlertmanagerPart, path: str, errors: Errors
) -> Lifecycle:
    """The state that validated *values* (LIFECYCLE_OPTIONS) give an instance with these parts.

    What makes no sense together is noted in *errors*: a state of an instance that is switched off, and an archive
    without a volume claim, unless that data may be lost.
    """
    found = Lifecycle(state=values["state"], may_lose=frozenset(values["archive_may_lose"]))
    if found.state == ACTIVE:
        return found
    parts: dict[str, PrometheusPart | AlertmanagerPart] = {"prometheus": prometheus, "alertmanager": alertmanager}
    if not values["enabled"]:
        errors.add(
            f"{path}.state", f"must be {ACTIVE} with enabled: false, which deletes the instance; found {found.state}"
        )
    elif not any(part.enabled for part in parts.values()):
        errors.add(f"{path}.state", f"must be {ACTIVE} where the team has neither part; found {found.state}")
    elif found.is_archived:
        for name, part in parts.items():
            if part.enabled and part.storage is None and name not in found.may_lose:
                errors.add(
                    f"{path}.{name}.storage",
                    f"is required with state: {ARCHIVED}: without a volume claim {_DATA[name]} would be lost with the "
                    f"pods; where that may be, list {name} in archive_may_lose",
                )
    return found


def state_of(obj: JsonObject | None) -> str:
    """The state that the mark of a custom resource says, live or desired."""
    labels = ((obj or {}).get("metadata") or {}).get("labels") or {}
    return str(labels.get(STATE_LABEL) or ACTIVE)
