# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run of a module: what its work gets."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import LOGIN_TIMEOUT, Cluster, connect
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.connection import AUTH_ARG_SPEC
from ansible_collections.promfleet.monitoring.plugins.module_utils._audit.ring import Ring, rights
from ansible_collections.promfleet.monitoring.plugins.module_utils._base import versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds import kinds
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import open_source
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.to_come import to_come
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, InputError
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.grammar import dns_label
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require_each
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.everywhere import pattern_problem
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import (
    NOTHING_TO_COME,
    Options,
    Prediction,
)

JsonObject = dict[str, t.Any]

DEFAULT_FLEET = "default"


def records_namespace(given: str | None) -> str | None:
    """The namespace of records and Leases as an option gives it, None for none; raises InputError for a wrong name."""
    if given is None or not given.strip():
        return None
    problem = dns_label(given)
    if problem is not None:
        raise InputError("records_namespace", problem)
    return given


def shared_namespaces(given: t.Sequence[str]) -> frozenset[str]:
    """The namespaces that an option says are shared with others; raises InputError for wrong names."""
    with Collecting(None) as errors:
        return frozenset(require_each(dns_label, given, path="shared_namespaces", errors=errors))


def disposable_objects(given: t.Sequence[str]) -> tuple[str, ...]:
    """The patterns of an option for objects of others that go with a namespace; raises InputError for wrong ones."""
    with Collecting(None) as errors:
        return tuple(require_each(pattern_problem, given, path="disposable_objects", errors=errors))


def fleet_of(params: t.Mapping[str, t.Any]) -> str:
    """The fleet that a module's parameters name: of the CRDs that of the operator that they are for."""
    given = params.get("fleet") or (params.get("for_operator") or {}).get("fleet")
    return str(given or DEFAULT_FLEET)


class Run:
    """What a module's work gets: its checked parameters, the mode of the run, and the connection, made on first use.

    *check*: whether this is check mode. Without an option ``progress_file`` nothing tells how far the work is.
    """

    def __init__(self, *, params: JsonObject, check: bool) -> None:
        kinds.register()
        self.params = params
        self.check = check
        self.progress = Progress(path=params.get("progress_file"))
        # How long a login helper may take; a module with a time limit of its own may lower it before it connects.
        self.login_seconds = float(params.get("login_timeout", LOGIN_TIMEOUT))
        self._cluster: Cluster | None = None

    @property
    def cluster(self) -> Cluster:
        """The cluster that the options name; raises InputError if they name none, Unreachable for one of no use."""
        if self._cluster is None:
            self.progress.step("connecting")
            names = (*AUTH_ARG_SPEC, "in_cluster", "use_environment")
            given = {name: self.params.get(name) for name in names}
            self._cluster = connect(given, login_timeout=self.login_seconds)
        return self._cluster

    def options(self) -> Options:
        """How the engine is to work, from those of the shared options that the module has."""
        timeout = float(self.params["wait_timeout"]) if self.params["wait"] else None
        return Options(
            check=self.check,
            force_conflicts=bool(self.params.get("force_conflicts")),
            adopt_managers=tuple(self.params.get("adopt_managers") or ()),
            claim_managers=frozenset(self.params.get("claim_managers") or ()),
            shared_namespaces=shared_namespaces(self.params.get("shared_namespaces") or ()),
            disposable_objects=disposable_objects(self.params.get("disposable_objects") or ()),
            wait_timeout=timeout,
            progress=self.progress,
            to_come=self._crds_to_come(),
            lock_timeout=float(self.params["lock_timeout"]),
            records_namespace=records_namespace(self.params["records_namespace"]),
            audit=self._audit_rights,
        )

    def _audit_rights(self, namespace: str) -> tuple[Right, ...]:
        given = self.params.get("audit") or {}
        if not given.get("enabled"):
            return ()
        return rights(Ring(fleet=fleet_of(self.params), namespace=namespace, slots=given["slots"]))

    def _crds_to_come(self) -> Prediction:
        given = self.params.get("crds_to_come")
        if not self.check or not given:
            return NOTHING_TO_COME
        return to_come(open_source(**{**given, "version": given["version"] or versions.PROMETHEUS_OPERATOR}).load())
