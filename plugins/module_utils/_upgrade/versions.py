# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Versions of components, their order, and ranges of them. Pure.

The order is that of https://semver.org, with two differences that tags of images need: a ``v`` before the numbers is
left out, and what follows the numbers counts only where it says that the version is not final (``-rc.1``); of
``v3.13.5-distroless`` the suffix is a variant of the same version.
"""

from __future__ import annotations

import operator
import re
import typing as t
from dataclasses import dataclass

_VERSION = re.compile(r"v?(\d{1,9})\.(\d{1,9})(?:\.(\d{1,9}))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?", re.ASCII)
_NOT_FINAL = re.compile(r"(?:alpha|beta|rc|pre|dev|snapshot)(?:[.-]?\d+)*(?:[.-].*)?", re.ASCII | re.IGNORECASE)
_PART = re.compile(r"\d+|[A-Za-z]+", re.ASCII)
_CONDITION = re.compile(r"(>=|<=|<|>|=)\s*(\S+)")
_COMPARE: dict[str, t.Callable[[tuple[int, int, int], tuple[int, int, int]], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}


@dataclass(frozen=True, order=True)
class Version:
    """A version. *final* is False for what comes before a release, and *pre* is what orders such versions."""

    numbers: tuple[int, int, int]
    final: bool = True
    pre: tuple[tuple[int, str], ...] = ()

    def __str__(self) -> str:
        text = ".".join(map(str, self.numbers))
        return text if self.final else f"{text}-{'.'.join(word or str(number) for number, word in self.pre)}"


def parse_version(text: str) -> Version:
    """The version that *text* is, such as ``v0.93.1``; raises ValueError with words for a message."""
    match = _VERSION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a version; write numbers such as 0.93.1")
    numbers = (int(match[1]), int(match[2]), int(match[3] or 0))
    suffix = match[4] or ""
    if not _NOT_FINAL.fullmatch(suffix):
        return Version(numbers)
    parts = tuple((int(part), "") if part.isdigit() else (-1, part.lower()) for part in _PART.findall(suffix))
    return Version(numbers, final=False, pre=parts)


def version_or_none(text: str | None) -> Version | None:
    """The version that *text* is, None if it is none: an empty text, ``latest``, a digest."""
    try:
        return parse_version(text or "")
    except ValueError:
        return None


@dataclass(frozen=True)
class Range:
    """Versions for which all conditions of a text hold, such as ``>=0.88.0,<0.88.1``.

    Only the numbers count: a release candidate of 3.0.0 behaves as 3.0.0 does.
    """

    text: str
    conditions: tuple[tuple[str, tuple[int, int, int]], ...]

    def __contains__(self, version: Version) -> bool:
        return all(_COMPARE[sign](version.numbers, numbers) for sign, numbers in self.conditions)

    def __str__(self) -> str:
        return self.text


def parse_range(text: str) -> Range:
    """The range that *text* describes; raises ValueError."""
    conditions = []
    for part in text.split(","):
        match = _CONDITION.fullmatch(part.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a range of versions; write conditions such as '>=0.88.0,<0.88.1'")
        conditions.append((match[1], parse_version(match[2]).numbers))
    return Range(text=",".join(part.strip() for part in text.split(",")), conditions=tuple(conditions))
