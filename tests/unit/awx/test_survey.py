"""Surveys: a job with a survey's answers means what the same values in the inventory mean."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._awx import survey
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.support.awx_surveys import answer_errors, job_variables, launched, survey_error

JsonObject = dict[str, t.Any]
CHECKOUT = Path(__file__).resolve().parents[3]

# Texts that people type; what begins or ends with a space is kept as it is.
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=40)
ITEMS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters=","), min_size=1)
WHOLE = st.integers(min_value=-(2**40), max_value=2**40)
JSON = st.dictionaries(
    TEXTS,
    st.recursive(st.none() | st.booleans() | WHOLE | TEXTS, lambda inner: st.lists(inner, max_size=3), max_leaves=5),
    max_size=4,
)  # fmt: skip
VALUES: dict[str, st.SearchStrategy[t.Any]] = {
    "str": TEXTS, "path": TEXTS, "int": WHOLE, "float": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "bool": st.booleans(), "dict": JSON,
}  # fmt: skip
ELEMENTS = {"str": ITEMS, "path": ITEMS, "int": WHOLE, "bool": st.booleans()}
UNHELD = ("raw", "json", "jsonarg", "bytes", "bits")


@st.composite
def options(draw: st.DrawFn) -> tuple[JsonObject, st.SearchStrategy[t.Any]]:
    """An option of an argument spec, and what its values are."""
    kind = draw(st.sampled_from([*VALUES, "list", "list", *UNHELD, "nested"]))
    option: JsonObject = {"type": kind, "description": draw(st.sampled_from(["What it is.", ["First.", "Second."]]))}
    if kind == "nested":
        return {"type": "list", "elements": "dict", "options": {"name": {"type": "str"}}}, st.just([{"name": "a"}])
    if kind in UNHELD:
        return option, st.just("x")
    values = VALUES.get(kind, st.nothing())
    if kind == "list":
        option["elements"] = draw(st.sampled_from(sorted(ELEMENTS)))
        values = st.lists(ELEMENTS[option["elements"]], min_size=1, max_size=4)
    if draw(st.booleans()) and (kind == "str" or option.get("elements") == "str"):
        option["choices"] = draw(st.lists(ITEMS.filter(str.strip), min_size=1, max_size=4, unique=True))
        chosen = st.sampled_from(option["choices"])
        values = st.lists(chosen, min_size=1, max_size=3) if kind == "list" else chosen
    if draw(st.booleans()):
        option["default"] = draw(values)
    elif draw(st.booleans()):
        option["required"] = True
    if kind == "str" and draw(st.booleans()):
        option["no_log"] = True
    return option, values


@st.composite
def cases(draw: st.DrawFn) -> tuple[JsonObject, JsonObject, JsonObject]:
    """A spec, the values of some of its options, and blank answers to others."""
    spec: JsonObject = {}
    given_values: JsonObject = {}
    blanks: JsonObject = {}
    for number in range(draw(st.integers(min_value=1, max_value=6))):
        option, values = draw(options())
        name = f"role_option_{number}"
        spec[name] = option
        if option.get("required") or draw(st.booleans()):
            given_values[name] = draw(values)
        elif draw(st.booleans()):
            blanks[name] = draw(st.sampled_from([None, ""]))
    return spec, given_values, blanks


def meant(variables: JsonObject, spec: JsonObject) -> JsonObject:
    """The model of a role's variables: null and empty text mean that a variable is not given, as in every role."""
    return validate_mapping(
        {name: value for name, value in variables.items() if value not in ("", None)}, spec, path=""
    )


