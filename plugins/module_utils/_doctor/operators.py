# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of the operator: its kinds, its Deployment, and other operators that meet it. Facts in, findings out. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    Fact,
    Facts,
    known,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import (
    Evidence,
    Finding,
    Subject,
    found,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import FoundOperator
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.quarrel import Quarrel
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import CONTROLLER_ID, Instance
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ready import condition, not_ready

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class MetOperator:
    """Another operator that meets ours, in words: its Deployment holds environment and arguments of others.

    *takes*: our instances that it would reconcile; *loses*: its instances that ours would.
    """

    operator: str
    owner: str
    takes: tuple[str, ...]
    loses: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Unserved:
    """Instances with one *controller_id* (empty for none) that no running operator reconciles, by their names."""

    controller_id: str
    instances: tuple[str, ...]


def unserved(instances: t.Iterable[Instance], operators: t.Iterable[FoundOperator]) -> tuple[Unserved, ...]:
    """The *instances* that none of *operators* reconciles, by their controller ids."""
    running = [found for found in operators if found.is_running]
    by_id: dict[str, list[str]] = {}
    for instance in instances:
        if not any(found.reconciles(instance) for found in running):
            by_id.setdefault(instance.annotations.get(CONTROLLER_ID) or "", []).append(str(instance))
    return tuple(Unserved(controller_id=one, instances=tuple(sorted(by_id[one]))) for one in sorted(by_id))


def met(quarrel: Quarrel) -> MetOperator:
    """What is known of an operator that meets ours."""
    return MetOperator(
        operator=str(quarrel.operator.key),
        owner=str(quarrel.operator.owner),
        takes=tuple(map(str, quarrel.takes)),
        loses=tuple(map(str, quarrel.loses)),
    )


@dataclass(frozen=True, kw_only=True)
class OperatorFacts(Facts):
    """*missing_kinds*: custom resources that the API server does not serve; *deployment*: None if there is none.

    *quarrels*: other operators that meet ours. *unserved*: instances, also of others, that have no operator.
    *first*: whether what is about the cluster as a whole is asked here, which of several operators one has.
    *platform*: why the cluster's platform is not supported, empty if it is; it is asked where something is missing.
    """

    cluster: str
    namespace: str
    name: str
    missing_kinds: Fact[tuple[str, ...]]
    deployment: Fact[JsonObject | None]
    quarrels: Fact[tuple[MetOperator, ...]]
    unserved: Fact[tuple[Unserved, ...]] = ()
    platform: Fact[str] = ""
    first: bool = True
    # Whether a rollout that is going on is reported.
    changes: bool = False

    @property
    def scope(self) -> tuple[str, ...]:
        """The whole cluster: what is wrong here explains what is wrong anywhere."""
        return ()

    @property
    def object(self) -> Subject:
        """The operator."""
        return Subject(cluster=self.cluster, kind="Deployment", namespace=self.namespace, name=self.name)

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        asked = OPERATOR_CHECKS if self.first else (OPERATOR_CHECK,)
        return (*asked, *(OPERATOR_CHANGE_CHECKS if self.changes else ()))


def _crds(facts: OperatorFacts) -> list[Finding]:
    kinds, platform = known(facts.missing_kinds), known(facts.platform)
    cluster = Subject(cluster=facts.cluster, kind="Cluster", name=facts.cluster)
    return [
        *([found("PF109", cluster, reason=platform)] if platform else []),
        *([found("PF101", facts.object, kinds=kinds)] if kinds else []),
    ]


def _operator(facts: OperatorFacts) -> list[Finding]:
    deployment = known(facts.deployment)
    if deployment is None:
        return [found("PF102", facts.object)]
    if deployment["spec"].get("replicas", 1) == 0:
        return [found("PF107", facts.object)]
    reason = not_ready(deployment)
    return [found("PF103", facts.object, reason=reason)] if reason else []


def _rollout(facts: OperatorFacts) -> list[Finding]:
    """A rollout that is going on, as the Deployment's controller reports it."""
    deployment = known(facts.deployment)
    reason = not_ready(deployment) if deployment else None
    if deployment is None or not reason or deployment["spec"].get("replicas", 1) == 0:
        return []
    status = deployment.get("status") or {}
    unseen = status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0)
    progress = condition(deployment, "Progressing")
    # With this reason it ended well, so what is not ready now is not of a rollout.
    rolls = progress.get("status") == "True" and progress.get("reason") != "NewReplicaSetAvailable"
    return [found("PF106", facts.object, reason=reason)] if rolls or unseen else []


def _alone(facts: OperatorFacts) -> list[Finding]:
    findings = []
    for quarrel in known(facts.quarrels):
        evidence: dict[str, Evidence] = {"operator": quarrel.operator, "owner": quarrel.owner}
        for code, instances in (("PF104", quarrel.takes), ("PF105", quarrel.loses)):
            if instances:
                findings.append(found(code, facts.object, **evidence, instances=instances))
    return findings


def _served(facts: OperatorFacts) -> list[Finding]:
    return [
        found(
            "PF108",
            facts.object,
            controller_id=one.controller_id or "none",
            instances=one.instances,
        )
        for one in known(facts.unserved)
    ]


OPERATOR_CHECK: Check[OperatorFacts] = Check(name="operator", reads=("deployment",), judge=_operator)
OPERATOR_CHECKS: tuple[Check[OperatorFacts], ...] = (
    Check(name="crds", reads=("missing_kinds", "platform"), judge=_crds),
    OPERATOR_CHECK,
    Check(name="other_operators", reads=("quarrels",), judge=_alone),
    Check(name="owners", reads=("unserved",), judge=_served),
)
OPERATOR_CHANGE_CHECKS: tuple[Check[OperatorFacts], ...] = (
    Check(name="operator_settled", reads=("deployment",), judge=_rollout),
)
