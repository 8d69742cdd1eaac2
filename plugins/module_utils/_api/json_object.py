# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the JSON object in an answer of an API server; a long list item by item, so that it is never whole in memory.

A list of a thousand objects is tens of thousands of mappings. Where all of them exist at once, Python's collector
looks through them, and through all else that the process holds, again and again: a third of an unchanged run.
"""

from __future__ import annotations

import json
import re
import typing as t

JsonObject = dict[str, t.Any]
# What becomes of an item of a list.
Take = t.Callable[[JsonObject], t.Any]

ITEMS = "items"
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


class _NotJson(Exception):
    """The text is not JSON, or it was cut off. Unlike ValueError nothing that takes items raises it."""


def json_object(data: bytes, *, take: Take | None = None) -> JsonObject | None:
    """The object that *data* holds, an empty one for no data; None if it is not JSON or not an object.

    With *take* each item of its list ``items`` is replaced by what *take* returns for it, before the next one is read.
    What *take* was given counts only where the whole is an object: an answer may be cut off after some items.
    """
    if not data:
        return {}
    if take is None:
        try:
            parsed = json.loads(data)
        except ValueError:
            return None
        return parsed if isinstance(parsed, dict) else None
    try:
        return _object(_text(data), take)
    except _NotJson:
        return None


def _text(data: bytes) -> str:
    """As json.loads decodes it."""
    try:
        return data.decode(json.detect_encoding(data), "surrogatepass")
    except ValueError as error:
        raise _NotJson from error


def _object(text: str, take: Take) -> JsonObject:
    found: JsonObject = {}
    at, ends = _first(text, _after(text, 0, "{"), "}")
    while not ends:
        name, at = _value(text, at)
        if not isinstance(name, str):
            raise _NotJson
        at = _after_space(text, _after(text, at, ":"))
        if name == ITEMS and text.startswith("[", at):
            found[name], at = _items(text, at, take)
        else:
            found[name], at = _value(text, at)
        at, ends = _next(text, at, "}")
    if _after_space(text, at) != len(text):
        raise _NotJson
    return found


def _items(text: str, at: int, take: Take) -> tuple[list[t.Any], int]:
    """What *take* makes of the items of the list that begins at *at*, and where it ends."""
    found: list[t.Any] = []
    at, ends = _first(text, _after(text, at, "["), "]")
    while not ends:
        item, at = _value(text, at)
        found.append(take(item))
        at, ends = _next(text, at, "]")
    return found, at


def _value(text: str, at: int) -> tuple[t.Any, int]:
    """The value that begins at *at*, and where it ends."""
    try:
        return _DECODER.raw_decode(text, at)
    except ValueError as error:
        raise _NotJson from error


def _first(text: str, at: int, end: str) -> tuple[int, bool]:
    """Where the first part begins, or the text goes on behind the *end* where there is none; and whether that is so."""
    at = _after_space(text, at)
    return (at + 1, True) if text.startswith(end, at) else (at, False)


def _next(text: str, at: int, end: str) -> tuple[int, bool]:
    """The same for the next part, which is behind a comma."""
    at, ends = _first(text, at, end)
    return (at, True) if ends else (_after_space(text, _after(text, at, ",")), False)


def _after(text: str, at: int, sign: str) -> int:
    """Behind the *sign* that comes next."""
    at = _after_space(text, at)
    if not text.startswith(sign, at):
        raise _NotJson
    return at + 1


def _after_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return at if found is None else found.end()
