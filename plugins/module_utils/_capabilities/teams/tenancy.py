# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that set the limits of one team: its people, what they may write, what its instance may reach. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.network import (
    EGRESS_OPTION,
    Egress,
    parse_egress,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.people import (
    account_check,
    user,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.quotas import (
    DEFAULT_LIMITS,
    OBJECT_LIMITS_OPTION,
    parse_object_limits,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    require_each,
    text_mapping,
)

_NAMES: dict[str, t.Any] = {"type": "list", "elements": "str", "default": []}
TENANCY_OPTIONS: dict[str, dict[str, t.Any]] = {
    "users": _NAMES,
    "service_accounts": _NAMES,
    "scrape_configs": {"type": "bool", "default": False},
    "namespace_selector": {"type": "dict", "default": {}},
    "object_limits": OBJECT_LIMITS_OPTION,
    "egress": EGRESS_OPTION,
}


@dataclass(frozen=True, kw_only=True)
class Tenancy:
    """The limits of one team.

    *users* and *service_accounts* (``namespace/name``) have the same rights as its groups. *scrape_configs*: whether
    these may write ScrapeConfigs. *selector*: labels of namespaces that are the team's too. *object_limits*: by
    resource how many objects each of its namespaces may hold. *egress*: what its instance may connect to beside what
    every instance may.
    """

    users: tuple[str, ...] = ()
    service_accounts: tuple[str, ...] = ()
    scrape_configs: bool = False
    selector: t.Mapping[str, str] = field(default_factory=dict)
    object_limits: t.Mapping[str, int] = field(default_factory=lambda: dict(DEFAULT_LIMITS))
    egress: Egress = field(default_factory=Egress)


def parse_tenancy(values: Values, *, namespace: str, path: str, errors: Errors) -> Tenancy:
    """The part of a team's validated *values* that TENANCY_OPTIONS describes; its instance is in *namespace*."""
    accounts = require_each(
        account_check(namespace), values["service_accounts"], path=f"{path}.service_accounts", errors=errors
    )
    return Tenancy(
        users=tuple(sorted(require_each(user, values["users"], path=f"{path}.users", errors=errors))),
        service_accounts=tuple(sorted(accounts)),
        scrape_configs=values["scrape_configs"],
        selector=text_mapping(
            values["namespace_selector"],
            path=f"{path}.namespace_selector",
            check_name=grammar.qualified_name,
            check_value=_label_value,
            errors=errors,
        ),
        object_limits=parse_object_limits(values["object_limits"], path=f"{path}.object_limits", errors=errors),
        egress=parse_egress(values["egress"], path=f"{path}.egress", errors=errors),
    )


def _label_value(text: str) -> str | None:
    return grammar.label_value(text) if text else None
