# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which values a matcher of a selector lets pass, as a set that can be intersected, complemented and compared. Pure.

Prometheus anchors a regular expression at both ends, and its dot matches a line break too (model/labels/regexp.go).
Only a part of RE2's syntax is read: literals, classes, groups, alternatives and repetitions. For all else `read`
returns None, and so does each question whose answer would take too many steps: None always means "not decided".

The method is Brzozowski's: the derivative of a set by a character is what may follow that character. Derivatives of
complements and intersections are as simple as all others, and there are finitely many.
"""

from __future__ import annotations

import collections
import functools
import typing as t
from dataclasses import dataclass

# A question that looks at more sets than this is not decided.
STATES = 2000
# No class is read that names more characters, no repetition that is longer, and no groups inside of more groups.
CLASS_SIZE = 512
REPETITIONS = 40
DEPTH = 8

_DIGITS = frozenset("0123456789")
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") | _DIGITS
_SPACE = frozenset("\t\n\f\r ")
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROL = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_SPECIAL = frozenset("|)")


class Values:
    """A set of texts. Made by the functions of this file, which keep equal sets in few forms."""


@dataclass(frozen=True)
class _One(Values):
    """Texts of one character: one of *chars*, or where *negated* any other."""

    chars: frozenset[str]
    negated: bool


@dataclass(frozen=True)
class _Empty(Values):
    """The empty text alone."""


@dataclass(frozen=True)
class _Sequence(Values):
    """Texts that consist of one text of each of *parts*, of which there are at least two."""

    parts: tuple[Values, ...]


@dataclass(frozen=True)
class _Repeated(Values):
    part: Values


@dataclass(frozen=True)
class _Any(Values):
    """The union of *parts*; without parts it is the empty set."""

    parts: frozenset[Values]


@dataclass(frozen=True)
class _Not(Values):
    part: Values


NOTHING: Values = _Any(frozenset())
EMPTY_TEXT: Values = _Empty()
EVERYTHING: Values = _Not(NOTHING)
_ANY_CHARACTER: Values = _One(frozenset(), True)  # noqa: FBT003 - the second field of a pair


def exactly(text: str) -> Values:
    """The set of this one text."""
    return _sequence(_One(frozenset(char), False) for char in text)  # noqa: FBT003


def complement(values: Values) -> Values:
    """All texts that are not in *values*."""
    return values.part if isinstance(values, _Not) else _Not(values)


def union(parts: t.Iterable[Values]) -> Values:
    """The texts of all *parts*."""
    flat: set[Values] = set()
    for part in parts:
        flat |= part.parts if isinstance(part, _Any) else {part}
    if EVERYTHING in flat:
        return EVERYTHING
    return next(iter(flat)) if len(flat) == 1 else _Any(frozenset(flat))


def intersection(parts: t.Iterable[Values]) -> Values:
    """The texts that are in each of *parts*."""
    parts = tuple(parts)
    for part in parts:
        text = plain_text(part)
        if text is not None:
            return part if all(has(other, text) for other in parts) else NOTHING
    return complement(union(complement(part) for part in parts))


NOT_EMPTY: Values = complement(EMPTY_TEXT)


def _sequence(parts: t.Iterable[Values]) -> Values:
    flat: list[Values] = []
    for part in parts:
        if part == NOTHING:
            return NOTHING
        for each in part.parts if isinstance(part, _Sequence) else (part,):
            # Anything, and then anything, is anything.
            if each != EMPTY_TEXT and not (each == EVERYTHING and flat and flat[-1] == EVERYTHING):
                flat.append(each)
    if len(flat) < 2:
        return flat[0] if flat else EMPTY_TEXT
    return _Sequence(tuple(flat))


def _repeated(part: Values) -> Values:
    if part in (NOTHING, EMPTY_TEXT):
        return EMPTY_TEXT
    if part == _ANY_CHARACTER:
        return EVERYTHING
    return part if isinstance(part, _Repeated) else _Repeated(part)


# -- questions ----------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=100_000)
def has_empty_text(values: Values) -> bool:
    """Whether the empty text is in *values*: what a series has that lacks the label."""
    match values:
        case _Empty() | _Repeated():
            return True
        case _Sequence():
            return all(map(has_empty_text, values.parts))
        case _Any():
            return any(has_empty_text(part) for part in values.parts)
        case _Not():
            return not has_empty_text(values.part)
        case _:
            return False


def _beginnings(values: _Sequence) -> t.Iterator[tuple[int, Values]]:
    """The parts that the first character of a text may belong to, each with its number."""
    for number, part in enumerate(values.parts):
        yield number, part
        if not has_empty_text(part):
            return


@functools.lru_cache(maxsize=100_000)
def _after(values: Values, char: str) -> Values:
    """What may follow *char* in a text of *values*."""
    match values:
        case _One():
            return EMPTY_TEXT if (char in values.chars) != values.negated else NOTHING
        case _Sequence():
            return union(
                _sequence((_after(part, char), *values.parts[number + 1 :])) for number, part in _beginnings(values)
            )
        case _Repeated():
            return _sequence((_after(values.part, char), values))
        case _Any():
            return union(_after(part, char) for part in values.parts)
        case _Not():
            return complement(_after(values.part, char))
        case _:
            return NOTHING


def has(values: Values, text: str) -> bool:
    """Whether *text* is in *values*."""
    for char in text:
        values = _after(values, char)
    return has_empty_text(values)


@functools.lru_cache(maxsize=10_000)
def _example(values: Values) -> str | bool | None:
    """A shortest text of *values*; None if there is none, False if that is not decided."""
    seen = {values}
    waiting = collections.deque([(values, "")])
    while waiting:
        current, text = waiting.popleft()
        if has_empty_text(current):
            return text
        for char in _next_characters(current):
            following = _after(current, char)
            if following == NOTHING or following in seen:
                continue
            if len(seen) >= STATES:
                return False
            seen.add(following)
            waiting.append((following, text + char))
    return None


def is_nothing(values: Values) -> bool | None:
    """Whether no text at all is in *values*; None if that is not decided."""
    found = _example(values)
    return None if found is False else found is None


def is_everything(values: Values) -> bool | None:
    """Whether each text is in *values*, the empty one too; None if that is not decided."""
    return is_nothing(complement(values))


def is_within(inner: Values, outer: Values) -> bool | None:
    """Whether each text of *inner* is in *outer*; None if that is not decided."""
    text = plain_text(inner)
    if text is not None:
        return has(outer, text)
    # Most sets differ already in their simplest text, which is known without a look at all of their texts.
    simplest = _example(inner)
    if isinstance(simplest, str) and not has(outer, simplest):
        return False
    return is_nothing(intersection((inner, complement(outer))))


def plain_text(values: Values) -> str | None:
    """The one text of *values* where they were written as this text; else None. `only_text` looks deeper."""
    if isinstance(values, _Empty):
        return ""
    parts = values.parts if isinstance(values, _Sequence) else (values,)
    return "".join(min(t.cast("_One", part).chars) for part in parts) if all(map(_is_plain, parts)) else None


def _is_plain(values: Values) -> bool:
    return isinstance(values, _One) and len(values.chars) == 1 and not values.negated


def only_text(values: Values) -> str | None:
    """The one text of *values*; None if there are several or none, or if that is not decided."""
    found = _example(values)
    if not isinstance(found, str):
        return None
    return found if is_within(values, exactly(found)) else None


def _next_characters(values: Values) -> list[str]:
    """One character for each sort of first characters that *values* tells apart, sorted: all others behave alike."""
    classes = list(dict.fromkeys(_first(values)))
    named = sorted({char for one in classes for char in one})
    other = next(char for char in map(chr, range(ord("0"), 0x110000)) if char not in named)
    sorts: dict[tuple[bool, ...], str] = {}
    for char in (*named, other):
        sorts.setdefault(tuple(char in one for one in classes), char)
    return sorted(sorts.values())


def _first(values: Values) -> t.Iterator[frozenset[str]]:
    """The classes that decide what may follow the first character."""
    match values:
        case _One():
            yield values.chars
        case _Sequence():
            for _number, part in _beginnings(values):
                yield from _first(part)
        case _Any():
            for part in values.parts:
                yield from _first(part)
        case _Repeated() | _Not():
            yield from _first(values.part)


# -- regular expressions ------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """A regular expression that was read: what it matches as a whole, and each alternative with how it is written.

    *anchored*: whether it has an anchor of its own, which is without effect.
    """

    values: Values
    alternatives: tuple[Values, ...]
    texts: tuple[str, ...]
    anchored: bool


class _NotRead(Exception):
    """Syntax that this file does not know."""


@functools.lru_cache(maxsize=10_000)
def read(regex: str) -> Pattern | None:
    """A regular expression as Prometheus takes it; None where it has syntax that is not known here."""
    reader = _Reader(regex)
    try:
        alternatives = reader.alternatives(outermost=True)
    except _NotRead:
        return None
    if reader.left:
        return None
    return Pattern(
        values=union(alternatives.values()),
        alternatives=tuple(alternatives.values()),
        texts=tuple(regex[start:end] for start, end in alternatives),
        anchored=reader.anchored,
    )


class _Reader:
    """Reads one regular expression from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._depth = 0
        self.anchored = False

    @property
    def left(self) -> str:
        """What was not read yet."""
        return self._text[self._place :]

    def _next(self) -> str:
        if not self.left:
            raise _NotRead
        self._place += 1
        return self._text[self._place - 1]

    def _take(self, text: str) -> bool:
        """Go past *text* if it comes next."""
        found = self.left.startswith(text)
        self._place += len(text) if found else 0
        return found

    def alternatives(self, *, outermost: bool = False) -> dict[tuple[int, int], Values]:
        """The alternatives that come next, each with its place in the text."""
        found: dict[tuple[int, int], Values] = {}
        more = True
        while more:
            start = self._place
            values = self._sequence(outermost=outermost)
            found[start, self._place] = values
            more = self._take("|")
        return found

    def _sequence(self, *, outermost: bool) -> Values:
        parts = []
        if outermost and self._take("^"):
            self.anchored = True
        while self.left and self.left[0] not in _SPECIAL:
            if outermost and self.left[0] == "$" and self.left[1:2] in ("", "|"):
                self._place += 1
                self.anchored = True
                break
            parts.append(self._repetition())
        return _sequence(parts)

    def _repetition(self) -> Values:
        part = self._atom()
        sign = self.left[:1]
        if sign not in ("*", "+", "?", "{") or not sign:
            return part
        self._place += 1
        least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(sign) or self._bounds()
        # A lazy repetition matches the same texts; two signs in a row are an error or have another meaning.
        self._take("?")
        if self.left[:1] in ("*", "+", "?", "{") and self.left:
            raise _NotRead
        result = _repeated(part) if most is None else EMPTY_TEXT
        for _step in range((most or 0) - least if most is not None else 0):
            result = union((EMPTY_TEXT, _sequence((part, result))))
        return _sequence((*(part for _step in range(least)), result))

    def _bounds(self) -> tuple[int, int | None]:
        inside, closed, _rest = self.left.partition("}")
        least, comma, most = inside.partition(",")
        digits = (least, most) if most else (least,)
        if not closed or not all(part.isascii() and part.isdigit() for part in digits):
            raise _NotRead
        self._place += len(inside) + 1
        bounds = (int(least), int(most) if most else None if comma else int(least))
        if max(bounds[0], bounds[1] or 0) > REPETITIONS or (bounds[1] is not None and bounds[1] < bounds[0]):
            raise _NotRead
        return bounds

    def _atom(self) -> Values:
        char = self._next()
        if char == "(":
            if self.left.startswith("?") and not self._take("?:"):
                raise _NotRead
            self._depth += 1
            if self._depth > DEPTH:
                raise _NotRead
            inside = union(self.alternatives().values())
            self._depth -= 1
            if not self._take(")"):
                raise _NotRead
            return inside
        if char == "[":
            return self._class()
        if char == ".":
            return _ANY_CHARACTER
        if char == "\\":
            chars, negated = self._escaped()
            return _One(chars, negated)
        if char in "*+?{}^$":
            raise _NotRead
        return _One(frozenset(char), False)  # noqa: FBT003

    def _escaped(self) -> tuple[frozenset[str], bool]:
        """The characters that an escape means, and whether it means all others."""
        char = self._next()
        if char.lower() in _CLASSES:
            return _CLASSES[char.lower()], char.isupper()
        if char in _CONTROL:
            return frozenset(_CONTROL[char]), False
        if char.isalnum() or not char.isascii():
            raise _NotRead
        return frozenset(char), False

    def _class(self) -> Values:
        negated = self._take("^")
        chars: set[str] = set()
        first = True
        while first or not self._take("]"):
            first = False
            if self.left.startswith("[:"):
                raise _NotRead
            chars |= self._members()
            if len(chars) > CLASS_SIZE:
                raise _NotRead
        return _One(frozenset(chars), negated)

    def _members(self) -> frozenset[str]:
        """One character of a class, a range, or the characters of an escape."""
        low = self._member()
        if not self.left.startswith("-") or self.left.startswith("-]"):
            return low
        self._place += 1
        high = self._member()
        if len(low) != 1 or len(high) != 1:
            raise _NotRead
        start, end = ord(min(low)), ord(min(high))
        if not start <= end < start + CLASS_SIZE:
            raise _NotRead
        return frozenset(map(chr, range(start, end + 1)))

    def _member(self) -> frozenset[str]:
        char = self._next()
        if char != "\\":
            # Inside of classes some dialects give them a meaning, and RE2 does not.
            if char in "[&~":
                raise _NotRead
            return frozenset(char)
        chars, negated = self._escaped()
        if negated:
            raise _NotRead
        return chars