@settings(max_examples=500, deadline=None)
@given(cases())
def test_a_survey_gives_what_the_inventory_gives(case: tuple[JsonObject, JsonObject, JsonObject]) -> None:
    spec, values, blanks = case
    questions, reasons, unheld = [], list[str](), set()
    for name, option in spec.items():
        try:
            questions.append(survey.question(name, option))
        except survey.NotHeld as error:
            unheld.add(name)
            reasons.append(str(error))
    # Each variable is asked for or listed, none is lost.
    assert {one["variable"] for one in questions} | unheld == spec.keys()
    assert [reason.partition(": ")[0] for reason in reasons] == sorted(unheld)
    assert unheld == {
        name for name, option in spec.items() if option["type"] in UNHELD or option.get("elements") == "dict"
    }
    asked = survey.survey("A survey", questions)
    assert not questions or survey_error(asked) == ""
    answers: JsonObject = {}
    for one in questions:
        name = one["variable"]
        if name in values:
            answers[name] = survey.answer(values[name], spec[name])
        elif name in blanks and blanks[name] == "" and one["type"] in ("text", "textarea", "password"):
            answers[name] = ""
    template: JsonObject = {"extra_vars": "", "survey_enabled": True, "ask_variables_on_launch": False}
    accepted, ignored, errors = launched(template, asked, {"extra_vars": answers})
    assert (accepted, ignored, errors) == (answers, {}, {})
    job = job_variables(template, asked, accepted)
    inventory = {name: value for name, value in values.items() if name not in unheld}
    asked_spec = {name: option for name, option in spec.items() if name not in unheld}
    assert meant(job, asked_spec) == meant({**inventory, **blanks}, asked_spec)


@pytest.mark.parametrize(
    ("value", "option"),
    [
        ("", {"type": "str"}),
        ([], {"type": "list", "elements": "str"}),
        (["a,b"], {"type": "list", "elements": "str"}),
        ("x" * 1025, {"type": "str"}),
    ],
)
def test_values_that_no_answer_gives_are_refused(value: t.Any, option: JsonObject) -> None:
    with pytest.raises(survey.NotHeld):
        survey.answer(value, option)


def role_variables() -> dict[str, JsonObject]:
    found: dict[str, JsonObject] = {}
    for path in CHECKOUT.glob("roles/*/meta/argument_specs.yml"):
        found |= yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["variables"]["options"]
    return found


def test_the_roles_own_variables_are_asked_for_or_listed() -> None:
    """What a survey cannot hold is what belongs into the inventory: lists of mappings, and a kubeconfig's path."""
    found = role_variables()
    unheld = {name for name, option in found.items() if survey.why_not_held(option)}
    assert unheld == {
        name
        for name, option in found.items()
        if option["type"] == "raw" or (option["type"] == "list" and option.get("elements") == "dict")
    }
    assert unheld >= {"team_monitoring_teams", "prometheus_federation_sources", "promfleet_kubeconfig"}
    questions = [survey.question(name, option) for name, option in found.items() if name not in unheld]
    assert survey_error(survey.survey("All", questions)) == ""
    assert all("default" not in one for one in questions)


def test_the_table_asks_for_variables_that_a_survey_can_hold() -> None:
    rows = yaml.safe_load((CHECKOUT / "roles/promfleet/files/awx_templates.yml").read_text(encoding="utf-8"))
    found = role_variables()
    names = {name for row in rows for name in [*row.get("survey", []), *([row["confirm"]] if "confirm" in row else [])]}
    assert {name for name in names if name not in found or survey.why_not_held(found[name])} == set()
    assert [row["playbook"] for row in rows if not (CHECKOUT / f"playbooks/{row['playbook']}.yml").exists()] == []


def test_answers_that_awx_refuses() -> None:
    """The rules that the round trip relies on."""
    asked = survey.question("x", {"type": "int"})
    assert answer_errors(asked, {"x": "3"})
    assert answer_errors(asked, {"x": ""})
    assert not answer_errors(asked, {})
    assert answer_errors(survey.question("x", {"type": "bool"}), {"x": "yes"})
    assert answer_errors(survey.question("x", {"type": "str"}), {"x": 3})


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"choices": ["a", "b"]}, {"choices": "a\nb"}),
        ({"choices": []}, {"choices": ""}),
        ({}, {"new_question": True, "default": None}),
    ],
)
def test_one_survey_in_two_forms_is_the_same(ours: JsonObject, theirs: JsonObject) -> None:
    question = {"type": "text", "question_name": "Q", "variable": "v", "required": False, "min": 0, "max": 9}
    one, other = ({"name": "s", "description": "", "spec": [{**question, **more}]} for more in (ours, theirs))
    assert survey.normal(json.loads(json.dumps(one))) == survey.normal(other)
    assert survey.normal({"name": "s", "description": "", "spec": [{**question, "default": ""}]}) != survey.normal(one)
