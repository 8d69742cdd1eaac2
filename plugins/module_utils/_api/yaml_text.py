# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading YAML and JSON texts that hold Kubernetes objects. Pure.

What kubectl reads, this reads to the same JSON: kubectl's reader is a fork of go-yaml v2 (sigs.k8s.io/yaml), which
takes ``yes`` and ``y`` for true, ``0777`` for a number, and dates for text. PyYAML's parser finds the nodes; what they
mean is decided here. Two texts that kubectl takes are refused, because it loses a part of them: an unknown
tag (``!vault``), and ``!!binary`` data that is not UTF-8.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import functools
import json
import math
import re
import struct
import traceback
import typing as t
from decimal import Decimal

try:
    import yaml

    IMPORT_ERROR: str | None = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

JsonObject = dict[str, t.Any]
Scalar: t.TypeAlias = "str | int | float | bool | None"

# Aliases can make a small text large: an API server takes no object of 1 % of this.
COPIED_MAX = 2_000_000

_STANDARD = "tag:yaml.org,2002:"
_MERGE = _STANDARD + "merge"
# A lone ! says that a value is what its form says, and never more: a plain 017 is text then.
_LONE = "!"
_TEXTS = (_LONE, _STANDARD + "str")
_MAPPINGS = (_LONE, _STANDARD + "map", _STANDARD + "set")
_SEQUENCES = (_LONE, _STANDARD + "seq", _STANDARD + "omap", _STANDARD + "pairs")
_UNFINISHED = object()

# resolve.go of go-yaml v2.
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<x>[0-9a-fA-F]+)|0[bB](?P<b>[01]+)|0[oO]?(?P<o>[0-7]+)|(?P<d>0|[1-9][0-9]{0,19}))",
    re.ASCII,
)
# go-yaml tries what follows 0b once more, and takes a sign there.
_SIGN_INSIDE = re.compile(r"0b(?P<sign>[-+])(?P<b>[01]+)", re.ASCII)
_BASES = {"x": 16, "b": 2, "o": 8, "d": 10}
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
# Go's own reader of numbers, which go-yaml asks for what begins with a point: underscores stand between digits.
_POINT = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?", re.ASCII)
_TIMESTAMP = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:(?:[Tt]|[ \t]+)[0-9].*)?", re.ASCII)
_INT64 = range(-(2**63), 2**63)
_UINT64_MAX = 2**64 - 1
# From here on Go writes a number of JSON with an exponent.
_EXPONENT = 1e21

_CHART = re.compile(r"\{\{-?\s*(?!-?\s*\$(?:labels|value|externalLabels|externalURL)\b)")
# What only a chart has; where the parser gives up may be far behind it.
_CHART_ANYWHERE = re.compile(r"\{\{[^{}]*\.(?:Values|Release|Chart|Capabilities)\b")
_JINJA = re.compile(r"\{%")


class Unreadable(ValueError):
    """A text that is not YAML or JSON for Kubernetes; *line* counts from 1, None if it is the whole text."""

    def __init__(self, reason: str, *, line: int | None = None) -> None:
        super().__init__(reason, line)
        self.reason = reason
        self.line = line

    def __str__(self) -> str:
        return self.reason if self.line is None else f"line {self.line}: {self.reason}"


class _Bad(Exception):
    """What is wrong with one node."""


def decode(data: bytes) -> str:
    """The text of a file: UTF-8, or UTF-16 that begins with its mark. Raises Unreadable."""
    encodings = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
    mark = next((mark for mark in encodings if data.startswith(mark)), b"")
    try:
        return data[len(mark) :].decode(encodings.get(mark, "utf-8"))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Unreadable("is not UTF-8 text", line=None if mark else line) from error


def parse(text: str) -> list[t.Any]:
    """All documents of a YAML or JSON text, as kubectl reads them; empty ones are left out. Raises Unreadable."""
    return [document for _line, document in parse_with_lines(text)]


