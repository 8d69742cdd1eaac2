# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the part of CEL that policies are written in, as a tree, and writes a tree as text again. Pure.

The grammar is that of the language definition (google/cel-spec, doc/langdef.md) without bytes, unsigned and floating
point numbers and message literals. What a policy may use of it is decided in subset.py.
"""

from __future__ import annotations

import functools
import json
import re
import typing as t
from dataclasses import dataclass

# Deeper trees are refused: the offline library stops at 32 levels of its own grammar.
DEPTH = 24
LENGTH = 10_000
Scalar: t.TypeAlias = "str | int | bool | None"


class CelError(Exception):
    """Text that is not CEL, or not what a policy may be written in; the message says what and where."""


class Node:
    """A part of an expression."""


@dataclass(frozen=True)
class Literal(Node):
    """A text, a whole number, true, false or null."""

    value: Scalar


@dataclass(frozen=True)
class Ident(Node):
    """A name."""

    name: str


@dataclass(frozen=True)
class Select(Node):
    """A field of *operand*; *optional* for ``.?``."""

    operand: Node
    name: str
    optional: bool = False


@dataclass(frozen=True)
class Index(Node):
    """An item of *operand*; *optional* for ``[?]``."""

    operand: Node
    index: Node
    optional: bool = False


@dataclass(frozen=True)
class Call(Node):
    """A function with its arguments; *target* is what a member function is called on. Operators are in `Operation`."""

    name: str
    target: Node | None
    arguments: tuple[Node, ...]


@dataclass(frozen=True)
class Operation(Node):
    """An operator and its operands; ``?:`` has three."""

    sign: str
    operands: tuple[Node, ...]


@dataclass(frozen=True)
class Listing(Node):
    """A list."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Mapping(Node):
    """A map."""

    entries: tuple[tuple[Node, Node], ...]


