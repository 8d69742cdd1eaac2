# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which maps the API server merges as a whole, by group and name. Pure."""

from __future__ import annotations

import functools
import typing as t


def names(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


# Names under which a group's kinds hold nothing but maps that are merged as a whole (`+mapType=atomic`,
# `+structType=atomic`) or that cannot be empty (a required field), by the OpenAPI of Kubernetes. Others are not
# trusted: a map that was applied empty and filled by others looks the same in managedFields.
_BUILT_IN = names(
    "claimRef configMapKeyRef fieldRef namespaceSelector nodeSelector objectSelector podSelector resourceFieldRef "
    "roleRef scopeSelector secretKeyRef selector targetRef"
)
_GROUPS: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            "",
            "apps",
            "batch",
            "discovery.k8s.io",
            "networking.k8s.io",
            "policy",
            "rbac.authorization.k8s.io",
        ),
        _BUILT_IN,
    ),
}
_KINDS: dict[tuple[str, str], frozenset[str]] = {}
_NONE: frozenset[str] = frozenset()


def register(group: str, maps: frozenset[str], *, kinds: t.Mapping[str, frozenset[str]]) -> None:
    """Say under which names (*maps*) the kinds of a *group* hold only maps that are merged as a whole.

    *kinds* have names of their own instead.
    """
    _GROUPS[group] = maps
    _KINDS.update({(group, kind): own for kind, own in kinds.items()})
    atomic_maps.cache_clear()


@functools.cache
def atomic_maps(group: str, kind: str) -> frozenset[str]:
    """The names under which objects of this kind hold only maps that the server merges as a whole."""
    return _KINDS.get((group, kind)) or _GROUPS.get(group, _NONE)