def parse_with_lines(text: str) -> list[tuple[int, t.Any]]:
    """The same, each with the line on which it begins, counted from 1."""
    text = text.removeprefix("\ufeff")
    try:
        if text.lstrip().startswith("{"):
            found = _json_documents(text)
            if found is not None:
                return found
        # Each document may begin with a mark of its own, where files were put together.
        return list(_yaml_documents(text.replace("\n\ufeff", "\n")))
    except RecursionError as error:
        raise Unreadable("is nested too deeply") from error


# -- JSON ---------------------------------------------------------------------------------------------------------


def _json_documents(text: str) -> list[tuple[int, t.Any]] | None:
    """The documents of a JSON text, one after the other; None if it is not JSON."""
    decoder = json.JSONDecoder(
        parse_float=lambda digits: _json_number(float(digits)),
        parse_int=lambda digits: _json_number(int(digits) if len(digits) < 25 else float(digits)),
        parse_constant=_no_constant,
    )
    found: list[tuple[int, t.Any]] = []
    position = 0
    line, counted = 1, 0
    while text[position:].strip():
        position += len(text[position:]) - len(text[position:].lstrip())
        line, counted = line + text.count("\n", counted, position), position
        try:
            document, position = decoder.raw_decode(text, position)
        except ValueError:
            return None
        except _Bad as error:
            raise Unreadable(
                f"the JSON that begins here holds a number that is too large: {error}", line=line
            ) from error
        found.append((line, document))
    try:
        text.encode()
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise Unreadable(
            r"contains half of a surrogate pair: one of \ud800 to \udfff without the other half"
        ) from error
    return found


def _no_constant(name: str) -> t.NoReturn:
    raise ValueError(f"{name} is not JSON")


# -- YAML ---------------------------------------------------------------------------------------------------------