_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<number>[0-9]+(?![0-9a-zA-Z_.]))
    |(?P<text>[rR]?(?:'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"))
    |(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)
    |(?P<sign>&&|\|\||==|!=|<=|>=|\.\?|\[\?|[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE,
)
_ESCAPES = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    **{char: char for char in "\\'\"`?"},
}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
# From the weakest to the strongest; all are left-associative.
_LEVELS: tuple[tuple[str, ...], ...] = (
    ("||",),
    ("&&",),
    ("==", "!=", "<", "<=", ">", ">=", "in"),
    ("+", "-"),
    ("*", "/", "%"),
)
_STRENGTH = {sign: number for number, signs in enumerate(_LEVELS, start=1) for sign in signs}
_UNARY = len(_LEVELS) + 1
_COMPARING = _STRENGTH["=="]
_CONSTANTS: dict[str, Scalar] = {"true": True, "false": False, "null": None}
# What CEL reserves besides these (langdef.md, "RESERVED").
_RESERVED = frozenset(
    {
        "as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let", "loop", "namespace",
        "package", "return", "var", "void", "while",
    }
)  # fmt: skip


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    place: int


def _tokens(text: str) -> list[_Token]:
    found = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise CelError(f"character {place + 1}: {text[place : place + 12]!r} is not CEL that a policy may use")
        if match.lastgroup != "space":
            found.append(_Token(str(match.lastgroup), match[0], place))
        place = match.end()
    return [*found, _Token("end", "", place)]


def names_of(text: str) -> set[str]:
    """The names in an expression of any length that are not fields: variables, functions and constants."""
    tokens = _tokens(text)
    pairs = zip([_Token("start", "", 0), *tokens], tokens, strict=False)
    return {token.text for before, token in pairs if token.kind == "name" and before.text not in (".", ".?")}


@functools.lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tree of an expression; raises CelError with the place of what cannot be read."""
    if len(text) > LENGTH:
        raise CelError(f"has {len(text)} characters; at most {LENGTH} are possible")
    if "\0" in text:
        raise CelError("has a NUL character")
    parser = _Parser(_tokens(text))
    node = parser.expression()
    parser.expect("end", "")
    depth = depth_of(node)
    if depth > DEPTH:
        raise CelError(f"is nested {depth} levels deep; at most {DEPTH} are possible")
    return node


class _Parser:
    """Reads tokens from left to right."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self._inside = 0

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _take(self, *texts: str) -> str | None:
        """Go past the next token if it is one of these signs or the name ``in``."""
        token = self._next
        if token.text not in texts or not (token.kind == "sign" or token.text == "in"):
            return None
        self._place += 1
        return token.text

    def expect(self, kind: str, text: str) -> _Token:
        """The next token, which must be this one (any text of its kind where *text* is empty)."""
        token = self._next
        if token.kind != kind or (text and token.text != text):
            found = repr(token.text) if token.text else "the end"
            wanted = text or {"number": "a value", "end": "the end"}.get(kind, f"a {kind}")
            raise CelError(f"character {token.place + 1}: expected {wanted}, found {found}")
        self._place += 1
        return token

    def expression(self) -> Node:
        self._inside += 1
        if self._inside > 2 * DEPTH:
            raise CelError(f"is nested too deep; at most {DEPTH} levels are possible")
        node = self._level(0)
        if self._take("?"):
            then = self._level(0)
            self.expect("sign", ":")
            node = Operation("?:", (node, then, self.expression()))
        self._inside -= 1
        return node

    def _level(self, number: int) -> Node:
        if number == len(_LEVELS):
            return self._unary()
        node = self._level(number + 1)
        while sign := self._take(*_LEVELS[number]):
            node = Operation(sign, (node, self._level(number + 1)))
        return node

    def _unary(self) -> Node:
        if self._take("!"):
            return Operation("!", (self._unary(),))
        if self._take("-"):
            return Operation("-", (self._unary(),))
        return self._member()

    def _member(self) -> Node:
        node = self._primary()
        while True:
            if self._take(".?"):
                node = Select(node, self._field(), optional=True)
            elif self._take("."):
                name = self._field()
                node = Call(name, node, self._until(")")) if self._take("(") else Select(node, name)
            elif sign := self._take("[", "[?"):
                index = self.expression()
                self.expect("sign", "]")
                node = Index(node, index, optional=sign == "[?")
            else:
                return node

    def _field(self) -> str:
        return self.expect("name", "").text

    def _until(self, end: str) -> tuple[Node, ...]:
        items: list[Node] = []
        while not self._take(end):
            if items:
                self.expect("sign", ",")
                if self._take(end):
                    break
            items.append(self.expression())
        return tuple(items)

    def _primary(self) -> Node:
        if self._take("("):
            node = self.expression()
            self.expect("sign", ")")
            return node
        if self._take("["):
            return Listing(self._until("]"))
        if self._take("{"):
            return self._mapping()
        return self._name() if self._next.kind == "name" else self._constant()

    def _constant(self) -> Node:
        token = self._next
        if token.kind == "text":
            self._place += 1
            return Literal(_text_of(token))
        return Literal(int(self.expect("number", "").text))

    def _name(self) -> Node:
        token = self.expect("name", "")
        name = token.text
        if name in _CONSTANTS:
            return Literal(_CONSTANTS[name])
        if name in _RESERVED:
            raise CelError(f"character {token.place + 1}: {name!r} is a reserved word")
        return Call(name, None, self._until(")")) if self._take("(") else Ident(name)

    def _mapping(self) -> Node:
        entries: list[tuple[Node, Node]] = []
        while not self._take("}"):
            if entries:
                self.expect("sign", ",")
            key = self.expression()
            self.expect("sign", ":")
            entries.append((key, self.expression()))
        return Mapping(tuple(entries))


def _text_of(token: _Token) -> str:
    raw = token.text[0] in "rR"
    body = token.text[2:-1] if raw else token.text[1:-1]

    def plain(match: re.Match[str]) -> str:
        escape = match[1]
        if escape[0] == "u" and len(escape) > 1:
            return chr(int(escape[1:], 16))
        if escape not in _ESCAPES:
            raise CelError(f"character {token.place + 1}: the escape \\{escape} is not known; write r'...' for a regex")
        return _ESCAPES[escape]

    return body if raw else _ESCAPE.sub(plain, body)


# -- trees ----------------------------------------------------------------------------------------------------------


def parts(node: Node) -> tuple[Node, ...]:
    """The direct parts of a node."""
    found: list[Node] = []

    def note(part: Node) -> Node:
        found.append(part)
        return part

    rebuilt(node, note)
    return tuple(found)


def rebuilt(node: Node, change: t.Callable[[Node], Node]) -> Node:
    """The same node with *change* made to each of its direct parts."""
    result = node
    match node:
        case Select():
            result = Select(change(node.operand), node.name, node.optional)
        case Index():
            result = Index(change(node.operand), change(node.index), node.optional)
        case Call():
            target = None if node.target is None else change(node.target)
            result = Call(node.name, target, tuple(map(change, node.arguments)))
        case Operation():
            result = Operation(node.sign, tuple(map(change, node.operands)))
        case Listing():
            result = Listing(tuple(map(change, node.items)))
        case Mapping():
            result = Mapping(tuple((change(key), change(value)) for key, value in node.entries))
    return result


def walk(node: Node) -> t.Iterator[Node]:
    """The node and all that is in it, from the outside to the inside."""
    yield node
    for part in parts(node):
        yield from walk(part)


def depth_of(node: Node) -> int:
    """How many levels a tree has. A chain of one operator, and one of fields, is one level."""
    if isinstance(node, Operation) and node.sign in ("&&", "||", "+"):
        return 1 + max((depth_of(part) for part in _chain(node)), default=0)
    if isinstance(node, (Select, Index)):
        return max([depth_of(node.operand), *(1 + depth_of(part) for part in parts(node)[1:])])
    return 1 + max((depth_of(part) for part in parts(node)), default=0)


def _chain(node: Operation) -> list[Node]:
    """The operands of a chain of one operator."""
    found: list[Node] = []
    current: Node = node
    while isinstance(current, Operation) and current.sign == node.sign and len(current.operands) == 2:
        found.append(current.operands[1])
        current = current.operands[0]
    return [current, *reversed(found)]


def literal(value: t.Any) -> Node:
    """A value as CEL writes it; raises CelError for what has no literal (floating point numbers)."""
    if value is None or isinstance(value, (str, bool, int)):
        return Literal(value)
    if isinstance(value, (list, tuple)):
        return Listing(tuple(map(literal, value)))
    if isinstance(value, dict):
        return Mapping(tuple((literal(key), literal(value[key])) for key in sorted(value)))
    raise CelError(f"{value!r} cannot be written in CEL; use text, whole numbers, true, false, lists and mappings")


def unparse(node: Node) -> str:
    """The text of a tree, on one line; `parse` gives the same tree again."""
    return _text(node, strength=0)


def _text(node: Node, *, strength: int) -> str:
    """The text of *node* where an operator of this *strength* stands beside it."""
    match node:
        case Operation():
            return _operation(node, strength=strength)
        case Select() | Index() | Call():
            return _member_text(node)
        case Listing():
            return f"[{', '.join(map(unparse, node.items))}]"
        case Mapping():
            return "{" + ", ".join(f"{unparse(key)}: {unparse(value)}" for key, value in node.entries) + "}"
        case Ident():
            return node.name
    return json.dumps(t.cast("Literal", node).value, ensure_ascii=False)


def _member_text(node: Select | Index | Call) -> str:
    holder = node.target if isinstance(node, Call) else node.operand
    before = "" if holder is None else _text(holder, strength=_UNARY + 1)
    if isinstance(holder, Literal) and isinstance(holder.value, int):
        before = f"({before})"  # else the point would be one of the number
    if isinstance(node, Index):
        return f"{before}{'[?' if node.optional else '['}{unparse(node.index)}]"
    if isinstance(node, Select):
        return f"{before}.{'?' if node.optional else ''}{node.name}"
    return f"{before}{'.' if before else ''}{node.name}({', '.join(map(unparse, node.arguments))})"


def _operation(node: Operation, *, strength: int) -> str:
    if node.sign == "?:":
        test, then, otherwise = node.operands
        text = f"{_text(test, strength=1)} ? {_text(then, strength=1)} : {unparse(otherwise)}"
        return f"({text})" if strength else text
    if len(node.operands) == 1:
        text = f"{node.sign}{_text(node.operands[0], strength=_UNARY)}"
        return f"({text})" if strength > _UNARY else text
    own = _STRENGTH[node.sign]
    left, right = node.operands
    # Comparisons in a row are right without parentheses, and hard to read.
    before = own + 1 if own == _COMPARING else own
    text = f"{_text(left, strength=before)} {node.sign} {_text(right, strength=own + 1)}"
    return f"({text})" if strength > own else text
