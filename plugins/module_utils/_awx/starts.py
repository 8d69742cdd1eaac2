# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What starts job templates: the workflow with its approval, and schedules. Pure."""

from __future__ import annotations

import re
import traceback
import zoneinfo

from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.making import PATH, Making
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx.objects import Desired, JsonObject, key
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest

try:
    from dateutil.rrule import rrulestr

    IMPORT_ERROR: str | None = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

WORKFLOW_STEPS = ("check", "approve", "site", "verify")
# What AWX could ask before a workflow; nothing is asked.
PROMPTS = ("inventory", "labels", "limit", "scm_branch", "skip_tags", "tags", "variables")
_DTSTART = re.compile(r"DTSTART(?:;TZID=[^:]+:\d{8}T\d{6}|:\d{8}T\d{6}Z)(?=\s|$)")


def workflow(made: Making, enabled: frozenset[str]) -> None:
    """Add the workflow, which needs some of the *enabled* templates."""
    given = made.given["workflow"]
    missing = [name for name in WORKFLOW_STEPS if name != "approve" and name not in enabled]
    if not given["enabled"]:
        return
    if missing:
        made.errors.add(f"{PATH}.workflow", f"needs the templates {', '.join(missing)}, which are not enabled")
    title = made.name("apply after approval")
    teams = {
        "WorkflowJobTemplate Approve": tuple(made.awx_team(name) for name in sorted(given["approvers"])),
        "WorkflowJobTemplate Execute": tuple(made.awx_team(name) for name in sorted(given["launchers"])),
    }
    workflow = made.add(
        Desired(
            key=key("workflow_job_template", title),
            description="Checks, asks for an approval, applies, verifies.",
            fields={
                "organization": made.organization,
                "extra_vars": {},
                "allow_simultaneous": False,
                **{f"ask_{what}_on_launch": False for what in PROMPTS},
                "survey_enabled": False,
            },
            links={
                f"notification_templates_{event}": made.told("workflow", event)
                for event in ("started", "success", "error")
            },
            teams=teams,
        )
    )
    for index, step in enumerate(WORKFLOW_STEPS):
        following = WORKFLOW_STEPS[index + 1 : index + 2]
        fields: JsonObject = {"workflow_job_template": workflow}
        if step != "approve":
            fields["unified_job_template"] = key("job_template", made.name(step))
        made.add(
            Desired(
                key=key("workflow_job_template_node", step, parent=title),
                fields=fields,
                links={
                    "success_nodes": tuple(key("workflow_job_template_node", name, parent=title) for name in following),
                    "failure_nodes": (),
                    "always_nodes": (),
                },
                approval={
                    "name": made.name("apply what the check showed"),
                    "description": "",
                    "timeout": given["approval_timeout"],
                }
                if step == "approve"
                else None,
            )
        )


def schedules(made: Making) -> None:
    """Add the schedules."""
    known = {row: made.name(row) for row in made.rows}
    for index, entry in enumerate(made.given["schedules"]):
        place = f"{PATH}.schedules[{index}]"
        row = made.rows.get(entry["template"])
        if row is None or key("job_template", known[entry["template"]]) not in made.objects:
            made.errors.add(f"{place}.template", f"unknown template; {nearest(entry['template'], known)}")
            continue
        if row["confirm"]:
            made.errors.add(f"{place}.template", "asks for a confirmation, which a schedule cannot give")
        for problem in rrule_problems(entry["rrule"]):
            made.errors.add(f"{place}.rrule", problem)
        made.add(
            Desired(
                key=key("schedule", made.name(entry["name"]), parent=known[entry["template"]]),
                fields={
                    "unified_job_template": key("job_template", known[entry["template"]]),
                    "rrule": entry["rrule"],
                    "extra_data": {},
                    "enabled": entry["enabled"],
                },
            )
        )


def rrule_problems(text: str) -> list[str]:
    """What AWX refuses about the times of a schedule (``SchedulePreviewSerializer.validate_rrule``)."""
    rules = re.findall(r"RULE:(\S*)", text)
    problems = []
    if len(re.findall(r"DTSTART", text)) != 1 or not _DTSTART.search(text):
        problems.append("needs one DTSTART, as DTSTART:20260101T030000Z or DTSTART;TZID=Europe/Berlin:20260101T030000")
    if "RRULE:" not in text:
        problems.append("needs an RRULE")
    if re.search(r"EXDATE:|RDATE:", text, re.IGNORECASE):
        problems.append("must have neither EXDATE nor RDATE")
    for rule in rules:
        count = re.search(r"COUNT=(\d+)", rule)
        if "INTERVAL" not in rule:
            problems.append(f"needs an INTERVAL in each rule: {rule}")
        if re.search(r"INTERVAL=0+(?:;|$)", rule):
            problems.append(f"needs an INTERVAL above 0: {rule}")
        if "SECONDLY" in rule:
            problems.append(f"must not be SECONDLY: {rule}")
        if re.search(r"BYDAY[:=]\d+[a-zA-Z]{2}", rule):
            problems.append(f"must not have a number before a day: {rule}")
        if count and ("UNTIL" in rule or int(count[1]) > 999):
            problems.append(f"must have a COUNT up to 999, and none with UNTIL: {rule}")
    problems = problems or _cannot_be_read(text)
    return ["; ".join(problems)] if problems else []


def _cannot_be_read(text: str) -> list[str]:
    """What the library says by which AWX reads such a text; it takes an unknown time zone for none."""
    found = re.search(r"DTSTART;TZID=([^:]+):", text)
    # Where a machine has no table of zones AWX alone knows.
    zones = zoneinfo.available_timezones()
    if found and zones and found[1] not in zones:
        return [f"unknown time zone {found[1]!r}; {nearest(found[1], zones)}"]
    if IMPORT_ERROR is not None:
        return []
    try:
        rrulestr(text, forceset=True)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        return [f"cannot be read: {error}"]
    return []
