"""Two runs of one set with different inputs at almost the same time: one waits, and one of them wins as a whole."""

from __future__ import annotations

import random
import threading
import time
import typing as t
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused

from promlab.controlplane import ControlPlane
from tests.integration.support.cluster import Cluster
from tests.integration.support.direct import Direct
from tests.integration.support.sets import binding, config_map, namespace, states, wanted_states

JsonObject = dict[str, t.Any]
SEED = 5
OBJECTS = 24
# Most of the work of such a run is done within this time, so that the two meet in all of its parts.
SPREAD_SECONDS = 0.25


def measure(plane: ControlPlane, *, rounds: int) -> JsonObject:
    """Facts about *rounds* pairs of runs; AssertionError where the end is neither of both inputs."""
    chance = random.Random(SEED)  # noqa: S311
    api = Cluster(kubeconfig=plane.kubeconfig, context=plane.context)
    direct = Direct(kubeconfig=plane.kubeconfig, context=plane.context, name="concurrency")
    facts: Counter[str] = Counter()
    direct.run(namespace(direct.name))
    for number in range(rounds):
        inputs = [_input(direct.name, f"{number}-{side}", chance) for side in "ab"]
        # Every third second run does not want to wait.
        timeouts = (60.0, 0.0 if number % 3 == 2 else 60.0)
        delays = (0.0, chance.random() * SPREAD_SECONDS)
        sides = zip(inputs, timeouts, delays, [threading.Barrier(2)] * 2, strict=True)
        with ThreadPoolExecutor(2) as pool:
            ends = list(pool.map(lambda side: _run(direct, *side), sides))
        live = states(api, direct.label)
        winners = [side for side, wanted in zip("ab", inputs, strict=True) if live == wanted_states(wanted)]
        assert len(winners) == 1, f"round {number}: the end is a mixture of both inputs ({ends})"
        refused = [end for end in ends if end]
        assert len(refused) < 2, f"round {number}: both were refused: {ends}"
        assert all(", pid " in end and "holds the Lease" in end for end in refused), f"round {number}: {refused}"
        facts["refused"] += len(refused)
        facts[f"{winners[0]} won"] += 1
    direct.run()
    return {"rounds": rounds, "objects": OBJECTS, **facts}


def _input(place: str, value: str, chance: random.Random) -> list[JsonObject]:
    names = chance.sample(range(OBJECTS * 2), OBJECTS)
    maps = [config_map(place, f"c{number:02}", v=value) for number in names]
    return [namespace(place), binding(place, chance.choice(("view", "edit"))), *maps]


def _run(direct: Direct, wanted: list[JsonObject], timeout: float, delay: float, start: threading.Barrier) -> str:
    """Empty where the run went well, else why it was refused."""
    cluster = direct.connect()
    start.wait()
    time.sleep(delay)
    try:
        direct.run(*wanted, cluster=cluster, lock_timeout=timeout)
    except Refused as error:
        return str(error)
    return ""
