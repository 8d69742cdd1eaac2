# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON values. Pure."""

from __future__ import annotations

import typing as t


def without_nulls(value: t.Any) -> t.Any:
    """*value* without the fields of mappings that are null, at every level.

    Server-side apply takes an explicit null as a value; what users mean is to leave the field out.
    """
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def tidy(value: t.Any) -> t.Any:
    """The same without nulls, and with the fields of mappings in their order: free-form input gives the same bytes."""
    if isinstance(value, t.Mapping):
        return {str(name): tidy(value[name]) for name in sorted(value, key=str) if value[name] is not None}
    if isinstance(value, (list, tuple)):
        return [tidy(item) for item in value]
    return value
