# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the dictionary ``promfleet_awx`` to the objects that AWX must have, and all that is wrong with it. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._awx import refusals, sources, starts, templates
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.making import PATH, Fleet, Making, ReadFile
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.objects import Desired, JsonObject
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest, validate_mapping

COLLECTION = "promfleet.monitoring"
ROW: dict[str, dict[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "playbook": {"type": "str", "required": True},
    "about": {"type": "str", "default": ""},
    "check": {"type": "bool", "default": False},
    "whole": {"type": "bool", "default": False},
    "survey": {"type": "list", "elements": "str", "default": []},
    "confirm": {"type": "str"},
}


@dataclass(frozen=True, kw_only=True)
class Model:
    """All that AWX must have: *objects* in no particular order, and *files* that the repository must have, by path.

    *given* is the dictionary ``promfleet_awx``, checked, with its defaults.
    *not_asked* are variables of surveys that people are not asked for, with the reason of each.
    """

    given: JsonObject
    objects: tuple[Desired, ...]
    files: t.Mapping[str, str]
    not_asked: t.Mapping[str, str]


def make(
    raw: object, *, spec: t.Mapping[str, t.Any], rows: object, fleet: Fleet, read: ReadFile, errors: Errors
) -> Model:
    """The model of *raw*, the dictionary ``promfleet_awx`` with the argument spec *spec*; what is wrong is noted.

    *rows* is the table of templates. *read* gives the content of a file that *raw* names, and raises ValueError with
    the reason where it cannot.
    """
    given = validate_mapping(raw, spec, path=PATH, errors=errors)
    table = [
        validate_mapping(row, ROW, path=f"awx_templates[{index}]", errors=errors)
        for index, row in enumerate(rows if isinstance(rows, list) else [])
    ]
    made = Making(given=given, rows={row["name"]: row for row in table}, fleet=fleet, read=read, errors=errors)
    refusals.texts(given, spec, errors=errors)
    for name in ("templates", "credentials", "teams", "regions", "notifications", "schedules"):
        _once_each(made, name)
    _unknown_rows(made)
    refusals.repository(made)
    sources.organization(made)
    sources.credentials(made)
    sources.notifications(made)
    sources.sources(made)
    enabled = [row for row in made.rows.values() if made.setting(row["name"], "enabled", default=True)]
    for row in enabled:
        templates.template(made, row)
    templates.team_templates(made)
    templates.region_templates(made)
    starts.workflow(made, frozenset(row["name"] for row in enabled))
    starts.schedules(made)
    return Model(given=given, objects=tuple(made.objects.values()), files=_files(made), not_asked=made.not_asked)


def _once_each(made: Making, option: str) -> None:
    seen: dict[str, int] = {}
    for index, entry in enumerate(made.given[option]):
        name = entry["name"]
        if name in seen:
            made.errors.add(f"{PATH}.{option}[{index}].name", f"{name!r} is in the list already, at {seen[name]}")
        seen.setdefault(name, index)


def _unknown_rows(made: Making) -> None:
    places = [(f"templates[{at}].name", entry["name"]) for at, entry in enumerate(made.given["templates"])]
    for option in ("regions", "notifications"):
        for at, entry in enumerate(made.given[option]):
            names = entry["templates"] or ()
            places += [(f"{option}[{at}].templates[{index}]", name) for index, name in enumerate(names)]
    for place, name in places:
        if name not in made.rows:
            made.errors.add(f"{PATH}.{place}", f"unknown template; {nearest(name, made.rows)}")


def _files(made: Making) -> dict[str, str]:
    """The files without which AWX cannot run the templates: it runs playbooks of the project only."""
    names = {made.playbook(row): row["playbook"] for row in made.rows.values()}
    files = {
        path: f"---\n- name: Run the collection's playbook\n  import_playbook: {COLLECTION}.{names[path]}\n"
        for path in sorted(
            {str(one.fields["playbook"]) for key, one in made.objects.items() if key.kind == "job_template"}
        )
    }
    return {"collections/requirements.yml": f"---\ncollections:\n  - name: {COLLECTION}\n", **files}
