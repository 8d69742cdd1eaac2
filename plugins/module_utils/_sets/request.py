# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One set of objects and what is wanted of it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.step import NOTHING_BESIDE, Step, joined

JsonObject = dict[str, t.Any]
# Raises Refused, or returns warnings.
Guard: t.TypeAlias = "t.Callable[[Plan], t.Sequence[str] | None]"


def _keep_none(_live: JsonObject) -> bool:
    return False


def _none_removable(_plan: Plan) -> t.Callable[[JsonObject], bool]:
    return _keep_none


def _nothing(_plan: Plan) -> t.Sequence[JsonObject]:
    return ()


def _nothing_beside(_cluster: Cluster, _plan: Plan, _place: str) -> Step:
    return NOTHING_BESIDE


@dataclass(frozen=True, kw_only=True)
class Request:
    """One set and what is wanted of it.

    *kinds*: (apiVersion, kind) pairs that this capability can ever make, so that a run finds what is no longer desired.
    *guards*: each raises Refused if the plan must not be, or returns warnings; called before the first write.
    *reads*: rights for what guards read. They are named where a read is refused, and not required otherwise.
    *keep*: which members stay although they are not desired; *keep_reason*: the reason, for a warning.
    *removable*: which foreign objects of a namespace may be deleted with it, for a plan.
    *extra_deletes*: live objects outside the set that are deleted with this plan (volume claims, with an opt-in).
    *neighbours*: capabilities whose objects of the same fleet may be deleted together with a namespace of this set.
    *needs*: rights for what the module asks after writing; they too are required before the first write.
    *beside*: what the run does beside the objects, for a plan and the namespace of the records; it may raise Refused.
    *registrations*: kinds that let the API server call workloads of the set: created when all else is ready.
    """

    owner: SetId
    desired: tuple[JsonObject, ...]
    kinds: tuple[tuple[str, str], ...]
    guards: tuple[Guard, ...] = ()
    reads: tuple[Right, ...] = ()
    keep: t.Callable[[JsonObject], bool] = _keep_none
    keep_reason: str = ""
    removable: t.Callable[[Plan], t.Callable[[JsonObject], bool]] = _none_removable
    extra_deletes: t.Callable[[Plan], t.Sequence[JsonObject]] = _nothing
    neighbours: tuple[str, ...] = ()
    needs: tuple[Right, ...] = ()
    beside: t.Callable[[Cluster, Plan, str], Step] = _nothing_beside
    registrations: frozenset[str] = frozenset()

    def wanting(self, desired: t.Iterable[JsonObject]) -> Request:
        """The same request for other desired objects."""
        return replace(self, desired=tuple(desired))

    def guarded(self, guard: Guard, *, reads: t.Iterable[Right] = ()) -> Request:
        """The same request with one more guard, and the rights for what that reads."""
        return replace(self, guards=(*self.guards, guard), reads=(*self.reads, *reads))

    def guard(self, plan: Plan) -> list[str]:
        """The warnings of all guards about *plan*; raises Refused if one of them refuses it."""
        return [text for guard in self.guards for text in guard(plan) or ()]

    def needing(self, needs: t.Iterable[Right]) -> Request:
        """The same request with more rights that must be there before the first write."""
        return replace(self, needs=(*self.needs, *needs))

    def registering(self, *kinds: str) -> Request:
        """The same request with more kinds that are created when all else is ready."""
        return replace(self, registrations=self.registrations | frozenset(kinds))

    def doing(self, beside: t.Callable[[Cluster, Plan, str], Step]) -> Request:
        """The same request with work beside the objects, after what it does already."""
        first = self.beside
        return replace(
            self, beside=lambda cluster, plan, place: joined(first(cluster, plan, place), beside(cluster, plan, place))
        )

    def keeping(self, keep: t.Callable[[JsonObject], bool], *, reason: str) -> Request:
        """The same request for a part of the set: what *keep* names stays."""
        return replace(self, keep=keep, keep_reason=reason)

    def removing(
        self,
        *,
        removable: t.Callable[[Plan], t.Callable[[JsonObject], bool]],
        extra_deletes: t.Callable[[Plan], t.Sequence[JsonObject]],
    ) -> Request:
        """The same request with the opt-in that objects outside the set may be deleted."""
        return replace(self, removable=removable, extra_deletes=extra_deletes)
