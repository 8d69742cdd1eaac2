# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading from one API server until a time limit: what cannot be read becomes a fact, too."""

from __future__ import annotations

import functools
import math
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.client import Readable, Resource, find_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import (
    NOT_REACHED,
    ApiError,
    ClusterError,
    Unreachable,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import PATIENT, within
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.progress import Progress
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.asking import (
    Asking,
    Late,
    Limit,
    Question,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._doctor.checks import (
    UNEXPECTED,
    Fact,
    Unobserved,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._findings.finding import Subject

JsonObject = dict[str, t.Any]
Value = t.TypeVar("Value")

# So many objects are read at a time.
READERS = 8
# The part of the time that is left which one round of reading objects may take.
READING = 0.5
# Objects in so many namespaces are listed namespace by namespace; in more, those of the whole cluster at once.
NAMESPACES_SINGLY = 3


class Reader:
    """Asks one API server, again and again. What time does not suffice for is as it was seen last, if it was."""

    def __init__(self, cluster: Readable, *, name: str, limit: Limit, progress: Progress) -> None:
        self.cluster = cluster
        self.name = name
        self.limit = limit
        self.progress = progress
        self._asking = Asking()
        self._last: dict[t.Hashable, t.Any] = {}
        # Whether the API server has ever answered.
        self._heard = False

    def last(self, key: t.Hashable) -> t.Any:
        """What was seen last, None if nothing was."""
        return self._last.get(key)

    def in_time(
        self,
        questions: t.Mapping[t.Hashable, Question[Value]],
        *,
        limit: Limit,
        at_once: int,
        otherwise: t.Callable[[t.Hashable, Late], Value],
        most: float = math.inf,
    ) -> dict[t.Hashable, Value]:
        """The answer to each question; what was not asked in time is as it was seen last, else *otherwise*."""
        given = self._asking.all(questions, limit=limit, at_once=at_once, most=most, counted=self.progress.advance)
        for key, answer in given.items():
            if not isinstance(answer, Late):
                self._last[key] = answer
            elif answer.seconds:
                # It was asked, so what was seen before is no longer what is.
                self._last[key] = otherwise(key, answer)
        return {
            key: self._last[key] if key in self._last else otherwise(key, t.cast("Late", answer))
            for key, answer in given.items()
        }

    def ask_about(
        self, questions: t.Mapping[t.Hashable, Question[t.Any]], obj: t.Callable[[t.Hashable], Subject]
    ) -> dict[t.Hashable, t.Any]:
        """The answers of the API server to *questions*, each about an object, or why there are none."""
        return self.in_time(
            questions,
            limit=self.limit.part(READING),
            at_once=READERS,
            otherwise=lambda key, late: self.unread(obj(key), late),
        )

    def one_part(self, name: str, question: Question[Value], *, otherwise: t.Callable[[Late], Value]) -> Value:
        """The answer to one question that asks the API server several things."""
        found = self.in_time(
            {name: question},
            limit=self.limit.part(READING),
            at_once=READERS,
            otherwise=lambda _key, late: otherwise(late),
        )
        return found[name]

    def ask(self, kind: str, question: t.Callable[[], Value], limit: Limit) -> Fact[Value]:
        """What *question* gets from the API server. That a kind may not be read is one fault, not one an object."""
        # One request must not take what is left several times over.
        self.cluster.patience = within(PATIENT, limit.left)
        try:
            found = question()
        except Unreachable as error:
            if self._heard:
                # One kind that hangs must not cost what the API server still answers.
                self.cluster.forget_loss()
            return self._no_api_server(str(error))
        except (ClusterError, *UNEXPECTED) as error:
            self._heard = True
            reason = error.server_message if isinstance(error, ApiError) else f"unexpected answer: {error!r}"
            obj = Subject(cluster=self.name, kind=kind, name="*")
            return Unobserved(code="PF002", object=obj, evidence={"reason": reason})
        self._heard = True
        return found

    def asking(self, kind: str, question: t.Callable[[], Value]) -> Question[Fact[Value]]:
        """The same as a question that can be asked with others."""
        return functools.partial(self.ask, kind, question)

    def finding(self, obj: JsonObject) -> Question[Fact[JsonObject | None]]:
        """Ask for the live object with the kind, namespace and name of *obj*; None if there is none."""
        return self.asking(obj["kind"], lambda: find_object(self.cluster, obj))

    def listing(
        self, resource: Resource, namespaces: t.Collection[str], *, selector: str = "", metadata_only: bool = False
    ) -> Question[t.Any]:
        """Ask for the objects of a kind in some *namespaces*, or for their metadata only."""

        def read() -> list[JsonObject]:
            if self.cluster.resource(resource.api_version, resource.kind) is None:
                return []
            places: list[str | None] = [*sorted(namespaces)] if len(namespaces) <= NAMESPACES_SINGLY else [None]

            def read_at(place: str | None) -> list[JsonObject]:
                if metadata_only:
                    return self.cluster.list_metadata(resource, namespace=place, selector=selector)
                return self.cluster.list_objects(resource, namespace=place, selector=selector or None)

            return [obj for place in places for obj in read_at(place) if obj["metadata"]["namespace"] in namespaces]

        return self.asking(resource.kind, read)

    def unread(self, obj: Subject, late: Late) -> Unobserved:
        """What is said of *obj*, which the API server did not give in time."""
        if not self._heard and late.seconds:
            return self._no_api_server(f"{NOT_REACHED}: no complete answer within {late.seconds:.0f} s")
        return self.late(obj)

    def late(self, obj: Subject) -> Unobserved:
        """What is said of *obj*, for which there was no time."""
        return Unobserved(code="PF004", object=obj, evidence={"limit": f"{self.limit.seconds:.0f}"})

    def _no_api_server(self, reason: str) -> Unobserved:
        obj = Subject(cluster=self.name, kind="Cluster", name=self.name)
        return Unobserved(code="PF001", object=obj, evidence={"reason": reason})
