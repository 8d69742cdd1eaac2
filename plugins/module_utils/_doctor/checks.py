# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Is everything that was asked for there, and does it work? Facts in, findings out. Pure.

Each check judges by evidence of its own, so that two faults of one chain are both found; which of them follows from
which is the catalogue's knowledge. A check whose facts could not be observed is not made, and that is a finding, too.
"""

from __future__ import annotations

import abc
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import (
    Evidence,
    Finding,
    Placed,
    Subject,
    attach,
    found,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.report import Link

JsonObject = dict[str, t.Any]
Value = t.TypeVar("Value")

# What looking into an answer of unexpected form raises.
UNEXPECTED = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


@dataclass(frozen=True, kw_only=True)
class Unobserved:
    """A fact that could not be observed: code and evidence of the finding, *object* is what did not answer."""

    code: str
    object: Subject
    evidence: t.Mapping[str, Evidence]


Fact: t.TypeAlias = "Value | Unobserved"


class Facts(abc.ABC):
    """What is known of one thing. Each kind of facts is in a file of its own, which names its checks."""

    @property
    @abc.abstractmethod
    def scope(self) -> tuple[str, ...]:
        """Where they belong, as a path from the whole cluster to the part."""

    @property
    @abc.abstractmethod
    def object(self) -> Subject:
        """What they are about."""

    @property
    @abc.abstractmethod
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of them."""

    def subject_of(self, check: Check[t.Any]) -> Subject:
        """What a check is about, where not all are about the same."""
        del check
        return self.object

    def scope_for(self, check: Check[t.Any]) -> tuple[str, ...]:
        """Where what a check says belongs, where that is not one place for all."""
        del check
        return self.scope


@dataclass(frozen=True, kw_only=True)
class ClusterFacts(Facts):
    """Something of a whole *cluster*, which is what its checks are about."""

    cluster: str

    @property
    def scope(self) -> tuple[str, ...]:
        """The whole cluster: one cause for all that is in it."""
        return ()

    @property
    def object(self) -> Subject:
        """The cluster."""
        return Subject(cluster=self.cluster, kind="Cluster", name=self.cluster)


F = t.TypeVar("F", bound=Facts)


@dataclass(frozen=True, kw_only=True)
class Check(t.Generic[F]):
    """One question about facts of one kind.

    *reads* names the facts that it needs. *judge* gives the findings, none where all is well; None if there is
    nothing to judge by, which is said by another check. *kind* is that of the object, where not the facts' own: an
    instance's Alertmanager.
    """

    name: str
    reads: tuple[str, ...]
    judge: t.Callable[[F], list[Finding] | None]
    kind: str = ""


# -- all of them ------------------------------------------------------------------------------------------------------


def judge_all(facts: t.Iterable[Facts], *, later: Unobserved | None = None) -> tuple[list[Link], list[Finding]]:
    """Every check of every fact: the links, and the findings, consequences with their causes.

    *later*: what is said in place of a fault that only an applied cluster can show; None where this is one.
    """
    links: list[tuple[str, Subject, Finding | Unobserved | None]] = []
    placed: list[Placed] = []
    unseen: dict[tuple[str, Subject], _Unseen] = {}
    for one in facts:
        for check, obj, said in _run(one):
            answer = later if later is not None and _shows_later(said) else said
            links.append((check.name, obj, answer))
            scope = one.scope_for(check)
            if isinstance(answer, Finding):
                placed.append(Placed(scope=scope, finding=answer))
            elif isinstance(answer, Unobserved):
                seen = unseen.setdefault((answer.code, answer.object), _Unseen(answer, scope, {}))
                seen.add(check.name, scope)
    not_observed = {key: entry.placed() for key, entry in unseen.items()}
    attached = attach([*not_observed.values(), *placed])
    causes = {cause for finding in attached for cause in finding.caused_by}
    findings = [one for one in attached if not one.entry.excuse or one.fingerprint in causes]
    by_print = {finding.fingerprint: finding for finding in findings}

    def of(answer: Finding | Unobserved | None) -> Finding | None:
        if isinstance(answer, Unobserved):
            answer = not_observed[answer.code, answer.object].finding
        return None if answer is None else by_print.get(answer.fingerprint)

    return [Link(check=name, object=obj, finding=of(answer)) for name, obj, answer in links], findings


def _shows_later(answer: Finding | Unobserved | None) -> bool:
    """Whether the catalogue says of a fault that it cannot be known before the apply."""
    return isinstance(answer, Finding) and "before" not in answer.entry.when


@dataclass
class _Unseen:
    """One thing that could not be observed, and the checks that need it."""

    fact: Unobserved
    scope: tuple[str, ...]
    # In the order of the checks, each once.
    checks: dict[str, None]

    def add(self, check: str, scope: tuple[str, ...]) -> None:
        """One more check that needs it; what several parts need lies above them all."""
        self.checks[check] = None
        same = [own == other for own, other in zip(self.scope, scope, strict=False)]
        self.scope = self.scope[: same.index(False) if False in same else len(same)]

    def placed(self) -> Placed:
        """The finding about it."""
        finding = found(self.fact.code, self.fact.object, **self.fact.evidence, checks=tuple(self.checks))
        return Placed(scope=self.scope, finding=finding)


def _run(facts: Facts) -> t.Iterator[tuple[Check[t.Any], Subject, Finding | Unobserved | None]]:
    """What each check says: a finding (or several), what it could not observe, or None if all is well."""
    for check in facts.checks:
        obj = facts.subject_of(check)
        facts_read = [getattr(facts, name) for name in check.reads]
        unseen = {(fact.code, fact.object): fact for fact in facts_read if isinstance(fact, Unobserved)}
        for fact in unseen.values():
            yield check, obj, fact
        if unseen:
            continue
        try:
            findings = check.judge(facts)
        except UNEXPECTED as error:
            # What one object looks like must not cost the checks of all others.
            yield check, obj, Unobserved(code="PF005", object=obj, evidence={"reason": repr(error)})
            continue
        if findings is None:
            continue
        if not findings:
            yield check, obj, None
        for finding in findings:
            yield check, obj, finding


def known(fact: Fact[Value]) -> Value:
    """The value of a fact that a check declares to read: it is observed whenever the check is made."""
    if isinstance(fact, Unobserved):
        # Not one of UNEXPECTED: this is a fault of the check.
        raise AssertionError("a check reads a fact that it does not declare")  # noqa: TRY004
    return fact


def scrape_error(target: t.Mapping[str, t.Any]) -> str:
    """Why Prometheus could not scrape a target, in its own words."""
    return str(target.get("lastError") or target.get("health") or "unknown")
