# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later


from __future__ import annotations


class ModuleDocFragment:
    """Options of modules that judge what runs in a cluster."""

    DOCUMENTATION = r"""
options:
  operators:
    description: How many operators share the instances, as for
      O(promfleet.monitoring.prometheus_operator#module:operators); V(0) for a single one, which has them all.
    type: int
    default: 0
  operator_namespace:
    description: The operator's namespace.
    type: str
    default: prometheus-operator
  sources:
    description: The federation sources that are expected on this cluster, as
      M(promfleet.monitoring.federation_source) returned them.
    type: list
    elements: dict
    default: []
  exposed:
    description: The sources that this cluster exposes, with the suboptions that
      O(promfleet.monitoring.federation_source#module:sources) has.
    type: list
    elements: dict
    default: []
  central_team:
    description: The team whose Prometheus federates the sources that name no team in C(into).
    type: str
    default: platform
  wait_timeout:
    description:
      - How long the task may take, in seconds, at least 1. What was not asked by then counts as not observed.
    type: int
    default: 300
"""
