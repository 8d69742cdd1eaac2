"""What AWX says of surveys and of answers: the rules of its API, written down from its source.

``survey_error`` is JobTemplateSurveySpec._validate_spec_data (awx/api/views/__init__.py), ``answer_errors``
SurveyJobTemplateMixin._survey_element_validation, and ``launched`` its _accept_or_ignore_variables together with
JobLaunchSerializer (awx/main/models/mixins.py, awx/api/serializers.py), all of release 24.6.1.
"""

from __future__ import annotations

import json
import typing as t

import yaml

from tests.integration.support.awx_rules import SURVEY_TYPES

JsonObject = dict[str, t.Any]
# Prompts of a launch, and the field that allows each.
PROMPTS = {
    "limit": "ask_limit_on_launch",
    "job_tags": "ask_tags_on_launch",
    "skip_tags": "ask_skip_tags_on_launch",
    "job_type": "ask_job_type_on_launch",
    "inventory": "ask_inventory_on_launch",
    "credentials": "ask_credential_on_launch",
    "job_slice_count": "ask_job_slice_count_on_launch",
    "scm_branch": "ask_scm_branch_on_launch",
    "execution_environment": "ask_execution_environment_on_launch",
}


def survey_error(spec: JsonObject) -> str:
    """Why AWX refuses a survey; empty where it takes it."""
    for name, kind in (("name", str), ("description", str), ("spec", list)):
        if not isinstance(spec.get(name), kind):
            return f"Field '{name}' is missing from survey spec."
    if not spec["spec"]:
        return "'spec' doesn't contain any items."
    seen: set[str] = set()
    for number, asked in enumerate(spec["spec"]):
        problem = _question_error(asked, seen)
        if problem:
            return f"survey question {number}: {problem}"
    return ""


def _question_error(asked: JsonObject, seen: set[str]) -> str:  # noqa: C901, PLR0911 - one branch for each rule
    for name in ("type", "question_name", "variable", "required"):
        if not isinstance(asked.get(name), bool if name == "required" else str):
            return f"'{name}' is missing or of the wrong type"
    if asked["variable"] in seen:
        return f"'variable' '{asked['variable']}' duplicated"
    seen.add(asked["variable"])
    kind = asked["type"]
    if kind not in SURVEY_TYPES:
        return f"'{kind}' is not one of the allowed question types"
    default = asked.get("default")
    if "default" in asked and default != "" and not isinstance(default, SURVEY_TYPES[kind]):
        return "the default value has the wrong type"
    for name in ("min", "max"):
        if asked.get(name) is not None and not isinstance(asked[name], int):
            return f"the {name} limit is expected to be integer"
    if kind in ("multiselect", "multiplechoice"):
        if "choices" not in asked:
            return "must specify choices"
        defaults = default.splitlines() if isinstance(default, str) else default or []
        if any(one not in _choices(asked) for one in defaults):
            return "Default choice must be answered from the choices listed."
    if isinstance(default, str) and default.startswith("$encrypted$"):
        return "$encrypted$ is a reserved keyword"
    return ""


def _choices(asked: JsonObject) -> list[str]:
    choices = asked["choices"]
    return [one for one in choices.splitlines() if one.strip()] if isinstance(choices, str) else list(choices)


def answer_errors(asked: JsonObject, answers: JsonObject) -> list[str]:  # noqa: PLR0911 - one branch for each rule
    """Why AWX refuses an answer; an empty list where it takes it."""
    name, kind = asked["variable"], asked["type"]
    if name not in answers:
        return [f"'{name}' value missing"] if asked["required"] else []
    value = answers[name]
    if kind in ("text", "textarea", "password"):
        if not isinstance(value, str):
            return [f"Value {value} for '{name}' expected to be a string."]
        return _bounds(asked, len(value))
    if kind == "integer":
        return (
            [f"Value {value} for '{name}' expected to be an integer."]
            if isinstance(value, bool) or not isinstance(value, int)
            else _bounds(asked, value)
        )
    if kind == "float":
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return [f"Value {value} for '{name}' expected to be a numeric type."]
        return _bounds(asked, value)
    chosen = value if kind == "multiselect" else [value]
    if not isinstance(chosen, list):
        return [f"'{name}' value is expected to be a list."]
    return [
        f"Value {one} for '{name}' expected to be one of the choices." for one in chosen if one not in _choices(asked)
    ]


def _bounds(asked: JsonObject, size: float) -> list[str]:
    least, most = asked.get("min"), asked.get("max")
    if least not in ("", None) and size < int(least):
        return [f"'{asked['variable']}' is too small"]
    if most not in ("", None) and size > int(most):
        return [f"'{asked['variable']}' is too large"]
    return []


def job_variables(template: JsonObject, survey: JsonObject, answers: JsonObject) -> JsonObject:
    """The extra variables of a job: those of the template, then defaults of the survey, then the answers."""
    found: JsonObject = yaml.safe_load(template.get("extra_vars") or "") or {}
    for asked in survey.get("spec", []):
        default = asked.get("default")
        if default is not None and not answer_errors(asked, {asked["variable"]: default}):
            found[asked["variable"]] = default
    # A job gets them as JSON.
    whole: JsonObject = json.loads(json.dumps({**found, **answers}))
    return whole


def launched(template: JsonObject, survey: JsonObject, data: JsonObject) -> tuple[JsonObject, JsonObject, JsonObject]:
    """The answers that AWX accepts for a job of *template*, what it ignores of *data*, and why it refuses to start it.

    What is not asked for is no error, but is ignored: AWX starts the job without it.
    """
    answers = dict(data.get("extra_vars") or {})
    asked = survey.get("spec", []) if template["survey_enabled"] else []
    problems = [problem for one in asked for problem in answer_errors(one, answers)]
    known = {one["variable"] for one in asked}
    accepted = {name: value for name, value in answers.items() if name in known or template["ask_variables_on_launch"]}
    ignored: JsonObject = {
        name: value for name, value in data.items() if name in PROMPTS and not template[PROMPTS[name]]
    }
    rest = {name: value for name, value in answers.items() if name not in accepted}
    if rest:
        ignored["extra_vars"] = rest
    return accepted, ignored, {"variables_needed_to_start": problems} if problems else {}
