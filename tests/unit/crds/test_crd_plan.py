"""What a change of CRDs would do, and which opt-ins it needs."""

from __future__ import annotations

import copy
import typing as t

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key
from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import (
    SOURCE_ANNOTATION,
    VERSION_ANNOTATION,
    Loss,
    OptIns,
    desired_crd,
    is_recorded,
    losses,
    make_plan,
    release_text,
    require_opt_ins,
)

JsonObject = dict[str, t.Any]
STRING = {"type": "string"}
SOURCE = "a" * 64


def version(name: str = "v1", *fields: str, served: bool = True, storage: bool = True) -> JsonObject:
    spec = {"type": "object", "properties": dict.fromkeys(fields, STRING)}
    schema = {"type": "object", "properties": {"apiVersion": STRING, "kind": STRING, "spec": spec}}
    return {"name": name, "served": served, "storage": storage, "schema": {"openAPIV3Schema": schema}}


def crd(*versions: JsonObject, release: str | None = "0.80.0", plural: str = "probes", **spec: t.Any) -> JsonObject:
    annotations = {VERSION_ANNOTATION: release} if release else {}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.monitoring.coreos.com",
            "annotations": {"controller-gen.kubebuilder.io/version": "v0.9.2", **annotations},
            "creationTimestamp": None,
        },
        "spec": {
            "group": "monitoring.coreos.com",
            "names": {"kind": plural.capitalize().removesuffix("s"), "plural": plural},
            "scope": "Namespaced",
            "versions": list(versions) or [version("v1", "a", "b")],
            **spec,
        },
    }


def installed(wanted: JsonObject, *, stored: t.Sequence[str] = ("v1",), number: int = 1) -> JsonObject:
    """What a server returns for a CRD that we applied."""
    live = copy.deepcopy(desired_crd(wanted, source=SOURCE, number=number))
    live["spec"].setdefault("conversion", {"strategy": "None"})
    live["metadata"] |= {"uid": "1", "resourceVersion": "7", "generation": 3}
    conditions = [{"type": name, "status": "True"} for name in ("NamesAccepted", "Established")]
    live["status"] = {"conditions": conditions, "storedVersions": list(stored)}
    return live


def plan(wanted: t.Sequence[JsonObject], live: t.Sequence[JsonObject]) -> t.Any:
    return make_plan(wanted=wanted, live=live, source=SOURCE)


def test_what_was_applied_is_unchanged_as_the_server_returns_it() -> None:
    found = plan([crd()], [installed(crd())])
    assert (found.writes, found.unchanged) == ((), 1)


def edited(**change: t.Any) -> JsonObject:
    live = installed(crd())
    for path, value in change.items():
        holder = live
        *parents, last = path.split("__")
        for name in parents:
            holder = holder[name]
        holder[last] = value
    return live


