# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The list of all capabilities, in the order in which they are applied; they are removed the other way round. Pure.

Only the check of input, rendering and tools import it: a module would otherwise carry every capability with it.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import Capability
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.exporters.capability import EXPORTERS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import (
    FEDERATION,
    FEDERATION_SOURCE,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.receiving import (
    FEDERATION_RECEIVER,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.gateway.capability import GATEWAY
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.grafana.capability import GRAFANA
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.capability import OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.policy.capability import POLICY
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import TEAMS
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.workloads.capability import WORKLOADS

CAPABILITIES: tuple[Capability[t.Any], ...] = (
    OPERATOR,
    POLICY,
    TEAMS,
    FEDERATION_RECEIVER,
    FEDERATION_SOURCE,
    FEDERATION,
    EXPORTERS,
    WORKLOADS,
    GRAFANA,
    GATEWAY,
)


def named(name: str) -> Capability[t.Any]:
    """The capability of this name; raises KeyError if there is none."""
    return {capability.name: capability for capability in CAPABILITIES}[name]
