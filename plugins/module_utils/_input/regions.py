# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Regions: workers that a central cluster of their own reads, which itself is a worker of the global one. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of

_PREFIX = "promfleet_region_"
_CENTRAL = "_central"


def region_errors(
    groups: t.Mapping[str, t.Sequence[str]], *, workers: t.Sequence[str], centrals: t.Sequence[str]
) -> list[str]:
    """What is wrong with the groups of regions, each with its hosts; each error begins with the group.

    *workers* and *centrals* are the hosts of the groups promfleet_workers and promfleet_central.
    """
    errors: list[str] = []
    regions = sorted(name for name in groups if not name.endswith(_CENTRAL))
    for name in regions:
        errors += _central_errors(name, groups)
    errors += [
        f"{name}: is the central of no region; make a group {name.removesuffix(_CENTRAL)} with the workers that it "
        "reads"
        for name in sorted(groups)
        if name.endswith(_CENTRAL) and name.removesuffix(_CENTRAL) not in groups
    ]
    errors += [
        f"{name}: {host} is not in promfleet_workers; what is read by another cluster is a worker"
        for name in sorted(groups)
        for host in groups[name]
        if host not in workers
    ]
    errors += _place_errors(regions, groups, centrals=centrals)
    return errors


def _central_errors(name: str, groups: t.Mapping[str, t.Sequence[str]]) -> list[str]:
    """Each region has one central: with two the global instance would have each series twice."""
    central = f"{name}{_CENTRAL}"
    found = groups.get(central) or ()
    if not found:
        return [f"{name}: has no central; make a group {central} with the host whose instance reads these workers"]
    if len(found) > 1:
        return [f"{central}: must have one host, found {first_of(sorted(found))}: their series would be there twice"]
    return []


def _place_errors(
    regions: t.Sequence[str], groups: t.Mapping[str, t.Sequence[str]], *, centrals: t.Sequence[str]
) -> list[str]:
    """Each worker is read in one place, and what reads it is read by the global central alone."""
    errors = []
    places: dict[str, str] = {}
    readers = {host: name for name in regions for host in groups.get(f"{name}{_CENTRAL}") or ()}
    for name in regions:
        for host in groups[name]:
            if host in places:
                errors.append(f"{name}: {host} is in {places[host]} too; its series would be there twice")
            places.setdefault(host, name)
            if host in centrals:
                errors.append(f"{name}: {host} is in promfleet_central, which reads this region: that is a cycle")
            elif readers.get(host) == name:
                errors.append(f"{name}: {host} is its central too, and would read itself: that is a cycle")
            elif host in readers:
                errors.append(f"{name}: {host} is the central of {readers[host]}; a region cannot be inside of another")
    errors += [
        f"{readers[host]}{_CENTRAL}: {host} is in promfleet_central, which reads this region: that is a cycle"
        for host in sorted(readers)
        if host in centrals
    ]
    return errors
