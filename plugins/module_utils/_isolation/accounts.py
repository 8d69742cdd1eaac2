# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks the authorizer for each class of permissions whether a ServiceAccount of the stack has it elsewhere."""

from __future__ import annotations

import fnmatch
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SET_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.parallel import side_by_side
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import (
    INSTANCE_ACCOUNT,
    Attack,
    Review,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.outcome import Sent
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.stage import Stage
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import WORKERS

JsonObject = dict[str, t.Any]

REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
NAMED = 5


def accounts_of(cluster: Cluster, *, people: t.Collection[str]) -> list[tuple[str, str]]:
    """Namespace and name of each ServiceAccount that the collection made, but for those of *people*'s namespaces."""
    resource = cluster.resource("v1", "ServiceAccount")
    if resource is None:
        return []
    found = cluster.list_metadata(resource, selector=SET_LABEL)
    names = sorted((obj["metadata"]["namespace"], obj["metadata"]["name"]) for obj in found)
    return [(namespace, name) for namespace, name in names if namespace not in people]


def review_all(cluster: Cluster, attacks: t.Sequence[Attack], *, stage: Stage) -> dict[str, Sent]:
    """For each class whether an account has it outside of its own namespace, as `Sent`: a guard where none has."""
    people = [actor.people for actor in stage.actors]
    accounts = accounts_of(cluster, people=people)
    reviews = {attack.id: attack.action for attack in attacks if isinstance(attack.action, Review)}
    asked = [(number, account) for number in reviews for account in accounts]

    def allowed(question: tuple[str, tuple[str, str]]) -> bool | str:
        number, account = question
        return _is_allowed(cluster, reviews[number], account=account, stage=stage)

    answers = dict(zip(asked, side_by_side(allowed, asked, workers=WORKERS), strict=True))
    return {number: _sent(number, accounts=accounts, answers=answers) for number in reviews}


def _sent(
    number: str,
    *,
    accounts: t.Sequence[tuple[str, str]],
    answers: t.Mapping[tuple[str, tuple[str, str]], bool | str],
) -> Sent:
    given = {f"{account[0]}:{account[1]}": answers[number, account] for account in accounts}
    unknown = [str(answer) for answer in given.values() if isinstance(answer, str)]
    if unknown or not given:
        return Sent(problem=True, said=unknown[0] if unknown else "there is no account of the collection")
    having = [name for name, answer in given.items() if answer]
    if having:
        return Sent(said=first_of(having, NAMED, separator=", "))
    return Sent(guard=INSTANCE_ACCOUNT, said=f"denied to {len(given)} accounts")


def _is_allowed(cluster: Cluster, review: Review, *, account: tuple[str, str], stage: Stage) -> bool | str:
    """Whether an account may; the reason where that is not known."""
    namespace, name = account
    full = f"{namespace}:{name}"
    if any(fnmatch.fnmatchcase(full, pattern) for pattern in review.excused):
        return False
    own = {stage.victim.own, stage.victim.instance}
    elsewhere = stage.attacker.instance if namespace in own else stage.victim.instance
    try:
        return any(_asked(cluster, review, user=full, namespace=place) for place in (elsewhere, "kube-system"))
    except ClusterError as error:
        return str(error)


def _asked(cluster: Cluster, review: Review, *, user: str, namespace: str) -> bool:
    namespace_of_user = user.partition(":")[0]
    what: JsonObject = (
        {"nonResourceAttributes": {"path": review.path, "verb": review.verb}}
        if review.path
        else {
            "resourceAttributes": {
                "verb": review.verb,
                "group": review.group,
                "resource": review.resource,
                "subresource": review.subresource,
                "namespace": namespace,
            }
        }
    )
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace_of_user}", "system:authenticated"]
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": f"system:serviceaccount:{user}", "groups": groups, **what},
    }
    return bool(cluster.request("POST", REVIEWS, body=body)[1]["status"].get("allowed"))
