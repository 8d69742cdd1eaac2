# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes Kubernetes objects as YAML in one form only, and reads that form again quickly. Pure.

PyYAML takes three seconds to write 15,000 objects and half a minute to read them, because it knows all of YAML. The
form here is a small part of it: block mappings with sorted keys, and texts that are plain, in double quotes, or a block
of lines. What `dump` writes, every reader of YAML reads; `read` reads only what `dump` wrote.
"""

from __future__ import annotations

import functools
import json
import re
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import is_plain_text, plain_meaning

JsonObject = dict[str, t.Any]

START = "---\n"
_BREAK = "\n"
# A text that no reader takes for anything else: the first character begins no other construct.
_PLAIN = re.compile(r"[A-Za-z0-9_/.(][A-Za-z0-9_/.() ,;=<>+*$@%^&|!?'\"{}\[\]\\:~`-]*", re.ASCII)
_NOT_PLAIN = re.compile(r": |[: ]$|  |^\.\.\.")
# What YAML does not allow in a text without an escape, or takes for a break.
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
# Lines that a block shows as they are: the first does not begin with a space, and none ends with one.
_BLOCK = re.compile(r"(?! )(?:[ -~\u00a1-\u1fff]*[!-~\u00a1-\u1fff]\n+)+")
# libyaml and go-yaml look so far for the colon behind a key.
_LONGEST_KEY = 500
_EMPTY: dict[str, type[dict[str, t.Any] | list[t.Any]]] = {"{}": dict, "[]": list}


_encoded = json.JSONEncoder(allow_nan=False).encode


class Foreign(ValueError):
    """A text that `dump` did not write."""


def dump(objects: t.Iterable[JsonObject]) -> str:
    """Objects as one YAML text, one document each: the same objects give the same bytes, in any order of their keys."""
    return "".join(_document(obj) for obj in objects)


def _document(obj: JsonObject) -> str:
    lines: list[str] = []
    if obj:
        _mapping(obj, "", lines)
    else:
        lines.append("{}")
    return f"{START}{chr(10).join(lines)}\n"


def _mapping(value: JsonObject, indent: str, lines: list[str], first: str | None = None) -> None:
    """Append the lines of a mapping; *first* is what its first line begins with instead of *indent*."""
    keys = _keys(tuple(value), indent)
    if first is not None:
        # Its indent is as long as the dash and the space in their place.
        name, shown = keys[0]
        keys = ((name, first + shown[len(first) :]), *keys[1:])
    for name, shown in keys:
        item = value[name]
        # Texts first: most values are texts.
        if isinstance(item, str):
            lines.append(f"{shown} {_text(item, indent) if _BREAK in item else _short_text(item)}")
        elif isinstance(item, dict) and item:
            lines.append(shown)
            _mapping(item, indent + "  ", lines)
        elif isinstance(item, list) and item:
            lines.append(shown)
            _list(item, indent, lines)
        else:
            lines.append(f"{shown} {_json(item)}")


def _list(items: t.Sequence[t.Any], indent: str, lines: list[str]) -> None:
    """Append the lines of a list."""
    for item in items:
        if isinstance(item, str):
            lines.append(f"{indent}- {_text(item, indent) if _BREAK in item else _short_text(item)}")
        elif isinstance(item, dict) and item:
            _mapping(item, indent + "  ", lines, first=f"{indent}- ")
        elif isinstance(item, list) and item:
            lines.append(f"{indent}-")
            _list(item, indent + "  ", lines)
        else:
            lines.append(f"{indent}- {_json(item)}")


# Mappings have few sets of keys.
@functools.lru_cache(maxsize=16384)
def _keys(names: tuple[str, ...], indent: str) -> tuple[tuple[str, str], ...]:
    """The keys of a mapping in their order, each with what its line begins with."""
    return tuple((name, indent + _key(name, indent)) for name in sorted(names))


def _key(name: str, indent: str) -> str:
    shown = _short_text(name)
    return f"{shown}:" if len(shown) < _LONGEST_KEY else f"? {shown}\n{indent}:"


def _text(text: str, indent: str) -> str:
    """A text with a break of lines."""
    return _block(text, indent) if len(text) > 1 else _quoted(text)


def _json(value: t.Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    return _encoded(value)


def _block(text: str, indent: str) -> str:
    """A text of several lines; in quotes where a block could not show it exactly."""
    body, sign = (text[:-1], "|") if text.endswith("\n") else (text, "|-")
    if body.endswith("\n") or not _BLOCK.fullmatch(f"{body}\n"):
        return _quoted(text)
    inner = f"\n{indent}  "
    return sign + "".join(inner + line if line else "\n" for line in body.split("\n"))


@functools.lru_cache(maxsize=65536)
def _short_text(text: str) -> str:
    if _PLAIN.fullmatch(text) and not _NOT_PLAIN.search(text) and is_plain_text(text):
        return text
    return _quoted(text)


def _quoted(text: str) -> str:
    shown = json.dumps(text, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", shown)


# -- reading ------------------------------------------------------------------------------------------------------


def documents(text: str) -> list[str]:
    """The documents of a text that `dump` wrote, each without its first line; raises Foreign.

    Two documents are the same object where they are the same text.
    """
    if text and not text.startswith(START):
        raise Foreign("it does not begin with ---")
    # No line of a document is --- itself: plain texts do not begin with a dash, and lines of blocks are indented.
    return text.removeprefix(START).split(f"\n{START}") if text else []


def read(document: str) -> JsonObject:
    """The object of one of the `documents`; raises Foreign where the form is another one."""
    reader = _Reader(document.rstrip("\n").split("\n"))
    try:
        return reader.whole()
    except (IndexError, ValueError) as error:
        raise Foreign(str(error)) from error


class _Reader:
    """The lines of one document, read from the first to the last."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._at = 0

    def whole(self) -> JsonObject:
        """The object that all lines are."""
        if self._lines == ["{}"]:
            return {}
        found = self._mapping(0)
        if self._at != len(self._lines):
            raise Foreign(f"line {self._at + 1} does not belong to anything")
        return found

    def _mapping(self, depth: int) -> JsonObject:
        """The mapping whose keys are at *depth*; the first one may be behind the dash of a list."""
        lines = self._lines
        found: JsonObject = {}
        indent = " " * depth
        while self._at < len(lines):
            line = lines[self._at]
            if not line.startswith(indent) or line[depth : depth + 1] in (" ", "-", ""):
                break
            name, rest = self._split(line, depth)
            self._at += 1
            found[name] = self._leaf(rest, depth) if rest else self._nested(depth)
        return found

    def _split(self, line: str, depth: int) -> tuple[str, str]:
        """The key of a line, and what is behind it."""
        if line[depth] == '"':
            name, end = json.JSONDecoder().raw_decode(line, depth)
            if line[end : end + 1] != ":":
                raise Foreign(f"line {self._at + 1} has no colon behind its key")
            return str(name), line[end + 2 :]
        if line[depth] == "?":
            self._at += 1
            return str(_scalar(line[depth + 2 :])), self._lines[self._at][depth + 2 :]
        head, colon, rest = line.partition(": ")
        if colon:
            return head[depth:], rest
        if not line.endswith(":"):
            raise Foreign(f"line {self._at + 1} has no key")
        return line[depth:-1], ""

    def _nested(self, depth: int) -> t.Any:
        """What begins on the line behind a key at *depth*."""
        line = self._lines[self._at]
        if line.startswith(" " * depth + "-"):
            return self._list(depth)
        return self._mapping(depth + 2)

    def _list(self, depth: int) -> list[t.Any]:
        """The list whose dashes are at *depth*."""
        lines = self._lines
        found: list[t.Any] = []
        dash = " " * depth + "-"
        while self._at < len(lines) and lines[self._at].startswith(dash):
            line = lines[self._at]
            rest = line[depth + 2 :]
            if not rest:
                self._at += 1
                found.append(self._list(depth + 2))
            elif _is_entry(rest):
                lines[self._at] = f"{' ' * (depth + 2)}{rest}"
                found.append(self._mapping(depth + 2))
            else:
                self._at += 1
                found.append(self._leaf(rest, depth))
        return found

    def _leaf(self, shown: str, depth: int) -> t.Any:
        if shown in _EMPTY:
            return _EMPTY[shown]()
        if shown not in ("|", "|-"):
            return _scalar(shown)
        lines, indent, found = self._lines, " " * (depth + 2), []
        while self._at < len(lines) and (not lines[self._at] or lines[self._at].startswith(indent)):
            found.append(lines[self._at][depth + 2 :])
            self._at += 1
        return "\n".join(found) + ("\n" if shown == "|" else "")


def _is_entry(rest: str) -> bool:
    """Whether what is behind a dash begins a mapping."""
    if rest[0] == '"':
        return rest[json.JSONDecoder().raw_decode(rest)[1] :].startswith(":")
    return rest[0] == "?" or ": " in rest or (rest[-1] == ":" and rest[0] not in "{[")


@functools.lru_cache(maxsize=65536)
def _scalar(shown: str) -> t.Any:
    if shown[0] == '"':
        return json.loads(shown)
    if shown in ("true", "false", "null"):
        return json.loads(shown)
    value = plain_meaning(shown)
    return json.loads(shown) if not isinstance(value, str) else shown
