# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which teams get series of the platform's Prometheus, and which series these are. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.scraping import check_scraping
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import (
    parse_team_set,
    team_named,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    require,
    require_each,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import check_selector

JsonObject = dict[str, t.Any]

# The jobs of the catalogue whose series say in `namespace` what they are about.
DEFAULT_MATCH = ('{job=~"kube-state-metrics|kubelet|cadvisor|kubelet-probes"}',)
GRANT_OPTIONS: JsonObject = {
    "team": {"type": "str", "required": True},
    "match": {"type": "list", "elements": "str", "default": []},
    "interval": {"type": "str", "default": "30s"},
    "scrape_timeout": {"type": "str", "default": "10s"},
    "sample_limit": {"type": "int"},
}
GRANTS_OPTION: JsonObject = {"type": "list", "elements": "dict", "default": [], "options": GRANT_OPTIONS}


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What one team gets: the series that *match* chooses, of its own namespaces."""

    team: Team
    match: tuple[str, ...]
    interval: str
    scrape_timeout: str
    sample_limit: int | None


@dataclass(frozen=True, kw_only=True)
class Gateways:
    """The gateways of one *cluster*, in a *namespace* of their own, to the Prometheus of the *platform*."""

    cluster: str
    namespace: str
    platform: Team
    grants: tuple[Grant, ...] = ()


def parse_gateways(params: t.Mapping[str, t.Any], errors: Errors) -> Gateways:
    """The gateways from a module's parameters."""
    teams = parse_team_set(params, errors=errors)
    platform = teams[0]
    namespace = require(grammar.dns_label, params["namespace"], path="namespace", errors=errors)
    taken = {name for team in teams for name in (team.namespace, *team.namespaces)}
    if errors.is_good("namespace") and namespace in taken:
        errors.add("namespace", f"{namespace!r} is a namespace of a team; give the gateways one of their own")
    grants: list[Grant] = []
    seen: dict[str, str] = {}
    for number, values in enumerate(params["grants"]):
        path = f"grants[{number}]"
        team = team_named(values["team"], teams=teams, path=f"{path}.team", errors=errors)
        if not errors.is_good(f"{path}.team"):
            continue
        if team.name in seen:
            errors.add(f"{path}.team", f"{team.name!r} has ", Place(seen[team.name]), " already")
        seen.setdefault(team.name, path)
        grant = _grant(values, team, path=path, errors=errors)
        if team.sends_on(params["cluster"]) and platform.runs_prometheus_on(params["cluster"]):
            grants.append(grant)
    if grants and platform.prometheus.shards > 1:
        errors.add(
            "grants", "cannot be given while the platform's Prometheus has shards: each has a part of the series"
        )
    return Gateways(
        cluster=params["cluster"],
        namespace=namespace,
        platform=platform,
        grants=tuple(sorted(grants, key=lambda one: one.team.name)),
    )


def _grant(values: Values, team: Team, *, path: str, errors: Errors) -> Grant:
    if team.name == team.platform:
        errors.add(f"{path}.team", f"{team.name!r} is the platform's own team, whose Prometheus has the series already")
    elif not team.namespaces:
        errors.add(f"{path}.team", f"{team.name!r} has no namespaces of its own, so no series is about it")
    check_scraping(values, path=path, errors=errors)
    match = require_each(check_selector, values["match"], path=f"{path}.match", errors=errors)
    return Grant(
        team=team,
        match=tuple(sorted(set(match))) or DEFAULT_MATCH,
        interval=values["interval"],
        scrape_timeout=values["scrape_timeout"],
        sample_limit=values["sample_limit"],
    )
