# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Text for messages. Pure."""

from __future__ import annotations

import typing as t


def first_of(items: t.Collection[object], most: int = 20, *, separator: str = ", ") -> str:
    """The first *most* of *items*, and how many more there are: ``a, b and 3 more``.

    What itself has commas is better separated by a semicolon.
    """
    named = [str(item) for item in list(items)[:most]]
    more = len(items) - len(named)
    return separator.join(named) + (f"{separator.replace(',', '')}and {more:,} more" if more else "")
