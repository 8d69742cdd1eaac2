# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Receivers: the instances of a central cluster that others write to by remote_write. Pure."""

from __future__ import annotations

import typing as t
import urllib.parse
from dataclasses import dataclass, fields

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.exposure import (
    EXPOSURE_OPTIONS,
    Exposure,
    parse_exposure,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.proxy import WRITING
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import require_team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    require_each,
    validate_list,
)

RECEIVER_OPTIONS: dict[str, dict[str, t.Any]] = {
    "team": {"type": "str"},
    "urls": {"type": "list", "elements": "str", "required": True},
    **EXPOSURE_OPTIONS,
}


@dataclass(frozen=True, kw_only=True)
class Receiver(Exposure):
    """The instance of a *team* that receives; *urls* has one for each of its replicas, in their order."""

    team: str
    urls: tuple[str, ...]


def parse_receivers(
    raw: object,
    *,
    teams: t.Sequence[Team],
    central_team: str,
    cluster: str,
    path: str = "receivers",
    errors: Errors | None = None,
) -> tuple[tuple[Receiver, Team], ...]:
    """The receivers of a *cluster* from a list of mappings (RECEIVER_OPTIONS), each with its team, sorted by team.

    One without a team is that of *central_team*. The receiver of a team without an instance there, which may be
    switched off, is left out. What is wrong is noted in *errors*, or raised as InputError.
    """
    by_name = {team.name: team for team in teams}
    found: dict[str, tuple[Receiver, Team]] = {}
    places: dict[str, str] = {}
    with Collecting(errors) as noted:
        for index, values in enumerate(validate_list(raw, RECEIVER_OPTIONS, path=path, errors=noted)):
            place = f"{path}[{index}]"
            receiver = _receiver(values, central_team=central_team, path=place, errors=noted)
            if values["team"]:
                require_team(receiver.team, teams=teams, path=f"{place}.team", errors=noted)
            if receiver.team in places:
                noted.add(f"{place}.team", f"{receiver.team!r} is the team of ", Place(places[receiver.team]), " too")
            places.setdefault(receiver.team, place)
            team = by_name.get(receiver.team)
            if team is None or not team.runs_prometheus_on(cluster):
                continue
            team = team.on(cluster)
            _check_replicas(receiver, team, path=place, errors=noted)
            _check_instance(receiver, team, path=place, errors=noted)
            found.setdefault(receiver.team, (receiver, team))
    return tuple(found[name] for name in sorted(found))


def _receiver(values: Values, *, central_team: str, path: str, errors: Errors) -> Receiver:
    exposure = parse_exposure(values, access=None, path=path, errors=errors)
    urls = require_each(write_url, values["urls"], path=f"{path}.urls", errors=errors)
    if not values["urls"]:
        errors.add(f"{path}.urls", "must not be empty: it says where others write to")
    receiver = Receiver(
        **{one.name: getattr(exposure, one.name) for one in fields(exposure)},
        team=values["team"] or central_team,
        urls=urls,
    )
    for number, url in enumerate(urls):
        place = f"{path}.urls[{number}]"
        if errors.is_good(place) and errors.is_good(f"{path}.expose"):
            problem = _unlike(receiver, url)
            if problem:
                errors.add(place, problem)
    return receiver


def _unlike(receiver: Receiver, url: str) -> str | None:
    """What a URL has that what is made for it does not have."""
    if receiver.expose == "Existing":
        return None
    parts = urllib.parse.urlsplit(url)
    if parts.path != WRITING.path:
        return f"must have the path {WRITING.path}, which is that of Prometheus, where expose is {receiver.expose}"
    if receiver.proxy is None and parts.scheme != "http":
        return "must begin with http: without proxy nothing serves TLS there"
    if receiver.proxy is not None and parts.scheme != "https":
        return "must begin with https: the proxy serves nothing else"
    return None


def _check_instance(receiver: Receiver, team: Team, *, path: str, errors: Errors) -> None:
    """Note in *errors* why others cannot write to the instance of *team* through a receiver that is made for it."""
    if receiver.expose == "Existing":
        return
    if team.prometheus.shards > 1:
        errors.add(
            f"{path}.team",
            f"{team.name!r} has {team.prometheus.shards} shards, and all series would be written to one of them",
        )
    if team.prometheus.web.route_prefix:
        errors.add(
            f"{path}.team",
            f"the Prometheus of {team.name!r} answers below {team.prometheus.web.route_prefix} "
            "(prometheus.web.route_prefix), where this receiver does not lead",
        )


def _check_replicas(receiver: Receiver, team: Team, *, path: str, errors: Errors) -> None:
    """Each replica has all series only if all of them are written to it."""
    replicas = team.prometheus.replicas
    if len(receiver.urls) != replicas and errors.is_good(f"{path}.urls"):
        errors.add(
            f"{path}.urls",
            f"needs one for each replica of {team.name!r}, which are {replicas}; found {len(receiver.urls)}",
        )
    if receiver.expose != "NodePort":
        return
    if receiver.node_port is None:
        errors.add(f"{path}.node_port", "is required where expose is NodePort: urls must name it")
    elif replicas > 1:
        errors.add(f"{path}.node_port", f"cannot be given: {team.name!r} has {replicas} replicas, each with its own")


def write_url(text: str) -> str | None:
    """Check a URL that is written to. The message does not repeat it: it may hold a password."""
    problem = grammar.server_url(text, instead="give basic_auth of the source")
    if problem:
        return problem
    # Prometheus' own path, below a prefix or not; other receivers have others.
    return (
        None if urllib.parse.urlsplit(text).path.strip("/") else f"needs a path, which is {WRITING.path} for Prometheus"
    )
