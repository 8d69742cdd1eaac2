"""Objects of others, of the same kinds, in the same cluster: neither touched nor in the way."""

from __future__ import annotations

import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.direct import Direct, fates
from tests.integration.support.sets import config_map, namespace

JsonObject = dict[str, t.Any]
FOREIGN = 5000
OBJECTS = 300
MAKERS = 8


def measure(plane: ControlPlane, *, rounds: int) -> JsonObject:
    """The shortest of *rounds* runs without and with foreign objects; AssertionError where one of these was touched."""
    api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    direct = Direct(kubeconfig=plane.kubeconfig, context=plane.context, name="foreign")
    place = f"{direct.name}-others"
    ours = [namespace(direct.name), *(config_map(direct.name, f"c{number:03}", v="1") for number in range(OBJECTS))]
    direct.run(*ours)
    alone = _seconds(direct, ours, rounds=rounds)
    api.apply(namespace(place))
    others = [config_map(place, f"f{number:04}", v="1") for number in range(FOREIGN)]
    with ThreadPoolExecutor(MAKERS) as pool:
        before = list(pool.map(lambda obj: api.apply(obj)["metadata"]["resourceVersion"], others))
    among = _seconds(direct, ours, rounds=rounds)
    # A prune too, and the end of the set.
    assert fates(direct.run(*ours[:-50]))["deleted"] == 50
    direct.run()
    kind = api.kind("v1", "ConfigMap")
    live = [obj for obj in api.list_kind(kind) if obj["metadata"]["namespace"] == place]
    versions = {obj["metadata"]["name"]: obj["metadata"]["resourceVersion"] for obj in live}
    assert [versions.get(obj["metadata"]["name"]) for obj in others] == before, "a foreign object was touched"
    api.delete("v1", "Namespace", place)
    # The API server looks through all objects of a kind for our label, which is what is left of their number.
    return {"foreign": FOREIGN, "ours": OBJECTS, "alone_s": alone, "among_s": among, "added_s": among - alone}


def _seconds(direct: Direct, wanted: list[JsonObject], *, rounds: int) -> float:
    times = []
    for _round in range(rounds):
        start = time.monotonic()
        outcome = direct.run(*wanted)
        times.append(time.monotonic() - start)
        assert not outcome.changes
    return min(times)
