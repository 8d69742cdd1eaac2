"""The CRD guard across operator releases: every pair by its schemas, and walks over all of them on an API server."""

from __future__ import annotations

import functools
import itertools
import random
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._crds.plan import (
    VERSION_ANNOTATION,
    desired_crd,
    make_plan,
)

from promlab.controlplane import ControlPlane
from tests.integration.support.guarded import Guarded, guarded
from tests.integration.support.releases import crds_of

JsonObject = dict[str, t.Any]

# One of each minor release that the Go module proxy has, from the first whose CRDs the guard promises to know.
RELEASES = (
    "0.60.0", "0.61.1", "0.62.0", "0.63.0", "0.65.2", "0.66.0", "0.68.0", "0.69.1", "0.70.0", "0.71.2", "0.72.0",
    "0.73.2", "0.74.0", "0.75.0", "0.76.2", "0.77.2", "0.78.2", "0.79.2", "0.80.1", "0.81.0", "0.82.2", "0.83.0",
    "0.84.0", "0.85.0", "0.87.1", "0.88.1", "0.89.0", "0.90.1", "0.91.0", "0.92.1", "0.93.1",
)  # fmt: skip
SEED = 60931


def measure(plane: ControlPlane, *, rounds: int) -> JsonObject:
    """Every release over every other by comparison, then *rounds* random changes of release on the server.

    *rounds* of at least the number of releases also take the whole way up, and the whole way down again.
    """
    cluster = guarded(plane)
    facts: JsonObject = {"releases": len(RELEASES), **compare_pairs()}
    way = list(RELEASES) + list(reversed(RELEASES))[1:] if rounds >= len(RELEASES) else []
    chance = random.Random(SEED)  # noqa: S311 - a choice that can be repeated
    way += [chance.choice(RELEASES) for _number in range(max(rounds - len(way), 1))]
    facts |= walk(cluster, way, chance=chance)
    return facts


def compare_pairs() -> JsonObject:
    """Whether each ordered pair is told as going back, with the marks of the releases and without any."""
    wrong_marked: list[str] = []
    wrong_silent: list[str] = []
    losing = 0
    for old, new in itertools.permutations(RELEASES, 2):
        back = RELEASES.index(old) > RELEASES.index(new)
        marked = _plan(old, new, marks=True)
        losing += bool(marked.losing)
        if bool(marked.downgrades) != back:
            wrong_marked.append(f"{old} -> {new}")
        if bool(_plan(old, new, marks=False).downgrades) != back:
            wrong_silent.append(f"{old} -> {new}")
    assert wrong_marked == [], f"taken for the wrong direction: {wrong_marked}"
    return {
        "pairs": len(RELEASES) * (len(RELEASES) - 1),
        "pairs_whose_schemas_lose_fields": losing,
        "wrong_without_any_mark": wrong_silent,
    }


def _plan(old: str, new: str, *, marks: bool) -> t.Any:
    wanted = [crd if marks else _silent(crd) for crd in crds_of(new).values()]
    return make_plan(wanted=wanted, live=_installed(old, marks=marks), source="")


@functools.cache
def _installed(release: str, *, marks: bool) -> list[JsonObject]:
    return [
        desired_crd(crd if marks else _silent(crd), source="", number=1) | {"status": {"storedVersions": []}}
        for crd in crds_of(release).values()
    ]


def _silent(crd: JsonObject) -> JsonObject:
    annotations = {name: value for name, value in crd["metadata"]["annotations"].items() if name != VERSION_ANNOTATION}
    return {**crd, "metadata": {**crd["metadata"], "annotations": annotations}}


def walk(cluster: Guarded, way: t.Sequence[str], *, chance: random.Random) -> JsonObject:
    """Go from release to release, now and then with somebody else's forced apply in between."""
    forced = 0
    for number, release in enumerate(way):
        if number and chance.random() < 0.2:
            cluster.force(chance.choice(RELEASES))
            forced += 1
        predicted = cluster.apply(release, check=True, allow_downgrade=True, allow_data_loss=True)
        done = cluster.apply(release, allow_downgrade=True, allow_data_loss=True)
        expected = [change.result() for change in predicted.outcome.sorted_changes()]
        assert [change.result() for change in done.outcome.sorted_changes()] == expected, release
        left = cluster.differences(release)
        assert left == [], f"{release} after {way[max(number - 1, 0)]}: {left[:10]}"
        again = cluster.apply(release)
        assert again.outcome.changes == [], f"{release}: the second run changes something"
    return {"changes": len(way), "forced_by_others": forced}
