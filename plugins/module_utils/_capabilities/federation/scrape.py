# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the central side reads a source: what both sides must know alike. Pure."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.access import (
    ACCESS_OPTIONS,
    Access,
    parse_access,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.normalize import (
    NORMALIZE_OPTIONS,
    Normalization,
    parse_normalize,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.selection import (
    DEFAULT_PRESETS,
    preset_selectors,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import (
    Values,
    require,
    require_each,
    text_mapping,
)

# The component of everything that belongs to federation.
FEDERATION_COMPONENT = "federation"
# And of what lets other clusters write.
RECEIVER_COMPONENT = "federation-receiver"
# And of Thanos Query.
QUERY_COMPONENT = "federation-query"

DEFAULT_MATCH = preset_selectors(DEFAULT_PRESETS)

LIMIT_OPTIONS: dict[str, dict[str, t.Any]] = {
    "samples": {"type": "int"},
    "body_size": {"type": "str"},
}

# How an instance's series come to the central side: that reads them, the instance writes them, or they stay there and
# Thanos Query asks for them when somebody looks.
FEDERATE, REMOTE_WRITE, THANOS = "federate", "remote_write", "thanos"

SCRAPE_OPTIONS: dict[str, dict[str, t.Any]] = {
    "transport": {"type": "str", "choices": [FEDERATE, REMOTE_WRITE, THANOS], "default": FEDERATE},
    **ACCESS_OPTIONS,
    "match": {"type": "list", "elements": "str", "default": DEFAULT_MATCH},
    "interval": {"type": "str", "default": "30s"},
    "timeout": {"type": "str", "default": "25s"},
    "labels": {"type": "dict", "default": {}},
    "limits": {"type": "dict", "default": {}, "options": LIMIT_OPTIONS},
    "into": {"type": "list", "elements": "str", "default": []},
    "normalize": {"type": "dict", "default": {}, "options": NORMALIZE_OPTIONS},
}

# The labels that no series of a source decides itself, and where what it claims of them stays.
CLAIMED = {"cluster": "claimed_cluster", "team": "claimed_team"}

# Set for every federated target; `instance` is the target's address.
_RESERVED_LABELS = (*CLAIMED, *CLAIMED.values(), "job", "instance")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one answer may hold at most: *samples*, and *body_size* before compression. More of it fails the scrape."""

    samples: int | None = None
    body_size: str | None = None


@dataclass(frozen=True, kw_only=True)
class Scrape:
    """How an instance's series come to the central side, by which *transport*.

    *labels* identify the source where its series lack them.

    *into*: the teams whose instances on the central cluster read it, in the order of the input; none means that which
    reads by default.
    """

    access: Access
    match: tuple[str, ...]
    interval: str
    timeout: str
    labels: t.Mapping[str, str]
    limits: Limits
    into: tuple[str, ...]
    normalize: Normalization
    transport: str = FEDERATE


def parse_scrape(values: Values, *, check_match: grammar.Check, path: str, errors: Errors) -> Scrape:
    """The part of validated *values* that both sides share (SCRAPE_OPTIONS)."""
    if not values["match"]:
        errors.add(f"{path}.match", "must not be empty: without a selector /federate returns nothing")
    interval = require(grammar.duration, values["interval"], path=f"{path}.interval", errors=errors)
    timeout = require(grammar.duration, values["timeout"], path=f"{path}.timeout", errors=errors)
    both_good = errors.is_good(f"{path}.interval") and errors.is_good(f"{path}.timeout")
    if both_good and (grammar.milliseconds(timeout) or 0) > (grammar.milliseconds(interval) or 0):
        errors.add(f"{path}.timeout", f"{timeout!r} must not be longer than the interval, {interval!r}")
    return Scrape(
        access=parse_access(values, path=path, errors=errors),
        match=tuple(sorted(require_each(check_match, values["match"], path=f"{path}.match", errors=errors))),
        interval=interval,
        timeout=timeout,
        labels=text_mapping(
            values["labels"],
            path=f"{path}.labels",
            check_name=_identity_label,
            check_value=grammar.prometheus_label_value,
            errors=errors,
        ),
        limits=_limits(values["limits"], path=f"{path}.limits", errors=errors),
        into=_into(values["into"], path=f"{path}.into", errors=errors),
        normalize=parse_normalize(values["normalize"], path=f"{path}.normalize", errors=errors),
        transport=values["transport"],
    )


def _into(names: t.Sequence[str], *, path: str, errors: Errors) -> tuple[str, ...]:
    for number, name in enumerate(names):
        place = f"{path}[{number}]"
        require(grammar.dns_label, name, path=place, errors=errors)
        if name in names[:number]:
            errors.add(place, f"{name!r} is in the list already")
    return tuple(names)


def _limits(values: Values, *, path: str, errors: Errors) -> Limits:
    limits = Limits(samples=values["samples"], body_size=values["body_size"])
    if limits.samples is not None and limits.samples < 1:
        errors.add(f"{path}.samples", f"must be at least 1, found {limits.samples}")
    if limits.body_size is not None:
        require(grammar.body_size, limits.body_size, path=f"{path}.body_size", errors=errors)
    return limits


def _identity_label(text: str) -> str | None:
    if text in _RESERVED_LABELS:
        return f"{text!r} is set for every federated instance and cannot be given"
    return grammar.prometheus_label(text)
