"""The page of situations: each has its reports, says what happens here, and names tests that are there."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
TEXT = (CHECKOUT / "docs/cases.md").read_text(encoding="utf-8")
CASES = dict(re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", TEXT, flags=re.MULTILINE | re.DOTALL))
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
REPORT = re.compile(r"\b[\w.-]+/[\w.-]+#\d+")


@functools.cache
def functions_of(path: Path) -> frozenset[str]:
    """The names of the test functions of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_there_are_cases() -> None:
    assert len(CASES) >= 15


@pytest.mark.parametrize("heading", CASES)
def test_a_case_has_all_its_parts(heading: str) -> None:
    body = CASES[heading]
    parts = re.findall(r"^- \*\*(\w+):\*\*\s+(.*?)(?=^- \*\*|\Z)", body, flags=re.MULTILINE | re.DOTALL)
    assert [name for name, _text in parts] == ["Here", "Reports", "Tests"]
    texts = dict(parts)
    assert REPORT.search(texts["Reports"])
    assert TEST.search(texts["Tests"])


@pytest.mark.parametrize("path", sorted({path for path, _name in TEST.findall(TEXT)}))
def test_each_named_test_exists(path: str) -> None:
    file = CHECKOUT / path
    assert file.exists()
    named = {name for other, name in TEST.findall(TEXT) if other == path}
    assert named <= functions_of(file), sorted(named - functions_of(file))


def test_every_mention_of_a_test_is_checked() -> None:
    assert len(TEST.findall(TEXT)) == TEXT.count("::test_")
