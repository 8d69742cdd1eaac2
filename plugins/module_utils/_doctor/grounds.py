# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of what an instance stands on: its namespaces, its pods, its volume claims. Facts in, findings out. Pure."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    INSTANCE_LABEL,
    NAME_LABEL,
    TEAM_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.extra import ALERTMANAGER
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.parts import APPLICATIONS
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    Fact,
    Facts,
    known,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.quantities import value_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.wait import what_holds

JsonObject = dict[str, t.Any]

# A quota on these refuses every pod of which a container does not set them (pkg/quota/v1/evaluator/core/pods.go of
# kubernetes/kubernetes): "failed quota: NAME: must specify limits.cpu for: a,b; limits.memory for: c".
_DEMANDS = re.compile(r"failed quota: (?P<quota>\S+): must specify (?P<what>.+)$", re.DOTALL)
_RESOURCE = re.compile(r"[\w./-]+")
# Conditions of a claim whose volume is being grown, and of one whose growth failed.
_GROWS = ("Resizing", "FileSystemResizePending")
_FAILED = ("ControllerResizeError", "NodeResizeError")


# -- namespaces -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class NamespaceFacts(Facts):
    """A namespace of a team: its instance's, or with *is_own* one of the team's. *live*: None if it does not exist."""

    cluster: str
    team: str
    instance: tuple[str, ...]
    name: str
    is_own: bool
    live: Fact[JsonObject | None]

    @property
    def scope(self) -> tuple[str, ...]:
        """The instance, in the cluster; on another namespace of its team the instance itself does not depend."""
        return (*self.instance, f"namespace {self.name}") if self.is_own else self.instance

    @property
    def object(self) -> Subject:
        """The namespace."""
        return Subject(cluster=self.cluster, kind="Namespace", name=self.name)

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return NAMESPACE_CHECKS


def _namespace(facts: NamespaceFacts) -> list[Finding]:
    live = known(facts.live)
    if live is None:
        # That an instance's namespace is missing shows in the instance.
        return [found("PF214", facts.object, team=facts.team)] if facts.is_own else []
    if "deletionTimestamp" in live["metadata"]:
        since = str(live["metadata"]["deletionTimestamp"])
        return [
            found("PF213", facts.object, team=facts.team, since=since, held=what_holds({**live, "kind": "Namespace"}))
        ]
    label = (live["metadata"].get("labels") or {}).get(TEAM_LABEL)
    if label == facts.team:
        return []
    has = "does not have this label" if label is None else f"has the value {label!r}"
    return [found("PF212", facts.object, team=facts.team, label=TEAM_LABEL, has=has)]


NAMESPACE_CHECKS: tuple[Check[NamespaceFacts], ...] = (Check(name="namespace", reads=("live",), judge=_namespace),)


# -- pods -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _PartFacts(Facts):
    """A *part* of an *instance*, which is its place."""

    instance: tuple[str, ...]
    part: Subject

    @property
    def scope(self) -> tuple[str, ...]:
        """The instance, in the cluster."""
        return self.instance

    @property
    def object(self) -> Subject:
        """The Prometheus or Alertmanager."""
        return self.part


@dataclass(frozen=True, kw_only=True)
class PodFacts(Facts):
    """A part of a team's instance that is not ready: the Prometheus or Alertmanager of this *kind* and *name*.

    *refusal*: why its pods were refused last, empty if none was. *states*: of each pod that is not ready its name, and
    why. *place*: where it is looked at from, by default the cluster itself.
    """

    cluster: str
    team: str
    namespace: str
    kind: str
    name: str
    refusal: Fact[str]
    states: Fact[t.Sequence[t.Sequence[str]]] = ()
    place: tuple[str, ...] = ()

    @property
    def scope(self) -> tuple[str, ...]:
        """The instance, in the cluster; of its Alertmanager nothing else of it depends."""
        instance = self.place or (f"instance {self.namespace}/{self.team}",)
        return (*instance, ALERTMANAGER) if self.kind == ALERTMANAGER else instance

    @property
    def object(self) -> Subject:
        """The Prometheus or Alertmanager."""
        return Subject(cluster=self.cluster, kind=self.kind, namespace=self.namespace, name=self.name)

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return POD_CHECKS


def _pods(facts: PodFacts) -> list[Finding]:
    refusal = known(facts.refusal)
    if not refusal:
        return []
    demand = _DEMANDS.search(refusal)
    if demand is None:
        return [found("PF211", facts.object, reason=refusal)]
    return [found("PF210", facts.object, quota=demand["quota"], resources=demanded(demand["what"]), reason=refusal)]


