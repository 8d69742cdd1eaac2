# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The types of notifications that AWX 24.6 has, and what each of them must be given. Pure.

The source is ``init_parameters`` of each backend below awx/main/notifications: without a default a field is required.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import nearest


class Fields(t.NamedTuple):
    """The fields of one type: those that are *required*, and those that AWX encrypts, required or not."""

    required: frozenset[str]
    secret: frozenset[str]


def _fields(required: str, *, hidden: str = "") -> Fields:
    return Fields(frozenset(required.split()), frozenset(hidden.split()))


TYPES: t.Mapping[str, Fields] = {
    "awssns": _fields("", hidden="aws_secret_access_key aws_session_token"),
    "email": _fields("host port username password use_tls use_ssl sender recipients", hidden="password"),
    "grafana": _fields("grafana_url grafana_key", hidden="grafana_key"),
    "irc": _fields("server port nickname password use_ssl targets", hidden="password"),
    "mattermost": _fields("mattermost_url mattermost_no_verify_ssl"),
    "pagerduty": _fields("subdomain token service_key client_name", hidden="token"),
    "rocketchat": _fields("rocketchat_url rocketchat_no_verify_ssl"),
    "slack": _fields("token channels", hidden="token"),
    "twilio": _fields("account_sid account_token from_number to_numbers", hidden="account_token"),
    "webhook": _fields("url headers", hidden="password"),
}


def check(entry: t.Mapping[str, t.Any], *, place: str, errors: Errors) -> None:
    """Note what AWX refuses about one entry of ``notifications``, and secrets where everybody could read them."""
    fields = TYPES.get(entry["type"])
    plain, secret = set(entry["configuration"]), set(entry["secret_files"])
    for name in sorted(plain & secret):
        errors.add(f"{place}.configuration.{name}", "is in secret_files, too")
    if fields is None:
        errors.add(f"{place}.type", f"unknown type; {nearest(entry['type'], TYPES)}")
        return
    for name in sorted(plain & fields.secret - secret):
        # An empty text is how AWX is given a password where there is none.
        if entry["configuration"][name]:
            errors.add(f"{place}.configuration.{name}", "is a secret; name a file that holds it in secret_files")
    for name in sorted(secret - fields.secret):
        errors.add(
            f"{place}.secret_files.{name}",
            f"AWX does not keep it secret in a notification of the type {entry['type']}; give it in configuration",
        )
    missing = sorted(fields.required - plain - secret)
    if missing:
        where = [f"{name} (in secret_files)" if name in fields.secret else name for name in missing]
        errors.add(f"{place}.configuration", f"a notification of the type {entry['type']} needs {', '.join(where)}")
