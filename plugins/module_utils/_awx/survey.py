# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Surveys: what AWX asks before a job, made of the roles' argument specs, and AWX's own rules about them. Pure.

A question without an answer reaches a job as empty text or null, which roles take for not given. No question has a
default, not even an empty one: AWX sends it with every job, and there it counts more than the inventory.
"""

from __future__ import annotations

import json
import typing as t

JsonObject = dict[str, t.Any]

# A survey's answers are text; these are the longest that AWX lets people type.
LONGEST_LINE = 1_024
LONGEST_TEXT = 65_536
YES_NO = ("true", "false")
# Separates the items of a list in an answer, as everywhere in Ansible.
SEPARATOR = ","
_SCALARS = frozenset({"str", "int", "float", "bool", "path"})


class NotHeld(ValueError):
    """A variable or value that a survey cannot hold; the text says why."""


def question(name: str, option: t.Mapping[str, t.Any]) -> JsonObject:
    """The question for a role's variable; raises NotHeld for a type that no answer can give."""
    reason = why_not_held(option)
    if reason:
        raise NotHeld(f"{name}: {reason}")
    kind, shown = str(option.get("type", "str")), name.replace("_", " ")
    asked: JsonObject = {
        "variable": name,
        "question_name": shown[:1].upper() + shown[1:],
        "question_description": _described(option),
        "required": bool(option.get("required")),
        "type": "text",
        "min": 0,
        "max": LONGEST_LINE,
        "choices": [],
    }
    choices = [str(choice) for choice in option.get("choices") or ()]
    if option.get("no_log"):
        return {**asked, "type": "password"}
    if kind == "bool":
        return {**asked, "type": "multiplechoice", "choices": list(YES_NO), "min": None, "max": None}
    if choices:
        return {
            **asked,
            "type": "multiselect" if kind == "list" else "multiplechoice",
            "choices": choices,
            "min": None,
            "max": None,
        }
    if kind in ("int", "float"):
        return {**asked, "type": "integer" if kind == "int" else "float", "min": None, "max": None}
    if kind in ("list", "dict"):
        return {**asked, "type": "textarea", "max": LONGEST_TEXT}
    return asked


def why_not_held(option: t.Mapping[str, t.Any]) -> str:
    """Why no answer can be a value of *option*; empty where one can."""
    kind = str(option.get("type", "str"))
    if kind in _SCALARS:
        return ""
    if kind == "list":
        elements = str(option.get("elements", "str"))
        if option.get("options") or elements not in _SCALARS:
            return f"a list of {elements} cannot be an answer; give it in the inventory"
        return ""
    if kind == "dict":
        return "" if not option.get("no_log") else "a mapping of secrets cannot be an answer"
    return f"the type {kind} takes an answer as it is, which is always text; give it in the inventory"


def answer(value: t.Any, option: t.Mapping[str, t.Any]) -> t.Any:
    """What a person has to answer so that a job gets *value*; raises NotHeld for a value that no answer gives.

    Text, but a list of chosen items, and a number where AWX asks for one. Empty text for None.
    """
    if value is None:
        return ""
    kind = str(option.get("type", "str"))
    if kind == "bool":
        return YES_NO[0] if value else YES_NO[1]
    if kind in ("int", "float"):
        return value
    if kind == "dict":
        return _text_of_mapping(value)
    if kind == "list":
        return _text_of_list(value, option)
    if value == "":
        raise NotHeld("empty text means that nothing was answered")
    if len(value) > LONGEST_LINE:
        raise NotHeld(f"is longer than {LONGEST_LINE} characters")
    return value


def _text_of_mapping(value: t.Any) -> str:
    text = json.dumps(value, sort_keys=True)
    if len(text) > LONGEST_TEXT:
        raise NotHeld(f"is longer than {LONGEST_TEXT} characters")
    return text


def _text_of_list(value: t.Sequence[t.Any], option: t.Mapping[str, t.Any]) -> t.Any:
    if option.get("choices"):
        return list(value)
    texts = [(YES_NO[0] if item else YES_NO[1]) if isinstance(item, bool) else str(item) for item in value]
    text = SEPARATOR.join(texts)
    if not text:
        raise NotHeld("an empty list means that nothing was answered")
    if any(SEPARATOR in item for item in texts):
        raise NotHeld(f"an item has a {SEPARATOR!r}, which separates items")
    if len(text) > LONGEST_TEXT:
        raise NotHeld(f"is longer than {LONGEST_TEXT} characters")
    return text


def survey(title: str, questions: t.Sequence[JsonObject]) -> JsonObject:
    """A whole survey as AWX takes it; empty where nothing is asked."""
    if not questions:
        return {}
    return {"name": title, "description": "", "spec": list(questions)}


def _described(option: t.Mapping[str, t.Any]) -> str:
    """What a person reads: the beginning of the variable's description, how to write it, and what blank means."""
    found: t.Any = option.get("description") or ""
    text = found if isinstance(found, str) else str(found[0])
    hint = {"list": " Items separated by commas.", "dict": " As JSON."}.get(str(option.get("type", "str")), "")
    if option.get("choices") and option.get("type") == "list":
        hint = ""
    blank = "" if option.get("required") else _blank(option)
    return f"{text}{hint}{blank}".strip()


def _blank(option: t.Mapping[str, t.Any]) -> str:
    default = option.get("default")
    if default in (None, "", [], {}) or "{{" in str(default):
        return " Blank: not given."
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    return f" Blank: {shown}."


def normal(found: t.Mapping[str, t.Any] | None) -> JsonObject:
    """A survey in the one form in which two can be compared: lists for choices, and no keys that say nothing."""
    if not found or not found.get("spec"):
        return {}
    return {
        "name": found.get("name", ""),
        "description": found.get("description", ""),
        "spec": [_normal_question(asked) for asked in found["spec"]],
    }


def _normal_question(asked: t.Mapping[str, t.Any]) -> JsonObject:
    choices = asked.get("choices") or []
    whole = {
        **asked,
        "choices": [line for line in choices.splitlines() if line.strip()] if isinstance(choices, str) else choices,
        "question_description": asked.get("question_description") or "",
    }
    # The web page adds the first two to a question that is saved there; None says nothing.
    silent = {
        "new_question",
        "formattedChoices",
        *(name for name in ("default", "min", "max") if whole.get(name) is None),
    }
    return {name: whole[name] for name in sorted(whole) if name not in silent}
