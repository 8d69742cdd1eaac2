# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How often and how much is scraped: what the options that say it have in common. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require


def check_scraping(values: t.Mapping[str, t.Any], *, path: str, errors: Errors) -> None:
    """Note what is wrong with ``interval``, ``scrape_timeout`` and ``sample_limit`` of checked *values* at *path*."""
    for name in ("interval", "scrape_timeout"):
        require(grammar.duration, values[name], path=f"{path}.{name}", errors=errors)
    spent, between = grammar.milliseconds(values["scrape_timeout"]), grammar.milliseconds(values["interval"])
    if spent is not None and between is not None and spent > between:
        errors.add(f"{path}.scrape_timeout", f"must not be longer than interval ({values['interval']})")
    if values["sample_limit"] is not None and values["sample_limit"] < 1:
        errors.add(f"{path}.sample_limit", f"must be at least 1, found {values['sample_limit']}")
