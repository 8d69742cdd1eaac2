# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The names of images that are published at different registries. Pure."""

from __future__ import annotations

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import UPSTREAM_REGISTRY


def image_at(registry: str, upstream: tuple[str, str], *, tag: str) -> str:
    """The image with a *tag*; *upstream* is the registry where it is published, and its repository there.

    *registry* takes the place of the first. UPSTREAM_REGISTRY does not: it means that the fleet has no registry of its
    own, and not all images are there. An empty one does not either.
    """
    published, repository = upstream
    own = registry if registry != UPSTREAM_REGISTRY else ""
    return f"{own or published}/{repository}:{tag}"
