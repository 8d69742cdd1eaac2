# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which images the Logging operator (kube-logging) pulls for its own custom resources, by its release. Pure.

Since release 5.3.0 its own images have the release as their tag, and are below one name. The sources are, of each
release, pkg/sdk/logging/api/v1beta1 (the defaults), pkg/resources (when a container is there) and
pkg/sdk/extensions/extensionsconfig. They were read; the program has not been run against this table.
"""

from __future__ import annotations

import typing as t
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

JsonObject = dict[str, t.Any]

SOURCE = "pkg/sdk/logging/api/v1beta1"
GROUPS = ("logging.banzaicloud.io", "logging-extensions.banzaicloud.io")
OPERATOR_IMAGE = "kube-logging/logging-operator"
_OWN = "ghcr.io/kube-logging/logging-operator"
_FLUENT_BIT = "ghcr.io/fluent/fluent-bit"
# From this release on a block of metrics without enabled, port and path is switched off.
_SWITCHED = (6, 1, 0)


@dataclass(frozen=True, kw_only=True)
class Release:
    """The images of others that a release has by default, as their tags have the versions."""

    fluent_bit: str
    axosyslog: str
    exporter: str
    eventrouter: str


RELEASES = {
    "5.4.0": Release(fluent_bit="3.2.5", axosyslog="4.11.0", exporter="0.0.9", eventrouter="0.4.0"),
    "6.0.3": Release(fluent_bit="4.0.3", axosyslog="4.16.0", exporter="0.0.9", eventrouter="0.4.0"),
    "6.1.0": Release(fluent_bit="4.0.3", axosyslog="4.18.1", exporter="0.0.13", eventrouter="0.4.0"),
    "6.2.2": Release(fluent_bit="4.2.0", axosyslog="4.20.0", exporter="0.0.14", eventrouter="0.4.0"),
    "6.3.2": Release(fluent_bit="4.2.2", axosyslog="4.21.0", exporter="0.0.15", eventrouter="0.5.0"),
    "6.4.0": Release(fluent_bit="4.2.2", axosyslog="4.22.0", exporter="0.0.15", eventrouter="0.5.0"),
    "6.5.2": Release(fluent_bit="5.0.5", axosyslog="4.25.0", exporter="0.0.15", eventrouter="0.5.0"),
    "6.6.0": Release(fluent_bit="5.0.5", axosyslog="4.25.0", exporter="0.0.15", eventrouter="0.5.0"),
    "6.7.0": Release(fluent_bit="5.0.5", axosyslog="4.25.0", exporter="0.0.15", eventrouter="1.0.0"),
}


@dataclass(frozen=True, kw_only=True)
class Part:
    """A container that the operator makes: its image as *repository* and *tag*, and the *fields* that say so.

    *default* is what of it comes from the release, empty where the fields say all of it.
    """

    container: str
    repository: str
    tag: str
    fields: tuple[str, ...]
    default: str

    @property
    def image(self) -> str:
        """The name of the image."""
        return f"{self.repository}:{self.tag}"


def is_logging(obj: JsonObject) -> bool:
    """Whether the Logging operator makes pods of an object."""
    return obj["kind"] in _SPECS and obj["apiVersion"].partition("/")[0] in GROUPS


def parts_of(obj: JsonObject, version: str) -> list[Part]:
    """The containers that release *version* makes of a custom resource; raises KeyError for an unknown release."""
    release = RELEASES[version]
    spec = obj.get("spec") or {}
    found: list[Part] = []
    for make, place in _SPECS[obj["kind"]]:
        own = spec.get(place) if place else spec
        if own is not None:
            path = f"spec.{place}" if place else "spec"
            found += make(own, path, release, version)
    return found


def _part(
    spec: Mapping[str, t.Any], names: Sequence[str], repository: str, tag: str, *, path: str, container: str
) -> Part:
    """A container whose image is in the fields *names* below *path*, else as the release has it."""
    given: t.Any = spec
    for name in names:
        given = (given or {}).get(name)
    own = {name: str(value) for name, value in (given or {}).items() if name in ("repository", "tag") and value}
    place = ".".join((path, *names))
    defaults = {"repository": repository, "tag": tag}
    left = [f"{name} {value}" for name, value in defaults.items() if name not in own]
    return Part(
        container=container,
        repository=own.get("repository", repository),
        tag=own.get("tag", tag),
        fields=tuple(f"{place}.{name}" for name in defaults if name in own),
        default=", ".join(left),
    )


def _has_metrics(block: t.Any, version: str) -> bool:
    if block is None:
        return False
    if tuple(int(part) for part in version.split(".")) < _SWITCHED:
        return True
    if block.get("enabled") is not None:
        return bool(block["enabled"])
    return bool(block.get("port") or block.get("path"))


def _fluent_bit(spec: JsonObject, path: str, release: Release, version: str) -> Iterator[Part]:
    image = (_FLUENT_BIT, release.fluent_bit)
    yield _part(spec, ["image"], *image, path=path, container="fluent-bit")
    if _has_metrics(spec.get("bufferVolumeMetrics"), version):
        own = (f"{_OWN}/node-exporter", version)
        yield _part(spec, ["bufferVolumeImage"], *own, path=path, container="buffer-metrics-sidecar")
    if spec.get("configHotReload") is not None:
        own = (f"{_OWN}/config-reloader", version)
        yield _part(spec, ["configHotReload", "image"], *own, path=path, container="config-reloader")


def _fluentd(spec: JsonObject, path: str, _release: Release, version: str) -> Iterator[Part]:
    yield _part(spec, ["image"], f"{_OWN}/fluentd", f"{version}-full", path=path, container="fluentd")
    reloader = (f"{_OWN}/config-reloader", version)
    yield _part(spec, ["configReloaderImage"], *reloader, path=path, container="config-reloader")
    if _has_metrics(spec.get("bufferVolumeMetrics"), version):
        own = (f"{_OWN}/node-exporter", version)
        yield _part(spec, ["bufferVolumeImage"], *own, path=path, container="buffer-metrics-sidecar")
    if spec.get("volumeMountChmod"):
        busybox = ("docker.io/library/busybox", "latest")
        yield _part(spec, ["volumeModImage"], *busybox, path=path, container="volume-mount-hack")
    drain = (spec.get("scaling") or {}).get("drain") or {}
    if drain.get("enabled") and not spec.get("disablePvc"):
        watch, pause = (f"{_OWN}/fluentd-drain-watch", version), ("registry.k8s.io/pause", "3.9")
        yield _part(spec, ["scaling", "drain", "image"], *watch, path=path, container="drain-watch")
        yield _part(spec, ["scaling", "drain", "pauseImage"], *pause, path=path, container="pause")


def _syslog_ng(spec: JsonObject, path: str, release: Release, version: str) -> Iterator[Part]:
    image = ("ghcr.io/axoflow/axosyslog", release.axosyslog)
    yield _part(spec, ["syslogNGImage"], *image, path=path, container="syslog-ng")
    reloader = (f"{_OWN}/syslog-ng-reloader", version)
    yield _part(spec, ["configReloadImage"], *reloader, path=path, container="config-reloader")
    if _has_metrics(spec.get("metrics"), version):
        exporter = ("ghcr.io/axoflow/axosyslog-metrics-exporter", release.exporter)
        yield _part(spec, ["metricsExporterImage"], *exporter, path=path, container="exporter")
    if _has_metrics(spec.get("bufferVolumeMetrics"), version):
        own = (f"{_OWN}/node-exporter", version)
        yield _part(spec, ["bufferVolumeMetricsImage"], *own, path=path, container="buffer-metrics-sidecar")


def _event_tailer(spec: JsonObject, path: str, release: Release, _version: str) -> Iterator[Part]:
    image = ("ghcr.io/kube-logging/eventrouter", release.eventrouter)
    yield _part(spec, ["image"], *image, path=path, container="event-tailer")


def _host_tailer(spec: JsonObject, path: str, release: Release, _version: str) -> Iterator[Part]:
    image = (_FLUENT_BIT, release.fluent_bit)
    yield _part(spec, ["image"], *image, path=path, container="host-tailer")


_Make = t.Callable[[JsonObject, str, Release, str], Iterator[Part]]
# What of each kind makes pods, and where it is in its specification.
_SPECS: dict[str, tuple[tuple[_Make, str], ...]] = {
    "Logging": ((_fluent_bit, "fluentbit"), (_fluentd, "fluentd"), (_syslog_ng, "syslogNG")),
    "FluentbitAgent": ((_fluent_bit, ""),),
    "FluentdConfig": ((_fluentd, ""),),
    "SyslogNGConfig": ((_syslog_ng, ""),),
    "EventTailer": ((_event_tailer, ""),),
    "HostTailer": ((_host_tailer, ""),),
}
