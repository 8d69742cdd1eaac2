"""A capability that exists in tests only: what registering one gives, it gets by that alone."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import PLATFORM_TEAM, common_labels
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import Capability
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import CORE, RBAC, make
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import require, require_each

JsonObject = dict[str, t.Any]


@dataclass(frozen=True, kw_only=True)
class Toys:
    """A ConfigMap for each name in one namespace, and an account that may read them."""

    namespace: str
    names: tuple[str, ...]


def parse(params: t.Mapping[str, t.Any], errors: Errors) -> Toys:
    """The toys from the module's parameters."""
    return Toys(
        namespace=require(grammar.dns_label, params["namespace"], path="namespace", errors=errors),
        names=require_each(grammar.dns_label, params["names"], path="names", errors=errors),
    )


def desired(model: Toys) -> list[JsonObject]:
    """The objects of the toys."""
    labels = common_labels("toy", team=PLATFORM_TEAM)
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]
    return [
        make(CORE, "Namespace", model.namespace, labels=labels),
        make(RBAC, "Role", "toy", namespace=model.namespace, labels=labels, rules=rules),
        *(
            make(CORE, "ConfigMap", name, namespace=model.namespace, labels=labels, data={"kind": "toy"})
            for name in model.names
        ),
    ]


TOY: Capability[Toys] = Capability(
    name="toy",
    kinds=((CORE, "Namespace"), (CORE, "ConfigMap"), (RBAC, "Role")),
    options={
        "namespace": {"type": "str", "required": True},
        "names": {"type": "list", "elements": "str", "default": [], "no_log": False},
    },
    parse=parse,
    desired=desired,
    module="toy",
    role="toy_box",
    account="promfleet-teams",
    example={"namespace": "toys", "names": ["bear"]},
)
