# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Endpoints: the federated instances of all workers, as the central side gets them from the workers' runs. Pure."""

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    KNOWN_AFTER_APPLY,
    SOURCE_CLUSTER_LABEL,
    federation_job,
    federation_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.readers import readers_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scrape import (
    REMOTE_WRITE,
    SCRAPE_OPTIONS,
    THANOS,
    Scrape,
    parse_scrape,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import (
    Source,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.fleet import require_team
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import Team
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors, Place
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    require,
    require_each,
    validate_list,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.alerts import ALERTS, split_alerts

_ALERTS_PART = "alerts"

TARGET_OPTIONS: dict[str, dict[str, t.Any]] = {
    "address": {"type": "str", "required": True},
    "port": {"type": "int"},
    "replica": {"type": "int", "default": 0},
    "others": {"type": "list", "elements": "str", "default": []},
}

REGION_OPTIONS: dict[str, dict[str, t.Any]] = {
    "clusters": {"type": "list", "elements": "str", "required": True},
    "all_teams": {"type": "bool", "default": False},
}

ENDPOINT_OPTIONS: dict[str, dict[str, t.Any]] = {
    "cluster": {"type": "str", "required": True},
    "team": {"type": "str", "required": True},
    "targets": {"type": "list", "elements": "dict", "required": True, "options": TARGET_OPTIONS},
    "region": {"type": "dict", "options": REGION_OPTIONS},
    "writers": {"type": "int", "default": 0},
    **SCRAPE_OPTIONS,
}


@dataclass(frozen=True, kw_only=True)
class Target:
    """One replica's place. In check mode the address can be KNOWN_AFTER_APPLY, and the port None likewise.

    *others* are addresses at which the replica can be reached as well.
    """

    address: str
    port: int | None
    replica: int = 0
    others: tuple[str, ...] = ()

    @property
    def pending(self) -> bool:
        """Whether only a real run can tell the place."""
        return self.address == KNOWN_AFTER_APPLY or self.port is None

    def keeping(self, in_use: t.Container[str]) -> Target:
        """The same replica at the address that is *in_use*, while that is one of its addresses."""
        kept = next((address for address in (self.address, *self.others) if address in in_use), self.address)
        return dataclasses.replace(self, address=kept)

    @property
    def given(self) -> dict[str, t.Any]:
        """The same as plain data (TARGET_OPTIONS)."""
        place = {"address": self.address, "port": self.port, "replica": self.replica}
        return {**place, "others": list(self.others)} if self.others else place


@dataclass(frozen=True, kw_only=True)
class Job:
    """One scrape of an instance: what it selects there, and the ``job`` label of its targets.

    *part* tells it from the others of the instance. *ends_at_once*: a series that is no longer there ends with the
    next scrape, and not when its last sample is too old. *without*: the name of the series that another job has.
    """

    label: str
    match: tuple[str, ...]
    part: str = ""
    ends_at_once: bool = False
    without: str = ""


@dataclass(frozen=True, kw_only=True)
class Region:
    """What an instance has federated itself: the series of these *clusters*, besides its own.

    *all_teams*: whether they are of several teams, as those of the platform's instance.
    """

    clusters: tuple[str, ...]
    all_teams: bool


@dataclass(frozen=True, kw_only=True)
class FederationTargetSet:
    """One federated instance: its replicas, by IP addresses or by DNS names, never both.

    *static*: whether its targets are those of a ScrapeConfig although they are IP addresses; DNS names always are.
    An instance that writes has no targets; *writers* is the number of its replicas.
    """

    cluster: str
    team: str
    targets: tuple[Target, ...]
    scrape: Scrape
    region: Region | None = None
    static: bool = False
    writers: int = 0

    @property
    def name(self) -> str:
        """Name of the objects that the central side makes for it."""
        return federation_name(cluster=self.cluster, team=self.team)

    @property
    def job(self) -> str:
        """The ``job`` label of its targets."""
        return federation_job(cluster=self.cluster, team=self.team)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Its scrapes. Alerts have one of their own: a resolved alert must not stay as other series may."""
        rest, alerts = split_alerts(self.scrape.match)
        found = []
        if rest:
            found.append(Job(label=self.job, match=rest, without=ALERTS if alerts else ""))
        if alerts:
            label = federation_job(cluster=self.cluster, team=self.team, part=_ALERTS_PART)
            found.append(Job(label=label, match=alerts, part=_ALERTS_PART, ends_at_once=True))
        return tuple(found)

    def readers(self, cluster: str, *, central: Team, teams: t.Sequence[Team]) -> tuple[Team, ...]:
        """The teams whose instances in *cluster* read it; *central* does so if the source names none."""
        of = (self.cluster, self.team)
        return readers_of(self.scrape.into, of=of, cluster=cluster, central=central, teams=teams)

    @property
    def job_labels(self) -> tuple[str, ...]:
        """The ``job`` labels of its targets."""
        return tuple(job.label for job in self.jobs)

    @property
    def may_be_empty(self) -> bool:
        """Whether it is well if /federate gives nothing: only alerts are federated."""
        return all(job.ends_at_once for job in self.jobs)

    @property
    def pending(self) -> bool:
        """Whether a target's place is known only after a real run."""
        return any(target.pending for target in self.targets)

    @property
    def by_name(self) -> bool:
        """Whether the targets are DNS names. What is still unknown is taken for an IP address."""
        return all(is_name(target.address) for target in self.targets)

    @property
    def is_written(self) -> bool:
        """Whether the instance writes its series, so that nothing reads it."""
        return self.scrape.transport == REMOTE_WRITE

    @property
    def is_queried(self) -> bool:
        """Whether its series stay in the instance, and a Thanos Query asks its sidecar for them."""
        return self.scrape.transport == THANOS

    @property
    def is_scraped(self) -> bool:
        """Whether the central Prometheus reads it."""
        return not self.is_written and not self.is_queried

    @property
    def monitor_kind(self) -> str:
        """The kind of what lets Prometheus scrape it: the form of its targets."""
        return "ScrapeConfig" if self.by_name or self.static else "ServiceMonitor"


def endpoint(
    source: Source, *, cluster: str, targets: t.Sequence[Target], region: Region | None = None, writers: int = 0
) -> dict[str, t.Any]:
    """What a worker's run hands to the central side: plain data of the form ENDPOINT_OPTIONS."""
    return {
        "cluster": cluster,
        "team": source.team,
        "targets": [target.given for target in sorted(targets, key=lambda target: target.replica)],
        **source.scrape.access.given,
        "match": list(source.scrape.match),
        "interval": source.scrape.interval,
        "timeout": source.scrape.timeout,
        "labels": dict(source.scrape.labels),
        "limits": dataclasses.asdict(source.scrape.limits),
        "into": list(source.scrape.into),
        "transport": source.scrape.transport,
        "writers": writers,
        "normalize": source.scrape.normalize.given,
        "region": None if region is None else {"clusters": list(region.clusters), "all_teams": region.all_teams},
    }


def endpoint_of(source: FederationTargetSet) -> dict[str, t.Any]:
    """A source that is queried as the central side is given it, but for how it is met."""
    return {
        "cluster": source.cluster,
        "team": source.team,
        "targets": [target.given for target in source.targets],
        **({"into": list(source.scrape.into)} if source.scrape.into else {}),
        "transport": source.scrape.transport,
    }


def parse_endpoints(
    raw: object,
    *,
    check_match: grammar.Check,
    check: bool = False,
    teams: t.Sequence[Team] = (),
    errors: Errors | None = None,
) -> tuple[FederationTargetSet, ...]:
    """Target sets from a list of mappings (ENDPOINT_OPTIONS), sorted by cluster and team.

    In check mode (*check*) places may be unknown. *teams* are those that may read a source; without them that is left
    unchecked. What is wrong is noted in *errors*, or raised as InputError.
    """
    sets: dict[tuple[str, str], FederationTargetSet] = {}
    places: dict[tuple[str, str], str] = {}
    taken: dict[tuple[str, int | None], str] = {}
    with Collecting(errors) as found:
        for index, values in enumerate(validate_list(raw, ENDPOINT_OPTIONS, path="sources", errors=found)):
            place = f"sources[{index}]"
            is_written = values["transport"] == REMOTE_WRITE
            _check_transport(values, path=place, errors=found)
            targets = (
                [] if is_written else _targets(values["targets"], check=check, path=f"{place}.targets", errors=found)
            )
            item = _target_set(values, targets, check_match=check_match, path=place, errors=found)
            for number, name in enumerate(item.scrape.into if teams else ()):
                require_team(name, teams=teams, path=f"{place}.into[{number}]", errors=found)
            key = (item.cluster, item.team)
            if found.is_good(f"{place}.cluster") and found.is_good(f"{place}.team"):
                if key in sets:
                    found.add(place, f"team {item.team!r} of cluster {item.cluster!r} is ", Place(places[key]), " too")
                    continue
                sets[key], places[key] = item, place
            for number, target in enumerate(targets):
                where = f"{place}.targets[{number}]"
                spot = (target.address, target.port)
                if target.pending or not found.is_good(where):
                    continue
                if spot in taken:
                    found.add(
                        where,
                        f"{target.address} port {target.port} is ",
                        Place(taken[spot]),
                        " too: its series would be scraped twice",
                    )
                taken[spot] = where
    return tuple(sets[key] for key in sorted(sets))


def is_of_clusters(obj: t.Mapping[str, t.Any], clusters: t.Collection[str]) -> bool:
    """Whether an object of the central side was made for an instance of one of these clusters."""
    return (obj["metadata"].get("labels") or {}).get(SOURCE_CLUSTER_LABEL) in clusters


def _target_set(
    values: Values, targets: t.Sequence[Target], *, check_match: grammar.Check, path: str, errors: Errors
) -> FederationTargetSet:
    return FederationTargetSet(
        cluster=require(grammar.label_value, values["cluster"], path=f"{path}.cluster", errors=errors),
        team=require(grammar.dns_label, values["team"], path=f"{path}.team", errors=errors),
        targets=tuple(sorted(targets, key=lambda target: target.replica)),
        scrape=parse_scrape(values, check_match=check_match, path=path, errors=errors),
        writers=values["writers"],
        region=None if values["region"] is None else _region(values["region"], path=f"{path}.region", errors=errors),
    )


def _check_transport(values: Values, *, path: str, errors: Errors) -> None:
    is_written = values["transport"] == REMOTE_WRITE
    if is_written and values["targets"]:
        errors.add(f"{path}.targets", f"must be empty with transport: {REMOTE_WRITE}: nothing reads the instance")
    if is_written and values["writers"] < 1:
        errors.add(f"{path}.writers", f"must be at least 1 with transport: {REMOTE_WRITE}, found {values['writers']}")
    if not is_written and values["writers"]:
        errors.add(f"{path}.writers", f"needs transport: {REMOTE_WRITE}")


def _region(values: Values, *, path: str, errors: Errors) -> Region:
    clusters = require_each(grammar.label_value, values["clusters"], path=f"{path}.clusters", errors=errors)
    return Region(clusters=tuple(sorted(set(clusters))), all_teams=values["all_teams"])


def _targets(items: t.Sequence[Values], *, check: bool, path: str, errors: Errors) -> list[Target]:
    targets = [Target(**{**values, "others": tuple(values["others"])}) for values in items]
    if not targets:
        errors.add(path, "must not be empty")
    replicas: set[int] = set()
    for index, target in enumerate(targets):
        place = f"{path}[{index}]"
        if target.address != KNOWN_AFTER_APPLY:
            require(grammar.host, target.address, path=f"{place}.address", errors=errors)
        require_each(grammar.host, target.others, path=f"{place}.others", errors=errors)
        problem = None if target.port is None else grammar.port(target.port)
        if problem:
            errors.add(f"{place}.port", problem)
        if target.replica < 0:
            errors.add(f"{place}.replica", f"must not be negative, found {target.replica}")
        elif target.replica in replicas:
            errors.add(f"{place}.replica", f"replica {target.replica} has a target already")
        replicas.add(target.replica)
        if target.pending and not check and errors.is_good(f"{place}.address"):
            errors.add(place, "its address or port is not known; run the worker's side first")
        first_is_good = errors.is_good(f"{path}[0].address")
        kinds = {is_name(address) for address in (target.address, *target.others)}
        if first_is_good and kinds != {is_name(targets[0].address)}:
            errors.add(f"{place}.address", "IP addresses and DNS names cannot be mixed in one instance")
    return targets


def is_name(address: str) -> bool:
    """Whether an address is a DNS name. What is still unknown is taken for an IP address."""
    return address != KNOWN_AFTER_APPLY and grammar.ip_address(address) is None
