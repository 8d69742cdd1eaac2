"""The account that runs of the tests use instead of an administrator's: what docs/rights ships, and nothing else.

A program for molecule's create step; fixtures call `provide`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import yaml

from tests.integration.support.cluster import Cluster, JsonObject

CHECKOUT = Path(__file__).resolve().parents[3]
RIGHTS = CHECKOUT / "docs/rights"
NAMESPACE = "promfleet"
SHIPPED = (
    "promfleet-operator",
    "promfleet-teams",
    "promfleet-remover",
    "promfleet-exporters",
    "promfleet-grafana",
    "promfleet-isolation",
    "promfleet-pulling",
)
GROUP = "rbac.authorization.k8s.io"
RECORDS_NAMESPACE = "kube-system"
# Longer than any run of the suite.
TOKEN_SECONDS = 86_400


def documents(path: Path) -> list[JsonObject]:
    """The objects of one file."""
    return list(yaml.safe_load(path.read_text(encoding="utf-8"))["items"])


def install_roles(cluster: Cluster) -> None:
    """Applies what is shipped, as `kubectl apply -f docs/rights` would."""
    for path in sorted(RIGHTS.glob("*.yml")):
        for obj in sorted(documents(path), key=lambda obj: obj["kind"] != "Namespace"):
            cluster.apply(obj, force=True)


def make_account(cluster: Cluster, name: str, *, roles: Iterable[str]) -> str:
    """A ServiceAccount with these ClusterRoles, and the Roles of their names in kube-system; returns its token."""
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}, force=True)
    metadata = {"name": name, "namespace": NAMESPACE}
    cluster.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}, force=True)
    for role in roles:
        cluster.apply(binding("ClusterRole", role, account=name), force=True)
        if cluster.find(f"{GROUP}/v1", "Role", role, RECORDS_NAMESPACE) is not None:
            cluster.apply(binding("Role", role, account=name, namespace=RECORDS_NAMESPACE), force=True)
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{name}/token"
    spec = {"expirationSeconds": TOKEN_SECONDS}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    return str(cluster.request("POST", path, body=body)["status"]["token"])


def binding(kind: str, role: str, *, account: str, namespace: str = "") -> JsonObject:
    """Gives an account a role: everywhere, or with *namespace* there."""
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": f"{account}-{role}", **({"namespace": namespace} if namespace else {})},
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": NAMESPACE}],
    }


def is_allowed(cluster: Cluster, **attributes: str) -> bool:
    """Whether the cluster allows the account of this connection something."""
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = cluster.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body=body)
    return bool(answer["status"]["allowed"])


def write_kubeconfig(admin: Path, *, tokens: Mapping[str, str], output: Path) -> None:
    """A copy of the file *admin* in which the contexts of *tokens* use these; others stay as they were before."""
    data = yaml.safe_load(admin.read_text(encoding="utf-8"))
    before = yaml.safe_load(output.read_text(encoding="utf-8")) if output.exists() else {}
    known = {user["name"]: user for user in before.get("users") or ()} | {
        f"{context}-account": {"name": f"{context}-account", "user": {"token": token}}
        for context, token in tokens.items()
    }
    contexts = [
        {"name": item["name"], "context": {**item["context"], "user": f"{item['name']}-account"}}
        for item in data["contexts"]
        if f"{item['name']}-account" in known
    ]
    data |= {"contexts": contexts, "users": [known[item["context"]["user"]] for item in contexts]}
    data.pop("current-context", None)
    unfinished = output.with_name(f"{output.name}.new")
    unfinished.touch(mode=0o600)
    unfinished.write_text(json.dumps(data), encoding="utf-8")
    unfinished.replace(output)


def path_beside(admin: Path) -> Path:
    """Where the account's kubeconfig lies."""
    return admin.with_name(f"{admin.name}-of-the-account")


def provide(admin: Path, *, contexts: Sequence[str]) -> Path:
    """Makes the account in each cluster, with all that is shipped, and returns the file with its contexts."""
    output = path_beside(admin)
    for context in contexts:
        install_roles(Cluster(kubeconfig=admin, context=context))
        give(admin, context=context, name="promfleet", roles=SHIPPED, output=output)
    return output


def give(admin: Path, *, context: str, name: str, roles: Iterable[str], output: Path) -> None:
    """Makes an account of its own in one cluster and writes its context to *output*; its rights count then."""
    token = make_account(Cluster(kubeconfig=admin, context=context), name, roles=roles)
    write_kubeconfig(admin, tokens={context: token}, output=output)
    account = Cluster(kubeconfig=output, context=context)
    # The API server takes bindings over within a moment.
    account.wait_until(partial(_has_all, account), "the account has its rights")


def _has_all(account: Cluster) -> bool:
    """Whether each of the bindings counts already, judged by a right that only its role gives."""
    record = {"resource": "configmaps", "verb": "patch", "namespace": RECORDS_NAMESPACE}
    return (
        is_allowed(account, group="apps", resource="deployments", verb="create", name="prometheus-operator")
        and is_allowed(account, group="discovery.k8s.io", resource="endpointslices", verb="patch")
        and is_allowed(account, group="*", resource="*", verb="list")
        and is_allowed(account, **record, name="promfleet-set-default.operator")
        and is_allowed(account, **record, name="promfleet-set-default.teams")
    )


def main() -> None:
    """Makes the account in some clusters."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("contexts", nargs="+")
    arguments = parser.parse_args()
    print(provide(arguments.kubeconfig.expanduser(), contexts=arguments.contexts))


if __name__ == "__main__":
    main()
