# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One run of a module: what its work gets."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, connect
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.connection import AUTH_ARG_SPEC
from ansible_collections.promfleet.monitoring.plugins.module_utils._base import versions
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import open_source
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.to_come import to_come
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import (
    NOTHING_TO_COME,
    Options,
    Prediction,
)

JsonObject = dict[str, t.Any]


class Run:
    """What a module's work gets: its checked parameters, the mode of the run, and the connection, made on first use.

    *check*: whether this is check mode. Without an option ``progress_file`` nothing tells how far the work is.
    """

    def __init__(self, *, params: JsonObject, check: bool) -> None:
        self.params = params
        self.check = check
        self.progress = Progress(path=params.get("progress_file"))
        self._cluster: Cluster | None = None

    @property
    def cluster(self) -> Cluster:
        """The cluster that the options name; raises InputError where they name none, Unreachable for one of no use."""
        if self._cluster is None:
            self.progress.step("connecting")
            names = (*AUTH_ARG_SPEC, "in_cluster", "use_environment")
            given = {name: self.params.get(name) for name in names}
            self._cluster = connect(given, login_timeout=float(self.params["login_timeout"]))
        return self._cluster

    def options(self) -> Options:
        """How the engine is to work, from the common options."""
        timeout = float(self.params["wait_timeout"]) if self.params["wait"] else None
        return Options(
            check=self.check,
            force_conflicts=self.params["force_conflicts"],
            adopt_managers=tuple(self.params["adopt_managers"]),
            wait_timeout=timeout,
            progress=self.progress,
            to_come=self._crds_to_come(),
            lock_timeout=float(self.params["lock_timeout"]),
        )

    def _crds_to_come(self) -> Prediction:
        given = self.params.get("crds_to_come")
        if not self.check or not given:
            return NOTHING_TO_COME
        return to_come(open_source(**{**given, "version": given["version"] or versions.PROMETHEUS_OPERATOR}).load())