def demanded(text: str) -> tuple[str, ...]:
    """The resources that a quota demands: ``limits.cpu for: a,b; limits.memory for: c``, before 1.24 a plain list."""
    named = [part.partition(" for: ")[0] for part in text.split(";")]
    return tuple(dict.fromkeys(name for part in named for name in _RESOURCE.findall(part)))


def _run(facts: PodFacts) -> list[Finding]:
    return [found("PF215", facts.object, pod=pod, reason=reason) for pod, reason in known(facts.states)]


POD_CHECKS: tuple[Check[PodFacts], ...] = (
    Check(name="pods_made", reads=("refusal",), judge=_pods),
    Check(name="pods_run", reads=("states",), judge=_run),
)


# -- storage ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class StorageFacts(_PartFacts):
    """A part of an instance that has storage, with its *live* object.

    *claims*: the volume claims of its namespace. *classes*: every StorageClass, and whether its volumes can grow.
    """

    live: JsonObject
    claims: Fact[t.Sequence[JsonObject]]
    classes: Fact[t.Mapping[str, bool]]

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return STORAGE_CHECKS


def wanted_size(live: JsonObject) -> str:
    """The storage that a live Prometheus or Alertmanager asks for, empty if it has no volume claims. Pure."""
    found: t.Any = live.get("spec") or {}
    for name in ("storage", "volumeClaimTemplate", "spec", "resources", "requests"):
        found = found.get(name) or {}
    return str(found.get("storage") or "")


def claims_of(live: JsonObject, claims: t.Iterable[JsonObject]) -> tuple[JsonObject, ...]:
    """Those of *claims* that replicas of *live* use now: claims of replicas that are no longer wanted stay behind."""
    replicas = int((live.get("spec") or {}).get("replicas", 1))
    metadata = live["metadata"]
    wanted = {NAME_LABEL: APPLICATIONS[live["kind"]], INSTANCE_LABEL: metadata["name"]}
    return tuple(
        claim
        for claim in claims
        if claim["metadata"]["namespace"] == metadata["namespace"]
        and wanted.items() <= (claim["metadata"].get("labels") or {}).items()
        and _ordinal(claim) < replicas
    )


def _ordinal(claim: JsonObject) -> int:
    """The number of the replica that a claim of a StatefulSet belongs to, which ends its name."""
    return int(claim["metadata"]["name"].rpartition("-")[2])


def _storage(facts: StorageFacts) -> list[Finding]:
    classes = known(facts.classes)
    size = wanted_size(facts.live)
    claims = claims_of(facts.live, known(facts.claims))
    findings = [_claim(facts.part, claim, size=size, classes=classes) for claim in claims]
    return [finding for finding in findings if finding is not None]


def _claim(part: Subject, claim: JsonObject, *, size: str, classes: t.Mapping[str, bool]) -> Finding | None:
    wanted = value_of(size)
    status = claim.get("status") or {}
    requested = str(claim["spec"]["resources"]["requests"]["storage"])
    capacity = str((status.get("capacity") or {}).get("storage") or "")
    obj = Subject(
        cluster=part.cluster,
        kind="PersistentVolumeClaim",
        namespace=claim["metadata"]["namespace"],
        name=claim["metadata"]["name"],
    )
    instance = f"{part.kind} {part.name}"
    if value_of(requested) < wanted:
        name = str(claim["spec"].get("storageClassName") or "")
        evidence = {"instance": instance, "size": size, "requested": requested, "storage_class": name or "none"}
        return found("PF220" if classes.get(name) else "PF221", obj, **evidence)
    # Without a capacity it is not bound yet, and does not grow.
    if not capacity or value_of(capacity) >= wanted:
        return None
    conditions = {item["type"]: item for item in status.get("conditions") or () if item.get("status") == "True"}
    evidence = {"instance": instance, "size": size, "capacity": capacity}
    failed = next((conditions[name] for name in _FAILED if name in conditions), None)
    if failed is not None:
        return found("PF223", obj, **evidence, reason=str(failed.get("message") or failed["type"]))
    grows = [f"{name}: {conditions[name].get('message') or name}" for name in _GROWS if name in conditions]
    return found("PF222", obj, **evidence, progress="; ".join(grows) or "no controller has begun")


STORAGE_CHECKS: tuple[Check[StorageFacts], ...] = (
    Check(name="volumes_grown", reads=("claims", "classes"), judge=_storage),
)
