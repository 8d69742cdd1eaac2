"""What a capability gets without a cluster by being registered: the check of its input, rendering and rights."""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import parse
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import objects_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import CORE
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import CAPABILITIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.render import render
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.check import look_at
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right, covers

from tests.integration.support.toy import TOY
from tests.tools.rights import Account, accounts

RULE = "must consist of lower case letters, digits and '-', and begin and end with a letter or digit"


def checked(**params: t.Any) -> dict[str, t.Any]:
    return dict(ArgumentSpecValidator(cluster_options(TOY.options)).validate(params).validated_parameters)


def errors(toy: t.Any, **params: t.Any) -> list[str]:
    given = {
        "role": "toy_box",
        "options": None,
        "variables": None,
        "found": [],
        "fleet": None,
        "connection": None,
        **params,
    }
    return look_at({**given, "capabilities": {"toy": toy}}, environ={}, capabilities=(*CAPABILITIES, TOY)).errors


def test_its_input_is_checked_as_its_role_names_it() -> None:
    assert errors({"namespace": "toys", "names": ["bear"]}) == []
    assert errors(
        {"namespace": "Toys", "names": ["bear", {"x": 1}, "Car", "bear"], "nmes": ["car"]},
        options={"toy_box_names": {}},
        found=["toy_box_name"],
    ) == [
        "toy_box_name: unknown variable of the role toy_box; did you mean 'toy_box_names'?",
        "toy_box_names[1]: must be text, found a mapping",
        f"toy_box_names[2]: 'Car' {RULE}",
        "toy_box_names[3]: 'bear' is in the list already, as toy_box_names[0]",
        "toy_box_nmes: unknown key; did you mean 'names'?",
        f"toy_box_namespace: 'Toys' {RULE}",
    ]
    assert errors({}) == ["toy_box_namespace: is required"]
    assert errors("toys") == ["capabilities.toy: must be a mapping of options to their values"]


def test_it_is_rendered_to_files() -> None:
    files = render(objects_of(TOY, checked(namespace="toys", names=["car", "bear"])), number=3, by_team=False)
    assert list(files) == ["cluster.yaml", "kustomization.yaml", "namespace-toys.yaml"]
    (namespace,) = parse(files["cluster.yaml"])
    assert namespace["kind"] == "Namespace"
    found = [(obj["kind"], obj["metadata"]["name"]) for obj in parse(files["namespace-toys.yaml"])]
    assert found == [("ConfigMap", "bear"), ("ConfigMap", "car"), ("Role", "toy")]
    again = objects_of(TOY, checked(namespace="toys", names=["bear", "car"]))
    assert render(again, number=3, by_team=False) == files


def rights_of(account: Account, right: Right) -> bool:
    return any(covers(rule, right) for rule in account.rules)


def test_its_account_gets_its_rights() -> None:
    others = tuple(capability for capability in CAPABILITIES if (CORE, "ConfigMap") not in capability.kinds)
    before, after = (
        next(account for account in accounts(found) if account.name == "promfleet-teams")
        for found in (others, (*others, TOY))
    )
    for verb in ("create", "delete", "get", "list", "patch"):
        right = Right(group="", resource="configmaps", verb=verb)
        assert not rights_of(before, right)
        assert rights_of(after, right)
    assert set(after.sets) - set(before.sets) == {"toy"}
