# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading what there is of the operator, and of operators of others."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import (
    Key,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.platforms import (
    platform_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    MONITORING_GROUP,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.asking import (
    Limit,
    Question,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.chain import mapped
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    Fact,
    Unobserved,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.operators import (
    MetOperator,
    OperatorFacts,
    Unserved,
    met,
    unserved,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.reading import (
    Reader,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.shown import shown
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.view import (
    View,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.wanted import (
    NEEDED_KINDS,
    Wanted,
    reference,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import (
    Subject,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.find import (
    instances_in,
    operators_in,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.quarrel import (
    quarrels,
)

JsonObject = dict[str, t.Any]


CRDS = Resource(
    api_version="apiextensions.k8s.io/v1",
    kind="CustomResourceDefinition",
    plural="customresourcedefinitions",
    namespaced=False,
    verbs=frozenset({"list"}),
)


# The name of the question.
_OWNERS = "owners"


@dataclass(frozen=True, kw_only=True)
class _Owners:
    """What is wrong with who reconciles which instance."""

    quarrels: tuple[MetOperator, ...] = ()
    unserved: tuple[Unserved, ...] = ()


class OperatorReading:
    """Looks for the operator, again and again, and for others that meet it."""

    def __init__(self, cluster: Cluster, view: View, wanted: Wanted, *, reader: Reader) -> None:
        self._cluster = cluster
        self._view = view
        self._wanted = wanted
        self._reader = reader

    def facts(self) -> list[OperatorFacts]:
        """What is there of it, or of each of several."""

        def missing() -> tuple[str, ...]:
            served = {version: self._cluster.resources(version, refresh=True) or {} for version in NEEDED_KINDS}
            return tuple(
                kind for version, kinds in NEEDED_KINDS.items() for kind in kinds if kind not in served[version]
            )

        def unsupported() -> str:
            platform = platform_of(self._cluster)
            return platform.reason if platform is not None else ""

        cluster, namespace = self._wanted.cluster, self._wanted.operator_namespace
        names = self._wanted.operator_names
        subjects = {name: _subject(self._wanted, name) for name in names}
        own = [Key("apps", "Deployment", namespace, name) for name in names]
        questions: dict[t.Hashable, Question[t.Any]] = {
            "kinds": self._reader.asking("APIResourceList", missing),
            **{name: self._reader.finding(reference("apps/v1", "Deployment", namespace, name)) for name in names},
            _OWNERS: lambda limit: self._owners(own, limit),
        }
        found = self._reader.ask_about(questions, lambda key: subjects.get(str(key), subjects[names[0]]))
        # What is there works; only for what is missing it counts whether a run could install it.
        lacks = any(found[name] is None or self._comes(found[name]) for name in names) or (
            not isinstance(found["kinds"], Unobserved) and bool(found["kinds"])
        )
        if lacks:
            platform = {"platform": self._reader.asking("APIResourceList", unsupported)}
            found |= self._reader.ask_about(t.cast("t.Any", platform), lambda _key: subjects[names[0]])
        return [
            OperatorFacts(
                cluster=cluster,
                namespace=namespace,
                name=name,
                # What is missing before the apply, the apply makes.
                missing_kinds=mapped(found["kinds"], lambda kinds: (kinds and self._view.later) or kinds),
                deployment=mapped(found[name], lambda live: settled_operator(self._view, live)),
                quarrels=mapped(found[_OWNERS], lambda owners: owners.quarrels),
                unserved=mapped(found[_OWNERS], lambda owners: owners.unserved),
                platform=found.get("platform", ""),
                changes=self._wanted.changes and self._view.later is None,
                first=name == names[0],
            )
            for name in names
        ]

    def _comes(self, operator: Fact[JsonObject]) -> bool:
        """Whether the run would make the operator, or change it."""
        return not isinstance(operator, Unobserved) and not self._view.settled(operator)

    def _owners(self, own: t.Sequence[Key], limit: Limit) -> Fact[_Owners]:
        """Other operators that meet those with the keys *own*, and instances without any; asked again only then.

        The lists are long in a large cluster, and what verify waits for makes no new operators.
        """
        last = self._reader.last(_OWNERS)
        if last == _Owners():
            return _Owners()
        operators = self._reader.ask("ClusterRoleBinding", lambda: operators_in(self._cluster), limit)
        if isinstance(operators, Unobserved):
            return operators
        instances = self._reader.ask("Prometheus", lambda: instances_in(self._cluster), limit)
        if isinstance(instances, Unobserved):
            return instances
        ours = [found for found in operators if found.key in own and found.is_running]
        meeting = quarrels(
            [found for found in operators if found.key not in own],
            ours=[instance for instance in instances if instance.set_label],
            theirs=[instance for instance in instances if not instance.set_label],
            reconciles=lambda instance: any(found.reconciles(instance) for found in ours),
        )
        return _Owners(quarrels=tuple(map(met, meeting)), unserved=unserved(instances, operators))


def _subject(wanted: Wanted, name: str) -> Subject:
    return Subject(cluster=wanted.cluster, kind="Deployment", namespace=wanted.operator_namespace, name=name)


def settled_operator(view: View, live: JsonObject | None) -> Fact[JsonObject | None]:
    """The operator's Deployment; of one that is to change only that no pods are wanted is known before."""
    if live is None or view.later is None or view.settled(live) or live["spec"].get("replicas", 1) == 0:
        return live and shown(live)
    return view.later


def missing_of(crds: t.Iterable[JsonObject]) -> tuple[str, ...] | None:
    """The kinds that we need and *crds* do not define; None where they define none of the operator's. Pure."""
    defined = {one["spec"]["names"]["kind"] for one in crds if one["spec"]["group"] == MONITORING_GROUP}
    return tuple(k for kinds in NEEDED_KINDS.values() for k in kinds if k not in defined) if defined else None


def described_operator(view: View, wanted: Wanted, *, reader: Reader, why: Unobserved) -> list[OperatorFacts]:
    """What files say of the operator: they do not have all that is in the cluster."""
    namespace, names = wanted.operator_namespace, wanted.operator_names
    questions: dict[t.Hashable, Question[t.Any]] = {
        **{name: reader.finding(reference("apps/v1", "Deployment", namespace, name)) for name in names},
        "crds": reader.asking(CRDS.kind, lambda: view.objects.list_objects(CRDS)),
    }
    found = reader.ask_about(questions, lambda _key: _subject(wanted, names[0]))
    return [
        OperatorFacts(
            cluster=wanted.cluster,
            namespace=namespace,
            name=name,
            # Files without any CRD of the operator leave them to somebody else.
            missing_kinds=mapped(found["crds"], lambda crds: why if (lacks := missing_of(crds)) is None else lacks),
            deployment=mapped(found[name], lambda live: settled_operator(view, live)),
            quarrels=why,
            unserved=why,
            first=name == names[0],
        )
        for name in names
    ]
