# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stage of the isolation matrix: two throwaway teams, their people, and an application of each. Pure.

The teams are made as all teams are, by the capability `teams`. What teams bring themselves is added: an application
that shows metrics. Its program is Prometheus, in the image that the instances run already, because it can be made to
send every kind of request that a pod of a team could send.
"""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    alertmanager_name,
    common_labels,
    prometheus_name,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.objects import (
    APPS,
    CORE,
    LINUX,
    NETWORKING,
    PROMETHEUS_PORT,
    WEB_PORT_NAME,
    JsonObject,
    burstable,
    make,
    restricted_pod,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.common.resources import Resources
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.capability import KINDS
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.matrix import ATTACKS
from ansible_collections.promfleet.monitoring.plugins.module_utils._isolation.model import Attack, Configured, filled

# The name of the set, of what is made beside the teams' objects, and of the people's accounts. Rights name it.
NAME = "isolation"
APP_NAME = "promfleet-isolation"
PERSON, OWNER_NAME = "promfleet-isolation", "promfleet-isolation-owner"
STAGE_KINDS = tuple(
    dict.fromkeys(
        (*KINDS, (APPS, "Deployment"), (CORE, "ConfigMap"), (CORE, "ServiceAccount"), (NETWORKING, "Ingress"))
    )
)
SCRAPE_SECONDS = 5
_APP_RESOURCES = Resources(cpu="20m", memory="192Mi")
_FOLDER = "/etc/promfleet"
_USER = 1000


@dataclass(frozen=True, kw_only=True)
class Actor:
    """One of the two teams: *team* is its name, *own* the namespace of its applications, *people* of its accounts."""

    team: str
    own: str
    instance: str
    people: str

    @property
    def service(self) -> str:
        """The Service of its Prometheus."""
        return prometheus_name(self.team)

    @property
    def alertmanager(self) -> str:
        """The Service of its Alertmanager."""
        return alertmanager_name(self.team)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Who attacks and who is attacked, and the namespace of the operator."""

    attacker: Actor
    victim: Actor
    operator_namespace: str

    @property
    def actors(self) -> tuple[Actor, Actor]:
        """Both teams."""
        return self.attacker, self.victim

    @property
    def namespaces(self) -> tuple[str, ...]:
        """All namespaces that are made for it."""
        return tuple(name for actor in self.actors for name in (actor.own, actor.people, actor.instance))


def make_stage(*, name: str, prefix: str, operator_namespace: str) -> Stage:
    """The stage whose teams and namespaces begin with *name*; *prefix* is that of the instances' namespaces."""

    def actor(letter: str) -> Actor:
        team = f"{name}-{letter}"
        return Actor(team=team, own=team, instance=f"{prefix}{team}", people=f"{team}-people")

    return Stage(attacker=actor("a"), victim=actor("b"), operator_namespace=operator_namespace)


def team_options(stage: Stage) -> list[JsonObject]:
    """The two teams as an inventory would describe them."""
    seconds = f"{SCRAPE_SECONDS}s"
    return [
        {
            "name": actor.team,
            "namespaces": [actor.own],
            "service_accounts": [f"{actor.people}/{PERSON}"],
            "base_rules": False,
            "prometheus": {
                "replicas": 1,
                "retention": "2h",
                "scrape_interval": seconds,
                "evaluation_interval": seconds,
            },
            "alertmanager": {"replicas": 1},
        }
        for actor in stage.actors
    ]


def people_objects(stage: Stage) -> list[JsonObject]:
    """The accounts of the teams' people. Their namespaces belong to no team, as those of real people would not."""
    labels = common_labels(NAME)
    return [
        obj
        for actor in stage.actors
        for obj in (
            make(CORE, "Namespace", actor.people, labels=labels),
            make(CORE, "ServiceAccount", PERSON, namespace=actor.people, labels=labels),
        )
    ]


# -- the applications -------------------------------------------------------------------------------------------------


def application_objects(
    stage: Stage, *, image: str, places: t.Mapping[str, str], attacks: t.Sequence[Attack] = ATTACKS
) -> list[JsonObject]:
    """The applications of both teams; that of the attacker sends what the *attacks* of a pod say."""
    return [
        *_application(stage.attacker, image=image, places=places, config=attacker_config(attacks, places=places)),
        *_application(stage.victim, image=image, places=places, config={"scrape_configs": [_own_job()]}),
        _ingress(stage.victim),
    ]


def _own_job() -> JsonObject:
    return {"job_name": "self", "static_configs": [{"targets": [f"localhost:{PROMETHEUS_PORT}"]}]}


def attacker_config(attacks: t.Sequence[Attack], *, places: t.Mapping[str, str]) -> JsonObject:
    """The configuration of the program in the attacker's pod.

    Its external labels claim to be the victim's: /federate shows them on series that do not have them.
    """
    parts = [(attack.id, attack.action) for attack in attacks if isinstance(attack.action, Configured)]
    writes = [
        {
            **filled(write, {**places, "id": number}),
            "write_relabel_configs": [
                {"action": "keep", "source_labels": ["__name__"], "regex": "up"},
                {"target_label": "attack", "replacement": number},
            ],
        }
        for number, part in parts
        for write in part.writes
    ]
    return {
        "scrape_configs": [
            _own_job(),
            *(filled(job, {**places, "id": number}) for number, part in parts for job in part.jobs),
        ],
        "alerting": {
            "alertmanagers": [
                {"api_version": "v2", "static_configs": [{"targets": [filled(address, places)]}]}
                for _number, part in parts
                for address in part.alertmanagers
            ]
        },
        "remote_write": writes,
    }


