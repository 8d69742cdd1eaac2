"""The API server, cel-expr-python and OPA give the same verdicts; `make prove` compares the whole corpus."""

from __future__ import annotations

import os
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.source import load_crds
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.policies import PolicySet, parse_policies
from ansible_collections.promfleet.monitoring.plugins.module_utils._policy.stored import Schemas

from promlab.controlplane import ControlPlane
from tests.integration.support import policy_corpus as corpus
from tests.integration.support.cluster import Cluster
from tests.integration.support.inventory import single
from tests.integration.support.playbook import CHECKOUT, Run
from tests.integration.support.policy_engines import compare, server_verdict

JsonObject = dict[str, t.Any]
ROWS: list[JsonObject] = yaml.safe_load((CHECKOUT / "roles/policy/files/policies.yml").read_text())
# `make test` takes each so-manieth of the cases, which are of all sorts all along; `make prove` all of them.
STEP = int(os.environ.get("PROMFLEET_CORPUS", "5"))


def policy_set() -> PolicySet:
    """The policies of the corpus, as the module reads them."""
    given = corpus.variables(ROWS)
    return parse_policies(
        {
            "shipped": ROWS,
            "rows": [],
            "changes": given["policy_changes"],
            "enforcement": "warn",
            "exemptions": given["policy_exemptions"],
            "platform_accounts": given["promfleet_platform_accounts"],
            "platform_team": "platform",
            "cluster": "hub",
        }
    )


@pytest.fixture(scope="module")
def warned(playbook: Callable[..., Run], plane: ControlPlane, api: Cluster) -> Iterator[Cluster]:
    """The API server with all policies in warn; afterwards nothing of the corpus is there."""
    inventory = single(name="test-plane", kubeconfig=plane.kubeconfig, **corpus.variables(ROWS))
    role = {"kind": "ClusterRole", "name": "cluster-admin", "apiGroup": "rbac.authorization.k8s.io"}
    subjects = [{"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"} for name in corpus.ACCOUNTS]
    binding = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "roleRef": role}
    api.apply({**binding, "metadata": {"name": "corpus"}, "subjects": subjects}, force=True)
    for name, labels in corpus.NAMESPACES.items():
        api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}, force=True)
    playbook("policy", inventory=inventory).require_success()
    # The last one in the order of names counts as soon as the others, or later.
    last = [
        corpus.Case(row=row, operation="CREATE", new=bad[0], old=None, account=corpus.PERSON)
        for row, bad in corpus.BAD.items()
    ]
    api.wait_until(
        lambda: all(case.row in (server_verdict(api, case, body=case.new) or ()) for case in last), "all policies count"
    )
    yield api
    playbook("uninstall", inventory=inventory).require_success()
    for obj in api.list_kind(api.kind("v1", "Namespace")):
        if obj["metadata"]["name"].startswith(("corpus-", "plain-")):
            api.delete("v1", "Namespace", obj["metadata"]["name"])
    api.delete("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "corpus")


def test_three_engines_agree(warned: Cluster, tmp_path: Path) -> None:
    cases = list(corpus.cases())
    assert len(cases) >= 1000
    compared = compare(
        warned,
        policy_set().policies,
        cases[::STEP],
        schemas=Schemas(load_crds(version=PROMETHEUS_OPERATOR)),
        folder=tmp_path,
    )
    assert compared.differences == ()
    assert compared.judged >= 200
    # Neither everything nor nothing passes.
    assert 50 <= compared.failing <= compared.judged - 50
