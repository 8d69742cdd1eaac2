# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a source sends that writes by remote_write: its selection as relabelings, and to whom. Pure.

The selection is the same as that of /federate, with two differences. Relabelings see the external labels, which match[]
does not: a selector that asks for one is refused. And all samples of a series are sent, not the newest one of each
scrape.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.access import access_fields
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.endpoints import (
    FederationTargetSet,
    Region,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.readers import readers_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.receivers import (
    Receiver,
    parse_receivers,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.scraped import series_steps
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.sources import Source
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.model import (
    RESERVED_LABELS,
    Team,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.promql import (
    Fault,
    Matcher,
    Selector,
    read_selector,
)

JsonObject = dict[str, t.Any]

# Always sent: by these the central side sees that a source writes. The first every Prometheus has of itself, the second
# the base rules record.
HEARTBEATS = ("prometheus_build_info", "team:up:count")
HEARTBEAT = f'{{__name__=~"{"|".join(HEARTBEATS)}"}}'

_RECEIVERS = "central_receivers"

# How far a series has come with one selector, and whether any has taken it. Names like these are free for users of
# relabelings (docs/configuration/configuration.md of Prometheus), and are gone before anything is sent.
_STATE, _TAKEN = "__tmp_promfleet_state", "__tmp_promfleet_taken"


@dataclass(frozen=True, kw_only=True)
class Central:
    """A cluster that sources are written to: the *team* whose instance has them by default, and the receivers there."""

    cluster: str
    team: Team
    receivers: t.Mapping[str, Receiver]


# -- to whom ------------------------------------------------------------------------------------------------------


def parse_centrals(params: t.Mapping[str, t.Any], *, teams: t.Sequence[Team], errors: Errors) -> tuple[Central, ...]:
    """The clusters that the one of *params* is written to, with what their own hosts say of them."""
    by_name = {team.name: team for team in teams}
    found = []
    for cluster in params["centrals"]:
        name = (params["central_teams"] or {}).get(cluster) or params["platform_team"]
        team = by_name.get(name, teams[0]).on(cluster)
        raw = (params["central_receivers"] or {}).get(cluster) or []
        path = f"{_RECEIVERS}.{cluster}"
        given = parse_receivers(raw, teams=teams, central_team=team.name, cluster=cluster, path=path, errors=errors)
        found.append(Central(cluster=cluster, team=team, receivers={one.team: one for one, _team in given}))
    return tuple(found)


def written(
    source: Source,
    team: Team,
    *,
    cluster: str,
    region: Region | None,
    centrals: t.Sequence[Central],
    teams: t.Sequence[Team],
    errors: Errors,
) -> tuple[JsonObject, ...]:
    """What the Prometheus of a source's *team* gets as remoteWrite: an entry for each replica that has its series.

    Notes in *errors* what cannot be written, and where a receiver is missing.
    """
    _check_selectors(source, team, errors=errors)
    if not centrals:
        errors.add(f"{source.path}.transport", "needs centrals and central_receivers: they say who is written to")
    entries: list[JsonObject] = []
    for central in centrals:
        of = (cluster, source.team)
        for reader in readers_of(source.scrape.into, of=of, cluster=central.cluster, central=central.team, teams=teams):
            receiver = central.receivers.get(reader.name)
            if receiver is None and not errors.is_good(f"{_RECEIVERS}.{central.cluster}"):
                continue
            if receiver is None:
                errors.add(
                    f"{source.path}.transport",
                    f"needs a receiver of team {reader.name!r} on {central.cluster}; {_RECEIVERS} has none",
                )
                continue
            _check_url(source, receiver, path=source.path, errors=errors)
            entries += _entries(source, receiver, central=central.cluster, cluster=cluster, region=region)
    return tuple(entries)


def _entries(
    source: Source, receiver: Receiver, *, central: str, cluster: str, region: Region | None
) -> t.Iterator[JsonObject]:
    targets = FederationTargetSet(cluster=cluster, team=source.team, targets=(), scrape=source.scrape, region=region)
    steps = [
        *selecting_steps([*source.scrape.match, HEARTBEAT]),
        *_added_labels(source.scrape.labels),
        *series_steps(targets),
    ]
    for replica, url in enumerate(receiver.urls):
        yield {
            "name": f"{central}/{receiver.team}/{replica}",
            "url": url,
            **access_fields(source.scrape.access),
            "sendNativeHistograms": True,
            "writeRelabelConfigs": steps,
        }


def _check_url(source: Source, receiver: Receiver, *, path: str, errors: Errors) -> None:
    access = source.scrape.access
    if all(url.startswith("https:") for url in receiver.urls):
        return
    for name in ("tls_config", "basic_auth", "bearer_token"):
        if getattr(access, name) is not None:
            errors.add(
                f"{path}.{name}", f"needs a receiver whose urls begin with https; that of {receiver.team!r} has http"
            )


# -- what ---------------------------------------------------------------------------------------------------------


def _check_selectors(source: Source, team: Team, *, errors: Errors) -> None:
    external = {*RESERVED_LABELS, *team.labels}
    for number, text in enumerate(source.scrape.match):
        selector = read_selector(text)
        if isinstance(selector, Fault):
            continue
        asked = sorted({matcher.label for matcher in selector.matchers} & external)
        if asked:
            errors.add(
                f"{source.path}.match",
                f"{text} asks for {asked[0]}: every series has this label when remote_write selects, because it is an "
                f"external label; remove the matcher, or use transport: federate (selector {number + 1})",
            )


def selecting_steps(match: t.Iterable[str]) -> list[JsonObject]:
    """Relabelings that keep the series which one of the good selectors *match* selects, and drop all others.

    A relabeling looks at labels that are joined to one text, so a value could be taken for two of them. Here each step
    looks at one label, behind the number of the matchers that were met.
    """
    steps = [_set(_TAKEN, "")]
    for text in match:
        selector = read_selector(text)
        if isinstance(selector, Fault):
            raise ValueError(selector.reason)  # noqa: TRY004 - the text is wrong, not its type
        steps += _of_selector(selector)
    steps.append({"action": "keep", "regex": "1", "sourceLabels": [_TAKEN]})
    steps.append({"action": "labeldrop", "regex": f"{_STATE}|{_TAKEN}"})
    return steps


def _of_selector(selector: Selector) -> t.Iterator[JsonObject]:
    # Wanted values first: a step that excludes does not count.
    matchers = sorted(selector.matchers, key=lambda matcher: matcher.operator in ("!=", "!~"))
    met = 0
    yield _set(_STATE, str(met))
    for matcher in matchers:
        excludes = matcher.operator in ("!=", "!~")
        yield {
            "action": "replace",
            "regex": f"{met};(?:{_pattern(matcher)})",
            "replacement": "" if excludes else str(met + 1),
            "sourceLabels": [_STATE, matcher.label],
            "targetLabel": _STATE,
        }
        met += 0 if excludes else 1
    yield {"action": "replace", "regex": str(met), "replacement": "1", "sourceLabels": [_STATE], "targetLabel": _TAKEN}


def _pattern(matcher: Matcher) -> str:
    return matcher.value if matcher.operator in ("=~", "!~") else re.escape(matcher.value)


def _set(label: str, value: str) -> JsonObject:
    return {"action": "replace", "replacement": value, "targetLabel": label}


def _added_labels(labels: t.Mapping[str, str]) -> list[JsonObject]:
    """The labels of a source, for series that lack them. The operator leaves out a regular expression that is empty."""
    return [
        {"action": "replace", "regex": "^$", "replacement": value, "sourceLabels": [name], "targetLabel": name}
        for name, value in sorted(labels.items())
    ]
