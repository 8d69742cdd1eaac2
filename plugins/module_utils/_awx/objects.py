# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The kinds of AWX's objects that a fleet needs, as data, and what is desired of one object. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

JsonObject = dict[str, t.Any]

# The value with which AWX shows a secret, and which leaves it as it is when it is sent back.
ENCRYPTED = "$encrypted$"


class Key(t.NamedTuple):
    """The identity of an object: its kind, the object that it belongs to (its key as text), and its name."""

    kind: str
    parent: str
    name: str

    def __str__(self) -> str:
        return f"{KINDS[self.kind].title} {f'{self.parent} / ' if self.parent else ''}{self.name}"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of objects.

    *path* is its endpoint, *name* the field of its name. Kinds of one *rank* can be written at once, after all of
    lower ranks. *parent* is the field of the object that it belongs to: its name is unique only there. *scoped*: its
    name is unique in its organization. *text* are fields whose text is JSON or YAML. *links* are its associations that
    its list shows as IDs; *hidden* are those that only a filter of the list shows, with the kind that they lead to.
    *shared*: an object that exists is used as it is, with our mark or without. *removable*: it is deleted when it has
    our mark and is no longer desired. *references* are fields with the ID of another object.
    """

    path: str
    title: str
    rank: int
    name: str = "name"
    parent: str = ""
    scoped: bool = True
    marked: bool = True
    shared: bool = False
    removable: bool = True
    text: frozenset[str] = frozenset()
    links: tuple[str, ...] = ()
    hidden: t.Mapping[str, str] = field(default_factory=dict)
    references: t.Mapping[str, str] = field(default_factory=dict)


_NOTIFIED = {f"notification_templates_{event}": "notification_template" for event in ("started", "success", "error")}
KINDS: dict[str, Kind] = {
    "organization": Kind(
        path="organizations", title="organization", rank=0, scoped=False, shared=True, removable=False
    ),
    "instance_group": Kind(
        path="instance_groups", title="instance group", rank=0, scoped=False, marked=False, shared=True, removable=False
    ),
    "role_definition": Kind(
        path="role_definitions", title="role", rank=0, scoped=False, marked=False, shared=True, removable=False
    ),
    "credential_type": Kind(path="credential_types", title="credential type", rank=0, scoped=False),
    "team": Kind(path="teams", title="team", rank=1, shared=True, references={"organization": "organization"}),
    "credential": Kind(
        path="credentials",
        title="credential",
        rank=1,
        references={"organization": "organization", "credential_type": "credential_type"},
    ),
    "notification_template": Kind(
        path="notification_templates",
        title="notification template",
        rank=1,
        references={"organization": "organization"},
    ),
    "execution_environment": Kind(
        path="execution_environments",
        title="execution environment",
        rank=2,
        # One name in all of AWX.
        scoped=False,
        references={"organization": "organization", "credential": "credential"},
    ),
    "project": Kind(
        path="projects",
        title="project",
        rank=3,
        references={"organization": "organization", "credential": "credential"},
    ),
    "inventory": Kind(
        path="inventories",
        title="inventory",
        rank=3,
        text=frozenset({"variables"}),
        references={"organization": "organization"},
    ),
    "inventory_source": Kind(
        path="inventory_sources",
        title="inventory source",
        rank=4,
        parent="inventory",
        scoped=False,
        references={
            "inventory": "inventory",
            "source_project": "project",
            "execution_environment": "execution_environment",
        },
    ),
    "job_template": Kind(
        path="job_templates",
        title="job template",
        rank=5,
        text=frozenset({"extra_vars"}),
        hidden={**_NOTIFIED, "instance_groups": "instance_group"},
        references={
            "project": "project",
            "inventory": "inventory",
            "execution_environment": "execution_environment",
        },
    ),
    "workflow_job_template": Kind(
        path="workflow_job_templates",
        title="workflow",
        rank=6,
        text=frozenset({"extra_vars"}),
        hidden=_NOTIFIED,
        references={"organization": "organization", "inventory": "inventory"},
    ),
    "workflow_job_template_node": Kind(
        path="workflow_job_template_nodes",
        title="workflow node",
        rank=7,
        name="identifier",
        parent="workflow_job_template",
        scoped=False,
        marked=False,
        links=("success_nodes", "failure_nodes", "always_nodes"),
        references={"workflow_job_template": "workflow_job_template", "unified_job_template": "job_template"},
    ),
    "schedule": Kind(
        path="schedules",
        title="schedule",
        rank=8,
        parent="unified_job_template",
        scoped=False,
        references={"unified_job_template": "job_template"},
    ),
}


@dataclass(frozen=True, kw_only=True)
class Desired:
    """What one object has to be.

    *fields* are AWX's own, with a Key in place of another object's ID. *secrets* are values at paths of two names
    (``inputs.token``); AWX shows those of the paths *shown*, and results none. *links* are associations: the keys of
    all objects in each. *teams* are those that may do something with it, by the role that allows it. *survey* is its
    whole survey, None where the kind has none.
    *approval* is a workflow node's approval instead of a template. *is_given*: it must exist, and is not written;
    *place* is then where the input names it.
    """

    key: Key
    description: str = ""
    fields: t.Mapping[str, t.Any] = field(default_factory=dict)
    secrets: t.Mapping[str, str] = field(default_factory=dict)
    shown: frozenset[str] = frozenset()
    links: t.Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    teams: t.Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    survey: JsonObject | None = None
    approval: JsonObject | None = None
    is_given: bool = False
    place: str = field(default="", compare=False)


def key(kind: str, name: str, *, parent: str = "") -> Key:
    """The key of an object."""
    return Key(kind, parent, name)
