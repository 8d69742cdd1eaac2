# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The people of a team and their accounts, and what these may do. Pure.

They look at the instance, and edit what the instance selects in the team's own namespaces. Nothing grants them pods,
Secrets, StatefulSets, ServiceAccounts or NetworkPolicies of the instance, nor kinds that the operator makes pods of.
"""

from __future__ import annotations

import functools
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING_GROUP
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    READ,
    WRITE,
    JsonObject,
    account_subject,
    group_subject,
    rule,
    user_subject,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar

# What a team writes into its own namespaces.
TEAM_RESOURCES = ("alertmanagerconfigs", "podmonitors", "probes", "prometheusrules", "servicemonitors")
# They can make Prometheus read all that it can reach: an option.
SCRAPE_CONFIGS = "scrapeconfigs"
_INSTANCE_RESOURCES = ("alertmanagers", "prometheuses", SCRAPE_CONFIGS)

_SYSTEM = "system:"
_ACCOUNT = "system:serviceaccount:"
# Service accounts of one namespace; without a namespace those of all.
_ACCOUNTS_OF = "system:serviceaccounts:"


def subjects(*, groups: t.Iterable[str], users: t.Iterable[str], service_accounts: t.Iterable[str]) -> list[JsonObject]:
    """The subjects of a team's bindings; accounts are ``namespace/name``."""
    accounts = (one.split("/", 1) for one in sorted(service_accounts))
    return [
        *(group_subject(name) for name in sorted(groups)),
        *(user_subject(name) for name in sorted(users)),
        *(account_subject(name, namespace=namespace) for namespace, name in accounts),
    ]


def view_rules() -> list[JsonObject]:
    """What people may do in the namespace of their instance."""
    return [rule(MONITORING_GROUP, resources=sorted((*TEAM_RESOURCES, *_INSTANCE_RESOURCES)), verbs=READ)]


def edit_rules(*, scrape_configs: bool) -> list[JsonObject]:
    """What people may do in a namespace of their own."""
    resources = sorted((*TEAM_RESOURCES, SCRAPE_CONFIGS) if scrape_configs else TEAM_RESOURCES)
    return [rule(MONITORING_GROUP, resources=resources, verbs=[*READ, *WRITE])]


def group(text: str) -> str | None:
    """Check the name of a group."""
    if not text.strip():
        return "must be the name of a group, found nothing"
    if text.startswith(_SYSTEM) and not (text.startswith(_ACCOUNTS_OF) and text != _ACCOUNTS_OF):
        return f"{text!r} is a group of Kubernetes itself, to which others than the team's people belong"
    return None


def user(text: str) -> str | None:
    """Check the name of a user."""
    if not text.strip():
        return "must be the name of a user, found nothing"
    if text.startswith(_ACCOUNT):
        return f"{text!r} is a ServiceAccount; give it in service_accounts, as namespace/name"
    return f"{text!r} is a user of Kubernetes itself" if text.startswith(_SYSTEM) else None


def service_account(text: str, *, instance: str) -> str | None:
    """Check an account, ``namespace/name``; *instance* is the namespace of the team's instance."""
    namespace, slash, name = text.partition("/")
    if not slash or grammar.dns_label(namespace) or grammar.dns_subdomain(name):
        return f"{text!r} is not a ServiceAccount; write it as namespace/name"
    if namespace == instance:
        return f"{text!r} is in the namespace of the instance, where only the platform makes accounts"
    return None


def account_check(instance: str) -> grammar.Check:
    """The check of accounts for a team whose instance is in the namespace *instance*."""
    return functools.partial(service_account, instance=instance)
