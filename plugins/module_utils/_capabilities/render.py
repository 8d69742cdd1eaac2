# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rendering a capability to files, without a cluster: for review, for Git, for checks of policy. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of, phase_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import dump
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Capability,
    objects_of,
)

JsonObject = dict[str, t.Any]


def render(capability: Capability[t.Any], params: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Files with the objects that a module's checked *params* ask for, by name; raises InputError.

    One file for each namespace, named after it, and ``cluster.yaml`` for what has none, in the order in which the
    engine applies them. The marks of a set are the engine's and are not in the files.
    """
    files: dict[str, list[JsonObject]] = {}
    for obj in sorted(objects_of(capability, params), key=lambda obj: (phase_of(obj["kind"]), key_of(obj))):
        files.setdefault(f"{obj['metadata'].get('namespace') or 'cluster'}.yaml", []).append(obj)
    return {name: dump(objects) for name, objects in sorted(files.items())}
