# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Short forms of a module's arguments, for results and callbacks. Pure."""

from __future__ import annotations

import typing as t

ITEMS = 50


def without_long(arguments: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """*arguments* with the number of items in place of long lists and mappings, and without the progress file."""
    lengths = {name: len(value) for name, value in arguments.items() if isinstance(value, (list, dict))}
    left_out = {name: f"{length} items" for name, length in lengths.items() if length > ITEMS}
    return {name: value for name, value in {**arguments, **left_out}.items() if name != "progress_file"}
