# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of risks: what upgrades of the operator, Prometheus and Alertmanager break. Pure."""

from __future__ import annotations

from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade import (
    risks_crds,
    risks_instances,
    risks_operator,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.model import Risk

# In the order in which a plan and the documentation list them.
RISKS: tuple[Risk, ...] = (*risks_operator.RISKS, *risks_crds.RISKS, *risks_instances.RISKS)

# Every kind that a check reads.
READS = tuple(sorted({kind for risk in RISKS for kind in risk.reads}))
