# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of what a run needs before it writes: rights, no reason to refuse it, CRDs that know its objects. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Check,
    ClusterFacts,
    Fact,
    Facts,
    known,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Finding, Subject, found

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class Denial:
    """Why a run would be refused before its first write: the rights that are *missing*, or another *reason*."""

    missing: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class RunFacts(ClusterFacts):
    """The run of one *capability*. *denial*: None where it may begin."""

    capability: str
    denial: Fact[Denial | None]

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return RUN_CHECKS


def _rights(facts: RunFacts) -> list[Finding]:
    denial = known(facts.denial)
    if denial is None or not denial.missing:
        return []
    return [found("PF120", facts.object, run=facts.capability, missing=denial.missing)]


def _allowed(facts: RunFacts) -> list[Finding] | None:
    """None where the rights do not suffice to know it."""
    denial = known(facts.denial)
    if denial is None:
        return []
    return [found("PF121", facts.object, run=facts.capability, reason=denial.reason)] if denial.reason else None


RUN_CHECKS: tuple[Check[RunFacts], ...] = (
    Check(name="run_rights", reads=("denial",), judge=_rights),
    Check(name="run_allowed", reads=("denial",), judge=_allowed),
)


@dataclass(frozen=True, kw_only=True)
class SchemaFacts(Facts):
    """A live CRD, and the fields of the objects to come that it does not know."""

    cluster: str
    crd: str
    unknown: Fact[tuple[str, ...]]

    @property
    def scope(self) -> tuple[str, ...]:
        """The whole cluster."""
        return ()

    @property
    def object(self) -> Subject:
        """The CRD."""
        return Subject(cluster=self.cluster, kind="CustomResourceDefinition", name=self.crd)

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return SCHEMA_CHECKS


def _knows(facts: SchemaFacts) -> list[Finding]:
    unknown = known(facts.unknown)
    return [found("PF122", facts.object, fields=unknown)] if unknown else []


SCHEMA_CHECKS: tuple[Check[SchemaFacts], ...] = (Check(name="crd_fields", reads=("unknown",), judge=_knows),)


@dataclass(frozen=True, kw_only=True)
class CertificateFacts(Facts):
    """The certificate of a source's proxy: the name *wanted* by the central side, and its *names*."""

    cluster: str
    namespace: str
    team: str
    wanted: str
    names: Fact[tuple[str, ...]]
    fits: bool

    @property
    def scope(self) -> tuple[str, ...]:
        """The instance, in the cluster."""
        return (f"instance {self.namespace}/{self.team}",)

    @property
    def object(self) -> Subject:
        """The instance's team."""
        return Subject(cluster=self.cluster, kind="Prometheus", namespace=self.namespace, name=self.team)

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return CERTIFICATE_CHECKS


def _named(facts: CertificateFacts) -> list[Finding]:
    names = known(facts.names)
    return [] if facts.fits else [found("PF123", facts.object, wanted=facts.wanted, names=names or ("none",))]


CERTIFICATE_CHECKS: tuple[Check[CertificateFacts], ...] = (
    Check(name="certificate_name", reads=("names",), judge=_named),
)


@dataclass(frozen=True, kw_only=True)
class PathFacts(ClusterFacts):
    """The way from the central Prometheus to a source, which is not that of this run: nothing can be known of it."""

    reached: Fact[bool]

    @property
    def checks(self) -> tuple[Check[t.Any], ...]:
        """What is asked of it."""
        return PATH_CHECKS


def _reached(facts: PathFacts) -> list[Finding]:
    known(facts.reached)
    return []


PATH_CHECKS: tuple[Check[PathFacts], ...] = (Check(name="path_to_source", reads=("reached",), judge=_reached),)
