"""What a capability gets without a cluster by being registered: rendering and rights."""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import parse
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.registry import CAPABILITIES
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.render import render
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.options import cluster_options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.access.rights import Right, covers

from tests.integration.support.toy import TOY
from tests.tools.rights import Account, accounts


def checked(**params: t.Any) -> dict[str, t.Any]:
    return dict(ArgumentSpecValidator(cluster_options(TOY.options)).validate(params).validated_parameters)


def test_it_is_rendered_to_files() -> None:
    files = render(TOY, checked(namespace="toys", names=["car", "bear"]))
    assert list(files) == ["cluster.yaml", "toys.yaml"]
    assert [obj["kind"] for obj in parse(files["cluster.yaml"])] == ["Namespace"]
    found = [(obj["kind"], obj["metadata"]["name"]) for obj in parse(files["toys.yaml"])]
    assert found == [("ConfigMap", "bear"), ("ConfigMap", "car"), ("Role", "toy")]
    assert render(TOY, checked(namespace="toys", names=["bear", "car"])) == files


def rights_of(account: Account, right: Right) -> bool:
    return any(covers(rule, right) for rule in account.rules)


def test_its_account_gets_its_rights() -> None:
    before, after = (
        next(account for account in accounts(found) if account.name == "promfleet-teams")
        for found in (CAPABILITIES, (*CAPABILITIES, TOY))
    )
    for verb in ("create", "delete", "get", "list", "patch"):
        right = Right(group="", resource="configmaps", verb=verb)
        assert not rights_of(before, right)
        assert rights_of(after, right)
    assert set(after.sets) - set(before.sets) == {"toy"}
