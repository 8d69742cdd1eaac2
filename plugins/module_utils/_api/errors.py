# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors of the connection to a cluster and of its API server, as exceptions with a message for users."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.webhooks import FailingWebhook, advice

# How a message begins that says why no answer came.
NOT_REACHED = "the API server cannot be reached"


class Conflict(t.NamedTuple):
    """A field that cannot be applied without taking it over from another *manager*."""

    field: str
    manager: str

    def __str__(self) -> str:
        return f'{self.field} (owned by "{self.manager}")'


class ClusterError(Exception):
    """Something about a cluster stops the work; the message names the object or cause and the next step."""


class Unreachable(ClusterError):
    """The API server does not answer, or refuses the credentials: the state of this cluster is unknown."""


class Refused(ClusterError):
    """The plan was refused before the first write; *objects* lists what it would have deleted."""

    def __init__(self, message: str, *, objects: t.Sequence[str] = ()) -> None:
        super().__init__(message)
        self.objects = tuple(objects)


class Forbidden(Refused):
    """The account lacks rights; *objects* lists what is missing. Nothing was written."""


class ApiError(ClusterError):
    """The API server answered with an error status (a ``metav1.Status`` where it sent one).

    *webhook*: the admission webhook that it could not call, if that is the reason.
    """

    def __init__(
        self,
        *,
        method: str,
        path: str,
        status: int,
        body: t.Mapping[str, t.Any] | None,
        text: str,
        attempts: int = 1,
        webhook: FailingWebhook | None = None,
    ) -> None:
        self.status = status
        self.webhook = webhook
        self.reason = str((body or {}).get("reason") or "")
        details = (body or {}).get("details") or {}
        causes: tuple[t.Mapping[str, t.Any], ...] = tuple(details.get("causes") or ())
        said = _in_order(str((body or {}).get("message") or text[:500]), causes)
        again = "" if webhook else "; run again when the API server has recovered"
        tried = f" (HTTP {status}, tried {attempts} times{again})" if attempts > 1 else ""
        self.server_message = said + tried + (advice(webhook) if webhook else "")
        self.causes = causes
        super().__init__(f"{method} {path}: HTTP {status} {self.reason}: {self.server_message}")

    @property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Field manager conflicts of a server-side apply, sorted; the server writes ``conflict with "kubectl" ...``."""
        return tuple(
            sorted(
                Conflict(str(cause.get("field") or ""), _manager_in(str(cause.get("message") or "")))
                for cause in self.causes
                if cause.get("reason") == "FieldManagerConflict"
            )
        )


def _in_order(message: str, causes: t.Sequence[t.Mapping[str, t.Any]]) -> str:
    """The *message* of an invalid object with its *causes* by field.

    The API server goes through the properties of a custom resource in the order of a Go map, so it lists the same
    causes in another order each time; the same fault must give the same text. It lists each text once
    (``ErrorList.ToAggregate``). What names no field, which is a remark about the others, stays last.
    """

    def text(cause: t.Mapping[str, t.Any]) -> str:
        return f"{cause.get('field')}: {cause.get('message')}"

    listed = ", ".join(dict.fromkeys(map(text, causes)))
    by_field = sorted(dict.fromkeys(map(text, causes)), key=lambda line: (line.startswith("<nil>"), line))
    return message.replace(f"[{listed}]", f"[{', '.join(by_field)}]")


def _manager_in(message: str) -> str:
    match = re.match(r'conflict with "((?:[^"\\]|\\.)*)"', message)
    return match[1] if match else message
