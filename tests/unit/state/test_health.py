"""Health checks of GitOps controllers, judged by Lua and CEL themselves: healthy is what our own table calls ready."""

from __future__ import annotations

import copy
import typing as t
from pathlib import Path

import lupa.lua51
import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.yaml_text import parse
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import PAUSED, STATE_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.health import cel, lua
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ready import STEPS, not_ready
from cel_expr_python import cel as cel_library
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.health import files
from tests.unit.state.test_ready import NOT_READY, READY, JsonObject, instance, paused

KINDS = sorted(kind for kind in STEPS if kind in READY)
# What Argo CD gives to a script is nothing but Lua's basic functions.
BASIC = "local obj = ... string, table, math, os, io, debug, package, require, coroutine = nil\n"
CURRENT, FAILED = "current", "failed"


class Lua:
    """Argo CD's side: one script for each kind, read as it would be."""

    def __init__(self) -> None:
        self._runtime = lupa.lua51.LuaRuntime(unpack_returned_tuples=True)
        load = self._runtime.eval("function(text) return assert(loadstring(text)) end")
        self._scripts = {kind: load(BASIC + lua(STEPS[kind])) for kind in KINDS}

    def verdict(self, obj: JsonObject) -> tuple[str, str]:
        """The health and the message."""
        answer = self._scripts[obj["kind"]](self._runtime.table_from(obj, recursive=True))
        return str(answer["status"]), str(answer["message"])


class Cel:
    """Flux' side: its order of expressions, over the top level of an object as variables."""

    def __init__(self) -> None:
        config = cel_library.NewEnvConfigFromYaml("name: flux\nextensions:\n- name: optional\n")
        variables = dict.fromkeys(("apiVersion", "kind", "metadata", "spec", "status"), cel_library.Type.DYN)
        env = cel_library.NewEnv(config=config, variables=variables)
        self._expressions = {
            kind: [
                (name, env.compile(text))
                for name, text in ((FAILED, cel(STEPS[kind]).failed), (CURRENT, cel(STEPS[kind]).current))
                if text
            ]
            for kind in KINDS
        }

    def verdict(self, obj: JsonObject) -> str:
        """What Flux makes of an object; unknown where an expression cannot be evaluated."""
        status = obj.get("status") or {}
        seen, generation = status.get("observedGeneration"), obj["metadata"].get("generation")
        if seen is not None and generation is not None and seen != generation:
            return "in progress"
        for name, expression in self._expressions[obj["kind"]]:
            value = expression.eval(data=obj)
            if "BOOL" not in str(value.type()):
                return "unknown"
            if value.value():
                return name
        return "in progress"


@pytest.fixture(scope="module")
def argo() -> Lua:
    return Lua()


@pytest.fixture(scope="module")
def flux() -> Cel:
    return Cel()


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_ready_is_healthy(argo: Lua, flux: Cel, kind: str) -> None:
    assert argo.verdict(READY[kind]) == ("Healthy", "")
    assert flux.verdict(READY[kind]) == CURRENT


@pytest.mark.parametrize(("kind", "damage", "reason"), NOT_READY)
def test_what_is_not_ready_is_not_healthy(
    argo: Lua, flux: Cel, kind: str, damage: t.Callable[[JsonObject], object], reason: str
) -> None:
    obj = copy.deepcopy(READY[kind])
    damage(obj)
    health, message = argo.verdict(obj)
    assert health != "Healthy", reason
    assert message
    assert flux.verdict(obj) != CURRENT, reason


def test_what_is_paused_on_request_is_healthy(argo: Lua, flux: Cel) -> None:
    assert argo.verdict(paused(seen=True)) == ("Healthy", "it is paused, as its mark asks")
    assert argo.verdict(paused(seen=False))[0] == "Progressing"
    assert argo.verdict(paused(seen=True, marked=False))[0] == "Suspended"
    assert flux.verdict(paused(seen=True)) == CURRENT
    assert flux.verdict(paused(seen=False)) != CURRENT


def test_what_the_operator_says_has_failed_has_failed(argo: Lua, flux: Cel) -> None:
    obj = instance("Prometheus")
    obj["status"]["conditions"][1].update(status="False", message="no such secret")
    assert argo.verdict(obj) == ("Degraded", "Reconciled is False: no such secret")
    assert flux.verdict(obj) == FAILED
    # What was said of an older generation says nothing of this one.
    obj["metadata"]["generation"] = 4
    assert argo.verdict(obj)[0] == "Progressing"
    assert flux.verdict(obj) == "in progress"


GENERATION = st.integers(min_value=0, max_value=3)
COUNTER = st.integers(min_value=0, max_value=4)
CONDITION = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["Available", "Reconciled", "Established", "NamesAccepted"]),
        "status": st.sampled_from(["True", "False", "Unknown", "Degraded"]),
    },
    optional={"observedGeneration": GENERATION, "message": st.just("m"), "reason": st.just("R")},
)
STATUS = st.fixed_dictionaries(
    {},
    optional={
        # The API server keeps one of each type.
        "conditions": st.lists(CONDITION, max_size=4, unique_by=lambda condition: condition["type"]),
        "observedGeneration": GENERATION,
        "paused": st.booleans(),
        "phase": st.sampled_from(["Active", "Terminating"]),
        "loadBalancer": st.sampled_from([{}, {"ingress": []}, {"ingress": [{"ip": "192.0.2.1"}]}]),
        **dict.fromkeys(["replicas", "updatedReplicas", "availableReplicas"], COUNTER),
    },
)
SPEC = st.fixed_dictionaries(
    {},
    optional={
        "paused": st.booleans(),
        "replicas": st.integers(min_value=0, max_value=2),
        "shards": st.integers(min_value=1, max_value=2),
        "mode": st.sampled_from(["StatefulSet", "DaemonSet"]),
        "type": st.sampled_from(["ClusterIP", "LoadBalancer"]),
    },
)
LABELS = st.sampled_from([{}, {STATE_LABEL: PAUSED}, {STATE_LABEL: "archived"}])
OBJECTS = st.builds(
    lambda kind, metadata, spec, status: {"kind": kind, "metadata": metadata, "spec": spec, **status},
    st.sampled_from(KINDS),
    st.fixed_dictionaries({"name": st.just("x")}, optional={"generation": GENERATION, "labels": LABELS}),
    SPEC,
    st.fixed_dictionaries({}, optional={"status": STATUS}),
)


@given(OBJECTS | st.sampled_from(list(READY.values())).flatmap(lambda obj: st.builds(
    lambda part: {**obj, "status": {**obj.get("status", {}), **part}}, STATUS
)).filter(lambda obj: obj["kind"] in KINDS))  # fmt: skip
@settings(deadline=None, max_examples=400)
def test_three_judges_agree(argo: Lua, flux: Cel, obj: JsonObject) -> None:
    is_ready = not_ready(obj) is None
    assert (argo.verdict(obj)[0] == "Healthy") is is_ready
    verdict = flux.verdict(obj)
    # Flux compares status.observedGeneration by itself, and for equality; and it knows nothing without a status.
    seen = (obj.get("status") or {}).get("observedGeneration", obj["metadata"].get("generation"))
    if "status" in obj and seen == obj["metadata"].get("generation", seen):
        assert (verdict == CURRENT) is is_ready
    else:
        assert verdict != CURRENT or is_ready


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_what_is_shipped_is_what_the_table_says(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == files()[path], "run make health"
    assert len(parse(files()[path])) == 1
