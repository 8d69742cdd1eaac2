# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The error for bad input: where it stands, and what is wrong with it."""

from __future__ import annotations


class InputError(ValueError):
    """Input that cannot be used; *path* is the place as the user wrote it (``teams[3].prometheus.retention``)."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(path, message)
        self.path = path
        self.message = message

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"