def _yaml_documents(text: str) -> t.Iterator[tuple[int, t.Any]]:
    # The parser in C where there is one. Its events, not its nodes: PyYAML refuses nodes with an anchor given twice.
    events = iter(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    try:
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                builder = _Builder(text, events)
                document = builder.document()
                if document is not None:
                    yield builder.line, document
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1 if isinstance(error.position, int) else None
        raise Unreadable(f"holds a character that YAML does not allow ({error.reason})", line=line) from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line
        raise _unreadable(text, line=line, reason=str(error.problem or error.context)) from error
    except yaml.YAMLError as error:
        raise Unreadable(str(error)) from error


class _Builder:
    """Makes JSON of the *events* of one document of *text*."""

    def __init__(self, text: str, events: t.Iterator[t.Any]) -> None:
        self._text = text
        self._events = events
        # The meaning of an anchor: the event of a scalar, which means one thing as a key and another as a value, or
        # the finished mapping or list; _UNFINISHED while it is read.
        self._anchors: dict[str, t.Any] = {}
        self._copied = 0
        # Where the document begins, counted from 1.
        self.line = 1

    def document(self) -> t.Any:
        """The value of the next document; raises Unreadable."""
        event = next(self._events)
        self.line = event.start_mark.line + 1
        return self.build(event)

    def build(self, event: t.Any) -> t.Any:
        """The value that begins with *event*; raises Unreadable."""
        if isinstance(event, yaml.ScalarEvent):
            if event.anchor is not None:
                self._anchors[event.anchor] = event
            return self._scalar(event, _value)
        if isinstance(event, yaml.AliasEvent):
            found = self._anchored(event)
            return self._scalar(found, _value) if isinstance(found, yaml.ScalarEvent) else self._copy(found)
        if isinstance(event, yaml.SequenceStartEvent):
            self._begin(event, _SEQUENCES, what="a list")
            items = []
            while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
                items.append(self.build(item))
            return self._finished(event, items)
        self._begin(event, _MAPPINGS, what="a mapping")
        return self._finished(event, self._mapping())

    def _mapping(self) -> JsonObject:
        """The entries up to the end of the mapping; of a key that is given twice the last, as for kubectl.

        go-yaml merges where the ``<<`` stands: keys before it are overwritten, those behind it win.
        """
        made: JsonObject = {}
        while not isinstance(name := next(self._events), yaml.MappingEndEvent):
            scalar = self._anchored(name) if isinstance(name, yaml.AliasEvent) else name
            if not isinstance(scalar, yaml.ScalarEvent):
                raise self._error(name, "a key must be text, found a mapping or a list")
            if scalar.anchor is not None:
                self._anchors[scalar.anchor] = scalar
            if scalar.value == "<<" and (scalar.tag == _MERGE or (scalar.tag is None and scalar.implicit[0])):
                made.update(self._merged(next(self._events)))
            else:
                made[self._scalar(scalar, _key)] = self.build(next(self._events))
        return made

    def _merged(self, event: t.Any) -> JsonObject:
        """What a ``<<`` brings; of a list the first mapping wins."""
        value = self.build(event)
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            raise self._error(event, "<< needs a mapping, or a list of mappings")
        return {name: item for part in reversed(parts) for name, item in part.items()}

    def _scalar(self, event: t.Any, meaning: t.Callable[[str, str | None], t.Any]) -> t.Any:
        tag = event.tag
        if tag in _TEXTS or (tag is None and not event.implicit[0]):
            return event.value
        try:
            return meaning(event.value, tag)
        except _Bad as error:
            raise self._error(event, str(error)) from error

    def _begin(self, event: t.Any, tags: t.Container[str], *, what: str) -> None:
        if event.tag is not None and event.tag not in tags:
            known = event.tag.startswith(_STANDARD)
            raise self._error(
                event, f"the tag {_short(event.tag)} does not fit {what}" if known else _unknown_tag(event.tag)
            )
        if event.anchor is not None:
            self._anchors[event.anchor] = _UNFINISHED

    def _finished(self, event: t.Any, value: t.Any) -> t.Any:
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _anchored(self, event: t.Any) -> t.Any:
        found = self._anchors.get(event.anchor)
        if found is None:
            raise self._error(event, f"the alias *{event.anchor} has no anchor &{event.anchor} before it")
        if found is _UNFINISHED:
            raise self._error(event, f"the alias *{event.anchor} is inside of its own anchor")
        return found

    def _copy(self, value: t.Any) -> t.Any:
        """A copy, so that no two places of an object are one."""
        self._copied += 1
        if self._copied > COPIED_MAX:
            raise Unreadable(f"its aliases expand to more than {COPIED_MAX:,} values")
        if isinstance(value, dict):
            return {name: self._copy(item) for name, item in value.items()}
        return [self._copy(item) for item in value] if isinstance(value, list) else value

    def _error(self, event: t.Any, reason: str) -> Unreadable:
        return _unreadable(self._text, line=event.start_mark.line, reason=reason)


def _unreadable(text: str, *, line: int | None, reason: str) -> Unreadable:
    """The error for a *line*, counted from 0, with what people did where it can be guessed."""
    lines = text.splitlines()
    near = "\n".join(lines[max(line - 1, 0) : line + 1]) if line is not None else ""
    hint = ""
    if _JINJA.search(near):
        hint = "; this looks like a Jinja template: render it first with ansible.builtin.template"
    elif _CHART.search(near) or _CHART_ANYWHERE.search(text):
        hint = "; this looks like a chart's template: render it first with helm template"
    elif "{{" in near:
        hint = "; put text with {{ in quotes"
    elif re.search(r"^[ ]*\t", near, re.MULTILINE):
        hint = "; indent with spaces, not with tabs"
    # At the end of a text the parser is on the line behind its last one.
    return Unreadable(f"{reason}{hint}", line=None if line is None else min(line + 1, max(len(lines), 1)))


def _unknown_tag(tag: str) -> str:
    return f"the tag {_short(tag)} means nothing to Kubernetes"


def _short(tag: str) -> str:
    return f"!!{tag.removeprefix(_STANDARD)}" if tag.startswith(_STANDARD) else tag


# -- scalars ------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=65536)
def _value(text: str, tag: str | None) -> Scalar:
    """What a scalar with a *tag*, or a plain one without, means as a value."""
    value = _tagged(text, tag)
    return value if value is None or isinstance(value, (str, bool)) else _json_number(value)


@functools.lru_cache(maxsize=65536)
def _key(text: str, tag: str | None) -> str:
    """What it means as a key: text, as Go writes numbers (yaml.go of sigs.k8s.io/yaml)."""
    value = _tagged(text, tag)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        raise _Bad("a key must be text, found nothing; put it in quotes")
    if isinstance(value, float):
        return _float_key(value)
    if value not in _INT64:
        raise _Bad(f"the key {text} is too large for a number; put it in quotes")
    return str(value)


def _tagged(text: str, tag: str | None) -> Scalar:
    """The meaning of a scalar by its tag; the one of a plain scalar follows from its text."""
    value = plain_meaning(text)
    if tag is None:
        return value
    kind = tag.removeprefix(_STANDARD) if tag.startswith(_STANDARD) else ""
    if kind == "binary":
        return _binary(text)
    fits = {
        "null": value is None,
        "bool": isinstance(value, bool),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, float) or _is_int64(value),
        "timestamp": _TIMESTAMP.fullmatch(text) is not None,
    }
    if kind not in fits:
        raise _Bad(_unknown_tag(tag))
    if not fits[kind]:
        raise _Bad(f"{text!r} is not of type {kind}, as its tag says")
    return float(value) if kind == "float" else value  # type: ignore[arg-type]  # a number, see above


