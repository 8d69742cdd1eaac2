# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plain requests to one API server: JSON over kept connections, repeated with a bound where that helps."""

from __future__ import annotations

import contextlib
import json
import random
import ssl
import sys
import time
import traceback
import typing as t
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.connection import Connection
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import ApiError, Unreachable
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import (
    FIRST_CONTACT,
    PATIENT,
    Patience,
    is_transient,
    pause_before,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER

try:
    import urllib3

    IMPORT_ERROR: str | None = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

JsonObject = dict[str, t.Any]

APPLY = "application/apply-patch+yaml"


def _connection_reason(error: BaseException) -> str:
    """The innermost reason of urllib3's nested errors, in one line."""
    inner: t.Any = error
    while inner is not None:
        error = inner
        nested = [getattr(error, "reason", None), *error.args]
        inner = next((item for item in nested if isinstance(item, BaseException)), None)
    text = getattr(error, "strerror", None) or str(error)
    hint = ""
    if isinstance(error, ssl.SSLCertVerificationError) and sys.version_info >= (3, 13) and _is_strictness(text):
        hint = (
            ". Python 3.13 is stricter than kubectl and older Pythons: mend the certificate of the server's authority, "
            "or run the modules with Python 3.12"
        )
    return "the API server cannot be reached: " + text.split(">: ", 1)[-1].strip("()'\" ") + hint


def _is_strictness(text: str) -> bool:
    """Whether a certificate was refused for what only OpenSSL's strict mode asks for (VERIFY_X509_STRICT)."""
    return any(words in text for words in ("key usage extension", "Key Identifier", "Basic Constraints", "pathlen"))


def _is_permanent(error: BaseException) -> bool:
    """Whether a connection that failed so will fail again: a certificate does not become right by asking."""
    chain = {error, error.__cause__, error.__context__, *error.args}
    return any(isinstance(link, ssl.SSLCertVerificationError) for link in chain)


class Transport:
    """Requests to one API server. Safe to use from several threads."""

    def __init__(self, *, connection: Connection) -> None:
        self._connection = connection
        self._answers = 0
        self._lost: Unreachable | None = None
        self._fences: list[t.Callable[[], None]] = []
        self.patience = PATIENT

    @property
    def host(self) -> str:
        """host:port of the API server, for messages."""
        return urlsplit(self._connection.host).netloc or self._connection.host

    # -- requests ---------------------------------------------------------------------------------------------

    def send(
        self,
        method: str,
        path: str,
        *,
        query: t.Mapping[str, t.Any] | None = None,
        body: t.Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        patience: Patience | None = None,
    ) -> tuple[int, bytes]:
        """Send one request and return status and body, whatever the body is; see `request` for what is repeated."""
        answer = self._exchange(
            method,
            path,
            query=query,
            body=body,
            content_type=content_type,
            accept=accept,
            patience=patience,
            any_body=True,
        )
        return answer.status, answer.data

    def request(
        self,
        method: str,
        path: str,
        *,
        query: t.Mapping[str, t.Any] | None = None,
        body: t.Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        patience: Patience | None = None,
        fenced: bool = True,
    ) -> tuple[int, JsonObject]:
        """Send one request, return status and JSON object; raise ApiError for a status of 400 and above.

        Lost connections, answers that were cut off and those of retry.py are repeated with a bound. Raises Unreachable
        where no answer came, or where the server does not take our credentials. *fenced*: a write asks `fenced` first.
        """
        if fenced and method not in ("GET", "HEAD"):
            for fence in tuple(self._fences):
                fence()
        answer = self._exchange(
            method,
            path,
            query=query,
            body=body,
            content_type=content_type,
            accept=accept,
            patience=patience,
            any_body=False,
        )
        if answer.status == 401:
            raise Unreachable("the API server refused the credentials (401 Unauthorized): are they expired?")
        if 300 <= answer.status < 400:
            raise Unreachable(
                f"{self.host} redirects to another place, which is not followed because a token must not go there "
                f"(HTTP {answer.status}); give the API server's own address"
            )
        if answer.status >= 400 or answer.parsed is None:
            raise ApiError(
                method=method,
                path=path,
                status=answer.status,
                body=answer.parsed,
                text=answer.data.decode(errors="replace").strip() if answer.status >= 300 else "the answer was cut off",
                attempts=answer.attempts,
            )
        return answer.status, answer.parsed

    def _exchange(
        self,
        method: str,
        path: str,
        *,
        query: t.Mapping[str, t.Any] | None,
        body: t.Any,
        content_type: str,
        accept: str,
        patience: Patience | None,
        any_body: bool,
    ) -> _Answer:
        """One request and its answer, with repetitions; *any_body*: an answer that is no JSON object is whole too."""
        if self._lost is not None:
            raise Unreachable(str(self._lost))
        url = self._connection.host + path + (f"?{urlencode(query, doseq=True)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        # Large answers come a tenth the size, which counts between continents.
        extra = {"User-Agent": FIELD_MANAGER, "Accept": accept, "Accept-Encoding": "gzip"}
        if data is not None:
            extra["Content-Type"] = content_type
        first = self._answers == 0
        common = patience is None
        patience = patience or (FIRST_CONTACT if first else self.patience)
        timeout = urllib3.Timeout(connect=patience.connect, read=patience.read)
        started, answers_before = time.monotonic(), self._answers
        attempt = 0
        while True:
            attempt += 1
            retry_after = None
            answer: _Answer | None = None
            failure: Exception | None = None
            try:
                headers = self._connection.headers()
                headers.update(extra)
                # A redirect is never followed: it could carry the token to another server.
                got = self._connection.pool.request(
                    method, url, body=data, headers=headers, timeout=timeout, retries=False, redirect=False
                )
            except urllib3.exceptions.HTTPError as error:
                failure = error
                # Who refuses or swallows the very first connection is down; later the same is a restart or a failover.
                stop = _is_permanent(error) or (first and isinstance(error, urllib3.exceptions.TimeoutError))
            else:
                self._answers += 1
                retry_after = got.headers.get("Retry-After")
                answer = _Answer(status=got.status, data=got.data, parsed=_json_object(got.data), attempts=attempt)
                verb = "apply" if content_type == APPLY else method
                stop = not is_transient(verb, got.status, {} if any_body and got.status < 300 else answer.parsed)
                patience = self.patience if patience is FIRST_CONTACT else patience
            pause = pause_before(
                attempt,
                patience=patience,
                retry_after=retry_after,
                spread=random.uniform(0.5, 1),  # noqa: S311
            )
            spent = time.monotonic() - started
            if not stop and attempt < patience.attempts and spent + pause < patience.total:
                time.sleep(pause)
                continue
            if answer is not None:
                return answer
            reason = _connection_reason(failure or AssertionError("no answer and no failure"))
            unreachable = Unreachable(reason if first else f"{reason} ({method} {path}, tried {attempt} times)")
            if common and self._answers == answers_before:
                # Nobody got an answer meanwhile, so the others need not find out one by one, each at its own length.
                self._lost = unreachable
            raise unreachable from failure

    def find(self, path: str) -> JsonObject | None:
        """GET *path*; None where there is nothing (404)."""
        try:
            return self.request("GET", path)[1]
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    # -- leave to write ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def fenced(self, fence: t.Callable[[], None]) -> t.Iterator[None]:
        """For this block every write asks *fence* first, which raises where the leave to write was lost."""
        self._fences.append(fence)
        try:
            yield
        finally:
            self._fences.remove(fence)


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """One answer; *parsed* is None where its body is no JSON object, *attempts* how often the request was sent."""

    status: int
    data: bytes
    parsed: JsonObject | None
    attempts: int


def _json_object(data: bytes) -> JsonObject | None:
    try:
        parsed = json.loads(data) if data else {}
    except ValueError:
        return None
    return parsed if isinstance(parsed, dict) else None
