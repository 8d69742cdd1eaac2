# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Job templates: of the table, of teams and of regions, and what people are asked before a job. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._awx import refusals, survey
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.making import PATH, Making
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.objects import Desired, JsonObject, Key, key
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.sources import CLUSTERS_TYPE, ONE_CLUSTER_TYPE
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest

# The variable that limits a run to teams, and the playbook that obeys it.
ONLY = "team_monitoring_only"
TEAMS = "teams"
EXPECTED = "promfleet_expected_workers"
REGION_GROUP = "promfleet_region_"
# What would change which part of a playbook runs, of which commit, as whom, or who else can start it.
WHOLE: JsonObject = {
    "become_enabled": False,
    "host_config_key": "",
    "job_tags": "",
    "scm_branch": "",
    "skip_tags": "",
    "start_at_task": "",
    "webhook_service": "",
}
# Nothing that AWX could ask before a job is asked, but the survey.
NO_PROMPTS = tuple(
    f"ask_{what}_on_launch"
    for what in (
        "credential",
        "diff_mode",
        "execution_environment",
        "forks",
        "instance_groups",
        "inventory",
        "job_slice_count",
        "job_type",
        "labels",
        "limit",
        "scm_branch",
        "skip_tags",
        "tags",
        "timeout",
        "variables",
        "verbosity",
    )
)


def template(made: Making, row: JsonObject, *, place: str = "", **changes: t.Any) -> Key:
    """Add the template of a row; *changes* are those of a team's or a region's own template."""
    name = row["name"]
    credentials = changes.pop("credentials", made.setting(name, "credentials"))
    keys = _of_jobs(made, credentials, place=place or f"{PATH}.templates.{name}.credentials")
    extra = {**_fixed(made, row), **changes.pop("extra_vars", {})}
    title = changes.pop("title", made.name(name))
    limit, teams = changes.pop("limit", ""), changes.pop("teams", {})
    # People who may work for one team only are asked for nothing.
    asked = [] if teams else _questions(made, row, fixed=frozenset(extra))
    group = changes.pop("instance_group", made.setting(name, "instance_group"))
    group_place = changes.pop("group_place", f"{PATH}.templates.{name}.instance_group")
    links: dict[str, tuple[Key, ...]] = {"credentials": keys}
    links["instance_groups"] = (made.existing("instance_group", group, place=group_place),) if group else ()
    for event in ("started", "success", "error"):
        links[f"notification_templates_{event}"] = made.told(name, event)
    forks, timeout = (made.setting(name, option, default=0) for option in ("forks", "timeout"))
    return made.add(
        Desired(
            key=key("job_template", title),
            description=changes.pop("about", row["about"]),
            fields={
                "project": made.project,
                "inventory": made.inventory,
                "execution_environment": made.environment,
                "playbook": made.playbook(row),
                "job_type": "check" if row["check"] else "run",
                "diff_mode": row["check"],
                "extra_vars": extra,
                "limit": limit,
                "forks": forks,
                "timeout": timeout,
                "job_slice_count": 1 if teams else _slices(made, row),
                "survey_enabled": bool(asked),
                # Two runs over the same clusters would wait for each other's Leases.
                "allow_simultaneous": False,
                **dict.fromkeys(NO_PROMPTS, False),
                **WHOLE,
            },
            links=links,
            teams=teams,
            survey=survey.survey(title, asked),
        )
    )


def _of_jobs(made: Making, names: list[str] | None, *, place: str) -> tuple[Key, ...]:
    """The credentials of a template; AWX takes one of each type."""
    entries = {entry["name"]: entry for entry in made.given["credentials"]}
    chosen = [name for name in entries if name not in made.of_regions] if names is None else names
    types: dict[str, str] = {}
    found = []
    for name in chosen:
        if name not in entries:
            made.errors.add(place, f"unknown credential {name!r}; {nearest(name, entries)}")
            continue
        entry = entries[name]
        kind = CLUSTERS_TYPE if entry["kubeconfig_file"] else ONE_CLUSTER_TYPE if entry["host"] else name
        if kind in types:
            made.errors.add(
                place, f"a job takes one credential of a type, but {types[kind]!r} and {name!r} are both {kind!r}"
            )
        types[kind] = name
        found.append(made.credential(entry))
    return tuple(sorted(found))


