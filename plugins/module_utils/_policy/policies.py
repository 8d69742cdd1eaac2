# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rows as they hold in one cluster: with parameters, enforcement, exemptions and the platform's accounts. Pure.

Every rendering and every engine begins here, so that all of them judge the same.
"""

from __future__ import annotations

import datetime as dt
import functools
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import PLATFORM_TEAM
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.accounts import (
    ACCOUNT_OPTIONS,
    Accounts,
    parse_accounts,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.cel import (
    Node,
    Operation,
    literal,
    parse,
    unparse,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.exemptions import (
    EXEMPTION_OPTIONS,
    Exemption,
    parse_exemptions,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.rows import (
    ENFORCEMENTS,
    Row,
    parse_changes,
    parse_rows,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.subset import inlined, with_values

# The options of every module that knows policies. They are of the role ``policy``, but for the accounts.
POLICY_OPTIONS: dict[str, dict[str, t.Any]] = {
    "shipped": {"type": "list", "elements": "dict", "default": []},
    "rows": {"type": "list", "elements": "dict", "default": []},
    "changes": {"type": "dict", "default": {}},
    "enforcement": {"type": "str", "choices": list(ENFORCEMENTS), "default": "audit"},
    "exemptions": {"type": "list", "elements": "dict", "options": EXEMPTION_OPTIONS, "default": []},
    "platform_accounts": {"type": "list", "elements": "dict", "options": ACCOUNT_OPTIONS, "default": []},
    "platform_team": {"type": "str", "default": PLATFORM_TEAM},
    "cluster": {"type": "str", "default": ""},
}


@dataclass(frozen=True, kw_only=True)
class Named:
    """An expression with a name."""

    name: str
    expression: Node


@dataclass(frozen=True, kw_only=True, eq=False)
class Policy:
    """One row in one cluster.

    *conditions*: all of them must be true for a request to be judged. *checks* may use *variables*; *said* is the
    message of each.
    """

    row: Row
    enforcement: str
    conditions: tuple[Named, ...]
    variables: tuple[Named, ...]
    checks: tuple[Node, ...]
    said: tuple[str, ...]
    platform_team: str

    @property
    def id(self) -> str:
        """The id of its row."""
        return self.row.id

    @functools.cached_property
    def whole_checks(self) -> tuple[Node, ...]:
        """The checks with their variables in them."""
        found: dict[str, Node] = {}
        for variable in self.variables:
            found[variable.name] = inlined(variable.expression, found)
        return tuple(inlined(check, found) for check in self.checks)

    @functools.cached_property
    def condition_texts(self) -> tuple[str, ...]:
        """The conditions as CEL."""
        return tuple(unparse(one.expression) for one in self.conditions)

    @functools.cached_property
    def check_texts(self) -> tuple[str, ...]:
        """The checks as CEL, with their variables in them."""
        return tuple(map(unparse, self.whole_checks))


@dataclass(frozen=True, kw_only=True)
class PolicySet:
    """All policies of a cluster, and the exemptions that are *over*."""

    policies: tuple[Policy, ...]
    accounts: Accounts
    exemptions: tuple[Exemption, ...]
    over: tuple[Exemption, ...]


def parse_policies(
    params: t.Mapping[str, t.Any], errors: Errors | None = None, *, today: dt.date | None = None
) -> PolicySet:
    """The policies from a module's parameters (POLICY_OPTIONS); what is wrong is noted, or raised as InputError.

    *today* decides which exemptions hold; without it the day in UTC.
    """
    day = today or dt.datetime.now(tz=dt.UTC).date()
    with Collecting(errors) as found:
        shipped = parse_rows(params["shipped"], path="shipped", errors=found)
        own = parse_rows(params["rows"], path="rows", errors=found, taken=[row.id for row in shipped])
        rows = (*shipped, *own)
        changes = parse_changes(params["changes"], rows, path="changes", errors=found)
        ids = [row.id for row in rows]
        exemptions = parse_exemptions(params["exemptions"], policies=ids, path="exemptions", errors=found)
        accounts = parse_accounts(params["platform_accounts"], path="platform_accounts", errors=found)
        cluster = params["cluster"]
        here = [one for one in exemptions if not cluster or one.is_for(cluster)]
        holding = tuple(one for one in here if one.holds(day))
        policies: tuple[Policy, ...] = ()
        if all(found.is_good(name) for name in ("shipped", "rows", "changes", "exemptions", "platform_accounts")):
            policies = tuple(
                _policy(
                    row,
                    changed=changes.get(row.id, (None, row.parameters)),
                    strictest=params["enforcement"],
                    accounts=accounts,
                    exemptions=[one for one in holding if one.policy == row.id],
                    platform_team=params["platform_team"],
                )
                for row in rows
            )
        return PolicySet(
            policies=policies,
            accounts=accounts,
            exemptions=holding,
            over=tuple(one for one in here if not one.holds(day)),
        )


def _policy(
    row: Row,
    *,
    changed: tuple[str | None, t.Mapping[str, t.Any]],
    strictest: str,
    accounts: Accounts,
    exemptions: t.Sequence[Exemption],
    platform_team: str,
) -> Policy:
    enforcement, parameters = changed
    values = {name: literal(value) for name, value in parameters.items()}
    # What is said of one row holds; the enforcement of all is a limit for each.
    mildest = min(row.enforcement, strictest, key=ENFORCEMENTS.index)
    conditions = [
        *([Named(name="platform-accounts", expression=_not_platform(accounts))] if row.platform == "exempt" else []),
        *([Named(name="changed", expression=_changed(row.ratchet))] if row.ratchet and _has_update(row) else []),
        *([Named(name="not-exempt", expression=_not_exempt(exemptions))] if exemptions else []),
        *(
            Named(name=f"condition-{number}", expression=with_values(node, values))
            for number, node in enumerate(row.conditions, start=1)
        ),
    ]
    return Policy(
        row=replace(row, parameters=parameters),
        enforcement=enforcement or mildest,
        conditions=tuple(conditions),
        variables=tuple(Named(name=name, expression=with_values(node, values)) for name, node in row.variables.items()),
        checks=tuple(with_values(check.expression, values) for check in row.checks),
        said=row.said,
        platform_team=platform_team,
    )


def _has_update(row: Row) -> bool:
    return "UPDATE" in row.operations


def _not_platform(accounts: Accounts) -> Node:
    """Whether a request comes from an account that is not the platform's."""
    users, groups = unparse(literal(accounts.users)), unparse(literal(accounts.groups))
    return parse(
        f"!(request.userInfo.username in {users} || request.userInfo.?groups.orValue([]).exists(g, g in {groups}))"
    )


def _changed(fields: t.Sequence[str]) -> Node:
    """Whether a request is more than an update that leaves these fields as they are.

    An object that violated a policy before and is not changed there passes: a finalizer could not be removed otherwise.
    """

    def field(root: str, path: str) -> str:
        return f"{root}.?{path.replace('.', '.?')}.orValue(null)"

    same = " && ".join(f"{field('object', path)} == {field('oldObject', path)}" for path in fields)
    return parse(f"request.operation != 'UPDATE' || !({same})")


def _not_exempt(exemptions: t.Sequence[Exemption]) -> Node:
    conditions = [one.condition() for one in exemptions]
    either = functools.reduce(lambda left, right: Operation("||", (left, right)), conditions)
    return Operation("!", (either,))
