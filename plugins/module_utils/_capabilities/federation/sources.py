# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Federation: what a worker exposes (sources), and what the central side scrapes (endpoints). Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import PLATFORM_TEAM
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    nearest,
    require,
    require_each,
    text_mapping,
    validate_list,
)

DEFAULT_MATCH = ['{__name__=~"[^:]+:.+"}', 'ALERTS{alertstate="firing"}']
DEFAULT_ALLOWED_SOURCES = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]

# What both sides must know alike.
SCRAPE_OPTIONS: dict[str, dict[str, t.Any]] = {
    "scheme": {"type": "str", "choices": ["http", "https"], "default": "http"},
    "match": {"type": "list", "elements": "str", "default": DEFAULT_MATCH},
    "interval": {"type": "str", "default": "30s"},
    "timeout": {"type": "str", "default": "25s"},
    "labels": {"type": "dict", "default": {}},
}

SOURCE_OPTIONS: dict[str, dict[str, t.Any]] = {
    "team": {"type": "str"},
    "expose": {"type": "str", "choices": ["LoadBalancer", "NodePort", "Existing"], "default": "LoadBalancer"},
    "address": {"type": "str"},
    "port": {"type": "int"},
    "node_port": {"type": "int"},
    "annotations": {"type": "dict", "default": {}},
    "allowed_sources": {"type": "list", "elements": "str", "default": DEFAULT_ALLOWED_SOURCES},
    **SCRAPE_OPTIONS,
}

# Set for every federated target; `instance` is the target's address.
_RESERVED_LABELS = ("cluster", "job", "instance")


@dataclass(frozen=True, kw_only=True)
class Scrape:
    """How the central side reads an instance; *labels* identify the source where its series lack them."""

    scheme: str
    match: tuple[str, ...]
    interval: str
    timeout: str
    labels: t.Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Source:
    """One instance that a worker exposes. *address* and *port*, where given, replace what the cluster would say."""

    team: str
    expose: str
    address: str | None
    port: int | None
    node_port: int | None
    annotations: t.Mapping[str, str]
    allowed_sources: tuple[str, ...]
    scrape: Scrape


def parse_sources(
    raw: object,
    *,
    check_match: grammar.Check,
    teams: t.Mapping[str, int] | None = None,
    platform: str = PLATFORM_TEAM,
    path: str = "sources",
) -> tuple[Source, ...]:
    """Sources from a list of mappings (SOURCE_OPTIONS), sorted by team; a source without a team is the platform's.

    *check_match* gives the reason why a selector is bad, or None. *teams* are the teams that there are, with the
    number of replicas of their Prometheus; None leaves both unchecked.
    """
    sources: dict[str, Source] = {}
    places: dict[str, str] = {}
    for index, values in enumerate(validate_list(raw, SOURCE_OPTIONS, path=path)):
        place = f"{path}[{index}]"
        source = _source(values, check_match=check_match, platform=platform, path=place)
        if source.team in sources:
            raise InputError(f"{place}.team", f"{source.team!r} is the team of {places[source.team]} too")
        if teams is not None:
            if source.team not in teams:
                raise InputError(f"{place}.team", f"unknown team {source.team!r}; {nearest(source.team, teams)}")
            _check_replicas(source, replicas=teams[source.team], path=place)
        sources[source.team], places[source.team] = source, place
    return tuple(sources[team] for team in sorted(sources))


def exposed_sources(
    params: t.Mapping[str, t.Any], *, teams: t.Sequence[Team], check_match: grammar.Check
) -> list[tuple[Source, Team]]:
    """The sources of a module's parameters with their teams, without those whose Prometheus does not run here.

    A team that is switched off takes its source with it; a team that nobody knows is an error.
    """
    by_name = {team.name: team for team in teams}
    replicas = {team.name: team.prometheus.replicas for team in teams}
    sources = parse_sources(
        params["sources"], check_match=check_match, teams=replicas, platform=params["platform_team"]
    )
    return [
        (source, by_name[source.team])
        for source in sources
        if by_name[source.team].runs_prometheus_on(params["cluster"])
    ]


def parse_scrape(values: Values, *, check_match: grammar.Check, path: str) -> Scrape:
    """The part of validated *values* that both sides share (SCRAPE_OPTIONS)."""
    if not values["match"]:
        raise InputError(f"{path}.match", "must not be empty: without a selector /federate gives nothing")
    interval = require(grammar.duration, values["interval"], path=f"{path}.interval")
    timeout = require(grammar.duration, values["timeout"], path=f"{path}.timeout")
    if (grammar.milliseconds(timeout) or 0) > (grammar.milliseconds(interval) or 0):
        raise InputError(f"{path}.timeout", f"{timeout!r} must not be longer than the interval, {interval!r}")
    return Scrape(
        scheme=values["scheme"],
        match=tuple(sorted(require_each(check_match, values["match"], path=f"{path}.match"))),
        interval=interval,
        timeout=timeout,
        labels=text_mapping(
            values["labels"],
            path=f"{path}.labels",
            check_name=_identity_label,
            check_value=grammar.prometheus_label_value,
        ),
    )


def _source(values: Values, *, check_match: grammar.Check, platform: str, path: str) -> Source:
    source = Source(
        team=require(grammar.dns_label, values["team"] or platform, path=f"{path}.team"),
        expose=values["expose"],
        address=values["address"],
        port=values["port"],
        node_port=values["node_port"],
        annotations=text_mapping(
            values["annotations"], path=f"{path}.annotations", check_name=grammar.qualified_name, check_value=_anything
        ),
        allowed_sources=tuple(
            sorted(require_each(grammar.network, values["allowed_sources"], path=f"{path}.allowed_sources"))
        ),
        scrape=parse_scrape(values, check_match=check_match, path=path),
    )
    if source.address is not None:
        require(grammar.host, source.address, path=f"{path}.address")
    for name, port in (("port", source.port), ("node_port", source.node_port)):
        problem = None if port is None else grammar.port(port)
        if problem:
            raise InputError(f"{path}.{name}", problem)
    _check_address(source, path=path)
    return source


def _check_address(source: Source, *, path: str) -> None:
    """What is exposed already has an address and a port of its own; what we expose has what the cluster gives it."""
    if source.expose == "Existing":
        for name, value in (("address", source.address), ("port", source.port)):
            if value is None:
                raise InputError(f"{path}.{name}", "is required where expose is Existing: there is nothing to discover")
    elif source.port is not None and source.address is None:
        raise InputError(f"{path}.port", "needs an address; without one both come from the cluster")
    if source.node_port is not None and source.expose != "NodePort":
        raise InputError(f"{path}.node_port", f"needs expose to be NodePort, found {source.expose!r}")
    if not source.allowed_sources and source.expose != "Existing":
        raise InputError(f"{path}.allowed_sources", "must not be empty: nobody could read the instance")


def _check_replicas(source: Source, *, replicas: int, path: str) -> None:
    """Each replica is a target of its own, so nothing that names one place can stand for several."""
    if replicas == 1 or source.expose == "Existing":
        return
    one_place = {
        "node_port": source.node_port is not None,
        "port": source.port is not None,
        "address": source.address is not None and source.expose == "LoadBalancer",
    }
    for name, given in one_place.items():
        if given:
            raise InputError(
                f"{path}.{name}",
                f"cannot be given: {source.team!r} has {replicas} replicas, each with a place of its own",
            )


def _identity_label(text: str) -> str | None:
    if text in _RESERVED_LABELS:
        return f"{text!r} is set for every federated instance and cannot be given"
    return grammar.prometheus_label(text)


def _anything(text: str) -> str | None:
    del text
    return None
