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
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import (
    SCRAPE_OPTIONS,
    Scrape,
    Source,
    parse_scrape,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    require,
    validate_list,
)

TARGET_OPTIONS: dict[str, dict[str, t.Any]] = {
    "address": {"type": "str", "required": True},
    "port": {"type": "int"},
    "replica": {"type": "int", "default": 0},
}

ENDPOINT_OPTIONS: dict[str, dict[str, t.Any]] = {
    "cluster": {"type": "str", "required": True},
    "team": {"type": "str", "required": True},
    "targets": {"type": "list", "elements": "dict", "required": True, "options": TARGET_OPTIONS},
    **SCRAPE_OPTIONS,
}


@dataclass(frozen=True, kw_only=True)
class Target:
    """One replica's place. In check mode the address can be KNOWN_AFTER_APPLY, and the port None likewise."""

    address: str
    port: int | None
    replica: int = 0

    @property
    def pending(self) -> bool:
        """Whether only a real run can tell the place."""
        return self.address == KNOWN_AFTER_APPLY or self.port is None


@dataclass(frozen=True, kw_only=True)
class FederationTargetSet:
    """One federated instance: its replicas, by IP addresses or by DNS names, never both."""

    cluster: str
    team: str
    targets: tuple[Target, ...]
    scrape: Scrape

    @property
    def name(self) -> str:
        """Name of the objects that the central side makes for it."""
        return federation_name(cluster=self.cluster, team=self.team)

    @property
    def job(self) -> str:
        """The ``job`` label of its targets."""
        return federation_job(cluster=self.cluster, team=self.team)

    @property
    def pending(self) -> bool:
        """Whether a target's place is known only after a real run."""
        return any(target.pending for target in self.targets)

    @property
    def by_name(self) -> bool:
        """Whether the targets are DNS names. What is still unknown is taken for an IP address."""
        return all(_is_name(target.address) for target in self.targets)


def endpoint(source: Source, *, cluster: str, targets: t.Sequence[Target]) -> dict[str, t.Any]:
    """What a worker's run hands to the central side: plain data of the form ENDPOINT_OPTIONS."""
    return {
        "cluster": cluster,
        "team": source.team,
        "targets": [dataclasses.asdict(target) for target in sorted(targets, key=lambda target: target.replica)],
        "scheme": source.scrape.scheme,
        "match": list(source.scrape.match),
        "interval": source.scrape.interval,
        "timeout": source.scrape.timeout,
        "labels": dict(source.scrape.labels),
    }


def parse_endpoints(
    raw: object, *, check_match: grammar.Check, check: bool = False, path: str = "sources"
) -> tuple[FederationTargetSet, ...]:
    """Target sets from a list of mappings (ENDPOINT_OPTIONS), sorted by cluster and team.

    In check mode (*check*) places may be unknown. Raises InputError with the path of what is wrong.
    """
    sets: dict[tuple[str, str], FederationTargetSet] = {}
    places: dict[tuple[str, str], str] = {}
    taken: dict[tuple[str, int | None], str] = {}
    for index, values in enumerate(validate_list(raw, ENDPOINT_OPTIONS, path=path)):
        place = f"{path}[{index}]"
        item = _target_set(values, check_match=check_match, check=check, path=place)
        key = (item.cluster, item.team)
        if key in sets:
            raise InputError(place, f"team {item.team!r} of cluster {item.cluster!r} is {places[key]} too")
        for number, target in enumerate(_targets(values["targets"], path=f"{place}.targets")):
            where = f"{place}.targets[{number}]"
            spot = (target.address, target.port)
            if spot in taken and not target.pending:
                raise InputError(
                    where, f"{target.address} port {target.port} is {taken[spot]} too: its series would come twice"
                )
            taken[spot] = where
        sets[key], places[key] = item, place
    return tuple(sets[key] for key in sorted(sets))


def is_of_clusters(obj: t.Mapping[str, t.Any], clusters: t.Collection[str]) -> bool:
    """Whether an object of the central side was made for an instance of one of these clusters."""
    return (obj["metadata"].get("labels") or {}).get(SOURCE_CLUSTER_LABEL) in clusters


def _target_set(values: Values, *, check_match: grammar.Check, check: bool, path: str) -> FederationTargetSet:
    targets = _targets(values["targets"], path=f"{path}.targets")
    if not targets:
        raise InputError(f"{path}.targets", "must not be empty")
    replicas: set[int] = set()
    for index, target in enumerate(targets):
        place = f"{path}.targets[{index}]"
        if target.pending and not check:
            raise InputError(place, "its address or port is not known; run the worker's side first")
        if _is_name(target.address) != _is_name(targets[0].address):
            raise InputError(f"{place}.address", "IP addresses and DNS names cannot be mixed in one instance")
        if target.replica in replicas:
            raise InputError(f"{place}.replica", f"replica {target.replica} has a target already")
        replicas.add(target.replica)
    return FederationTargetSet(
        cluster=require(grammar.label_value, values["cluster"], path=f"{path}.cluster"),
        team=require(grammar.dns_label, values["team"], path=f"{path}.team"),
        targets=tuple(sorted(targets, key=lambda target: target.replica)),
        scrape=parse_scrape(values, check_match=check_match, path=path),
    )


def _targets(items: t.Sequence[Values], *, path: str) -> list[Target]:
    targets: list[Target] = []
    for index, values in enumerate(items):
        target = Target(address=values["address"], port=values["port"], replica=values["replica"])
        if target.address != KNOWN_AFTER_APPLY:
            require(grammar.host, target.address, path=f"{path}[{index}].address")
        problem = None if target.port is None else grammar.port(target.port)
        if problem:
            raise InputError(f"{path}[{index}].port", problem)
        if target.replica < 0:
            raise InputError(f"{path}[{index}].replica", f"must not be negative, found {target.replica}")
        targets.append(target)
    return targets


def _is_name(address: str) -> bool:
    return address != KNOWN_AFTER_APPLY and grammar.ip_address(address) is None
