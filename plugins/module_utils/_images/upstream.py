# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where the images of this collection come from, whichever registry an inventory names for them. Pure."""

from __future__ import annotations

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import IMAGES
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.reference import (
    Reference,
    parse_reference,
)


def upstream_of(image: str) -> Reference:
    """Where *image* is published: one of ours by the end of its path; any other is its own source.

    Raises ValueError for what is not the name of an image.
    """
    reference = parse_reference(image)
    for registry, repository in IMAGES:
        if f"/{reference.repository}".endswith(f"/{repository}"):
            return reference.at(f"{registry}/{repository}")
    return reference
