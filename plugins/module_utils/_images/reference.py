# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of container images: where each is, and which of its contents is meant. Pure.

The grammar is that of https://github.com/distribution/reference, by which Kubernetes and all registries read names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

DEFAULT_REGISTRY = "docker.io"
DEFAULT_TAG = "latest"
# The length of registry and repository together.
NAME_MAX = 255
_OFFICIAL = "library"
_OTHER_NAMES = {"index.docker.io": DEFAULT_REGISTRY}

_HOST_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = re.compile(rf"(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?", re.ASCII)
_PATH_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_PATH_PART}(?:/{_PATH_PART})*", re.ASCII)
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """An image: its *registry*, its *repository* there, and a *tag*, a *digest*, or both; empty where not given."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Registry and repository."""
        return f"{self.registry}/{self.repository}"

    @property
    def pulled(self) -> str:
        """What a registry is asked for: the digest, else the tag."""
        return self.digest or self.tag

    def at(self, name: str) -> Reference:
        """The same image under another *name*, a registry and a repository."""
        registry, _slash, repository = name.partition("/")
        return replace(self, registry=registry, repository=repository)

    def with_digest(self, digest: str) -> str:
        """The name by which exactly this content is pulled; without a *digest* it is the name by its tag."""
        return f"{self.name}@{digest}" if digest else str(self)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.name}{tag}{f'@{self.digest}' if self.digest else ''}"


def parse_reference(text: str) -> Reference:
    """The image that *text* names; raises ValueError with the reason as words for a message.

    Defaults are filled in, as Kubernetes does: ``busybox`` is ``docker.io/library/busybox:latest``.
    """
    rest, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise ValueError(f"{text!r} has a digest that is not sha256: or sha512: with its hexadecimal digits")
    head, slash, last = rest.rpartition("/")
    last, colon, tag = last.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise ValueError(f"{text!r} has a tag that is empty, too long, or has other characters than a-z A-Z 0-9 _ . -")
    registry, repository = _split(f"{head}{slash}{last}")
    if not _HOST.fullmatch(registry):
        raise ValueError(f"{text!r}: {registry!r} is not the host of a registry")
    if not _PATH.fullmatch(repository):
        raise ValueError(f"{text!r}: {repository!r} is not the path of an image: lower case words, separated by '/'")
    if len(registry) + 1 + len(repository) > NAME_MAX:
        raise ValueError(f"{text!r} is longer than {NAME_MAX} characters")
    if not tag and not digest:
        tag = DEFAULT_TAG
    return Reference(registry=registry, repository=repository, tag=tag, digest=digest)


def reference_problem(text: str) -> str | None:
    """What is wrong with the name of an image, None if nothing is."""
    try:
        parse_reference(text)
    except ValueError as error:
        return str(error)
    return None


def digest_problem(text: str) -> str | None:
    """What is wrong with a digest, None if nothing is."""
    if _DIGEST.fullmatch(text):
        return None
    return f"{text!r} is not a digest; write sha256: and 64 hexadecimal digits in lower case"


def prefix_problem(text: str) -> str | None:
    """What is wrong with a registry that may have a path behind it, None if nothing is."""
    host, slash, path = text.partition("/")
    if _HOST.fullmatch(host) and (_PATH.fullmatch(path) if slash else True):
        return None
    return f"{text!r} is not a registry; write host[:port][/path], without a scheme and without a slash at the end"


def _split(name: str) -> tuple[str, str]:
    """The registry and the repository of a name: a first part with a dot, a port or capitals is a host."""
    first, slash, rest = name.partition("/")
    if slash and (any(sign in first for sign in ".:[") or first == "localhost" or first != first.lower()):
        registry, repository = _OTHER_NAMES.get(first, first), rest
    else:
        registry, repository = DEFAULT_REGISTRY, name
    if registry == DEFAULT_REGISTRY and "/" not in repository:
        repository = f"{_OFFICIAL}/{repository}"
    return registry, repository
