# Copyright: (c) 2026, promfleet.monitoring contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plain requests to one API server: JSON over kept connections, repeated with a bound where that helps."""

from __future__ import annotations

import contextlib
import json
import random
import ssl
import threading
import time
import traceback
import typing as t
from dataclasses import dataclass, replace
from urllib.parse import urlencode, urlsplit

from ansible_collections.promfleet.monitoring.plugins.module_utils._api.connection import Connection
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.errors import (
    NOT_REACHED,
    ApiError,
    Unreachable,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.headers import seconds_ahead, warning_texts
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.json_object import Take, json_object
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.retry import (
    BRIEF,
    FIRST_CONTACT,
    PATIENT,
    Patience,
    is_transient,
    pause_before,
    within,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._api.webhooks import (
    FailingWebhook,
    Outages,
    configuration_paths,
    failing_webhook,
    registrations_of,
)
from ansible_collections.promfleet.monitoring.plugins.module_utils._base.marks import FIELD_MANAGER

try:
    import urllib3

    IMPORT_ERROR: str | None = None
except ImportError:
    IMPORT_ERROR = traceback.format_exc()

JsonObject = dict[str, t.Any]

APPLY = "application/apply-patch+yaml"
JSON = "application/json"


# Why OpenSSL refuses a certificate in strict mode only (VERIFY_X509_STRICT), by include/openssl/x509_vfy.h. Python has
# that mode since 3.13, kubectl has not: docs.python.org/3/library/ssl.html#ssl.create_default_context. The code 79, a
# CA that is none, is not among them: every client refuses that.
STRICT_CODES = frozenset({78, *range(80, 94), 102, 103})
STRICTER = (
    ". Since Python 3.13 certificates are checked more strictly than by kubectl and older Pythons. Give the API server "
    "a new CA certificate with a key usage (keyCertSign) and key identifiers, or let modules run with Python 3.12 or "
    "older: set ansible_python_interpreter of this host"
)


class Sent(t.TypedDict, total=False):
    """What a request may have beside its method and path: its *query*, its *body*, the types of content, patience.

    *about*: the object that a write is about, for the server's warnings. *take*: what becomes of each item of a list,
    as soon as it is read; it may get items of an answer that is then asked for again.
    """

    query: t.Mapping[str, t.Any] | None
    body: t.Any
    content_type: str
    accept: str
    patience: Patience | None
    about: str
    take: Take | None


@dataclass(frozen=True, kw_only=True)
class Warned:
    """What the API server warned of in its answer to a write: its own words, and the *body* that it was sent."""

    about: str
    texts: t.Sequence[str]
    body: t.Any


def _connection_reason(error: BaseException) -> str:
    """The innermost reason of urllib3's nested errors, in one line."""
    inner: t.Any = error
    while inner is not None:
        error = inner
        nested = [getattr(error, "reason", None), *error.args]
        inner = next((item for item in nested if isinstance(item, BaseException)), None)
    text = getattr(error, "strerror", None) or str(error)
    hint = STRICTER if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in STRICT_CODES else ""
    return f"{NOT_REACHED}: " + text.split(">: ", 1)[-1].strip("()'\" ") + hint


def _names_version(body: t.Any) -> bool:
    """Whether an object is sent for one resourceVersion: where that is past, the same request never succeeds."""
    return isinstance(body, dict) and "resourceVersion" in (body.get("metadata") or {})


def _is_permanent(error: BaseException) -> bool:
    """Whether a connection that failed so will fail again: a certificate does not become right by asking."""
    chain = {error, error.__cause__, error.__context__, *error.args}
    return any(isinstance(link, ssl.SSLCertVerificationError) for link in chain)


class Transport:
    """Requests to one API server. Safe to use from several threads."""

    def __init__(self, *, connection: Connection) -> None:
        self._connection = connection
        self._answers = 0
        # Seconds that the server's clock is ahead of ours, as it last said.
        self._ahead = 0.0
        self._lost: Unreachable | None = None
        self._fences: list[t.Callable[[], None]] = []
        self._listeners: list[t.Callable[[Warned], None]] = []
        self.patience = PATIENT
        self._outages = Outages()
        self._configurations: list[JsonObject] | None = None
        self._looking = threading.Lock()

    @property
    def connection(self) -> Connection:
        """The connection that the requests take."""
        return self._connection

    @property
    def host(self) -> str:
        """host:port of the API server, for messages."""
        return urlsplit(self._connection.host).netloc or self._connection.host

    @property
    def now(self) -> float:
        """The server's time in seconds since 1970, to compare with times that it wrote into objects."""
        return time.time() + self._ahead

    # -- requests ---------------------------------------------------------------------------------------------

    def send(self, method: str, path: str, **sent: t.Unpack[Sent]) -> tuple[int, bytes]:
        """Send one request and return status and body, which need not be JSON; `request` says what is repeated."""
        answer = self._exchange(method, path, any_body=True, **sent)
        return answer.status, answer.data

    def request(self, method: str, path: str, *, fenced: bool = True, **sent: t.Unpack[Sent]) -> tuple[int, JsonObject]:
        """Send one request, return status and JSON object; raise ApiError for a status of 400 and above.

        Lost connections, answers that were cut off and those of retry.py are repeated with a bound. Raises Unreachable
        if no answer came, or if the server does not take our credentials. *fenced*: a write asks `fenced` first.
        """
        if fenced and method not in ("GET", "HEAD"):
            for fence in tuple(self._fences):
                fence()
        answer = self._exchange(method, path, any_body=False, **sent)
        # Those of reads are about deprecated versions; a write in such a version is answered with the same one.
        if answer.warnings and method not in ("GET", "HEAD"):
            about = sent.get("about") or f"{method} {path}"
            for listener in tuple(self._listeners):
                listener(Warned(about=about, texts=answer.warnings, body=sent.get("body")))
        if answer.status == 401:
            raise Unreachable("the API server refused the credentials (401 Unauthorized): are they expired?")
        if 300 <= answer.status < 400:
            raise Unreachable(
                f"{self.host} redirects to another address, where the token must not be sent "
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
                webhook=self._registered(failing_webhook(answer.status, answer.parsed)),
            )
        return answer.status, answer.parsed

    def _exchange(self, method: str, path: str, *, any_body: bool, **sent: t.Unpack[Sent]) -> _Answer:
        """One request and its answer, with repetitions; *any_body*: accept an answer that is not a JSON object."""
        if self._lost is not None:
            raise Unreachable(str(self._lost))
        query, body, patience = sent.get("query"), sent.get("body"), sent.get("patience")
        content_type = sent.get("content_type", JSON)
        url = self._connection.host + path + (f"?{urlencode(query, doseq=True)}" if query else "")
        data = None if body is None else json.dumps(body).encode()
        # Large answers come a tenth the size, which counts between continents.
        extra = {"User-Agent": FIELD_MANAGER, "Accept": sent.get("accept", JSON), "Accept-Encoding": "gzip"}
        if data is not None:
            extra["Content-Type"] = content_type
        first = self._answers == 0
        common = patience is None
        contact = common and first
        # Less patience than for a first contact holds for that, too.
        patience = patience or (within(FIRST_CONTACT, self.patience.total) if contact else self.patience)
        started, answers_before, attempt = time.monotonic(), self._answers, 0
        outage = self._outages.follow()
        while True:
            attempt += 1
            retry_after = None
            answer: _Answer | None = None
            failure: Exception | None = None
            # A repetition gets no more than what is left of the whole.
            left = within(patience, patience.total - (time.monotonic() - started))
            timeout = urllib3.Timeout(connect=left.connect, read=left.read)
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
                self._heard(got.headers, of_server=not any_body)
                retry_after = got.headers.get("Retry-After")
                answer = _Answer(
                    status=got.status,
                    data=got.data,
                    parsed=json_object(got.data, take=sent.get("take") if got.status < 300 else None),
                    attempts=attempt,
                    warnings=warning_texts(got.headers.getlist("Warning")),
                )
                verb = "apply" if content_type == APPLY and not _names_version(body) else method
                may_recover = outage(failing_webhook(got.status, answer.parsed))
                body_seen = {} if any_body and got.status < 300 else answer.parsed
                stop = not (may_recover and is_transient(verb, got.status, body_seen))
                patience = self.patience if contact else patience
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
                # No thread got an answer meanwhile, so the others need not wait for their own time limits.
                self._lost = unreachable
            raise unreachable from failure

    def _heard(self, headers: t.Mapping[str, str], *, of_server: bool) -> None:
        """Count an answer, and take over the time of one that is the server's own, not one that came through it."""
        self._answers += 1
        ahead = seconds_ahead(headers.get("Date"), now=time.time()) if of_server else None
        self._ahead = self._ahead if ahead is None else ahead

    def forget_loss(self) -> None:
        """Ask again after a request that got no answer: for a caller whose questions have time limits of their own."""
        self._lost = None

    def find(self, path: str, *, patience: Patience | None = None) -> JsonObject | None:
        """GET *path*; None if there is nothing (404)."""
        try:
            return self.request("GET", path, patience=patience)[1]
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    # -- webhooks ---------------------------------------------------------------------------------------------

    def webhook_configurations(self) -> list[JsonObject]:
        """All configurations of admission webhooks, each with its kind; raises ApiError if they may not be listed."""
        found: list[JsonObject] = []
        for kind, path in configuration_paths().items():
            answer = self.request("GET", path, patience=BRIEF)[1]
            found += [{**item, "kind": kind} for item in answer.get("items") or ()]
        return found

    def _registered(self, webhook: FailingWebhook | None) -> FailingWebhook | None:
        """The same with the configurations that have it, which are listed once; without where they cannot be."""
        if webhook is None:
            return None
        with self._looking:
            if self._configurations is None:
                try:
                    self._configurations = self.webhook_configurations()
                except (ApiError, Unreachable):
                    self._configurations = []
        return replace(webhook, registrations=registrations_of(webhook, self._configurations))

    # -- leave to write ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def fenced(self, fence: t.Callable[[], None]) -> t.Iterator[None]:
        """For this block every write asks *fence* first, which raises where the leave to write was lost."""
        self._fences.append(fence)
        try:
            yield
        finally:
            self._fences.remove(fence)

    # -- warnings ---------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def listening(self, listener: t.Callable[[Warned], None]) -> t.Iterator[None]:
        """For this block *listener* gets the warnings of every answer to a write, from whichever thread it was sent."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """One answer; *parsed* is None if its body is not a JSON object, *attempts* how often the request was sent."""

    status: int
    data: bytes
    parsed: JsonObject | None
    attempts: int
    warnings: t.Sequence[str]
