"""What a control plane's audit log says that an account did."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WRITES = frozenset({"create", "delete", "deletecollection", "patch", "update"})
# Asking about oneself writes nothing.
REVIEWS = frozenset({"selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"})


@dataclass(frozen=True, kw_only=True)
class Event:
    """One request that was answered; *acting* is as whom it was sent, where that is not the account itself."""

    account: str
    acting: str
    verb: str
    group: str
    resource: str
    namespace: str
    name: str
    uri: str
    status: int

    @property
    def is_write(self) -> bool:
        """Whether it could have changed something, and was not refused."""
        dry = "dryRun=All" in self.uri
        return self.verb in WRITES and self.resource not in REVIEWS and not dry and self.status < 400


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The log, and how much of it was there before."""

    path: Path
    start: int = 0

    def now(self) -> Audit:
        """The same log, from its present end."""
        return Audit(path=self.path, start=self.path.stat().st_size)

    def events(self, account: str) -> list[Event]:
        """What *account* asked, about resources."""
        return [event for event in self._events() if event.account == account]

    def addresses(self, account: str) -> list[str]:
        """The addresses that *account* asked, also those that are about no resource: what is served, versions."""
        # What is passed on to a Service is noted twice: when its answer begins, and when it ends.
        whole = (entry for entry in self._entries() if entry["stage"] == "ResponseComplete")
        return [entry["requestURI"] for entry in whole if _account(entry) == account]

    def all_events(self) -> list[Event]:
        """What everybody asked, about resources, in the order of the answers."""
        return list(self._events())

    def _entries(self) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") as log:
            log.seek(self.start)
            lines: Sequence[bytes] = log.read().splitlines()
        yield from map(json.loads, lines)

    def _events(self) -> Iterator[Event]:
        for entry in self._entries():
            reference = entry.get("objectRef")
            if reference:
                sub = reference.get("subresource")
                yield Event(
                    account=_account(entry),
                    acting=str((entry.get("impersonatedUser") or entry["user"])["username"]).rpartition(":")[2],
                    verb=entry["verb"],
                    group=reference.get("apiGroup", ""),
                    resource=reference["resource"] + (f"/{sub}" if sub else ""),
                    namespace=reference.get("namespace", ""),
                    name=reference.get("name", ""),
                    uri=entry["requestURI"],
                    status=entry["responseStatus"]["code"],
                )


def _account(entry: dict[str, Any]) -> str:
    return str(entry["user"]["username"]).rpartition(":")[2]
