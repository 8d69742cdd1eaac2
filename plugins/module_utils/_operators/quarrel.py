# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which operators would reconcile the same instances as ours, and what a user can do about it. Pure.

Two operators that reconcile one instance write its StatefulSet in turns, so that its pods end and start for ever
(prometheus-operator/prometheus-operator#2950, #4829).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.managers import (
    HELM,
    HELM_CHART,
    OLM,
    OPENSHIFT,
    RANCHER,
    REVERTING,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MOVING_GUIDE
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import FoundOperator
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import CONTROLLER_ID, Instance

# The first releases with these flags.
CONTROLLER_ID_SINCE = "0.73"
NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Quarrel:
    """One running operator of others that meets ours.

    *takes*: our instances that it would reconcile; *loses*: instances that it reconciles and ours would, too.
    """

    operator: FoundOperator
    takes: tuple[Instance, ...]
    loses: tuple[Instance, ...]

    def __str__(self) -> str:
        """What happens, in one sentence."""
        found = self.operator
        words = [f"{described(found)}"]
        if self.takes:
            words.append(f"it would reconcile {first_of(self.takes, NAMED)} of this collection")
        if self.loses:
            also = "and " if self.takes else ""
            words.append(f"{also}our operator would reconcile its {first_of(self.loses, NAMED)}")
        return f"{words[0]}: {', '.join(words[1:])}"

    @property
    def way(self) -> str:
        """What to do, in sentences without a full stop at the end; nothing that harms what the operator runs."""
        found, namespace, name = self.operator, self.operator.key.namespace, self.operator.key.name
        if found.owner.tool == OPENSHIFT:
            return (
                "It belongs to the platform, which puts back what is changed in it: it can neither be stopped nor "
                "restricted. From OpenShift 4.16 on it has a controller id and meets no other operator; on an older "
                "one this collection is not supported"
            )
        command = f"kubectl -n {namespace} scale {found.key.kind.lower()} {name} --replicas=0"
        if found.is_ours:
            stop = "remove it with the inventory of its own fleet"
        elif found.owner.tool in REVERTING:
            stop = f"stop it where it is managed ({found.owner}), because changes by hand are put back there"
        elif found.owner.tool in (HELM, HELM_CHART, RANCHER):
            stop = f"stop it ({command}; and in the values of its chart, so that an upgrade does not start it again)"
        else:
            stop = f"stop it ({command})"
        reason = "so that ours can take over its instances" if self.loses else "if it has no work left"
        replaced = ""
        if found.key.kind == "Deployment" and not found.is_ours and found.owner.tool != OLM:
            replaced = (
                f"name it in the option replaces ({namespace}/{name}): it is stopped before ours starts, and gets its "
                "replicas back when ours is removed. Or "
            )
        return f"Either {replaced}{stop}, {reason}; or keep it, and {self._limit}. {MOVING_GUIDE} describes both"

    @property
    def _limit(self) -> str:
        scope = self.operator.scope
        namespaces = sorted({instance.namespace for instance in self.takes})
        if not self.loses and all(scope.allowed.get(instance.kind) is None for instance in self.takes):
            return f"set its flag --deny-namespaces={','.join(sorted({*scope.denied, *namespaces}))}"
        if not self.loses:
            return f"take {', '.join(namespaces)} out of the namespaces that its flags name"
        return (
            f"give it a --controller-id of its own (release {CONTROLLER_ID_SINCE} or later) and its instances the "
            f"annotation {CONTROLLER_ID} with the same value"
        )


def described(found: FoundOperator) -> str:
    """An operator with its owner, what it watches, and how it was recognised."""
    reason = (
        "its account may write the status of instances and StatefulSets"
        if found.evidence == "rights"
        else "its arguments are those of an operator"
    )
    return f"{found.key} ({found.owner}; {found.scope}; {reason})"


def quarrels(
    others: t.Iterable[FoundOperator],
    *,
    ours: t.Sequence[Instance],
    theirs: t.Sequence[Instance] = (),
    reconciles: t.Callable[[Instance], bool] = lambda _instance: False,
) -> list[Quarrel]:
    """The quarrels of the running ones of *others* with our operator, which *reconciles* some instances.

    *ours*: our instances, live or desired; *theirs*: the live instances of others. An instance that no running operator
    of others reconciles is free: our operator may take it over.
    """
    contested = [instance for instance in theirs if reconciles(instance)]
    found = []
    for operator in others:
        if not operator.is_running:
            continue
        takes = tuple(instance for instance in ours if operator.reconciles(instance))
        loses = tuple(instance for instance in contested if operator.reconciles(instance))
        if takes or loses:
            found.append(Quarrel(operator=operator, takes=takes, loses=loses))
    return found


def refusal(found: t.Sequence[Quarrel]) -> str:
    """Why a run with these quarrels is refused, and what to do, for people."""
    several = "another Prometheus Operator" if len(found) == 1 else f"{len(found)} other Prometheus Operators"
    listed = " ".join(f"{quarrel}. {quarrel.way}." for quarrel in found)
    return (
        f"{several} and this collection's would reconcile the same instances, and each would undo what the other "
        f"writes. {listed} Nothing was written"
    )
