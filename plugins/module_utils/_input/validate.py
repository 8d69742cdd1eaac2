# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Validation of raw input by an argument spec, with the exact path of what is wrong. Pure.

The specs are the modules' own (``type``, ``elements``, ``default``, ``choices``, ``required``, nested ``options``), and
ansible-core's validator converts and judges each value, so that strings from surveys mean here what they mean
everywhere. What it lacks is the place: it names neither the index of a list item nor the right spelling of a key.
"""

from __future__ import annotations

import copy
import difflib
import functools
import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import (
    Collecting,
    Errors,
    InputError,
    Place,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.grammar import Check

Spec = t.Mapping[str, t.Mapping[str, t.Any]]
Values = dict[str, t.Any]

_WORDS = {
    "bool": "true or false",
    "dict": "a mapping",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "str": "text",
}

# The placeholder for a required value that is missing or wrong, until all errors are reported.
_EMPTY: dict[str, t.Any] = {"bool": False, "dict": {}, "float": 0.0, "int": 0, "list": [], "str": ""}

# What ansible-core takes as it is, where nothing is to be chosen from.
_AS_IT_IS: dict[str, type] = {"dict": dict, "list": list, "str": str}
# The same for values of exactly one type, with nothing inside that is judged too.
_TAKEN: dict[str, type] = {"bool": bool, "dict": dict, "float": float, "int": int, "str": str}


def validate_mapping(raw: object, spec: Spec, *, path: str, errors: Errors | None = None) -> Values:
    """Validate one mapping and return it converted, defaults filled in, every option of *spec* present.

    None counts as not given, at every level. What is wrong is noted in *errors*, with the path of exactly that value;
    such a value is replaced by its default, or by an empty value where it is required. Without *errors* all of it is
    raised as one InputError.
    """
    with Collecting(errors) as found:
        if not isinstance(raw, t.Mapping):
            found.add(path, f"must be a mapping, found {_found(raw)}")
            raw = {}
        given = {}
        meant = set()
        options = _read(spec)
        for name, value in raw.items():
            option = options.get(name)
            if option is None:
                found.add(_join(path, str(name)), _unknown(str(name), spec))
                meant.update(_similar(str(name), spec))
            elif value.__class__ is option.taken:  # Not isinstance: True is an int, too.
                given[name] = value
            elif value is not None:
                given[name] = _value(value, spec[name], path=_join(path, str(name)), errors=found)
        values: Values = {}
        for name, option in options.items():
            if name in given:
                values[name] = given[name]
            else:
                if name in meant:
                    found.explain(_join(path, name))
                elif option.required:
                    found.add(_join(path, name), "is required")
                values[name] = _copied(option.absent)
        return values


def validate_list(raw: object, spec: Spec, *, path: str, errors: Errors | None = None) -> list[Values]:
    """Validate a list of mappings; None is an empty list. Errors as for validate_mapping, each item keeps its place."""
    with Collecting(errors) as found:
        if raw is not None and not isinstance(raw, (list, tuple)):
            found.add(path, f"must be a list, found {_found(raw)}")
        items = raw if isinstance(raw, (list, tuple)) else ()
        return [validate_mapping(item, spec, path=f"{path}[{index}]", errors=found) for index, item in enumerate(items)]


def validate_strings(raw: object, *, path: str, errors: Errors | None = None) -> list[str]:
    """Validate a list of strings; None is an empty list."""
    with Collecting(errors) as found:
        option = {"type": "list", "elements": "str", "required": True}
        return [] if raw is None else t.cast("list[str]", _value(raw, option, path=path, errors=found))


def require(check: Check, value: str, *, path: str, errors: Errors | None = None) -> str:
    """Return *value*; what *check* finds wrong with it is noted, or raised as InputError."""
    problem = check(value)
    if problem is not None:
        if errors is None:
            raise InputError(path, problem)
        errors.add(path, problem)
    return value


def require_each(check: Check, values: t.Iterable[str], *, path: str, errors: Errors | None = None) -> tuple[str, ...]:
    """The same for each item of a list, which must not hold one value twice."""
    seen: dict[str, int] = {}
    with Collecting(errors) as found:
        for index, value in enumerate(values):
            place = f"{path}[{index}]"
            require(check, value, path=place, errors=found)
            if value in seen:
                found.add(place, f"{value!r} is in the list already, as ", Place(f"{path}[{seen[value]}]"))
            elif found.is_good(place):
                seen[value] = index
    return tuple(seen)


def text_mapping(
    raw: t.Mapping[str, t.Any], *, path: str, check_name: Check, check_value: Check, errors: Errors | None = None
) -> dict[str, str]:
    """A mapping of text to text, sorted by name. Numbers become text; true and false must be quoted by the user."""
    result: dict[str, str] = {}
    with Collecting(errors) as found:
        for name in sorted(raw, key=str):
            place = _join(path, str(name))
            require(check_name, str(name), path=place, errors=found)
            value = raw[name]
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                found.add(place, f"must be text, found {_found(value)}; put it in quotes")
            else:
                result[str(name)] = require(check_value, str(value), path=place, errors=found)
    return result


def given_only(values: Values) -> Values:
    """Validated *values* without those that were not given and have no default."""
    return {name: value for name, value in values.items() if value is not None}


def nearest(name: str, known: t.Iterable[str]) -> str:
    """The hint that follows an unknown name: the nearest known one, else all of them."""
    names = sorted(known)
    close = _similar(name, names)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(names)}" if names else "none is known"


def _similar(name: str, known: t.Iterable[str]) -> list[str]:
    """The one known name that *name* was probably meant to be, if there is one."""
    return difflib.get_close_matches(name.lower(), sorted(known), n=1)


def _unknown(name: str, spec: Spec) -> str:
    return f"unknown key; {nearest(name, spec)}"


def _value(raw: object, option: t.Mapping[str, t.Any], *, path: str, errors: Errors) -> t.Any:
    kind = str(option.get("type", "str"))
    try:
        value = _convert(raw, kind, option, path=path)
    except InputError as error:
        errors.add(path, *error.parts)
        return _instead(option)
    if kind == "dict" and "options" in option:
        return validate_mapping(value, option["options"], path=path, errors=errors)
    if kind == "list":
        if "options" in option:
            return validate_list(value, option["options"], path=path, errors=errors)
        # The placeholder for an item that is not a value of its type.
        element = {"type": option.get("elements", "str"), "choices": option.get("choices"), "required": True}
        return [_value(item, element, path=f"{path}[{index}]", errors=errors) for index, item in enumerate(value)]
    return value


def _convert(raw: object, kind: str, option: t.Mapping[str, t.Any], *, path: str) -> t.Any:
    """One value by ansible-core's rules, without what lies inside it."""
    word = _WORDS.get(kind, kind)
    # ansible-core turns each of these into something else: "['a']", 1 for true, and the characters of a mapping.
    wrong_shape = kind in ("str", "int", "float") and isinstance(raw, (list, tuple, dict))
    if raw is None or wrong_shape or (kind in ("int", "float") and isinstance(raw, bool)):
        raise InputError(path, f"must be {word}, found {_found(raw)}")
    choices = tuple(option.get("choices") or ()) if kind != "list" else ()
    if not choices and isinstance(raw, _AS_IT_IS.get(kind, ())):
        return raw  # as ansible-core would, after it has copied all that lies inside
    if isinstance(raw, (list, tuple, dict)):
        good, value = _judge(raw, kind, choices)
    else:
        good, value = _judge_scalar(type(raw).__name__, raw, kind, choices)
    if not good:
        expected = f"one of {', '.join(map(str, choices))}" if choices else word
        raise InputError(path, f"must be {expected}, found {_found(raw)}")
    return value


