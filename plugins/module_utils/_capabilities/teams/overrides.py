# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What of a team is different in some clusters: how overrides are merged, and where an error in the result is. Pure.

Mappings are merged key by key, at every level; lists and all other values replace. Of several overrides that count for
a cluster a later one is laid over an earlier one. Null leaves what is there.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.placement import (
    SELECTION_OPTIONS,
    ClusterFacts,
    selected,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import Values, validate_mapping

Spec = dict[str, dict[str, t.Any]]

# What an override may set. A team's name, namespaces and people are the same everywhere.
OVERRIDABLE = (
    "enabled", "state", "archive_may_lose", "size", "weight", "labels", "quota", "network_policy", "base_rules",
    "image_registry", "image_pull_secrets", "run_as", "prometheus", "alertmanager",
)  # fmt: skip
_MAPPINGS = ("prometheus", "alertmanager")
_STEP = re.compile(r"[.\[]")


@dataclass(frozen=True, kw_only=True)
class Override:
    """What is different in *clusters*; *path* is its place in the input."""

    path: str
    clusters: frozenset[str]
    values: Values


def overrides_option(team_options: Spec) -> dict[str, t.Any]:
    """The option ``overrides`` of a team with these options.

    The parts are mappings without options here: what an override leaves out has no default. `parse_overrides` checks
    them.
    """
    options: Spec = {name: dict(option) for name, option in SELECTION_OPTIONS.items()}
    for name in OVERRIDABLE:
        option = team_options[name]
        options[name] = {"type": "dict"} if name in _MAPPINGS else _open(option)
    return {"type": "list", "elements": "dict", "default": [], "options": options}


def parse_overrides(
    raw: t.Sequence[Values],
    *,
    team_options: Spec,
    clusters: t.Sequence[str],
    facts: ClusterFacts,
    path: str,
    errors: Errors,
) -> list[Override]:
    """The overrides that validated values describe, in their order."""
    parts = {name: _open(team_options[name])["options"] for name in _MAPPINGS}
    found = []
    for number, values in enumerate(raw):
        place = f"{path}[{number}]"
        where = selected(values, clusters=clusters, facts=facts, path=place, errors=errors)
        if where is None:
            errors.add(place, "needs clusters, cluster_groups or cluster_labels: they say where it counts")
        given = {name: values[name] for name in OVERRIDABLE if values[name] is not None}
        for name in _MAPPINGS:
            if name in given:
                checked = validate_mapping(given[name], parts[name], path=f"{place}.{name}", errors=errors)
                given[name] = _without_nothing(checked)
        if not given:
            errors.add(place, f"changes nothing; it may have {', '.join(OVERRIDABLE)}")
        found.append(Override(path=place, clusters=where or frozenset(), values=given))
    return found


def by_clusters(overrides: t.Sequence[Override], clusters: t.Iterable[str]) -> dict[tuple[int, ...], list[str]]:
    """The *clusters* in which the same overrides count, by the numbers of these; those without any are left out."""
    found: dict[tuple[int, ...], list[str]] = {}
    for cluster in clusters:
        numbers = tuple(number for number, one in enumerate(overrides) if cluster in one.clusters)
        if numbers:
            found.setdefault(numbers, []).append(cluster)
    return found


def merged(below: t.Any, above: t.Any) -> t.Any:
    """*above* laid over *below*."""
    if not isinstance(below, t.Mapping) or not isinstance(above, t.Mapping):
        return above
    return {**below, **{key: merged(below.get(key), value) for key, value in above.items()}}


def placed_error(
    error: InputError, *, path: str, overrides: t.Sequence[Override], clusters: t.Sequence[str]
) -> tuple[str, str]:
    """Where an error in the result of *overrides* is, and what it says; *path* is that of the team.

    It is in the last override that says something about its place. Where none does, a value of the team does not fit
    what an override changes elsewhere.
    """
    said = f"{error.message} (merged for {first_of(sorted(clusters))})"
    inside = error.path.removeprefix(path).removeprefix(".")
    steps = [step for step in _STEP.split(inside) if step]
    for override in reversed(overrides):
        if _says(override.values, steps):
            return f"{override.path}.{inside}", said
    return overrides[-1].path, f"{inside}: {said}"


def _says(values: t.Any, steps: t.Sequence[str]) -> bool:
    """Whether *values* have something at the place of *steps*, or a whole that it is inside of."""
    for step in steps:
        if not isinstance(values, t.Mapping):
            return True
        if step not in values:
            return False
        values = values[step]
    return True


def _open(option: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The same option without a default, and nothing in it is required; items of a list stay as they are."""
    found = {name: value for name, value in option.items() if name not in ("default", "required")}
    if found.get("type") == "dict" and "options" in found:
        found["options"] = {name: _open(inner) for name, inner in found["options"].items()}
    return found


def _without_nothing(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {name: _without_nothing(inner) for name, inner in value.items() if inner is not None}
    return value
