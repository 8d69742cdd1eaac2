# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What releases 0.73 to 0.93 of the Prometheus Operator do otherwise than before. Pure.

Each row was read in the change itself: the sources of the releases before and after it.
"""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    MANAGED_BY_LABEL,
    NAME_LABEL,
    OPERATOR_NAME,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.fields import value_at, values_at
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.model import BY_SOURCE, Case, Evidence, Risk
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.rows import (
    LIMITS,
    OPERATOR_PULL,
    SERVERS,
    enforced,
    row,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._upgrade.versions import (
    Version,
    parse_version,
    version_or_none,
)


def _names_no_version(case: Case) -> Iterator[Evidence]:
    for obj in case.live.of(*SERVERS):
        spec = obj.get("spec") or {}
        if not any(spec.get(name) for name in ("version", "image", "tag", "sha")):
            yield Evidence(object=key_of(obj), path="spec.version", value="is not given")


def _lower_global_limit(case: Case) -> Iterator[Evidence]:
    for obj in case.live.of(*SERVERS):
        spec = obj.get("spec") or {}
        for name in LIMITS:
            own, limit = spec.get(name) or 0, spec.get(enforced(name)) or 0
            if 0 < own < limit:
                value = f"{own}, below the enforced limit {limit}"
                yield Evidence(object=key_of(obj), path=f"spec.{name}", value=value)


def _compacts(case: Case) -> Iterator[Evidence]:
    for obj in case.live.of("Prometheus"):
        thanos = value_at(obj, "spec.thanos") or {}
        stored = next((name for name in ("objectStorageConfig", "objectStorageConfigFile") if thanos.get(name)), "")
        if not stored or value_at(obj, "spec.disableCompaction") or _is_older(thanos.get("version"), "0.41.0"):
            continue
        change = case.change_of(obj)
        after = change.after if change is not None else None
        if after is None or after >= parse_version("3.9.0"):
            yield Evidence(object=key_of(obj), path=f"spec.thanos.{stored}", value="is set", certain=after is not None)


def _is_older(text: str | None, than: str) -> bool:
    version = version_or_none(text)
    return version is not None and version < parse_version(than)


def _sends_metadata(case: Case) -> Iterator[Evidence]:
    for obj in case.live.of(*SERVERS):
        for place, entry in values_at(obj, "spec.remoteWrite[]"):
            metadata = entry.get("metadataConfig")
            if entry.get("messageVersion") == "V2.0" and metadata is not None and metadata.get("send", True):
                yield Evidence(
                    object=key_of(obj), path=f"{place}.metadataConfig.send", value="with messageVersion V2.0"
                )


def _needs_metadata_records(case: Case) -> Iterator[Evidence]:
    for obj in case.live.of(*SERVERS):
        if "metadata-wal-records" in ((obj.get("spec") or {}).get("enableFeatures") or ()):
            continue
        change = case.change_of(obj)
        after = change.after if change is not None else None
        if after is not None and after < parse_version("3.4.0"):
            continue
        for place, version in values_at(obj, "spec.remoteWrite[].messageVersion"):
            if version == "V2.0":
                yield Evidence(object=key_of(obj), path=place, value=version, certain=after is not None)


_OWNERS = {"Alertmanager": "alertmanager", "ThanosRuler": "thanos-ruler"}


def _lacks_labels(case: Case) -> Iterator[Evidence]:
    for obj in case.live.of("StatefulSet"):
        metadata = obj["metadata"]
        owner = next((one["kind"] for one in metadata.get("ownerReferences") or () if one["kind"] in _OWNERS), None)
        if owner is None:
            continue
        labels = metadata.get("labels") or {}
        wanted = {MANAGED_BY_LABEL: OPERATOR_NAME, NAME_LABEL: _OWNERS[owner]}
        for name, value in wanted.items():
            if labels.get(name) != value:
                yield Evidence(
                    object=key_of(obj), path=f"metadata.labels.{name}", value=labels.get(name, "is not there")
                )


def _aws_discovery(case: Case) -> Iterator[Evidence]:
    after = [change.after for change in case.all_changes if change.subject.kind in SERVERS]
    if after and all(_is_below_38(version) for version in after):
        return
    for obj in case.live.of("ScrapeConfig"):
        for name in ("ec2SDConfigs", "lightSailSDConfigs"):
            if (obj.get("spec") or {}).get(name):
                yield Evidence(object=key_of(obj), path=f"spec.{name}", value="is given")


def _is_below_38(version: Version | None) -> bool:
    return version is not None and version < parse_version("3.8.0")


RISKS: tuple[Risk, ...] = (
    row(
        "po-prometheus-3",
        since="0.79.0",
        title="Instances without a version get Prometheus 3",
        breaks="The operator runs Prometheus 3.0.1 or later where an instance names no version; until 0.78 it ran 2.x.",
        exposure="A Prometheus or PrometheusAgent without spec.version, image, tag and sha",
        fix="set spec.version to the version that runs, upgrade the operator, then Prometheus with its own risks",
        reference=f"{OPERATOR_PULL}/7158",
        proof=BY_SOURCE,
        reads=SERVERS,
        check=_names_no_version,
    ),
    row(
        "po-global-limits",
        since="0.75.0",
        title="Global limits count before enforced limits",
        breaks=(
            "A monitor without a limit of its own gets the global limit of its instance, no longer the enforced one. "
            "Where the global limit is the lower one, scrapes fail that fitted before."
        ),
        exposure="A Prometheus or PrometheusAgent with a limit below its enforced limit",
        fix="remove the global limit, raise it to the enforced one, or give the monitors limits of their own",
        reference=f"{OPERATOR_PULL}/6608",
        proof=BY_SOURCE,
        reads=SERVERS,
        check=_lower_global_limit,
    ),
    row(
        "po-metadata-records",
        since="0.86.0",
        title="metadata-wal-records is no longer switched on for remote write 2.0",
        breaks=(
            "For Prometheus 3.4 and later the operator no longer adds the feature metadata-wal-records. Receivers of "
            "remote write 2.0 get no types and help texts."
        ),
        exposure="A remoteWrite entry with messageVersion V2.0, without the feature in spec.enableFeatures",
        fix="add metadata-wal-records to spec.enableFeatures if the receiver needs the metadata; it takes more memory",
        reference=f"{OPERATOR_PULL}/7893",
        proof=BY_SOURCE,
        reads=SERVERS,
        check=_needs_metadata_records,
    ),
    row(
        "po-statefulset-labels",
        since="0.88.0",
        before="<0.85.0",
        title="StatefulSets without the labels of 0.85 are not seen",
        breaks=(
            "The operator watches StatefulSets of Alertmanager and ThanosRuler by labels that it sets since 0.85. It "
            "does not see one without them, and cannot say whether its pods are ready."
        ),
        exposure=f"A StatefulSet of an Alertmanager or ThanosRuler without {MANAGED_BY_LABEL} or {NAME_LABEL}",
        fix="upgrade to a release from 0.85 to 0.87 first, and wait until it has reconciled all instances",
        reference=f"{OPERATOR_PULL}/8246",
        proof=BY_SOURCE,
        reads=("StatefulSet",),
        check=_lacks_labels,
    ),
    row(
        "po-aws-discovery",
        since="0.88.0",
        after=">=0.88.0,<0.88.1",
        title="Release 0.88.0 refuses EC2 and Lightsail discovery",
        breaks="The operator leaves such ScrapeConfigs out for Prometheus 3.8 and later; 0.88.1 took that back.",
        exposure="A ScrapeConfig with ec2SDConfigs or lightSailSDConfigs, and an instance from 3.8 on",
        fix="upgrade to 0.88.1 or later",
        reference=f"{OPERATOR_PULL}/8308",
        proof=BY_SOURCE,
        reads=("ScrapeConfig",),
        check=_aws_discovery,
    ),
    row(
        "po-thanos-compaction",
        since="0.93.0",
        title="Prometheus compacts blocks beside a Thanos sidecar that uploads them",
        breaks=(
            "With Prometheus 3.9 and Thanos 0.41 or later the operator no longer switches local compaction off. Blocks "
            "in the object store get other sizes, and the volume other contents."
        ),
        exposure="A Prometheus with spec.thanos.objectStorageConfig and without spec.disableCompaction",
        fix="set spec.disableCompaction to keep the former behaviour, or make sure that nothing relies on 2h blocks",
        reference=f"{OPERATOR_PULL}/8694",
        proof=BY_SOURCE,
        reads=("Prometheus",),
        check=_compacts,
    ),
    row(
        "po-remote-write-metadata",
        since="0.93.0",
        title="Remote write 2.0 sends no metadata any more",
        breaks="The operator writes send: false into metadata_config of entries with messageVersion V2.0.",
        exposure="A remoteWrite entry with messageVersion V2.0 and metadataConfig that sends",
        fix="remove metadataConfig, or use messageVersion V1.0 if the receiver needs the metadata",
        reference=f"{OPERATOR_PULL}/8700",
        proof=BY_SOURCE,
        reads=SERVERS,
        check=_sends_metadata,
    ),
)
