# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where images are copied from, and to which names, so that clusters find them there. Pure."""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._images.reference import (
    Reference,
    parse_reference,
    prefix_problem,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.upstream import upstream_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require


@dataclass(frozen=True, kw_only=True, order=True)
class Copy:
    """An image: its *source*, where it is published, and its *target*, where it is copied to.

    *clusters* are those that pull it. Where source and target are one name nothing is copied.
    """

    source: str
    target: str
    clusters: tuple[str, ...]

    @property
    def is_moved(self) -> bool:
        """Whether it has a place of its own to be copied to."""
        return self.source != self.target


def checked_mirrors(given: Mapping[str, t.Any], *, errors: Errors) -> dict[str, str]:
    """The option mirrors: each registry or path in front of names, with what takes its place."""
    for source, target in given.items():
        require(prefix_problem, str(source), path=f"mirrors.{source}", errors=errors)
        require(prefix_problem, str(target), path=f"mirrors.{source}", errors=errors)
    return {str(source): str(target) for source, target in given.items()}


def mirrored(source: Reference, mirrors: Mapping[str, str]) -> Reference:
    """*source* below the mirror of the longest prefix of its name, itself if it has none."""
    fitting = [prefix for prefix in mirrors if f"{source.name}/".startswith(f"{prefix}/")]
    if not fitting:
        return source
    prefix = max(fitting, key=len)
    return source.at(mirrors[prefix] + source.name.removeprefix(prefix))


def copies_of(
    pulled: Mapping[str, Iterable[str]], mirrors: Mapping[str, str], *, errors: Errors | None = None
) -> list[Copy]:
    """What must be copied where, for the images that each cluster has *pulled*, sorted.

    A name that the inventory already gives another registry is the target; for others *mirrors* say it. Two sources
    with one target are refused, by an error in *errors*, or raised as InputError.
    """
    found: dict[tuple[str, str], set[str]] = {}
    with Collecting(errors) as problems:
        for cluster, images in pulled.items():
            for image in images:
                reference = parse_reference(image)
                published = upstream_of(image)
                placed = mirrored(published, mirrors) if reference == published else reference
                found.setdefault((str(published), str(placed)), set()).add(cluster)
        sources: dict[str, str] = {}
        for source, target in sorted(found):
            other = sources.setdefault(target, source)
            if other != source:
                problems.add("mirrors", f"{other} and {source} would both be copied to {target}")
    return [
        Copy(source=source, target=target, clusters=tuple(sorted(clusters)))
        for (source, target), clusters in sorted(found.items())
    ]


def targets_of(source: str, copies: Iterable[Copy], mirrors: Mapping[str, str]) -> list[str]:
    """Where *source*, which no cluster pulls any more, was copied to: by *mirrors*, and as the other images are.

    From ``quay.io/a/b`` at ``mirror.example.com/x/a/b`` follows that ``quay.io`` is at ``mirror.example.com/x``.
    """
    reference = parse_reference(source)
    found = {str(mirrored(reference, mirrors))}
    for copy in copies:
        published, placed = parse_reference(copy.source), parse_reference(copy.target)
        prefix, tail, place = published.registry, f"/{published.repository}", placed.name
        if place.endswith(tail) and prefix == reference.registry:
            found.add(str(reference.at(place.removesuffix(tail) + f"/{reference.repository}")))
    return sorted(found - {source})