DIFFERENCES: dict[str, tuple[JsonObject, bool]] = {
    "a field that an older tool left": (edited(spec__preserveUnknownFields=True), True),
    "the default of it": (edited(spec__preserveUnknownFields=False), False),
    "another short name": (
        edited(spec__names={"kind": "Probe", "plural": "probes", "singular": "probe", "shortNames": ["x"]}),
        True,
    ),
    "a webhook of others": (edited(spec__conversion={"strategy": "Webhook", "webhook": {"clientConfig": {}}}), False),
    "an annotation of others": (
        edited(
            metadata__annotations={
                **installed(crd())["metadata"]["annotations"],
                "cert-manager.io/inject-ca-from": "a/b",
            }
        ),
        False,
    ),
    "a label of others": (edited(metadata__labels={"app.kubernetes.io/managed-by": "Helm"}), False),
    "another release's mark": (
        edited(
            metadata__annotations={**installed(crd())["metadata"]["annotations"], VERSION_ANNOTATION: "0.79.0"},
        ),
        True,
    ),
    "no mark of ours": (edited(metadata__annotations=crd()["metadata"]["annotations"]), True),
    "a status": (edited(status={}), False),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_what_counts_as_a_difference(name: str) -> None:
    live, differs = DIFFERENCES[name]
    assert bool(plan([crd()], [live]).writes) == differs


def test_the_mark_of_a_release_without_one_goes() -> None:
    [write] = plan([crd(release=None)], [installed(crd())]).writes
    assert VERSION_ANNOTATION in write.before["metadata"]["annotations"]
    assert VERSION_ANNOTATION not in write.after["metadata"]["annotations"]


def test_a_conversion_is_sent_only_where_the_source_has_one() -> None:
    hook = {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"]}}
    assert "conversion" not in desired_crd(crd(conversion={"strategy": "None"}), source=SOURCE, number=1)["spec"]
    assert desired_crd(crd(conversion=hook), source=SOURCE, number=1)["spec"]["conversion"] == hook


# -- known without reading the source -------------------------------------------------------------------------------

RECORDED: dict[str, tuple[list[JsonObject], bool]] = {
    "as applied": ([installed(crd())], True),
    "nothing there": ([], False),
    "from another source": ([installed(crd())], False),
    "one of two is missing": ([installed(crd(), number=2)], False),
    "changed by others": ([edited(spec__scope="Cluster")], False),
    "a webhook of others": ([edited(spec__conversion={"strategy": "Webhook"})], True),
    "not established": ([edited(status={"conditions": [{"type": "Established", "status": "False"}]})], False),
    "never ours": ([edited(metadata__annotations={})], False),
    "a mark that is not a mark": ([edited(metadata__annotations={SOURCE_ANNOTATION: "[1]"})], False),
}


@pytest.mark.parametrize("name", RECORDED)
def test_whether_nothing_is_to_be_done_is_known_from_the_cluster(name: str) -> None:
    live, expected = RECORDED[name]
    source = "b" * 64 if name == "from another source" else SOURCE
    assert is_recorded(live, source=source) == expected


# -- going back -----------------------------------------------------------------------------------------------------

NEW = version("v1", "a", "b", "c", "d")
OLD = version("v1", "a", "b")
OTHER = version("v1", "a", "x", "y")

GOING_BACK: dict[str, tuple[JsonObject, JsonObject, bool]] = {
    "newer": (crd(OLD, release="0.9.0"), crd(NEW, release="0.10.0"), False),
    "older, as numbers": (crd(NEW, release="0.10.0"), crd(OLD, release="0.9.0"), True),
    "the marks decide, not the fields": (crd(NEW, release="0.80.0"), crd(OLD, release="0.81.0"), False),
    "no marks, more fields": (crd(OLD, release=None), crd(NEW, release=None), False),
    "no marks, fewer fields": (crd(NEW, release=None), crd(OLD, release=None), True),
    "no marks, the same fields": (crd(OLD, release=None), crd(OLD, release=None), False),
    "no marks, as many gained as lost": (crd(OLD, release=None), crd(version("v1", "a", "x"), release=None), False),
    "no marks, more gained than lost": (crd(OLD, release=None), crd(OTHER, release=None), False),
    "only the live one has a mark": (crd(NEW), crd(OLD, release=None), True),
    "only the wanted one has a mark": (crd(OLD, release=None), crd(NEW), False),
    "a mark that is not a release": (crd(NEW, release="main"), crd(OLD, release="main"), True),
}


@pytest.mark.parametrize("name", GOING_BACK)
def test_downgrades(name: str) -> None:
    live, wanted, back = GOING_BACK[name]
    assert bool(plan([wanted], [installed(live)]).downgrades) == back


def test_without_marks_all_crds_together_decide() -> None:
    """One CRD that only loses a field is part of an upgrade in which the others gain more."""
    live = [installed(crd(version("v1", "a", "b"), release=None)), installed(crd(OLD, release=None, plural="things"))]
    wanted = [crd(version("v1", "a"), release=None), crd(NEW, release=None, plural="things")]
    assert plan(wanted, live).downgrades == ()
    assert plan(wanted[:1], live[:1]).downgrades == ("probes.monitoring.coreos.com: unknown -> unknown",)


def test_crds_of_a_newer_release_that_the_wanted_one_does_not_have() -> None:
    live = [installed(crd(release="0.90.0")), installed(crd(release="0.90.0", plural="agents"))]
    assert [item["metadata"]["name"] for item in plan([crd(release="0.80.0")], live).leftovers] == [
        "agents.monitoring.coreos.com"
    ]
    assert plan([crd(release="0.90.0")], live).leftovers == ()
    # A release from before the marks is older than every one that has them.
    assert len(plan([crd(release=None)], live).leftovers) == 1


# -- what would be lost ---------------------------------------------------------------------------------------------


def test_between_releases_without_marks_the_others_tell_which_is_newer() -> None:
    older, newer = version("v1", "one"), version("v1", "one", "two")
    live = [installed(crd(newer, release=None)), installed(crd(newer, release=None, plural="agents"))]
    back = plan([crd(older, release=None)], live)
    assert len(back.downgrades) == 1
    assert [item["metadata"]["name"] for item in back.leftovers] == ["agents.monitoring.coreos.com"]
    live = [installed(crd(older, release=None)), installed(crd(older, release=None, plural="agents"))]
    assert plan([crd(newer, release=None)], live).leftovers == ()


def custom(name: str, **spec: t.Any) -> JsonObject:
    metadata = {"name": name, "namespace": "team-a"}
    return {"apiVersion": "monitoring.coreos.com/v1", "kind": "Probe", "metadata": metadata, "spec": spec}


def test_only_kinds_that_lose_fields_are_looked_at() -> None:
    assert plan([crd(NEW, release="0.90.0")], [installed(crd(OLD))]).losing == ()
    [losing] = plan([crd(OLD)], [installed(crd(NEW))]).losing
    assert losing.fields == ("spec.c", "spec.d")
    found = losses([custom("one", a="1"), custom("two", a="1", c="2", d="3")], schema=losing.schema)
    assert [str(loss) for loss in found] == ["Probe team-a/two: spec.c, spec.d"]


def test_objects_of_a_version_that_goes_are_judged_by_the_one_that_stays() -> None:
    both = crd(version("v1", "a", "b", storage=False), version("v2", "a", "b", storage=True))
    [losing] = plan([crd(version("v1", "a"))], [installed(both, stored=["v2"])]).losing
    assert (losing.version, losing.fields) == ("v2", ("spec.b",))


LOST = [
    Loss(key=Key("monitoring.coreos.com", "Probe", "team-a", f"p{number}"), fields=("spec.c",)) for number in range(15)
]
BACK = plan([crd(OLD, release="0.70.0")], [installed(crd(NEW))])
UNSERVED = plan([crd(version("v1"))], [installed(crd(version("v1"), version("v2", storage=False)), stored=["v1"])])
UNSTORED = plan(
    [crd(version("v1"))], [installed(crd(version("v1"), version("v2", storage=False)), stored=["v1", "v2"])]
)
FORWARD = plan([crd(NEW, release="0.90.0")], [installed(crd(OLD))])
ALL = OptIns(allow_downgrade=True, allow_data_loss=True, snapshot_dir="/somewhere")

REFUSALS: dict[str, tuple[t.Any, list[Loss], OptIns, list[str]]] = {
    "an upgrade needs no opt-in": (FORWARD, [], OptIns(), []),
    "going back does": (BACK, [], OptIns(), ["allow_downgrade"]),
    "and has it": (BACK, [], OptIns(allow_downgrade=True), []),
    "losing fields needs another": (BACK, LOST, OptIns(allow_downgrade=True), ["allow_data_loss"]),
    "both are missing, both are said": (BACK, LOST, OptIns(), ["allow_downgrade", "allow_data_loss"]),
    "a loss in an upgrade too": (FORWARD, LOST, OptIns(), ["allow_data_loss"]),
    "and a place for the snapshot": (FORWARD, LOST, OptIns(allow_data_loss=True), ["snapshot_dir"]),
    "which all are given": (BACK, LOST, ALL, []),
    "a served version": (UNSERVED, [], OptIns(), ["served version v2"]),
    "a served version with the opt-in": (UNSERVED, [], OptIns(allow_data_loss=True), []),
    "a stored version has no opt-in": (UNSTORED, [], ALL, ["stored version v2"]),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name: str) -> None:
    found, lost, opt_ins, reasons = REFUSALS[name]
    if not reasons:
        require_opt_ins(found, lost, opt_ins=opt_ins)
        return
    with pytest.raises(Refused) as refusal:
        require_opt_ins(found, lost, opt_ins=opt_ins)
    assert all(reason in str(refusal.value) for reason in reasons)
    assert str(refusal.value).count(" | ") == len(reasons) - 1


def test_a_refusal_names_some_and_lists_all() -> None:
    with pytest.raises(Refused) as refusal:
        require_opt_ins(FORWARD, LOST, opt_ins=OptIns())
    assert "; and 5 more" in str(refusal.value)
    assert refusal.value.objects == tuple(f"Probe team-a/p{number}: spec.c" for number in range(15))


@pytest.mark.parametrize(
    ("crds", "text"),
    [
        ([], "none"),
        ([crd(release=None)], "unknown"),
        ([crd(release="0.9.0"), crd(release="0.9.0")], "0.9.0"),
        ([crd(release="0.10.0"), crd(release=None), crd(release="0.9.0")], "mixed: unknown, 0.9.0, 0.10.0"),
    ],
)
def test_the_release_of_a_set(crds: list[JsonObject], text: str) -> None:
    assert release_text(crds) == text
