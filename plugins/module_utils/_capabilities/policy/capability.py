# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Policies as a capability: what teams may write, enforced by the API server itself."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.accounts import own_account
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Capability,
    Situation,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.admission import (
    ADMISSION,
    BINDING_KIND,
    POLICY_KIND,
    admission_objects,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.policies import (
    POLICY_OPTIONS,
    PolicySet,
    parse_policies,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

JsonObject = dict[str, t.Any]


def parse(params: t.Mapping[str, t.Any], errors: Errors) -> PolicySet:
    """The policies from a module's parameters."""
    return parse_policies(params, errors)


def desired(model: PolicySet) -> list[JsonObject]:
    """The two objects of each policy."""
    return [obj for policy in model.policies for obj in admission_objects(policy)]


def policy(request: Request, model: PolicySet | None, situation: Situation) -> Request:
    """Refuse to write policies that would deny this very account what it writes; and tell which exemptions are over."""
    if model is None:
        return request

    def guard(_plan: Plan) -> t.Sequence[str]:
        require_own_account(situation, model)
        return [
            f"{one.path}: the exemption of {one.glob} from {one.policy} was for {one.owner} until {one.until}; "
            "it no longer holds"
            for one in model.over
        ]

    return request.guarded(guard)


def require_own_account(situation: Situation, model: PolicySet) -> None:
    """Raise Refused if the account of this connection is not one of the platform's."""
    account = own_account(situation.cluster)
    if account is None:
        raise Refused(
            "platform_accounts: the API server does not say which account this connection has; policies need "
            "Kubernetes 1.30"
        )
    if model.accounts.has(username=account.username, groups=account.groups):
        return
    kept, _colon, name = account.username.partition("system:serviceaccount:")[2].partition(":")
    entry = f"service_account: {kept}/{name}" if name else f"user: {account.username}"
    raise Refused(
        f"platform_accounts: the account of this run, {account.username!r}, is not in the list, so the policies would "
        f"deny what the next run writes. Add {{{entry}}}, or one of its groups: {', '.join(account.groups) or 'none'}. "
        "Nothing was written"
    )


POLICY: Capability[PolicySet] = Capability(
    name="policy",
    kinds=((ADMISSION, POLICY_KIND), (ADMISSION, BINDING_KIND)),
    options=POLICY_OPTIONS,
    parse=parse,
    desired=desired,
    policy=policy,
    module="policy",
    role="policy",
    account="promfleet-operator",
    variables={
        # The role reads them from its own file, which tests keep right; an error is one of the whole table.
        "shipped": "policy_rows",
        "platform_accounts": "promfleet_platform_accounts",
    },
    example={
        "rows": [
            {
                "id": "any",
                "title": "Any",
                "kinds": [{"versions": ["v1"], "resources": ["configmaps"]}],
                "checks": [{"expression": "object.metadata.name != ''", "message": "metadata.name must not be empty"}],
                "fix": "Give it a name",
                "reference": "https://kubernetes.io/docs/",
            }
        ]
    },
)
