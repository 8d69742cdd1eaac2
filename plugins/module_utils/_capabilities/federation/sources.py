# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sources: the instances that a worker exposes, as the input describes them. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field, fields

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import PLATFORM_TEAM
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.exposure import (
    EXPOSURE_OPTIONS,
    Exposure,
    parse_exposure,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.readers import cannot_read
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scrape import (
    REMOTE_WRITE,
    SCRAPE_OPTIONS,
    THANOS,
    Scrape,
    parse_scrape,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.selection import (
    SELECTION_OPTIONS,
    check_selection,
    selected,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.sending import (
    SIDECAR_OPTIONS,
    Serving,
    parse_serving,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    nearest,
    require,
    validate_list,
)

SOURCE_OPTIONS: dict[str, dict[str, t.Any]] = {
    "team": {"type": "str"},
    "address": {"type": "str"},
    "port": {"type": "int"},
    **EXPOSURE_OPTIONS,
    **SCRAPE_OPTIONS,
    **SELECTION_OPTIONS,
    "sidecar": {"type": "dict", "options": SIDECAR_OPTIONS},
}


@dataclass(frozen=True, kw_only=True)
class Source(Exposure):
    """One instance that a worker exposes. *address* and *port*, where given, replace what the cluster would say.

    With the transport REMOTE_WRITE it writes, and nothing is exposed. With THANOS its *sidecar* is exposed, and has
    this certificate. *path*: its place in the input.
    """

    team: str
    address: str | None
    port: int | None
    scrape: Scrape
    sidecar: Serving | None = None
    path: str = field(default="", compare=False)

    @property
    def writes(self) -> bool:
        """Whether the instance writes its series to the central side, which then does not read them."""
        return self.scrape.transport == REMOTE_WRITE

    @property
    def is_queried(self) -> bool:
        """Whether the series stay in the instance, and Thanos Query asks its sidecar for them."""
        return self.scrape.transport == THANOS


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
    values = {**values, "given_match": values["match"], "match": selected(values)}
    if values["transport"] == REMOTE_WRITE:
        _refuse_without_effect(values, path=path, errors=errors)
        # By which scheme it writes, the receiver says.
        values = {**values, "scheme": "https"}
    if values["transport"] == THANOS:
        _refuse_selection(values, path=path, errors=errors)
        # There is no other way to a sidecar.
        values = {**values, "scheme": "https"}
    scrape = parse_scrape(values, check_match=check_match, path=path, errors=errors)
    exposure = parse_exposure(values, access=scrape.access, path=path, errors=errors)
    source = Source(
        **{one.name: getattr(exposure, one.name) for one in fields(exposure)},
        # An error of the platform's name is reported where it is given.
        team=require(grammar.dns_label, values["team"], path=f"{path}.team", errors=errors)
        if values["team"]
        else platform,
        address=values["address"],
        port=values["port"],
        scrape=scrape,
        sidecar=_sidecar(values, path=f"{path}.sidecar", errors=errors),
        path=path,
    )
    if source.is_queried:
        _check_client(source, path=f"{path}.tls_config", errors=errors)
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
    problem = None if source.port is None else grammar.port(source.port)
    if problem:
        errors.add(f"{path}.port", problem)
    if errors.is_good(f"{path}.expose") and not source.writes:
        _check_address(source, path=path, errors=errors)
    return source


# What the central side does to a source that it reads, and what exposes one. An instance that writes has neither.
_OF_READING = ("interval", "timeout", "limits", "path_prefix", "address", "port", *EXPOSURE_OPTIONS)


def _refuse_without_effect(values: Values, *, path: str, errors: Errors) -> None:
    """Options without an effect where the instance writes; a value that is the default one counts as not given."""
    reasons = {
        "interval": "each sample is sent when it is there",
        "timeout": "each sample is sent when it is there",
        "limits": "a Prometheus that receives has no limit for one source; select less instead",
        "path_prefix": "the receiver's urls have it",
    }
    for name in _OF_READING:
        given = {key: value for key, value in values[name].items() if value} if name == "limits" else values[name]
        default = SOURCE_OPTIONS[name].get("default")
        if errors.is_good(f"{path}.{name}") and given != default and given:
            reason = reasons.get(name, "the instance is not exposed; its receiver is")
            errors.add(f"{path}.{name}", f"cannot be given with transport: {REMOTE_WRITE}: {reason}")


_AS_ASKED = "Query asks for what somebody looks at, when that happens"
# Each of these says what is read when, or changes it on the way; nothing does that here.
_OF_SELECTION = {
    "match": f"nothing is selected: {_AS_ASKED}",
    "match_presets": f"nothing is selected: {_AS_ASKED}",
    "match_everything": f"nothing is selected: {_AS_ASKED}",
    "interval": _AS_ASKED,
    "timeout": _AS_ASKED,
    "limits": _AS_ASKED,
    "labels": "series have the external labels of the instance; give them to the team (labels)",
    "normalize": "series are shown as the instance has them",
    "path_prefix": "a sidecar speaks gRPC, which has no path",
    "basic_auth": "a sidecar knows clients by their certificate: tls_config.cert",
    "bearer_token": "a sidecar knows clients by their certificate: tls_config.cert",
    "proxy": "the sidecar itself serves TLS; give sidecar",
}


def _refuse_selection(values: Values, *, path: str, errors: Errors) -> None:
    """Options without an effect where Query asks; a value that is the default one counts as not given."""
    for name, reason in _OF_SELECTION.items():
        value = values["given_match"] if name == "match" else values[name]
        if name == "limits":
            value = {key: one for key, one in value.items() if one}
        if name == "normalize":
            value = {key: one for key, one in value.items() if one}
        if errors.is_good(f"{path}.{name}") and value != SOURCE_OPTIONS[name].get("default") and value:
            errors.add(f"{path}.{name}", f"cannot be given with transport: {THANOS}: {reason}")


def _sidecar(values: Values, *, path: str, errors: Errors) -> Serving | None:
    given = values["sidecar"]
    if values["transport"] != THANOS:
        if given is not None:
            errors.add(path, f"needs transport to be {THANOS}, found {values['transport']!r}")
        return None
    if given is None:
        errors.add(path, f"is required with transport: {THANOS}: its certificate, and the authority of its clients")
        return None
    return parse_serving(given, path=path, errors=errors)


def _check_client(source: Source, *, path: str, errors: Errors) -> None:
    """Query must show a certificate, and know the authority of the one that it sees."""
    tls = source.scrape.access.tls_config or {}
    if not errors.is_good(path):
        return
    if not tls.get("cert"):
        errors.add(path, f"needs cert with transport: {THANOS}: the sidecar lets in clients with a certificate only")
    elif not tls.get("ca") and not tls.get("insecure_skip_verify"):
        errors.add(path, f"needs ca with transport: {THANOS}: the authority of the sidecar's certificate")


def _check_address(source: Source, *, path: str, errors: Errors) -> None:
    """What is exposed already has an address and a port of its own; what we expose has what the cluster gives it."""
    if source.expose == "Existing":
        for name, value in (("address", source.address), ("port", source.port)):
            if value is None:
                errors.add(f"{path}.{name}", "is required where expose is Existing: there is nothing to discover")
    elif source.port is not None and source.address is None:
        errors.add(f"{path}.port", "needs an address; without one both come from the cluster")


def _check_replicas(source: Source, *, replicas: int, path: str, errors: Errors) -> None:
    """Check that options that name one address are not given for several replicas: each is a target of its own."""
    if replicas == 1 or source.expose == "Existing" or source.writes:
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
    found = [
        (source, by_name[source.team])
        for source in sources
        if source.team in by_name and by_name[source.team].sends_on(params["cluster"])
    ]
    for source, team in found if teams_are_good else ():
        _check_instance(source, team, federates=bool(params.get("below")), errors=errors)
    return found


def _check_instance(source: Source, team: Team, *, federates: bool, errors: Errors) -> None:
    """Note in *errors* why the instance of *team* cannot be read as *source* says; one that writes is not read.

    *federates*: whether it has series of other clusters.
    """
    part = team.prometheus
    if not part.serves and not source.writes:
        errors.add(
            f"{source.path}.transport",
            f"must be {REMOTE_WRITE}: {team.name!r} has a PrometheusAgent, which answers no queries",
        )
    if source.is_queried and federates:
        errors.add(
            f"{source.path}.transport",
            f"cannot be {THANOS}: this cluster federates others, and a sidecar gives every series the labels of its "
            "own instance: those of the other clusters would be shown as series of this one",
        )
    if source.writes or source.expose == "Existing":
        return
    if part.shards > 1:
        errors.add(
            f"{source.path}.team",
            f"{team.name!r} has {part.shards} shards, of which each has series of its own, and only one would be read; "
            "use transport: remote_write",
        )
    if not source.is_queried and source.scrape.access.path_prefix != part.web.route_prefix:
        wanted = f"must be {part.web.route_prefix}" if part.web.route_prefix else "must be left out"
        errors.add(
            f"{source.path}.path_prefix",
            f"{wanted}, found {source.scrape.access.path_prefix or 'nothing'}: it is where the Prometheus of "
            f"{team.name!r} answers (prometheus.web.route_prefix)",
        )
