# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sources: the instances that a worker exposes, as the input describes them. Pure."""

from __future__ import annotations

import ipaddress
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import PLATFORM_TEAM
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.load_balancers import (
    LOAD_BALANCERS,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.proxy import (
    PROXY_OPTIONS,
    Proxy,
    parse_proxy,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.readers import cannot_read
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scrape import (
    SCRAPE_OPTIONS,
    Scrape,
    parse_scrape,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.selection import (
    SELECTION_OPTIONS,
    check_selection,
    selected,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    nearest,
    require,
    require_each,
    text_mapping,
    validate_list,
)

DEFAULT_ALLOWED_SOURCES = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"]
# What a Service calls the families of addresses, with their version.
FAMILIES = {"IPv4": 4, "IPv6": 6}

SOURCE_OPTIONS: dict[str, dict[str, t.Any]] = {
    "team": {"type": "str"},
    "expose": {"type": "str", "choices": ["LoadBalancer", "NodePort", "Existing"], "default": "LoadBalancer"},
    "address": {"type": "str"},
    "port": {"type": "int"},
    "node_port": {"type": "int"},
    "load_balancer": {"type": "str", "choices": sorted(LOAD_BALANCERS)},
    "ip_family": {"type": "str", "choices": list(FAMILIES)},
    "annotations": {"type": "dict", "default": {}},
    "health_check_sources": {"type": "list", "elements": "str"},
    "allowed_sources": {"type": "list", "elements": "str", "default": DEFAULT_ALLOWED_SOURCES},
    "proxy": {"type": "dict", "options": PROXY_OPTIONS},
    **SCRAPE_OPTIONS,
    **SELECTION_OPTIONS,
}


@dataclass(frozen=True, kw_only=True)
class Source:
    """One instance that a worker exposes. *address* and *port*, where given, replace what the cluster would say.

    *allowed_sources* are the ranges of its clients, *health_check_sources* those of a load balancer's health checks.
    *ip_family* is that of its Services, by default the first one of the cluster. With a *proxy* they lead to that.
    """

    team: str
    expose: str
    address: str | None
    port: int | None
    node_port: int | None
    ip_family: str | None
    annotations: t.Mapping[str, str]
    health_check_sources: tuple[str, ...]
    allowed_sources: tuple[str, ...]
    scrape: Scrape
    proxy: Proxy | None = None

    def allowed_of(self, family: str) -> list[str]:
        """The ranges of its clients that are of this family."""
        return of_family(self.allowed_sources, family)


def of_family(networks: t.Iterable[str], family: str) -> list[str]:
    """Those of *networks* that are of this family (FAMILIES), sorted."""
    return sorted(network for network in networks if ipaddress.ip_network(network).version == FAMILIES[family])


def parse_sources(
    raw: object,
    *,
    check_match: grammar.Check,
    teams: t.Mapping[str, int | None] | None = None,
    platform: str = PLATFORM_TEAM,
    path: str = "sources",
    centrals: t.Mapping[str, str | None] | None = None,
    federates: bool = False,
    errors: Errors | None = None,
) -> tuple[Source, ...]:
    """Sources from a list of mappings (SOURCE_OPTIONS), sorted by team; a source without a team is the platform's.

    *check_match* gives the reason why a selector is bad, or None. *teams* are the teams that there are, with the
    number of replicas of their Prometheus, None if that is not known; without *teams* that is left unchecked.
    *centrals* are the teams that may read a source, with the reason why they cannot, likewise. *federates*: whether the
    cluster federates others itself. What is wrong is noted in *errors*, or raised as InputError.
    """
    sources: dict[str, Source] = {}
    places: dict[str, str] = {}
    with Collecting(errors) as found:
        for index, values in enumerate(validate_list(raw, SOURCE_OPTIONS, path=path, errors=found)):
            place = f"{path}[{index}]"
            source = _source(
                values, check_match=check_match, platform=platform, federates=federates, path=place, errors=found
            )
            if not found.is_good(f"{place}.team"):
                continue
            if source.team in sources:
                found.add(f"{place}.team", f"{source.team!r} is the team of ", Place(places[source.team]), " too")
                continue
            if teams is not None and source.team not in teams:
                found.add(f"{place}.team", f"unknown team {source.team!r}; {nearest(source.team, teams)}")
            if centrals is not None:
                _check_readers(source, centrals=centrals, path=f"{place}.into", errors=found)
            replicas = (teams or {}).get(source.team)
            if replicas is not None:
                _check_replicas(source, replicas=replicas, path=place, errors=found)
            sources[source.team], places[source.team] = source, place
    return tuple(sources[team] for team in sorted(sources))


def _source(
    values: Values, *, check_match: grammar.Check, platform: str, federates: bool, path: str, errors: Errors
) -> Source:
    values = {**values, "match": selected(values)}
    allowed = _networks(values["allowed_sources"], path=f"{path}.allowed_sources", errors=errors)
    preset = LOAD_BALANCERS.get(values["load_balancer"] or "")
    checks = values["health_check_sources"]
    if checks is None:
        checks = preset.health_checks if preset is not None else ()
    annotations = text_mapping(
        values["annotations"],
        path=f"{path}.annotations",
        check_name=grammar.qualified_name,
        check_value=_anything,
        errors=errors,
    )
    scrape = parse_scrape(values, check_match=check_match, path=path, errors=errors)
    source = Source(
        # An error of the platform's name is reported where it is given.
        team=require(grammar.dns_label, values["team"], path=f"{path}.team", errors=errors)
        if values["team"]
        else platform,
        expose=values["expose"],
        address=values["address"],
        port=values["port"],
        node_port=values["node_port"],
        ip_family=values["ip_family"],
        annotations={**annotations, **(preset.annotations if preset is not None else {})},
        health_check_sources=_networks(checks, path=f"{path}.health_check_sources", errors=errors),
        allowed_sources=allowed,
        scrape=scrape,
        proxy=None
        if values["proxy"] is None
        else parse_proxy(values["proxy"], access=scrape.access, path=f"{path}.proxy", errors=errors),
    )
    check_selection(
        values["match"],
        everything=values["match_everything"],
        labels=source.scrape.labels,
        path=f"{path}.match",
        errors=errors,
        federates=federates,
    )
    if source.address is not None:
        require(grammar.host, source.address, path=f"{path}.address", errors=errors)
    for name, port in (("port", source.port), ("node_port", source.node_port)):
        problem = None if port is None else grammar.port(port)
        if problem:
            errors.add(f"{path}.{name}", problem)
    if preset is not None:
        _check_contradictions(
            annotations, preset.annotations, load_balancer=values["load_balancer"], path=path, errors=errors
        )
    if errors.is_good(f"{path}.expose"):
        _check_address(source, path=path, errors=errors)
        _check_balancer(source, values, path=path, errors=errors)
    return source


def _networks(given: t.Iterable[str], *, path: str, errors: Errors) -> tuple[str, ...]:
    networks = require_each(grammar.network, given, path=path, errors=errors)
    return tuple(sorted(set(map(grammar.canonical_network, networks))))


def _check_contradictions(
    given: t.Mapping[str, str], preset: t.Mapping[str, str], *, load_balancer: str, path: str, errors: Errors
) -> None:
    """Own annotations may repeat and extend those of a load balancer, but say nothing else: it could become public."""
    for name in sorted(given.keys() & preset.keys()):
        if given[name] != preset[name]:
            errors.add(
                f"{path}.annotations.{name}",
                f"contradicts load_balancer: {load_balancer}, which sets it to {preset[name]!r}",
            )


def _check_balancer(source: Source, values: Values, *, path: str, errors: Errors) -> None:
    """Options of load balancers need one; the ranges of clients must be of the family that the Services have."""
    for name in ("load_balancer", "health_check_sources"):
        if values[name] and source.expose != "LoadBalancer":
            errors.add(f"{path}.{name}", f"needs expose to be LoadBalancer, found {source.expose!r}")
    if source.ip_family is None or not errors.is_good(f"{path}.ip_family"):
        return
    if source.expose == "Existing":
        errors.add(f"{path}.ip_family", "cannot be given where expose is Existing: no Service is made")
    elif errors.is_good(f"{path}.allowed_sources") and not source.allowed_of(source.ip_family):
        errors.add(f"{path}.allowed_sources", f"has no range of {source.ip_family}, which ip_family asks for")


def _check_address(source: Source, *, path: str, errors: Errors) -> None:
    """What is exposed already has an address and a port of its own; what we expose has what the cluster gives it."""
    if source.expose == "Existing":
        if source.proxy is not None:
            errors.add(f"{path}.proxy", "cannot be given where expose is Existing: nothing is made")
        for name, value in (("address", source.address), ("port", source.port)):
            if value is None:
                errors.add(f"{path}.{name}", "is required where expose is Existing: there is nothing to discover")
    elif source.port is not None and source.address is None:
        errors.add(f"{path}.port", "needs an address; without one both come from the cluster")
    if source.node_port is not None and source.expose != "NodePort":
        errors.add(f"{path}.node_port", f"needs expose to be NodePort, found {source.expose!r}")
    if not source.allowed_sources and source.expose != "Existing" and errors.is_good(f"{path}.allowed_sources"):
        errors.add(f"{path}.allowed_sources", "must not be empty: no address could read the instance")


def _check_replicas(source: Source, *, replicas: int, path: str, errors: Errors) -> None:
    """Check that options that name one address are not given for several replicas: each is a target of its own."""
    if replicas == 1 or source.expose == "Existing":
        return
    one_place = {
        "node_port": source.node_port is not None,
        "port": source.port is not None,
        "address": source.address is not None and source.expose == "LoadBalancer",
    }
    for name, given in one_place.items():
        if given:
            errors.add(
                f"{path}.{name}",
                f"cannot be given: {source.team!r} has {replicas} replicas, each with its own address",
            )


def _check_readers(source: Source, *, centrals: t.Mapping[str, str | None], path: str, errors: Errors) -> None:
    for number, name in enumerate(source.scrape.into):
        place = f"{path}[{number}]"
        problem = centrals[name] if name in centrals else f"unknown team {name!r}; {nearest(name, centrals)}"
        if problem and errors.is_good(place):
            errors.add(place, problem)


def _anything(text: str) -> str | None:
    del text
    return None


def exposed_sources(
    params: t.Mapping[str, t.Any],
    *,
    teams: t.Sequence[Team],
    check_match: grammar.Check,
    errors: Errors,
    path: str = "sources",
) -> list[tuple[Source, Team]]:
    """The sources of a module's parameters with their teams, without those whose Prometheus does not run here.

    *path* is the name of the parameter that has them. The source of a team that is switched off is left out; an unknown
    team is an error, added to *errors*.
    """
    by_name = {team.name: team for team in teams if team.name}
    teams_are_good = errors.is_good("teams") and errors.is_good("platform")
    sources = parse_sources(
        params[path],
        check_match=check_match,
        teams={name: team.prometheus.replicas if teams_are_good else None for name, team in by_name.items()},
        platform=params["platform_team"],
        path=path,
        centrals={
            name: cannot_read(team, centrals=params.get("centrals") or ()) if teams_are_good else None
            for name, team in by_name.items()
        },
        federates=bool(params.get("below")),
        errors=errors,
    )
    return [
        (source, by_name[source.team])
        for source in sources
        if source.team in by_name and by_name[source.team].runs_prometheus_on(params["cluster"])
    ]
