# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sets of objects that users give as manifests. Pure."""

from __future__ import annotations

from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require


def capability_of(name: str) -> str:
    """The capability of a set that a user names; raises InputError if *name* is not a DNS label."""
    return f"objects-{require(grammar.dns_label, name, path='name')}"
