# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run would change in AWX: field by field, before and after, and why it must not. Pure."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._awx import marks, survey
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.objects import (
    ENCRYPTED,
    KINDS,
    Desired,
    JsonObject,
    Key,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.read import Live, is_ours
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest

CREATED, UPDATED, DELETED = "created", "updated", "deleted"
# What results have in place of secrets, which are never shown.
SECRET, NEW_SECRET = "(secret)", "(secret, another one)"
# Reads the text of variables, in JSON or YAML; raises ValueError for anything else.
ReadText = t.Callable[[str], t.Any]


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field that differs."""

    name: str
    before: t.Any
    after: t.Any


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happens to one object: *desired* is None for one that is deleted, *found* for one that is created.

    *secrets_known*: the secrets that it has in AWX are the desired ones, so they need not be sent.
    """

    key: Key
    action: str
    fields: tuple[Field, ...] = ()
    desired: Desired | None = None
    found: JsonObject | None = None
    secrets_known: bool = False

    def result(self) -> JsonObject:
        """The change as a module returns it."""
        return {
            "action": self.action,
            "kind": KINDS[self.key.kind].title,
            "name": f"{self.key.parent} / {self.key.name}" if self.key.parent else self.key.name,
            **(
                {"fields": [{"field": one.name, "before": one.before, "after": one.after} for one in self.fields]}
                if self.fields
                else {}
            ),
        }


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All changes, each object once; *unchanged* counts the desired objects that need none."""

    changes: tuple[Change, ...]
    unchanged: int


ACTIONS = (CREATED, UPDATED, DELETED)


def make(
    desired: t.Sequence[Desired], live: Live, *, fleet: str, adopt: bool, read_text: ReadText, errors: Errors
) -> Plan:
    """The plan that makes *live* what is *desired*; reasons not to do it are noted in *errors*, by object."""
    maker = _Maker(live=live, fleet=fleet, adopt=adopt, read_text=read_text, errors=errors)
    changes = [change for one in desired if (change := maker.change(one)) is not None]
    written = sum(not one.is_given for one in desired)
    unchanged = written - len(changes)
    changes += maker.deletions(desired)
    return Plan(changes=tuple(changes), unchanged=unchanged)


class _Maker:
    def __init__(self, *, live: Live, fleet: str, adopt: bool, read_text: ReadText, errors: Errors) -> None:
        self.live, self.fleet, self.adopt = live, fleet, adopt
        self.read_text, self.errors = read_text, errors

    def change(self, one: Desired) -> Change | None:
        """What happens to one desired object; None where it is as desired, or is not written."""
        found = self.live.by_key.get(one.key)
        if one.is_given:
            if found is None:
                self.errors.add(one.place, self._why_missing(one.key))
            return None
        if found is None:
            return Change(key=one.key, action=CREATED, fields=tuple(self._as_created(one)), desired=one)
        kind = KINDS[one.key.kind]
        if kind.marked and not is_ours(one.key.kind, found, fleet=self.fleet):
            if kind.shared:
                return None
            if not self.adopt:
                other = marks.read(found.get("description")).fleet
                whose = f"was made by the fleet {other!r}" if other else "exists and was not made by this fleet"
                self.errors.add(
                    str(one.key), f"{whose}; set name_prefix to another one, or adopt: true to take it over"
                )
                return None
        known = not one.secrets or self._secrets_known(one, found)
        fields = tuple(self._differences(one, found, secrets_known=known))
        if not fields:
            return None
        return Change(key=one.key, action=UPDATED, fields=fields, desired=one, found=found, secrets_known=known)

    def _why_missing(self, key: Key) -> str:
        kind = KINDS[key.kind]
        known = {other.name for other in self.live.by_key if other.kind == key.kind}
        elsewhere = kind.scoped and any(found.get(kind.name) == key.name for found in self.live.found[key.kind])
        which = f"AWX has no {kind.title} {key.name!r}"
        if elsewhere:
            return f"{which} in this organization, only in another one"
        return f"{which}; {nearest(key.name, known)}"

    # -- fields ----------------------------------------------------------------------------------------------------

    def _as_created(self, one: Desired) -> t.Iterator[Field]:
        shown = {name: _shown(value) for name, value in one.fields.items()}
        for name, value in shown.items():
            yield Field(name=name, before=None, after=value)
        for name in one.secrets:
            yield Field(name=name, before=None, after=SECRET)
        for name, keys in one.links.items():
            if keys:
                yield Field(name=name, before=None, after=[key.name for key in keys])
        for role, teams in one.teams.items():
            if teams:
                yield Field(name=f"teams.{role}", before=None, after=[key.name for key in teams])
        if one.survey:
            yield Field(name="survey", before=None, after=survey.normal(one.survey)["spec"])

    def _secrets_known(self, one: Desired, found: JsonObject) -> bool:
        """Whether AWX has the desired secrets: each has some value there, and the fingerprint is that of ours."""
        for path in one.secrets:
            field, _dot, name = path.partition(".")
            wanted = one.secrets[path] if path in one.shown else ENCRYPTED
            if (found.get(field) or {}).get(name) != wanted:
                return False
        return marks.read(found.get("description")).proves(one.secrets)

    def _differences(self, one: Desired, found: JsonObject, *, secrets_known: bool) -> t.Iterator[Field]:
        kind = KINDS[one.key.kind]
        if kind.marked:
            mark = marks.read(found.get("description"))
            if mark.text != one.description:
                yield Field(name="description", before=mark.text, after=one.description)
            if mark.fleet != self.fleet:
                yield Field(name="fleet", before=mark.fleet, after=self.fleet)
        for name, value in one.fields.items():
            yield from self._field(one, name, value, found)
        if not secrets_known:
            yield from _secret_differences(one, found)
        yield from self._link_differences(one, found)
        yield from self._team_differences(one, found)
        if one.survey is not None:
            yield from _survey_difference(self.live.surveys.get(found["id"]), one.survey)
        if one.approval is not None:
            yield from self._approval(one.approval, found)

    def _link_differences(self, one: Desired, found: JsonObject) -> t.Iterator[Field]:
        for name, keys in one.links.items():
            before = linked(self.live, one.key.kind, name, found)
            if before != {self._id(key) for key in keys}:
                to = KINDS[one.key.kind].hidden.get(name) or ("credential" if name == "credentials" else one.key.kind)
                shown = sorted(self._name(to, identity) for identity in before)
                yield Field(name=name, before=shown, after=sorted(key.name for key in keys))

    def _field(self, one: Desired, name: str, value: t.Any, found: JsonObject) -> t.Iterator[Field]:
        kind, before = KINDS[one.key.kind], found.get(name)
        if name in kind.references:
            after = self._id(value) if isinstance(value, Key) else value
            if before != after:
                shown = None if before is None else self._name(kind.references[name], before)
                yield Field(name=name, before=shown, after=_shown(value))
        elif name in kind.text:
            read = self._text(before)
            if read != value:
                yield from _inside(name, read, value)
        elif isinstance(value, dict) and isinstance(before, dict):
            secret = {path.partition(".")[2] for path in one.secrets if path.startswith(f"{name}.")}
            yield from _inside(name, {key: before[key] for key in before if key not in secret}, value)
        elif before != value:
            yield Field(name=name, before=before, after=value)

    def _text(self, text: t.Any) -> t.Any:
        if not text:
            return {}
        try:
            return self.read_text(text) or {}
        except ValueError:
            return text

    def _team_differences(self, one: Desired, found: JsonObject) -> t.Iterator[Field]:
        for role, teams in one.teams.items():
            before = set(self.live.teams.get((one.key.kind, found["id"], role), {}))
            if before != {self._id(key) for key in teams}:
                yield Field(
                    name=f"teams.{role}",
                    before=sorted(self._name("team", identity) for identity in before),
                    after=sorted(key.name for key in teams),
                )

    def _approval(self, wanted: JsonObject, found: JsonObject) -> t.Iterator[Field]:
        shown = (found.get("summary_fields") or {}).get("unified_job_template") or {}
        if shown.get("unified_job_type") != "workflow_approval":
            yield Field(name="approval", before=shown.get("name"), after=wanted["name"])
            return
        for name, value in wanted.items():
            if shown.get(name, value if name == "description" else None) != value:
                yield Field(name=f"approval.{name}", before=shown.get(name), after=value)

    def _id(self, key: Key) -> int | None:
        found = self.live.by_key.get(key)
        return None if found is None else t.cast("int", found["id"])

    def _name(self, kind: str, identity: int) -> str:
        key = self.live.keys.get((kind, identity))
        if key is not None:
            return key.name
        named = next((found for found in self.live.found.get(kind, ()) if found["id"] == identity), None)
        return str(named.get(KINDS[kind].name)) if named else f"{KINDS[kind].title} {identity}"

    # -- deletions -------------------------------------------------------------------------------------------------

    def deletions(self, desired: t.Sequence[Desired]) -> list[Change]:
        """Every object with our mark that is not desired, and the nodes of our workflows that are not."""
        wanted = {one.key for one in desired}
        gone: list[tuple[Key, JsonObject]] = []
        for name, kind in KINDS.items():
            for found in self.live.found[name] if kind.removable else ():
                key = self.live.keys.get((name, found["id"])) or Key(name, "", str(found.get(kind.name)))
                is_wanted = key in wanted and self.live.by_key.get(key) is found
                if not is_wanted and self._is_of_this_fleet(name, found):
                    gone.append((key, found))
        ids = {(key.kind, found["id"]) for key, found in gone}
        for key, found in gone:
            users = self._foreign_users(key.kind, found["id"], ids)
            if users:
                self.errors.add(
                    str(key), f"cannot be deleted: {users} of others would lose it; give them another one first"
                )
        return [Change(key=key, action=DELETED, found=found) for key, found in gone]

    def _is_of_this_fleet(self, kind: str, found: JsonObject) -> bool:
        """Whether an object has our mark; a workflow's node has none, and is ours with its workflow."""
        if kind != "workflow_job_template_node":
            return is_ours(kind, found, fleet=self.fleet)
        return any(
            workflow["id"] == found["workflow_job_template"]
            and is_ours("workflow_job_template", workflow, fleet=self.fleet)
            for workflow in self.live.found["workflow_job_template"]
        )

    def _foreign_users(self, kind: str, identity: int, gone: set[tuple[str, int]]) -> str:
        """The objects of others that need an object that is deleted."""
        users = [
            f"{other.title} {found.get(other.name)}"
            for name, other in KINDS.items()
            for field, to in other.references.items()
            if to == kind
            for found in self.live.found[name]
            if found.get(field) == identity
            and (name, found["id"]) not in gone
            and not self._is_of_this_fleet(name, found)
        ]
        return first_of(users, most=5)


def linked(live: Live, kind: str, name: str, found: JsonObject) -> set[int]:
    """The IDs of the objects in an association, as AWX has it."""
    if name == "credentials":
        return {one["id"] for one in (found.get("summary_fields") or {}).get("credentials") or ()}
    if name in KINDS[kind].hidden:
        return live.hidden.get((kind, name, found["id"]), set())
    return set(found.get(name) or ())


def _secret_differences(one: Desired, found: JsonObject) -> t.Iterator[Field]:
    for path in one.secrets:
        field, _dot, name = path.partition(".")
        had = name in (found.get(field) or {})
        yield Field(name=path, before=SECRET if had else None, after=NEW_SECRET if had else SECRET)


def _survey_difference(found: JsonObject | None, wanted: JsonObject) -> t.Iterator[Field]:
    before, after = survey.normal(found), survey.normal(wanted)
    if before != after:
        yield Field(name="survey", before=before.get("spec") or [], after=after.get("spec") or [])


def _shown(value: t.Any) -> t.Any:
    return value.name if isinstance(value, Key) else value


def _inside(name: str, before: t.Any, after: t.Any) -> t.Iterator[Field]:
    """The fields of two mappings that differ, or the whole where one is none."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        yield Field(name=name, before=before, after=after)
        return
    for key in sorted({*before, *after}, key=str):
        if before.get(key) != after.get(key) or (key in before) != (key in after):
            yield Field(name=f"{name}.{key}", before=before.get(key), after=after.get(key))


def text_of(variables: t.Mapping[str, t.Any]) -> str:
    """Variables as text for AWX, the same for the same variables."""
    return json.dumps(variables, sort_keys=True) if variables else ""
