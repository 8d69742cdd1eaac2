# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of a Prometheus or Alertmanager that existed before, when it becomes a team's instance. Pure.

What would lose data is refused before the first write. Defaults are the operator's (pkg/prometheus/common.go,
pkg/prometheus/server/statefulset.go and pkg/alertmanager/statefulset.go of release 0.93).
"""

from __future__ import annotations

import json
import math
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    MONITORING_GROUP,
    TEAM_LABEL,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.text import first_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._capabilities.teams.policy import PARTS
from ansible_collections.promfleet.monitoring.plugins.module_utils._input import grammar, quantities
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Plan, Write
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.atomic import atomic_maps
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import US, same
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import after_takeover, is_marked

JsonObject = dict[str, t.Any]

_RETENTION = {"Prometheus": "24h", "Alertmanager": "120h"}  # an agent keeps nothing for a time
# For a Prometheus whose data is limited by its size alone.
_FOR_EVER = "10y"
_CLAIM_DEFAULTS: JsonObject = {"accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem"}
_NO_OPTION = "no option sets it; leave the field to its owner, or move the data first"

# Fields of a Prometheus that are only in the configuration which it reloads, or in the StatefulSet outside of the pods.
_SELECTS = frozenset(
    f"{kind}{what}"
    for kind in ("serviceMonitor", "podMonitor", "probe", "rule", "scrapeConfig", "alertmanagerConfig")
    for what in ("Selector", "NamespaceSelector")
)
_LABELS = frozenset({"externalLabels", "replicaExternalLabelName", "prometheusExternalLabelName"})
_RELOADED: dict[str, frozenset[str]] = {
    "Prometheus": _SELECTS
    | _LABELS
    | {
        "additionalAlertManagerConfigs",
        "additionalAlertRelabelConfigs",
        "additionalScrapeConfigs",
        "alerting",
        "arbitraryFSAccessThroughSMs",
        "enforcedNamespaceLabel",
        "evaluationInterval",
        "excludedFromEnforcement",
        "ignoreNamespaceSelectors",
        "overrideHonorLabels",
        "overrideHonorTimestamps",
        "remoteRead",
        "remoteWrite",
        "replicas",
        "scrapeInterval",
        "scrapeTimeout",
        "serviceDiscoveryRole",
    },
    # Each replica gets the addresses of all others as arguments.
    "Alertmanager": _SELECTS | {"alertmanagerConfigMatcherStrategy"},
}


def refuse_losses(plan: Plan) -> None:
    """Raise Refused if adopting an instance would lose data, with all that would, and what to set."""
    losses = {
        f"{key_of(write.desired)} (team {_team(write)!r})": found
        for write in _adopted(plan)
        if (found := _losses(write))
    }
    if losses:
        said = "; ".join(f"{name}: {', '.join(found)}" for name, found in losses.items())
        raise Refused(
            f"these instances existed before, and would lose data as the team's: {said}. Nothing was written",
            objects=tuple(losses),
        )


def remarks(plan: Plan) -> list[str]:
    """What adopting instances changes in them, one text for each."""
    return [_remark(write) for write in _adopted(plan)]


def _adopted(plan: Plan) -> list[Write]:
    """The instances that existed before, and that this plan adopts or goes on to adopt."""
    found = [
        write
        for write in plan.writes
        if write.live is not None
        and key_of(write.desired).group == MONITORING_GROUP
        and write.desired["kind"] in PARTS
        and (write.adopts or _is_unfinished(write.live))
    ]
    return sorted(found, key=lambda write: key_of(write.desired))


def _is_unfinished(live: JsonObject) -> bool:
    """Whether a run was interrupted after it had taken over the fields, and before it changed any."""
    return is_marked(live) and ADOPTED_ANNOTATION not in (live["metadata"].get("annotations") or {})


def _team(write: Write) -> str:
    return str(write.desired["metadata"]["labels"][TEAM_LABEL])


def _specs(write: Write) -> tuple[JsonObject, JsonObject]:
    """The spec before, and as it will be: fields of managers who give theirs up go, those of others stay."""
    live = write.live or {}
    atomic = atomic_maps(MONITORING_GROUP, write.desired["kind"])
    left = after_takeover(live, owners={*write.takes, US})
    return live.get("spec") or {}, _overlaid(left.get("spec") or {}, write.desired["spec"], atomic=atomic)


def _overlaid(below: t.Any, above: t.Any, *, atomic: frozenset[str], name: str = "") -> t.Any:
    if not isinstance(below, dict) or not isinstance(above, dict) or name in atomic:
        return above
    return {**below, **{key: _overlaid(below.get(key), above[key], atomic=atomic, name=key) for key in above}}


# -- what is refused ----------------------------------------------------------------------------------------------


def _losses(write: Write) -> list[str]:
    """What would lose data, each with the old and the new value, and what to set."""
    before, after = _specs(write)
    kind = write.desired["kind"]
    part = PARTS[kind]
    return [
        *_fewer(before, after, part=part),
        *_shorter(before, after, kind=kind),
        *_other_storage(before, after, part=part),
        *_recreated(before, after),
    ]


def _fewer(before: JsonObject, after: JsonObject, *, part: str) -> t.Iterator[str]:
    # Each replica and each shard has data of its own.
    for name in ("replicas", "shards"):
        old, new = before.get(name, 1), after.get(name, 1)
        if not new:
            yield f"{name} {old} -> 0 (set state: active until it is the team's)"
            continue
        if new < old:
            yield f"{name} {old} -> {new} (set {part}.{name}: {old})"


def _shorter(before: JsonObject, after: JsonObject, *, kind: str) -> t.Iterator[str]:
    if kind not in _RETENTION:
        return
    less = after.get("retentionSize")
    if less and _size_of(less) < _size_of(before.get("retentionSize")):
        had = before.get("retentionSize") or "none"
        yield f"retentionSize {had} -> {less} (leave out {PARTS[kind]}.retention_size until it is the team's)"
    old, new = _retention(before, kind=kind), _retention(after, kind=kind)
    one, other = grammar.milliseconds(old), grammar.milliseconds(new)
    if one is not None and other is not None and other < one:
        what = old if old != _FOR_EVER else f"none, only a size, {before['retentionSize']}"
        yield f"retention {what} -> {new} (set {PARTS[kind]}.retention: {old}, or longer)"


def _size_of(text: str | None) -> float:
    found = grammar.bytes_of(text) if text else None
    return found or math.inf


def _retention(spec: JsonObject, *, kind: str) -> str:
    return str(spec.get("retention") or (_FOR_EVER if spec.get("retentionSize") else _RETENTION[kind]))


def _other_storage(before: JsonObject, after: JsonObject, *, part: str) -> t.Iterator[str]:
    old, new = _claim(before), _claim(after)
    if old is None:
        return
    if new is None:
        size, of_class = _size(old), (old.get("spec") or {}).get("storageClassName")
        given = f"size: {size}" + (f", class: {of_class}" if of_class else "")
        yield f"storage: volume claims of {size} -> none (set {part}.storage: {{{given}}})"
        return
    name, other = ((claim.get("metadata") or {}).get("name") for claim in (old, new))
    if name != other:
        yield f"name of the volume claims: {_shown(name)} -> {_shown(other)} ({_NO_OPTION})"
    sizes = [quantities.parse(str(_size(claim))) for claim in (old, new)]
    if sizes[0] != sizes[1]:
        yield f"size of the volume claims: {_size(old)} -> {_size(new)} (set {part}.storage.size: {_size(old)})"
    one, two = ({**_CLAIM_DEFAULTS, **(claim.get("spec") or {})} for claim in (old, new))
    for field in sorted({*one, *two} - {"resources"}):
        was, will = one.get(field), two.get(field)
        if not same(was, will):
            yield f"{field} of the volume claims: {_shown(was)} -> {_shown(will)} ({_advice(field, was, part=part)})"
    was, will = (bool(spec["storage"].get("disableMountSubPath")) for spec in (before, after))
    if was != will:
        yield f"storage.disableMountSubPath {_shown(was)} -> {_shown(will)} ({_NO_OPTION})"


def _advice(field: str, was: t.Any, *, part: str) -> str:
    if field != "storageClassName":
        return _NO_OPTION
    return f"set {part}.storage.class: {was}" if was else f"leave out {part}.storage.class"


def _claim(spec: JsonObject) -> JsonObject | None:
    """The template of the volume claims, None if the data is in the pod."""
    storage = spec.get("storage")
    if storage is None or storage.get("emptyDir") is not None or storage.get("ephemeral") is not None:
        return None
    template: JsonObject = storage.get("volumeClaimTemplate") or {}
    return template


def _size(claim: JsonObject) -> t.Any:
    return (((claim.get("spec") or {}).get("resources") or {}).get("requests") or {}).get("storage")


def _recreated(before: JsonObject, after: JsonObject) -> t.Iterator[str]:
    # The operator deletes a StatefulSet that cannot be changed, and creates it again.
    policy = before.get("persistentVolumeClaimRetentionPolicy") or {}
    if policy.get("whenDeleted") != "Delete":
        return
    for name in ("podManagementPolicy", "serviceName"):
        if before.get(name) != after.get(name):
            yield (
                f"{name} {_shown(before.get(name))} -> {_shown(after.get(name))}: the operator would create the "
                f"StatefulSet again, and its volume claims would be deleted with it (whenDeleted: Delete; {_NO_OPTION})"
            )


def _shown(value: t.Any) -> str:
    if value is None:
        return "(default)"
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


# -- what is said --------------------------------------------------------------------------------------------------


def _remark(write: Write) -> str:
    before, after = _specs(write)
    kind = write.desired["kind"]
    changed = sorted(name for name in {**before, **after} if not same(before.get(name), after.get(name)))
    restarting = [
        name for name in changed if name not in _RELOADED["Prometheus" if kind == "PrometheusAgent" else kind]
    ]
    text = f"{key_of(write.desired)} existed before and becomes the instance of team {_team(write)!r}: "
    text += f"its pods restart once ({first_of(restarting)} change)" if restarting else "its pods do not restart"
    if restarting and _claim(before) is None:
        text += ", and its data, which is in the pods, is lost"
    gone = [name for name in changed if name not in after]
    if gone:
        text += f"; it no longer has {first_of(gone)}"
    collected = [name for name in changed if name in _SELECTS | _LABELS and name not in gone]
    if collected:
        shown = [f"{name} {_shown(before.get(name))} -> {_shown(after.get(name))}" for name in collected]
        text += f"; what it selects and how its series are labelled changes: {', '.join(shown)}"
    return text