def is_plain_text(text: str) -> bool:
    """Whether a plain scalar is text for every reader: for kubectl, and for PyYAML, which knows dates and base 60."""
    others = yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], ())
    return isinstance(plain_meaning(text), str) and not any(pattern.match(text) for _tag, pattern in others)


def plain_meaning(text: str) -> Scalar:
    """The meaning of a plain scalar; dates and what nothing else fits are text."""
    if text in _WORDS:
        return _WORDS[text]
    # go-yaml looks for a number only behind such a first character, and drops all underscores behind a digit or sign.
    if text[0] not in "+-.0123456789":
        return text
    plain = text.replace("_", "")
    if text[0] != ".":
        integer = _integer(plain)
        if integer is not None:
            return integer
    if (_POINT.fullmatch(text) if text[0] == "." else _FLOAT.fullmatch(plain)) is None:
        return text
    value = float(plain)
    return text if math.isinf(value) else value


def _integer(plain: str) -> int | None:
    found = _INTEGER.fullmatch(plain)
    if found:
        base, digits = next((_BASES[name], found[name]) for name in _BASES if found[name])
        number = int(found["sign"] + digits, base)
        return number if number in _INT64 or (not found["sign"] and number <= _UINT64_MAX) else None
    inside = _SIGN_INSIDE.fullmatch(plain)
    signed = int(inside["sign"] + inside["b"], 2) if inside else None
    return signed if _is_int64(signed) else None


def _is_int64(value: Scalar) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value in _INT64


def _binary(text: str) -> str:
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _Bad("!!binary must be base64 of UTF-8 text") from error


def _json_number(value: float) -> int | float:
    """A number as it is once Go has written it to JSON and read it again: whole where it can be.

    Beyond 64 bits it has the digits of the nearest float.
    """
    if isinstance(value, int) and value in _INT64:
        return value
    number = float(value)
    if math.isnan(number) or math.isinf(number):
        raise _Bad(f"{number} is not a number that JSON can hold; put it in quotes")
    return int(Decimal(repr(number))) if number.is_integer() and abs(number) < _EXPONENT else number


def _float_key(value: float) -> str:
    """strconv.FormatFloat(value, 'g', -1, 32), with YAML's own words for what is not a number."""
    if math.isnan(value):
        return ".nan"
    try:
        narrow = struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        narrow = math.copysign(math.inf, value)
    if math.isinf(narrow):
        return ".inf" if value > 0 else "-.inf"
    shortest = next(
        digits
        for digits in (f"{narrow:.{places}e}" for places in range(9))
        if struct.unpack("f", struct.pack("f", float(digits)))[0] == narrow
    )
    exponent = int(shortest.partition("e")[2])
    return format(Decimal(shortest).normalize(), "f") if -4 <= exponent < 6 else shortest
