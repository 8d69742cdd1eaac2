# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks names that become parts of object names, at the greatest length of these. Pure."""

from __future__ import annotations

import re

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import DNS_LABEL_MAX
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar

# The operator calls the StatefulSets alertmanager-<name> and prometheus-<name>, and a StatefulSet's name ends at 52
# characters: its revision, which is the name and 11 more, becomes a label of each pod. A team's name is by default that
# of both.
TEAM_NAME_MAX = ALERTMANAGER_NAME_MAX = 39
PROMETHEUS_NAME_MAX = 41

_REGISTRY = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d+)?(?:/[a-z0-9][a-z0-9._-]*)*")


def team_name(text: str) -> str | None:
    """Check the name of a team, which its objects carry."""
    if len(text) > TEAM_NAME_MAX:
        return f"{text!r} is longer than {TEAM_NAME_MAX} characters"
    return grammar.dns_label(text)


def prometheus_resource_name(text: str) -> str | None:
    """Check the name of a Prometheus, the custom resource."""
    return _resource_name(text, longest=PROMETHEUS_NAME_MAX)


def alertmanager_resource_name(text: str) -> str | None:
    """Check the name of an Alertmanager, the custom resource."""
    return _resource_name(text, longest=ALERTMANAGER_NAME_MAX)


def _resource_name(text: str, *, longest: int) -> str | None:
    if len(text) > longest:
        return f"{text!r} is longer than {longest} characters: the operator's StatefulSet is called after it"
    return grammar.dns_label(text)


def prefix_of_namespaces(text: str) -> str | None:
    """Check what the name of an instance's namespace begins with, before a team's name; it may be empty."""
    if not text or grammar.dns_label(f"{text}a") is None:
        return None
    if len(text) >= DNS_LABEL_MAX:
        return f"{text!r} leaves no place for a team's name: a namespace has at most {DNS_LABEL_MAX} characters"
    return (
        f"{text!r} must consist of lower case letters, digits and '-', and begin with a letter or digit: "
        "namespaces are called after it"
    )


def image_registry(text: str) -> str | None:
    """Check where images come from, which replaces the registry of their upstream names; it may have a path."""
    if _REGISTRY.fullmatch(text):
        return None
    return f"{text!r} is not a registry; write host[:port][/path], without a scheme and without a slash at the end"
