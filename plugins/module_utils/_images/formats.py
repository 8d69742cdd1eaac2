# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists of images for the programs that copy them between registries. Pure.

Sources are named by their digests where these are known, so that exactly the locked content is copied; targets have the
tag that clusters ask for.
"""

from __future__ import annotations

import shlex
import typing as t
from collections.abc import Callable, Mapping, Sequence

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.block_yaml import START, dump
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.mapping import Copy
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.reference import parse_reference
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import InputError

JsonObject = dict[str, t.Any]
Digests = Mapping[str, str]

# By this line a file is known as one that may be written over.
MADE = "# Made by the playbook images of promfleet.monitoring. Changes are lost.\n"
DELETE_FILE = "delete.txt"
_OC_MIRROR = "mirror.openshift.io/v2alpha1"


def _plain(copies: Sequence[Copy], digests: Digests) -> dict[str, str]:
    lines = [f"{_source(copy, digests)}={copy.target}\n" for copy in _placed(copies, "plain")]
    return {"images.txt": MADE + "".join(lines)}


def _skopeo(copies: Sequence[Copy], _digests: Digests) -> dict[str, str]:
    """By tags: what is copied by its digest gets no tag at its target, and clusters ask for the tag."""
    copied = _placed(copies, "skopeo")
    places = sorted({_below(copy) for copy in copied})
    registries: dict[str, dict[str, list[str]]] = {}
    for copy in copied:
        source = parse_reference(copy.source)
        tags = registries.setdefault(source.registry, {}).setdefault(source.repository, [])
        if source.pulled not in tags:
            tags.append(source.pulled)
    body = {registry: {"images": repositories} for registry, repositories in registries.items()}
    head = "".join(
        f"# skopeo sync --all --scoped --src yaml --dest docker skopeo.yml {shlex.quote(place)}\n" for place in places
    )
    return {"skopeo.yml": START + MADE + head + dump([body]).removeprefix(START)}


def _below(copy: Copy) -> str:
    """The place below which ``skopeo sync --scoped`` makes the target, with the source's whole name."""
    source, target = parse_reference(copy.source), parse_reference(copy.target)
    if not target.name.endswith(f"/{source.name}"):
        raise InputError(
            "formats",
            f"skopeo sync cannot copy {copy.source} to {copy.target}: it keeps the whole name of the source below its "
            f"destination; let the mirror end with /{source.registry}, or give the format crane or oras",
        )
    return target.name.removesuffix(f"/{source.name}")


def _oc_mirror(copies: Sequence[Copy], digests: Digests) -> dict[str, str]:
    names = [{"name": name} for name in sorted({_source(copy, digests) for copy in copies})]
    body = {
        "apiVersion": _OC_MIRROR,
        "kind": "ImageSetConfiguration",
        "mirror": {"additionalImages": names},
    }
    return {"imageset-config.yml": START + MADE + dump([body]).removeprefix(START)}


def _script(name: str, command: str) -> Callable[[Sequence[Copy], Digests], dict[str, str]]:
    def lines(copies: Sequence[Copy], digests: Digests) -> dict[str, str]:
        copied = [
            f"{command} {shlex.quote(_source(copy, digests))} {shlex.quote(copy.target)}\n"
            for copy in _placed(copies, name)
        ]
        return {f"{name}.sh": f"#!/bin/sh\n{MADE}set -e\n" + "".join(copied)}

    return lines


FORMATS: dict[str, Callable[[Sequence[Copy], Digests], dict[str, str]]] = {
    "plain": _plain,
    "skopeo": _skopeo,
    "oc_mirror": _oc_mirror,
    "oras": _script("oras", "oras cp"),
    "crane": _script("crane", "crane copy"),
}


def deletions(targets: Sequence[str], sources: Sequence[str], *, formats: Sequence[str]) -> dict[str, str]:
    """The files that list what may be deleted from the mirror: *targets*, and for oc-mirror their *sources*."""
    files = {DELETE_FILE: MADE + "".join(f"{target}\n" for target in targets)}
    if "oc_mirror" in formats:
        body: JsonObject = {
            "apiVersion": _OC_MIRROR,
            "kind": "DeleteImageSetConfiguration",
            "delete": {"additionalImages": [{"name": source} for source in sources]},
        }
        files["delete-imageset-config.yml"] = START + MADE + dump([body]).removeprefix(START)
    return files


def _source(copy: Copy, digests: Digests) -> str:
    return parse_reference(copy.source).with_digest(digests.get(copy.source, ""))


def _placed(copies: Sequence[Copy], name: str) -> list[Copy]:
    """The *copies*, each of which needs a place to be copied to."""
    unplaced = [copy.source for copy in copies if not copy.is_moved]
    if unplaced:
        raise InputError(
            "formats",
            f"{name} needs to know where images are copied to; give mirrors, or an image registry, for: "
            f"{first_of(unplaced)}",
        )
    return list(copies)
