# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hides what must not be shown of an object: values of Secrets, fields named like secrets, passwords in URLs. Pure.

Diffs, results and messages are filtered here. Secrets should be given by reference anyway; this is a second safeguard.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import BEFORE_ANNOTATION
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import LAST_APPLIED

JsonObject = dict[str, t.Any]

HIDDEN = "VALUE HIDDEN"
HIDDEN_CHANGED = "VALUE HIDDEN, CHANGED"

# In lower case and without separators. A text under such a name is a secret; a map is a reference to one.
SECRET_NAMES = frozenset(
    {
        "accesskey",
        "apikey",
        "authorization",
        "bearertoken",
        "clientsecret",
        "cookie",
        "credentials",
        "passwd",
        "password",
        "privatekey",
        "secret",
        "secretaccesskey",
        "secretkey",
        "token",
        "xapikey",
        "xauthtoken",
    }
)
# The end of the name of an environment variable, or of an argument, that has a secret as its value.
_SECRET_ENDING = re.compile(r"(?:accesskey|apikey|credentials|passwd|password|privatekey|secret|secretkey|token)$")
# The annotation of client-side apply holds the whole object, a Secret's values too; ours what an adoption changed.
_WHOLE_OBJECTS = frozenset({LAST_APPLIED, BEFORE_ANNOTATION})
_SECRET_PARTS = ("data", "stringData")
_USER_INFO = re.compile(r"(?<=://)[^/@\s:]*:[^/@\s]+(?=@)")
# The same where a text repeats an address: before the @ there may also be a token alone, in front of a query, too.
_IN_ADDRESS = re.compile(r"(?<=://)[^/?#\s\"'<>]+(?=@)")
# A parameter of a query. What Prometheus' own API takes says nothing secret.
_PARAMETER = re.compile(rf"([?&](?:amp;)?([\w.%\[\]-]+)=)({HIDDEN}|[^&\s\"'<>)\]]+)")
_HARMLESS = frozenset(
    {"continue", "end", "fieldmanager", "fieldselector", "labelselector", "limit", "match[]", "match%5b%5d", "query"}
    | {"start", "state", "step", "time", "timeout"}
)
# A name of a secret followed by its value, a credential of an Authorization header, a JSON web token.
_NAMED = re.compile(
    r"(?i)\b((?:[\w-]*(?:api[_-]?key|access[_-]?key|passwd|password|private[_-]?key|secret|token))[\"']?\s*[=:]\s*)"
    rf"({HIDDEN}|\"[^\"]*\"|'[^']*'|[^\s,;&\"')\]}}]+)"
)
_CREDENTIAL = re.compile(r"(?i)\b((?:basic|bearer)\s+)(?=\S*[\d+/=])[\w.~+/=-]{6,}")
_WEB_TOKEN = re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?")
# Shorter values cannot be cut out of a message without destroying it.
_SHORTEST = 4


def hidden(kind: str, before: JsonObject, after: JsonObject) -> tuple[JsonObject, JsonObject]:
    """Both states without secret values; in *after* a changed value shows that it changed, nothing else."""
    shown = [_hide(state, other, path=(kind,)) for state, other in ((before, None), (after, before))]
    return t.cast(JsonObject, shown[0]), t.cast(JsonObject, shown[1])


def _hide(value: t.Any, other: t.Any, *, path: tuple[str, ...]) -> t.Any:
    """*value* with marks in place of secrets; *other* is the state before, None if there is none to compare."""
    if isinstance(value, dict):
        known = other if isinstance(other, dict) else {} if other is not None else None
        return {
            name: _hide(item, None if known is None else known.get(name, ""), path=(*path, _called(value, name)))
            for name, item in value.items()
        }
    if isinstance(value, list):
        known_items = other if isinstance(other, list) and len(other) == len(value) else [None] * len(value)
        return [_hide(item, known_item, path=path) for item, known_item in zip(value, known_items, strict=True)]
    if not isinstance(value, str) or not value:
        return value
    if _is_secret(path):
        return HIDDEN if other is None or other == value else HIDDEN_CHANGED
    shown = _USER_INFO.sub(HIDDEN, value)
    if isinstance(other, str) and other != value and _USER_INFO.sub(HIDDEN, other) == shown:
        return _USER_INFO.sub(HIDDEN_CHANGED, value)
    return shown


