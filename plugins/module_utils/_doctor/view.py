# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a cluster is looked at: as it is, as it will be after the apply, or as files describe it."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Readable
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Facts, Unobserved
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.observation import LIVE
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.reading import Reader
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Subject

CANDIDATE, FILES, PRE = "candidate", "files", "pre"
# In the order of the documentation.
MODES = (LIVE, CANDIDATE, FILES, PRE)


def known_later(cluster: str) -> Unobserved:
    """Why something of a cluster is not known: only the cluster shows it, once all is applied."""
    return Unobserved(code="PF009", object=Subject(cluster=cluster, kind="Cluster", name=cluster), evidence={})


@dataclass(frozen=True, kw_only=True)
class View:
    """What is looked at.

    *objects* gives the objects. *cluster* is asked for all else, None where there is none. *later*: why what only an
    applied cluster shows is not known; None where it is asked. *settled* tells whether an object stays as it is.
    *more* reads what else is judged.
    """

    objects: Readable
    cluster: Cluster | None
    later: Unobserved | None = None
    settled: t.Callable[[dict[str, t.Any]], bool] = lambda _obj: True
    mode: str = LIVE
    more: t.Callable[[Reader], t.Sequence[Facts]] = lambda _reader: ()


def live_view(cluster: Cluster) -> View:
    """A cluster as it is."""
    return View(objects=cluster, cluster=cluster)
