# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""In check mode: CRDs that the same run would install first, and what they would say to an object. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.schema import Schema, problems

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class CrdsToCome:
    """The schemas of CRDs that this run installs first, by apiVersion and kind; empty if it installs none."""

    schemas: t.Mapping[tuple[str, str], Schema] = field(default_factory=dict)

    @property
    def kinds(self) -> list[str]:
        """The kinds that they bring, sorted."""
        return sorted(kind for _api_version, kind in self.schemas)

    def problems(self, obj: JsonObject) -> list[str] | None:
        """Why these CRDs would refuse *obj*; None if they say nothing about its kind."""
        schema = self.schemas.get((obj["apiVersion"], obj["kind"]))
        return None if schema is None else problems(obj, schema)


def to_come(crds: t.Iterable[JsonObject]) -> CrdsToCome:
    """The schemas of all served versions of *crds*."""
    return CrdsToCome(
        schemas={
            (f"{crd['spec']['group']}/{version['name']}", crd["spec"]["names"]["kind"]): version["schema"][
                "openAPIV3Schema"
            ]
            for crd in crds
            for version in crd["spec"]["versions"]
            if version["served"]
        }
    )