def _called(pair: JsonObject, name: str) -> str:
    """The name under which a value stands: in ``{name: DB_PASSWORD, value: ...}`` it is the other field's text."""
    given = pair.get("name")
    if name == "value" and isinstance(given, str) and names_a_secret(given):
        return "password"
    return name


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _is_secret(path: tuple[str, ...]) -> bool:
    if path[0] == "Secret" and len(path) > 1 and path[1] in _SECRET_PARTS:
        return True
    return is_named_secret(path[-1])


def names_a_secret(name: str) -> bool:
    """Whether an environment variable or argument of this name has a secret as its value."""
    return _SECRET_ENDING.search(_plain(name)) is not None


# Fields have few names.
@functools.lru_cache(maxsize=4096)
def is_named_secret(name: str) -> bool:
    """Whether a text under this name is a secret."""
    return name in _WHOLE_OBJECTS or _plain(name) in SECRET_NAMES


def safe_text(text: str) -> str:
    """A text of others without what is recognised as a secret in it; the same again changes nothing.

    That is credentials in addresses and in headers, and values behind the name of a secret.
    """
    if not _MAY_HAVE.search(text):
        return text
    text = _IN_ADDRESS.sub(HIDDEN, text)
    text = _PARAMETER.sub(_parameter, text)
    text = _CREDENTIAL.sub(rf"\1{HIDDEN}", text)
    text = _WEB_TOKEN.sub(HIDDEN, text)
    return _NAMED.sub(_named, text)


# Most texts have nothing of the kind.
_MAY_HAVE = re.compile(r"(?i)://|[?&]|key|passw|secret|token|basic|bearer|eyJ")


def _parameter(found: re.Match[str]) -> str:
    return found[0] if found[2].lower() in _HARMLESS else f"{found[1]}{HIDDEN}"


def _named(found: re.Match[str]) -> str:
    value = found[2]
    quote = value[0] if value[0] in "\"'" else ""
    return f"{found[1]}{quote}{HIDDEN}{quote}"


def secret_values(obj: JsonObject) -> frozenset[str]:
    """Every text in *obj* that is hidden, as it stands there and, in a Secret, decoded."""
    found: list[str] = []
    _collect(obj, path=(str(obj.get("kind")),), found=found)
    return frozenset(found)


def _collect(value: t.Any, *, path: tuple[str, ...], found: list[str]) -> None:
    """Add the secret texts in a mapping or list to *found*. Renderings call it for tens of thousands of objects."""
    pairs = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for name, item in pairs:
        if isinstance(item, str):
            whole = path if name is None else (*path, _called(value, name))
            if _is_secret(whole):
                found.append(item)
                if whole[:2] == ("Secret", "data"):
                    found += _decoded(item)
            elif "://" in item:
                found += _USER_INFO.findall(item)
        elif isinstance(item, (dict, list)):
            _collect(item, path=path if name is None else (*path, _called(value, name)), found=found)


def _decoded(value: str) -> t.Iterator[str]:
    try:
        yield base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return


def without_secrets(message: str, obj: JsonObject) -> str:
    """A server's *message* about *obj* without its secrets: API servers quote the values that they refuse."""
    values = sorted((value for value in secret_values(obj) if value), key=len, reverse=True)
    found = [value for value in values if value in message]
    if obj.get("kind") == "Secret" or any(len(value) < _SHORTEST for value in found):
        return "the server refused it; its message is not shown because it may hold secret values"
    for value in found:
        message = message.replace(value, HIDDEN)
    return _USER_INFO.sub(HIDDEN, message)
