# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The JSON schema of a report, made from the catalogue. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.catalogue import CODES, SEVERITIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.render import SCHEMA_VERSION

JsonObject = dict[str, t.Any]

_TEXT: JsonObject = {"type": "string"}
_COUNT: JsonObject = {"type": "integer", "minimum": 0}
_FINGERPRINT: JsonObject = {"type": "string", "pattern": "^[0-9a-f]{16}$"}


def report_schema() -> JsonObject:
    """The schema (JSON Schema 2020-12) of what `render.as_data` returns."""
    finding: dict[str, JsonObject] = {
        "code": {"enum": list(CODES)},
        "severity": {"enum": list(SEVERITIES)},
        "observed": {"type": "boolean"},
        "title": _TEXT,
        "object": _closed(dict.fromkeys(("cluster", "kind", "namespace", "name"), _TEXT)),
        "message": _TEXT,
        "evidence": {"type": "object"},
        "cause": _TEXT,
        "fix": _TEXT,
        "fingerprint": _FINGERPRINT,
        "caused_by": {"type": "array", "items": _FINGERPRINT},
        "documentation": _TEXT,
    }
    suppression = _closed(dict.fromkeys(("reason", "owner", "until"), _TEXT))
    check = {
        "check": _TEXT,
        "object": _TEXT,
        "ok": {"type": "boolean"},
        "code": {"enum": ["", *CODES]},
        "fingerprint": {"type": "string", "pattern": "^([0-9a-f]{16})?$"},
    }
    counts = ("checks", "ok", *reversed(SEVERITIES), "not_observed", "suppressed")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Findings of promfleet.monitoring about one cluster",
        **_closed(
            {
                "schema_version": {"const": SCHEMA_VERSION},
                "cluster": _TEXT,
                "cluster_uid": _TEXT,
                "failed": {"type": "boolean"},
                "summary": _closed(dict.fromkeys(counts, _COUNT)),
                "findings": {"type": "array", "items": _closed(finding)},
                "suppressed": {"type": "array", "items": _closed({**finding, "suppression": suppression})},
                "checks": {"type": "array", "items": _closed(check)},
            }
        ),
    }


def _closed(properties: t.Mapping[str, JsonObject]) -> JsonObject:
    """An object that has exactly these properties."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
