# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The isolation matrix: every attack and every positive control. Pure."""

from __future__ import annotations

from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation import monitors, requests, sending
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.controls import CONTROLS
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import Attack, Control

ATTACKS: tuple[Attack, ...] = (
    *monitors.RELABELING,
    *monitors.SELECTION,
    *monitors.ADDRESSES,
    *monitors.FIELDS,
    *monitors.PROBES,
    *monitors.SCRAPECONFIGS,
    *sending.IDENTITY,
    *sending.NOTIFICATIONS,
    *sending.NETWORK,
    *requests.INSTANCE,
    *requests.OWNERSHIP,
    *requests.CLUSTER,
    *requests.FLOODING,
    *requests.CLASSES,
)
_ALL: tuple[Attack | Control, ...] = (*ATTACKS, *CONTROLS)
ROWS: dict[str, Attack | Control] = {row.id: row for row in _ALL}


def mechanisms() -> set[str]:
    """The mechanisms of all attacks, by door: variants count once."""
    return {f"{attack.door}: {attack.mechanism}" for attack in ATTACKS}


def guards() -> set[str]:
    """Every guard that an attack names."""
    return {guard for attack in ATTACKS for guard in attack.guards}
