"""Drives the apply engine without Ansible through random histories of objects, and compares its words with the truth.

Truth is what the API server does: every object that the engine calls unchanged is sent all the same, and what check
mode predicts is compared with what the run then does.
"""

from __future__ import annotations

import copy
import itertools
import json
import re
import typing as t
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from unittest import mock

import pytest
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster as Connection
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import connect
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError as Refusal
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import Refused
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import Key, key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import SET_LABEL
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets import engine, look, plan
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.options import Options
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.outcome import Incomplete, Outcome
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.request import Request
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.canonical import canonical
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.compare import is_changed
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import own_entry
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import LAST_APPLIED
from hypothesis import strategies as st

from tests.integration.support.cluster import MERGE, ApiError, Cluster, Kind
from tests.integration.support.fleets import KINDS, STATUS, fleets, objects

JsonObject = dict[str, t.Any]

PRESENT = "present"
COMING = "coming"
CLIENT_SIDE = "kubectl-client-side-apply"
ACTS = ("edit", "apply", "put", "back", "reverse", "status", "delete", "disown", "unlabel", "note")


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Something that another manager does to one object; *state* is another state of the same object."""

    act: str
    state: JsonObject


@dataclass(frozen=True, kw_only=True)
class History:
    """What was *found* (made by client-side apply), our first fleet, what others did, our second fleet."""

    found: tuple[JsonObject, ...]
    first: tuple[JsonObject, ...]
    edits: tuple[Edit, ...]
    second: tuple[JsonObject, ...]
    force: bool


@dataclass(kw_only=True)
class Tally:
    """Counts over all histories."""

    histories: int = 0
    verdicts: int = 0
    unchanged: int = 0
    needless: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    local: int = 0

    def facts(self) -> JsonObject:
        """The same as plain JSON; *false differs* are requests that changed nothing, as a share of all verdicts."""
        needless = sum(self.needless.values())
        return {
            "histories": self.histories,
            "verdicts": self.verdicts,
            "false_unchanged": 0,
            "false_differs": needless,
            "false_differs_share": needless / max(self.verdicts, 1),
            "false_differs_by_kind": dict(sorted(self.needless.items())),
            "actions": dict(sorted(self.actions.items())),
            "refused": self.refused,
            "local": self.local,
        }


def histories() -> st.SearchStrategy[History]:
    """Random histories; every fleet is valid for itself, edits may be refused by the server."""
    one = st.sampled_from(sorted(KINDS)).flatmap(lambda kind: objects(kind, namespace=PRESENT, name="one"))
    fleet = fleets(present=PRESENT, coming=COMING).map(tuple)
    return st.builds(
        History,
        found=st.lists(one, max_size=4, unique_by=key_of).map(tuple),
        first=fleet,
        edits=st.lists(st.builds(Edit, act=st.sampled_from(ACTS), state=one), max_size=6).map(tuple),
        second=fleet,
        force=st.sampled_from([True, True, False]),
    )


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One run: the engine's plan and outcome, and which objects failed."""

    plan: plan.Plan
    outcome: Outcome

    @property
    def entries(self) -> list[JsonObject]:
        """What the run reports of each object, as text sorts it."""
        reported = [change.result() for change in self.outcome.changes]
        return sorted(({**entry, "local": None} for entry in reported), key=json.dumps)

    @property
    def failures(self) -> list[str]:
        return sorted(str(failure) for failure in self.outcome.failures)


