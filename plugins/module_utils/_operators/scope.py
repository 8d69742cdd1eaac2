# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Prometheus Operator reconciles, told by the arguments of its container. Pure.

The operator reads its flags with Go's package ``flag``: one dash or two, ``-name=value`` or ``-name value``, and
nothing behind the first argument that is not a flag (https://pkg.go.dev/flag). It takes no settings from the
environment. Names and meaning of the flags: cmd/operator/main.go, pkg/operator/config.go and pkg/informers/informers.go
of prometheus-operator/prometheus-operator, all releases from 0.17 to 0.93.

What cannot be read counts as if nothing were restricted, and `Scope.unclear` says why.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    COMPONENT_LABEL,
    MONITORING_GROUP,
    OPERATOR_COMPONENT,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of

JsonObject = dict[str, t.Any]

# The kinds that the operator makes StatefulSets of, with their resources.
INSTANCE_KINDS: dict[str, str] = {
    "Alertmanager": "alertmanagers",
    "Prometheus": "prometheuses",
    "PrometheusAgent": "prometheusagents",
    "ThanosRuler": "thanosrulers",
}
# An operator that has an id reconciles the instances whose annotation has the same one, all others those without.
CONTROLLER_ID = "operator.prometheus.io/controller-id"

# How the flags of a kind begin: --prometheus-instance-namespaces is for agents, too.
_FAMILIES = {
    "Alertmanager": "alertmanager",
    "Prometheus": "prometheus",
    "PrometheusAgent": "prometheus",
    "ThanosRuler": "thanos-ruler",
}
# Flags that may stand without a value, because a following argument is never their value; and those that take one. The
# last lines are the flags of the logging library that old releases had.
_SWITCHES_TEXT = """
    analytics disable-auto-user-group disable-unmanaged-prometheus-configuration enable-config-reloader-probes
    kubelet-endpoints kubelet-endpointslice kubelet-http-metrics manage-crds short-version tls-insecure version
    watch-referenced-objects-in-all-namespaces web.enable-http2 web.enable-tls with-validation
    add_dir_header alsologtostderr logtostderr one_output skip_headers skip_log_headers
"""
_VALUED_TEXT = """
    alertmanager-config-namespaces alertmanager-default-base-image alertmanager-instance-namespaces
    alertmanager-instance-selector annotations apiserver as auto-gomemlimit-ratio ca-file cert-file cluster-domain
    config-reloader-cpu config-reloader-cpu-limit config-reloader-cpu-request config-reloader-image
    config-reloader-memory config-reloader-memory-limit config-reloader-memory-request configmap-field-selector
    configmap-label-selector controller-id crd-apigroup crd-kinds deny-namespaces feature-gates key-file
    kubelet-node-address-priority kubelet-object kubelet-selector kubelet-service kubelet-sync-period labels
    localhost log-format log-level namespace namespaces prometheus-config-reloader prometheus-default-base-image
    prometheus-instance-namespaces prometheus-instance-selector repair-policy-for-statefulsets
    secret-field-selector secret-label-selector thanos-default-base-image thanos-ruler-instance-namespaces
    thanos-ruler-instance-selector web.cert-file web.client-ca-file web.key-file web.listen-address
    web.tls-cipher-suites web.tls-curves web.tls-min-version web.tls-reload-interval
    log_backtrace_at log_dir log_file log_file_max_size stderrthreshold v vmodule
"""
_SWITCHES = frozenset(_SWITCHES_TEXT.split())
_VALUED = frozenset(_VALUED_TEXT.split())
# Flags that no other program has: what was started with one of them is the operator.
_TELLING = (
    r"(?:prometheus-config-reloader|config-reloader-(?:image|cpu|memory)(?:-limit|-request)?"
    r"|(?:prometheus|alertmanager|thanos)-default-base-image"
    r"|(?:prometheus|alertmanager|thanos-ruler)-instance-(?:namespaces|selector)|alertmanager-config-namespaces"
    r"|kubelet-(?:service|object|endpoints|endpointslice)|controller-id|disable-unmanaged-prometheus-configuration"
    r"|watch-referenced-objects-in-all-namespaces|enable-config-reloader-probes|repair-policy-for-statefulsets)"
)
_TELLING_FLAG = re.compile(rf"(?<![\w.-])--?{_TELLING}(?![\w-])")
# Flags that say nothing about the pods of instances: whose they are, what is logged, what the operator itself serves.
_NOT_OF_PODS = re.compile(
    r"controller-id|log-(?:level|format)|kubelet-.+|web\..+|(?:deny-)?namespaces?|.+-namespaces|.+-selector"
    r"|auto-gomemlimit-ratio|repair-policy-for-statefulsets|disable-unmanaged-prometheus-configuration"
)
_SHELLS = frozenset({"ash", "bash", "busybox", "dash", "ksh", "sh", "zsh"})
# In the place of what only the running pod knows.
_UNKNOWN = "\0"
_REFERENCE = re.compile(r"\$(?:\$|\(([^()]*)\))")
_FIELD = re.compile(r"metadata\.(annotations|labels)\['([^']+)'\]")


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One custom resource of INSTANCE_KINDS, as far as it decides which operator reconciles it.

    *set_label* is the set of ours that it belongs to, None for the instances of others.
    """

    kind: str
    namespace: str
    name: str
    labels: t.Mapping[str, str] = field(default_factory=dict)
    annotations: t.Mapping[str, str] = field(default_factory=dict)
    set_label: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Scope:
    """What an operator reconciles, by its flags.

    *allowed*: for each kind its namespaces, None for all of them but those *denied*. *selectors*: for each kind the
    label selector of its instances, empty for all. *controller_id*: empty for the instances without such an annotation,
    None if it is not known. *group*: the API group of its custom resources. *unclear*: why something could not be
    read, which then counts as not restricted; empty if all is known.
    """

    allowed: t.Mapping[str, frozenset[str] | None]
    denied: frozenset[str] = frozenset()
    selectors: t.Mapping[str, str] = field(default_factory=dict)
    controller_id: str | None = ""
    group: str = MONITORING_GROUP
    unclear: str = ""

    def reconciles(self, instance: Instance) -> bool:
        """Whether this operator would reconcile *instance*."""
        found = instance.annotations.get(CONTROLLER_ID) or ""
        return (
            self.reaches(instance.kind, instance.namespace)
            and self.controller_id in (None, found)
            and matches(self.selectors.get(instance.kind, ""), instance.labels) is not False
        )

    def reaches(self, kind: str, namespace: str) -> bool:
        """Whether this operator watches *kind* in *namespace*: it may reconcile an instance that is made there."""
        if self.group != MONITORING_GROUP or kind not in INSTANCE_KINDS:
            return False
        allowed = self.allowed.get(kind)
        return namespace in allowed if allowed is not None else namespace not in self.denied

    def __str__(self) -> str:
        """In words, for messages."""
        places = {None if found is None else tuple(sorted(found)) for found in self.allowed.values()}
        words = []
        if places == {None}:
            words.append("watches all namespaces" + (f" but {first_of(sorted(self.denied))}" if self.denied else ""))
        else:
            named = sorted({name for found in places for name in found or ()})
            rest = " and some kinds everywhere" if None in places else ""
            words.append(f"watches the namespaces {first_of(named)}{rest}")
        words += [f"only instances with {text}" for text in sorted({text for text in self.selectors.values() if text})]
        if self.controller_id:
            words.append(f"only instances of the controller id {self.controller_id!r}")
        if self.unclear:
            words.append(f"{self.unclear}, and what is not known counts as no limit")
        return "; ".join(words)


EVERYTHING = Scope(allowed=dict.fromkeys(INSTANCE_KINDS))


# -- from a pod's containers --------------------------------------------------------------------------------------


def runs_operator(obj: JsonObject) -> bool:
    """Whether an object of ours is a Deployment of an operator, and not of what runs beside it."""
    labels: t.Mapping[str, str] = obj["metadata"].get("labels") or {}
    return obj["kind"] == "Deployment" and labels.get(COMPONENT_LABEL) == OPERATOR_COMPONENT


def containers_of(template: JsonObject) -> list[JsonObject]:
    """The containers of a pod template that run all the time, sidecars among the init containers too."""
    spec = template.get("spec") or {}
    sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy") == "Always"]
    return [*(spec.get("containers") or ()), *sidecars]


def is_telling(container: JsonObject) -> bool:
    """Whether a container is started with a flag that only the operator has."""
    words = [*(container.get("command") or ()), *(container.get("args") or ())]
    return any(_TELLING_FLAG.search(str(word)) for word in words)


def scope_of(template: JsonObject, *, namespace: str) -> Scope:
    """What the operator in a pod *template* of *namespace* reconciles.

    Of several containers it is the one with flags of the operator. Without such a one nothing restricts it.
    """
    telling = [container for container in containers_of(template) if is_telling(container)]
    if not telling:
        own = [container for container in containers_of(template) if _restricts(container)]
        telling = own if len(own) == 1 else []
    scopes = [_scope(container, template=template, namespace=namespace) for container in telling]
    if not scopes:
        return EVERYTHING
    # Two operators in one pod: no such thing is known, so the pod counts as one without limits.
    return scopes[0] if len(scopes) == 1 else Scope(allowed=EVERYTHING.allowed, unclear="it has several operators")


def _restricts(container: JsonObject) -> bool:
    words = [*(container.get("command") or ()), *(container.get("args") or ())]
    return any(re.match(r"--?(deny-)?namespaces?(=|$)", str(word)) for word in words)


def _scope(container: JsonObject, *, template: JsonObject, namespace: str) -> Scope:
    known = _environment(container, template=template, namespace=namespace)
    default = _UNKNOWN if container.get("envFrom") else None
    command = [_expanded(str(word), known, default=default) for word in container.get("command") or ()]
    args = [_expanded(str(word), known, default=default) for word in container.get("args") or ()]
    programs = [word.rpartition("/")[2] for word in command]
    if _SHELLS & set(programs):
        return Scope(allowed=EVERYTHING.allowed, unclear="it is started by a shell")
    # A wrapper (tini, dumb-init) stands before the operator's own program.
    program = next((number for number, name in enumerate(programs) if "operator" in name and name[0] != "-"), 0)
    try:
        return scope_by_flags(read_flags([*command[program + 1 :], *args]))
    except ValueError as error:
        return Scope(allowed=EVERYTHING.allowed, unclear=str(error))


def _environment(container: JsonObject, *, template: JsonObject, namespace: str) -> dict[str, str]:
    """The variables of a container's *env* by name, as far as the template tells their values."""
    metadata = template.get("metadata") or {}
    known: dict[str, str] = {}
    default = _UNKNOWN if container.get("envFrom") else None
    for entry in container.get("env") or ():
        reference = entry.get("valueFrom")
        value = _expanded(str(entry.get("value") or ""), known, default=default)
        if reference:
            path = str((reference.get("fieldRef") or {}).get("fieldPath") or "")
            found = _FIELD.fullmatch(path)
            value = _UNKNOWN
            if path == "metadata.namespace":
                value = namespace
            elif found:
                # OLM tells an operator its namespaces by the annotation olm.targetNamespaces of the pods.
                value = str((metadata.get(found[1]) or {}).get(found[2], ""))
        known[str(entry.get("name"))] = value
    return known


def _expanded(text: str, known: t.Mapping[str, str], *, default: str | None) -> str:
    """*text* with each ``$(NAME)`` as its value, as the kubelet does it; what it does not know stays as it is.

    https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ (args)
    """

    def value(found: re.Match[str]) -> str:
        if found[1] is None:
            return "$"
        return known.get(found[1], found[0] if default is None else default)

    return _REFERENCE.sub(value, text)


def other_pods(old: JsonObject, new: JsonObject) -> list[str]:
    """In what two operators differ, by their pod templates, so that they make other pods of the same instance.

    Changed flags are part of a hash over the StatefulSet (pkg/prometheus/operator.go of release 0.93), and another
    release may have other defaults.
    """
    images, flags = zip(*(_image_and_flags(template) for template in (old, new)), strict=True)
    found = [f"the image ({images[0]} and {images[1]})"] if images[0] != images[1] else []
    for name in sorted({*flags[0], *flags[1]}):
        values = [",".join(one.get(name, ())) for one in flags]
        if values[0] != values[1] and not _NOT_OF_PODS.fullmatch(name):
            found.append(f"--{name} ({values[0] or 'not given'} and {values[1] or 'not given'})")
    return found


def _image_and_flags(template: JsonObject) -> tuple[str, dict[str, list[str]]]:
    containers = containers_of(template)
    own = ([one for one in containers if is_telling(one)] or containers[:1] or [{}])[0]
    try:
        flags = read_flags([str(word) for word in own.get("args") or ()])
    except ValueError:
        flags = {"args": [str(word) for word in own.get("args") or ()]}
    return str(own.get("image") or ""), flags


# -- flags --------------------------------------------------------------------------------------------------------


def read_flags(arguments: t.Sequence[str]) -> dict[str, list[str]]:
    """The values of each flag, in their order, as Go's package ``flag`` reads *arguments*.

    Raises ValueError, with the reason as words for a message, where that cannot be known.
    """
    found: dict[str, list[str]] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if len(word) < 2 or not word.startswith("-") or word == "--":
            break
        name, has_value, value = word.removeprefix("-").removeprefix("-").partition("=")
        if not name or name.startswith("-") or _UNKNOWN in name:
            raise ValueError("its arguments cannot be read")
        if not has_value:
            value = "true"
            if name in _VALUED:
                if not rest:
                    raise ValueError(f"its argument --{name} has no value")
                value = rest.pop(0)
            elif name not in _SWITCHES and rest and not rest[0].startswith("-"):
                raise ValueError(f"its argument --{name} is not known, nor what is read behind it")
        found.setdefault(name, []).append(value)
    return found


def scope_by_flags(flags: t.Mapping[str, t.Sequence[str]]) -> Scope:
    """What an operator with these *flags* reconciles. Lists of namespaces add up, else the last value counts."""
    unclear: list[str] = []

    def last(name: str) -> str:
        value = (flags.get(name) or ("",))[-1]
        if _UNKNOWN in value:
            unclear.append(name)
            return ""
        return value

    def names(*of_flags: str) -> frozenset[str]:
        """The namespaces of a list; with an empty name, which means all of them, if one is not known."""
        values = [value for name in of_flags for value in flags.get(name) or ()]
        if any(_UNKNOWN in value for value in values):
            unclear.extend(name for name in of_flags if name in flags)
            return frozenset({""})
        return frozenset(part for value in values for part in value.split(","))

    everywhere = names("namespace", "namespaces")
    denied = names("deny-namespaces") - {""}
    lists = {kind: names(f"{family}-instance-namespaces") or everywhere for kind, family in _FAMILIES.items()}
    # An empty name beside others means all namespaces, too, and then the denied ones are not left out.
    if any("" in found and len(found) > 1 for found in lists.values()):
        denied = frozenset()
    selectors = {kind: last(f"{family}-instance-selector") for kind, family in _FAMILIES.items()}
    controller_id: str | None = last("controller-id")
    if "controller-id" in unclear:
        controller_id = None
    named = sorted({f"--{name}" for name in unclear})
    return Scope(
        allowed={kind: None if not found or "" in found else found for kind, found in lists.items()},
        denied=denied,
        selectors=selectors,
        controller_id=controller_id,
        group=last("crd-apigroup") or MONITORING_GROUP,
        unclear=f"only its running pod knows the value of {first_of(named)}" if named else "",
    )


# -- label selectors ----------------------------------------------------------------------------------------------

_KEY = r"[A-Za-z0-9]([A-Za-z0-9_./-]*[A-Za-z0-9])?"
_REQUIREMENT = re.compile(
    rf"\s*(?:(?P<absent>!)\s*(?P<no>{_KEY})"
    rf"|(?P<key>{_KEY})\s*(?:(?P<sign>==|=|!=)\s*(?P<value>[A-Za-z0-9_.-]*)"
    r"|\s(?P<word>in|notin)\s*\((?P<values>[^()]*)\))?)\s*(?:,|$)"
)


def matches(selector: str, labels: t.Mapping[str, str]) -> bool | None:
    """Whether *labels* match a label selector as kubectl takes it; None if the selector cannot be read.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
    """
    place = 0
    good = True
    while place < len(selector):
        found = _REQUIREMENT.match(selector, place)
        if found is None or found.end() == place:
            return None
        good = good and _holds(found, labels)
        place = found.end()
    return None if selector.rstrip().endswith(",") else good


def _holds(requirement: re.Match[str], labels: t.Mapping[str, str]) -> bool:
    if requirement["absent"]:
        return requirement["no"] not in labels
    key = requirement["key"]
    if requirement["sign"]:
        same = labels.get(key) == requirement["value"]
        return not same if requirement["sign"] == "!=" else same
    if requirement["word"]:
        inside = labels.get(key) in {value.strip() for value in requirement["values"].split(",")}
        return inside if requirement["word"] == "in" else not inside
    return key in labels
