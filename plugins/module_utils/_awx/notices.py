# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The types of notifications that AWX 24.6 has, and what each of them must be given. Pure.

The source is ``init_parameters`` of each backend below awx/main/notifications. A field without a default is required;
what is not given gets its default there, and is stored.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest

JsonObject = dict[str, t.Any]


class Field(t.NamedTuple):
    """One field: the *type* of its values, its *default*, None where it is required, and whether AWX encrypts it."""

    type: type
    default: t.Any = None
    secret: bool = False


_TEXT, _NUMBER, _FLAG, _LIST, _MAPPING = map(Field, (str, int, bool, list, dict))
_SECRET = Field(str, None, secret=True)
_SECRET_OR_NONE = Field(str, "", secret=True)
_TEXT_OR_NONE = Field(str, "")
_METHODS = ("POST", "PUT")
_WORDS = {str: "text", int: "a whole number", bool: "true or false", list: "a list", dict: "a mapping"}

TYPES: t.Mapping[str, t.Mapping[str, Field]] = {
    "awssns": {
        "aws_region": _TEXT_OR_NONE,
        "aws_access_key_id": _TEXT_OR_NONE,
        "aws_secret_access_key": _SECRET_OR_NONE,
        "aws_session_token": _SECRET_OR_NONE,
        "sns_topic_arn": _TEXT_OR_NONE,
    },
    "email": {
        "host": _TEXT,
        "port": _NUMBER,
        "username": _TEXT,
        "password": _SECRET,
        "use_tls": _FLAG,
        "use_ssl": _FLAG,
        "sender": _TEXT,
        "recipients": _LIST,
        "timeout": Field(int, 30),
    },
    "grafana": {"grafana_url": _TEXT, "grafana_key": _SECRET},
    "irc": {
        "server": _TEXT,
        "port": _NUMBER,
        "nickname": _TEXT,
        "password": _SECRET,
        "use_ssl": _FLAG,
        "targets": _LIST,
    },
    "mattermost": {"mattermost_url": _TEXT, "mattermost_no_verify_ssl": _FLAG},
    "pagerduty": {"subdomain": _TEXT, "token": _SECRET, "service_key": _TEXT, "client_name": _TEXT},
    "rocketchat": {"rocketchat_url": _TEXT, "rocketchat_no_verify_ssl": _FLAG},
    "slack": {"token": _SECRET, "channels": _LIST},
    "twilio": {"account_sid": _TEXT, "account_token": _SECRET, "from_number": _TEXT, "to_numbers": _LIST},
    "webhook": {
        "url": _TEXT,
        "http_method": Field(str, "POST"),
        "disable_ssl_verification": Field(bool, default=False),
        "username": _TEXT_OR_NONE,
        "password": _SECRET_OR_NONE,
        "headers": _MAPPING,
    },
}


def completed(entry: t.Mapping[str, t.Any]) -> JsonObject:
    """The configuration of one entry as AWX stores it, without what is in ``secret_files``."""
    given, secret = entry["configuration"], entry["secret_files"]
    fields = TYPES.get(entry["type"], {})
    defaults = {name: field.default for name, field in fields.items() if field.default is not None}
    return {name: value for name, value in {**defaults, **given}.items() if name not in secret}


def shown(entry: t.Mapping[str, t.Any]) -> frozenset[str]:
    """Those fields of ``secret_files`` that AWX shows, as the address of a webhook with a token in it."""
    fields = TYPES.get(entry["type"], {})
    return frozenset(name for name in entry["secret_files"] if not (name in fields and fields[name].secret))


def check(entry: t.Mapping[str, t.Any], *, place: str, errors: Errors) -> None:
    """Note what AWX refuses about one entry of ``notifications``, and secrets where everybody could read them."""
    fields = TYPES.get(entry["type"])
    plain, secret = entry["configuration"], entry["secret_files"]
    for name in sorted(set(plain) & set(secret)):
        errors.add(f"{place}.configuration.{name}", "is in secret_files, too")
    if fields is None:
        errors.add(f"{place}.type", f"unknown type; {nearest(entry['type'], TYPES)}")
        return
    for name in sorted(set(plain) & set(fields)):
        problem = _problem(name, fields[name], plain[name])
        if problem:
            errors.add(f"{place}.configuration.{name}", problem)
    missing = sorted(name for name, field in fields.items() if field.default is None and name not in {*plain, *secret})
    if missing:
        where = [f"{name} (in secret_files)" if fields[name].secret else name for name in missing]
        errors.add(f"{place}.configuration", f"a notification of the type {entry['type']} needs {', '.join(where)}")


def _problem(name: str, field: Field, value: t.Any) -> str | None:
    if not isinstance(value, field.type) or (field.type is int and isinstance(value, bool)):
        return f"must be {_WORDS[field.type]}"
    # An empty text is how AWX is given a password where there is none.
    if field.secret and value:
        return "is a secret; name a file that holds it in secret_files"
    if field.type is list and not value:
        return "must not be empty"
    if name == "http_method" and str(value).upper() not in _METHODS:
        return f"must be one of {', '.join(_METHODS)}, found {value!r}"
    return None
