# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two throwaway teams for the time of a with block: made as all teams are, and removed as all teams are."""

from __future__ import annotations

import contextlib
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import url_path
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.capability import Situation, model_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import TEAMS
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.validate import validate_mapping
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.matrix import ATTACKS
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import Attack
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.stage import (
    NAME,
    PERSON,
    STAGE_KINDS,
    Actor,
    Stage,
    application_objects,
    known_places,
    people_objects,
    secret_object,
    team_options,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.engine import converge
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import SetId
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.wait import wait_gone

JsonObject = dict[str, t.Any]

# Longer than any run.
TOKEN_SECONDS = 3600
# Everything in the namespaces of the stage is there for the attacks.
_DISPOSABLE = ("*/*",)


@dataclass(frozen=True, kw_only=True)
class Builder:
    """Makes and removes a stage. *teams* are the parameters of the module of teams, but for the teams themselves."""

    cluster: Cluster
    stage: Stage
    fleet: str
    teams: t.Mapping[str, t.Any]
    options: Options
    attacks: t.Sequence[Attack] = ATTACKS

    def _request(self, *, applications: t.Sequence[JsonObject] = ()) -> Request:
        """Both teams with all that their capability adds and refuses, their people, and their applications."""
        params = self._params()
        model = model_of(TEAMS, params)
        request = Request(owner=self._owner, desired=tuple(TEAMS.desired(model)), kinds=STAGE_KINDS)
        situation = Situation(cluster=self.cluster, params=params, check=False, to_come=self.options.to_come)
        request = TEAMS.policy(request, model, situation)
        return request.wanting([*request.desired, *people_objects(self.stage), *applications])

    def _params(self) -> JsonObject:
        """The parameters of the module of teams."""
        teams = team_options(self.stage)
        given = {**self.teams, "teams": teams, "only": [team["name"] for team in teams]}
        return validate_mapping(given, TEAMS.options, path="")

    def build(self) -> dict[str, str]:
        """Make all of it, wait until it runs, and return what the names in the matrix mean."""
        self._converge(self._request())
        places = known_places(self.stage)
        applications = application_objects(self.stage, image=self._image(), places=places, attacks=self.attacks)
        self._converge(self._request(applications=applications))
        for actor in self.stage.actors:
            self._apply(secret_object(actor, places=places))
        return {**places, **self.later_places()}

    @property
    def _owner(self) -> SetId:
        return SetId(fleet=self.fleet, capability=NAME)

    def _converge(self, request: Request, *, options: Options | None = None) -> None:
        converge(self.cluster, request, options=options or self.options)

    def _apply(self, obj: JsonObject) -> None:
        resource = self.cluster.resource(obj["apiVersion"], obj["kind"])
        if resource is not None:
            self.cluster.apply(obj, resource=resource, dry_run=False, force=True)

    def _pod(self, actor: Actor) -> JsonObject:
        path = url_path("v1", "pods", namespace=actor.instance, name=f"{actor.service}-0")
        found = self.cluster.find(path)
        if found is None:
            raise ClusterError(f"the pod {actor.instance}/{actor.service}-0 does not exist")
        return found

    def _image(self) -> str:
        """The image of the instances, from whichever registry they have it."""
        containers = self._pod(self.stage.attacker)["spec"]["containers"]
        return str(next(one["image"] for one in containers if one["name"] == "prometheus"))

    def later_places(self) -> dict[str, str]:
        """Addresses that are known once the instances run."""
        status = self._pod(self.stage.victim)["status"]
        return {"victim_ip": str(status["podIP"]), "node_ip": str(status["hostIP"])}

    def token(self, actor: Actor, account: str = PERSON) -> str:
        """A token of an account of a team's people."""
        path = f"{url_path('v1', 'serviceaccounts', namespace=actor.people, name=account)}/token"
        spec = {"expirationSeconds": TOKEN_SECONDS}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        return str(self.cluster.request("POST", path, body=body)[1]["status"]["token"])

    def remove(self) -> None:
        """Remove all of it, and wait until its namespaces are gone."""
        paths = [url_path("v1", "namespaces", name=name) for name in self.stage.namespaces]
        there = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": found["metadata"]}
            for path in paths
            if (found := self.cluster.find(path)) is not None
        ]
        nothing = Request(owner=self._owner, desired=(), kinds=STAGE_KINDS, neighbours=TEAMS.neighbours)
        self._converge(nothing, options=replace(self.options, disposable_objects=_DISPOSABLE))
        timeout = self.options.wait_timeout or 60.0
        wait_gone(self.cluster, objects=there, timeout=timeout, progress=self.options.progress)


@contextlib.contextmanager
def built(builder: Builder, *, problems: list[str]) -> t.Iterator[dict[str, str]]:
    """A stage for the time of a with block; why it could not be removed is added to *problems*."""
    try:
        yield builder.build()
    finally:
        try:
            builder.remove()
        except ClusterError as error:
            problems.append(str(error))
