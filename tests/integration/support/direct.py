"""The engine in this process: what a module does between its arguments and its result."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace
from pathlib import Path

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, connect
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import PATIENT
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.engine import converge
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Outcome
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

JsonObject = dict[str, t.Any]
SET_LABEL = "promfleet.monitoring/set"


@dataclass(kw_only=True)
class Direct:
    """One set on one cluster, as the module `objects` keeps it; every run connects anew."""

    kubeconfig: Path
    context: str
    name: str
    fleet: str = "default"
    # Tests do not wait as long between two attempts as users do.
    pause: float = 0.005

    @property
    def owner(self) -> SetId:
        return SetId(fleet=self.fleet, capability=f"objects-{self.name}")

    @property
    def label(self) -> str:
        return self.owner.label

    @property
    def record(self) -> str:
        """The name of the set's record of kinds, and of its Lease."""
        return f"promfleet-set-{self.label}"

    def connect(self) -> Cluster:
        cluster = connect({"kubeconfig": str(self.kubeconfig), "context": self.context})
        cluster.patience = replace(PATIENT, pause=self.pause)
        return cluster

    def run(self, *desired: JsonObject, cluster: Cluster | None = None, **options: t.Any) -> Outcome:
        """One run; *options* are those of the request and of the engine."""
        how = {name: options.pop(name) for name in tuple(options) if name in Options.__dataclass_fields__}
        request = Request(owner=self.owner, desired=desired, kinds=options.pop("kinds", ()), **options)
        return converge(cluster or self.connect(), request, options=Options(**how))

    def through(self, proxy: t.Any) -> Direct:
        """The same set by way of a proxy."""
        return replace(self, kubeconfig=proxy.kubeconfig, context=proxy.context)


def fates(outcome: Outcome) -> dict[str, int]:
    """How many objects met each fate, without those that none met."""
    return {fate: count for fate, count in outcome.counts().items() if count}


def told(outcome: Outcome) -> list[str]:
    """The changes in one line each."""
    return [f"{change.action} {change.key}" for change in outcome.sorted_changes()]
