"""A Python that is too old for our modules is named, with what mends it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.plugin_utils.python import problem

JsonObject = dict[str, t.Any]


def answer(*version: int) -> JsonObject:
    facts = {"executable": "/usr/bin/python3", "version": dict(zip(("major", "minor", "micro"), version, strict=True))}
    return {"ansible_facts": {"ansible_python": facts}}


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 1), (4, 0, 0)])
def test_a_python_that_is_new_enough_is_no_problem(version: tuple[int, ...]) -> None:
    assert problem(answer(*version), local=True) is None


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 9, 18), (3, 10, 13)])
def test_an_old_python_is_named(version: tuple[int, ...]) -> None:
    number = ".".join(map(str, version))
    assert problem(answer(*version), local=True) == (
        "promfleet.monitoring's modules need Python 3.11 or later, this host's run with /usr/bin/python3 "
        f'({number}): set ansible_python_interpreter to "{{{{ ansible_playbook_python }}}}"'
    )


def test_another_machine_has_a_path_of_its_own() -> None:
    found = problem(answer(3, 9, 18), local=False)
    assert found is not None
    assert found.endswith("set ansible_python_interpreter to the path of Python 3.11 or later on that machine")


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (
            {"msg": "No start of json char found", "module_stderr": "Traceback\nSyntaxError: invalid syntax\n"},
            "SyntaxError",
        ),
        ({"msg": "The module interpreter '/x' was not found."}, "The module interpreter '/x' was not found."),
        ({}, "no reason"),
    ],
)
def test_a_python_that_runs_nothing_is_told_with_its_own_words(failure: JsonObject, words: str) -> None:
    found = problem({"failed": True, **failure}, local=True)
    assert found is not None
    assert found.startswith(f"this host's Python cannot run Ansible's modules ({words}")


def test_what_tells_no_version_is_left_to_the_modules() -> None:
    assert problem({"ansible_facts": {}}, local=True) is None