class Truth:
    """One control plane, and the histories that were tried on it."""

    def __init__(self, api: Cluster) -> None:
        self.api = api
        self.tally = Tally()
        self.connection: Connection = connect({"kubeconfig": str(api.kubeconfig), "context": api.context})
        self._kinds: dict[tuple[str, str], Kind] = {}
        self._numbers = itertools.count()
        with suppress(ApiError):
            self._send(
                "POST", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PRESENT}}, manager="setup"
            )

    @staticmethod
    def _namespace() -> JsonObject:
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PRESENT}}

    # -- requests of others -----------------------------------------------------------------------------------------

    def _path(self, obj: JsonObject, *, collection: bool = False) -> str:
        version = (obj["apiVersion"], obj["kind"])
        if version not in self._kinds:
            self._kinds[version] = self.api.kind(*version)
        metadata = obj["metadata"]
        return self._kinds[version].path(metadata.get("namespace", ""), "" if collection else metadata["name"])

    def _send(
        self, method: str, obj: JsonObject, *, manager: str, patch: JsonObject | None = None, part: str = ""
    ) -> JsonObject:
        path = self._path(obj, collection=method == "POST") + part
        query = {"fieldManager": manager}
        if patch is not None:
            return self.api.request(method, path, query=query, body=patch, content_type=MERGE)
        return self.api.request(method, path, query=query, body=obj)

    def live(self, obj: JsonObject) -> JsonObject | None:
        """The object as it is now."""
        try:
            return self.api.request("GET", self._path(obj))
        except ApiError:
            return None

    def client_side_apply(self, obj: JsonObject) -> None:
        """Makes an object as client-side `kubectl apply` does."""
        made = copy.deepcopy(obj)
        made["metadata"].setdefault("annotations", {})[LAST_APPLIED] = json.dumps(obj)
        with suppress(ApiError):
            self._send("POST", made, manager=CLIENT_SIDE)

    def do(self, edit: Edit) -> None:
        """Lets another manager act; a server that refuses that is no matter."""
        live = self.live(edit.state)
        with suppress(ApiError):
            if edit.act == "apply":
                self.api.apply(edit.state, manager="another", force=True)
            elif live is not None:
                getattr(self, f"_{edit.act}")(live, edit.state)

    def _edit(self, live: JsonObject, state: JsonObject) -> None:
        self._send("PATCH", live, manager="kubectl-edit", patch=_without_identity(state))

    def _put(self, live: JsonObject, state: JsonObject) -> None:
        self._send("PUT", {**live, **_body(state)}, manager="controller")

    def _back(self, live: JsonObject, state: JsonObject) -> None:
        after = self._send("PATCH", live, manager="kubectl-edit", patch=_without_identity(state))
        metadata = {**live["metadata"], "resourceVersion": after["metadata"]["resourceVersion"]}
        # Not its managedFields: who gives them sets them.
        metadata.pop("managedFields", None)
        self._send("PUT", {**live, "metadata": metadata}, manager="controller")

    def _reverse(self, live: JsonObject, _state: JsonObject) -> None:
        self._send("PUT", {**live, **_reversed(_body(live))}, manager="controller")

    def _status(self, live: JsonObject, _state: JsonObject) -> None:
        if live["kind"] in STATUS:
            self._send("PATCH", live, manager="controller", patch={"status": {"replicas": 1}}, part="/status")

    def _delete(self, live: JsonObject, _state: JsonObject) -> None:
        self.api.send("DELETE", self._path(live))

    def _disown(self, live: JsonObject, _state: JsonObject) -> None:
        self._send("PATCH", live, manager="kubectl-edit", patch={"metadata": {"managedFields": [{}]}})

    def _unlabel(self, live: JsonObject, _state: JsonObject) -> None:
        self._send("PATCH", live, manager="kubectl-edit", patch={"metadata": {"labels": {SET_LABEL: None}}})

    def _note(self, live: JsonObject, _state: JsonObject) -> None:
        patch = {"metadata": {"labels": {"foreign": "stays"}, "annotations": {"note": None}}}
        self._send("PATCH", live, manager="kubectl-edit", patch=patch)

    # -- runs of ours -----------------------------------------------------------------------------------------------

    def run(
        self,
        desired: t.Sequence[JsonObject],
        *,
        owner: plan.SetId,
        check: bool,
        force: bool,
        adopt_managers: tuple[str, ...] = (),
    ) -> Seen:
        """One run of the engine."""
        kinds = tuple((version, kind) for kind, (version, _bodies) in KINDS.items())
        request = Request(owner=owner, desired=tuple(desired), kinds=(*kinds, ("v1", "Namespace")))
        options = Options(check=check, force_conflicts=force, adopt_managers=adopt_managers)
        made: list[plan.Plan] = []

        def recorded(
            *,
            wanted: t.Mapping[Key, JsonObject],
            members: t.Mapping[Key, JsonObject],
            decisions: t.Mapping[Key, plan.Decision],
            keep: t.Callable[[JsonObject], bool],
        ) -> plan.Plan:
            made.append(plan.make_plan(wanted=wanted, members=members, decisions=decisions, keep=keep))
            return made[0]

        with mock.patch.object(look, "make_plan", recorded):
            try:
                outcome = engine.converge(self.connection, request, options=options)
            except Incomplete as error:
                outcome = error.outcome
        return Seen(plan=made[0], outcome=outcome)

    def verify_unchanged(self, seen: Seen, desired: t.Sequence[JsonObject], *, owner: plan.SetId) -> None:
        """(a) Every object that the plan calls unchanged is sent: the server must see no difference either."""
        for obj in desired:
            live = self.live(obj) if key_of(obj) in seen.plan.unchanged else None
            if live is None:
                continue
            marked = canonical(plan.with_marks(obj, owner=owner, adopted=plan.adoption(live)))
            resource = self.connection.resource(marked["apiVersion"], marked["kind"])
            assert resource is not None
            try:
                _status, after = self.connection.apply(marked, resource=resource, dry_run=False, force=False)
            except Refusal as error:
                raise AssertionError(f"false unchanged: {key_of(live)}: {error}\n{_shown(marked, live)}") from error
            assert not is_changed(live, after), f"false unchanged: {key_of(live)}\n{_shown(marked, live, after)}"

    def step(self, desired: t.Sequence[JsonObject], *, owner: plan.SetId, force: bool) -> Seen:
        """(b) Check mode, the run, and a run after it: the prediction is right, and nothing is left to do."""
        try:
            checked = self.run(desired, owner=owner, check=True, force=force)
        except Refused as refused:
            self._make_way(desired, refused, owner=owner, force=force)
            return self.step(desired, owner=owner, force=force)
        self.verify_unchanged(checked, desired, owner=owner)
        done = self.run(desired, owner=owner, check=False, force=force)
        _require_same("failures", checked.failures, done.failures, plans=(checked.plan, done.plan))
        _require_same("changes", checked.entries, done.entries, plans=(checked.plan, done.plan))
        self._count(checked, done)
        if done.failures:
            kept = [failure.key for failure in done.outcome.failures if "existed before it was adopted" in str(failure)]
            assert kept or not force, done.failures
            self.tally.refused += len(done.failures)
            for obj in desired:
                if key_of(obj) in kept:
                    self.api.send("DELETE", self._path(obj))
            return self.step(desired, owner=owner, force=True)
        again = self.run(desired, owner=owner, check=False, force=False)
        _require_same("third run", [*again.failures, *again.entries], [], plans=(done.plan, again.plan))
        return done

    def _make_way(self, desired: t.Sequence[JsonObject], refused: Refused, *, owner: plan.SetId, force: bool) -> None:
        """(c) Roles and bindings of others: the run refuses them too and writes nothing; then they are removed."""
        before = [_what_we_wrote(self.live(obj)) for obj in desired]
        with pytest.raises(Refused, match=re.escape(str(refused))):
            self.run(desired, owner=owner, check=False, force=force)
        after = [_what_we_wrote(self.live(obj)) for obj in desired]
        _require_same("a refused run", before, after, plans=())
        for reason in refused.objects:
            (obj,) = [obj for obj in desired if reason.startswith(f"{key_of(obj)} exists already")]
            self.api.send("DELETE", self._path(obj))
        self.tally.refused += len(refused.objects)

    def _count(self, checked: Seen, done: Seen) -> None:
        changed = {change.key for change in done.outcome.changes} | {failure.key for failure in done.outcome.failures}
        compared = [write for write in done.plan.writes if write.live is not None and not write.takes]
        self.tally.verdicts += len(compared) + len(done.plan.unchanged)
        self.tally.unchanged += len(done.plan.unchanged)
        self.tally.needless.update(write.desired["kind"] for write in compared if key_of(write.desired) not in changed)
        self.tally.actions.update(change.action for change in done.outcome.changes)
        self.tally.local += sum(change.local for change in checked.outcome.changes)

    def live_through(self, history: History) -> None:
        """Tries one history from beginning to end, and leaves nothing behind."""
        number = next(self._numbers)
        owner = plan.SetId(fleet=f"truth{number}", capability="objects-truth")
        named = json.loads(json.dumps([history.first, history.second]).replace(f'"{COMING}"', f'"{COMING}-{number}"'))
        first, second = named
        try:
            for obj in history.found:
                self.client_side_apply(obj)
            self.step(first, owner=owner, force=history.force)
            for edit in history.edits:
                self.do(edit)
            self.step(second, owner=owner, force=history.force)
            self.tally.histories += 1
        finally:
            self._tidy(history, owner=owner)

    def _tidy(self, history: History, *, owner: plan.SetId) -> None:
        left = [*history.found, *history.first, *history.second, *(edit.state for edit in history.edits)]
        for obj in {key_of(obj): obj for obj in left if obj["metadata"].get("namespace") == PRESENT}.values():
            with suppress(ApiError):
                self.api.send("DELETE", self._path(obj))
        self._disown(self._namespace(), self._namespace())
        self._unlabel(self._namespace(), self._namespace())
        self.run((), owner=owner, check=False, force=True)