def _judge(raw: object, kind: str, choices: tuple[t.Any, ...]) -> tuple[bool, t.Any]:
    """Whether ansible-core takes *raw* for *kind*, and what becomes of it."""
    result = _validator(kind, choices).validate({"value": raw})
    return not result.error_messages, result.validated_parameters.get("value")


@functools.cache
def _judge_scalar(_type: str, raw: t.Hashable, kind: str, choices: tuple[t.Any, ...]) -> tuple[bool, t.Any]:
    """The same for what cannot change. A fleet says the same few things a thousand times; ``True`` is not ``1``."""
    return _judge(raw, kind, choices)


@functools.cache
def _validator(kind: str, choices: tuple[t.Any, ...]) -> ArgumentSpecValidator:
    spec: dict[str, t.Any] = {"type": kind, **({"choices": list(choices)} if choices else {})}
    return ArgumentSpecValidator({"value": spec})


class _Option(t.NamedTuple):
    """What is asked of a specification's option for each mapping.

    *absent*: what it is where it was not given. *taken*: values of exactly this type are good as they are.
    """

    required: bool
    absent: t.Any
    taken: type | None


# For each specification that was seen, by its identity; it is kept with the result, so that no other one gets that.
_READ: dict[int, tuple[Spec, dict[str, _Option]]] = {}
_READ_AT_MOST = 500


def _read(spec: Spec) -> dict[str, _Option]:
    """The options of *spec*, by their names in their order. Each of a thousand teams is validated by the same few."""
    known, found = _READ.get(id(spec), (None, {}))
    if known is not spec:
        found = {
            name: _Option(bool(option.get("required")), _instead(option), _taken(option))
            for name, option in spec.items()
        }
        if len(_READ) >= _READ_AT_MOST:
            _READ.clear()
        _READ[id(spec)] = (spec, found)
    return found


def _taken(option: t.Mapping[str, t.Any]) -> type | None:
    """The type whose values ansible-core takes for *option* without a change; None where there is more to be judged."""
    return None if option.get("choices") or "options" in option else _TAKEN.get(str(option.get("type", "str")))


def _copied(value: t.Any) -> t.Any:
    """*value*, its mappings and lists copied at every level."""
    if isinstance(value, dict):
        return {name: _copied(item) for name, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _instead(option: t.Mapping[str, t.Any]) -> t.Any:
    """The value for an option that is missing or wrong: its default, None, or a placeholder if it is required."""
    raw = option.get("default")
    if raw is None and not option.get("required"):
        return None
    kind = option.get("type", "str")
    if raw is True or raw is False or (isinstance(raw, str) and kind == "str"):
        return raw  # A specification's own default is one of its choices.
    raw = copy.deepcopy(raw)
    if raw is None:
        raw = copy.copy(_EMPTY.get(kind, ""))
        if kind != "dict":
            return raw
    # Keys that the mapping itself requires are reported where it is given.
    return None if raw is None else _value(raw, option, path="", errors=Errors())


def _found(raw: object) -> str:
    if raw is None:
        return "nothing"
    if isinstance(raw, str):
        return repr(str(raw))
    if isinstance(raw, t.Mapping):
        return "a mapping"
    if isinstance(raw, (list, tuple)):
        return "a list"
    return repr(raw)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
