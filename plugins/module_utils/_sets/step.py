# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work of a capability beside the objects of its set, at the right moment between the engine's writes. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change

Act: t.TypeAlias = "t.Callable[[Cluster, Options], None]"


def _nothing(_cluster: Cluster, _options: Options) -> None:
    return None


def _nothing_undone(_cluster: Cluster, _options: Options) -> str:
    return ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a run does beside the objects of the set, as one look at the cluster results in.

    *before* is called when all that workloads need is applied, and before the workloads themselves; it makes the
    changes *first*. If it fails, or a workload then cannot be written, *undo* is called, which returns what the error
    says of it. *after* is called when what the plan removes is gone, also where something else of the set could not be
    removed; it makes the changes *last*. A step without changes gives a run no reason to write.

    *needs* are the rights that all this takes, which must be there before the first write. *hint* ends the message of
    an error that comes later than *before*.
    """

    first: tuple[Change, ...] = ()
    last: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    needs: tuple[Right, ...] = ()
    before: Act = _nothing
    undo: t.Callable[[Cluster, Options], str] = _nothing_undone
    after: Act = _nothing
    hint: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether it changes nothing."""
        return not (self.first or self.last)


NOTHING_BESIDE = Step()


def joined(*steps: Step) -> Step:
    """Several steps as one: they are done in their order, and undone the other way round."""
    some = [step for step in steps if step is not NOTHING_BESIDE]
    if not some[1:]:
        return some[0] if some else NOTHING_BESIDE

    def before(cluster: Cluster, options: Options) -> None:
        for step in some:
            step.before(cluster, options)

    def undo(cluster: Cluster, options: Options) -> str:
        return "".join(step.undo(cluster, options) for step in reversed(some))

    def after(cluster: Cluster, options: Options) -> None:
        for step in some:
            step.after(cluster, options)

    return Step(
        first=tuple(change for step in some for change in step.first),
        last=tuple(change for step in some for change in step.last),
        warnings=tuple(text for step in some for text in step.warnings),
        needs=tuple(right for step in some for right in step.needs),
        before=before,
        undo=undo,
        after=after,
        hint="".join(step.hint for step in some),
    )
