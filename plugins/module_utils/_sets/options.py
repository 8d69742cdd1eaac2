# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How to work: what all modules that write have in common."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import RECORDS_NAMESPACE
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import SILENT, Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right

# Requests to one API server at the same time.
WORKERS = 8


JsonObject = dict[str, t.Any]


class Prediction(t.Protocol):
    """What check mode knows about kinds whose CRDs the same run would install or change first."""

    @property
    def kinds(self) -> list[str]:
        """The kinds that it knows, sorted."""

    def problems(self, obj: JsonObject) -> list[str] | None:
        """Why the CRDs that this run installs would refuse *obj*; None if they do not define its kind."""


class _NothingToCome:
    """The prediction of a run before which no CRD changes."""

    @property
    def kinds(self) -> list[str]:
        return []

    def problems(self, _obj: JsonObject) -> list[str] | None:
        return None


NOTHING_TO_COME: Prediction = _NothingToCome()


def no_rights(_namespace: str) -> tuple[Right, ...]:
    """Nothing follows the writes."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to work; *wait_timeout* in seconds, None to wait for nothing; *lock_timeout* for another run to end.

    *adopt_managers*: what these managers own in desired objects becomes ours. *to_come* counts in check mode only.
    *records_namespace*: where records and Leases are, None if the run was not told. *shared_namespaces*: namespaces in
    which pods of others are not looked for. *claim_managers*: what these put back with the label of the set is the
    set's again. *disposable_objects*: patterns (KIND/NAME) of objects of others that go with their namespace. *audit*
    says which rights what follows the writes takes in a namespace: they are required before the first one.
    """

    check: bool = False
    force_conflicts: bool = False
    adopt_managers: tuple[str, ...] = ()
    wait_timeout: float | None = None
    lock_timeout: float = 60.0
    records_namespace: str | None = None
    shared_namespaces: frozenset[str] = frozenset()
    claim_managers: frozenset[str] = frozenset()
    disposable_objects: tuple[str, ...] = ()
    progress: Progress = SILENT
    to_come: Prediction = NOTHING_TO_COME
    audit: t.Callable[[str], tuple[Right, ...]] = no_rights

    @property
    def needs(self) -> tuple[Right, ...]:
        """What the run needs beside what it does to the set."""
        return () if self.check else self.audit(self.place)

    @property
    def place(self) -> str:
        """The namespace to look for records and Leases first."""
        return self.records_namespace or RECORDS_NAMESPACE