def _fixed(made: Making, row: JsonObject) -> JsonObject:
    """The variables of a template that cannot be changed at a launch."""
    fixed = dict(made.setting(row["name"], "extra_vars", default={}))
    for name, value in fixed.items():
        place = f"{PATH}.templates.{row['name']}.extra_vars.{name}"
        option = made.fleet.variables.get(name)
        if option is None:
            made.errors.add(place, f"unknown variable; {nearest(name, made.fleet.variables)}")
        elif name in (EXPECTED, row["confirm"]):
            made.errors.add(place, "is given by the collection; leave it out")
        else:
            refusals.fixed(name, value, option, place=place, errors=made.errors)
    if row["whole"]:
        fixed[EXPECTED] = made.fleet.workers
    if any(entry["host"] for entry in made.given["credentials"]):
        fixed["promfleet_use_environment"] = True
    return fixed


def _questions(made: Making, row: JsonObject, *, fixed: frozenset[str]) -> list[JsonObject]:
    wanted = made.setting(row["name"], "survey")
    place = f"{PATH}.templates.{row['name']}.survey"
    found = []
    if row["confirm"]:
        found.append(_confirmation(made, row["confirm"]))
    for name in row["survey"] if wanted is None else wanted:
        asked = any(question["variable"] == name for question in found)
        reason = "is asked for already" if asked else _why_not_asked(made, name, fixed=fixed)
        if not reason:
            found.append(survey.question(name, made.fleet.variables[name]))
        elif wanted is None:
            made.not_asked[name] = reason
        else:
            made.errors.add(f"{place}.{name}", reason)
    return found


def _why_not_asked(made: Making, name: str, *, fixed: frozenset[str]) -> str:
    if name not in made.fleet.variables:
        return f"unknown variable; {nearest(name, made.fleet.variables)}"
    if name in fixed:
        return "has a fixed value in the template, which an answer would replace"
    if name in made.fleet.given:
        return "is set in the inventory; an answer left blank would take the role's default instead of it"
    return survey.why_not_held(made.fleet.variables[name])


def _confirmation(made: Making, variable: str) -> JsonObject:
    asked = survey.question(variable, {"type": "str", "required": True, "choices": ["none", made.fleet.name]})
    return {
        **asked,
        "question_name": "Remove the monitoring of this fleet from all clusters",
        "question_description": f"Choose {made.fleet.name} to confirm.",
    }


def _slices(made: Making, row: JsonObject) -> int:
    slices = int(made.setting(row["name"], "slices", default=1))
    place = f"{PATH}.templates.{row['name']}.slices"
    if slices < 1:
        made.errors.add(place, f"must be 1 or more, found {slices}")
    elif slices > 1 and row["whole"]:
        made.errors.add(place, "must be 1: each job must see all workers, those of other slices would look gone")
    return slices


def team_templates(made: Making) -> None:
    """Add a template for each team, that works for this team alone."""
    row = made.rows.get(TEAMS)
    for index, entry in enumerate(made.given["teams"]):
        place = f"{PATH}.teams[{index}]"
        if made.fleet.teams is not None and entry["name"] not in made.fleet.teams:
            made.errors.add(f"{place}.name", f"unknown team; {nearest(entry['name'], made.fleet.teams)}")
        if row is not None:
            template(
                made,
                row,
                place=f"{place}.name",
                title=made.name(f"team {entry['name']}"),
                about=f"Brings the monitoring of the team {entry['name']} to its state.",
                extra_vars={ONLY: [entry["name"]]},
                teams={"JobTemplate Execute": (made.awx_team(entry["awx_team"] or entry["name"]),)},
            )


def region_templates(made: Making) -> None:
    """Add the templates of regions, whose limit is the region's group."""
    for index, entry in enumerate(made.given["regions"]):
        place = f"{PATH}.regions[{index}]"
        if entry["name"] not in made.fleet.regions:
            known = nearest(entry["name"], made.fleet.regions)
            made.errors.add(f"{place}.name", f"the inventory has no group {REGION_GROUP}{entry['name']}; {known}")
        for name in entry["templates"]:
            if name in made.rows:
                template(
                    made,
                    made.rows[name],
                    place=f"{place}.credentials",
                    title=made.name(f"{name} in {entry['name']}"),
                    limit=f"{REGION_GROUP}{entry['name']}",
                    instance_group=entry["instance_group"],
                    group_place=f"{place}.instance_group",
                    **({"credentials": entry["credentials"]} if entry["credentials"] is not None else {}),
                )
