# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an attack is, and what a team must be able to do: the columns of the isolation matrix. Pure.

The matrix is data: each row says who acts with which credential, what is sent, which guards deny it, and how its effect
is measured. Nothing in a row is code, so that the module, the proofs and the documentation read the same rows.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

JsonObject = dict[str, t.Any]

# -- who acts ---------------------------------------------------------------------------------------------------------

PEOPLE = "people"
OWNER = "owner"
POD = "pod"
ACCOUNTS = "accounts"
CREDENTIALS: dict[str, str] = {
    PEOPLE: "a token of a ServiceAccount that is bound as the team's people are",
    OWNER: "the same, with the built-in role edit in the team's own namespace",
    POD: "a pod in the team's own namespace, without any credential",
    ACCOUNTS: "each ServiceAccount that the collection creates",
}

# -- doors ------------------------------------------------------------------------------------------------------------

DOORS: dict[str, str] = {
    "relabeling": "Relabelings of monitors: where Prometheus sends its requests, and with which labels it stores",
    "selection": "Which namespaces a monitor selects targets from",
    "addresses": "Services without a selector, and endpoints that are written by hand",
    "fields": "Fields of monitors that name addresses, files or credentials",
    "probes": "Probes: their prober and their targets",
    "scrapeconfigs": "ScrapeConfigs",
    "identity": "The labels namespace, team and cluster, which say whose a series is",
    "notifications": "Addresses that an AlertmanagerConfig lets Alertmanager send to",
    "network": "Requests from the team's pods to the instances of others",
    "instance": "Objects, pods and Secrets of the instance, which the platform owns",
    "ownership": "The label that says which team a namespace belongs to",
    "cluster": "Objects of other namespaces and of the whole cluster",
    "flooding": "Objects so large or so many that the operator suffers",
    "accounts": "What the ServiceAccounts of the stack may do themselves",
}

# -- guards -----------------------------------------------------------------------------------------------------------

# The part before the colon: what kind of guard it is.
POLICY, NETWORK, RIGHTS, OPERATOR, QUOTA = "policy", "network", "rights", "operator", "quota"
GUARD_KINDS: dict[str, str] = {
    POLICY: "a ValidatingAdmissionPolicy of the capability policy, by the id of its row",
    NETWORK: "a NetworkPolicy of the team's instance",
    RIGHTS: "what an account is not granted",
    OPERATOR: "a field of the team's Prometheus or Alertmanager that the operator enforces",
    QUOTA: "a ResourceQuota of the team's own namespaces",
}
TEAM_PEOPLE = "rights:team-people"
INSTANCE_ACCOUNT = "rights:instance-account"

# -- what is done -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Put:
    """Objects that are created one after the other. Those without a namespace go into the team's own namespace.

    *keeps*: False where the API server is only asked whether it would store them (a dry run), because the stored object
    itself would do harm.
    """

    objects: tuple[JsonObject, ...]
    keeps: bool = True


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One request to the API server. Writes are dry runs where *dry*, so that a fleet is not changed by it."""

    method: str
    path: str
    query: t.Mapping[str, str] = field(default_factory=dict)
    body: JsonObject | None = None
    content_type: str = "application/json"
    headers: t.Mapping[str, str] = field(default_factory=dict)
    dry: bool = False


@dataclass(frozen=True, kw_only=True)
class Configured:
    """A part of the configuration of the team's own pod, which sends requests by it for as long as it runs.

    *jobs*, *alerts* and *writes* are parts of Prometheus' configuration: that is the program in the pod.
    """

    jobs: tuple[JsonObject, ...] = ()
    alertmanagers: tuple[str, ...] = ()
    writes: tuple[JsonObject, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Review:
    """A question to the authorizer, for each account: whether it may do this outside of its own namespace.

    *excused*: accounts that may, by a pattern of their names, each with the reason.
    """

    verb: str
    resource: str = ""
    group: str = ""
    subresource: str = ""
    path: str = ""
    excused: t.Mapping[str, str] = field(default_factory=dict)


Action: t.TypeAlias = "Put | Ask | Configured | Review"

# -- what is measured -------------------------------------------------------------------------------------------------

STORED = "stored"
ANSWERED = "answered"
SERIES = "series"
AIMED = "aimed"
REACHED = "reached"
DELIVERED = "delivered"
ALERTED = "alerted"
ALLOWED = "allowed"
EFFECTS: dict[str, str] = {
    STORED: "the API server stores the object",
    ANSWERED: "the API server answers the request",
    SERIES: "a query finds its series",
    AIMED: "Prometheus has a target that it sends requests to as the attack wants",
    REACHED: "Prometheus gets an answer from the attack's target",
    DELIVERED: "the victim counts a request of this kind",
    ALERTED: "the Alertmanager has the alert",
    ALLOWED: "the authorizer allows it",
}
# Where a query is asked: the attacker's instance, the victim's, or the program in the attacker's own pod.
ATTACKER, VICTIM, OWN_POD = "attacker", "victim", "own pod"


@dataclass(frozen=True, kw_only=True)
class Effect:
    """How it is measured that an attack succeeded.

    *what*: for ``series`` a query, which finds something where it succeeded; for ``aimed`` a part of the target's
    address, path or interval; for ``delivered`` the path at the victim's Prometheus that counts requests; for
    ``alerted`` the name of the alert. *at*: where a query is asked.
    """

    kind: str
    what: str = ""
    at: str = ATTACKER


# -- rows -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One attack of a team on others, on the platform, or on the operator.

    *mechanism*: attacks of one mechanism are variants, which count once. *guards*: each of them denies it alone.
    *live*: whether it does no harm on a fleet that is in use, where it is tried with two throwaway teams. *source*:
    where the idea is from.
    """

    id: str
    title: str
    door: str
    mechanism: str
    credential: str
    action: Action
    effect: Effect
    guards: tuple[str, ...]
    source: str
    live: bool = True

    @property
    def is_measured(self) -> bool:
        """Whether its effect shows only some time after the API server took it."""
        return self.effect.kind in (SERIES, AIMED, REACHED, DELIVERED, ALERTED)


@dataclass(frozen=True, kw_only=True)
class Control:
    """Something that a team must be able to do with the same credential."""

    id: str
    title: str
    credential: str
    action: Action
    effect: Effect


Row: t.TypeAlias = "Attack | Control"

# -- templates --------------------------------------------------------------------------------------------------------

_PLACE = re.compile(r"<<([a-z_]+)>>")


def filled(data: t.Any, places: t.Mapping[str, str]) -> t.Any:
    """*data* with each ``<<name>>`` in its texts and keys replaced by that of *places*; raises KeyError for others."""
    if isinstance(data, str):
        return _PLACE.sub(lambda found: places[found[1]], data)
    if isinstance(data, t.Mapping):
        return {filled(key, places): filled(value, places) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [filled(item, places) for item in data]
    return data


def places_in(data: t.Any) -> set[str]:
    """The names of all places in *data*."""
    if isinstance(data, str):
        return set(_PLACE.findall(data))
    if isinstance(data, t.Mapping):
        return {name for pair in data.items() for part in pair for name in places_in(part)}
    if isinstance(data, (list, tuple)):
        return {name for item in data for name in places_in(item)}
    return set()
