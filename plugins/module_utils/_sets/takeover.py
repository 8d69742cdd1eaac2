# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Adopts and releases objects: notes what they had, rewrites who owns their fields, and gives back what they had.

Every request names the resourceVersion that it is for. The note of a field is written before the field, and no write
of somebody else comes between the two: a run can be interrupted at any point, and the next one loses nothing.
"""

from __future__ import annotations

import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Cluster, Resource
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, ClusterError
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.kinds import key_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import (
    ADOPTED_ANNOTATION,
    ADOPTION_MANAGER,
    BEFORE_ANNOTATION,
    TAKEN_OVER,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.claims import memory_of
from ansible_collections.promfleet.monitoring.plugins.module_utils._sets.plan import Write, adoption
from ansible_collections.promfleet.monitoring.plugins.module_utils._state import former
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.fields import (
    Owner,
    own_entry,
    own_fields,
    same,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.grants import is_grant, takes_rights
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.ownership import (
    taken_over,
    without_us,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._state.secrecy import without_secrets

JsonObject = dict[str, t.Any]

# A controller that writes status all the time moves the resourceVersion under us. Ten attempts did not suffice beside
# one that never rests, on a machine where each request took long: there nine of ten attempts meet a write.
ATTEMPTS = 100

_TOP_PARTS = ("labels", "annotations", "finalizers")
_IDENTITY = frozenset({"apiVersion", "kind", "metadata", "status"})


class Gone(ClusterError):
    """The object was deleted meanwhile; there may be another one with its name."""


def take_over(
    cluster: Cluster,
    live: JsonObject,
    *,
    owners: t.Collection[Owner],
    resource: Resource,
    desired: JsonObject,
    noted: bool,
) -> JsonObject:
    """Make the fields of *owners* ours on the server; returns the object as it was, with these fields as ours.

    *noted*: what the fields hold, and whose they are, is noted before. Raises ApiError: a 409 after many attempts, a
    404 if the object was deleted; Gone if it was deleted in between; ClusterError if that cannot be noted, or if
    *desired* may not be applied to what another tool made of it meanwhile.
    """

    def change(state: JsonObject) -> JsonObject:
        if reason := takes_rights(desired, state):
            raise ClusterError(reason)
        return taken_over(state, owners=owners)

    if not noted:
        return rewrite(cluster, live, change=change, resource=resource)

    def attempt(state: JsonObject) -> JsonObject:
        layers = former.with_fields(_known(state), state, fields=former.owned_by(state, owners))
        state = _note(cluster, state, layers, resource=resource)
        return rewrite(cluster, state, change=change, resource=resource, attempts=1)

    return _repeated(cluster, live, attempt, resource=resource)


def apply_noted(
    cluster: Cluster,
    write: Write,
    live: JsonObject,
    *,
    resource: Resource,
    ask: t.Callable[[], JsonObject],
    force: bool,
) -> JsonObject:
    """Apply an adopted object, after what it changes was noted; returns the answer.

    *ask* returns the answer to a dry run of the same apply, which shows the fields that it touches.
    Raises ApiError, and ClusterError if what it changes cannot be noted.
    """

    def attempt(state: JsonObject) -> JsonObject:
        layers = foreseen_layers(state, ask())
        desired = write.desired
        if layers != _known(state):
            state = _note(cluster, state, layers, resource=resource)
            version = {"resourceVersion": state["metadata"]["resourceVersion"]}
            desired = {**desired, "metadata": {**desired["metadata"], **version}}
        return cluster.apply(desired, resource=resource, dry_run=False, force=force)[1]

    return _repeated(cluster, live, attempt, resource=resource)


def foreseen_layers(live: JsonObject, answer: JsonObject, *, owners: t.Collection[Owner] = ()) -> former.Layers:
    """The layers of *live* with what an apply changes of it, by the *answer* to its dry run.

    *owners* are those whose fields become ours before. Raises ClusterError if all that cannot be noted.
    """
    layers = former.with_fields(_known(live), live, fields=former.owned_by(live, owners))
    layers = former.with_fields(layers, live, fields=own_fields(answer))
    layers = former.with_consequences(layers, live, answer=answer)
    _text(layers, live)
    return layers


def _known(live: JsonObject) -> former.Layers:
    """The layers of *live*; none if the run that noted them was interrupted before its first change."""
    if own_entry(live) is None and ADOPTED_ANNOTATION not in (live["metadata"].get("annotations") or {}):
        return ()
    return _layers(live)


def _layers(live: JsonObject) -> former.Layers:
    try:
        return former.layers_of(live)
    except former.Unusable as error:
        raise ClusterError(
            f"its annotation {BEFORE_ANNOTATION} says what it had before it was adopted, and cannot be used: {error}. "
            f"{_way_on(live)}"
        ) from error


def _text(layers: former.Layers, live: JsonObject) -> str:
    try:
        return former.text_of(layers, live=live)
    except former.Unusable as error:
        raise ClusterError(
            "it exists already and is too large to be adopted: what it has now is noted in an annotation, to be given "
            f"back when it is released; {error}. Delete the object if it is no longer needed as it is, or leave it out"
        ) from error


def _way_on(live: JsonObject) -> str:
    """What to do where an object cannot be given back what it had."""
    key = key_of(live)
    kind = f"{key.kind}.{key.group}" if key.group else key.kind
    place = f" -n {key.namespace}" if key.namespace else ""
    return (
        "To give that up, remove the annotation; the object then keeps what it has when it is released: "
        f"kubectl annotate {kind.lower()} {key.name}{place} {BEFORE_ANNOTATION}-"
    )


def _note(cluster: Cluster, live: JsonObject, layers: former.Layers, *, resource: Resource) -> JsonObject:
    """Write the note of *live*, if it is another one than it has; returns the object with it."""
    text = _text(layers, live)
    if former.note_of(live) == text:
        return live
    given = live["metadata"]
    metadata = {name: given[name] for name in ("name", "namespace", "uid", "resourceVersion") if name in given}
    body = {
        "apiVersion": live["apiVersion"],
        "kind": live["kind"],
        "metadata": {**metadata, "annotations": {BEFORE_ANNOTATION: text}},
    }
    return cluster.apply(body, resource=resource, dry_run=False, force=True, manager=ADOPTION_MANAGER)[1]


def _repeated(
    cluster: Cluster, live: JsonObject, attempt: t.Callable[[JsonObject], JsonObject], *, resource: Resource
) -> JsonObject:
    """What *attempt* makes of *live*; it is repeated with the object as it is then when somebody wrote in between."""
    for number in range(1, ATTEMPTS + 1):
        try:
            return attempt(live)
        except ApiError as error:
            if error.status != 409 or error.conflicts or number == ATTEMPTS:
                raise
        live = _read_again(cluster, live, resource=resource)
    raise AssertionError("the last attempt returns or raises")


def _read_again(cluster: Cluster, live: JsonObject, *, resource: Resource) -> JsonObject:
    """The object as it is now; raises Gone if it was deleted."""
    metadata = live["metadata"]
    now = cluster.find(resource.path(namespace=metadata.get("namespace"), name=metadata["name"]))
    if now is None or now["metadata"]["uid"] != metadata["uid"]:
        raise Gone("it was deleted while this run worked on it; run again")
    return now


def give_up(cluster: Cluster, live: JsonObject, *, resource: Resource, check: bool = False) -> JsonObject | None:
    """Give up what we own; returns the object afterwards if it was given back what it had before us, else None.

    Without a note of that our fields are removed, and those of others stay; if that is impossible, only our marks are
    removed: what was taken over from another tool is what the object consists of, and an object may need a field that
    is ours. A role or a binding keeps all fields. In check mode the server is only asked. Raises ApiError as take_over
    does, ClusterError for a note that cannot be read.
    """
    if former.is_kept(live, adopts=False):
        return _repeated(
            cluster, live, lambda state: _give_back(cluster, state, resource=resource, check=check), resource=resource
        )
    if check:
        return None
    # A role without its rules, or a binding without its subjects, would take rights from others that it is bound to. Of
    # what a restore put back nothing is ours, and an apply without fields would leave our marks.
    if adoption(live) != TAKEN_OVER and own_entry(live) is not None and not is_grant(key_of(live)):
        # With the uid of what was seen: without it an object that went meanwhile would be made again, empty.
        metadata = {name: live["metadata"][name] for name in ("name", "namespace", "uid") if name in live["metadata"]}
        bare = {"apiVersion": live["apiVersion"], "kind": live["kind"], "metadata": metadata | memory_of(live)}
        try:
            cluster.apply(bare, resource=resource, dry_run=False, force=False)
        except ApiError as error:
            if error.status != 422:
                raise
        else:
            return None
    rewrite(cluster, live, change=without_us, resource=resource)
    return None


def _give_back(cluster: Cluster, live: JsonObject, *, resource: Resource, check: bool) -> JsonObject:
    """One attempt: the content in one request, and then whose it is, with our marks, in another one.

    What a request changes belongs to who sends it, so one is not enough. The marks go last: what is interrupted is
    still found by the next run.
    """
    layers = _layers(live)
    state = former.given_back(live, layers)
    changes = _operations(live, state)
    if changes:
        query = {"fieldManager": ADOPTION_MANAGER, **({"dryRun": "All"} if check else {})}
        try:
            state = _patch(cluster, live, changes, resource=resource, query=query)
        except ApiError as error:
            if error.status in (404, 409) or error.webhook is not None:
                raise
            said = without_secrets(error.server_message, state)
            raise ClusterError(
                f"it cannot be given back what it had before it was adopted: {said}. {_way_on(live)}"
            ) from error
    if check:
        return former.released(state, layers)
    return rewrite(cluster, state, change=lambda seen: former.released(seen, layers), resource=resource, attempts=1)


def _operations(live: JsonObject, wanted: JsonObject) -> list[JsonObject]:
    """The JSON Patch that gives *live* the content of *wanted*."""
    pairs = [(f"/{name}", live, wanted, name) for name in {**live, **wanted} if name not in _IDENTITY]
    pairs += [(f"/metadata/{name}", live["metadata"], wanted["metadata"], name) for name in _TOP_PARTS]
    found: list[JsonObject] = []
    for path, before, after, name in pairs:
        if name not in after:
            found += [{"op": "remove", "path": path}] if name in before else []
        elif name not in before or not same(before[name], after[name]):
            found.append({"op": "add", "path": path, "value": after[name]})
    return found


def _patch(
    cluster: Cluster,
    live: JsonObject,
    operations: t.Sequence[JsonObject],
    *,
    resource: Resource,
    query: t.Mapping[str, str] | None = None,
) -> JsonObject:
    """Send a JSON Patch for the object as it was seen, and return the answer."""
    metadata = live["metadata"]
    path = resource.path(namespace=metadata.get("namespace"), name=metadata["name"])
    # Not a test operation: this one is answered with 409, a failed test with 422.
    seen = [
        {"op": "replace", "path": f"/metadata/{name}", "value": metadata[name]}
        for name in ("resourceVersion", "uid")
        if name in metadata
    ]
    return cluster.request(
        "PATCH",
        path,
        query=dict(query or {}),
        body=[*operations, *seen],
        content_type="application/json-patch+json",
    )[1]


def rewrite(
    cluster: Cluster,
    live: JsonObject,
    *,
    change: t.Callable[[JsonObject], JsonObject],
    resource: Resource,
    attempts: int = ATTEMPTS,
) -> JsonObject:
    """Give an object the metadata that *change* makes of it, and return that, unless somebody writes in between."""
    for attempt in range(1, attempts + 1):
        wanted = change(live)
        operations = [
            {"op": "replace", "path": f"/metadata/{name}", "value": wanted["metadata"][name]}
            for name in ("managedFields", "labels", "annotations")
            if wanted["metadata"].get(name) != live["metadata"].get(name)
        ]
        try:
            answer = _patch(cluster, live, operations, resource=resource)
        except ApiError as error:
            if error.status != 409 or attempt == attempts:
                raise
            live = _read_again(cluster, live, resource=resource)
            continue
        version = {"resourceVersion": answer["metadata"]["resourceVersion"]}
        return {**wanted, "metadata": {**wanted["metadata"], **version}}
    raise AssertionError("the last attempt returns or raises")
