# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading what a run needs before it writes: the engine's own look at the cluster, without a write."""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Forbidden, Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import (
    Capability,
    Situation,
    model_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import in_shared
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.capability import (
    FEDERATION,
    FEDERATION_SOURCE,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.federation.certificates import (
    Checked,
    check_certificate,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.operator.capability import OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import TEAMS
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.schema import dotted, dropped, schema_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import Facts, Unobserved
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.preconditions import (
    CertificateFacts,
    Denial,
    PathFacts,
    RunFacts,
    SchemaFacts,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.reading import Reader
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.view import known_later
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.wanted import NEEDED_KINDS, Wanted
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Subject
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.capability import set_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._run.run import Run, shared_namespaces
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.engine import permitted
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.leaving import CRD_API, CRD_PLURAL
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import NOTHING_TO_COME, Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request

JsonObject = dict[str, t.Any]

# So many fields that a CRD does not know are named.
NAMED = 6


def preconditions(
    run: Run,
    wanted: Wanted,
    reader: Reader,
    *,
    params_of: t.Callable[[Capability[t.Any]], JsonObject],
    desired: t.Sequence[JsonObject],
) -> list[Facts]:
    """The facts of a cluster about a run that wants the objects *desired*."""
    cluster = run.cluster
    subject = Subject(cluster=wanted.cluster, kind="Cluster", name=wanted.cluster)
    capabilities: list[Capability[t.Any]] = [
        OPERATOR,
        TEAMS,
        *([FEDERATION_SOURCE] if wanted.exposed else []),
        *([FEDERATION] if wanted.federating else []),
    ]

    def denied(capability: Capability[t.Any]) -> t.Callable[[], Denial | None]:
        return lambda: _denial(run, capability, params_of(capability))

    crds = [(version, kind) for version, kinds in NEEDED_KINDS.items() for kind in kinds]
    found = reader.ask_about(
        {
            **{one.name: reader.asking("Cluster", denied(one)) for one in capabilities},
            **{kind: reader.asking("CustomResourceDefinition", _schema(cluster, *kind, desired)) for kind in crds},
            "certificates": reader.asking("Secret", lambda: _certificates(cluster, wanted)),
        },
        lambda _key: subject,
    )
    later = known_later(wanted.cluster)
    facts: list[Facts] = [
        RunFacts(cluster=wanted.cluster, capability=one.name, denial=found[one.name]) for one in capabilities
    ]
    for kind in crds:
        # One that does not exist the run makes.
        unknown = found[kind] if isinstance(found[kind], Unobserved) else found[kind][1]
        name = str(kind[1]) if isinstance(found[kind], Unobserved) else found[kind][0]
        if name:
            facts.append(SchemaFacts(cluster=wanted.cluster, crd=name, unknown=unknown))
    certificates = found["certificates"]
    for checked, namespace in () if isinstance(certificates, Unobserved) else certificates:
        facts.append(
            CertificateFacts(
                cluster=wanted.cluster,
                namespace=namespace,
                team=checked.team,
                wanted=checked.wanted,
                names=later if checked.reason else checked.names,
                fits=checked.fits,
            )
        )
    if wanted.federating:
        facts.append(PathFacts(cluster=wanted.cluster, reached=later))
    return facts


def _denial(run: Run, capability: Capability[t.Any], params: JsonObject) -> Denial | None:
    """Why the run of a capability would be refused; None if it may begin."""
    options = Options(
        check=True,
        force_conflicts=bool(run.params["force_conflicts"]),
        adopt_managers=tuple(run.params["adopt_managers"]),
        claim_managers=frozenset(run.params["claim_managers"]),
        shared_namespaces=shared_namespaces(run.params["shared_namespaces"]),
    )
    model = model_of(capability, params)
    request = Request(
        owner=set_of(run.params["fleet"], capability=capability.name),
        desired=tuple(in_shared(capability.desired(model), options.shared_namespaces)),
        kinds=capability.kinds,
        neighbours=capability.neighbours,
    )
    try:
        situation = Situation(cluster=run.cluster, params=params, check=True, to_come=NOTHING_TO_COME)
        permitted(run.cluster, capability.policy(request, model, situation), options=options)
    except Forbidden as error:
        return Denial(missing=tuple(error.objects) or (str(error),))
    except Refused as error:
        return Denial(reason=str(error))
    return None


def _schema(
    cluster: Cluster, api_version: str, kind: str, desired: t.Sequence[JsonObject]
) -> t.Callable[[], tuple[str, tuple[str, ...]]]:
    """Asks for the name of the CRD of a kind, empty if there is none, and for the fields that it does not know."""
    group, version = api_version.split("/")

    def read() -> tuple[str, tuple[str, ...]]:
        resource = cluster.resource(api_version, kind)
        if resource is None:
            return "", ()
        name = f"{resource.plural}.{group}"
        crd = cluster.find(url_path(CRD_API, CRD_PLURAL, name=name))
        schema = None if crd is None else schema_of(crd, version)
        if schema is None:
            return "", ()
        own = (obj for obj in desired if (obj["apiVersion"], obj["kind"]) == (api_version, kind))
        fields = sorted({dotted(place) for obj in own for place in dropped(obj, schema)})
        return name, (first_of(fields, NAMED),) if fields else ()

    return read


def _certificates(cluster: Cluster, wanted: Wanted) -> list[tuple[Checked, str]]:
    found = ((check_certificate(cluster, one, namespace=team.namespace), team) for one, team in wanted.exposed)
    return [(checked, team.namespace) for checked, team in found if checked is not None]
