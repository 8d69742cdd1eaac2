# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every image that a cluster pulls for a list of objects, each with the objects, fields and flags that say so. Pure.

Objects that run pods name their images. The operator's custom resources name some, and the operator adds the others, by
its flags and by what its release has as defaults (pkg/operator/image.go and the files statefulset.go of release 0.93).
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import MONITORING_GROUP
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.versions import PROMETHEUS_OPERATOR
from ansible_collections.promfleet.monitoring.plugins.module_utils._images import logging_operator
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.defaults import (
    ALERTMANAGER_FLAG,
    BASE_IMAGES,
    PROMETHEUS_FLAG,
    RELOADER_FLAG,
    SOURCE,
    THANOS_FLAG,
    VERSIONS,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._images.reference import (
    Reference,
    parse_reference,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._input.errors import Collecting, Errors
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.judge import version_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._operators.scope import (
    containers_of,
    is_telling,
    read_flags,
)

JsonObject = dict[str, t.Any]

_TEMPLATES = {
    "Deployment": ("spec", "template", "spec"),
    "StatefulSet": ("spec", "template", "spec"),
    "DaemonSet": ("spec", "template", "spec"),
    "ReplicaSet": ("spec", "template", "spec"),
    "Job": ("spec", "template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    "Pod": ("spec",),
}
CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
_RELOADERS = ("init-config-reloader", "config-reloader")


@dataclass(frozen=True, kw_only=True)
class Why:
    """Why a cluster pulls an image: the *containers* of an *object*, and what names their image.

    *field* is the path in the object; empty where nothing in the object says it. *flag* is that of the operator which
    adds a part of the name. *operator* is the release whose own default counts, of which *default* is that default,
    in the file or folder *source* of that release.
    """

    object: str
    containers: tuple[str, ...]
    field: str = ""
    flag: str = ""
    operator: str = ""
    default: str = ""
    source: str = SOURCE

    def result(self) -> JsonObject:
        """The reason in a module's result, without what does not apply."""
        given = {name: value for name, value in vars(self).items() if value and name != "source"}
        return {**given, "containers": list(self.containers)}

    def __str__(self) -> str:
        own = f"release {self.operator} of the operator ({self.source}: {self.default})" if self.operator else ""
        parts = [part for part in (self.field, self.flag, own) if part]
        return f"{self.object} ({', '.join(self.containers)}): {', '.join(parts)}"


@dataclass(frozen=True, kw_only=True)
class Operator:
    """What an operator adds: the values of its *flags* for images, and its *version*.

    *label* names it in messages; it is empty if the operator is not among the objects, and then its defaults count.
    """

    version: str
    flags: Mapping[str, str] = field(default_factory=dict)
    label: str = ""


@dataclass(kw_only=True)
class Inventory:
    """Images by their names, each with its reasons, and *warnings* of what is assumed."""

    images: dict[str, dict[Why, Why]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def add(self, image: Reference, why: Why) -> None:
        """Note that *image* is pulled, and why; containers of one object that have it for one reason are joined."""
        reasons = self.images.setdefault(str(image), {})
        alike = replace(why, containers=())
        known = reasons.get(alike, alike)
        reasons[alike] = replace(why, containers=tuple(dict.fromkeys((*known.containers, *why.containers))))

    def reasons(self, image: str) -> list[Why]:
        """Why *image* is pulled."""
        return list(self.images[image].values())


def inventory_of(objects: Sequence[JsonObject], *, errors: Errors | None = None) -> Inventory:
    """The images of *objects*; what cannot be known is noted in *errors*, or raised as InputError."""
    found = Inventory()
    operator = _operator_of(objects)
    if not operator.label and any(is_custom(obj) for obj in objects):
        found.warnings.append(
            f"no operator is among the objects: the defaults of release {operator.version} count for what only an "
            "operator's flags say"
        )
    with Collecting(errors) as problems:
        for obj in objects:
            if is_custom(obj):
                pods = _made_of(obj, operator, errors=problems)
            elif logging_operator.is_logging(obj):
                pods = _of_logging(obj, objects, errors=problems)
            else:
                pods = _of_pods(obj)
            for text, why in pods:
                try:
                    found.add(parse_reference(text), why)
                except ValueError as error:
                    problems.add(f"{why.object}: {why.field or why.flag}", str(error))
    found.images = {name: found.images[name] for name in sorted(found.images)}
    return found


# -- objects that run pods ----------------------------------------------------------------------------------------


def runs_pods(obj: JsonObject) -> bool:
    """Whether an object has a pod template, or is a pod."""
    return obj["kind"] in _TEMPLATES


def _of_pods(obj: JsonObject) -> Iterator[tuple[str, Why]]:
    """The images of an object with a pod template, also those of volumes."""
    place = _TEMPLATES.get(obj["kind"])
    if place is not None:
        yield from _of_spec(template_of(obj), path=".".join(place), about=str(key_of(obj)))


def template_of(obj: JsonObject) -> JsonObject:
    """The specification of the pods that an object runs, empty if it runs none."""
    spec: t.Any = obj if runs_pods(obj) else {}
    for name in _TEMPLATES.get(obj["kind"], ()):
        spec = (spec or {}).get(name)
    return spec or {}


def _of_spec(spec: JsonObject, *, path: str, about: str) -> Iterator[tuple[str, Why]]:
    for group in CONTAINERS:
        for number, container in enumerate(spec.get(group) or ()):
            if container.get("image"):
                place = f"{path}.{group}[{number}].image"
                yield container["image"], Why(object=about, containers=(container["name"],), field=place)
    for number, volume in enumerate(spec.get("volumes") or ()):
        image = (volume.get("image") or {}).get("reference")
        if image:
            place = f"{path}.volumes[{number}].image.reference"
            yield image, Why(object=about, containers=(f"volume {volume['name']}",), field=place)


# -- what the operator makes of its custom resources --------------------------------------------------------------


def _operator_of(objects: Iterable[JsonObject]) -> Operator:
    """The operator among *objects*, of which several share one release and one set of flags."""
    for obj, container in _operators(objects):
        version = version_of(obj) or PROMETHEUS_OPERATOR
        return Operator(version=version, flags=_flags(container, BASE_IMAGES), label=str(key_of(obj)))
    return Operator(version=PROMETHEUS_OPERATOR)


def operator_flags(objects: Iterable[JsonObject], names: Iterable[str]) -> dict[str, str]:
    """The values of the flags *names* of the operator among *objects*, of those that it is given."""
    return next((_flags(container, names) for _obj, container in _operators(objects)), {})


def _operators(objects: Iterable[JsonObject]) -> Iterator[tuple[JsonObject, JsonObject]]:
    """The Deployments of operators, each with the operator's container."""
    for obj in objects:
        if obj["kind"] == "Deployment":
            yield from ((obj, one) for one in containers_of(obj["spec"]["template"]) if is_telling(one))


def _flags(container: JsonObject, names: Iterable[str]) -> dict[str, str]:
    given = read_flags([str(word) for word in container.get("args") or ()])
    return {name: given[name][-1] for name in names if name in given}


@dataclass(frozen=True, kw_only=True)
class _Part:
    """A generated container, and where its image comes from.

    *path*: where its fields are in the resource. *flag*: that of the operator with its base image. *version*: which
    default version it has. *exact*: whether the version is the tag as it is written; else it always gets a ``v``.
    *old*: whether the fields baseImage, tag and sha count, which releases call deprecated and still obey.
    """

    container: str
    flag: str
    version: str
    path: str = "spec"
    exact: bool = True
    old: bool = True


_MADE: dict[str, tuple[_Part, ...]] = {
    "Prometheus": (
        _Part(container="prometheus", flag=PROMETHEUS_FLAG, version="prometheus", exact=False),
        _Part(container="thanos-sidecar", flag=THANOS_FLAG, version="thanos", path="spec.thanos"),
    ),
    "PrometheusAgent": (
        _Part(container="prometheus", flag=PROMETHEUS_FLAG, version="prometheus", exact=False, old=False),
    ),
    "Alertmanager": (_Part(container="alertmanager", flag=ALERTMANAGER_FLAG, version="alertmanager"),),
    "ThanosRuler": (_Part(container="thanos-ruler", flag=THANOS_FLAG, version="thanos", old=False),),
}


def is_custom(obj: JsonObject) -> bool:
    """Whether the operator makes pods of an object."""
    return obj["kind"] in _MADE and obj["apiVersion"].partition("/")[0] == MONITORING_GROUP


def _made_of(obj: JsonObject, operator: Operator, *, errors: Errors) -> Iterator[tuple[str, Why]]:
    """The images of the pods that *operator* makes of a custom resource.

    A container that the resource itself has under the name of a generated one is laid over it, with its image.
    """
    spec = obj.get("spec") or {}
    about = str(key_of(obj))
    pulled: dict[str, tuple[str, Why]] = {}
    for part in _MADE[obj["kind"]]:
        inner = part.path.removeprefix("spec").removeprefix(".")
        own = spec.get(inner) if inner else spec
        if own is not None:
            image, why = _image_of(own, part, operator, about=about, errors=errors)
            if image:
                pulled[part.container] = (image, Why(object=about, containers=(part.container,), **why))
    reloader, why = _base(RELOADER_FLAG, operator)
    if RELOADER_FLAG not in operator.flags:
        reloader = f"{reloader}:v{operator.version}"
    for name in _RELOADERS:
        pulled[name] = (reloader, Why(object=about, containers=(name,), **why))
    for image, reason in _of_spec(spec, path="spec", about=about):
        pulled[reason.containers[0]] = (image, reason)
    yield from pulled.values()


def _of_logging(obj: JsonObject, objects: Sequence[JsonObject], *, errors: Errors) -> Iterator[tuple[str, Why]]:
    """The images of the pods that the Logging operator among *objects* makes of a custom resource."""
    about, version = str(key_of(obj)), _logging_version(objects)
    if version not in logging_operator.RELEASES:
        errors.add(
            about,
            f"the images of release {version or '(none is among the objects)'} of the Logging operator are not known; "
            f"known: {', '.join(logging_operator.RELEASES)}",
        )
        return
    for part in logging_operator.parts_of(obj, version):
        own = {"operator": version, "default": part.default, "source": logging_operator.SOURCE} if part.default else {}
        yield part.image, Why(object=about, containers=(part.container,), field=", ".join(part.fields), **own)


def _logging_version(objects: Sequence[JsonObject]) -> str:
    """The release of the Logging operator among *objects*, by the tag of its image; empty if there is none."""
    for obj in objects:
        if obj["kind"] == "Deployment":
            for container in containers_of(obj["spec"]["template"]):
                name, _colon, tag = str(container.get("image") or "").partition("@")[0].rpartition(":")
                if name.endswith(logging_operator.OPERATOR_IMAGE):
                    return tag.removeprefix("v")
    return ""


def _image_of(
    own: JsonObject, part: _Part, operator: Operator, *, about: str, errors: Errors
) -> tuple[str, dict[str, str]]:
    """The image of one generated container, empty if it cannot be known, and what names it.

    This is BuildImagePath of pkg/operator/image.go: the image; else a base image, with its own tag or digest, else with
    the fields sha, tag and version, in this order.
    """
    if (own.get("image") or "").strip():
        return own["image"], {"field": f"{part.path}.image"}
    old = {name: str(own[name]) for name in ("baseImage", "sha", "tag") if part.old and own.get(name)}
    base, why = (old["baseImage"], {}) if "baseImage" in old else _base(part.flag, operator)
    if "@" in base or ":" in base.rpartition("/")[2]:
        return base, {**why, **_fields(part, [name for name in old if name == "baseImage"])}
    if "sha" in old or "tag" in old:
        last = f"@sha256:{old['sha']}" if "sha" in old else f":{old['tag']}"
        return base + last, {**why, **_fields(part, [name for name in old if name != "tag" or "sha" not in old])}
    version = str(own.get("version") or "").strip()
    if version:
        tag = version if part.exact else f"v{version.removeprefix('v')}"
        return f"{base}:{tag}", {**why, **_fields(part, [*old, "version"])}
    defaults = VERSIONS.get(operator.version)
    if defaults is None:
        errors.add(
            f"{about}: {part.path}.version",
            f"must be given: which version release {operator.version} of the operator runs without it is not known; "
            f"known: {', '.join(VERSIONS)}",
        )
        return "", {}
    tag = getattr(defaults, part.version)
    default = "; ".join(text for text in (why.get("default"), f"version {tag}") if text)
    return f"{base}:{tag}", {**why, **_fields(part, list(old)), "operator": operator.version, "default": default}


def _base(flag: str, operator: Operator) -> tuple[str, dict[str, str]]:
    """The base image that an operator's *flag* gives, else its release, and what says so."""
    if flag in operator.flags:
        return operator.flags[flag], {"flag": f"--{flag} of {operator.label}"}
    return BASE_IMAGES[flag], {"operator": operator.version, "default": f"--{flag}={BASE_IMAGES[flag]}"}


def _fields(part: _Part, names: Sequence[str]) -> dict[str, str]:
    return {"field": ", ".join(f"{part.path}.{name}" for name in names)} if names else {}
