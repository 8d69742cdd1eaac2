# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWX has: every object of every kind that a fleet may need, read with few requests."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._awx import marks
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.client import Awx
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.objects import (
    KINDS,
    Desired,
    JsonObject,
    Key,
)

IN_ORDER = sorted(KINDS, key=lambda kind: KINDS[kind].rank)


@dataclass(kw_only=True)
class Live:
    """What was read.

    *found*: the objects of each kind. *by_key* has those that the desired objects could mean, *keys* the key of each
    object by kind and ID. *hidden* are the associations that lists do not show: for a kind, a name and the ID of an
    object all IDs at the other end. *surveys* are those of templates that may have one, by ID. *teams*: for the kind
    and ID of an object and the name of a role the teams that have it, each with the ID of the assignment.
    """

    found: dict[str, list[JsonObject]] = field(default_factory=dict)
    by_key: dict[Key, JsonObject] = field(default_factory=dict)
    keys: dict[tuple[str, int], Key] = field(default_factory=dict)
    hidden: dict[tuple[str, str, int], set[int]] = field(default_factory=dict)
    surveys: dict[int, JsonObject] = field(default_factory=dict)
    teams: dict[tuple[str, int, str], dict[int, int]] = field(default_factory=dict)


def read(awx: Awx, desired: t.Sequence[Desired], *, fleet: str) -> Live:
    """Read what *desired* has to be compared with, and all objects with the mark of *fleet*."""
    live = Live()
    listed = awx.each(lambda kind: awx.list(KINDS[kind].path), IN_ORDER)
    live.found = dict(zip(IN_ORDER, listed, strict=True))
    _index(live, desired)
    ours = {kind: ids_of_interest(live, desired, kind=kind, fleet=fleet) for kind in KINDS}
    _read_hidden(awx, live, ours)
    _read_surveys(awx, live, desired, ours["job_template"])
    if any(one.teams for one in desired) or ours["team"]:
        _read_teams(awx, live)
    return live


def ids_of_interest(live: Live, desired: t.Sequence[Desired], *, kind: str, fleet: str) -> set[int]:
    """The IDs of objects of a kind that are desired or have the mark of *fleet*."""
    wanted = {live.by_key[one.key]["id"] for one in desired if one.key.kind == kind and one.key in live.by_key}
    return wanted | {found["id"] for found in live.found[kind] if is_ours(kind, found, fleet=fleet)}


def is_ours(kind: str, found: JsonObject, *, fleet: str) -> bool:
    """Whether an object carries the mark of *fleet*."""
    return KINDS[kind].marked and marks.read(found.get("description")).fleet == fleet


def _index(live: Live, desired: t.Sequence[Desired]) -> None:
    """Note the key of each object that a desired one could mean: in our organization, or without one."""
    names = {one.key.name for one in desired if one.key.kind == "organization"}
    organizations = {found["id"] for found in live.found["organization"] if found["name"] in names}
    for name in IN_ORDER:
        kind = KINDS[name]
        for found in live.found[name]:
            if kind.scoped and found.get("organization") not in {*organizations, None}:
                continue
            parent = ""
            if kind.parent:
                above = next(
                    (live.keys[place] for place in _parents(name, found[kind.parent]) if place in live.keys),
                    None,
                )
                if above is None:
                    continue
                parent = above.name
            key = Key(name, parent, found[kind.name])
            # Of two of a name the organization's own is meant, not one without an organization.
            if key not in live.by_key or found.get("organization") is not None:
                live.by_key[key] = found
            live.keys[name, found["id"]] = key


def _parents(kind: str, identity: int) -> t.Iterator[tuple[str, int]]:
    yield KINDS[kind].references[KINDS[kind].parent], identity
    if KINDS[kind].parent == "unified_job_template":
        yield "workflow_job_template", identity


def _read_hidden(awx: Awx, live: Live, ours: t.Mapping[str, set[int]]) -> None:
    """Ask which of our templates each of the objects at the other end has; nothing where there is none."""
    asked = [
        (name, link, other)
        for name, kind in KINDS.items()
        if ours[name]
        for link, to in kind.hidden.items()
        for other in sorted(ours[to])
    ]

    def ask(one: tuple[str, str, int]) -> list[JsonObject]:
        name, link, other = one
        return awx.list(KINDS[name].path, **{f"{link}__id": other})

    for (name, link, other), having in zip(asked, awx.each(ask, asked), strict=True):
        for found in having:
            live.hidden.setdefault((name, link, found["id"]), set()).add(other)


def _read_surveys(awx: Awx, live: Live, desired: t.Sequence[Desired], ours: set[int]) -> None:
    """Read the surveys that are desired or exist; a list says of a survey only its name."""
    wanted = {live.by_key[one.key]["id"] for one in desired if one.survey and one.key in live.by_key}
    shown = {
        found["id"]
        for found in live.found["job_template"]
        if found["id"] in ours and "survey" in (found.get("summary_fields") or {})
    }
    # A template whose list shows no survey has none, so there is nothing to read.
    ids = sorted(shown)
    for identity in wanted - shown:
        live.surveys[identity] = {}
    surveys = awx.each(lambda identity: awx.get(f"job_templates/{identity}/survey_spec"), ids)
    live.surveys.update(zip(ids, surveys, strict=True))


_OBJECT_TYPES = {"awx.jobtemplate": "job_template", "awx.workflowjobtemplate": "workflow_job_template"}


def _read_teams(awx: Awx, live: Live) -> None:
    names = {found["id"]: found["name"] for found in live.found["role_definition"]}
    for found in awx.list("role_team_assignments"):
        kind = _OBJECT_TYPES.get(str(found.get("content_type")))
        if kind and found.get("object_id") is not None:
            role = names.get(found["role_definition"], "")
            live.teams.setdefault((kind, int(found["object_id"]), role), {})[found["team"]] = found["id"]
