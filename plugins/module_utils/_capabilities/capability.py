# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a capability is: one set of objects in a cluster, from options by way of a typed model. Pure.

A capability is written once, in a folder of its own, and registered in registry.py. Its module, the check of its input,
its rendering, its rights and its removal follow from what stands here.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Prediction
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

JsonObject = dict[str, t.Any]
Kinds = tuple[tuple[str, str], ...]
Model = t.TypeVar("Model")


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What a policy may look at: the *cluster*, the module's *params*, *check* mode, and in it the CRDs *to_come*."""

    cluster: Cluster
    params: t.Mapping[str, t.Any]
    check: bool
    to_come: Prediction


def _unchanged(request: Request, _model: t.Any, _situation: Situation) -> Request:
    return request


@dataclass(frozen=True, kw_only=True)
class Capability(t.Generic[Model]):
    """One capability.

    *name* is the name of its set, and a part of the set's label: it never changes. *kinds* are the (apiVersion, kind)
    pairs that it can ever make. *options* are its module's own options. *parse* makes a model of a module's parameters
    and raises InputError; *desired* makes objects of a model, the same bytes for the same model.

    *module* is the name of its module, *role* that of its role, whose variables are the module's options behind the
    role's name. *account*: the account in docs/rights that holds its rights. *example*: parameters for which it makes
    an object of every kind.
    *neighbours*: capabilities whose objects are deleted together with a namespace of this one. *requires*: capabilities
    whose models it uses. *policy* adds to a request what must not happen to the set; its model is None where the set is
    removed.
    """

    name: str
    kinds: Kinds
    options: JsonObject
    parse: t.Callable[[t.Mapping[str, t.Any]], Model]
    desired: t.Callable[[Model], list[JsonObject]]
    module: str
    role: str
    account: str
    example: JsonObject
    neighbours: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    policy: t.Callable[[Request, Model | None, Situation], Request] = _unchanged


def objects_of(capability: Capability[Model], params: t.Mapping[str, t.Any]) -> list[JsonObject]:
    """The objects that a module's checked *params* ask for, without a cluster; raises InputError."""
    return capability.desired(capability.parse(params))
