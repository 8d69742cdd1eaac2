# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a module is: its options and its work, for whichever way it runs. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import JsonObject, Run

Work = t.Callable[[Run], JsonObject]


@dataclass(frozen=True, kw_only=True)
class Definition:
    """One module, called *name*.

    *options* is its argument spec. *rules* are further arguments of ansible-core's validator (``required_if`` and the
    like). *work* returns the module's result as plain data; an outcome of the engine is in it as ``outcome``, and
    ``failure`` is the message of a failed module, ``warnings`` are its warnings, and ``diff`` is a function that gives
    its differences, called in diff mode only. *needs_cluster* and *needs_promql* say which libraries it imports.
    """

    name: str
    options: JsonObject
    work: Work
    rules: JsonObject = field(default_factory=dict)
    needs_cluster: bool = True
    needs_promql: bool = False
