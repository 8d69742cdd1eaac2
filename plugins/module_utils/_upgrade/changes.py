# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which versions an upgrade changes, of the operators and of each instance, and which pods it restarts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING_GROUP
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.inventory import CONTAINERS, inventory_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.reference import parse_reference
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.find import instance_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import FoundOperator, version_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import (
    containers_of,
    is_telling,
    read_flags,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Change as ObjectChange
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.model import (
    INSTANCES,
    OPERATOR,
    Change,
    JsonObject,
    Live,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.versions import Version, version_or_none

# The container whose image is the component, of each kind.
_MAIN = {"Prometheus": "prometheus", "PrometheusAgent": "prometheus", "Alertmanager": "alertmanager"}
_COMPONENTS = {kind: component for component, kinds in INSTANCES.items() for kind in kinds}
INSTANCE_KINDS = ("Alertmanager", "Prometheus", "PrometheusAgent", "ThanosRuler")
_RUNNERS = ("DaemonSet", "StatefulSet")
_TEMPLATED = ("DaemonSet", "Deployment", "StatefulSet")
# Flags of the operator that change the pods which it makes (Config of pkg/prometheus/operator.go).
_POD_FLAGS = ("annotations", "cluster-domain", "enable-config-reloader-probes", "feature-gates", "labels", "localhost")
_POD_FLAG_GROUPS = ("config-reloader-",)
# Fields of instances that are written into the configuration only; all others may change the pods.
_CONFIGURATION = frozenset(
    {
        "alerting",
        "alertmanagerConfigMatcherStrategy",
        "arbitraryFSAccessThroughSMs",
        "enforcedNamespaceLabel",
        "evaluationInterval",
        "excludedFromEnforcement",
        "externalLabels",
        "ignoreNamespaceSelectors",
        "overrideHonorLabels",
        "overrideHonorTimestamps",
        "podTargetLabels",
        "scrapeInterval",
        "scrapeProtocols",
        "scrapeTimeout",
        "serviceDiscoveryRole",
    }
)
_CONFIGURATION_ENDS = ("Limit", "Selector")
_OF_PODS = frozenset({"nodeSelector"})


@dataclass(frozen=True, kw_only=True)
class Restart:
    """Pods of *object* that are replaced, by which *rule*. *certain*: False where they may also stay."""

    object: Key
    rule: str
    detail: str
    certain: bool = True

    def result(self) -> JsonObject:
        """The restart as plain data."""
        return {"object": str(self.object), "rule": self.rule, "detail": self.detail, "certain": self.certain}


@dataclass(frozen=True, kw_only=True)
class Instance:
    """An instance that lives: the images of its containers *before* and *after*, and its operator then.

    *desired* is what the input wants it to be, None where it does not name it.
    """

    live: JsonObject
    desired: JsonObject | None
    operator_before: JsonObject | None
    operator_after: JsonObject | None
    before: Mapping[str, str]
    after: Mapping[str, str]

    @property
    def key(self) -> Key:
        """Its identity."""
        return key_of(self.live)

    def version(self, images: Mapping[str, str]) -> Version | None:
        """The version of its main container among *images*, None if it is not known."""
        return _version(images.get(_MAIN.get(self.key.kind, ""), ""))


def _version(image: str) -> Version | None:
    try:
        return version_or_none(parse_reference(image).tag)
    except ValueError:
        return None


def instances_of(
    live: Live, desired: Sequence[JsonObject], operators: Sequence[FoundOperator], *, replaces: Iterable[Key] = ()
) -> list[Instance]:
    """All instances that live, with their images before and after *desired* objects are applied.

    *replaces*: operators whose place ours takes.
    """
    wanted = {key_of(obj): obj for obj in desired}
    own = [obj for obj in desired if is_operator(obj)]
    gone = frozenset(replaces)
    pods = _images_of_pods(live)
    found = []
    for obj in live.of(*INSTANCE_KINDS):
        key = key_of(obj)
        before = next((one for one in operators if one.is_running and one.reconciles(instance_of(obj))), None)
        after = before.workload if before is not None else None
        # The place of a replaced one, or of none, takes ours.
        ours = own[:1] if before is None or before.key in gone else [wanted.get(before.key)]
        after = next((one for one in ours if one is not None), after)
        ran = pods.get((key.namespace, key.kind, key.name))
        made = _made_by(before.workload if before is not None else None, obj)
        found.append(
            Instance(
                live=obj,
                desired=wanted.get(key),
                operator_before=before.workload if before is not None else None,
                operator_after=after,
                before=ran or made,
                after=_made_by(after, wanted.get(key, obj)),
            )
        )
    return found


def is_operator(obj: JsonObject) -> bool:
    """Whether a desired object is an operator's Deployment."""
    return obj["kind"] == "Deployment" and any(is_telling(one) for one in containers_of(obj["spec"]["template"]))


def _images_of_pods(live: Live) -> dict[tuple[str, str, str], dict[str, str]]:
    """The images by container of what the operator has made, by the namespace, kind and name of the instance."""
    found: dict[tuple[str, str, str], dict[str, str]] = {}
    for runner in live.of(*_RUNNERS):
        metadata, spec = runner["metadata"], runner["spec"]["template"]["spec"]
        images = {one["name"]: one.get("image", "") for group in CONTAINERS for one in spec.get(group) or ()}
        for owner in metadata.get("ownerReferences") or ():
            place = (metadata.get("namespace", ""), str(owner.get("kind")), str(owner.get("name")))
            found.setdefault(place, {}).update(images)
    return found


def _made_by(operator: JsonObject | None, instance: JsonObject) -> dict[str, str]:
    """The images by container that an operator makes of an instance, as far as its flags and release tell them."""
    inventory = inventory_of([*([operator] if operator is not None else []), instance], errors=Errors())
    name = str(key_of(instance))
    return {
        container: image
        for image, reasons in inventory.images.items()
        for why in reasons.values()
        if why.object == name
        for container in why.containers
    }


# -- versions ------------------------------------------------------------------------------------------------------


def changes_of(
    instances: Sequence[Instance],
    operators: Sequence[FoundOperator] | None,
    desired: Sequence[JsonObject],
    *,
    unread: Iterable[str] = (),
    replaces: Iterable[Key] = (),
) -> tuple[Change, ...]:
    """The components that get another version, or may get one because a version is not known.

    *operators* is None if they could not be found. *unread* are kinds that could not be read, *replaces* operators
    whose place ours takes.
    """
    wanted = {key_of(obj): version_or_none(version_of(obj)) for obj in desired if is_operator(obj)}
    changes: list[Change] = []
    if operators is None:
        changes += [Change(component=OPERATOR, subject=key, before=None, after=after) for key, after in wanted.items()]
    gone = frozenset(replaces)
    for one in operators or ():
        if one.key in wanted or (one.key in gone and wanted):
            after = wanted.get(one.key, next(iter(wanted.values())))
            before = version_or_none(one.version)
            changes.append(Change(component=OPERATOR, subject=one.key, before=before, after=after))
    for kind in sorted(_COMPONENTS.keys() & set(unread)):
        every = Key(MONITORING_GROUP, kind, "", "*")
        changes.append(Change(component=_COMPONENTS[kind], subject=every, before=None, after=None))
    for instance in instances:
        component = _COMPONENTS.get(instance.key.kind)
        if component is not None:
            before, after = instance.version(instance.before), instance.version(instance.after)
            changes.append(Change(component=component, subject=instance.key, before=before, after=after))
    return tuple(one for one in changes if one.before is None or one.after is None or one.before != one.after)


# -- restarts ------------------------------------------------------------------------------------------------------


def restarts_of(instances: Sequence[Instance], changes: Iterable[ObjectChange]) -> list[Restart]:
    """The pods that are replaced, in the order of their objects: each object once, by the most certain rule."""
    changed = {change.key: change for change in changes}
    found = [restart for change in changed.values() if (restart := _of_workload(change)) is not None]
    for instance in instances:
        rules = list(_of_instance(instance, changed.get(instance.key)))
        if rules:
            found.append(max(rules, key=lambda restart: restart.certain))
    return sorted(found, key=lambda restart: restart.object)


def _of_workload(change: ObjectChange) -> Restart | None:
    """The restart that a changed object which runs pods causes by itself."""
    if change.key.kind not in _TEMPLATED:
        return None
    if change.action == "replaced":
        return Restart(object=change.key, rule="replaced", detail="it is deleted and created again")
    fields = [str(path) for path in change.result().get("fields") or ()]
    template = [path for path in fields if path.startswith("spec.template")]
    if not template:
        return None
    return Restart(object=change.key, rule="pod template", detail=", ".join(template[:5]))


def _of_instance(instance: Instance, change: ObjectChange | None) -> Iterator[Restart]:
    """Every rule by which the pods of an instance are replaced."""
    key, before, after = instance.key, instance.before, instance.after
    differing = [
        f"{name}: {before[name]} -> {after[name]}"
        for name in sorted(before.keys() & after.keys())
        if before[name] != after[name]
    ]
    if differing:
        yield Restart(object=key, rule="images", detail="; ".join(differing))
    if not before or not after:
        yield Restart(object=key, rule="images", detail="its images are not known", certain=False)
    flags = sorted(_flags(instance.operator_before).items() ^ _flags(instance.operator_after).items())
    if flags and instance.operator_before is not None and instance.operator_after is not None:
        names = sorted({f"--{name}" for name, _value in flags})
        yield Restart(object=key, rule="flags of the operator", detail=", ".join(names))
    releases = [version_of(one) for one in (instance.operator_before, instance.operator_after) if one is not None]
    if len(set(releases)) > 1:
        # The same images, so the reloader's is pinned; what else the new release generates is not known here.
        detail = f"{releases[0]} -> {releases[1]} may generate other pods"
        yield Restart(object=key, rule="release of the operator", detail=detail, certain=False)
    if change is not None and change.action == "updated":
        fields = [path for path in map(str, change.result().get("fields") or ()) if not _is_configuration(path)]
        if fields:
            detail = f"{', '.join(fields[:5])} may change the pods"
            yield Restart(object=key, rule="fields of the instance", detail=detail, certain=False)


def _is_configuration(path: str) -> bool:
    """Whether a field of an instance is written into its configuration only."""
    head, _dot, rest = path.partition(".")
    name = rest.split(".", 1)[0].split("[", 1)[0]
    ends = name.endswith(_CONFIGURATION_ENDS) and name not in _OF_PODS
    return head != "spec" or name in _CONFIGURATION or ends


def _flags(workload: JsonObject | None) -> dict[str, tuple[str, ...]]:
    """The flags of an operator that change the pods which it makes."""
    if workload is None:
        return {}
    own = [one for one in containers_of(workload["spec"]["template"]) if is_telling(one)]
    try:
        flags = read_flags([str(word) for one in own[:1] for word in one.get("args") or ()])
    except ValueError:
        return {}
    return {
        name: tuple(values) for name, values in flags.items() if name in _POD_FLAGS or name.startswith(_POD_FLAG_GROUPS)
    }


# -- images --------------------------------------------------------------------------------------------------------


def live_images(live: Live) -> set[str]:
    """The images of all workloads that live, in the form of the inventory."""
    found = set()
    for obj in live.of(*_TEMPLATED):
        spec = obj["spec"]["template"]["spec"]
        for image in (one.get("image", "") for group in CONTAINERS for one in spec.get(group) or ()):
            try:
                found.add(str(parse_reference(image)))
            except ValueError:
                continue
    return found
