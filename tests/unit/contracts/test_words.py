"""Docs, docstrings, comments and messages are in plain English: a table of phrases that we do not write.

The rules are in CONTRIBUTING, Glossary. Each entry has an example that the pattern must find, so that no entry is dead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.suite.stages import tracked_files

CHECKOUT = Path(__file__).resolve().parents[3]
SUFFIXES = {".md", ".yml", ".j2", ".py"}
FOLDERS = ("docs", "roles", "playbooks", "plugins")
GUIDES = ("README.md", "CONTRIBUTING.md")
# Between two words of a sentence: a line may end there, in a comment or between two parts of a string.
GAP = r"[\s\"'#]+"

# A regular expression, in which a space means the GAP; what to write instead; a sentence that it must find.
HABITS: tuple[tuple[str, str, str], ...] = (
    (r"[Ww]ho (?:stays|goes)\b", "name the object, and say kept or deleted", "Who stays and who goes"),
    (r"[Ww]hoever\b", "name the user, manager, tool or run", "it stays with whoever runs the webhook"),
    (r"\b[Ww]hatever\b", "say any, all, or name the cases", "removes all objects, whatever is given"),
    (r"\b[Nn]obody(?:'s)?\b", "say which run, manager, user or pod does not", "what nobody wants any more"),
    (r"\bmet each fate\b", "say the number of objects for each action", "How many objects met each fate."),
    (r"\b(?:for|in) want of\b", "say because ... is missing", "left as they were, for want of an answer"),
    (r"\bin vain\b", "say without success, or what failed", "it was asked in vain"),
    (r"\bwithout a word\b", "say without a warning", "puts old ones over newer ones without a word"),
    (
        r"\b(?:explicit|needs a|worth a|no) word\b|\b[Tt]he words? (?:without which|for (?:it|removing))",
        "say opt-in",
        "The words without which CRDs stay",
    ),
    (r"\ba word (?:for it|says|allows)\b", "say opt-in", "Some things stay unless a word says otherwise"),
    (r"\b(?:says?|told) otherwise\b", "say by default, and name the option", "unless `namespace` says otherwise"),
    (r"\banew\b", "say again", "a run makes it anew"),
    (r"\bnevertheless\b", "say still", "the others are restored nevertheless"),
    (
        r"\b(?:is|are|was|were|be) told\b",
        "say reported, listed or given",
        "objects that were deleted are told in missing",
    ),
    (r"\b[Mm]end(?:s|ing|ed)?\b", "say fix or repair", "what was seen, and what mends it"),
    (r"\bstill to come\b", "say does not exist yet", "an address that is still to come"),
    (r"\bgo(?:es)? with (?:it|them|this|that)\b", "say is deleted with it", "all custom resources go with them"),
    (r"\bwould go\b(?! back)", "say would be deleted or removed", "with the list of what would go"),
    (
        r"\b(?:it|fields?|claims|annotation|namespace|instance|label) go(?:es)?(?:[,.;:]| too\b| away\b| only\b)",
        "say is deleted or removed",
        "the instance goes; its namespaces stay",
    ),
    (r"\b[Ss]tands? (?:for|here|in)\b", "say means, matches or is in", "`*` stands for any text"),
    (r"\b(?:asleep|awake|wakes?|woken)\b", "say stopped, running, starts", "the next run wakes them"),
    (
        r"(?<![Tt]here\s)\b(?:is|was) no (?!longer\b|more\b|reason\b|other\b|room\b)[A-Za-z]",
        "say is not a",
        "'x' is no quantity",
    ),
    (r"\blooks after\b", "say manages", "where this collection looks after the cluster"),
    (
        r"\b[Aa]sk(?:s|ed)? (?:each|every|the) cluster who\b",
        "say reads the cluster's identity",
        "Ask the cluster who it is",
    ),
)
PATTERNS = [(re.compile(habit.replace(" ", GAP)), instead) for habit, instead, _example in HABITS]


def texts() -> list[Path]:
    """The files that users and contributors read."""
    return [
        path
        for path in tracked_files()
        if path.suffix in SUFFIXES
        and (path.relative_to(CHECKOUT).parts[0] in FOLDERS or str(path.relative_to(CHECKOUT)) in GUIDES)
    ]


def findings(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, phrase, and what to write instead, for each habit in *text*."""
    for pattern, instead in PATTERNS:
        for match in pattern.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, match[0], instead


@pytest.mark.parametrize("number", range(len(HABITS)), ids=[habit for habit, *_rest in HABITS])
def test_each_pattern_finds_its_example(number: int) -> None:
    assert PATTERNS[number][0].search(HABITS[number][2])


@pytest.mark.parametrize(
    "text",
    ["what\nnobody wants", '"the words "\n    "without which"', "# it is told\n# otherwise", "is no\n    # list"],
)
def test_a_phrase_is_found_over_the_end_of_a_line(text: str) -> None:
    assert list(findings(text))


def test_plain_sentences_pass() -> None:
    assert not list(findings("There is no name. The run is refused, and the server goes on; crds_to_come stays."))


def test_texts_are_in_plain_english() -> None:
    found = [
        f"{path.relative_to(CHECKOUT)}:{line}: {' '.join(phrase.split())!r}: {instead}"
        for path in texts()
        for line, phrase, instead in findings(path.read_text())
    ]
    assert not found, "\n".join(found)
