# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One set of objects and what is wanted of it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, SetId

JsonObject = dict[str, t.Any]


def _keep_none(_live: JsonObject) -> bool:
    return False


def _allow_all(_plan: Plan) -> None:
    return None


def _none_removable(_plan: Plan) -> t.Callable[[JsonObject], bool]:
    return _keep_none


def _nothing(_plan: Plan) -> t.Sequence[JsonObject]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Request:
    """One set and what is wanted of it.

    *kinds*: (apiVersion, kind) pairs that this capability can ever make, so that a run finds what is no longer desired.
    *guard*: raises Refused where the plan needs a word that was not given; it is asked before the first write.
    *keep*: which members stay although they are not desired; *keep_reason* why, for people, where that is worth a word.
    *removable*: which foreign objects of a namespace may go with it, for a plan.
    *extra_deletes*: live objects outside the set that go with this plan (volume claims, on an explicit word).
    *neighbours*: capabilities whose objects of the same fleet may be deleted together with a namespace of this set.
    *needs*: rights for what the module asks after writing; they too are required before the first write.
    """

    owner: SetId
    desired: tuple[JsonObject, ...]
    kinds: tuple[tuple[str, str], ...]
    guard: t.Callable[[Plan], None] = _allow_all
    keep: t.Callable[[JsonObject], bool] = _keep_none
    keep_reason: str = ""
    removable: t.Callable[[Plan], t.Callable[[JsonObject], bool]] = _none_removable
    extra_deletes: t.Callable[[Plan], t.Sequence[JsonObject]] = _nothing
    neighbours: tuple[str, ...] = ()
    needs: tuple[Right, ...] = ()

    def wanting(self, desired: t.Iterable[JsonObject]) -> Request:
        """The same request for other desired objects."""
        return replace(self, desired=tuple(desired))

    def guarded(self, guard: t.Callable[[Plan], None]) -> Request:
        """The same request with a guard."""
        return replace(self, guard=guard)

    def needing(self, needs: t.Iterable[Right]) -> Request:
        """The same request with more rights that must be there before the first write."""
        return replace(self, needs=(*self.needs, *needs))

    def keeping(self, keep: t.Callable[[JsonObject], bool], *, reason: str) -> Request:
        """The same request for a part of the set: what *keep* names stays."""
        return replace(self, keep=keep, keep_reason=reason)

    def removing(
        self,
        *,
        removable: t.Callable[[Plan], t.Callable[[JsonObject], bool]],
        extra_deletes: t.Callable[[Plan], t.Sequence[JsonObject]],
    ) -> Request:
        """The same request with the word that more than the set may go."""
        return replace(self, removable=removable, extra_deletes=extra_deletes)