def _rules(actor: Actor) -> JsonObject:
    alert = {"alert": "pod-alert", "expr": "vector(1)", "labels": {"attack": "pod-alert", "from": actor.team}}
    return {"groups": [{"name": "app", "rules": [{"record": "app_forged", "expr": "vector(1)"}, alert]}]}


def _application(actor: Actor, *, image: str, places: t.Mapping[str, str], config: JsonObject) -> list[JsonObject]:
    seconds = f"{SCRAPE_SECONDS}s"
    settings = {
        "global": {
            "scrape_interval": seconds,
            "evaluation_interval": seconds,
            "external_labels": {"namespace": places["victim_own"], "team": places["victim"], "cluster": "forged"},
        },
        "rule_files": [f"{_FOLDER}/rules.yml"],
        **config,
    }
    # JSON is YAML.
    data = {"prometheus.yml": json.dumps(settings), "rules.yml": json.dumps(_rules(actor))}
    labels = common_labels(NAME)
    seen = {"app": "app", "part": "address"}
    # What a team writes on its own Service: names of labels, and addresses, that relabelings can take from there.
    notes = {"victim": places["victim_prometheus"], "address": places["victim_prometheus"], "team": places["victim"]}
    ports = [{"name": WEB_PORT_NAME, "containerPort": PROMETHEUS_PORT, "protocol": "TCP"}]
    container = {
        "name": "app",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": [
            f"--config.file={_FOLDER}/prometheus.yml",
            "--storage.tsdb.path=/data",
            "--storage.tsdb.retention.time=2h",
        ],
        "ports": ports,
        "resources": burstable(_APP_RESOURCES),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "config", "mountPath": _FOLDER}, {"name": "data", "mountPath": "/data"}],
        "readinessProbe": {
            "httpGet": {"path": "/-/ready", "port": WEB_PORT_NAME, "scheme": "HTTP"},
            "periodSeconds": 2,
        },
    }
    pod = {
        "automountServiceAccountToken": False,
        "nodeSelector": LINUX,
        "securityContext": restricted_pod(user=_USER),
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": APP_NAME}}, {"name": "data", "emptyDir": {}}],
    }
    selector = {"app": "app"}
    return [
        make(CORE, "ConfigMap", APP_NAME, namespace=actor.own, labels=labels, data=data),
        make(
            CORE,
            "Service",
            APP_NAME,
            namespace=actor.own,
            labels={**labels, **seen},
            annotations=notes,
            spec={
                "type": "ClusterIP",
                "selector": selector,
                "ports": [
                    {
                        "name": WEB_PORT_NAME,
                        "port": PROMETHEUS_PORT,
                        "protocol": "TCP",
                        "targetPort": WEB_PORT_NAME,
                    }
                ],
            },
        ),
        make(
            APPS,
            "Deployment",
            APP_NAME,
            namespace=actor.own,
            labels=labels,
            spec={
                "replicas": 1,
                "selector": {"matchLabels": selector},
                "strategy": {"type": "Recreate"},
                "template": {"metadata": {"labels": selector}, "spec": pod},
            },
        ),
    ]


def _ingress(actor: Actor) -> JsonObject:
    """Something that a Probe of another team could find. No controller need serve it."""
    backend = {"service": {"name": APP_NAME, "port": {"name": WEB_PORT_NAME}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    spec = {
        "ingressClassName": "promfleet-none",
        "rules": [{"host": f"{actor.team}.invalid", "http": {"paths": paths}}],
    }
    return make(NETWORKING, "Ingress", APP_NAME, namespace=actor.own, labels=common_labels(NAME), spec=spec)


def secret_object(actor: Actor, *, places: t.Mapping[str, str]) -> JsonObject:
    """The Secret of a team's own that monitors and receivers refer to: addresses, nothing that is secret."""
    root = f"http://{places['victim_prometheus']}"
    data = {
        "id": "attacker",
        "secret": "nothing",
        "slack": "https://hooks.example.com/services/x",
        **{name: f"{root}/api/v1/{name}" for name in ("query_range", "query_exemplars", "labels")},
    }
    labels = common_labels(NAME)
    return make(CORE, "Secret", APP_NAME, namespace=actor.own, labels=labels, type="Opaque", stringData=data)


# -- places -----------------------------------------------------------------------------------------------------------


def known_places(stage: Stage) -> dict[str, str]:
    """What the names in the rows of the matrix mean, as far as it is known before anything runs."""
    attacker, victim = stage.attacker, stage.victim
    at_victim = f"{victim.service}.{victim.instance}.svc"
    return {
        "attacker": attacker.team,
        "victim": victim.team,
        "own": attacker.own,
        "victim_own": victim.own,
        "instance": attacker.instance,
        "victim_instance": victim.instance,
        "prometheus": attacker.service,
        "pod": f"{attacker.service}-0",
        "victim_service": victim.service,
        "victim_pod": f"{victim.service}-0",
        "victim_prometheus": f"{at_victim}:9090",
        "victim_dns": at_victim,
        "victim_reloader": f"{at_victim}:8080",
        "victim_alertmanager": f"{victim.alertmanager}.{victim.instance}.svc:9093",
        "victim_app": f"{APP_NAME}.{victim.own}.svc:{PROMETHEUS_PORT}",
        "app": f"{APP_NAME}.{attacker.own}.svc:{PROMETHEUS_PORT}",
        "operator_namespace": stage.operator_namespace,
        "operator_address": f"prometheus-operator.{stage.operator_namespace}.svc:8080",
        "secret": APP_NAME,
    }


# Known only once the stage is there.
LATER_PLACES = frozenset({"victim_ip", "node_ip", "id"})
