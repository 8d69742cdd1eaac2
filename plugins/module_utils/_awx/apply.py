# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries out a plan in AWX: what is needed by others first, deletions last and the other way round."""

from __future__ import annotations

import secrets as random
import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._awx import marks
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.client import Awx, AwxError, KeptBack, Unclear
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.objects import (
    ENCRYPTED,
    KINDS,
    Desired,
    JsonObject,
    Key,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.plan import (
    CREATED,
    DELETED,
    Change,
    Plan,
    linked,
    text_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.read import Live

# Fields of a change that are written by requests of their own.
_APART = frozenset({"survey", "credentials"}.union(*([*kind.links, *kind.hidden] for kind in KINDS.values())))


@dataclass(kw_only=True)
class Done:
    """What was carried out: the *changes*, the *failures*, each with its object, and the objects that need those."""

    changes: list[Change] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    kept_back: list[str] = field(default_factory=list)


def apply(awx: Awx, plan: Plan, live: Live, *, fleet: str) -> Done:
    """Carry out *plan*. What fails keeps back what needs it, and all deletions; a later run does the rest."""
    run = _Run(awx=awx, live=live, fleet=fleet)
    writes = [change for change in plan.changes if change.action != DELETED]
    for rank in sorted({KINDS[change.key.kind].rank for change in writes}):
        run.all(run.write, [change for change in writes if KINDS[change.key.kind].rank == rank])
    # Nodes of a workflow name one another, so all of them must exist first.
    run.all(run.link, [change for change in writes if change in run.done.changes])
    if run.done.failures:
        return run.done
    gone = [change for change in plan.changes if change.action == DELETED]
    for rank in sorted({KINDS[change.key.kind].rank for change in gone}, reverse=True):
        run.all(run.remove, [change for change in gone if KINDS[change.key.kind].rank == rank])
    return run.done


class _Run:
    def __init__(self, *, awx: Awx, live: Live, fleet: str) -> None:
        self.awx, self.live, self.fleet = awx, live, fleet
        self.done = Done()
        self.ids: dict[Key, int] = {key: found["id"] for key, found in live.by_key.items()}

    def all(self, do: t.Callable[[Change], None], changes: list[Change]) -> None:
        def one(change: Change) -> tuple[list[str], str] | None:
            try:
                do(change)
            except KeptBack:
                return self.done.kept_back, str(change.key)
            except AwxError as error:
                return self.done.failures, f"{change.key}: {error}"
            return None

        for change, failure in zip(changes, self.awx.each(one, changes), strict=True):
            if failure is not None:
                among, text = failure
                among.append(text)
                if change in self.done.changes:
                    self.done.changes.remove(change)
            elif change not in self.done.changes:
                self.done.changes.append(change)

    # -- one object ------------------------------------------------------------------------------------------------

    def write(self, change: Change) -> None:
        """Create or update one object, without what it is associated with."""
        desired = t.cast("Desired", change.desired)
        path = KINDS[change.key.kind].path
        if change.action == CREATED:
            self.ids[change.key] = self._create(path, desired)
        elif any(not _is_apart(one.name) for one in change.fields):
            body = self._body(desired, change=change)
            # What an object belongs to can only be given when it is made.
            body.pop(KINDS[change.key.kind].parent, None)
            self.awx.patch(f"{path}/{self.ids[change.key]}", body)

    def _create(self, path: str, desired: Desired) -> int:
        body = self._body(desired, change=None)
        if KINDS[desired.key.kind].name not in body:
            body[KINDS[desired.key.kind].name] = desired.key.name
        try:
            made = self.awx.create(path, body)
        except Unclear:
            found = self._made(path, desired, body)
            if found is None:
                made = self.awx.create(path, body)
            else:
                return found
        return int(made["id"])

    def _made(self, path: str, desired: Desired, body: JsonObject) -> int | None:
        """The object whose creation had no answer, if AWX has it."""
        kind = KINDS[desired.key.kind]
        narrowed = {kind.parent: body[kind.parent]} if kind.parent else {}
        if "organization" in body:
            narrowed["organization"] = body["organization"]
        for found in self.awx.list(path, **{kind.name: desired.key.name, **narrowed}):
            if not kind.marked or marks.read(found.get("description")).fleet == self.fleet:
                return int(found["id"])
        return None

    def _body(self, desired: Desired, *, change: Change | None) -> JsonObject:
        """The fields of an object as AWX takes them; known secrets stay as they are there."""
        kind = KINDS[desired.key.kind]
        body: JsonObject = {}
        for name, value in desired.fields.items():
            if isinstance(value, Key):
                body[name] = self.ids[value] if value in self.ids else self._missing(value)
            elif name in kind.text:
                body[name] = text_of(value)
            else:
                body[name] = dict(value) if isinstance(value, dict) else value
        known = change is not None and change.secrets_known
        for path, secret in desired.secrets.items():
            name, _dot, inner = path.partition(".")
            body[name][inner] = ENCRYPTED if known and path not in desired.shown else secret
        if kind.marked:
            body["description"] = self._description(desired, change=change)
        return body

    def _description(self, desired: Desired, *, change: Change | None) -> str:
        if not desired.secrets:
            return marks.write(desired.description, fleet=self.fleet)
        known = change is not None and change.secrets_known
        old = marks.read((change.found or {}).get("description")) if change else None
        salt = old.salt if known and old else random.token_hex(marks.SALT_BYTES)
        return marks.write(desired.description, fleet=self.fleet, salt=salt, secrets=desired.secrets)

    def _missing(self, key: Key) -> int:
        raise KeptBack(f"needs the {key}, which could not be written")

    # -- associations ----------------------------------------------------------------------------------------------

    def link(self, change: Change) -> None:
        """Give one object its associations, its teams, its survey and its approval."""
        desired = t.cast("Desired", change.desired)
        identity = self.ids[change.key]
        kind = KINDS[change.key.kind]
        place = f"{kind.path}/{identity}"
        changed = {one.name for one in change.fields}
        for name, keys in desired.links.items():
            if name in changed:
                self._associate(place, name, change, keys)
        if "survey" in changed:
            self._survey(place, desired)
        for role, teams in desired.teams.items():
            if f"teams.{role}" in changed:
                self._teams(change, identity, role, teams)
        if desired.approval is not None and (
            change.action == CREATED or any(name.startswith("approval") for name in changed)
        ):
            self._approval(place, desired.approval, change)

    def _associate(self, place: str, name: str, change: Change, keys: tuple[Key, ...]) -> None:
        before: set[int] = set()
        if change.found is not None:
            before = linked(self.live, change.key.kind, name, change.found)
        after = {self.ids[key] if key in self.ids else self._missing(key) for key in keys}
        # AWX refuses a second credential of a type, so the old one goes first.
        for identity in sorted(before - after):
            self.awx.post(f"{place}/{name}", {"id": identity, "disassociate": True})
        for identity in sorted(after - before):
            self.awx.post(f"{place}/{name}", {"id": identity})

    def _survey(self, place: str, desired: Desired) -> None:
        if desired.survey:
            self.awx.post(f"{place}/survey_spec", desired.survey)
        else:
            self.awx.delete(f"{place}/survey_spec")

    def _teams(self, change: Change, identity: int, role: str, teams: tuple[Key, ...]) -> None:
        definition = self.ids.get(Key("role_definition", "", role))
        if definition is None:
            raise AwxError(f"AWX has no role {role!r}; AWX 24.6 or newer has it")
        before = self.live.teams.get((change.key.kind, identity, role), {})
        after = {self.ids[key] if key in self.ids else self._missing(key) for key in teams}
        for team in sorted(set(before) - after):
            self.awx.delete(f"role_team_assignments/{before[team]}")
        for team in sorted(after - set(before)):
            self.awx.post(
                "role_team_assignments", {"role_definition": definition, "team": team, "object_id": str(identity)}
            )

    def _approval(self, place: str, approval: JsonObject, change: Change) -> None:
        shown = ((change.found or {}).get("summary_fields") or {}).get("unified_job_template") or {}
        if shown.get("unified_job_type") == "workflow_approval":
            self.awx.patch(f"workflow_approval_templates/{shown['id']}", approval)
        else:
            self.awx.post(f"{place}/create_approval_template", approval)

    def remove(self, change: Change) -> None:
        """Delete one object."""
        found = t.cast("JsonObject", change.found)
        self.awx.delete(f"{KINDS[change.key.kind].path}/{found['id']}")


def _is_apart(name: str) -> bool:
    return name in _APART or name.startswith(("teams.", "approval"))
