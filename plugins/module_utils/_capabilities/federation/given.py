# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a source is read as the input alone says it: what only a live cluster knows must be given. Pure."""

from __future__ import annotations

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.addresses import port_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import Target
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import Source
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors

_INSTEAD = "or expose: Existing, or transport: remote_write"


def given_targets(source: Source, team: Team, *, errors: Errors) -> list[Target]:
    """The places of the replicas of a source that is read; notes in *errors* which option is missing for them."""
    if source.expose == "Existing":
        return [Target(address=source.address or "", port=source.port)]
    if team.prometheus.replicas > 1:
        errors.add(
            source.path or "sources",
            f"the addresses of the {team.prometheus.replicas} replicas of {team.name!r} are known only once they are "
            f"exposed; without a cluster a source needs one replica, {_INSTEAD}",
        )
        return []
    port = source.port
    if source.address is None:
        what = "the load balancer" if source.expose == "LoadBalancer" else "the node"
        errors.add(
            f"{source.path}.address",
            f"is required here: without a cluster the address of {what} is not known; give it, {_INSTEAD}",
        )
    if source.expose == "LoadBalancer":
        port = port or port_of(source)
    elif port is None and source.node_port is None:
        errors.add(
            f"{source.path}.node_port", "is required here: without it the cluster chooses the port; or give port"
        )
    return [Target(address=source.address or "", port=port or source.node_port)]


def require_family(source: Source, *, errors: Errors) -> None:
    """Note it where the objects of a source depend on the family that the cluster's Services have by default."""
    if source.expose == "LoadBalancer" and source.ip_family is None:
        errors.add(
            f"{source.path}.ip_family",
            "is required here: a load balancer lets in clients of its own family, and without a cluster that is not "
            "known",
        )