def _body(obj: JsonObject) -> JsonObject:
    return {name: value for name, value in obj.items() if name not in ("apiVersion", "kind", "metadata", "status")}


def _what_we_wrote(live: JsonObject | None) -> JsonObject | None:
    """Which object it is and our entry of its managers: controllers write the rest at any time."""
    return None if live is None else {"uid": live["metadata"]["uid"], "entry": own_entry(live)}


def _without_identity(obj: JsonObject) -> JsonObject:
    metadata = {name: value for name, value in obj["metadata"].items() if name not in ("name", "namespace")}
    return {**_body(obj), "metadata": metadata}


def _reversed(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {name: _reversed(item) for name, item in value.items()}
    return [_reversed(item) for item in reversed(value)] if isinstance(value, list) else value


def _require_same(what: str, one: t.Sequence[t.Any], other: t.Sequence[t.Any], *, plans: t.Sequence[plan.Plan]) -> None:
    """Fails with what only one side has, and with the writes of these objects."""
    only = [entry for entry in one if entry not in other], [entry for entry in other if entry not in one]
    if not any(only):
        return
    text = json.dumps(only)
    writes = [
        f"{label} {json.dumps(value)}"
        for made in plans
        for write in made.writes
        if f'"{write.desired["kind"]}"' in text or f"{write.desired['kind']} " in text
        for label, value in (("desired", write.desired), ("live", write.live))
    ]
    raise AssertionError("\n".join([f"{what}: {json.dumps(only[0])} != {json.dumps(only[1])}", *writes]))


def _shown(*states: JsonObject) -> str:
    return "\n".join(json.dumps(state, sort_keys=True) for state in states)
