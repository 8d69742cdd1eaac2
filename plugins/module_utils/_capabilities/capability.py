# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a capability is: one set of objects in a cluster, from options by way of a typed model. Pure.

A capability is written once, in a folder of its own, and registered in registry.py. Its module, the check of its input,
its rendering, its rights and its removal follow from what is given here.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._prometheus.rules import RuleText
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Prediction
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

JsonObject = dict[str, t.Any]
# Options that every role fills in from the variables of the role promfleet.
_SHARED_VARIABLES = {
    "cluster": "promfleet_cluster",
    "cluster_facts": "promfleet_cluster_labels",
    "clusters": "promfleet_cluster",
    "platform_team": "promfleet_platform_team",
}
Kinds = tuple[tuple[str, str], ...]
Model = t.TypeVar("Model")


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What a policy may look at: the *cluster*, the module's *params*, *check* mode, and in it the CRDs *to_come*."""

    cluster: Cluster
    params: t.Mapping[str, t.Any]
    check: bool
    to_come: Prediction


@dataclass(frozen=True, kw_only=True)
class Offline:
    """What counts where no cluster is asked: the operator's *kinds* that the cluster will serve.

    What only a cluster could say is noted in *errors*, with the option that says it instead, and in *warnings* where
    the objects may differ from what a run would apply.
    """

    kinds: tuple[str, ...]
    errors: Errors
    warnings: list[str] = field(default_factory=list)


def _unchanged(request: Request, _model: t.Any, _situation: Situation) -> Request:
    return request


def _complete(_model: t.Any, _params: t.Mapping[str, t.Any], _errors: Errors) -> None:
    return None


def _no_rules(_model: t.Any) -> t.Sequence[RuleText]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Capability(t.Generic[Model]):
    """One capability.

    *name* is the name of its set, and a part of the set's label: it never changes. *kinds* are the (apiVersion, kind)
    pairs that it can ever make. *options* are its module's own options. *parse* makes a model of a module's parameters,
    which *options* have checked, and notes in the Errors that it is given what else is wrong; its model counts only
    where nothing is. *desired* makes objects of a model, the same bytes for the same model.

    *module* is the name of its module, *role* that of its role, whose variables are the module's options behind the
    role's name. *variables*: where an option has another variable, or is made of one; None if the role has it from
    its own files or from other hosts, so that users cannot give it wrongly. *account*: the account in docs/rights that
    holds its rights. *example*: parameters for which it makes an object of every kind. *needs_promql*: whether *parse*
    needs promql-parser. An example has all that makes its objects known without a cluster.

    *neighbours*: capabilities whose objects are deleted together with a namespace of this one. *requires*: capabilities
    whose models it uses. *policy* adds to a request what must not happen to the set; its model is None if the set is
    removed. *require* notes what a run lacks that applies the model, and *rules* are those of the model that users
    wrote: a run and the check of its input judge them, what only looks at a fleet does not.
    *offline* gives the objects that a run would apply, without a cluster; by default those of *desired*.
    """

    name: str
    kinds: Kinds
    options: JsonObject
    parse: t.Callable[[t.Mapping[str, t.Any], Errors], Model]
    desired: t.Callable[[Model], list[JsonObject]]
    module: str
    role: str
    account: str
    example: JsonObject
    variables: t.Mapping[str, str | None] = field(default_factory=dict)
    needs_promql: bool = False
    neighbours: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    policy: t.Callable[[Request, Model | None, Situation], Request] = _unchanged
    require: t.Callable[[Model, t.Mapping[str, t.Any], Errors], None] = _complete
    rules: t.Callable[[Model], t.Sequence[RuleText]] = _no_rules
    offline: t.Callable[[Model, Offline], list[JsonObject]] | None = None

    def variable(self, path: str) -> str:
        """The place *path*, which begins with an option, as the users of the role write it."""
        option = option_of(path)
        known = {**_SHARED_VARIABLES, **self.variables}
        return (known.get(option) or f"{self.role}_{option}") + path.removeprefix(option)


def option_of(path: str) -> str:
    """The option that a place of a module's parameters begins with."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def model_of(capability: Capability[Model], params: t.Mapping[str, t.Any]) -> Model:
    """The model of a module's checked *params*; raises InputError with all that is wrong."""
    with Collecting(None) as errors:
        return capability.parse(params, errors)


def objects_of(capability: Capability[Model], params: t.Mapping[str, t.Any]) -> list[JsonObject]:
    """The objects that a module's checked *params* ask for, without a cluster; raises InputError."""
    return capability.desired(model_of(capability, params))


def offline_objects(capability: Capability[Model], model: Model, offline: Offline) -> list[JsonObject]:
    """The objects that a run would apply, without a cluster; what is missing for that is noted in *offline*."""
    return capability.desired(model) if capability.offline is None else capability.offline(model, offline)
