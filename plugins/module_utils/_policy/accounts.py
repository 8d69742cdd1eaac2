# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The accounts of the platform: who may do what policies deny to teams. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_list

ACCOUNT_OPTIONS: dict[str, dict[str, t.Any]] = {
    "user": {"type": "str"},
    "group": {"type": "str"},
    "service_account": {"type": "str"},
}
# Every account is in one of these, so none of them tells the platform from teams.
_EVERYBODY = frozenset({"system:authenticated", "system:unauthenticated", "system:serviceaccounts"})


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """Users by the names that the API server knows them by, and groups; sorted."""

    users: tuple[str, ...]
    groups: tuple[str, ...]

    def has(self, *, username: str, groups: t.Collection[str]) -> bool:
        """Whether an account is one of these."""
        return username in self.users or any(group in self.groups for group in groups)


def parse_accounts(raw: object, *, path: str, errors: Errors) -> Accounts:
    """The accounts from a list of mappings, each with exactly one of ACCOUNT_OPTIONS."""
    users: set[str] = set()
    groups: set[str] = set()
    for number, values in enumerate(validate_list(raw, ACCOUNT_OPTIONS, path=path, errors=errors)):
        place = f"{path}[{number}]"
        if not errors.is_good(place):
            continue
        given = {name: text.strip() for name, text in values.items() if text is not None and text.strip()}
        if len(given) != 1:
            named = f"found {' and '.join(given)}" if given else "found none"
            errors.add(place, f"needs exactly one of {', '.join(ACCOUNT_OPTIONS)}; {named}")
        elif "group" in given:
            if given["group"] in _EVERYBODY:
                errors.add(f"{place}.group", f"every account is in {given['group']!r}; name the platform's own group")
            groups.add(given["group"])
        elif "user" in given:
            users.add(given["user"])
        else:
            users.add(_service_account(given["service_account"], path=f"{place}.service_account", errors=errors))
    return Accounts(users=tuple(sorted(users)), groups=tuple(sorted(groups)))


def _service_account(text: str, *, path: str, errors: Errors) -> str:
    namespace, slash, name = text.partition("/")
    if not slash or grammar.dns_label(namespace) or grammar.dns_subdomain(name):
        errors.add(path, f"{text!r} must be namespace/name")
    return f"system:serviceaccount:{namespace}:{name}"
